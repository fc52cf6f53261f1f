//! How fast we may write, and how long we wait when GitHub says so.
//!
//! Why slower than the published limits: they are counted over everything that the same account does, people in a browser
//! included, and an integration that goes on while it is limited can be banned.
//!
//! Invariants:
//! - one write at a time, and at least `gap` from the end of one to the beginning of the next, across a restart too;
//! - at most `content_per_hour` writes of content within an hour, those of the process before included;
//! - after a limit nothing is sent until its end, and each further one in a row doubles the wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex as TurnMutex, MutexGuard as TurnGuard};
use tokio::time::{Instant, sleep_until};

use super::error::GitHubError;
use crate::clock;

/// Times, all of which a rehearsal shortens by one factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceOptions {
    /// Between two writes. GitHub asks for a second, and takes 80 writes of content a minute.
    pub gap: Duration,
    /// Of the 500 that GitHub takes.
    pub content_per_hour: usize,
    pub hour: Duration,
    /// After a limit that does not say how long; doubled for each in a row.
    pub least_wait: Duration,
    /// Whatever GitHub or a clock says.
    pub longest_wait: Duration,
    /// Of one request, from the first byte sent to the last received.
    pub timeout: Duration,
    /// Before a read is tried again; doubled for each.
    pub retry: Duration,
    /// Of the waits that GitHub names; 1 outside of rehearsals.
    pub said: f64,
}

impl Default for PaceOptions {
    fn default() -> Self {
        Self {
            gap: Duration::from_millis(1_100),
            content_per_hour: 400,
            hour: Duration::from_hours(1),
            least_wait: Duration::from_mins(1),
            longest_wait: Duration::from_hours(1),
            timeout: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            said: 1.0,
        }
    }
}

impl PaceOptions {
    /// The same, with every time but the request's own multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            gap: self.gap.mul_f64(factor),
            hour: self.hour.mul_f64(factor),
            least_wait: self.least_wait.mul_f64(factor),
            longest_wait: self.longest_wait.mul_f64(factor),
            retry: self.retry.mul_f64(factor),
            said: self.said * factor,
            ..self
        }
    }
}

/// What a write costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Issues, comments, labels.
    Content,
    Other,
}

#[derive(Debug)]
pub struct Pace {
    options: PaceOptions,
    turn: TurnMutex<Last>,
    held: Mutex<Held>,
}

#[derive(Debug)]
pub(super) struct Last {
    /// When the last write ended.
    ended: Instant,
    /// When content was written within the hour, the oldest first.
    content: VecDeque<Timestamp>,
}

#[derive(Debug, Default)]
struct Held {
    until: Option<Timestamp>,
    /// Limits in a row.
    strikes: u32,
}

/// The right to make one write.
pub(super) struct Turn<'a> {
    last: TurnGuard<'a, Last>,
}

impl Turn<'_> {
    pub(super) fn done(&mut self) {
        self.last.ended = Instant::now();
    }
}

impl Drop for Turn<'_> {
    /// One that was given up half-way may have been written all the same.
    fn drop(&mut self) {
        self.done();
    }
}

impl Pace {
    pub(super) fn new(options: PaceOptions) -> Self {
        // As if the process before had written at its very end.
        let last = Last { ended: Instant::now(), content: VecDeque::new() };
        Self { options, turn: TurnMutex::new(last), held: Mutex::default() }
    }

    pub(super) async fn recall(&self, held_until: Option<Timestamp>, written: &[Timestamp]) {
        let until = held_until.map(|it| self.bounded(it, clock::now()));
        let mut last = self.turn.lock().await;
        {
            let mut held = self.held();
            held.until = held.until.max(until);
        }
        let mut content: Vec<Timestamp> = last.content.iter().chain(written).copied().collect();
        content.sort_unstable();
        // What was noted before it was written stands there twice.
        content.dedup();
        last.content = content.into();
    }

    /// Until when GitHub has told us to wait.
    pub fn held_until(&self) -> Option<Timestamp> {
        self.held().until.filter(|it| clock::now() < *it)
    }

    /// Refuses what must not be sent yet.
    pub(super) fn open(&self) -> Result<(), GitHubError> {
        match self.held_until() {
            Some(until) => Err(GitHubError::Limited { until }),
            None => Ok(()),
        }
    }

    /// Waits for the turn of a write.
    pub(super) async fn turn(&self, write: Write) -> Result<Turn<'_>, GitHubError> {
        let mut last = self.turn.lock().await;
        self.open()?;
        if write == Write::Content {
            let now = clock::now();
            let hour = SignedDuration::try_from(self.options.hour).unwrap_or(SignedDuration::MAX);
            // A clock that was set back leaves times in the future, which count for an hour at most.
            last.content.retain(|it| now.duration_since(*it).abs() < hour);
            if self.options.content_per_hour <= last.content.len()
                && let Some(oldest) = last.content.front()
            {
                let until = oldest.saturating_add(hour).unwrap_or(now);
                return Err(GitHubError::Limited { until: self.bounded(until, now) });
            }
            last.content.push_back(now);
        }
        sleep_until(last.ended + self.options.gap).await;
        Ok(Turn { last })
    }

    pub(super) fn went_well(&self) {
        self.held().strikes = 0;
    }

    /// Takes GitHub's word, and its silence for a wait that grows. Returns until when.
    pub(super) fn hold_back(&self, until: Timestamp, now: Timestamp) -> Timestamp {
        let mut held = self.held();
        let named = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        let named = SignedDuration::try_from(named.mul_f64(self.options.said)).unwrap_or_default();
        let until = now.saturating_add(named).unwrap_or(until);
        let least = self.options.least_wait * 2_u32.saturating_pow(held.strikes.min(10));
        let said = until != now;
        let wait = if said && held.strikes == 0 { Duration::ZERO } else { least };
        held.strikes = held.strikes.saturating_add(1);
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
        let until = until.max(now.saturating_add(wait).unwrap_or(now));
        let until = self.bounded(until, now);
        held.until = Some(until);
        until
    }

    /// With jitter, so that two daemons do not meet again.
    pub(super) fn before_retry(&self, tries: u32) -> Duration {
        let wait = self.options.retry * 2_u32.saturating_pow(tries.saturating_sub(1).min(8));
        wait.mul_f64(rand::random_range(0.5..1.5))
    }

    fn bounded(&self, until: Timestamp, now: Timestamp) -> Timestamp {
        let longest = SignedDuration::try_from(self.options.longest_wait);
        until.min(now.saturating_add(longest.unwrap_or(SignedDuration::MAX)).unwrap_or(until))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Plain values: a panic elsewhere leaves nothing half-written.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn two_writes_stand_a_gap_apart_and_so_does_the_first_from_the_start() {
        let pace = Pace::new(PaceOptions::default());
        let start = Instant::now();
        pace.turn(Write::Content).await.unwrap().done();
        assert_eq!(start.elapsed().as_millis(), 1_100);
        let turn = pace.turn(Write::Other).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(turn);
        drop(pace.turn(Write::Other).await.unwrap());
        assert_eq!(start.elapsed().as_millis(), 1_100 * 3 + 5_000);
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_takes_so_much_content_and_remembers_the_process_before() {
        let options = PaceOptions { content_per_hour: 3, ..PaceOptions::default() };
        let pace = Pace::new(options);
        let now = clock::now();
        pace.recall(None, &[now - seconds(60), now - seconds(3_700)]).await;
        pace.turn(Write::Content).await.unwrap().done();
        pace.turn(Write::Content).await.unwrap().done();
        let Err(GitHubError::Limited { until }) = pace.turn(Write::Content).await else {
            panic!("the hour is full");
        };
        assert_eq!(until, now - seconds(60) + seconds(3_600));
        assert!(pace.turn(Write::Other).await.is_ok(), "a status is no content");
    }

    #[test]
    fn a_limit_holds_everything_back_and_grows_while_it_is_met_again() {
        let pace = Pace::new(PaceOptions::default());
        let now = clock::now();
        let waits = [0, 0, 7, 0].map(|said| {
            let until = pace.hold_back(now + seconds(said), now);
            until.duration_since(now).as_secs()
        });
        assert_eq!(waits, [60, 120, 240, 480]);
        assert!(matches!(pace.open(), Err(GitHubError::Limited { .. })));
        pace.went_well();
        assert_eq!(pace.hold_back(now + seconds(7), now).duration_since(now).as_secs(), 7);
        assert_eq!(pace.hold_back(now + seconds(999_999), now), now + seconds(3_600));
    }
}
