//! Findings between scans: those that stand, those that were resolved, and what people said of them.
//!
//! Why a person's word wins over a running scan: the scan read the findings at its beginning, so an acknowledgement
//! given since is news to it. It is kept, and the next scan weighs it.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::Store;
use super::error::{Fault, StoreError};
use super::rows;
use super::rows::finding::{Columns, acknowledgement_text, finding, finding_text};
use crate::model::finding::{Acknowledgement, Finding, FindingId, State};

/// How long a resolved finding can be looked up.
const RESOLVED_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Of the resolved ones, the latest; so that a flapping fleet cannot fill the disk within those days.
const RESOLVED_AT_MOST: u32 = 10_000;

const COLUMNS: &str = "id, kind, state, last_seen, body, acknowledgement";

impl Store {
    /// Pending, open and acknowledged ones, sorted by id.
    pub fn standing_findings(&self) -> Result<Vec<Finding>, StoreError> {
        self.read("read the standing findings", |transaction| {
            let sql = format!("SELECT {COLUMNS} FROM findings WHERE state <> ?1 ORDER BY id");
            let mut standing = transaction.prepare_cached(&sql)?;
            collect(standing.query([State::Resolved.label()])?)
        })
    }

    /// The latest first.
    pub fn resolved_findings(&self, at_most: u32) -> Result<Vec<Finding>, StoreError> {
        self.read("read the resolved findings", |transaction| {
            let sql = format!(
                "SELECT {COLUMNS} FROM findings WHERE state = ?1 ORDER BY last_seen DESC, id LIMIT ?2"
            );
            let mut resolved = transaction.prepare_cached(&sql)?;
            collect(resolved.query(params![State::Resolved.label(), at_most])?)
        })
    }

    pub fn finding(&self, id: FindingId) -> Result<Option<Finding>, StoreError> {
        self.read("read a finding", |transaction| one(transaction, id))
    }

    /// Silences a standing finding and gives it back as it is then; `None` if none of that id stands.
    pub fn acknowledge(
        &self,
        id: FindingId,
        acknowledgement: &Acknowledgement,
        now: Timestamp,
    ) -> Result<Option<Finding>, StoreError> {
        self.write("acknowledge a finding", |transaction| {
            let mut acknowledge = transaction.prepare_cached(
                "UPDATE findings SET acknowledgement = ?2, acknowledged_at = ?3,
                     state = iif(state = ?4, ?5, state)
                 WHERE id = ?1 AND state <> ?6",
            )?;
            let changed = acknowledge.execute(params![
                id.to_string(),
                acknowledgement_text(acknowledgement)?,
                rows::micros(now),
                State::Open.label(),
                State::Acknowledged.label(),
                State::Resolved.label(),
            ])?;
            if changed == 0 { Ok(None) } else { one(transaction, id) }
        })
    }
}

/// `begun` is the start of the scan that says so: an acknowledgement given since then stays, and opens no message.
pub(super) fn put(
    transaction: &Transaction<'_>,
    findings: &[Finding],
    begun: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO findings (id, kind, state, last_seen, body, acknowledgement, acknowledged_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, iif(?6 IS NULL, NULL, ?7))
         ON CONFLICT (id) DO UPDATE SET
             kind = excluded.kind,
             last_seen = excluded.last_seen,
             body = excluded.body,
             state = iif(acknowledged_at >= ?8 AND excluded.state = ?9, ?10, excluded.state),
             acknowledgement = CASE
                 WHEN acknowledged_at >= ?8 AND excluded.state <> ?11 THEN acknowledgement
                 ELSE excluded.acknowledgement END,
             acknowledged_at = CASE
                 WHEN acknowledged_at >= ?8 AND excluded.state <> ?11 THEN acknowledged_at
                 WHEN excluded.acknowledgement IS acknowledgement THEN acknowledged_at
                 ELSE excluded.acknowledged_at END",
    )?;
    for finding in findings {
        put.execute(params![
            finding.id.to_string(),
            finding.claim.kind.label(),
            finding.state.label(),
            rows::micros(finding.last_seen),
            finding_text(finding)?,
            finding.acknowledgement.as_ref().map(acknowledgement_text).transpose()?,
            // Just before the scan began: what the scan itself says is older than what is said while it runs.
            rows::micros(begun) - 1,
            rows::micros(begun),
            State::Open.label(),
            State::Acknowledged.label(),
            State::Resolved.label(),
        ])?;
    }
    prune(transaction, now)
}

fn prune(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let oldest = now.saturating_sub(RESOLVED_KEPT).unwrap_or(Timestamp::MIN);
    transaction
        .prepare_cached("DELETE FROM findings WHERE state = ?1 AND last_seen < ?2")?
        .execute(params![State::Resolved.label(), rows::micros(oldest)])?;
    transaction
        .prepare_cached(
            "DELETE FROM findings WHERE id IN (SELECT id FROM findings WHERE state = ?1
                 ORDER BY last_seen DESC, id LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![State::Resolved.label(), RESOLVED_AT_MOST])?;
    Ok(())
}

fn one(transaction: &Transaction<'_>, id: FindingId) -> Result<Option<Finding>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM findings WHERE id = ?1");
    let mut select = transaction.prepare_cached(&sql)?;
    let found = select.query_row([id.to_string()], columns).optional()?;
    Ok(found.as_ref().map(finding).transpose()?)
}

fn collect(mut found: rusqlite::Rows<'_>) -> Result<Vec<Finding>, Fault> {
    let mut findings = Vec::new();
    while let Some(row) = found.next()? {
        findings.push(finding(&columns(row)?)?);
    }
    Ok(findings)
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        id: row.get(0)?,
        kind: row.get(1)?,
        state: row.get(2)?,
        last_seen: row.get(3)?,
        body: row.get(4)?,
        acknowledgement: row.get(5)?,
    })
}
