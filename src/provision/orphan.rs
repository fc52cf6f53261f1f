//! A project without a tenant, deleted because a person said so, twice.
//!
//! Why so much stands against it: nothing at a provider says whose data a project holds. A row, an operation, a tie or a
//! claim that names it makes it somebody's, and a person who is certain is asked for the name again.
//!
//! Why a project that no operation of this store made needs a word of its own: of those nobody here knows who made them,
//! or for what.
//!
//! Invariants:
//! - nothing calls this but a person's command;
//! - only what the provider of `[provision]` lists is deleted, whatever its token could delete beside;
//! - everything is looked at again for the deletion, however lately it was shown.

use std::collections::BTreeSet;

use anyhow::Context;
use jiff::Timestamp;

use super::keep::Patience;
use super::options::Equipment;
use super::unique::names;
use super::work::Work;
use super::{Provisioner, connect, project, unique};
use crate::clock;
use crate::daemon::beside::Company;
use crate::inventory::Source;
use crate::model::inventory::{Condition, Inventory};
use crate::model::operation::OperationId;
use crate::model::tenant::{Tenant, TenantId};
use crate::store::Store;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Farewell<'a> {
    pub reference: &'a str,
    pub phase: Phase,
    pub whose: Whose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Tell what stands against it, and delete nothing.
    Look,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It must have been made by an operation of this store.
    Ours,
    Anybodys,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parted {
    /// Nothing stands against it. The sentence says what would be deleted.
    Could(String),
    Deleted,
    /// Nothing was deleted; every reason.
    Refused(Vec<String>),
}

impl Provisioner {
    /// Deletes a project that is no tenant's, or says what stands against it.
    pub async fn part_with(&self, farewell: Farewell<'_>) -> anyhow::Result<Parted> {
        let Some(equipment) = self.equipment() else {
            return Ok(Parted::Refused(vec![super::BeginError::Unequipped.to_string()]));
        };
        let Farewell { reference, phase, whose } = farewell;
        let tenants = self.daemon.fleet_now().await.context("read the registry")?.tenants;
        let provider = std::sync::Arc::clone(&equipment.provider);
        let source = Source { provider, ignored: self.daemon.ignored() };
        let inventory = self.daemon.read_stock(&source, &tenants).await?;
        let (ties, claimed) = self.known_of(&inventory, reference).await?;
        let case = Case { inventory: &inventory, tenants: &tenants, ties, claimed, whose };
        let mut against = case.objections(reference, clock::now());
        if against.is_empty() {
            against.extend(self.seen_in_it(&inventory, reference).await?);
        }
        if !against.is_empty() {
            return Ok(Parted::Refused(against));
        }
        if phase == Phase::Look {
            return Ok(Parted::Could(case.told(reference)));
        }
        self.delete(&equipment, &inventory, reference).await?;
        self.daemon.ask_for_stock();
        Ok(Parted::Deleted)
    }

    /// Tenants that were found in its database, and the operation that claims it.
    async fn known_of(
        &self,
        inventory: &Inventory,
        reference: &str,
    ) -> anyhow::Result<(BTreeSet<TenantId>, Option<OperationId>)> {
        let makers: Vec<_> =
            inventory.made(reference).iter().map(|it| it.operation.clone()).collect();
        let claim = project::claim(&inventory.provider, reference);
        let read = move |store: &Store| {
            let mut ties = BTreeSet::new();
            for maker in makers {
                ties.extend(store.ties(&maker)?);
            }
            Ok((ties, store.claimant(&claim)?))
        };
        self.daemon.stored("read whose a project is", read).await
    }

    /// Where the store still knows the way into its database, whether a witness finds a tenant there.
    async fn seen_in_it(
        &self,
        inventory: &Inventory,
        reference: &str,
    ) -> anyhow::Result<Option<String>> {
        let Some(made) = inventory.made(reference).first().cloned() else { return Ok(None) };
        let read = move |store: &Store| Ok(store.operation_work::<Work>(&made.operation)?);
        let work = self.daemon.stored("read what an operation needs", read).await?;
        let own = TenantId::parse(&format!("orphan-{}", reference.to_lowercase()))
            .context("name what is looked at")?;
        let Some(Ok(row)) =
            work.filter(|it| it.url().is_some()).map(|it| connect::login(&own, &it))
        else {
            return Ok(None);
        };
        let stop = tokio_util::sync::CancellationToken::new();
        let report = self.daemon.look_beside(vec![row], Company::Fleet, &stop).await?;
        let owners = unique::sharers(&own, &report.findings);
        Ok((!owners.is_empty()).then(|| format!("its database is that of {}", names(&owners))))
    }

    async fn delete(
        &self,
        equipment: &Equipment,
        inventory: &Inventory,
        reference: &str,
    ) -> anyhow::Result<()> {
        let limit = equipment.options.settling();
        let mut patience = Patience::new(equipment, limit);
        project::absent(&*equipment.provider, &mut patience, reference).await?;
        tracing::info!(project = reference, "a project without a tenant was deleted");
        let makers: Vec<_> =
            inventory.made(reference).iter().map(|it| it.operation.clone()).collect();
        let (provider, reference) = (inventory.provider.clone(), reference.to_owned());
        let claim = project::claim(&provider, &reference);
        let gone = move |store: &Store| {
            store.project_gone(&provider, &reference, clock::now())?;
            Ok(makers.iter().try_for_each(|it| store.release_claims(it, &claim))?)
        };
        self.daemon.stored("note that a project is gone", gone).await
    }
}

/// What speaks for somebody who has the project.
struct Case<'a> {
    inventory: &'a Inventory,
    tenants: &'a [Tenant],
    ties: BTreeSet<TenantId>,
    claimed: Option<OperationId>,
    whose: Whose,
}

impl Case<'_> {
    fn objections(&self, reference: &str, now: Timestamp) -> Vec<String> {
        let Some(project) = self.inventory.listed(reference) else {
            return vec![format!("there is no project {reference} at {}", self.inventory.provider)];
        };
        let mut against: Vec<String> = self.owners(reference).collect();
        if project.branch {
            against.push("it is a branch, and belongs to its parent's tenant".to_owned());
        }
        if project.condition == Condition::Going {
            against.push("it is on its way out already".to_owned());
        }
        if let Some(ignored) = self.inventory.ignored.iter().find(|it| it.covers(project, now)) {
            against.push(format!("`provider.ignore` keeps it: {}", ignored.reason));
        }
        let made = self.inventory.made(reference);
        let named = OperationId::in_name(&project.name);
        let busy = made.iter().map(|it| &it.operation).chain(&named);
        let busy: BTreeSet<&OperationId> =
            busy.filter(|it| self.inventory.busy.contains(*it)).collect();
        against.extend(busy.iter().map(|it| format!("the operation {it} is not done with it")));
        let moving = made.iter().filter(|it| self.inventory.moving.contains(&it.tenant));
        against.extend(
            moving.map(|it| format!("an operation of {} runs, for which it was made", it.tenant)),
        );
        if !self.ties.is_empty() {
            against.push(format!("its database is that of {}", names(&self.ties)));
        }
        if let Some(other) =
            self.claimed.as_ref().filter(|it| made.iter().all(|made| made.operation != **it))
        {
            against.push(format!("the operation {other} claims it"));
        }
        let ours = made.iter().any(|it| named.as_ref() == Some(&it.operation));
        if self.whose == Whose::Ours && !ours {
            against.push(
                "no operation of this store made it: if you are certain, say so with --not-ours"
                    .to_owned(),
            );
        }
        against
    }

    fn owners(&self, reference: &str) -> impl Iterator<Item = String> {
        let names = move |tenant: &&Tenant| {
            let mut projects = tenant.targets.iter().flat_map(|it| &it.address.projects);
            projects.any(|it| *it.id == *reference)
        };
        self.tenants.iter().filter(names).map(|it| match &it.particulars().managed_by {
            Some(manager) => format!("the tenant {} has it, which {manager} manages", it.id),
            None => format!("the tenant {} of {} has it", it.id, it.origin),
        })
    }

    /// Rows that name nothing on the list are told of: one of them may lead there by a name of its own.
    fn told(&self, reference: &str) -> String {
        let is_placed = |tenant: &Tenant| {
            let mut projects = tenant.targets.iter().flat_map(|it| &it.address.projects);
            projects.any(|it| self.inventory.has(&it.id))
        };
        let caution = match self.tenants.iter().filter(|it| !is_placed(it)).count() {
            0 => String::new(),
            some => format!(
                "; the rows of {} name no project on the list: see that none of them leads to this one",
                counted(some)
            ),
        };
        let name = self.inventory.listed(reference).map(|it| &*it.name).unwrap_or_default();
        format!(
            "the project {reference}, called {name:?}, would be deleted with all that is in it{caution}"
        )
    }
}

fn counted(tenants: usize) -> String {
    format!("{tenants} tenant{}", if tenants == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::inventory::{Listed, Made};

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    fn operation(number: u128) -> OperationId {
        OperationId::of(number)
    }

    /// A project that the first operation made for acme, whose name says so.
    fn inventory() -> Inventory {
        let name = operation(1).project_name(&tenant("acme"));
        let project = Listed {
            reference: "p".into(),
            name,
            condition: Condition::Standing,
            created_at: None,
            since: Timestamp::UNIX_EPOCH,
            branch: false,
        };
        let made = Made { reference: "p".into(), operation: operation(1), tenant: tenant("acme") };
        Inventory { projects: vec![project], made: vec![made], ..Inventory::default() }
    }

    fn case(inventory: &Inventory) -> Case<'_> {
        let ties = BTreeSet::new();
        Case { inventory, tenants: &[], ties, claimed: Some(operation(1)), whose: Whose::Ours }
    }

    #[track_caller]
    fn check(case: &Case<'_>, expected: &[&str]) {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
        let told = case.objections("p", now);
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{told} is not about {expected}");
        }
    }

    #[test]
    fn what_an_operation_of_ours_made_and_nobody_has_can_go() {
        check(&case(&inventory()), &[]);
    }

    #[test]
    fn whoever_speaks_for_it_keeps_it() {
        let inventory = inventory();
        check(&Case { claimed: Some(operation(2)), ..case(&inventory) }, &["claims it"]);
        let ties = [tenant("globex")].into();
        check(&Case { ties, ..case(&inventory) }, &["that of globex"]);
    }

    #[test]
    fn an_operation_that_is_not_done_keeps_it() {
        let busy = Inventory { busy: [operation(1)].into(), ..inventory() };
        check(&case(&busy), &["is not done with it"]);
        let moving = Inventory { moving: [tenant("acme")].into(), ..inventory() };
        check(&case(&moving), &["an operation of acme runs"]);
    }

    #[test]
    fn a_name_alone_or_the_store_alone_makes_it_not_ours() {
        let unknown = Inventory { made: Vec::new(), ..inventory() };
        check(&Case { claimed: None, ..case(&unknown) }, &["--not-ours"]);
        check(&Case { claimed: None, whose: Whose::Anybodys, ..case(&unknown) }, &[]);
        let mut renamed = inventory();
        renamed.projects[0].name = "acme".into();
        check(&case(&renamed), &["--not-ours"]);
    }
}
