//! What the registry alone tells: one project in two rows, rows that contradict themselves, one password for two.
//!
//! Why beside the fingerprints: a registry that names one project twice is wrong even while the databases are down,
//! and a row that names two projects cannot be judged by either.
//!
//! Invariants:
//! - only rows that this scan was asked for are judged;
//! - credentials come as keyed digests and appear in no evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::wording::{named, steps};
use crate::model::address::Provider;
use crate::model::finding::{Certainty, Claim, Evidence, Kind, Severity};
use crate::model::tenant::TargetRef;

type Members = BTreeMap<BTreeSet<u32>, Vec<String>>;

pub(super) fn claims(index: &Index<'_>) -> Vec<Claim> {
    let mut claims = shared_project(index);
    claims.extend(registry_conflict(index));
    claims.extend(shared_credentials(index));
    claims
}

fn shared_project(index: &Index<'_>) -> Vec<Claim> {
    let mut projects: BTreeMap<(Provider, &str), BTreeSet<TargetRef>> = BTreeMap::new();
    for (target, _) in &index.observed {
        let address = &index.row(*target).address;
        for project in &address.projects {
            projects.entry((address.provider, &project.id)).or_default().insert(*target);
        }
    }
    let mut found: Members = BTreeMap::new();
    for ((provider, project), targets) in projects {
        let tenants: BTreeSet<u32> = targets.iter().map(|it| it.tenant).collect();
        if 1 < tenants.len() {
            found.entry(tenants).or_default().push(format!("{provider}: {project}"));
        }
    }
    let claim = |(tenants, projects): (BTreeSet<u32>, Vec<String>)| {
        let row = |it: &u32| format!("{} at {}", index.id(*it), index.tenant(*it).origin);
        let mut rows: Vec<String> = tenants.iter().map(row).collect();
        rows.sort_unstable();
        let tenants = index.ids(&tenants);
        Claim {
            kind: Kind::SharedProject,
            severity: Severity::Critical,
            certainty: Certainty::Proven,
            summary: format!("{} name the same project {}", named(&tenants), projects.join(", ")),
            evidence: Evidence::default().with("projects", projects).with("rows", rows),
            remediation: steps(&[
                "Find out which of these tenants owns the project: compare its creation date at the provider with the tenants' provisioning records.",
                "Create a project of its own for each other tenant, move its data there, and correct the registry rows named in the evidence.",
                "Rotate the database password of the shared project, and verify again.",
            ]),
            tenants,
        }
    };
    found.into_iter().map(claim).collect()
}

fn registry_conflict(index: &Index<'_>) -> Vec<Claim> {
    let mut found: BTreeMap<BTreeSet<_>, BTreeSet<String>> = BTreeMap::new();
    let examined: BTreeSet<_> = index.observed.iter().map(|(it, _)| index.id(it.tenant)).collect();
    for duplicate in index.case.duplicates {
        if duplicate.tenants.iter().any(|it| examined.contains(it)) {
            let rows: Vec<String> = duplicate.rows.iter().map(ToString::to_string).collect();
            let text = format!(
                "{} rows have the {} {:?} after normalising: {}",
                rows.len(),
                duplicate.field.label(),
                duplicate.value,
                rows.join(", ")
            );
            found.entry(duplicate.tenants.clone()).or_default().insert(text);
        }
    }
    for (target, _) in &index.observed {
        let row = index.row(*target);
        if row.address.projects.is_empty() || row.address.project_id().is_some() {
            continue;
        }
        let places: BTreeSet<String> = row
            .address
            .projects
            .iter()
            .map(|it| format!("{} in the {}", it.id, it.place.label()))
            .collect();
        let places: Vec<String> = places.into_iter().collect();
        let origin = &index.tenant(target.tenant).origin;
        let text =
            format!("{} names different projects: {} ({origin})", row.name, places.join(", "));
        found.entry(BTreeSet::from([index.id(target.tenant).clone()])).or_default().insert(text);
    }
    let claim = |(tenants, conflicts): (BTreeSet<_>, BTreeSet<String>)| Claim {
        kind: Kind::RegistryConflict,
        severity: Severity::High,
        certainty: Certainty::Proven,
        summary: format!("the registry contradicts itself about {}", named(&tenants)),
        evidence: Evidence::default().with("conflicts", conflicts.into_iter().collect::<Vec<_>>()),
        remediation: steps(&[
            "Open the rows named in the evidence and decide which of them is right; compare with the provider's own list of projects.",
            "Correct or remove the other row. Until then nobody can say whose database it is, so the tenant is unverified.",
        ]),
        tenants,
    };
    found.into_iter().map(claim).collect()
}

fn shared_credentials(index: &Index<'_>) -> Vec<Claim> {
    let observed =
        |target: TargetRef| index.observed.binary_search_by_key(&target, |(it, _)| *it).is_ok();
    let mut digests: BTreeMap<_, BTreeSet<TargetRef>> = BTreeMap::new();
    for (target, digest) in index.case.credentials.iter().filter(|(target, _)| observed(*target)) {
        digests.entry(*digest).or_default().insert(*target);
    }
    let mut found: BTreeMap<BTreeSet<u32>, BTreeSet<TargetRef>> = BTreeMap::new();
    for targets in digests.into_values() {
        let tenants: BTreeSet<u32> = targets.iter().map(|it| it.tenant).collect();
        if 1 < tenants.len() {
            found.entry(tenants).or_default().extend(targets);
        }
    }
    let claim = |(tenants, targets): (BTreeSet<u32>, BTreeSet<TargetRef>)| {
        let tenants = index.ids(&tenants);
        let mut places: Vec<String> = targets
            .iter()
            .map(|it| format!("{} as {}", index.label(*it), index.row(*it).address.role))
            .collect();
        places.sort_unstable();
        Claim {
            kind: Kind::SharedCredentials,
            severity: Severity::High,
            certainty: Certainty::Proven,
            summary: format!("{} use the same user and password", named(&tenants)),
            evidence: Evidence::default().with("targets", places),
            remediation: steps(&[
                "Give each tenant a password of its own: `ALTER ROLE … PASSWORD …` on each database (or reset it at the provider), all but one.",
                "Update the secret store or registry, restart what holds pooled connections, and verify again.",
                "Find what wrote the same password twice (a template, a copied secret), or it will come back.",
            ]),
            tenants,
        }
    };
    found.into_iter().map(claim).collect()
}
