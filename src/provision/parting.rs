//! A tenant that leaves: nobody is led there any more, it can be called back for a while, and then its project goes.
//!
//! Why nothing is deleted at once: whoever takes the wrong customer away notices the next day.
//!
//! Invariants:
//! - the row is kept before it is taken out of the registry, so that calling back puts the same one there again;
//! - past the deletion nothing is called back: what cannot be finished is told to a person.

use std::time::Duration;

use jiff::Timestamp;

use super::drive::{Course, Trouble};
use super::project;
use super::work::Leaving;
use crate::clock;
use crate::registry::row::RawRow;
use crate::store::Store;

/// A clock that is set is noticed within so long.
const LOOK_AT_THE_CLOCK: Duration = Duration::from_mins(1);

pub(super) async fn suspend(course: &mut Course<'_>) -> Result<(), Trouble> {
    let tenant = course.tenant().clone();
    let read = move |store: &Store| Ok(store.tenant::<RawRow>(&tenant)?);
    let row = course.stored("read a tenant", read).await?;
    let leaving = leaving(course)?;
    if let Some(row) = row {
        course.work.leaving = Some(Leaving { row: Some(row), ..leaving });
        course.keep_work().await?;
    } else if leaving.row.is_none() {
        return Err(Trouble::failed("the store has no such tenant any more"));
    }
    course.daemon.lead_nowhere(course.tenant());
    let tenant = course.tenant().clone();
    let remove = move |store: &Store| Ok(store.remove_tenants(&[tenant].into())?);
    course.stored("take a tenant out of the registry", remove).await?;
    Ok(())
}

/// As it was.
pub(super) async fn call_back(course: &mut Course<'_>) -> Result<(), Trouble> {
    let Some(row) = leaving(course)?.row else { return Ok(()) };
    let tenant = course.tenant().clone();
    let put = move |store: &Store| Ok(store.put_tenants(&[(tenant, row)])?);
    course.stored("put a tenant back into the registry", put).await?;
    course.daemon.lead_again(course.tenant());
    Ok(())
}

pub(super) async fn grace(course: &mut Course<'_>) -> Result<(), Trouble> {
    let until = leaving(course)?.until;
    let until = Timestamp::from_microsecond(until).unwrap_or(Timestamp::MAX);
    loop {
        let left: Duration = until.duration_since(clock::now()).try_into().unwrap_or_default();
        if left.is_zero() {
            return Ok(());
        }
        tokio::time::sleep(left.min(LOOK_AT_THE_CLOCK)).await;
    }
}

/// What no operation of this store was given is not ours to delete: it stays at its provider.
pub(super) async fn delete(course: &mut Course<'_>) -> Result<(), Trouble> {
    let tenant = course.tenant().clone();
    let read = move |store: &Store| Ok(store.projects_of_tenant(&tenant)?);
    let provider = course.equipment.provider.kind().label();
    for given in course.stored("read a tenant's projects", read).await? {
        if *given.provider != *provider {
            return Err(Trouble::failed(format!(
                "its project {} is at {}, which is not configured any more",
                given.reference, given.provider
            )));
        }
        project::remove(course, &given.reference, &given.operation).await?;
    }
    // Of those too that a process before us saw gone, and died.
    let tenant = course.tenant().clone();
    let release = move |store: &Store| Ok(store.release_gone(&tenant)?);
    course.stored("let go of what is gone", release).await
}

pub(super) async fn bury(course: &mut Course<'_>) -> Result<(), Trouble> {
    let (tenant, id) = (course.tenant().clone(), course.id().clone());
    let row = leaving(course)?.row;
    let bury = move |store: &Store| {
        store.forget_stamps(&[tenant.clone()].into())?;
        Ok(store.bury_tenant(&tenant, &id, &row, clock::now())?)
    };
    course.stored("bury a tenant", bury).await
}

pub(super) fn leaving(course: &Course<'_>) -> Result<Leaving, Trouble> {
    let leaving = course.work.leaving.clone();
    leaving.ok_or_else(|| {
        Trouble::Fault(anyhow::anyhow!("the operation is not of a tenant that leaves"))
    })
}
