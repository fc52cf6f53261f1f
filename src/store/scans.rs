//! Finished scans: the record of each, the report itself, and the history of each tenant.
//!
//! Why one transaction: a scan whose findings are stored and whose baselines are not would, after a crash, accept a
//! swapped database as known. Why history is written on change only: a tenant that is well for a year is one line.
//!
//! Invariants:
//! - a scan is stored whole or not at all, and storing it again changes nothing;
//! - the latest report on the whole fleet is always there, however many partial scans follow it.

use std::io::{self, Write};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Transaction, params};

use super::error::{Fault, StoreError};
use super::rows::{self, RowError};
use super::{Store, findings, memory, outcomes, reports};
use crate::model::change::Baseline;
use crate::model::finding::{Finding, Health, Verdict};
use crate::model::fingerprint::Digest256;
use crate::model::observation::Cause;
use crate::model::report::{Report, Summary, Trigger};
use crate::model::tenant::TenantId;

/// Records of scans: at one every five minutes, a day and a half.
const SCANS_AT_MOST: u32 = 500;

/// Whole reports, beside the latest on the whole fleet.
const REPORTS_AT_MOST: u32 = 20;

/// Of those twenty together: the reports of a large fleet are some ten megabytes each.
const REPORT_BYTES_AT_MOST: i64 = 256 * 1024 * 1024;

/// After so long without a scan a tenant has left, and its history goes too.
const OUTCOMES_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What one scan leaves behind.
#[derive(Clone, Copy)]
pub struct FinishedScan<'a> {
    /// Its tenants are those that were asked for; who answered and who they are is read from it.
    pub report: &'a Report,
    /// Writes it as it is published. A function, because the text of a large fleet would be its largest value.
    pub write_json: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
    /// Every finding that this scan touched, those that it resolved included. Findings that are not named stay as
    /// they are.
    pub findings: &'a [Finding],
    /// More of them, of tenants that are not in the report.
    pub unreported: &'a [Finding],
    /// First sightings and accepted changes.
    pub baselines: &'a [Baseline],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRecord {
    pub id: Box<str>,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub trigger: Trigger,
    pub partial: bool,
    pub verdict: Verdict,
    pub summary: Summary,
}

/// What a tenant was from this scan on, until the next entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Counts the tenant's entries from 1 on; a page begins before it.
    pub number: u64,
    pub scan: Box<str>,
    pub at: Timestamp,
    pub verdict: Verdict,
    pub health: Health,
    pub cause: Option<Cause>,
    pub fingerprint: Option<Digest256>,
    pub probe: Option<Duration>,
}

impl Store {
    /// Stores the scan whole. A scan of the same id that is there already stays as it is.
    pub fn finish_scan(&self, scan: &FinishedScan<'_>) -> Result<(), StoreError> {
        self.write("record a scan", |transaction| {
            let Some(number) = put_record(transaction, scan.report)? else { return Ok(()) };
            reports::put(transaction, number, scan.write_json)?;
            outcomes::put(transaction, scan)?;
            memory::put_baselines(transaction, scan.baselines)?;
            let (started_at, finished_at) = (scan.report.started_at, scan.report.finished_at);
            let all = scan.findings.iter().chain(scan.unreported);
            findings::put(transaction, all, started_at, finished_at)?;
            prune(transaction, finished_at)
        })
    }

    /// The latest first.
    pub fn scans(&self, at_most: u32) -> Result<Vec<ScanRecord>, StoreError> {
        self.scans_page(None, at_most)
    }

    /// The latest first; with `before`, those that ended before the scan of that id. Where its record is no longer
    /// kept, neither are those before it, and the page is empty.
    pub fn scans_page(
        &self,
        before: Option<&str>,
        at_most: u32,
    ) -> Result<Vec<ScanRecord>, StoreError> {
        self.read("read the scans", |transaction| {
            let mut latest = transaction.prepare_cached(
                "SELECT id, started_at, finished_at, trigger, partial, verdict, summary
                 FROM scans
                 WHERE ?1 IS NULL OR number < (SELECT number FROM scans WHERE id = ?1)
                 ORDER BY number DESC LIMIT ?2",
            )?;
            let mut found = latest.query(params![before, at_most])?;
            let mut scans = Vec::new();
            while let Some(row) = found.next()? {
                scans.push(ScanRecord {
                    id: row.get::<_, String>(0)?.into(),
                    started_at: rows::time("started_at", row.get(1)?)?,
                    finished_at: rows::time("finished_at", row.get(2)?)?,
                    trigger: rows::trigger(&row.get::<_, String>(3)?)?,
                    partial: row.get(4)?,
                    verdict: rows::verdict(&row.get::<_, String>(5)?)?,
                    summary: rows::summary(&row.get::<_, String>(6)?)?,
                });
            }
            Ok(scans)
        })
    }

    /// Of the latest scan of the whole fleet, as it was published.
    pub fn latest_report_json(&self) -> Result<Option<String>, StoreError> {
        self.read("read the latest report", |transaction| {
            let mut latest = transaction.prepare_cached(
                "SELECT number, bytes FROM reports JOIN scans USING (number)
                 WHERE NOT partial ORDER BY number DESC LIMIT 1",
            )?;
            let found = latest.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            found.map(|(number, bytes)| reports::text(transaction, number, bytes)).transpose()
        })
    }

    /// `None` where there was no such scan, or its report is no longer kept.
    pub fn scan_report_json(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.read("read a report", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT number, bytes FROM reports JOIN scans USING (number) WHERE id = ?1",
            )?;
            let found = select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            found.map(|(number, bytes)| reports::text(transaction, number, bytes)).transpose()
        })
    }

    /// How long the text of a scan's report is, in bytes. `None` as for the text itself.
    pub fn report_bytes(&self, id: &str) -> Result<Option<u64>, StoreError> {
        self.read("look for a report", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT bytes FROM reports JOIN scans USING (number) WHERE id = ?1",
            )?;
            let found: Option<i64> = select.query_row([id], |row| row.get(0)).optional()?;
            Ok(found.and_then(|it| u64::try_from(it).ok()))
        })
    }

    /// The text from one place to the next, counted from 0: for whoever passes it on and never holds all of it.
    pub fn report_piece(&self, id: &str, piece: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("read a piece of a report", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT json FROM report_parts
                 WHERE number = (SELECT number FROM scans WHERE id = ?1) AND part = ?2",
            )?;
            Ok(select.query_row(params![id, piece], |row| row.get(0)).optional()?)
        })
    }

    /// The latest first.
    pub fn history(
        &self,
        tenant: &TenantId,
        at_most: u32,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        self.history_page(tenant, None, at_most)
    }

    /// The latest first; with `before`, those whose number is smaller.
    pub fn history_page(
        &self,
        tenant: &TenantId,
        before: Option<u64>,
        at_most: u32,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let before = before.map_or(i64::MAX, |it| i64::try_from(it).unwrap_or(i64::MAX));
        self.read("read a tenant's history", |transaction| {
            let mut latest = transaction.prepare_cached(
                "SELECT scan, at, state, probe_micros, entry FROM history
                 WHERE tenant = ?1 AND entry < ?2 ORDER BY entry DESC LIMIT ?3",
            )?;
            let mut found = latest.query(params![tenant.as_str(), before, at_most])?;
            let mut entries = Vec::new();
            while let Some(row) = found.next()? {
                let state = rows::state(&row.get::<_, String>(2)?)?;
                let probe: Option<i64> = row.get(3)?;
                let number = u64::try_from(row.get::<_, i64>(4)?);
                entries.push(HistoryEntry {
                    number: number.map_err(|_| RowError::Range { what: "an entry's number" })?,
                    scan: row.get::<_, String>(0)?.into(),
                    at: rows::time("at", row.get(1)?)?,
                    verdict: state.verdict,
                    health: state.health,
                    cause: state.cause,
                    fingerprint: state.fingerprint,
                    probe: probe.map(|it| rows::duration("probe", it)).transpose()?,
                });
            }
            Ok(entries)
        })
    }
}

/// The new record's number; `None` if this scan was stored before.
fn put_record(transaction: &Transaction<'_>, report: &Report) -> Result<Option<i64>, Fault> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO scans (id, started_at, finished_at, trigger, partial, verdict, summary)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING RETURNING number",
    )?;
    let record = params![
        report.id,
        rows::micros(report.started_at),
        rows::micros(report.finished_at),
        report.trigger.label(),
        report.partial,
        report.verdict().label(),
        rows::summary_text(report.summary())?,
    ];
    Ok(put.query_row(record, |row| row.get(0)).optional()?)
}

fn prune(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "DELETE FROM scans WHERE number NOT IN
                 (SELECT number FROM scans ORDER BY number DESC LIMIT ?1)
             AND number <> coalesce((SELECT max(number) FROM scans WHERE NOT partial), 0)",
        )?
        .execute([SCANS_AT_MOST])?;
    prune_reports(transaction, REPORTS_AT_MOST, REPORT_BYTES_AT_MOST)?;
    let oldest = now.saturating_sub(OUTCOMES_KEPT).unwrap_or(Timestamp::MIN);
    transaction
        .prepare_cached("DELETE FROM outcomes WHERE scanned_at < ?1")?
        .execute([rows::micros(oldest)])?;
    Ok(())
}

/// The latest, and the latest on the whole fleet, stay whatever their size.
fn prune_reports(
    transaction: &Transaction<'_>,
    at_most: u32,
    bytes_at_most: i64,
) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "DELETE FROM reports WHERE number IN (
                 SELECT number FROM (
                     SELECT number,
                         row_number() OVER latest_first AS place,
                         sum(bytes) OVER latest_first AS total
                     FROM reports WINDOW latest_first AS (ORDER BY number DESC))
                 WHERE ?1 < place OR ?2 < total)
             AND number <> coalesce((SELECT max(number) FROM scans WHERE NOT partial), 0)
             AND number <> (SELECT max(number) FROM scans)",
        )?
        .execute(params![at_most, bytes_at_most])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each report as `full:<bytes>` or `partial:<bytes>`, numbered from 1.
    #[track_caller]
    fn check(reports: &str, at_most: u32, bytes_at_most: i64, expected: &[i64]) {
        let directory = tempfile::tempdir().unwrap();
        let url = crate::store::url::StoreUrl::Sqlite(directory.path().join("w.db"));
        let store = Store::open(&url, None).unwrap();
        let kept = store.write("prune", |transaction| {
            for (number, report) in (1..).zip(reports.split(' ')) {
                let (kind, bytes) = report.split_once(':').unwrap();
                transaction.execute(
                    "INSERT INTO scans VALUES (?1, ?1, 0, 0, 'cli', ?2, 'isolated', '{}')",
                    params![number, kind == "partial"],
                )?;
                let row = params![number, bytes.parse::<i64>().unwrap()];
                transaction.execute("INSERT INTO reports VALUES (?1, ?2)", row)?;
            }
            prune_reports(transaction, at_most, bytes_at_most)?;
            let mut left = transaction.prepare("SELECT number FROM reports ORDER BY number")?;
            Ok(left.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?)
        });
        assert_eq!(kept.unwrap(), expected, "{reports}");
    }

    #[test]
    fn reports_make_room_by_number_and_by_size() {
        check("full:1 full:1 full:1", 3, 3, &[1, 2, 3]);
        check("full:1 full:1 full:1", 2, 3, &[2, 3]);
        check("full:1 full:1 full:1", 3, 2, &[2, 3]);
        check("full:1 full:9 full:1", 3, 5, &[3]);
        check("full:1 full:1 full:9", 3, 5, &[3]);
    }

    #[test]
    fn the_latest_on_the_whole_fleet_stays_and_so_does_the_latest() {
        check("full:9 partial:1 partial:1", 1, 5, &[1, 3]);
        check("full:9 partial:9 partial:9", 3, 5, &[1, 3]);
        check("partial:1 partial:1", 1, 5, &[2]);
    }
}
