//! One operation from where it stands to its end.
//!
//! Why the loop decides nothing: it asks `saga::next`, notes, does and notes. Whatever it would remember beside the log
//! would be gone after a crash.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::options::Equipment;
use super::work::{Work, stand_in};
use super::{Provisioner, steps};
use crate::clock;
use crate::daemon::Daemon;
use crate::model::operation::{
    Event, Happened, Operation, OperationId, OperationKind, OperationState, Step,
};
use crate::model::report::Trigger;
use crate::model::tenant::TenantId;
use crate::saga::{self, Next};
use crate::schedule::queue::Scope;
use crate::store::Store;

/// Before the store, the configuration or the rest of our own house is tried again.
const AFTER_A_FAULT: Duration = Duration::from_secs(2);

/// What a step is done with.
pub(super) struct Course<'a> {
    pub(super) daemon: &'a Daemon,
    pub(super) equipment: Arc<Equipment>,
    pub(super) operation: Operation,
    pub(super) work: Work,
    pub(super) stop: &'a CancellationToken,
}

/// Why a step was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The world does not let us. It stands in the log and is told to people, so it names no URL and no password.
    Failed(Box<str>),
    /// Our own house. It is tried again, and nobody's operation ends for it.
    Fault(anyhow::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(why) => formatter.write_str(why),
            Self::Fault(error) => write!(formatter, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Fault(error)
    }
}

impl Trouble {
    pub(super) fn failed(why: impl std::fmt::Display) -> Self {
        Self::Failed(why.to_string().into())
    }

    /// With its causes, on one line.
    pub(super) fn of(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::failed(format!("{:#}", anyhow::Error::new(error)))
    }
}

impl Course<'_> {
    pub(super) fn id(&self) -> &OperationId {
        &self.operation.id
    }

    pub(super) fn tenant(&self) -> &TenantId {
        &self.operation.tenant
    }

    /// Whom the new database is looked at as.
    pub(super) fn visited(&self) -> TenantId {
        visited(&self.operation.tenant, &self.work)
    }

    /// What the operation calls its project.
    pub(super) fn project_name(&self) -> Box<str> {
        self.operation.id.project_name(&self.operation.tenant)
    }

    /// Does something with the store, for this operation.
    pub(super) async fn stored<T: Send + 'static>(
        &self,
        what: &'static str,
        act: impl FnOnce(&Store) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Trouble> {
        Ok(self.daemon.stored(what, act).await?)
    }

    /// Keeps what the operation has learnt.
    pub(super) async fn keep_work(&self) -> Result<(), Trouble> {
        let (id, work) = (self.operation.id.clone(), self.work.clone());
        let keep = move |store: &Store| Ok(store.keep_operation_work(&id, &work)?);
        self.stored("keep what an operation has learnt", keep).await
    }

    /// Whether the step was begun before this time.
    pub(super) fn was_begun(&self, step: Step) -> bool {
        let begun = |it: &&Event| it.happened == Happened::Started(step);
        1 < self.operation.log.iter().filter(begun).count()
    }

    /// Whether the step was done.
    pub(super) fn was_done(&self, step: Step) -> bool {
        self.operation.log.iter().any(|it| it.happened == Happened::Succeeded(step))
    }
}

/// A tenant that moves still has its old database, and the new one is compared with that one as well.
pub(super) fn visited(tenant: &TenantId, work: &Work) -> TenantId {
    if work.moving.is_some() { stand_in(tenant) } else { tenant.clone() }
}

/// What a log amounts to, for the store.
#[expect(clippy::unnecessary_wraps, reason = "the store asks whether to note it at all")]
pub(super) fn judged(kind: OperationKind, log: &[Event]) -> Option<OperationState> {
    Some(saga::state(kind, log))
}

impl Provisioner {
    /// To its end, or until we are stopped.
    pub(super) async fn carry_out(&self, operation: Operation, stop: &CancellationToken) {
        let id = operation.id.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.advance(operation, stop) => {}
        }
        self.interrupts().remove(&id);
    }

    async fn advance(&self, mut operation: Operation, until: &CancellationToken) {
        loop {
            let (kind, id) = (operation.kind, operation.id.clone());
            let done = match saga::next(kind, &operation.log) {
                Next::Ended(state) => return self.ended(&operation, state),
                Next::Run(step) => self.run(&mut operation, step, until).await,
                Next::Undo(step) => self.undo(&mut operation, step, until).await,
            };
            if let Err(error) = done {
                tracing::error!(operation = %id, "an operation waits: {error:#}");
                tokio::time::sleep(AFTER_A_FAULT).await;
            }
            match self.operation(&id).await {
                Ok(Some(now)) => operation = now,
                Ok(None) => return,
                // What is known of it is as good as it was.
                Err(error) => tracing::error!(operation = %id, "an operation waits: {error:#}"),
            }
        }
    }

    async fn run(
        &self,
        operation: &mut Operation,
        step: Step,
        until: &CancellationToken,
    ) -> anyhow::Result<()> {
        let interrupt =
            self.interrupts().get(&operation.id).map(|it| it.stop.clone()).unwrap_or_default();
        if !self.note_start(operation, step).await? {
            return Ok(());
        }
        let mut course = self.course(operation, until).await?;
        let done = tokio::select! {
            biased;
            // The log says why.
            () = interrupt.cancelled() => return Ok(()),
            done = steps::act(&mut course, step) => done,
        };
        let happened = match done {
            // It has noted that itself, with what it did.
            Ok(()) if matches!(step, Step::Activate | Step::Switch) => return Ok(()),
            Ok(()) => Happened::Succeeded(step),
            Err(Trouble::Failed(why)) => {
                tracing::warn!(operation = %operation.id, step = step.label(), "a step failed: {why}");
                self.daemon.metrics().operation_step_failed(operation.kind, step);
                Happened::Failed(step, why)
            }
            Err(Trouble::Fault(error)) => return Err(error),
        };
        self.note(operation, happened).await
    }

    async fn undo(
        &self,
        operation: &mut Operation,
        step: Step,
        until: &CancellationToken,
    ) -> anyhow::Result<()> {
        self.note(operation, Happened::UndoStarted(step)).await?;
        let mut course = self.course(operation, until).await?;
        let happened = match steps::undo(&mut course, step).await {
            Ok(()) => Happened::Undone(step),
            Err(Trouble::Failed(why)) => {
                tracing::error!(operation = %operation.id, step = step.label(), "a step could not be undone: {why}");
                Happened::UndoFailed(step, why)
            }
            Err(Trouble::Fault(error)) => return Err(error),
        };
        self.note(operation, happened).await
    }

    async fn course<'a>(
        &'a self,
        operation: &Operation,
        stop: &'a CancellationToken,
    ) -> anyhow::Result<Course<'a>> {
        let equipment = self.equipment().ok_or_else(|| {
            anyhow::anyhow!("the configuration has no `[provision]` any more; put it back")
        })?;
        let id = operation.id.clone();
        let read = self.daemon.stored("read what an operation needs", move |store| {
            Ok(store.operation_work::<Work>(&id)?)
        });
        let work = read.await?.ok_or_else(|| anyhow::anyhow!("the operation is gone"))?;
        let (daemon, operation) = (&*self.daemon, operation.clone());
        Ok(Course { daemon, equipment, operation, work, stop })
    }

    /// Says whether it still is what comes next. Whoever cancelled since the log was read has been told that everything is
    /// undone, and a deletion could not be.
    async fn note_start(&self, operation: &mut Operation, step: Step) -> anyhow::Result<bool> {
        let event = Event { at: clock::now(), happened: Happened::Started(step) };
        operation.log.push(event.clone());
        let id = operation.id.clone();
        let note = move |store: &Store| {
            Ok(store.note_operation(&id, &event, |kind, log| {
                let (_, before) = log.split_last()?;
                (saga::next(kind, before) == Next::Run(step)).then(|| saga::state(kind, log))
            })?)
        };
        let noted = self.daemon.stored("note that a step begins", note).await?;
        self.tell();
        Ok(noted)
    }

    /// On the disk before anything follows from it.
    async fn note(&self, operation: &mut Operation, happened: Happened) -> anyhow::Result<()> {
        let event = Event { at: clock::now(), happened };
        operation.log.push(event.clone());
        let id = operation.id.clone();
        let note = move |store: &Store| Ok(store.note_operation(&id, &event, judged)?);
        self.daemon.stored("note what happened to an operation", note).await?;
        self.tell();
        Ok(())
    }

    fn ended(&self, operation: &Operation, state: OperationState) {
        let (kind, tenant) = (operation.kind, &operation.tenant);
        tracing::info!(operation = %operation.id, %tenant, "{} ended: {}", kind.label(), state.label());
        self.daemon.metrics().operation_ended(operation, state, clock::now());
        self.tell();
        // The registry has changed, or a person has to hear of what is left.
        if state != OperationState::RolledBack || kind == OperationKind::Deprovision {
            self.daemon.desk().ask(Scope::Fleet, Trigger::Api);
        }
    }
}
