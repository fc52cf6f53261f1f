//! Which edition of the daily report there should be, and what it says.
//!
//! Why it is asked for by the clock and not told by the schedule: an hour that passed while no process ran, or while GitHub
//! was away, is found when one runs again. Its report then tells of the time up to that moment, and it is told once.
//!
//! Invariant: what is wrong with the report holds up no finding's issue.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Filing, Halt};
use crate::clock;
use crate::issues::daily::{self, Edition};
use crate::model::issue::Subject;
use crate::monitor::day::Day;
use crate::report::{Format, Style, daily as report};
use crate::standing::Standing;
use crate::store::Store;

/// What a report tells of, up to its hour.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The edition of that hour, as the store knows the time until now.
pub fn read(store: &Store, due: Timestamp, now: Timestamp) -> anyhow::Result<Edition> {
    let since = due.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
    let day = Day::read(store, since)?;
    let mut text = Vec::new();
    report::write(Format::Markdown, &day.daily(now), Style::default(), &mut text)?;
    Ok(Edition { due, report: String::from_utf8(text)? })
}

impl Filing {
    pub(super) async fn settle_daily(&mut self, standing: &Standing) -> Result<(), Halt> {
        let edition = match self.edition().await {
            Ok(edition) => edition,
            Err(error) => {
                tracing::error!("there is no daily report: {error:#}");
                return Ok(());
            }
        };
        let options = Arc::clone(&self.options);
        let wanted = edition.as_deref().map(|it| daily::wanted(it, &options));
        self.settle(Subject::Daily, wanted.as_ref(), standing).await
    }

    /// `None` where there is to be none. Each is read once.
    async fn edition(&mut self) -> anyhow::Result<Option<Arc<Edition>>> {
        let now = clock::now();
        let due = self.daily.as_ref().and_then(|it| it.last(now));
        if due != self.edition.as_ref().map(|it| it.due) {
            self.edition = match due {
                Some(due) => Some(Arc::new(self.stored(move |store| read(store, due, now)).await?)),
                None => None,
            };
        }
        Ok(self.edition.clone())
    }

    /// When the next edition falls due.
    pub(super) fn next_edition(&self) -> Option<Instant> {
        let now = clock::now();
        let wait = self.daily.as_ref()?.after(now)?.duration_since(now);
        Instant::now().checked_add(wait.try_into().ok()?)
    }
}
