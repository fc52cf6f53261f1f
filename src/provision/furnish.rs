//! What is written into a new database: our stamp, and the platform's own setup.
//!
//! Why the stamp comes first: a setup can take long and fail, and whoever finds the database in the meantime must find
//! whose it is. Why nobody else must have been seen there before: a stamp in another's database is a change of it, and
//! accuses it in the next scan.

use std::collections::BTreeSet;

use super::drive::{Course, Trouble};
use super::keep::Patience;
use super::work::StampedOver;
use super::{connect, unique};
use crate::clock;
use crate::model::tenant::{Origin, TargetName};
use crate::probe::errand::Errand;
use crate::registry::STORE;
use crate::registry::tenant::{Trust, build};
use crate::setup::{self, SetupTenant};
use crate::stamp::erase;
use crate::stamp::write::{self, StampError, Writer};
use crate::store::Store;

pub(super) async fn stamp(course: &mut Course<'_>) -> Result<(), Trouble> {
    if !course.equipment.options.stamp {
        return Ok(());
    }
    let keys = course.equipment.options.stamp_keys.read().map_err(Trouble::of)?;
    let Some(keys) = keys else {
        return Err(Trouble::failed("stamps are asked for, and there is no `secrets.stamp_key`"));
    };
    unique::verify(course).await?;
    let (errand, prober) = (errand(course)?, course.daemon.prober());
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    let draft = loop {
        match write::draft(&prober, &keys, &errand, Writer::Ourselves, clock::now()).await {
            Ok(draft) => break draft,
            Err(StampError::Reach { .. }) if patience.wait().await => {}
            Err(error) => return Err(Trouble::of(error)),
        }
    };
    // Only the first look sees what was there before us.
    if course.work.request.database_url.is_some() && course.work.stamped_over.is_none() {
        let comment = draft.before().map(Into::into);
        course.work.stamped_over = Some(StampedOver { comment });
        course.keep_work().await?;
    }
    // Known before it stands there: whoever dies in between finds no stamp that nobody knows.
    let seen = draft.intended(&TargetName::DatabaseUrl);
    let intended = [seen.clone()];
    let intend = move |store: &Store| Ok(store.intend_stamps(&intended)?);
    course.stored("remember a stamp that is to be written", intend).await?;
    draft.write().await.map_err(Trouble::of)?;
    if course.work.moving.is_some() {
        // Until the registry leads there, the stamp of the old database is the one that stands.
        return Ok(());
    }
    course.stored("remember a stamp", move |store| Ok(store.confirm_stamps(&[seen])?)).await
}

/// A database that was brought is left as it was. One that was made goes with its project. Of a tenant that moves, the stamp
/// of its old database is the one that stands.
pub(super) async fn take_stamp_away(course: &mut Course<'_>) -> Result<(), Trouble> {
    if course.work.moving.is_some() {
        let tenant = course.tenant().clone();
        let withdraw =
            move |store: &Store| Ok(store.withdraw_stamp(&tenant, &TargetName::DatabaseUrl)?);
        return course.stored("withdraw a stamp", withdraw).await;
    }
    if let Some(over) = course.work.stamped_over.clone() {
        let tenant = course.tenant().clone();
        let read = move |store: &Store| {
            let known = store.stamps()?.into_iter().filter(|it| it.tenant == tenant);
            Ok(known.flat_map(|it| [it.current, it.next]).flatten().collect::<Vec<_>>())
        };
        let ours = course.stored("read a stamp", read).await?;
        let (errand, prober) = (errand(course)?, course.daemon.prober());
        let mut patience = Patience::new(&course.equipment, course.equipment.options.undoing());
        loop {
            match erase::erase(&prober, &errand, &ours, over.comment.as_deref()).await {
                Ok(()) => break,
                Err(StampError::Reach { .. }) if patience.wait().await => {}
                Err(error) => return Err(Trouble::of(error)),
            }
        }
    }
    let tenants = BTreeSet::from([course.tenant().clone()]);
    course.stored("forget a stamp", move |store| Ok(store.forget_stamps(&tenants)?)).await
}

/// The way to the database, with the project that the registry will name.
fn errand(course: &Course<'_>) -> Result<Errand, Trouble> {
    let row = connect::row(course)?;
    let built = build(&row, &Origin { source: STORE.into(), line: None }, Trust::Values, None);
    let (target, access) = built
        .tenant
        .targets
        .first()
        .zip(built.access.first())
        .ok_or_else(|| Trouble::failed("no database is known yet"))?;
    Ok(Errand::of_application(course.tenant(), &target.address, access))
}

pub(super) async fn set_up(course: &mut Course<'_>) -> Result<(), Trouble> {
    let Some(plan) = course.equipment.options.setup.clone() else { return Ok(()) };
    // A process before us may have left it minutes ago, and its server with it.
    unique::examine(course).await?;
    let url = course.work.url().ok_or_else(|| Trouble::failed("no database is known yet"))?;
    let request = &course.work.request;
    let tenant =
        SetupTenant { id: course.tenant(), name: &request.name, subdomain: &request.subdomain };
    let done = setup::run(&plan, &course.daemon.prober(), &url, tenant, course.stop).await;
    done.map(drop).map_err(Trouble::of)
}
