//! Operations, carried out: what `saga::next` says is done, and noted before and after.
//!
//! Why the log comes first: nothing may be made outside before the intention to make it is on the disk, or a process that
//! dies leaves a project that nobody knows of.
//!
//! Why each operation runs alone and none waits for another: a project that takes a quarter of an hour must not hold up
//! the next customer. What two of them must not both have, the store gives to one.
//!
//! Invariants:
//! - an operation ends whole or leaves nothing, whatever dies and whenever; what may not be taken away is told;
//! - a store that does not answer ends no operation: it waits;
//! - only tenants of the store are ever taken away, and only projects that an operation of this store was given.

mod active;
pub mod backup;
mod connect;
mod drive;
mod furnish;
mod keep;
mod left;
pub mod options;
pub mod orphan;
mod parting;
pub mod preflight;
mod project;
mod ready;
pub mod rehome;
mod steps;
mod unique;
mod whose;
pub mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use self::backup::{BackupRefusal, FinalBackup};
use self::options::Equipment;
use self::rehome::survey::{Surveyed, Wanted};
use self::work::{Request, Work};
use crate::clock;
use crate::daemon::Daemon;
use crate::model::fingerprint::Digest256;
use crate::model::operation::{
    Event, Happened, Operation, OperationId, OperationKind, OperationState,
};
use crate::model::preflight::Check;
use crate::model::report::Trigger;
use crate::model::tenant::TenantId;
use crate::registry::row::RawRow;
use crate::saga;
use crate::schedule::queue::Scope;
use crate::store::Store;
use crate::store::operations::{Begun, NewOperation};

/// Until a tenant that leaves is gone, where nothing else is said.
pub const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Operations that are carried out at once. Each waits for others most of its time.
const AT_ONCE: usize = 32;

/// After which the store is looked at again, whatever rang or not.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub struct Provisioner {
    daemon: Arc<Daemon>,
    /// Replaced whole when the configuration is reloaded; `None` where nothing may be provisioned.
    equipment: watch::Receiver<Option<Arc<Equipment>>>,
    bell: Notify,
    /// Those that are carried out, and how they are interrupted.
    running: Mutex<BTreeMap<OperationId, Interrupt>>,
    /// Counts what was noted: whoever shows an operation looks again.
    news: watch::Sender<u64>,
}

/// An operation that is carried out.
struct Interrupt {
    kind: OperationKind,
    stop: CancellationToken,
}

/// Why nothing begins.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    #[error("nothing can be provisioned here: the configuration has no `[provision]`")]
    Unequipped,
    #[error("another operation of this tenant runs: {0}")]
    InFlight(OperationId),
    #[error("the key was used for another request, whose operation is {0}")]
    OtherRequest(OperationId),
    #[error("pre-flight found what stands against it")]
    Refused(Vec<Check>),
    #[error(
        "no tenant {0} in the store: only what was provisioned or added here is moved or taken away here"
    )]
    NotOurs(TenantId),
    #[error("{tenant} is managed by {manager}, and neither moved nor taken away here")]
    Managed { tenant: TenantId, manager: Box<str> },
    #[error("its last backup cannot be made: {0}")]
    Backup(BackupRefusal),
    #[error(
        "{tenant} comes from {origin}, which only its owner can lead elsewhere: move it into the store with `watertight tenants add`, or give it a database by hand"
    )]
    Elsewhere { tenant: TenantId, origin: Box<str> },
    /// A tenant cannot be moved; one sentence for each reason.
    #[error("the tenant stays where it is")]
    Stays(Vec<String>),
    #[error("begin an operation")]
    Store(#[source] anyhow::Error),
}

impl Provisioner {
    pub fn new(daemon: Arc<Daemon>, equipment: watch::Receiver<Option<Arc<Equipment>>>) -> Self {
        let (bell, running) = (Notify::new(), Mutex::default());
        Self { daemon, equipment, bell, running, news: watch::Sender::new(0) }
    }

    /// What operations are carried out with.
    pub fn equipment(&self) -> Option<Arc<Equipment>> {
        self.equipment.borrow().clone()
    }

    /// Changes whenever something happens to some operation.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    pub async fn operation(&self, id: &OperationId) -> anyhow::Result<Option<Operation>> {
        let id = id.clone();
        self.daemon.stored("read an operation", move |store| Ok(store.operation(&id)?)).await
    }

    /// Begins to make a tenant, after pre-flight. The same key with the same request names the operation of before.
    pub async fn provision(
        &self,
        request: Request,
        key: Option<&str>,
    ) -> Result<OperationId, BeginError> {
        let equipment = self.equipment().ok_or(BeginError::Unequipped)?;
        let (key, digest) = (key.map(key_digest), request.digest());
        if let Some(before) = self.of_key(key, digest).await? {
            return Ok(before);
        }
        let checks = preflight::check(&self.daemon, &equipment, &request).await;
        let tenant = match request.tenant() {
            Ok(tenant) if checks.iter().all(|it| it.ok) => tenant,
            // The same request may have begun while this one was checked, and then it stands against itself.
            _ => {
                let before = self.of_key(key, digest).await?;
                return before.ok_or(BeginError::Refused(checks));
            }
        };
        let id = OperationId::of(rand::random());
        let kind = OperationKind::Provision;
        let new = NewOperation { id, kind, tenant, key, request: digest, at: clock::now() };
        self.begin(new, Work::new(request)).await
    }

    /// Begins to take a tenant away. For the time of grace it can be called back.
    pub async fn deprovision(
        &self,
        tenant: &TenantId,
        grace: SignedDuration,
        backup: FinalBackup,
        key: Option<&str>,
    ) -> Result<OperationId, BeginError> {
        let equipment = self.equipment().ok_or(BeginError::Unequipped)?;
        let request = departure(tenant, grace, &backup);
        let key = key.map(key_digest);
        if let Some(before) = self.of_key(key, request).await? {
            return Ok(before);
        }
        let wanted = tenant.clone();
        let look = move |store: &Store| Ok(store.tenant::<RawRow>(&wanted)?);
        let row = self.daemon.stored("read a tenant", look).await.map_err(BeginError::Store)?;
        let Some(row) = row else { return Err(BeginError::NotOurs(tenant.clone())) };
        if let Some(manager) = row.managed_by {
            return Err(BeginError::Managed { tenant: tenant.clone(), manager });
        }
        let backup = backup.directory(&equipment.options.backup).map_err(BeginError::Backup)?;
        let id = OperationId::of(rand::random());
        let (kind, tenant) = (OperationKind::Deprovision, tenant.clone());
        let until = clock::now().checked_add(grace).unwrap_or(Timestamp::MAX);
        let work = Work::leaving(&tenant, until, backup);
        let new = NewOperation { id, kind, tenant, key, request, at: clock::now() };
        self.begin(new, work).await
    }

    /// Begins to move a tenant into a database of its own.
    pub async fn rehome(
        &self,
        tenant: &TenantId,
        wanted: &Wanted,
        key: Option<&str>,
    ) -> Result<OperationId, BeginError> {
        let request = format!("watertight.rehome/v2\n{tenant}\n{}", wanted.asked());
        let request = Digest256::of(request.as_bytes());
        let key = key.map(key_digest);
        if let Some(before) = self.of_key(key, request).await? {
            return Ok(before);
        }
        let Surveyed { survey, moving } = self.survey(tenant, wanted).await?;
        if !survey.against.is_empty() {
            return Err(BeginError::Stays(survey.against));
        }
        let (id, kind) = (OperationId::of(rand::random()), OperationKind::Rehome);
        let tenant = tenant.clone();
        let new = NewOperation { id, kind, tenant, key, request, at: clock::now() };
        self.begin(new, Work::moving(moving)).await
    }

    /// What stands under the key, before anything is checked: a repeated request is answered as the first one was.
    async fn of_key(
        &self,
        key: Option<Digest256>,
        request: Digest256,
    ) -> Result<Option<OperationId>, BeginError> {
        let Some(key) = key else { return Ok(None) };
        let look = move |store: &Store| Ok(store.operation_of_key(&key)?);
        let found = self.daemon.stored("look up a key", look).await.map_err(BeginError::Store)?;
        match found {
            Some((id, asked)) if asked == request => Ok(Some(id)),
            Some((id, _)) => Err(BeginError::OtherRequest(id)),
            None => Ok(None),
        }
    }

    async fn begin(&self, new: NewOperation, work: Work) -> Result<OperationId, BeginError> {
        let (id, kind, tenant) = (new.id.clone(), new.kind, new.tenant.clone());
        let keep = move |store: &Store| Ok(store.begin_operation(&new, &work)?);
        let begun = self.daemon.stored("begin an operation", keep).await;
        match begun.map_err(BeginError::Store)? {
            Begun::New => {
                tracing::info!(operation = %id, %tenant, "{} begins", kind.label());
                self.daemon.metrics().operation_started(kind);
                self.tell();
                self.bell.notify_one();
                Ok(id)
            }
            Begun::Again(before) => Ok(before),
            Begun::OtherRequest(before) => Err(BeginError::OtherRequest(before)),
            Begun::InFlight(other) => Err(BeginError::InFlight(other)),
        }
    }

    /// Turns an operation back. Says whether it still could be.
    pub async fn cancel(&self, id: &OperationId) -> anyhow::Result<bool> {
        let wanted = id.clone();
        let noted = self.daemon.stored("cancel an operation", move |store| {
            let event = Event { at: clock::now(), happened: Happened::Cancelled };
            Ok(store.note_operation(&wanted, &event, |kind, log| {
                let (_, before) = log.split_last()?;
                saga::can_turn_back(kind, before).then(|| saga::state(kind, log))
            })?)
        });
        let noted = noted.await?;
        if noted {
            self.tell();
            if let Some(interrupt) = self.interrupts().get(id) {
                interrupt.stop.cancel();
            }
            self.bell.notify_one();
        }
        Ok(noted)
    }

    /// A person says that nothing is left of a stuck operation. Says whether it was stuck.
    pub async fn settle(&self, id: &OperationId, what: Box<str>) -> anyhow::Result<bool> {
        let id = id.clone();
        let noted = self.daemon.stored("settle an operation", move |store| {
            let event = Event { at: clock::now(), happened: Happened::Settled(what) };
            Ok(store.note_operation(&id, &event, |kind, log| {
                Some(saga::state(kind, log)).filter(|it| *it == OperationState::Stuck)
            })?)
        });
        let noted = noted.await?;
        if noted {
            self.tell();
            self.daemon.desk().ask(Scope::Fleet, Trigger::Api);
        }
        Ok(noted)
    }

    /// Carries out what was begun, here or by a process before, until it is stopped. What runs then goes on at the next
    /// start.
    pub async fn run_until(&self, stop: &CancellationToken) {
        tokio::join!(self.take_up_farewells(stop), self.carry_on(stop));
    }

    async fn carry_on(&self, stop: &CancellationToken) {
        let mut under_way = FuturesUnordered::new();
        loop {
            for operation in self.to_begin().await {
                under_way.push(self.carry_out(operation, stop));
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.bell.notified() => {}
                Some(()) = under_way.next() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Carries out one operation to its end, for a command that waits for it.
    pub async fn run_one(&self, id: &OperationId, stop: &CancellationToken) -> anyhow::Result<()> {
        if let Some(operation) = self.operation(id).await? {
            self.take_up(&operation);
            self.carry_out(operation, stop).await;
        }
        Ok(())
    }

    /// A tenant that leaves waits for days, and holds up nobody.
    async fn to_begin(&self) -> Vec<Operation> {
        let read = self.daemon.stored("read the operations that run", |store| {
            Ok(store.operations_in(OperationState::Running)?)
        });
        let mut running = match read.await {
            Ok(running) => running,
            Err(error) => {
                tracing::error!("operations wait: {error:#}");
                return Vec::new();
            }
        };
        self.daemon.metrics().operations_in_flight(&running);
        let mut room = AT_ONCE.saturating_sub(
            self.interrupts().values().filter(|it| it.kind != OperationKind::Deprovision).count(),
        );
        running.retain(|it| {
            let waits = self.interrupts().contains_key(&it.id)
                || (it.kind != OperationKind::Deprovision && room == 0);
            if !waits {
                room = room.saturating_sub(usize::from(it.kind != OperationKind::Deprovision));
                self.take_up(it);
            }
            !waits
        });
        running
    }

    fn take_up(&self, operation: &Operation) {
        let interrupt = Interrupt { kind: operation.kind, stop: CancellationToken::new() };
        self.interrupts().insert(operation.id.clone(), interrupt);
    }

    fn interrupts(&self) -> MutexGuard<'_, BTreeMap<OperationId, Interrupt>> {
        // Whoever holds it inserts or removes one entry, and cannot leave it half-done.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.news.send_modify(|it| *it = it.wrapping_add(1));
    }
}

/// Tells whether two requests to take a tenant away ask the same: who repeats one with a backup must not be answered with
/// an operation that makes none.
fn departure(tenant: &TenantId, grace: SignedDuration, backup: &FinalBackup) -> Digest256 {
    let (grace, backup) = (grace.as_millis(), backup.asked());
    Digest256::of(format!("watertight.deprovision/v2\n{tenant}\n{grace}\n{backup}").as_bytes())
}

fn key_digest(key: &str) -> Digest256 {
    Digest256::of(format!("watertight.idempotency/v1\n{key}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_grace_or_another_backup_is_another_request() {
        let tenant = TenantId::parse("acme").unwrap();
        let hours = SignedDuration::from_hours;
        let backups = [
            FinalBackup::AsConfigured,
            FinalBackup::Required,
            FinalBackup::None,
            FinalBackup::Into("/b".into()),
        ];
        let mut seen = Vec::new();
        for grace in [hours(0), hours(1)] {
            for backup in &backups {
                let digest = departure(&tenant, grace, backup);
                assert_eq!(digest, departure(&tenant, grace, &backup.clone()));
                assert!(!seen.contains(&digest), "{grace} {backup:?}");
                seen.push(digest);
            }
        }
    }
}
