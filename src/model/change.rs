//! What was known before this scan: the identity registered for each target, and the changes that people announced.
//!
//! Why beside the fingerprint and not within it: a fingerprint is one look and holds what changes by itself (start,
//! position, address). What must not change unannounced is the smaller part that stands here.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::finding::Kind;
use super::fingerprint::Fingerprint;
use super::tenant::{TargetName, TenantId};

/// The identity that a target is expected to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    pub tenant: TenantId,
    pub target: TargetName,
    pub identity: Identity,
    /// When it was taken as the target's own.
    pub since: Timestamp,
}

/// The lasting part of a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub system_identifier: Option<u64>,
    pub database_oid: Option<u32>,
    pub database: Arc<str>,
    pub timeline: Option<u32>,
    pub project_id: Option<Box<str>>,
}

impl Identity {
    pub fn of(fingerprint: &Fingerprint, project_id: Option<&str>) -> Self {
        Self {
            system_identifier: fingerprint.system_identifier,
            database_oid: fingerprint.database_oid,
            database: fingerprint.database.clone(),
            timeline: fingerprint.timeline,
            project_id: project_id.map(Into::into),
        }
    }
}

/// The kinds of findings that a planned change explains. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedKinds(BTreeSet<Kind>);

impl PlannedKinds {
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Result<Self, InvalidChange> {
        let kinds: BTreeSet<Kind> = kinds.into_iter().collect();
        if let Some(kind) = kinds.iter().copied().find(|it| !it.may_be_announced()) {
            return Err(InvalidChange::NotAnnounceable(kind));
        }
        if kinds.is_empty() { Err(InvalidChange::NoKind) } else { Ok(Self(kinds)) }
    }

    pub fn iter(&self) -> impl Iterator<Item = Kind> {
        self.0.iter().copied()
    }
}

impl Default for PlannedKinds {
    /// What a change is announced for, where nobody says otherwise: another database behind the tenant.
    fn default() -> Self {
        Self([Kind::FingerprintDrift].into())
    }
}

/// A planned change, announced or accepted by a person. It never covers live sharing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub tenants: Vec<TenantId>,
    pub kinds: PlannedKinds,
    pub reason: Box<str>,
    pub ticket: Option<Box<str>>,
    pub by: Arc<str>,
    pub from: Timestamp,
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChange {
    #[error(
        "{0} cannot be announced: a planned change explains fingerprint_drift, unhealthy and degraded, and never covers what tenants share"
    )]
    NotAnnounceable(Kind),
    #[error("a change needs at least one kind that it explains")]
    NoKind,
    #[error("a change needs at least one tenant")]
    NoTenant,
    #[error("a change needs a reason of 1 to {} characters", Change::LONGEST_REASON)]
    Reason,
    #[error("a ticket has 1 to {} characters", Change::LONGEST_TICKET)]
    Ticket,
    #[error("a change must not end before it begins")]
    Backwards,
    #[error("a change ends within {} days of its beginning: announce the next one then", Change::LONGEST.as_hours() / 24)]
    TooLong,
}

impl Change {
    /// While it lasts, a swapped database passes for a planned one.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);

    /// In characters.
    pub const LONGEST_REASON: usize = 1_000;
    pub const LONGEST_TICKET: usize = 200;

    /// The change, if somebody may announce it.
    pub fn checked(self) -> Result<Self, InvalidChange> {
        let fits = |text: &str, most| !text.trim().is_empty() && text.chars().count() <= most;
        if self.tenants.is_empty() {
            return Err(InvalidChange::NoTenant);
        }
        if !fits(&self.reason, Self::LONGEST_REASON) {
            return Err(InvalidChange::Reason);
        }
        if self.ticket.as_ref().is_some_and(|it| !fits(it, Self::LONGEST_TICKET)) {
            return Err(InvalidChange::Ticket);
        }
        if self.until < self.from {
            return Err(InvalidChange::Backwards);
        }
        if Self::LONGEST < self.until.duration_since(self.from) {
            return Err(InvalidChange::TooLong);
        }
        Ok(self)
    }

    /// Whether a finding of this kind about this tenant was planned.
    pub fn covers(&self, tenant: &TenantId, kind: Kind, now: Timestamp) -> bool {
        self.from <= now
            && now < self.until
            && self.kinds.0.contains(&kind)
            && self.tenants.contains(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kinds: &[Kind]) -> Change {
        let at = |second| Timestamp::from_second(second).unwrap();
        Change {
            tenants: vec![TenantId::parse("acme").unwrap()],
            kinds: PlannedKinds::of(kinds.iter().copied()).unwrap(),
            reason: "restore drill".into(),
            ticket: Some("OPS-1".into()),
            by: "ada".into(),
            from: at(100),
            until: at(200),
        }
    }

    #[test]
    fn nothing_that_tenants_share_and_nothing_that_breaks_isolation_can_be_announced() {
        for kind in Kind::ALL {
            let announced = PlannedKinds::of([Kind::FingerprintDrift, *kind]);
            let expected = if kind.may_be_announced() {
                Ok(())
            } else {
                Err(InvalidChange::NotAnnounceable(*kind))
            };
            assert_eq!(announced.map(|_| ()), expected);
            assert!(!(kind.may_be_announced() && kind.breaches()), "{kind}");
        }
        assert_eq!(PlannedKinds::of([]), Err(InvalidChange::NoKind));
    }

    #[test]
    fn a_change_covers_its_tenants_its_kinds_and_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let acme = TenantId::parse("acme").unwrap();
        let globex = TenantId::parse("globex").unwrap();
        let change = change(&[Kind::Unhealthy]);
        let covers = [99, 100, 199, 200].map(|it| change.covers(&acme, Kind::Unhealthy, at(it)));
        assert_eq!(covers, [false, true, true, false]);
        assert!(!change.covers(&acme, Kind::FingerprintDrift, at(100)));
        assert!(!change.covers(&globex, Kind::Unhealthy, at(100)));
    }

    #[test]
    fn what_nobody_may_announce_is_named() {
        let drill = || change(&[Kind::FingerprintDrift]);
        let at = |second| Timestamp::from_second(second).unwrap();
        let day = 24 * 60 * 60;
        let refused = [
            (Change { tenants: Vec::new(), ..drill() }, InvalidChange::NoTenant),
            (Change { reason: " ".into(), ..drill() }, InvalidChange::Reason),
            (Change { reason: "x".repeat(1_001).into(), ..drill() }, InvalidChange::Reason),
            (Change { ticket: Some("".into()), ..drill() }, InvalidChange::Ticket),
            (Change { until: at(99), ..drill() }, InvalidChange::Backwards),
            (Change { until: at(101 + 90 * day), ..drill() }, InvalidChange::TooLong),
        ];
        for (change, expected) in refused {
            assert_eq!(change.checked(), Err(expected));
        }
        let longest = Change { until: at(100 + 90 * day), ticket: None, ..drill() };
        assert_eq!(longest.clone().checked(), Ok(longest));
    }
}
