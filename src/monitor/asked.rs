//! Which targets a cycle visits, and in which order.
//!
//! Why a partial cycle has two steps: whoever asks about one tenant wants to know whether *anybody* shares with it.
//! So those tenants are visited first, and then every other that could be the same server by its recorded identity, or
//! of which nothing is recorded.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::change::Baseline;
use crate::model::observation::Observation;
use crate::model::tenant::{TargetName, TargetRef, TenantId};
use crate::registry::Snapshot;

pub(super) struct Asked<'a> {
    only: Option<&'a BTreeSet<TenantId>>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(only: Option<&'a BTreeSet<TenantId>>) -> Self {
        Self { only }
    }

    pub(super) fn is_partial(&self) -> bool {
        self.only.is_some()
    }

    pub(super) fn wants(&self, tenant: &TenantId) -> bool {
        self.only.is_none_or(|it| it.contains(tenant))
    }

    /// What was asked for.
    pub(super) fn first(&self, snapshot: &Snapshot) -> Vec<TargetRef> {
        targets(snapshot)
            .filter(|it| self.wants(&snapshot.tenants[it.tenant as usize].id))
            .collect()
    }

    /// Who could share with what was asked for. Empty for the whole fleet: everybody was visited already.
    pub(super) fn then(
        &self,
        snapshot: &Snapshot,
        baselines: &[Baseline],
        first: &[Observation],
    ) -> Vec<TargetRef> {
        if !self.is_partial() {
            return Vec::new();
        }
        let seen: Vec<Option<u64>> = first
            .iter()
            .filter_map(|it| it.outcome.sighting())
            .map(|it| it.fingerprint.system_identifier)
            .collect();
        if seen.is_empty() {
            return Vec::new();
        }
        let withheld = seen.contains(&None);
        let seen: BTreeSet<u64> = seen.into_iter().flatten().collect();
        let known: BTreeMap<(&TenantId, &TargetName), Option<u64>> = baselines
            .iter()
            .map(|it| ((&it.tenant, &it.target), it.identity.system_identifier))
            .collect();
        let could_share = |it: &TargetRef| {
            let tenant = &snapshot.tenants[it.tenant as usize];
            let name = &tenant.targets[it.target as usize].name;
            match known.get(&(&tenant.id, name)) {
                Some(Some(identifier)) => withheld || seen.contains(identifier),
                Some(None) | None => true,
            }
        };
        targets(snapshot)
            .filter(|it| !self.wants(&snapshot.tenants[it.tenant as usize].id))
            .filter(could_share)
            .collect()
    }
}

fn targets(snapshot: &Snapshot) -> impl Iterator<Item = TargetRef> {
    (0_u32..).zip(&snapshot.tenants).flat_map(|(tenant, it)| {
        (0_u32..).zip(&it.targets).map(move |(target, _)| TargetRef { tenant, target })
    })
}
