//! The issuer's keys as they were read last, and when they are read again.
//!
//! Why kept when the issuer is away: its outage must not be ours. Why not for ever: a key that was withdrawn because
//! somebody stole it must not hold as long as they can keep us from hearing of it.
//!
//! Invariants:
//! - whatever tokens come, the issuer is asked at most once in `PAUSE`;
//! - an answer is bounded in size and time, and a redirect is not followed: who publishes the keys decides everything.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::keys::{KeySet, KeySetError};
use crate::body::{self, BodyError};

/// Between two readings when nothing asks for one.
const REFRESH: Duration = Duration::from_mins(10);

/// For how long keys hold that cannot be read anew.
const HOLD: Duration = Duration::from_hours(24);

/// For connecting and for the whole answer.
const ANSWER: Duration = Duration::from_secs(5);

/// In bytes. A hundred RSA keys with their certificates are less.
const LARGEST: usize = 256 * 1024;

/// Where the keys are, and how they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Over TLS, or of this machine.
    pub url: Box<str>,
    /// At least so long between two readings, however many tokens name keys that nobody knows.
    pub pause: Duration,
}

impl Source {
    pub const PAUSE: Duration = Duration::from_secs(30);
}

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("ask for the issuer's keys")]
    Ask(#[source] reqwest::Error),
    #[error("the address of the issuer's keys answered {0}")]
    Status(u16),
    #[error("receive the issuer's keys")]
    Body(#[from] BodyError),
    #[error("read the issuer's keys")]
    Keys(#[from] KeySetError),
}

/// What was read, and when that was last tried.
#[derive(Clone, Default)]
struct Ring {
    keys: Option<(Arc<KeySet>, Instant)>,
    tried: Option<Instant>,
}

#[derive(Default)]
pub struct Keyring {
    ring: watch::Sender<Ring>,
    /// Somebody has a token whose key is not there.
    wanted: Notify,
}

impl Keyring {
    /// The keys, with that one among them where the issuer has it: a key that is not known is asked for, once for all who
    /// ask within the pause. `None` where no keys were ever read, or too long ago.
    pub async fn with(&self, id: &str, source: &Source) -> Option<Arc<KeySet>> {
        let mut ring = self.ring.subscribe();
        let (keys, tried) = {
            let known = ring.borrow_and_update();
            (known.keys.as_ref().map(|it| Arc::clone(&it.0)), known.tried)
        };
        if keys.as_ref().is_some_and(|it| it.get(id).is_some())
            || tried.is_some_and(|it| it.elapsed() < source.pause)
        {
            return keys;
        }
        self.wanted.notify_one();
        // Whatever comes of it, what is there then is what there is.
        let _told = timeout(ANSWER, ring.changed()).await;
        let known = ring.borrow();
        known.keys.as_ref().map(|it| Arc::clone(&it.0))
    }

    /// Reads the keys now and then, and when they are asked for, until it is stopped. Where the source changes, what came
    /// from the one before is forgotten.
    pub async fn read_until(
        &self,
        mut source: watch::Receiver<Option<Source>>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            .connect_timeout(ANSWER)
            .build()?;
        loop {
            let current = source.borrow_and_update().clone();
            let pause = current.as_ref().map(|it| it.pause);
            if let Some(source) = current {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    read = fetch(&client, &source.url) => self.tell(read),
                }
            }
            let due = async {
                let Some(pause) = pause else { return std::future::pending().await };
                sleep(pause).await;
                tokio::select! {
                    () = self.wanted.notified() => {}
                    () = sleep(REFRESH) => {}
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                changed = source.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    self.ring.send_replace(Ring::default());
                }
                () = due => {}
            }
        }
    }

    fn tell(&self, read: Result<KeySet, FetchError>) {
        let now = Instant::now();
        let keys = match read {
            Ok(keys) => Some((Arc::new(keys), now)),
            Err(error) => {
                let error = anyhow::Error::new(error);
                tracing::error!("no new keys for users' tokens: {error:#}");
                let known = self.ring.borrow().keys.clone();
                known.filter(|(_, read_at)| now.duration_since(*read_at) < HOLD)
            }
        };
        self.ring.send_replace(Ring { keys, tried: Some(now) });
    }
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<KeySet, FetchError> {
    // The address may carry somebody's key.
    let ask = |error: reqwest::Error| FetchError::Ask(error.without_url());
    let request = client.get(url).header("accept", "application/json");
    let response = request.send().await.map_err(ask)?;
    if !response.status().is_success() {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    Ok(KeySet::read(&body::whole(response, LARGEST).await?)?)
}
