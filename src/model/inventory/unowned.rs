//! What stands at the provider and no tenant names, and why that need not be an orphan.
//!
//! Why an hour of grace: whoever makes a project by hand, or by another program, writes it into the registry a little
//! later.

use jiff::{SignedDuration, Timestamp};

use super::{Condition, Ignored, Inventory, Listed, named};
use crate::model::operation::OperationId;
use crate::model::tenant::Tenant;

/// From a project's creation until a tenant has to name it.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// A project that no tenant names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unowned<'a> {
    pub project: &'a Listed,
    /// Why it is not told as an orphan; `None` where it is one.
    pub excuse: Option<Excuse<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse<'a> {
    /// Somebody may be about to write it into the registry.
    Young,
    /// The operation answers for it.
    Operation(&'a OperationId),
    /// The operator said that it is no tenant's.
    Ignored(&'a Ignored),
}

/// All of them, by reference. Branches, and what is on its way out, are nobody's business.
pub fn unowned<'a>(
    inventory: &'a Inventory,
    tenants: &[Tenant],
    now: Timestamp,
) -> Vec<Unowned<'a>> {
    let named = named(tenants);
    let left = inventory.projects.iter().filter(|it| {
        !it.branch && it.condition != Condition::Going && !named.contains(&*it.reference)
    });
    left.map(|project| Unowned { project, excuse: excuse(inventory, project, now) }).collect()
}

fn excuse<'a>(inventory: &'a Inventory, project: &'a Listed, now: Timestamp) -> Option<Excuse<'a>> {
    let made = inventory.made(&project.reference).iter();
    let mut busy = made.filter(|it| {
        inventory.busy.contains(&it.operation) || inventory.moving.contains(&it.tenant)
    });
    if let Some(made) = busy.next() {
        return Some(Excuse::Operation(&made.operation));
    }
    // Its answer may be lost, so that the store does not know yet what the name tells.
    if let Some(operation) =
        OperationId::in_name(&project.name).and_then(|it| inventory.busy.get(&it))
    {
        return Some(Excuse::Operation(operation));
    }
    if let Some(ignored) = inventory.ignored.iter().find(|it| it.covers(project, now)) {
        return Some(Excuse::Ignored(ignored));
    }
    (now.duration_since(project.since) < GRACE).then_some(Excuse::Young)
}
