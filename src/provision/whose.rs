//! Whose a project's database is, asked before the project is deleted.
//!
//! Why a witness is asked even where the operation came to no database of its own: a provider that handed out one in use
//! did so when it made the project, and an operation that is cancelled a second later deletes it all the same.
//!
//! Why a project on its way up is waited for: what it will stand on cannot be compared before it does, and a deletion that
//! was sent meanwhile may be done later.
//!
//! What cannot be looked at is deleted: a project that never comes up, that leads where nothing may be looked at, or that
//! does not let us in was never anybody's, as far as the registry, the store and every other tenant's database tell.
//!
//! Why a tenant that leaves is looked at by its row only where that leads into the project: one that was led elsewhere by
//! hand says nothing of the project that goes. The operation that made it knows the way; where that is forgotten, the
//! project stays, because somebody has lived in it.
//!
//! Invariant: whoever is found in the database is on the disk before the step fails, so that undoing it, now or after a
//! crash, deletes nothing of theirs.

use std::collections::BTreeSet;

use super::connect::login;
use super::drive::{Course, Trouble};
use super::keep::{self, Patience};
use super::left;
use super::unique::{self, Compared, names};
use super::work::{Leaving, Work};
use crate::model::operation::{OperationId, Step};
use crate::model::tenant::{Tenant, TenantId};
use crate::provider::{ProviderError, Readiness};
use crate::registry::row::RawRow;
use crate::store::Store;

/// Whose database the project's is, or cannot be told from, beside the one that it was made for.
pub(super) async fn tied(
    course: &Course<'_>,
    reference: &str,
    maker: &OperationId,
) -> Result<BTreeSet<TenantId>, Trouble> {
    let id = maker.clone();
    let read = course.stored("read whom a database belongs to", move |it| Ok(it.ties(&id)?));
    let mut tied = read.await?;
    let fleet = course.daemon.fleet_now().await?;
    tied.extend(in_registry(&fleet.tenants, course.tenant(), reference));
    if !tied.is_empty() || is_proven(course, reference) {
        return Ok(tied);
    }
    if let Some(row) = row(course, reference, maker).await? {
        tied = neighbours(course, row).await?;
    }
    if !tied.is_empty() && maker == course.id() {
        tie(course, tied.clone()).await?;
    }
    Ok(tied)
}

/// The tenants whose rows name the project.
pub(super) fn in_registry<'a>(
    tenants: &'a [Tenant],
    own: &'a TenantId,
    reference: &'a str,
) -> impl Iterator<Item = TenantId> + 'a {
    let names = |tenant: &Tenant| {
        let mut projects = tenant.targets.iter().flat_map(|it| &it.address.projects);
        projects.any(|it| *it.id == *reference)
    };
    tenants.iter().filter(move |it| it.id != *own && names(it)).map(|it| it.id.clone())
}

fn is_proven(course: &Course<'_>, reference: &str) -> bool {
    course.was_done(Step::VerifyUnique) && course.work.reference.as_deref() == Some(reference)
}

/// Who is found there. Where nobody can be, who does not answer and may be.
async fn neighbours(course: &Course<'_>, row: RawRow) -> Result<BTreeSet<TenantId>, Trouble> {
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    loop {
        match unique::compared(course, row.clone()).await? {
            Compared::Alone => return Ok(BTreeSet::new()),
            Compared::With(tenants) => return Ok(tenants),
            Compared::Unproven { .. } if patience.wait().await => {}
            Compared::Unproven { doubts, alike } => {
                tracing::debug!(operation = %course.id(), "it stays unknown whose the database is: {doubts}");
                return Ok(alike);
            }
        }
    }
}

/// The way to the project's database; `None` where there is none, or none that may be taken.
async fn row(
    course: &Course<'_>,
    reference: &str,
    maker: &OperationId,
) -> Result<Option<RawRow>, Trouble> {
    let mut work = match &course.work.leaving {
        Some(leaving) => {
            if let Some(row) = row_of_left(course, leaving, reference).await? {
                return Ok(Some(row));
            }
            work_of(course, reference, maker).await?
        }
        None => course.work.clone(),
    };
    let known = work.reference.as_deref().is_none_or(|it| it == reference);
    if known && work.url().is_some() {
        return of_work(course, &work).map(Some);
    }
    if !comes_up(course, reference).await? {
        return Ok(None);
    }
    let (provider, password) = (&course.equipment.provider, work.password());
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    match keep::read(&mut patience, || provider.url(reference, &password)).await {
        Ok(url) => work.led_to(&url),
        Err(ProviderError::Untrusted { .. }) => return Ok(None),
        Err(error) => return Err(Trouble::of(error)),
    }
    work.reference = Some(reference.into());
    of_work(course, &work).map(Some)
}

fn of_work(course: &Course<'_>, work: &Work) -> Result<RawRow, Trouble> {
    let row = login(&course.visited(), work)?;
    // The operation that moved the tenant here looked beside it, and by now it is the tenant itself.
    let own = row.clone_of.as_deref() == Some(course.visited().as_str());
    Ok(if own { RawRow { clone_of: None, ..row } } else { row })
}

/// The tenant's own way, where it leads into the project. A password that cannot be read is no reason to delete unseen.
async fn row_of_left(
    course: &Course<'_>,
    leaving: &Leaving,
    reference: &str,
) -> Result<Option<RawRow>, Trouble> {
    let Some(row) = &leaving.row else { return Ok(None) };
    let tenant = course.tenant().clone();
    let read = move |store: &Store| Ok(store.projects_ever_of_tenant(&tenant)?);
    let ever = course.stored("read a tenant's projects", read).await?;
    if !left::leads_into(row, reference, left::Given::of(ever.len())) {
        return Ok(None);
    }
    left::access(&left::built(row))?.application_secret().map_err(Trouble::of)?;
    left::row(course.tenant(), row).map(Some)
}

/// What the operation knows that made the project.
async fn work_of(
    course: &Course<'_>,
    reference: &str,
    maker: &OperationId,
) -> Result<Work, Trouble> {
    let id = maker.clone();
    let read = move |store: &Store| Ok(store.operation_work::<Work>(&id)?);
    let work = course.stored("read what an operation needs", read).await?;
    work.ok_or_else(|| {
        Trouble::failed(format!(
            "the project {reference} stays: the tenant's row does not lead into it, and its password is known no more, so nobody can look whose its database is"
        ))
    })
}

async fn comes_up(course: &Course<'_>, reference: &str) -> Result<bool, Trouble> {
    let (provider, options) = (&course.equipment.provider, &course.equipment.options);
    let mut coming = Patience::new(&course.equipment, options.answering());
    let mut asking = Patience::new(&course.equipment, options.undoing());
    loop {
        match keep::read(&mut asking, || provider.readiness(reference)).await {
            Ok(Readiness::Ready) => return Ok(true),
            Ok(Readiness::Coming(_) | Readiness::Absent) if coming.wait().await => {}
            Ok(Readiness::Coming(_) | Readiness::Absent | Readiness::Failed(_)) => {
                return Ok(false);
            }
            Err(error) => return Err(Trouble::of(error)),
        }
    }
}

/// Notes whose database it is, and says so.
pub(super) async fn handed_out_twice(
    course: &Course<'_>,
    tenants: BTreeSet<TenantId>,
) -> Result<Trouble, Trouble> {
    let owners = names(&tenants);
    tie(course, tenants).await?;
    Ok(Trouble::failed(format!(
        "the provider handed out a database that is in use: it is that of {owners}"
    )))
}

async fn tie(course: &Course<'_>, tenants: BTreeSet<TenantId>) -> Result<(), Trouble> {
    let id = course.id().clone();
    let tie = move |store: &Store| Ok(store.tie(&id, &tenants)?);
    course.stored("note whom a database belongs to", tie).await
}
