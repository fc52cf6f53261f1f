//! What may be said now of the fleet and of a tenant, the age of the last look included.
//!
//! Why apart from the report: a report is true of its moment for ever. A page, a badge and a wall screen are read later,
//! and a green that nobody renewed is not green.

use jiff::{SignedDuration, Timestamp};

use crate::model::finding::{Health, Verdict};
use crate::model::tenant::TenantId;
use crate::standing::Standing;

/// Why what was proven is no longer shown as such.
pub(super) const STALE: &str = "The last scan of the whole fleet is too old to be believed";
pub(super) const STALE_FLEET: &str =
    "the last scan of the whole fleet is too old, and nobody knows what has changed since";

/// Whether the last scan of the whole fleet is too old to be believed. A clock that was set back makes none old.
pub fn is_stale(standing: &Standing, now: Timestamp, stale_after: SignedDuration) -> bool {
    stale_after < now.duration_since(standing.full.finished_at)
}

/// Without a fresh scan of the whole fleet it is `Unverified` at best; a breach stays one, however old.
pub fn of_fleet(
    standing: Option<&Standing>,
    now: Timestamp,
    stale_after: SignedDuration,
) -> Verdict {
    let Some(standing) = standing else { return Verdict::Unverified };
    aged(standing.now.verdict(), is_stale(standing, now, stale_after))
}

/// `None` where neither the registry nor the last scan knows the tenant.
pub fn of_tenant(
    standing: &Standing,
    id: &TenantId,
    now: Timestamp,
    stale_after: SignedDuration,
) -> Option<Verdict> {
    let stale = is_stale(standing, now, stale_after);
    match standing.tenant(id) {
        Some(tenant) => Some(aged(tenant.isolation, stale)),
        None => standing.registered(id).map(|_| Verdict::Unverified),
    }
}

pub(super) fn aged(verdict: Verdict, stale: bool) -> Verdict {
    if stale { verdict.max(Verdict::Unverified) } else { verdict }
}

/// Nobody knows whether a database that was well long ago is well now. One that was not stays so until it is seen well.
pub(super) fn aged_health(health: Health, stale: bool) -> Health {
    if stale && health == Health::Healthy { Health::Unknown } else { health }
}
