//! What the API answers with, where it is not the report itself.
//!
//! Why types of their own: the contract's names must not change because a field of the model is renamed.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::finding::{Finding, Health, Verdict};
use crate::model::report::TenantReport;
use crate::model::tenant::{Tenant, TenantId};
use crate::report::json::view::{FindingView, ScanView, SummaryView, TenantView};
use crate::report::json::words;
use crate::schedule::{Running, Status};
use crate::standing::Standing;
use crate::store::latencies::Latency;
use crate::store::scans::{HistoryEntry, ScanRecord};

/// A finished scan, without its report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScanRecord)]
pub(super) struct ScanRow {
    id: String,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    finished_at: String,
    #[schema(schema_with = words::trigger)]
    trigger: &'static str,
    /// Of only some tenants.
    partial: bool,
    #[schema(schema_with = words::verdict)]
    verdict: &'static str,
    summary: SummaryView,
}

impl From<&ScanRecord> for ScanRow {
    fn from(record: &ScanRecord) -> Self {
        Self {
            id: record.id.as_ref().to_owned(),
            started_at: record.started_at.to_string(),
            finished_at: record.finished_at.to_string(),
            trigger: record.trigger.label(),
            partial: record.partial,
            verdict: record.verdict.label(),
            summary: SummaryView::from(record.summary),
        }
    }
}

/// The latest first, and what is going on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Scans)]
pub(super) struct ScansView {
    pub(super) scans: Vec<ScanRow>,
    /// Where more of them are.
    pub(super) next: Option<String>,
    pub(super) running: Option<ScanState>,
    /// The id of the scan that follows.
    pub(super) waiting: Option<String>,
    /// When the schedule falls due.
    #[schema(format = DateTime)]
    pub(super) next_at: Option<String>,
}

/// A scan that has not ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScanState)]
pub(super) struct ScanState {
    pub(super) id: String,
    #[schema(schema_with = words_of_scan_states)]
    pub(super) state: &'static str,
    /// What it does; null while it waits.
    #[schema(schema_with = words_of_stages)]
    pub(super) stage: Option<&'static str>,
    /// Steps of the stage that have ended, and how many it has; 0 until that is known.
    pub(super) done: usize,
    pub(super) total: usize,
    #[schema(format = DateTime)]
    pub(super) began_at: Option<String>,
}

fn words_of_scan_states() -> utoipa::openapi::Object {
    words::one_of(["waiting", "running"].into_iter())
}

fn words_of_stages() -> utoipa::openapi::Object {
    words::one_of_or_null(crate::schedule::Stage::ALL.iter().map(|it| it.label()))
}

impl From<&Running> for ScanState {
    fn from(running: &Running) -> Self {
        Self {
            id: running.scan.as_ref().to_owned(),
            state: "running",
            stage: Some(running.stage.label()),
            done: running.done,
            total: running.total,
            began_at: Some(running.began_at.to_string()),
        }
    }
}

impl ScanState {
    /// Of the scan of this id: it runs, or it waits.
    pub(super) fn of(id: &str, status: &Status) -> Self {
        match &status.running {
            Some(running) if &*running.scan == id => running.into(),
            _ => Self {
                id: id.to_owned(),
                state: "waiting",
                stage: None,
                done: 0,
                total: 0,
                began_at: None,
            },
        }
    }
}

/// A tenant in a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TenantRow)]
pub(super) struct TenantRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    subdomain: Option<&'a str>,
    environment: Option<&'a str>,
    /// `unverified` where no scan has seen it yet.
    #[schema(schema_with = words::verdict)]
    isolation: &'static str,
    #[schema(schema_with = words::health)]
    health: &'static str,
    #[schema(schema_with = words::cause)]
    cause: Option<&'static str>,
    /// When its own database answered last.
    #[schema(format = DateTime)]
    last_success: Option<String>,
    /// The registry row was kept from an earlier read.
    stale: bool,
    /// Findings that stand.
    findings: usize,
}

/// A tenant of the registry, of the last scan, or of both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) id: &'a TenantId,
    pub(super) registered: Option<&'a Tenant>,
    pub(super) seen: Option<&'a TenantReport>,
}

impl Known<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        self.seen.map_or(Verdict::Unverified, |it| it.isolation)
    }

    pub(super) fn health(&self) -> Health {
        self.seen.map_or(Health::Unknown, |it| it.health)
    }
}

impl<'a> TenantRow<'a> {
    pub(super) fn of(tenant: Known<'a>, standing: &Standing, findings: usize) -> Self {
        let registered = tenant.registered;
        Self {
            id: tenant.id.as_str(),
            name: registered.and_then(|it| it.name.as_deref()),
            subdomain: registered.and_then(|it| it.subdomain.as_deref()),
            environment: registered.map(|it| &*it.environment),
            isolation: tenant.verdict().label(),
            health: tenant.health().label(),
            cause: tenant.seen.and_then(|it| it.cause).map(crate::model::observation::Cause::label),
            last_success: standing.last_success.get(tenant.id).map(ToString::to_string),
            stale: registered.is_some_and(|it| it.stale),
            findings,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenants)]
pub(super) struct TenantsView<'a> {
    /// The last scan of the whole fleet; null until there is one.
    pub(super) scan: Option<ScanView<'a>>,
    pub(super) tenants: Vec<TenantRow<'a>>,
    pub(super) next: Option<String>,
}

/// Everything that is known of one tenant, without any secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct TenantDetail<'a> {
    #[serde(flatten)]
    pub(super) row: TenantRow<'a>,
    pub(super) region: Option<&'a str>,
    /// The tenant of which this one is a deliberate copy.
    pub(super) clone_of: Option<&'a str>,
    /// Who else manages it.
    pub(super) managed_by: Option<&'a str>,
    #[schema(value_type = Object, additional_properties)]
    pub(super) labels: BTreeMap<&'a str, &'a str>,
    pub(super) maintenance: Option<MaintenanceView<'a>>,
    /// Where the registry says so.
    pub(super) source: Option<String>,
    /// What the last scan saw; null where none did.
    pub(super) seen: Option<TenantView<'a>>,
    /// Those that stand, worst first.
    pub(super) standing_findings: Vec<FindingView<'a>>,
}

/// A window in which trouble with its health is expected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Maintenance)]
pub(super) struct MaintenanceView<'a> {
    #[schema(format = DateTime)]
    until: String,
    reason: &'a str,
}

impl<'a> TenantDetail<'a> {
    pub(super) fn of(tenant: Known<'a>, standing: &'a Standing) -> Self {
        let findings: Vec<&Finding> = standing.findings_of(tenant.id).collect();
        let particulars = tenant.registered.map(Tenant::particulars);
        let maintenance = particulars.and_then(|it| it.maintenance.as_ref());
        Self {
            row: TenantRow::of(tenant, standing, findings.len()),
            region: particulars.and_then(|it| it.region.as_deref()),
            clone_of: particulars.and_then(|it| it.clone_of.as_ref()).map(TenantId::as_str),
            managed_by: particulars.and_then(|it| it.managed_by.as_deref()),
            labels: particulars
                .map(|it| it.labels.iter().map(|(name, value)| (&**name, &**value)).collect())
                .unwrap_or_default(),
            maintenance: maintenance
                .map(|it| MaintenanceView { until: it.until.to_string(), reason: &it.reason }),
            source: tenant.registered.map(|it| it.origin.to_string()),
            seen: tenant.seen.map(TenantView::of),
            standing_findings: findings.into_iter().map(FindingView::of).collect(),
        }
    }
}

/// What a tenant was from this scan on, until the next entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryEntry)]
pub(super) struct HistoryRow {
    scan: String,
    #[schema(format = DateTime)]
    at: String,
    #[schema(schema_with = words::verdict)]
    isolation: &'static str,
    #[schema(schema_with = words::health)]
    health: &'static str,
    #[schema(schema_with = words::cause)]
    cause: Option<&'static str>,
    /// Of its own database's identity.
    fingerprint_sha256: Option<String>,
    probe_seconds: Option<f64>,
}

impl From<&HistoryEntry> for HistoryRow {
    fn from(entry: &HistoryEntry) -> Self {
        Self {
            scan: entry.scan.as_ref().to_owned(),
            at: entry.at.to_string(),
            isolation: entry.verdict.label(),
            health: entry.health.label(),
            cause: entry.cause.map(crate::model::observation::Cause::label),
            fingerprint_sha256: entry.fingerprint.map(|it| it.to_string()),
            probe_seconds: entry.probe.map(|it| it.as_secs_f64()),
        }
    }
}

/// One visit to a tenant's own database.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Latency)]
pub(super) struct LatencyRow {
    #[schema(format = DateTime)]
    at: String,
    probe_seconds: f64,
    answered: bool,
}

impl From<&Latency> for LatencyRow {
    fn from(latency: &Latency) -> Self {
        Self {
            at: latency.at.to_string(),
            probe_seconds: latency.took.as_secs_f64(),
            answered: latency.answered,
        }
    }
}

/// The latest first. An entry is written when something changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
pub(super) struct HistoryView {
    pub(super) history: Vec<HistoryRow>,
    /// Of the last visits, the latest first; on the first page alone.
    pub(super) latencies: Vec<LatencyRow>,
    pub(super) next: Option<String>,
}

/// Worst first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Findings)]
pub(super) struct FindingsView<'a> {
    pub(super) findings: Vec<FindingView<'a>>,
    pub(super) next: Option<String>,
}
