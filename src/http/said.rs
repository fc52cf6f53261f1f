//! What a person says of a finding or a change: why, and until when.
//!
//! Why both are bounded here: they are shown to everybody who reads the record, and one without an end is one that
//! nobody remembers.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};

use super::problem::{Kind, Problem};

/// Of a reason or a ticket, in characters.
const LONGEST: usize = 500;

/// A year, and a day for whoever counts from tomorrow.
pub(super) const FURTHEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Not empty, in one line, and not too long for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words(pub(super) Box<str>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Words {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty");
        }
        if LONGEST < text.chars().count() || text.chars().any(char::is_control) {
            return Err("it must be one line of at most 500 characters");
        }
        Ok(Self(text.into()))
    }
}

/// A moment with its offset, as RFC 3339 writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            de::Error::custom("it is no time with its offset, as in 2027-01-31T04:00:00Z")
        })
    }
}

impl Moment {
    /// An end that is still to come, and not so far that it is none.
    pub(super) fn end(self, now: Timestamp) -> Result<Timestamp, Problem> {
        let until = self.0;
        let furthest = now.saturating_add(FURTHEST).unwrap_or(Timestamp::MAX);
        if until <= now {
            return Err(Problem::new(Kind::Invalid, "`until` is not in the future"));
        }
        if furthest < until {
            return Err(Problem::new(Kind::Invalid, "`until` is more than a year away"));
        }
        Ok(until)
    }
}

pub(super) fn words() -> Object {
    line(LONGEST)
}

/// Of characters that every reader takes; others are taken too where they can be shown.
pub(super) fn line(longest: usize) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(longest))
        .pattern(Some(r"^[ -~]*[!-~][ -~]*$"))
        .build()
}

pub(super) fn moment() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn words_are(text: &str, taken: bool) {
        let read = serde_json::from_value::<Words>(text.into());
        assert_eq!(read.is_ok(), taken, "{text:?}: {read:?}");
    }

    #[test]
    fn a_reason_is_one_line_that_is_not_empty() {
        words_are("restore drill", true);
        words_are("  Übung  ", true);
        words_are(&"å".repeat(LONGEST), true);
        words_are(&"å".repeat(LONGEST + 1), false);
        words_are(" ", false);
        words_are("one\ntwo", false);
        words_are("\u{1b}[31mred", false);
    }

    #[test]
    fn an_end_is_in_the_future_and_within_a_year() {
        let now: Timestamp = "2026-11-26T00:00:00Z".parse().unwrap();
        let end = |text: &str| Moment(text.parse().unwrap()).end(now).is_ok();
        assert!(end("2026-11-26T00:00:01Z"));
        assert!(end("2027-11-26T00:00:00Z"));
        assert!(!end("2026-11-26T00:00:00Z"));
        assert!(!end("2027-11-28T00:00:00Z"));
        assert!(!end("9999-01-01T00:00:00Z"));
    }
}
