//! What the provider has and no tenant names, and what a tenant names and the provider has no more.
//!
//! Why all orphans are one finding: none of them has a tenant, and what has no member is known by its kind alone. It is
//! open for as long as any of them stands, and its evidence names them all; whoever acknowledges it has acknowledged
//! orphans, not this one.
//!
//! Invariants:
//! - without an inventory nothing is claimed, and the findings' life takes nothing back;
//! - a branch is neither missing nor orphaned;
//! - what an operation is about to make or take away is its own affair, and told by it;
//! - names come from the provider, stand in the evidence as they are, and decide nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::wording::{count, steps};
use crate::model::finding::{Certainty, Claim, Evidence, Fact, Kind, Severity};
use crate::model::inventory::unowned::unowned;
use crate::model::inventory::{Inventory, Listed};
use crate::model::tenant::{Tenant, TenantId};

/// Of a name that the provider tells, in characters.
const LONGEST_NAME: usize = 100;

/// Orphans described in the evidence.
const DESCRIBED: usize = 50;

pub(super) fn claims(index: &Index<'_>) -> Vec<Claim> {
    let Some(inventory) = index.case.inventory else { return Vec::new() };
    let tenants = index.case.tenants.iter();
    let missing = tenants.filter_map(|it| missing(inventory, it));
    missing.chain(orphaned(index, inventory)).collect()
}

fn orphaned(index: &Index<'_>, inventory: &Inventory) -> Option<Claim> {
    let orphans: Vec<&Listed> = unowned(inventory, index.case.tenants, index.case.now)
        .into_iter()
        .filter(|it| it.excuse.is_none())
        .map(|it| it.project)
        .collect();
    let first = orphans.first()?;
    let summary = match orphans.len() {
        1 => format!("no tenant owns the project {} at {}", first.reference, inventory.provider),
        many => format!("no tenant owns {many} of the projects at {}", inventory.provider),
    };
    let described = orphans.iter().take(DESCRIBED).map(|it| described(inventory, it));
    Some(Claim {
        kind: Kind::OrphanedProject,
        severity: Severity::Medium,
        certainty: Certainty::Proven,
        tenants: BTreeSet::new(),
        summary,
        evidence: Evidence::default()
            .with("provider", &*inventory.provider)
            .with("orphans", count(orphans.len()))
            .with("projects", Fact::List(described.collect())),
        remediation: steps(&[
            "See all of them with `watertight orphans list`: each with its age, and with the operation that made it where one did.",
            "If one is a tenant's, say whose: `watertight orphans adopt REFERENCE --tenant ID`.",
            "If one is needed and no tenant's, name it in `provider.ignore` with a reason and an end.",
            "If one is nobody's, `watertight orphans delete REFERENCE` shows what stands against deleting it; with `--confirm REFERENCE` it deletes.",
        ]),
    })
}

fn described(inventory: &Inventory, project: &Listed) -> Fact {
    let mut facts = BTreeMap::from([
        ("project".to_owned(), Fact::from(&*project.reference)),
        ("name".to_owned(), project.name.chars().take(LONGEST_NAME).collect::<String>().into()),
    ]);
    if let Some(at) = project.created_at {
        facts.insert("created_at".to_owned(), at.to_string().into());
    }
    if let Some(made) = inventory.made(&project.reference).first() {
        facts.insert("operation".to_owned(), made.operation.as_str().into());
        facts.insert("made_for".to_owned(), made.tenant.as_str().into());
    }
    Fact::Map(facts)
}

fn missing(inventory: &Inventory, tenant: &Tenant) -> Option<Claim> {
    let id = &tenant.id;
    if inventory.moving.contains(id) {
        return None;
    }
    let gone: BTreeSet<&str> =
        named_by(inventory, tenant).filter(|it| inventory.absent.contains(*it)).collect();
    let gone: Vec<&str> = gone.into_iter().collect();
    if gone.is_empty() {
        return None;
    }
    let projects = gone.join(", ");
    let provider = &inventory.provider;
    Some(Claim {
        kind: Kind::MissingProject,
        severity: Severity::Critical,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!("the project {projects} of {id} is no longer at {provider}"),
        evidence: Evidence::default()
            .with("provider", &**provider)
            .with("projects", gone.iter().map(|it| Fact::from(*it)).collect::<Vec<_>>())
            .with("row", tenant.origin.to_string()),
        remediation: remedy(id, tenant.particulars().managed_by.as_deref()),
    })
}

fn remedy(id: &TenantId, managed_by: Option<&str>) -> Vec<String> {
    let restored = managed_by.map_or_else(
        || "Restore it there, or restore the last backup into a new project and correct the registry.".to_owned(),
        |manager| format!("{id} is managed by {manager}: have it restored there, and let nothing else make a project for it."),
    );
    vec![
        format!("Route nobody to {id}: errors are better than an empty database of its name."),
        "Look in the provider's audit log for who deleted the project, and whether it was moved to an organisation that we cannot see; some providers can restore one for a while.".to_owned(),
        restored,
    ]
}

fn named_by<'a>(inventory: &'a Inventory, tenant: &'a Tenant) -> impl Iterator<Item = &'a str> {
    tenant.targets.iter().flat_map(|it| inventory.named_by(&it.address))
}

/// The tenants whose every project the provider has. Whoever names none of its projects lacks none.
pub(super) fn whole(inventory: &Inventory, tenants: &[Tenant]) -> BTreeSet<TenantId> {
    let has_all = |it: &&Tenant| named_by(inventory, it).all(|it| inventory.has(it));
    tenants.iter().filter(has_all).map(|it| it.id.clone()).collect()
}
