//! The project: made once, found again, and made absent.
//!
//! Why the name is asked for before anything is made: it carries the operation, so whatever bears it is ours, made by a
//! request whose answer was lost, or by a process that died. It is adopted, and what stands twice is taken away.
//!
//! Why a lost answer ends the step after a while: whoever asks a provider a second time for what it may be about to make
//! has two projects, and knows of one. Undoing looks the name up for as long as the request may still be on its way.
//!
//! Invariants, of a project that is deleted:
//! - an operation of this store was given it, and its name carries that operation;
//! - no tenant of the registry names it, and no witness has tied another tenant to its database.

use std::collections::BTreeSet;
use std::time::Duration;

use super::drive::{Course, Trouble};
use super::keep::{self, Patience};
use super::unique;
use super::whose;
use crate::clock;
use crate::model::operation::{Happened, OperationId, Step};
use crate::provider::{NewProject, Project, ProjectState, Provider, ProviderError};
use crate::store::Store;
use crate::store::claims::{Claimed, Given};

/// What claims of projects begin with.
const PROJECTS: &str = "project/";

pub(super) async fn create(course: &mut Course<'_>) -> Result<(), Trouble> {
    if course.work.request.database_url.is_some() || course.work.reference.is_some() {
        return Ok(());
    }
    // A process before us may have asked already.
    let looks =
        if course.was_begun(Step::CreateProject) { Looks::UntilSettled } else { Looks::Once };
    let project = match found(course, looks).await? {
        Some(project) => project,
        None => made(course).await?,
    };
    take(course, &project).await
}

/// How long absence is doubted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    Once,
    /// Until what is still on its way must have arrived.
    UntilSettled,
}

/// The project of this operation, if there is one. Of several all but the first are taken away.
async fn found(course: &Course<'_>, looks: Looks) -> Result<Option<Project>, Trouble> {
    let mut settling = Patience::new(&course.equipment, course.equipment.options.settling());
    loop {
        let mut found = named(course).await?;
        if !found.is_empty() {
            let first = found.remove(0);
            for double in found {
                give(course, &double).await?;
                remove(course, &double.reference, course.id()).await?;
            }
            return Ok(Some(first));
        }
        if looks == Looks::Once || !settling.wait().await {
            return Ok(None);
        }
    }
}

/// Those of this operation's name that are not on their way out, in an order that stays the same.
async fn named(course: &Course<'_>) -> Result<Vec<Project>, Trouble> {
    let name = course.project_name();
    let provider = &course.equipment.provider;
    let mut patience = Patience::new(&course.equipment, course.equipment.options.ready_timeout);
    let found = keep::read(&mut patience, || provider.named(&name)).await;
    let mut found = found.map_err(Trouble::of)?;
    found.retain(|it| it.state != ProjectState::Going);
    found.sort_by(|one, other| one.reference.cmp(&other.reference));
    Ok(found)
}

/// Asks for it once, and again only where nothing was done.
async fn made(course: &Course<'_>) -> Result<Project, Trouble> {
    let wanted = NewProject { name: course.project_name(), password: course.work.password() };
    let mut patience = Patience::new(&course.equipment, course.equipment.options.ready_timeout);
    loop {
        match course.equipment.provider.create(&wanted).await {
            Ok(project) => return Ok(project),
            Err(error @ ProviderError::Unknown { .. }) => {
                let lost = Trouble::of(error);
                return found(course, Looks::UntilSettled).await?.ok_or(lost);
            }
            Err(error) if patience.outlasts(&error).await => {}
            Err(error) => return Err(Trouble::of(error)),
        }
    }
}

/// What a project is claimed as.
pub(super) fn claim(provider: &str, reference: &str) -> String {
    format!("{PROJECTS}{provider}/{reference}")
}

/// From now on the project is this operation's, on the disk, unless somebody has it.
async fn take(course: &mut Course<'_>, project: &Project) -> Result<(), Trouble> {
    give(course, project).await?;
    let claim = claim(course.equipment.provider.kind().label(), &project.reference);
    claim_for(course, BTreeSet::from([claim])).await?;
    let fleet = course.daemon.fleet_now().await?;
    let holders: BTreeSet<_> =
        whose::in_registry(&fleet.tenants, course.tenant(), &project.reference).collect();
    if !holders.is_empty() {
        return Err(whose::handed_out_twice(course, holders).await?);
    }
    course.work.reference = Some(project.reference.clone());
    course.keep_work().await
}

/// Claims what an operation was given, or fails because another tenant has it.
pub(super) async fn claim_for(
    course: &Course<'_>,
    identities: BTreeSet<String>,
) -> Result<(), Trouble> {
    let (id, tenant) = (course.id().clone(), course.tenant().clone());
    let claim = move |store: &Store| Ok(store.claim(&id, &tenant, &identities)?);
    match course.stored("claim a database", claim).await? {
        Claimed::ByUs => Ok(()),
        Claimed::By(_, holder) => {
            Err(whose::handed_out_twice(course, BTreeSet::from([holder])).await?)
        }
    }
}

async fn give(course: &Course<'_>, project: &Project) -> Result<(), Trouble> {
    let given = Given {
        provider: course.equipment.provider.kind().label().into(),
        reference: project.reference.clone(),
        operation: course.id().clone(),
        tenant: course.tenant().clone(),
    };
    course
        .stored("note a project", move |store| Ok(store.give_project(&given, clock::now())?))
        .await
}

/// Whatever this operation may have made is not there any more, or stays because it is not ours to take away.
pub(super) async fn ensure_absent(course: &mut Course<'_>) -> Result<(), Trouble> {
    if course.work.request.database_url.is_some() {
        return Ok(());
    }
    let mut settling = Patience::new(&course.equipment, unsettled(course));
    loop {
        // Taking one away may last longer than another takes to be listed: the last look comes after the last moment.
        let is_last = settling.is_over();
        let mut references: BTreeSet<Box<str>> = BTreeSet::new();
        for project in named(course).await? {
            give(course, &project).await?;
            references.insert(project.reference);
        }
        let id = course.id().clone();
        let given = course
            .stored("read the projects of operations", move |store| Ok(store.projects_of(&id)?));
        references.extend(given.await?.into_iter().map(|it| it.reference));
        for reference in references {
            remove(course, &reference, course.id()).await?;
        }
        if is_last {
            return Ok(());
        }
        settling.wait().await;
    }
}

/// For how long something that this operation asked for may still show. A creation whose answer is known cannot be on its
/// way any more, but what was made twice of it may not be listed yet.
fn unsettled(course: &Course<'_>) -> Duration {
    let settling = course.equipment.options.settling();
    let begun = Happened::Started(Step::CreateProject);
    let begun = course.operation.log.iter().rev().find(|it| it.happened == begun);
    let answered = course.was_done(Step::CreateProject) && !course.was_begun(Step::CreateProject);
    match begun {
        Some(begun) if answered => {
            let since: Duration =
                clock::now().duration_since(begun.at).try_into().unwrap_or_default();
            settling.saturating_sub(since)
        }
        _ => settling,
    }
}

/// Deletes one project, where it is ours to delete: `maker` was given it, and its name must carry that operation.
pub(super) async fn remove(
    course: &Course<'_>,
    reference: &str,
    maker: &OperationId,
) -> Result<(), Trouble> {
    let provider = &course.equipment.provider;
    let mut patience = Patience::new(&course.equipment, course.equipment.options.undoing());
    let there = keep::read(&mut patience, || provider.project(reference)).await;
    let Some(project) = there.map_err(Trouble::of)? else { return gone(course, reference).await };
    if project.state == ProjectState::Going {
        return gone(course, reference).await;
    }
    if OperationId::in_name(&project.name).as_ref() != Some(maker) {
        return Err(Trouble::failed(format!(
            "the project {reference} stays: its name does not carry the operation {maker}, so nothing says that we made it"
        )));
    }
    let tied = whose::tied(course, reference, maker).await?;
    if !tied.is_empty() {
        return Err(Trouble::failed(format!(
            "the project {reference} stays: its database is that of {}, or cannot be told from it",
            unique::names(&tied)
        )));
    }
    delete(course, reference).await
}

async fn delete(course: &Course<'_>, reference: &str) -> Result<(), Trouble> {
    let provider = &course.equipment.provider;
    let mut patience = Patience::new(&course.equipment, course.equipment.options.undoing());
    absent(&**provider, &mut patience, reference).await.map_err(|error| match error {
        Stays::Failed(error) => Trouble::of(error),
        error @ Stays::There(_) => Trouble::failed(error.to_string()),
    })?;
    gone(course, reference).await
}

/// Why a project is there after its deletion.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stays {
    #[error("the provider does not delete it")]
    Failed(#[source] ProviderError),
    #[error("the project {0} was deleted and is still there")]
    There(Box<str>),
}

/// Until the provider has it no more, or there is no patience left.
pub(super) async fn absent(
    provider: &dyn Provider,
    patience: &mut Patience,
    reference: &str,
) -> Result<(), Stays> {
    loop {
        // Whatever the answer says, the provider's own list decides.
        let asked = provider.delete(reference).await;
        match provider.project(reference).await {
            Ok(None) => return Ok(()),
            Ok(Some(it)) if it.state == ProjectState::Going => return Ok(()),
            Ok(Some(_)) | Err(_) => {}
        }
        if let Err(error) = asked {
            if !patience.outlasts(&error).await {
                return Err(Stays::Failed(error));
            }
        } else if !patience.wait().await {
            return Err(Stays::There(reference.into()));
        }
    }
}

async fn gone(course: &Course<'_>, reference: &str) -> Result<(), Trouble> {
    let (provider, reference) = (course.equipment.provider.kind().label(), reference.to_owned());
    course
        .stored("note that a project is gone", move |store| {
            Ok(store.project_gone(provider, &reference, clock::now())?)
        })
        .await
}

/// What a lost answer left beside the project that was adopted, taken away before anybody is led there.
pub(super) async fn sweep(course: &Course<'_>) -> Result<(), Trouble> {
    if course.work.request.database_url.is_some() {
        return Ok(());
    }
    for project in named(course).await? {
        if Some(&project.reference) != course.work.reference.as_ref() {
            tracing::warn!(operation = %course.id(), "a second project of one operation is taken away");
            give(course, &project).await?;
            remove(course, &project.reference, course.id()).await?;
        }
    }
    Ok(())
}
