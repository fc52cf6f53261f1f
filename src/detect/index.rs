//! One scan, ordered by target, so that every check asks it in the same words.
//!
//! Why ordered: observations arrive in the order in which servers happen to answer, and nothing that is concluded
//! may depend on it.
//!
//! Invariants:
//! - what points to no target of the case is left out: a stale reference must not end a scan.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use crate::model::change::Baseline;
use crate::model::finding::Kind;
use crate::model::fingerprint::Fingerprint;
use crate::model::inventory::Condition;
use crate::model::observation::{Outcome, Sighting};
use crate::model::tenant::{Target, TargetName, TargetRef, Tenant, TenantId};

/// The scan in order.
pub(super) struct Index<'a> {
    pub(super) case: &'a Case<'a>,
    /// One per target that was asked for.
    pub(super) observed: Vec<(TargetRef, &'a Outcome)>,
    /// Those that answered. Checks name them by their place in this list.
    pub(super) looks: Vec<Look<'a>>,
    baselines: BTreeMap<(&'a TenantId, &'a TargetName), &'a Baseline>,
}

/// A target that answered.
pub(super) struct Look<'a> {
    pub(super) target: TargetRef,
    pub(super) sighting: &'a Sighting,
}

impl<'a> Look<'a> {
    pub(super) fn fingerprint(&self) -> &'a Fingerprint {
        &self.sighting.fingerprint
    }

    pub(super) fn tenant(&self) -> u32 {
        self.target.tenant
    }
}

impl<'a> Index<'a> {
    pub(super) fn new(case: &'a Case<'a>) -> Self {
        let mut observed: Vec<_> = case
            .observations
            .iter()
            .filter(|it| find(case.tenants, it.target).is_some())
            .map(|it| (it.target, &it.outcome))
            .collect();
        observed.sort_by_key(|(target, _)| *target);
        observed.dedup_by_key(|(target, _)| *target);
        let looks = observed
            .iter()
            .filter_map(|(target, outcome)| {
                Some(Look { target: *target, sighting: outcome.sighting()? })
            })
            .collect();
        let baselines = case.baselines.iter().map(|it| ((&it.tenant, &it.target), it)).collect();
        Self { case, observed, looks, baselines }
    }

    /// The identity that was recorded for a target.
    pub(super) fn baseline(&self, target: TargetRef) -> Option<&'a Baseline> {
        self.baselines.get(&(self.id(target.tenant), &self.row(target).name)).copied()
    }

    /// The place of a target among those that answered.
    pub(super) fn place(&self, target: TargetRef) -> Option<usize> {
        self.looks.binary_search_by_key(&target, |it| it.target).ok()
    }

    /// What one tenant's targets brought home, in their order.
    pub(super) fn of_tenant(&self, tenant: u32) -> &[(TargetRef, &'a Outcome)] {
        let from = self.observed.partition_point(|(it, _)| it.tenant < tenant);
        let to = self.observed.partition_point(|(it, _)| it.tenant <= tenant);
        &self.observed[from..to]
    }

    pub(super) fn tenant(&self, tenant: u32) -> &'a Tenant {
        &self.case.tenants[tenant as usize]
    }

    pub(super) fn id(&self, tenant: u32) -> &'a TenantId {
        &self.tenant(tenant).id
    }

    pub(super) fn row(&self, target: TargetRef) -> &'a Target {
        &self.tenant(target.tenant).targets[target.target as usize]
    }

    /// `acme (endpoints.replica)`, or `acme` alone for its main database.
    pub(super) fn label(&self, target: TargetRef) -> String {
        match target.target {
            0 => self.id(target.tenant).to_string(),
            _ => format!("{} ({})", self.id(target.tenant), self.row(target).name),
        }
    }

    pub(super) fn ids(&self, tenants: &BTreeSet<u32>) -> BTreeSet<TenantId> {
        tenants.iter().map(|it| self.id(*it).clone()).collect()
    }

    /// Whether somebody announced what would otherwise be a finding of this kind about the tenant.
    pub(super) fn planned(&self, tenant: u32, kind: Kind) -> bool {
        let id = self.id(tenant);
        self.case.changes.iter().any(|it| it.covers(id, kind, self.case.now))
    }

    /// Whether the provider says that the project behind the target is paused.
    pub(super) fn is_paused(&self, target: TargetRef) -> bool {
        let Some(inventory) = self.case.inventory else { return false };
        let mut projects = inventory.named_by(&self.row(target).address);
        projects.any(|it| inventory.listed(it).is_some_and(|it| it.condition == Condition::Paused))
    }

    /// Whether one of the two is registered as a deliberate copy of the other.
    pub(super) fn declared_copy(&self, one: u32, other: u32) -> bool {
        let copies = |copy: u32, of: u32| {
            self.tenant(copy).particulars().clone_of.as_ref() == Some(self.id(of))
        };
        copies(one, other) || copies(other, one)
    }
}

fn find(tenants: &[Tenant], target: TargetRef) -> Option<&Target> {
    tenants.get(target.tenant as usize)?.targets.get(target.target as usize)
}
