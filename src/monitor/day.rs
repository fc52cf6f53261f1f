//! What the store remembers of the time since a moment, for the daily report.
//!
//! Why here: a report knows no store, and whoever tells it, the command as the daemon, must read the same.

use anyhow::Context;
use jiff::Timestamp;

use crate::model::change::Change;
use crate::model::finding::Finding;
use crate::model::gate::Override;
use crate::model::report::Report;
use crate::report::daily::{Daily, Past, ScanEnd};
use crate::report::json;
use crate::store::Store;
use crate::store::scans::ScanRecord;

/// Of each list; the report tells fewer.
const MOST: u32 = 10_000;

/// Kept apart from the report, which borrows from it.
#[derive(Clone, Debug)]
pub struct Day {
    since: Timestamp,
    report: Option<Report>,
    resolved: Vec<(Finding, Timestamp)>,
    scans: Vec<ScanEnd>,
    changes: Vec<Change>,
    overrides: Vec<Override>,
}

impl Day {
    pub fn read(store: &Store, since: Timestamp) -> anyhow::Result<Self> {
        let report = store.latest_report_json()?.map(|it| json::parse(&it)).transpose();
        let mut report = report.context("read the latest report of the store")?;
        if let Some(report) = &mut report {
            report.findings = store.standing_findings()?;
            report.findings.sort_by(|one, other| one.order().cmp(&other.order()));
        }
        Ok(Self {
            since,
            report,
            resolved: store.resolved_since(since, MOST)?,
            scans: store.scans(MOST)?.iter().map(end).collect(),
            changes: store.changes(MOST)?,
            overrides: store.overrides(MOST)?,
        })
    }

    pub fn daily(&self, now: Timestamp) -> Daily<'_> {
        Daily::of(&Past {
            since: self.since,
            now,
            report: self.report.as_ref(),
            resolved: &self.resolved,
            scans: &self.scans,
            changes: &self.changes,
            overrides: &self.overrides,
        })
    }
}

fn end(scan: &ScanRecord) -> ScanEnd {
    ScanEnd { at: scan.finished_at, partial: scan.partial, verdict: scan.verdict }
}
