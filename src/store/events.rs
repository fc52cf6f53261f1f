//! What receivers were told of findings, and the events that are still to be sent.
//!
//! Why the last word and the event are written together: a process that dies between the two would tell a finding twice
//! with two ids, or never.
//!
//! Invariants:
//! - of a receiver and a finding, only the oldest event is ever given out, so that their order holds;
//! - an event is gone only when it was delivered or given up;
//! - a receiver's queue is bounded: what does not fit is not noted as told either, and is found again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, rows};
use crate::model::finding::FindingId;
use crate::model::fingerprint::Digest256;
use crate::model::news::Told;

/// Of one receiver: some 20 MB on the disk.
const EVENTS_AT_MOST: u32 = 10_000;

/// An event that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The same at every try.
    pub id: Box<str>,
    pub happening: &'static str,
    /// Afterwards.
    pub told: Told,
    /// Nothing more will be told of the finding.
    pub ends: bool,
    pub body: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedEvent {
    pub number: i64,
    pub finding: Box<str>,
    pub id: Box<str>,
    pub happening: Box<str>,
    pub made_at: Timestamp,
    pub body: String,
    /// So far.
    pub tries: u32,
}

impl Store {
    pub fn told(&self, receiver: &str) -> Result<BTreeMap<FindingId, Told>, StoreError> {
        self.read("read what a receiver was told", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT finding, acknowledged, digest FROM told WHERE receiver = ?1",
            )?;
            let found = select.query_and_then([receiver], |row: &Row<'_>| {
                let finding = FindingId(digest("finding", &row.get::<_, String>(0)?)?);
                let digest = digest("digest", &row.get::<_, String>(2)?)?;
                Ok::<_, Fault>((finding, Told { finding, acknowledged: row.get(1)?, digest }))
            })?;
            found.collect()
        })
    }

    /// Queues events and notes what the receiver was told by them. Those that do not fit are left out; how many were
    /// taken.
    pub fn queue_events(
        &self,
        receiver: &str,
        events: &[NewEvent],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write("queue events", |transaction| {
            let waiting = count(transaction, receiver)?;
            let room = usize::try_from(EVENTS_AT_MOST.saturating_sub(waiting)).unwrap_or(0);
            let taken = events.len().min(room);
            for event in &events[..taken] {
                put(transaction, receiver, event, now)?;
            }
            Ok(taken)
        })
    }

    /// The next event that is due at `now`. Of a finding, only the oldest.
    pub fn due_event(
        &self,
        receiver: &str,
        now: Timestamp,
    ) -> Result<Option<QueuedEvent>, StoreError> {
        self.read("read the next event", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT number, finding, id, happening, made_at, body, tries FROM events AS event
                 WHERE receiver = ?1 AND due <= ?2 AND NOT EXISTS (
                     SELECT 1 FROM events AS before WHERE before.receiver = event.receiver
                     AND before.finding = event.finding AND before.number < event.number)
                 ORDER BY due, number LIMIT 1",
            )?;
            let found =
                select.query_row(params![receiver, rows::micros(now)], columns).optional()?;
            let Some((event, made_at)) = found else { return Ok(None) };
            let made_at = rows::time("made_at", made_at)?;
            Ok(Some(QueuedEvent { made_at, ..event }))
        })
    }

    /// When the next event is due; of a finding, its oldest.
    pub fn next_event_due(&self, receiver: &str) -> Result<Option<Timestamp>, StoreError> {
        self.read("read when the next event is due", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT min(due) FROM events WHERE receiver = ?1 AND number IN (
                     SELECT min(number) FROM events WHERE receiver = ?1 GROUP BY finding)",
            )?;
            let due: Option<i64> = select.query_row([receiver], |row| row.get(0))?;
            Ok(due.map(|it| rows::time("due", it)).transpose()?)
        })
    }

    pub fn queued_events(&self, receiver: &str) -> Result<u32, StoreError> {
        self.read("count the queued events", |transaction| count(transaction, receiver))
    }

    /// It was delivered, or given up.
    pub fn end_event(&self, number: i64) -> Result<(), StoreError> {
        self.write("end an event", |transaction| {
            let mut delete = transaction.prepare_cached("DELETE FROM events WHERE number = ?1")?;
            delete.execute([number])?;
            Ok(())
        })
    }

    pub fn put_off_event(&self, number: i64, until: Timestamp) -> Result<(), StoreError> {
        self.write("put off an event", |transaction| {
            let mut update = transaction.prepare_cached(
                "UPDATE events SET tries = tries + 1, due = ?2 WHERE number = ?1",
            )?;
            update.execute(params![number, rows::micros(until)])?;
            Ok(())
        })
    }

    /// Receivers that are configured no more are forgotten with all that waits for them.
    pub fn keep_receivers(&self, names: &[&str]) -> Result<(), StoreError> {
        self.write("forget receivers", |transaction| {
            let names = serde_json::Value::from(names.to_vec()).to_string();
            for table in ["told", "events"] {
                let sql = format!(
                    "DELETE FROM {table} WHERE receiver NOT IN (SELECT value FROM json_each(?1))"
                );
                transaction.prepare_cached(&sql)?.execute([&names])?;
            }
            Ok(())
        })
    }
}

fn put(
    transaction: &Transaction<'_>,
    receiver: &str,
    event: &NewEvent,
    now: Timestamp,
) -> Result<(), Fault> {
    let finding = event.told.finding.to_string();
    transaction
        .prepare_cached(
            "INSERT INTO events (receiver, finding, id, happening, made_at, body, due)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5)",
        )?
        .execute(params![
            receiver,
            finding,
            event.id,
            event.happening,
            rows::micros(now),
            event.body
        ])?;
    if event.ends {
        transaction
            .prepare_cached("DELETE FROM told WHERE receiver = ?1 AND finding = ?2")?
            .execute([receiver, &finding])?;
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO told (receiver, finding, acknowledged, digest) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (receiver, finding) DO UPDATE SET
                 acknowledged = excluded.acknowledged, digest = excluded.digest",
        )?
        .execute(params![
            receiver,
            finding,
            event.told.acknowledged,
            event.told.digest.to_string()
        ])?;
    Ok(())
}

fn count(transaction: &Transaction<'_>, receiver: &str) -> Result<u32, Fault> {
    let mut count =
        transaction.prepare_cached("SELECT count(*) FROM events WHERE receiver = ?1")?;
    Ok(count.query_row([receiver], |row| row.get(0))?)
}

fn columns(row: &Row<'_>) -> rusqlite::Result<(QueuedEvent, i64)> {
    let event = QueuedEvent {
        number: row.get(0)?,
        finding: row.get(1)?,
        id: row.get(2)?,
        happening: row.get(3)?,
        made_at: Timestamp::UNIX_EPOCH,
        body: row.get(5)?,
        tries: row.get(6)?,
    };
    Ok((event, row.get(4)?))
}

fn digest(what: &'static str, text: &str) -> Result<Digest256, rows::RowError> {
    Digest256::parse(text).ok_or_else(|| rows::RowError::Word { what, word: text.to_owned() })
}
