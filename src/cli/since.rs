//! Times that lie behind, as people write them on a command line: a moment, a day, or how long ago.
//!
//! Why in two steps: parsing needs no clock, and only `app` may ask for the time.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::until::{InvalidUntil, Until};

#[derive(Clone, Copy, Debug)]
pub struct Since(Until);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time lies in the future, or further back than can be counted")]
pub struct NotBehind;

impl Since {
    pub fn parse(text: &str) -> Result<Self, InvalidUntil> {
        Until::parse(text).map(Self)
    }

    /// The moment itself; it must lie before `now`.
    pub fn resolve(self, now: Timestamp) -> Result<Timestamp, NotBehind> {
        let moment = match self.0 {
            Until::At(moment) => moment,
            Until::After(span) => now
                .to_zoned_datetime(TimeZone::UTC)
                .checked_sub(span)
                .map_err(|_| NotBehind)?
                .timestamp(),
        };
        if moment < now { Ok(moment) } else { Err(NotBehind) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotBehind>) {
        let now = "2026-11-23T15:00:00Z".parse().unwrap();
        let found = Since::parse(text).unwrap().resolve(now).map(|it| it.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn a_moment_a_day_and_a_duration_are_read() {
        check("2026-11-22T18:00:00+01:00", Ok("2026-11-22T17:00:00Z"));
        check("2026-11-23", Ok("2026-11-23T00:00:00Z"));
        check("24h", Ok("2026-11-22T15:00:00Z"));
        check("1 week", Ok("2026-11-16T15:00:00Z"));
    }

    #[test]
    fn what_is_not_behind_is_refused() {
        for text in ["2026-11-24", "-2h", "0s", "15000y"] {
            check(text, Err(NotBehind));
        }
        Since::parse("yesterday").unwrap_err();
    }
}
