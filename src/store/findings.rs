//! Findings between scans: those that stand, those that were resolved, and what people said of them.
//!
//! Why a person's word wins over a running scan: the scan read the findings at its beginning, so an acknowledgement
//! given since is news to it. It is kept, and the next scan weighs it.

use std::collections::BTreeMap;

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

/// The page of its issue comes from the ledger: a scan that began before the issue was filed must not forget it.
const COLUMNS: &str = "id, kind, state, last_seen, body, acknowledgement,
     (SELECT url FROM issues WHERE subject = findings.id AND standing <> 'lost'
      ORDER BY issues.number DESC LIMIT 1)";

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
                "SELECT {COLUMNS} FROM findings WHERE state = ?1
                 ORDER BY resolved_at DESC, last_seen DESC, id LIMIT ?2"
            );
            let mut resolved = transaction.prepare_cached(&sql)?;
            collect(resolved.query(params![State::Resolved.label(), at_most])?)
        })
    }

    /// Those that were resolved at `since` or later, each with when; the latest first.
    pub fn resolved_since(
        &self,
        since: Timestamp,
        at_most: u32,
    ) -> Result<Vec<(Finding, Timestamp)>, StoreError> {
        self.read("read the findings that were resolved since", |transaction| {
            let sql = format!(
                "SELECT {COLUMNS}, resolved_at FROM findings WHERE state = ?1 AND ?2 <= resolved_at
                 ORDER BY resolved_at DESC, last_seen DESC, id LIMIT ?3"
            );
            let mut resolved = transaction.prepare_cached(&sql)?;
            let rows = params![State::Resolved.label(), rows::micros(since), at_most];
            let found = resolved.query_and_then(rows, |row| {
                let at = rows::time("resolved_at", row.get(7)?)?;
                Ok::<_, Fault>((finding(&columns(row)?)?, at))
            })?;
            found.collect()
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
                "UPDATE findings SET acknowledgement = ?2, acknowledged_at = ?3, state = ?4
                 WHERE id = ?1 AND state <> ?5",
            )?;
            let changed = acknowledge.execute(params![
                id.to_string(),
                acknowledgement_text(acknowledgement)?,
                rows::micros(now),
                State::Acknowledged.label(),
                State::Resolved.label(),
            ])?;
            if changed == 0 { Ok(None) } else { one(transaction, id) }
        })
    }
}

/// `begun` is the start of the scan that says so: what a person has said since then is news to it.
pub(super) fn put<'a>(
    transaction: &Transaction<'_>,
    findings: impl Iterator<Item = &'a Finding>,
    begun: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    let said = said_since(transaction, begun)?;
    let mut put = transaction.prepare_cached(
        "INSERT INTO findings (id, kind, state, last_seen, body, acknowledgement, resolved_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET
             kind = excluded.kind,
             state = excluded.state,
             last_seen = excluded.last_seen,
             body = excluded.body,
             acknowledgement = excluded.acknowledgement,
             acknowledged_at = NULL,
             resolved_at = iif(excluded.resolved_at IS NULL, NULL,
                 coalesce(resolved_at, excluded.resolved_at))",
    )?;
    for finding in findings {
        let (state, acknowledgement) = match said.get(&finding.id) {
            Some(seen) if still_covers(seen, finding, now) => {
                (State::Acknowledged, seen.acknowledgement.as_ref())
            }
            _ => (finding.state, finding.acknowledgement.as_ref()),
        };
        put.execute(params![
            finding.id.to_string(),
            finding.claim.kind.label(),
            state.label(),
            rows::micros(finding.last_seen),
            finding_text(finding)?,
            acknowledgement.map(acknowledgement_text).transpose()?,
            (state == State::Resolved).then(|| rows::micros(now)),
        ])?;
    }
    prune(transaction, now)
}

/// The findings as people saw them when they acknowledged them.
fn said_since(
    transaction: &Transaction<'_>,
    begun: Timestamp,
) -> Result<BTreeMap<FindingId, Finding>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM findings WHERE acknowledged_at >= ?1");
    let mut since = transaction.prepare_cached(&sql)?;
    let findings = collect(since.query([rows::micros(begun)])?)?;
    Ok(findings.into_iter().map(|it| (it.id, it)).collect())
}

/// A person's word covers what the person saw, until its end: neither a member that joined since nor a worse severity.
fn still_covers(seen: &Finding, found: &Finding, now: Timestamp) -> bool {
    found.state != State::Resolved
        && seen.acknowledgement.as_ref().is_some_and(|it| now < it.until)
        && found.claim.severity <= seen.claim.severity
        && found.claim.tenants.is_subset(&seen.claim.tenants)
}

fn prune(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let oldest = now.saturating_sub(RESOLVED_KEPT).unwrap_or(Timestamp::MIN);
    transaction
        .prepare_cached("DELETE FROM findings WHERE state = ?1 AND resolved_at < ?2")?
        .execute(params![State::Resolved.label(), rows::micros(oldest)])?;
    transaction
        .prepare_cached(
            "DELETE FROM findings WHERE id IN (SELECT id FROM findings WHERE state = ?1
                 ORDER BY resolved_at DESC, last_seen DESC, id LIMIT -1 OFFSET ?2)",
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
        issue_url: row.get(6)?,
    })
}
