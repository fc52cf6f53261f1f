//! When a receiver, and an event that failed, is tried again.
//!
//! Why both wait: a receiver that is down must not be asked once for each event that waits for it, and one event that it
//! will never take must not hold back the others.

use std::time::Duration;

/// After the first failure in a row; doubled for each.
const FIRST: Duration = Duration::from_secs(1);

/// Of a receiver.
const LONGEST: Duration = Duration::from_mins(5);

/// Of an event that its receiver has refused again and again.
const LONGEST_OF_EVENT: Duration = Duration::from_hours(1);

/// Of what a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// How long a receiver that says that it is gone is left alone.
pub(super) const GONE: Duration = Duration::from_hours(1);

/// `failures` in a row, at least one; `jitter` from 0 to 1 takes away up to half, so that daemons that failed together do
/// not come back together.
pub(super) fn receiver(failures: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    backed_off(failures, LONGEST, jitter).max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

/// `tries` so far, at least one.
pub(super) fn event(tries: u32, jitter: f64) -> Duration {
    backed_off(tries, LONGEST_OF_EVENT, jitter)
}

fn backed_off(times: u32, longest: Duration, jitter: f64) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = FIRST.saturating_mul(factor).min(longest);
    whole.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_failure_in_a_row_doubles_the_wait_up_to_a_bound() {
        let waits = [1, 2, 3, 9, 10, 40, u32::MAX].map(|it| receiver(it, None, 0.0).as_secs());
        assert_eq!(waits, [1, 2, 4, 256, 300, 300, 300]);
        assert_eq!(event(40, 0.0), LONGEST_OF_EVENT);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        assert_eq!(receiver(3, None, 1.0), 2 * SECOND);
        assert_eq!(receiver(3, None, 7.0), 2 * SECOND);
    }

    #[test]
    fn a_receiver_may_ask_for_longer_and_not_for_ever() {
        assert_eq!(receiver(1, Some(30 * SECOND), 0.0), 30 * SECOND);
        assert_eq!(receiver(1, Some(Duration::MAX), 0.0), LONGEST_ASKED);
        assert_eq!(receiver(9, Some(SECOND), 0.0), 256 * SECOND);
    }
}
