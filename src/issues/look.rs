//! What one issue is on GitHub now, and what that makes of its entry.
//!
//! Why a person's act is told from our own by who closed it: a close of ours that came late must be undone, and a close by
//! a person must be respected.

use jiff::Timestamp;

use crate::model::issue::{Entry, Standing};

/// Why an issue is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Done,
    /// Or a duplicate, which is no work either.
    NotPlanned,
}

impl Reason {
    /// As GitHub says it.
    pub fn of(state_reason: Option<&str>) -> Self {
        match state_reason {
            Some("not_planned" | "duplicate") => Self::NotPlanned,
            _ => Self::Done,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Open,
    ClosedByUs,
    ClosedByPerson(Reason),
    /// Deleted, moved to another repository, or hidden from us.
    Gone,
}

/// The entry as it is in the light of what was seen.
#[must_use]
pub fn after(entry: &Entry, seen: &Seen, now: Timestamp) -> Entry {
    let standing = match (entry.standing, seen) {
        (_, Seen::Gone) => Standing::Lost,
        (Standing::Open, Seen::Open) => return entry.clone(),
        (_, Seen::Open) => {
            // Opened by a person, or by a request of ours that came late: what it says is unknown.
            return Entry { standing: Standing::Open, since: now, said: None, ..entry.clone() };
        }
        (Standing::Open, Seen::ClosedByUs) => Standing::Closed,
        (Standing::Open, Seen::ClosedByPerson(Reason::Done)) => Standing::Done,
        (Standing::Open, Seen::ClosedByPerson(Reason::NotPlanned)) => Standing::Declined,
        (_, Seen::ClosedByUs | Seen::ClosedByPerson(_)) => return entry.clone(),
    };
    Entry { standing, since: now, turn: entry.turn + 1, ..entry.clone() }
}
