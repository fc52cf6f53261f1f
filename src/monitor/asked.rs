//! Which targets a cycle visits, and in which order.
//!
//! Why a partial cycle has two steps: whoever asks about one tenant wants to know whether *anybody* shares with it.
//! So those tenants are visited first, and then every other but those that the last cycle of the whole fleet saw on
//! another server, by the same way.
//!
//! Why not by what is expected of the others: a registry row that was changed since, and a database that was swapped
//! without a word, are the very sharing that is looked for, and what is expected of them is what was before.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::Address;
use crate::model::observation::Observation;
use crate::model::report::Report;
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
        last: Option<&Report>,
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
        let known = last.map(known).unwrap_or_default();
        let could_share = |it: &TargetRef| {
            let tenant = &snapshot.tenants[it.tenant as usize];
            let target = &tenant.targets[it.target as usize];
            match known.get(&(&tenant.id, &target.name)) {
                Some((address, identifier)) if **address == *target.address => {
                    withheld || seen.contains(identifier)
                }
                _ => true,
            }
        };
        targets(snapshot)
            .filter(|it| !self.wants(&snapshot.tenants[it.tenant as usize].id))
            .filter(could_share)
            .collect()
    }
}

/// Where each target was and which server answered there, of those whose server said it.
fn known(last: &Report) -> BTreeMap<(&TenantId, &TargetName), (&Address, u64)> {
    let targets =
        last.tenants.iter().flat_map(|tenant| tenant.targets.iter().map(move |it| (tenant, it)));
    let told = targets.filter_map(|(tenant, target)| {
        let identifier = target.fingerprint.as_ref()?.system_identifier?;
        Some(((&tenant.id, &target.name), (&*target.address, identifier)))
    });
    told.collect()
}

fn targets(snapshot: &Snapshot) -> impl Iterator<Item = TargetRef> {
    (0_u32..).zip(&snapshot.tenants).flat_map(|(tenant, it)| {
        (0_u32..).zip(&it.targets).map(move |(target, _)| TargetRef { tenant, target })
    })
}
