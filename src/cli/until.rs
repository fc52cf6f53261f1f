//! Times as people write them on a command line: a moment, a day, or a duration from now.
//!
//! Why in two steps: parsing needs no clock, and only `app` may ask for the time.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

#[derive(Clone, Copy, Debug)]
pub enum Until {
    At(Timestamp),
    /// Days count 24 hours: everything here is UTC.
    After(Span),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUntil {
    #[error(
        "a time is needed: 2027-01-31T18:00:00Z, 2027-01-31 (its first moment, UTC) or a duration such as 2h or 3d"
    )]
    Unreadable,
    #[error("the time lies in the past, or further ahead than can be counted")]
    NotAhead,
}

impl Until {
    pub fn parse(text: &str) -> Result<Self, InvalidUntil> {
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Ok(Self::At(timestamp));
        }
        // A date-time without offset would be taken for its date, so only what is as long as a date is one.
        if let (10, Ok(date)) = (text.len(), text.parse::<Date>()) {
            let moment = date.to_datetime(Time::midnight()).to_zoned_datetime(TimeZone::UTC);
            return moment.map(|it| Self::At(it.timestamp())).map_err(|_| InvalidUntil::Unreadable);
        }
        text.parse::<Span>().map(Self::After).map_err(|_| InvalidUntil::Unreadable)
    }

    /// The moment itself; it must lie after `now`.
    pub fn resolve(self, now: Timestamp) -> Result<Timestamp, InvalidUntil> {
        let moment = match self {
            Self::At(moment) => moment,
            Self::After(span) => now
                .to_zoned_datetime(TimeZone::UTC)
                .checked_add(span)
                .map_err(|_| InvalidUntil::NotAhead)?
                .timestamp(),
        };
        if now < moment { Ok(moment) } else { Err(InvalidUntil::NotAhead) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, InvalidUntil>) {
        let now = "2026-11-23T15:00:00Z".parse().unwrap();
        let found = Until::parse(text).and_then(|it| it.resolve(now)).map(|it| it.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn a_moment_a_day_and_a_duration_are_read() {
        check("2027-01-31T18:00:00Z", Ok("2027-01-31T18:00:00Z"));
        check("2027-01-31T18:00:00+01:00", Ok("2027-01-31T17:00:00Z"));
        check("2027-01-31", Ok("2027-01-31T00:00:00Z"));
        check("2h", Ok("2026-11-23T17:00:00Z"));
        check("1h30m", Ok("2026-11-23T16:30:00Z"));
        check("3d", Ok("2026-11-26T15:00:00Z"));
        check("2 weeks", Ok("2026-12-07T15:00:00Z"));
    }

    #[test]
    fn what_is_no_time_or_not_ahead_is_refused() {
        for text in ["", "soon", "2027-01-31T18:00", "18:00", "2027-13-01", "2"] {
            check(text, Err(InvalidUntil::Unreadable));
        }
        for text in ["2026-11-23", "-2h", "2h ago", "0s", "9000y"] {
            check(text, Err(InvalidUntil::NotAhead));
        }
    }
}
