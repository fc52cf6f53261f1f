//! What is left to do once a tenant has moved, or has not: its stamp is taken out of the old database, what was claimed is
//! let go, and the dump goes.
//!
//! Why it is kept beside the operation and not done by the last step alone: that step succeeds with the registry's change,
//! and nobody comes back to an operation that has succeeded. A stamp that stays would accuse whoever stays.
//!
//! Invariant: it may be done twice, and a start that finds nothing open does nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::work::Work;
use super::super::{Provisioner, connect};
use crate::daemon::Daemon;
use crate::model::operation::{Operation, OperationId, OperationKind, OperationState};
use crate::moving::transfer;
use crate::probe::errand::Errand;
use crate::secret::Secret;
use crate::stamp::erase;
use crate::store::Store;

/// Between the store's name and the operation's.
const DUMP: &str = ".rehome-";

/// Of the operation's dump: beside the store, named after the operation.
pub(super) fn directory(store: &Path, operation: &OperationId) -> PathBuf {
    let mut name: OsString = store.as_os_str().to_owned();
    name.push(format!("{DUMP}{operation}"));
    name.into()
}

/// A stamp that cannot be taken away now is tried again at the next start.
pub(super) async fn take(
    daemon: &Daemon,
    operation: &Operation,
    mut work: Work,
) -> anyhow::Result<()> {
    let Some(moving) = &mut work.moving else { return Ok(()) };
    let Some(farewell) = moving.farewell.take() else { return Ok(()) };
    let id = operation.id.clone();
    let release = move |store: &Store| Ok(store.release_claims(&id, connect::DATABASES)?);
    daemon.stored("let go of what was claimed", release).await?;
    if let Some(stamp) = farewell.stamp
        && let Err(error) = unstamp(daemon, operation, &moving.url(), stamp).await
    {
        tracing::warn!(tenant = %operation.tenant, "its stamp is left in the old database, and whoever lives there will be told to bear it; it is tried again at the next start, or drop the schema `watertight` there: {error:#}");
        return Ok(());
    }
    let id = operation.id.clone();
    let keep = move |store: &Store| Ok(store.keep_operation_work(&id, &work)?);
    daemon.stored("keep that nothing is left to do", keep).await
}

async fn unstamp(
    daemon: &Daemon,
    operation: &Operation,
    old: &Secret,
    stamp: Box<str>,
) -> anyhow::Result<()> {
    let errand = Errand::by_url(&operation.tenant, old)?;
    Ok(erase::erase(&daemon.prober(), &errand, &[stamp], None).await?)
}

impl Provisioner {
    /// What moves of before have left open, once.
    pub(in crate::provision) async fn take_up_farewells(&self, stop: &CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            taken = all(&self.daemon) => if let Err(error) = taken {
                tracing::error!("what moves have left open waits for the next start: {error:#}");
            }
        }
    }
}

async fn all(daemon: &Daemon) -> anyhow::Result<()> {
    daemon.stored("remove dumps that were left", remove_dumps).await?;
    let open = daemon.stored("read which moves have left something open", |store| {
        let mut open = Vec::new();
        for operation in store.operations_in(OperationState::Succeeded)? {
            if operation.kind == OperationKind::Rehome
                && let Some(work) = store.operation_work::<Work>(&operation.id)?
                && work.moving.as_ref().is_some_and(|it| it.farewell.is_some())
            {
                open.push((operation, work));
            }
        }
        Ok(open)
    });
    for (operation, work) in open.await? {
        take(daemon, &operation, work).await?;
    }
    Ok(())
}

/// Of operations that have ended: whoever runs still needs its own.
fn remove_dumps(store: &Store) -> anyhow::Result<()> {
    let path = store.path();
    let Some((parent, name)) = path.parent().zip(path.file_name()) else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let own = format!("{}{DUMP}", name.to_string_lossy());
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let id = file.strip_prefix(&own).and_then(|it| OperationId::parse(it).ok());
        let Some(operation) = id.map(|it| store.operation(&it)).transpose()?.flatten() else {
            continue;
        };
        if operation.state != OperationState::Running
            && let Err(error) = transfer::clear(&entry.path())
        {
            tracing::warn!(operation = %operation.id, "remove the dump {}: {error}", entry.path().display());
        }
    }
    Ok(())
}
