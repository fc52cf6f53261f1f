//! The stream that keeps an open page true.
//!
//! Why it ends by itself: a session that is over must not go on being told. The browser asks again, and is judged again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::look;
use super::pages::Reader;
use super::state::Shared;
use crate::clock;
use crate::page::live::event;
use crate::schedule::Status;
use crate::standing::Standing;

/// Between two events: a scan of a large fleet advances a thousand times a second.
const PAUSE: Duration = Duration::from_millis(300);

/// Without anything new: an age that turned old is told too.
const ANYWAY: Duration = Duration::from_secs(15);

const LONGEST: Duration = Duration::from_mins(10);

struct Watch {
    shared: Arc<Shared>,
    standing: watch::Receiver<Option<Arc<Standing>>>,
    status: watch::Receiver<Status>,
    end: Instant,
    told: Option<String>,
}

pub(super) async fn live(State(shared): State<Arc<Shared>>, _: Reader) -> impl IntoResponse {
    let daemon = &shared.served.daemon;
    let watch = Watch {
        standing: daemon.standing(),
        status: daemon.desk().status(),
        end: Instant::now() + LONGEST,
        told: None,
        shared: Arc::clone(&shared),
    };
    Sse::new(stream::unfold(watch, Watch::next)).keep_alive(KeepAlive::new().interval(ANYWAY))
}

impl Watch {
    /// The next event that says something new.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if self.told.is_some() {
                self.news().await?;
            }
            let standing = self.standing.borrow_and_update().clone();
            let status = self.status.borrow_and_update().clone();
            let version = look::version(&self.shared, standing.as_ref(), clock::now());
            let event = event(&look::progress(&status), &version);
            if self.told.as_ref() != Some(&event) {
                self.told = Some(event.clone());
                return Some((Ok(Event::default().data(event)), self));
            }
        }
    }

    /// `None` when the stream ends.
    async fn news(&mut self) -> Option<()> {
        let stopped = self.shared.stop.cancelled();
        tokio::select! {
            () = stopped => return None,
            () = tokio::time::sleep_until(self.end) => return None,
            changed = self.standing.changed() => changed.ok()?,
            changed = self.status.changed() => changed.ok()?,
            () = tokio::time::sleep(ANYWAY) => {}
        }
        tokio::time::sleep(PAUSE).await;
        Some(())
    }
}
