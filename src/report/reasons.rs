//! Why a tenant is not well, in the lines that a person reads beside its name.
//!
//! Why apart from the formats: the terminal and the pull request must give the same reasons.

use std::collections::{BTreeMap, BTreeSet};

use super::visible::{clipped, visible};
use crate::model::finding::Kind;
use crate::model::observation::Cause;
use crate::model::report::{Report, TargetReport, TenantReport};
use crate::model::tenant::{TargetName, TenantId};

/// Characters of one reason; a server may send a megabyte.
const LONGEST: usize = 300;

/// The kinds of finding that break the isolation of each tenant. By default none is known.
#[derive(Debug, Default)]
pub struct Reasons<'a>(BTreeMap<&'a TenantId, BTreeSet<Kind>>);

impl<'a> Reasons<'a> {
    pub fn of(report: &'a Report) -> Self {
        let mut kinds: BTreeMap<&TenantId, BTreeSet<Kind>> = BTreeMap::new();
        for finding in report.standing().filter(|it| it.breaches()) {
            for tenant in &finding.claim.tenants {
                kinds.entry(tenant).or_default().insert(finding.claim.kind);
            }
        }
        Self(kinds)
    }

    /// What breaks its isolation, then what ails each target, then the doubts. Safe to print; no line is long.
    pub fn why(&self, tenant: &TenantReport) -> Vec<String> {
        let kinds = self.0.get(&tenant.id).into_iter().flatten();
        let breaches: Vec<_> = kinds.map(|it| it.label()).collect();
        let breaches = (!breaches.is_empty()).then(|| breaches.join(", "));
        let doubts = tenant.doubts.iter().map(|it| clipped(it, LONGEST).into_owned());
        breaches
            .into_iter()
            .chain(tenant.targets.iter().filter_map(ailment))
            .chain(doubts)
            .collect()
    }
}

fn ailment(target: &TargetReport) -> Option<String> {
    let detail = target.detail.as_deref().map(|it| clipped(it, LONGEST));
    let text = match (target.cause.map(Cause::label), detail) {
        (Some(cause), Some(detail)) => format!("{cause}: {detail}"),
        (Some(cause), None) => cause.to_owned(),
        (None, Some(detail)) => detail.into_owned(),
        (None, None) => return None,
    };
    Some(match &target.name {
        TargetName::DatabaseUrl => text,
        name => format!("{}: {text}", visible(&name.to_string())),
    })
}
