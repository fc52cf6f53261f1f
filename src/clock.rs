//! The one source of wall-clock time.
//!
//! Why a module for one call: decisions take `now` as an argument, and the lints forbid every other way to ask.

use jiff::Timestamp;

/// Now, to the microsecond: what the store and the reports keep.
#[expect(clippy::disallowed_methods, reason = "the one place that may ask")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
