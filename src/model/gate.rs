//! What people say of the deployment gate.
//!
//! Why an override has a reason, an author and a near end: it lets a deployment through on somebody's word alone, so it
//! must be possible to ask that person, and it must not outlive the day for which it was meant.

use jiff::{SignedDuration, Timestamp};

/// A person's word that deployments may go ahead although the gate says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub reason: Box<str>,
    pub by: Box<str>,
    pub at: Timestamp,
    /// The first moment at which it no longer holds.
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOverride {
    #[error("an override needs a reason of 1 to {} characters", Override::LONGEST_REASON)]
    Reason,
    #[error("an override must end in the future")]
    Past,
    #[error("an override ends within {} days: mend the cause, or grant an exception in the policy", Override::LONGEST.as_hours() / 24)]
    TooLong,
}

impl Override {
    /// Longer than any incident over a holiday. Whatever must last beyond it is an exception, which is reviewed.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// In characters.
    pub const LONGEST_REASON: usize = 1_000;

    /// What `by` says at `at`.
    pub fn given(
        reason: &str,
        by: &str,
        at: Timestamp,
        until: Timestamp,
    ) -> Result<Self, InvalidOverride> {
        let reason = reason.trim();
        if reason.is_empty() || Self::LONGEST_REASON < reason.chars().count() {
            return Err(InvalidOverride::Reason);
        }
        if until <= at {
            return Err(InvalidOverride::Past);
        }
        if Self::LONGEST < until.duration_since(at) {
            return Err(InvalidOverride::TooLong);
        }
        Ok(Self { reason: reason.into(), by: by.into(), at, until })
    }

    /// Whether it holds. One that was given in the future was given under a clock that nobody can trust.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.at <= now && now < self.until && self.until.duration_since(self.at) <= Self::LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reason: &str, until: i64, expected: Result<(), InvalidOverride>) {
        let at = |second| Timestamp::from_second(second).unwrap();
        let given = Override::given(reason, "ada", at(100), at(100 + until));
        assert_eq!(given.map(|_| ()), expected, "{reason:?} {until}");
    }

    #[test]
    fn it_has_a_reason_and_ends_within_a_week() {
        const WEEK: i64 = 7 * 24 * 60 * 60;
        check("a fix must go out", 1, Ok(()));
        check("a fix must go out", WEEK, Ok(()));
        check("a fix must go out", WEEK + 1, Err(InvalidOverride::TooLong));
        check("a fix must go out", 0, Err(InvalidOverride::Past));
        check("a fix must go out", -5, Err(InvalidOverride::Past));
        check(" \n", 1, Err(InvalidOverride::Reason));
        check(&"ä".repeat(1_000), 1, Ok(()));
        check(&"ä".repeat(1_001), 1, Err(InvalidOverride::Reason));
    }

    #[test]
    fn it_holds_from_its_beginning_to_its_end_and_not_a_moment_longer() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let given = Override::given("x", "ada", at(100), at(200)).unwrap();
        let holds = [99, 100, 199, 200].map(|it| given.holds(at(it)));
        assert_eq!(holds, [false, true, true, false]);
    }
}
