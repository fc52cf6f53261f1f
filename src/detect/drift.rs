//! Whether the database behind a target is still the one that was registered or last seen.
//!
//! Why withheld facts are no drift: a role that lost a permission sees less of the same database.
//!
//! Invariants:
//! - a restart, a failover to the tenant's own standby (the timeline grows under one identifier) and a minor upgrade
//!   are no drift; a new identifier, oid, name or project, or a timeline that goes back, is;
//! - a baseline is replaced only by an announced change; it grows by what was withheld before, and by a newer timeline;
//! - nothing is learnt from a tenant that could not be verified, nor from a target that leads astray.

use std::collections::BTreeMap;

use super::index::Index;
use super::wording::{steps, targets};
use crate::model::change::{Baseline, Identity};
use crate::model::finding::{Certainty, Claim, Evidence, Kind, Severity};
use crate::model::tenant::{TargetRef, TenantId};

/// What changed, and what is to be remembered.
#[derive(Default)]
pub(super) struct Drift {
    pub(super) claims: Vec<Claim>,
    pub(super) baselines: Vec<Baseline>,
}

/// `learnable` says whether a target's identity may be taken as its own.
pub(super) fn judge(index: &Index<'_>, learnable: impl Fn(TargetRef) -> bool) -> Drift {
    let mut drifts: BTreeMap<&TenantId, (Vec<String>, Vec<usize>)> = BTreeMap::new();
    let mut drift = Drift::default();
    for (place, look) in index.looks.iter().enumerate() {
        let row = index.row(look.target);
        let id = index.id(look.tenant());
        let now = Identity::of(look.fingerprint(), row.address.project_id());
        let fresh = |identity| Baseline {
            tenant: id.clone(),
            target: row.name.clone(),
            identity,
            since: index.case.now,
        };
        let Some(before) = index.baseline(look.target) else {
            drift.baselines.extend(learnable(look.target).then(|| fresh(now)));
            continue;
        };
        let changed = changes(&before.identity, &now);
        let planned = index.planned(look.tenant(), Kind::FingerprintDrift);
        if changed.is_empty() {
            let grown = grown(&before.identity, &now);
            if grown != before.identity && learnable(look.target) {
                drift.baselines.push(Baseline { since: before.since, ..fresh(grown) });
            }
        } else if planned {
            drift.baselines.extend(learnable(look.target).then(|| fresh(now)));
        } else {
            let (texts, places) = drifts.entry(id).or_default();
            texts.extend(changed.into_iter().map(|it| format!("{}: {it}", row.name)));
            places.push(place);
        }
    }
    drift
        .baselines
        .sort_by(|one, other| (&one.tenant, &one.target).cmp(&(&other.tenant, &other.target)));
    // Up to one for each target; a large fleet keeps them until they are stored.
    drift.baselines.shrink_to_fit();
    drift.claims =
        drifts.into_iter().map(|(id, (texts, places))| claim(index, id, texts, &places)).collect();
    drift
}

fn changes(before: &Identity, now: &Identity) -> Vec<String> {
    let mut changed = Vec::new();
    let mut compare = |name: &str, before: Option<String>, now: Option<String>| {
        if let (Some(before), Some(now)) = (before, now)
            && before != now
        {
            changed.push(format!("{name} was {before} and is {now}"));
        }
    };
    let text = |it: Option<u64>| it.map(|it| it.to_string());
    compare("the system identifier", text(before.system_identifier), text(now.system_identifier));
    let oid = |it: Option<u32>| it.map(|it| it.to_string());
    compare("the database oid", oid(before.database_oid), oid(now.database_oid));
    compare(
        "the database",
        Some(format!("{:?}", before.database)),
        Some(format!("{:?}", now.database)),
    );
    let project = |it: &Identity| it.project_id.as_deref().map(ToOwned::to_owned);
    compare("the project", project(before), project(now));
    if let (Some(old), Some(new)) = (before.timeline, now.timeline)
        && new < old
    {
        changed.push(format!("the timeline was {old} and went back to {new}"));
    }
    changed
}

/// What is known now together with what was known before and is withheld now.
fn grown(before: &Identity, now: &Identity) -> Identity {
    Identity {
        system_identifier: now.system_identifier.or(before.system_identifier),
        database_oid: now.database_oid.or(before.database_oid),
        database: now.database.clone(),
        timeline: now.timeline.max(before.timeline),
        project_id: now.project_id.clone().or_else(|| before.project_id.clone()),
    }
}

fn claim(index: &Index<'_>, id: &TenantId, changed: Vec<String>, places: &[usize]) -> Claim {
    Claim {
        kind: Kind::FingerprintDrift,
        severity: Severity::High,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!(
            "the database behind {id} is not the one that was seen before: {}",
            changed[0]
        ),
        evidence: Evidence::default()
            .with("changes", changed)
            .with("targets", targets(index, places)),
        remediation: steps(&[
            "Ask who restored, moved or re-created this database, and compare the time with the deployment and provider logs.",
            &format!(
                "If it was planned, record it: `watertight accept {id} --reason TEXT --ticket TICKET`. What it last showed is then the tenant's own."
            ),
            "If nobody knows of it, stop routing the tenant, and check that the rows are its own before users see them.",
        ]),
    }
}
