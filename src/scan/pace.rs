//! How long a healthy visit takes in this fleet, and from when on a visit counts as overdue.
//!
//! Why it is learnt and not configured: the same fleet is scanned from the rack beside it and from another continent.
//! A fixed limit would either hold slots for the dead, or push the merely distant out of theirs.
//!
//! Being overdue costs a target nothing but its slot: the deadline is another matter, and the same for everybody.

use std::time::Duration;

/// Below this a pause of the network or of either machine is told from silence by nobody.
const AT_LEAST: Duration = Duration::from_millis(250);

/// Healthy visits to one fleet differ by more than the average tells: a slow server is given this many times as long.
const TIMES_AVERAGE: u32 = 3;

/// One visit moves the average by one part in so many: it follows a change within a few dozen visits.
const INERTIA: u32 = 16;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    average: Option<Duration>,
    deadline: Duration,
}

impl Pace {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { average: None, deadline }
    }

    /// A visit was answered after so long.
    pub(crate) fn learn(&mut self, took: Duration) {
        self.average = Some(match self.average {
            None => took,
            Some(average) => (average * (INERTIA - 1) + took) / INERTIA,
        });
    }

    /// At most half the deadline: otherwise a fleet of which everything hangs would be visited in turns of a whole
    /// deadline each.
    pub(crate) fn overdue_after(&self) -> Duration {
        let usual = self.average.unwrap_or_default() * TIMES_AVERAGE;
        usual.max(AT_LEAST).min(self.deadline / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(deadline: u64, visits: &[u64], expected: u64) {
        let mut pace = Pace::new(Duration::from_millis(deadline));
        for visit in visits {
            pace.learn(Duration::from_millis(*visit));
        }
        assert_eq!(pace.overdue_after().as_millis(), u128::from(expected));
    }

    #[test]
    fn a_quick_fleet_is_given_a_quarter_of_a_second() {
        check(5_000, &[], 250);
        check(5_000, &[1, 2, 3], 250);
    }

    #[test]
    fn a_distant_fleet_is_given_three_times_its_average() {
        check(5_000, &[400], 1_200);
        check(5_000, &[400, 400, 400], 1_200);
    }

    #[test]
    fn one_slow_answer_changes_little_and_many_change_it_all() {
        check(60_000, &[400, 2_000], 1_500);
        check(60_000, &[vec![400], vec![2_000; 200]].concat(), 5_999);
    }

    #[test]
    fn nobody_is_given_more_than_half_the_deadline() {
        check(5_000, &[4_000], 2_500);
        check(100, &[], 50);
    }
}
