//! When a member certainly held its lock, and when it looked: the coverage rule.
//!
//! Why two intervals on our own clock: a lock that was not seen proves absence only if it was provably held during the
//! whole look, and no two servers' clocks may be compared for that.

use super::{Answer, differ};

/// What is kept of an answer that passed the control rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) round: usize,
    /// When the read happened, by our clock.
    pub(super) reading: (i64, i64),
    /// When the lock was certainly held, by our clock; empty where the first is after the second.
    pub(super) holding: (i64, i64),
    pub(super) started_at: Option<i64>,
    pub(super) system_identifier: Option<u64>,
}

impl Stay {
    /// Where the server's clock contradicts ours, the lock was held never and the look took for ever: it covers nothing.
    pub(super) fn of(answer: &Answer, round: usize) -> Self {
        let held = answer.released.saturating_sub(answer.locked);
        let after = answer.released.saturating_sub(answer.read);
        let ordered = answer.locked <= answer.read && answer.read <= answer.released;
        let possible = ordered && held <= answer.returned.saturating_sub(answer.sent);
        let (reading, holding) = if possible {
            (
                (answer.sent.saturating_add(answer.delay), answer.returned.saturating_sub(after)),
                (answer.returned.saturating_sub(held), answer.sent.saturating_add(held)),
            )
        } else {
            ((i64::MIN, i64::MAX), (i64::MAX, i64::MIN))
        };
        Self {
            round,
            reading,
            holding,
            started_at: answer.started_at,
            system_identifier: answer.system_identifier,
        }
    }

    /// Whether not seeing the holder's key, in the same round, proves that this reader is another server.
    pub(super) fn covered_by(&self, holder: &Self) -> bool {
        holder.holding.0 <= self.reading.0 && self.reading.1 <= holder.holding.1
    }

    pub(super) fn apart_by_facts(&self, other: &Self) -> bool {
        differ(self.started_at, other.started_at)
            || differ(self.system_identifier, other.system_identifier)
    }
}
