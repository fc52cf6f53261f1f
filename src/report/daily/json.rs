//! `watertight.daily/v1`: the daily report for scripts. Lists are cut, and their lengths stand beside them.

use std::io::{self, Write};

use serde::Serialize;

use super::Daily;
use crate::model::change::Change;
use crate::model::finding::Kind;
use crate::model::report::TenantReport;
use crate::model::tenant::TenantId;
use crate::report::gate::OverrideView;
use crate::report::json;

pub(super) const SCHEMA: &str = "watertight.daily/v1";

/// Of each list.
const MOST: usize = 1_000;

#[derive(Serialize)]
struct Document<'a, F: Serialize, S: Serialize> {
    schema: &'static str,
    since: String,
    until: String,
    verdict: &'static str,
    scan: Option<ScanView<'a>>,
    coverage: CoverageView,
    summary: Option<S>,
    scans: ScansView,
    tenants: TenantsView<'a>,
    findings: FindingsView<F>,
    changes: List<ChangeView<'a>>,
    overrides: List<OverrideView>,
}

#[derive(Serialize)]
struct ScanView<'a> {
    id: &'a str,
    finished_at: String,
    age_seconds: i64,
}

#[derive(Serialize)]
struct CoverageView {
    verified: usize,
    tenants: usize,
    share: f64,
}

#[derive(Serialize)]
struct ScansView {
    full: usize,
    isolated: usize,
    breached: usize,
    unverified: usize,
    partial: usize,
    longest_gap_seconds: Option<i64>,
    known_since: Option<String>,
}

#[derive(Serialize)]
struct TenantsView<'a> {
    breached: List<&'a str>,
    unverified: List<DoubtView<'a>>,
}

#[derive(Serialize)]
struct DoubtView<'a> {
    id: &'a str,
    doubts: &'a [String],
}

#[derive(Serialize)]
struct FindingsView<F: Serialize> {
    opened: List<F>,
    standing: List<F>,
    resolved: List<ResolvedView<F>>,
}

#[derive(Serialize)]
struct ResolvedView<F: Serialize> {
    resolved_at: String,
    #[serde(flatten)]
    finding: F,
}

#[derive(Serialize)]
struct ChangeView<'a> {
    tenants: Vec<&'a str>,
    kinds: Vec<&'static str>,
    reason: &'a str,
    ticket: Option<&'a str>,
    by: &'a str,
    from: String,
    until: String,
}

#[derive(Serialize)]
struct List<T: Serialize> {
    /// Counts those too that are left out of `items`.
    total: usize,
    items: Vec<T>,
}

impl<T: Serialize> List<T> {
    fn of(items: impl ExactSizeIterator<Item = T>) -> Self {
        Self { total: items.len(), items: items.take(MOST).collect() }
    }
}

pub(super) fn write(daily: &Daily<'_>, out: &mut dyn Write) -> io::Result<()> {
    let scans = &daily.scans;
    let document = Document {
        schema: SCHEMA,
        since: daily.since.to_string(),
        until: daily.now.to_string(),
        verdict: daily.verdict().label(),
        scan: daily.report.map(|it| ScanView {
            id: &it.id,
            finished_at: it.finished_at.to_string(),
            age_seconds: daily.now.duration_since(it.finished_at).as_secs(),
        }),
        coverage: CoverageView {
            verified: daily.coverage.verified,
            tenants: daily.coverage.tenants,
            share: daily.coverage.share(),
        },
        summary: daily.report.map(json::summary),
        scans: ScansView {
            full: scans.full(),
            isolated: scans.isolated,
            breached: scans.breached,
            unverified: scans.unverified,
            partial: scans.partial,
            longest_gap_seconds: scans.longest_gap.map(|it| it.as_secs()),
            known_since: scans.known_since.map(|it| it.to_string()),
        },
        tenants: TenantsView {
            breached: List::of(daily.breached.iter().map(|it| it.id.as_str())),
            unverified: List::of(daily.unverified.iter().map(|it| doubt(it))),
        },
        findings: FindingsView {
            opened: List::of(daily.opened.iter().map(|it| json::finding(it))),
            standing: List::of(daily.standing.iter().map(|it| json::finding(it))),
            resolved: List::of(daily.resolved.iter().map(|(it, at)| ResolvedView {
                resolved_at: at.to_string(),
                finding: json::finding(it),
            })),
        },
        changes: List::of(daily.changes.iter().map(|it| change(it))),
        overrides: List::of(daily.overrides.iter().map(|it| OverrideView::of(it))),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn doubt(tenant: &TenantReport) -> DoubtView<'_> {
    DoubtView { id: tenant.id.as_str(), doubts: &tenant.doubts }
}

fn change(change: &Change) -> ChangeView<'_> {
    ChangeView {
        tenants: change.tenants.iter().map(TenantId::as_str).collect(),
        kinds: change.kinds.iter().map(Kind::label).collect(),
        reason: &change.reason,
        ticket: change.ticket.as_deref(),
        by: &change.by,
        from: change.from.to_string(),
        until: change.until.to_string(),
    }
}
