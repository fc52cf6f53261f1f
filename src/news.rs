//! What has happened to findings since a receiver was told of them.
//!
//! Why a difference between what is known and what stands: it is the same after a restart, an outage of months and a
//! change of the configuration, and a receiver that was added today hears of everything that stands.
//!
//! Invariants:
//! - pure; one finding has at most one piece of news, and news that were told leave none;
//! - what was told once is told to its end, even where it has ceased to be of interest: nothing stays open for ever at
//!   the receiver;
//! - a finding that was not seen often enough to open is no news, and one that is merely missing is not resolved.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::{Finding, FindingId, Kind, Severity, State};
use crate::model::news::{Happening, Told};
use crate::model::tenant::TenantId;
use crate::standing::Standing;

/// What a receiver wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Empty for all.
    pub kinds: BTreeSet<Kind>,
    /// At least this.
    pub severity: Option<Severity>,
    /// With a member in it.
    pub environment: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News<'a> {
    pub happening: Happening,
    pub finding: &'a Finding,
}

/// What to tell, in the order in which findings are told. `missing` are findings that were told and stand no more, as
/// the store has them.
pub fn since<'a>(
    known: &BTreeMap<FindingId, Told>,
    standing: &'a Standing,
    missing: &'a [Finding],
    interest: &Interest,
) -> Vec<News<'a>> {
    let findings = standing.now.findings.iter().chain(missing);
    let news = findings.filter_map(|finding| {
        let told = known.get(&finding.id);
        if told.is_none() && !interest.covers(finding, standing) {
            return None;
        }
        let happening = happening(told, finding)?;
        Some(News { happening, finding })
    });
    news.collect()
}

/// Those that were told and do not stand: only the store can say what became of them.
pub fn missing(known: &BTreeMap<FindingId, Told>, standing: &Standing) -> Vec<FindingId> {
    let there: BTreeSet<FindingId> = standing.now.findings.iter().map(|it| it.id).collect();
    known.keys().filter(|it| !there.contains(it)).copied().collect()
}

fn happening(told: Option<&Told>, finding: &Finding) -> Option<Happening> {
    match (told, finding.state) {
        (_, State::Pending) | (None, State::Resolved) => None,
        (None, State::Open | State::Acknowledged) => Some(Happening::Opened),
        (Some(_), State::Resolved) => Some(Happening::Resolved),
        (Some(told), State::Acknowledged) if !told.acknowledged => Some(Happening::Acknowledged),
        (Some(told), _) => (*told != Told::of(finding)).then_some(Happening::Changed),
    }
}

impl Interest {
    fn covers(&self, finding: &Finding, standing: &Standing) -> bool {
        let claim = &finding.claim;
        let kind = self.kinds.is_empty() || self.kinds.contains(&claim.kind);
        let severity = self.severity.is_none_or(|it| it <= claim.severity);
        kind && severity && self.concerns(&claim.tenants, standing)
    }

    /// A member that the registry no longer names may have belonged to any environment, and a finding about the fleet
    /// belongs to all.
    fn concerns(&self, tenants: &BTreeSet<TenantId>, standing: &Standing) -> bool {
        let Some(environment) = &self.environment else { return true };
        let within = |id| standing.registered(id).is_none_or(|it| *it.environment == **environment);
        tenants.is_empty() || tenants.iter().any(within)
    }
}
