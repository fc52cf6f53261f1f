//! A moment as a person reads it, and as a machine does.
//!
//! Why both at once: "2 minutes ago" is what one needs at night, and the exact time in UTC is what one compares with a log.

use jiff::{SignedDuration, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// RFC 3339.
    pub iso: String,
    /// To the second, in UTC.
    pub exact: String,
    /// Counted from now: `2 minutes ago`, `in 3 hours`.
    pub relative: String,
}

impl Moment {
    pub(super) fn of(at: Timestamp, now: Timestamp) -> Self {
        Self {
            iso: rounded(at).to_string(),
            exact: exact(at),
            relative: relative(now.duration_since(at)),
        }
    }
}

/// `2026-11-26 17:44:48 UTC`.
pub(super) fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `12 Nov 17:44`, for axes.
pub(super) fn short(at: Timestamp) -> String {
    at.strftime("%-d %b %H:%M").to_string()
}

fn rounded(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn relative(since: SignedDuration) -> String {
    let seconds = since.as_secs();
    let span = span(seconds.unsigned_abs());
    match seconds {
        -4..=4 => "just now".to_owned(),
        5.. => format!("{span} ago"),
        _ => format!("in {span}"),
    }
}

/// In the largest unit that fits: nobody needs the seconds of a day.
fn span(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let (count, unit) = match seconds {
        ..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ => (seconds / DAY, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(relative(SignedDuration::from_secs(seconds)), expected);
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        check(0, "just now");
        check(-3, "just now");
        check(5, "5 seconds ago");
        check(60, "1 minute ago");
        check(3_599, "59 minutes ago");
        check(7_200, "2 hours ago");
        check(86_400, "1 day ago");
        check(-300, "in 5 minutes");
        check(i64::MIN, "in 106751991167300 days");
    }

    #[test]
    fn a_moment_is_exact_in_utc() {
        let at = Timestamp::from_second(1_795_715_088).unwrap();
        let moment = Moment::of(at, at);
        assert_eq!(moment.exact, "2026-11-26 17:44:48 UTC");
        assert_eq!(moment.iso, "2026-11-26T17:44:48Z");
        assert_eq!(short(at), "26 Nov 17:44");
    }
}
