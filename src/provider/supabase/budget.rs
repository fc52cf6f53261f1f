//! How fast Supabase may be asked, and how long we keep silent when it says so.
//!
//! Why for each operation and subject: that is how Supabase counts, and a project that is asked too often must not hold up
//! the others.
//!
//! Why a request waits for our own budget and not for Supabase's word: ours is over in a second or two, its word may be a
//! minute, and whoever knows the operation has a deadline to weigh that against.
//!
//! Invariants:
//! - whatever is asked, no window of a minute holds more of one sort than `per_minute` and `burst` together;
//! - until the end of a limit nothing of its sort is sent;
//! - both tables are bounded by what was asked within the last minutes.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota};
use tokio::time::{Instant, sleep};

use super::operation::Operation;
use super::options::PaceOptions;

/// Entries of either table, before what is over is thrown out.
const SWEPT_ABOVE: usize = 1_000;

/// Supabase counts in minutes: what a limit without its length means.
const UNSAID: u64 = 60;

/// Of one project or organisation.
type Sort = (Operation, Box<str>);

pub(super) struct Budget {
    pace: PaceOptions,
    limiter: DefaultKeyedRateLimiter<Sort>,
    held: Mutex<HashMap<Sort, Instant>>,
}

impl Budget {
    pub(super) fn new(pace: PaceOptions) -> Self {
        let at_least_one = |it: u32| NonZeroU32::new(it).unwrap_or(NonZeroU32::MIN);
        let per_minute = at_least_one(pace.per_minute);
        let quota = Quota::with_period(pace.minute / per_minute.get());
        let quota = quota.unwrap_or(Quota::per_minute(per_minute));
        let quota = quota.allow_burst(at_least_one(pace.burst));
        Self { pace, limiter: DefaultKeyedRateLimiter::keyed(quota), held: Mutex::default() }
    }

    /// The right to send one request, or for how long there is none.
    pub(super) async fn turn(&self, operation: Operation, subject: &str) -> Result<(), Duration> {
        let sort: Sort = (operation, subject.into());
        if SWEPT_ABOVE < self.limiter.len() {
            self.limiter.retain_recent();
        }
        let given_up = Instant::now() + self.pace.patience;
        loop {
            if let Some(until) = self.held().get(&sort).copied() {
                let wait = until.saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    return Err(wait);
                }
            }
            let now = self.limiter.clock().now();
            let Err(wait) = self.limiter.check_key(&sort).map_err(|it| it.wait_time_from(now))
            else {
                return Ok(());
            };
            if given_up < Instant::now() + wait {
                return Err(wait);
            }
            sleep(wait).await;
        }
    }

    /// Nothing of this sort is sent for so many of Supabase's seconds. Returns how long that is.
    pub(super) fn hold(&self, operation: Operation, subject: &str, said: Option<u64>) -> Duration {
        // Seconds left are rounded down by some, and a limit that is over at once would be asked again at once.
        let named = Duration::from_secs(said.unwrap_or(UNSAID).saturating_add(1));
        let longest = self.pace.longest_wait.as_secs_f64();
        let wait = Duration::from_secs_f64((named.as_secs_f64() * self.pace.said).min(longest));
        let now = Instant::now();
        let mut held = self.held();
        if SWEPT_ABOVE < held.len() {
            held.retain(|_, until| now < *until);
        }
        held.insert((operation, subject.into()), now + wait);
        wait
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Sort, Instant>> {
        // Plain values: a panic elsewhere leaves nothing half-written.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Operation = Operation::GetProject;

    #[tokio::test]
    async fn a_burst_passes_and_what_follows_waits_for_its_turn_or_is_turned_away() {
        let pace = PaceOptions { burst: 3, patience: Duration::ZERO, ..PaceOptions::default() };
        let budget = Budget::new(pace);
        for _ in 0..3 {
            assert_eq!(budget.turn(GET, "a").await, Ok(()));
        }
        let wait = budget.turn(GET, "a").await.unwrap_err();
        assert!(wait <= Duration::from_millis(750), "{wait:?}");
        assert_eq!(budget.turn(GET, "b").await, Ok(()), "another project has its own");
        assert_eq!(budget.turn(Operation::GetHealth, "a").await, Ok(()));
        let patient = Budget::new(PaceOptions { burst: 1, ..pace.scaled(0.01) });
        let patient = Budget { pace: PaceOptions::default(), ..patient };
        for _ in 0..3 {
            assert_eq!(patient.turn(GET, "a").await, Ok(()));
        }
    }

    #[tokio::test]
    async fn a_limit_holds_back_its_own_sort_alone_and_is_bounded() {
        let budget = Budget::new(PaceOptions::default());
        assert_eq!(budget.hold(GET, "a", Some(7)), Duration::from_secs(8));
        assert!(Duration::from_secs(7) < budget.turn(GET, "a").await.unwrap_err());
        assert_eq!(budget.turn(GET, "b").await, Ok(()));
        assert_eq!(budget.hold(GET, "a", None), Duration::from_secs(61));
        assert_eq!(budget.hold(GET, "a", Some(u64::MAX)), Duration::from_mins(5));
        let rehearsed = Budget::new(PaceOptions::default().scaled(0.001));
        assert_eq!(rehearsed.hold(GET, "a", Some(59)), Duration::from_millis(60));
    }
}
