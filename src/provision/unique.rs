//! Whether a database is the new tenant's alone, and how it is.
//!
//! Why every tenant is visited: what the last scan saw of a tenant is what was, and the database that was handed out
//! twice may have been handed to that one since.
//!
//! Why a tenant that does not answer can stand against it: where all that is known of its database is what the new one
//! says of itself too, nobody can tell them apart, and unknown is never green.
//!
//! Invariant: whoever is found in the database is on the disk before the step fails, so that undoing it, now or after a
//! crash, deletes nothing of theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::connect::{self, login};
use super::drive::{Course, Trouble, visited};
use super::keep::Patience;
use super::whose;
use crate::daemon::Daemon;
use crate::daemon::beside::Company;
use crate::model::change::Identity;
use crate::model::finding::{Finding, Health, Verdict};
use crate::model::operation::OperationState;
use crate::model::report::{Report, TenantReport};
use crate::model::tenant::{TargetName, TenantId};
use crate::registry::row::RawRow;

/// What is to be proven, for people.
const PROVEN: &str = "the database is its own";

pub(super) async fn verify(course: &mut Course<'_>) -> Result<(), Trouble> {
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    loop {
        let doubts = match compared(course, connect::row(course)?).await? {
            Compared::Alone => return Ok(()),
            Compared::With(tenants) => return Err(whose::handed_out_twice(course, tenants).await?),
            Compared::Unproven { doubts, .. } => doubts,
        };
        tracing::debug!(operation = %course.id(), "not proven yet that {PROVEN}: {doubts}");
        if !patience.wait().await {
            return Err(Trouble::failed(format!("it could not be proven that {PROVEN}: {doubts}")));
        }
    }
}

/// Of the new database and everybody else's.
pub(super) enum Compared {
    Alone,
    With(BTreeSet<TenantId>),
    Unproven {
        doubts: String,
        /// Those who did not answer, and of whom all that is known fits the new database too.
        alike: BTreeSet<TenantId>,
    },
}

/// The database that the row leads to, and that of everybody else.
pub(super) async fn compared(course: &Course<'_>, row: RawRow) -> Result<Compared, Trouble> {
    let mut rows = others_in_flight(course).await?;
    rows.push(row);
    let report = course.daemon.look_beside(rows, Company::Fleet, course.stop).await?;
    let known = known(course.daemon).await?;
    Ok(judge(&course.visited(), &report, &known))
}

/// Operations that have come as far as a database: none of them may have the same one.
async fn others_in_flight(course: &Course<'_>) -> Result<Vec<RawRow>, Trouble> {
    let own = course.id().clone();
    let read = course.stored("read the operations that run", move |store| {
        let mut others = Vec::new();
        for other in store.operations_in(OperationState::Running)? {
            if other.id != own
                && let Some(work) = store.operation_work::<super::work::Work>(&other.id)?
            {
                others.push((other.tenant, work));
            }
        }
        Ok(others)
    });
    let others = read.await?.into_iter();
    // Those that know no database yet have no login.
    Ok(others.filter_map(|(tenant, work)| login(&visited(&tenant, &work), &work).ok()).collect())
}

fn judge(tenant: &TenantId, report: &Report, known: &BTreeMap<TenantId, Identity>) -> Compared {
    let unproven = |doubts| Compared::Unproven { doubts, alike: BTreeSet::new() };
    let Some(own) = report.tenants.iter().find(|it| it.id == *tenant) else {
        return unproven("it was not looked at".to_owned());
    };
    let with = sharers(tenant, &report.findings);
    if !with.is_empty() {
        return Compared::With(with);
    }
    if own.isolation != Verdict::Isolated {
        let accused = report.findings.iter().filter(|it| it.claim.tenants.contains(tenant));
        let told = accused.map(|it| it.claim.summary.clone()).chain(own.doubts.iter().cloned());
        return unproven(told.collect::<Vec<_>>().join("; "));
    }
    let alike = alike(own, report, known);
    if alike.is_empty() {
        return Compared::Alone;
    }
    let doubts = format!(
        "{} did not answer, and what is known of the database there fits this one too",
        names(&alike)
    );
    Compared::Unproven { doubts, alike }
}

pub(super) fn sharers(tenant: &TenantId, findings: &[Finding]) -> BTreeSet<TenantId> {
    findings
        .iter()
        .filter(|it| it.claim.kind.breaches() && it.claim.tenants.contains(tenant))
        .flat_map(|it| it.claim.tenants.iter().filter(|it| *it != tenant).cloned())
        .collect()
}

pub(super) fn names(tenants: &BTreeSet<TenantId>) -> String {
    tenants.iter().map(TenantId::as_str).collect::<Vec<_>>().join(", ")
}

/// Those that were not seen, and of which all that is known fits the database of `own` as well.
pub(super) fn alike(
    own: &TenantReport,
    report: &Report,
    known: &BTreeMap<TenantId, Identity>,
) -> BTreeSet<TenantId> {
    let unseen = report.tenants.iter().filter(|it| it.id != own.id && !was_seen(it));
    let alike = unseen.filter(|it| known.get(&it.id).is_some_and(|it| could_be(it, own)));
    alike.map(|it| it.id.clone()).collect()
}

/// The identity that each tenant's own database is known by.
pub(super) async fn known(daemon: &Daemon) -> anyhow::Result<BTreeMap<TenantId, Identity>> {
    let known = daemon.stored("read the known identities", |store| Ok(store.baselines()?));
    let own = known.await?.into_iter().filter(|it| it.target == TargetName::DatabaseUrl);
    Ok(own.map(|it| (it.tenant, it.identity)).collect())
}

fn was_seen(tenant: &TenantReport) -> bool {
    tenant.targets.first().is_some_and(|it| it.fingerprint.is_some())
}

/// Whether the identity that was seen once fits the new database. Two projects at a provider are two.
fn could_be(known: &Identity, own: &TenantReport) -> bool {
    let Some(target) = own.targets.first() else { return false };
    let Some(seen) = &target.fingerprint else { return true };
    let apart = match (&known.project_id, target.address.project_id()) {
        (Some(there), Some(here)) => **there != *here,
        _ => false,
    };
    !apart
        && known.system_identifier == seen.system_identifier
        && known.database_oid == seen.database_oid
}

/// Whether nobody else has the database, for pre-flight: what is unproven is not passed.
pub(super) fn alone(tenant: &TenantId, report: &Report) -> Result<String, String> {
    match judge(tenant, report, &BTreeMap::new()) {
        Compared::Alone => Ok("no other tenant has it".to_owned()),
        Compared::With(tenants) => Err(format!("it is that of {}", names(&tenants))),
        Compared::Unproven { doubts, .. } => Err(doubts),
    }
}

/// Whether it can serve.
pub(super) async fn examine(course: &mut Course<'_>) -> Result<(), Trouble> {
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    loop {
        let report = connect::alone(course).await?;
        let (health, why) = health(&report, &course.visited());
        match health {
            Health::Healthy | Health::Degraded => return Ok(()),
            Health::Unhealthy | Health::Unknown if patience.wait().await => {}
            Health::Unhealthy | Health::Unknown => {
                return Err(Trouble::failed(format!("the database cannot serve: {why}")));
            }
        }
    }
}

/// Of the tenant's own database, with why it is not well.
pub(super) fn health(report: &Report, tenant: &TenantId) -> (Health, String) {
    let Some(own) = report.tenants.iter().find(|it| it.id == *tenant) else {
        return (Health::Unknown, "it was not looked at".to_owned());
    };
    let cause = own.cause.map_or("no cause is known", |it| it.label());
    let detail = own.targets.first().and_then(|it| it.detail.as_deref());
    let why = detail.map_or_else(|| cause.to_owned(), |it| format!("{cause}: {it}"));
    (own.health, why)
}
