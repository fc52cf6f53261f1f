//! The operations and their logs.
//!
//! Why the log is written event by event: a process that dies between two of them finds at its next start how far it had
//! come. Why what an operation needs is sealed: it holds the password of a database that nobody has logged in to yet.
//!
//! Invariants:
//! - a tenant has at most one operation that runs;
//! - the same key of a caller never begins a second operation;
//! - an operation that runs or is stuck is never pruned.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Fault, StoreError};
use super::rows::operation as rows_of;
use super::seal::Place;
use super::{Store, rows};
use crate::model::fingerprint::Digest256;
use crate::model::operation::{
    Event, Leftover, Operation, OperationId, OperationKind, OperationState,
};
use crate::model::tenant::TenantId;

/// How long what has ended can be looked up, and its key is remembered.
const OVER_KEPT: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Of those, the latest.
const OVER_AT_MOST: u32 = 20_000;

const OPERATIONS: &str = "operations";

/// What begins.
#[derive(Clone, Debug)]
pub struct NewOperation {
    pub id: OperationId,
    pub kind: OperationKind,
    pub tenant: TenantId,
    /// Digest of the key that the caller gave.
    pub key: Option<Digest256>,
    /// Digest of what was asked.
    pub request: Digest256,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    New,
    /// The caller asked the same with the same key before.
    Again(OperationId),
    /// The caller's key stands for another request.
    OtherRequest(OperationId),
    /// Another operation of the tenant runs.
    InFlight(OperationId),
}

impl Store {
    /// Begins an operation, with what it needs, or says which one stands in its place.
    pub fn begin_operation<T: Serialize>(
        &self,
        new: &NewOperation,
        work: &T,
    ) -> Result<Begun, StoreError> {
        let place = Place { table: OPERATIONS, row: new.id.as_str() };
        self.write("begin an operation", |transaction| {
            let key = new.key.as_ref().map(ToString::to_string);
            if let Some((id, request)) = of_key(transaction, key.as_deref())? {
                return Ok(if request == new.request {
                    Begun::Again(id)
                } else {
                    Begun::OtherRequest(id)
                });
            }
            if let Some(id) = in_flight(transaction, &new.tenant)? {
                return Ok(Begun::InFlight(id));
            }
            let sealed = self.sealer.seal(place, &rows::sealed_bytes(OPERATIONS, work)?)?;
            transaction
                .prepare_cached(
                    "INSERT INTO operations
                         (id, kind, tenant, state, started_at, idempotency, request, sealed)
                     VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    new.id.as_str(),
                    new.kind.label(),
                    new.tenant.as_str(),
                    rows::micros(new.at),
                    key,
                    new.request.to_string(),
                    sealed
                ])?;
            prune(transaction, new.at)?;
            Ok(Begun::New)
        })
    }

    /// What stands under a caller's key, and the digest of what was asked with it; nothing begins.
    pub fn operation_of_key(
        &self,
        key: &Digest256,
    ) -> Result<Option<(OperationId, Digest256)>, StoreError> {
        self.read("look up an operation by its key", |it| of_key(it, Some(&key.to_string())))
    }

    /// The one that runs for the tenant.
    pub fn operation_in_flight(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<OperationId>, StoreError> {
        self.read("look up a tenant's operation", |it| in_flight(it, tenant))
    }

    /// Notes what happened, where `judge` says what the log amounts to with it as its last event; nothing, where it says
    /// none. Nothing comes between its look and the note. Says whether it was noted.
    pub fn note_operation(
        &self,
        id: &OperationId,
        event: &Event,
        judge: impl FnOnce(OperationKind, &[Event]) -> Option<OperationState>,
    ) -> Result<bool, StoreError> {
        self.write("note what happened to an operation", |transaction| {
            Ok(note(transaction, id, event, judge)?.is_some())
        })
    }

    /// The last event of an operation that made a tenant: where it ends well, the registry has the tenant from now on.
    pub fn activate_tenant<T: Serialize>(
        &self,
        id: &OperationId,
        event: &Event,
        judge: impl FnOnce(OperationKind, &[Event]) -> Option<OperationState>,
        (tenant, row): (&TenantId, &T),
    ) -> Result<(), StoreError> {
        self.write("activate a tenant", |transaction| {
            let state = note(transaction, id, event, judge)?;
            if state == Some(OperationState::Succeeded) {
                self.put_tenant(transaction, tenant, row)?;
            }
            Ok(())
        })
    }

    pub fn operation(&self, id: &OperationId) -> Result<Option<Operation>, StoreError> {
        self.read("read an operation", |it| Ok(whole(it, id)?.map(|(_, operation)| operation)))
    }

    /// Those in that state, the oldest first.
    pub fn operations_in(&self, state: OperationState) -> Result<Vec<Operation>, StoreError> {
        self.read("read the operations", |transaction| {
            let sql = format!("SELECT {COLUMNS} FROM operations WHERE state = ?1 ORDER BY number");
            let mut select = transaction.prepare_cached(&sql)?;
            let heads: Vec<_> =
                select.query_and_then([state.label()], head)?.collect::<Result<_, _>>()?;
            heads.into_iter().map(|it| with_log(transaction, it)).collect()
        })
    }

    /// The latest first.
    pub fn operations(&self, at_most: u32) -> Result<Vec<Operation>, StoreError> {
        self.read("read the operations", |transaction| {
            let sql = format!("SELECT {COLUMNS} FROM operations ORDER BY number DESC LIMIT ?1");
            let mut select = transaction.prepare_cached(&sql)?;
            let heads: Vec<_> =
                select.query_and_then([at_most], head)?.collect::<Result<_, _>>()?;
            heads.into_iter().map(|it| with_log(transaction, it)).collect()
        })
    }

    /// What operations have left that only a person may take away, the oldest first.
    pub fn leftovers(&self) -> Result<Vec<Leftover>, StoreError> {
        let mut leftovers = Vec::new();
        for operation in self.operations_in(OperationState::Stuck)? {
            let Some((step, why)) = operation.stuck_at() else { continue };
            let projects = self.projects_of(&operation.id)?.into_iter();
            leftovers.push(Leftover {
                kind: operation.kind,
                tenant: operation.tenant.clone(),
                step,
                why: why.into(),
                tied: self.ties(&operation.id)?,
                projects: projects.map(|it| it.reference).collect(),
                operation: operation.id,
            });
        }
        Ok(leftovers)
    }

    /// What the operation needs, as it was kept last.
    pub fn operation_work<T: DeserializeOwned>(
        &self,
        id: &OperationId,
    ) -> Result<Option<T>, StoreError> {
        let place = Place { table: OPERATIONS, row: id.as_str() };
        self.read("read what an operation needs", |transaction| {
            let mut select =
                transaction.prepare_cached("SELECT sealed FROM operations WHERE id = ?1")?;
            let sealed: Option<Vec<u8>> =
                select.query_row([id.as_str()], |row| row.get(0)).optional()?;
            let Some(sealed) = sealed else { return Ok(None) };
            let plain = self.sealer.open(place, &sealed)?;
            Ok(Some(rows::sealed_row(OPERATIONS, &plain)?))
        })
    }

    /// Whether a secret can be sealed and a row be written, without leaving one.
    pub fn can_seal(&self) -> Result<(), StoreError> {
        let place = Place { table: OPERATIONS, row: "" };
        self.write("seal a secret", |transaction| {
            let sealed = self.sealer.seal(place, b"")?;
            transaction
                .prepare_cached(
                    "INSERT INTO meta (name, value) VALUES ('writable', ?1)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                )?
                .execute([sealed.len().to_string()])?;
            Ok(())
        })
    }

    pub fn keep_operation_work<T: Serialize>(
        &self,
        id: &OperationId,
        work: &T,
    ) -> Result<(), StoreError> {
        let place = Place { table: OPERATIONS, row: id.as_str() };
        self.write("keep what an operation needs", |transaction| {
            let sealed = self.sealer.seal(place, &rows::sealed_bytes(OPERATIONS, work)?)?;
            let mut put =
                transaction.prepare_cached("UPDATE operations SET sealed = ?2 WHERE id = ?1")?;
            put.execute(params![id.as_str(), sealed])?;
            Ok(())
        })
    }
}

pub(super) const COLUMNS: &str = "number, id, kind, tenant, state, started_at, finished_at";

/// The row without its log, and its number.
pub(super) fn head(row: &Row<'_>) -> Result<(i64, Operation), Fault> {
    let finished_at: Option<i64> = row.get(6)?;
    let operation = Operation {
        id: rows_of::id(&row.get::<_, String>(1)?)?,
        kind: rows_of::kind(&row.get::<_, String>(2)?)?,
        tenant: rows::tenant(&row.get::<_, String>(3)?)?,
        state: rows_of::state(&row.get::<_, String>(4)?)?,
        started_at: rows::time("started_at", row.get(5)?)?,
        finished_at: finished_at.map(|it| rows::time("finished_at", it)).transpose()?,
        log: Vec::new(),
    };
    Ok((row.get(0)?, operation))
}

fn whole(
    transaction: &Transaction<'_>,
    id: &OperationId,
) -> Result<Option<(i64, Operation)>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM operations WHERE id = ?1");
    let mut select = transaction.prepare_cached(&sql)?;
    let found = select.query_and_then([id.as_str()], head)?.next().transpose()?;
    found
        .map(|(number, operation)| Ok((number, with_log(transaction, (number, operation))?)))
        .transpose()
}

pub(super) fn with_log(
    transaction: &Transaction<'_>,
    (number, operation): (i64, Operation),
) -> Result<Operation, Fault> {
    let mut select = transaction.prepare_cached(
        "SELECT at, happened, step, told FROM operation_events WHERE operation = ?1 ORDER BY event",
    )?;
    let found = select.query_and_then([number], |row| {
        let (at, happened, step) = (row.get(0)?, row.get::<_, String>(1)?, row.get(2)?);
        let (step, told): (Option<String>, Option<String>) = (step, row.get(3)?);
        Ok::<_, Fault>(rows_of::event(at, &happened, step.as_deref(), told.as_deref())?)
    })?;
    Ok(Operation { log: found.collect::<Result<_, _>>()?, ..operation })
}

pub(super) fn note(
    transaction: &Transaction<'_>,
    id: &OperationId,
    event: &Event,
    judge: impl FnOnce(OperationKind, &[Event]) -> Option<OperationState>,
) -> Result<Option<OperationState>, Fault> {
    let Some((number, Operation { kind, mut log, .. })) = whole(transaction, id)? else {
        return Ok(None);
    };
    log.push(event.clone());
    let Some(state) = judge(kind, &log) else { return Ok(None) };
    let (happened, step, told) = rows_of::columns(&event.happened);
    let at = rows::micros(event.at);
    let place = i64::try_from(log.len()).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO operation_events (operation, event, at, happened, step, told)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![number, place, at, happened, step, told])?;
    let ended = (state != OperationState::Running).then_some(at);
    transaction
        .prepare_cached("UPDATE operations SET state = ?2, finished_at = ?3 WHERE number = ?1")?
        .execute(params![number, state.label(), ended])?;
    Ok(Some(state))
}

fn of_key(
    transaction: &Transaction<'_>,
    key: Option<&str>,
) -> Result<Option<(OperationId, Digest256)>, Fault> {
    let Some(key) = key else { return Ok(None) };
    let mut select =
        transaction.prepare_cached("SELECT id, request FROM operations WHERE idempotency = ?1")?;
    let found: Option<(String, String)> =
        select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(id, request)| Ok((rows_of::id(&id)?, rows::digest(&request)?))).transpose()
}

fn in_flight(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
) -> Result<Option<OperationId>, Fault> {
    let mut select = transaction
        .prepare_cached("SELECT id FROM operations WHERE tenant = ?1 AND state = 'running'")?;
    let found: Option<String> = select.query_row([tenant.as_str()], |row| row.get(0)).optional()?;
    found.map(|id| Ok(rows_of::id(&id)?)).transpose()
}

/// What is over and old, or too much.
fn prune(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let oldest = now.checked_sub(OVER_KEPT).unwrap_or(Timestamp::MIN);
    transaction
        .prepare_cached(
            // What led to a database that was left behind is kept: it is all that is known of the way there.
            "DELETE FROM operations WHERE state IN ('succeeded', 'rolled_back')
                 AND NOT (kind = 'rehome' AND state = 'succeeded')
                 AND (finished_at < ?1 OR number IN
                     (SELECT number FROM operations WHERE state IN ('succeeded', 'rolled_back')
                      ORDER BY number DESC LIMIT -1 OFFSET ?2))",
        )?
        .execute(params![rows::micros(oldest), OVER_AT_MOST])?;
    Ok(())
}
