//! The parts of the document, as they are named in the contract; used for writing and for reading.
//!
//! Why one definition for both ways: a field that is written and not read back, or the other way round, would be
//! noticed by nobody.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::words;
use crate::model::address::{Address, NamedProject, Route};
use crate::model::finding::{Acknowledgement, Fact, Finding};
use crate::model::fingerprint::Fingerprint;
use crate::model::observation::Cause;
use crate::model::report::{Report, Summary, TargetReport, TenantReport};
use crate::model::tenant::TenantId;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Scan)]
pub struct ScanView<'a> {
    pub id: Cow<'a, str>,
    #[schema(format = DateTime)]
    pub started_at: String,
    #[schema(format = DateTime)]
    pub finished_at: String,
    #[serde(skip_deserializing)]
    pub duration_seconds: f64,
    #[schema(schema_with = words::trigger)]
    pub trigger: Cow<'a, str>,
    #[serde(default)]
    pub partial: bool,
}

impl<'a> ScanView<'a> {
    pub fn of(report: &'a Report) -> Self {
        Self {
            id: Cow::Borrowed(&report.id),
            started_at: report.started_at.to_string(),
            finished_at: report.finished_at.to_string(),
            duration_seconds: whole_microseconds(report.took()),
            trigger: report.trigger.label().into(),
            partial: report.partial,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = report::Summary)]
pub struct SummaryView {
    tenants: usize,
    isolated: usize,
    breached: usize,
    unverified: usize,
    healthy: usize,
    degraded: usize,
    unhealthy: usize,
}

impl From<Summary> for SummaryView {
    fn from(summary: Summary) -> Self {
        Self {
            tenants: summary.tenants,
            isolated: summary.isolated,
            breached: summary.breached,
            unverified: summary.unverified,
            healthy: summary.healthy,
            degraded: summary.degraded,
            unhealthy: summary.unhealthy,
        }
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Tenant)]
pub struct TenantView<'a> {
    pub id: Cow<'a, str>,
    #[schema(schema_with = words::health)]
    pub health: Cow<'a, str>,
    #[schema(schema_with = words::cause)]
    pub cause: Option<Cow<'a, str>>,
    #[schema(schema_with = words::verdict)]
    pub isolation: Cow<'a, str>,
    #[serde(default)]
    pub doubts: Cow<'a, [String]>,
    pub probe_seconds: Option<f64>,
    pub targets: Vec<TargetView<'a>>,
    /// That of `database_url` once more, where scripts look first.
    #[serde(skip_deserializing)]
    pub fingerprint: Option<FingerprintView<'a>>,
}

impl<'a> TenantView<'a> {
    pub fn of(tenant: &'a TenantReport) -> Self {
        Self {
            id: tenant.id.as_str().into(),
            health: tenant.health.label().into(),
            cause: tenant.cause.map(Cause::label).map(Cow::Borrowed),
            isolation: tenant.isolation.label().into(),
            doubts: Cow::Borrowed(&tenant.doubts),
            probe_seconds: tenant.probe.map(whole_microseconds),
            targets: tenant.targets.iter().map(TargetView::of).collect(),
            fingerprint: tenant.targets.first().and_then(FingerprintView::of),
        }
    }
}

/// Finer digits would be noise that changes with every run.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
fn whole_microseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Target)]
pub struct TargetView<'a> {
    pub name: String,
    #[schema(schema_with = words::health)]
    pub health: Cow<'a, str>,
    #[schema(schema_with = words::cause)]
    pub cause: Option<Cow<'a, str>>,
    #[serde(default)]
    pub detail: Option<Cow<'a, str>>,
    pub address: AddressView<'a>,
    pub fingerprint: Option<FingerprintView<'a>>,
}

impl<'a> TargetView<'a> {
    pub fn of(target: &'a TargetReport) -> Self {
        Self {
            name: target.name.to_string(),
            health: target.health.label().into(),
            cause: target.cause.map(Cause::label).map(Cow::Borrowed),
            detail: target.detail.as_deref().map(Cow::Borrowed),
            address: AddressView::of(&target.address),
            fingerprint: FingerprintView::of(target),
        }
    }
}

/// Where the registry leads, without anything secret. Known also for a target that did not answer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Address)]
pub struct AddressView<'a> {
    pub host: Cow<'a, str>,
    pub port: u16,
    pub database: Cow<'a, str>,
    pub role: Cow<'a, str>,
    pub provider: Cow<'a, str>,
    pub route: Cow<'a, str>,
    pub projects: Vec<ProjectView<'a>>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Project)]
pub struct ProjectView<'a> {
    pub place: Cow<'a, str>,
    pub id: Cow<'a, str>,
}

impl<'a> AddressView<'a> {
    pub fn of(address: &'a Address) -> Self {
        let project = |it: &'a NamedProject| ProjectView {
            place: it.place.label().into(),
            id: Cow::Borrowed(&it.id),
        };
        Self {
            host: Cow::Borrowed(&address.host),
            port: address.port,
            database: Cow::Borrowed(&address.database),
            role: Cow::Borrowed(&address.role),
            provider: address.provider.label().into(),
            route: route_label(address.route).into(),
            projects: address.projects.iter().map(project).collect(),
        }
    }
}

pub(super) const fn route_label(route: Route) -> &'static str {
    match route {
        Route::Direct => "direct",
        Route::Pooler => "pooler",
        Route::SharedPooler => "shared_pooler",
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Fingerprint)]
pub struct FingerprintView<'a> {
    #[serde(skip_deserializing)]
    pub sha256: String,
    /// As text: it does not fit into the numbers of JavaScript.
    pub system_identifier: Option<String>,
    pub database_oid: Option<u32>,
    pub database: Cow<'a, str>,
    pub timeline: Option<u32>,
    pub in_recovery: Option<bool>,
    pub server_version: String,
    #[schema(value_type = Option<String>)]
    pub server_address: Option<IpAddr>,
    pub server_port: Option<u16>,
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    #[serde(skip_deserializing)]
    pub host: Cow<'a, str>,
    #[serde(skip_deserializing)]
    pub provider: &'static str,
    #[serde(skip_deserializing)]
    pub project_id: Option<Cow<'a, str>>,
}

impl<'a> FingerprintView<'a> {
    pub fn of(target: &'a TargetReport) -> Option<Self> {
        let fingerprint: &Fingerprint = target.fingerprint.as_deref()?;
        let project_id = target.address.project_id();
        let started_at = |it: i64| Timestamp::from_microsecond(it).ok().map(|it| it.to_string());
        Some(Self {
            sha256: fingerprint.sha256(project_id).to_string(),
            system_identifier: fingerprint.system_identifier.map(|it| it.to_string()),
            database_oid: fingerprint.database_oid,
            database: Cow::Borrowed(&fingerprint.database),
            timeline: fingerprint.timeline,
            in_recovery: fingerprint.in_recovery,
            server_version: fingerprint.version_text(),
            server_address: fingerprint.server_address,
            server_port: fingerprint.server_port,
            started_at: fingerprint.started_at.and_then(started_at),
            host: Cow::Borrowed(&target.address.host),
            provider: target.address.provider.label(),
            project_id: project_id.map(Cow::Borrowed),
        })
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Finding)]
pub struct FindingView<'a> {
    pub id: String,
    #[schema(schema_with = words::kind)]
    pub kind: Cow<'a, str>,
    #[schema(schema_with = words::severity)]
    pub severity: Cow<'a, str>,
    #[schema(schema_with = words::state)]
    pub state: Cow<'a, str>,
    pub tenants: Vec<Cow<'a, str>>,
    pub summary: Cow<'a, str>,
    #[schema(schema_with = words::certainty)]
    pub certainty: Cow<'a, str>,
    #[schema(value_type = Object)]
    pub evidence: BTreeMap<String, Value>,
    pub remediation: Cow<'a, [String]>,
    #[schema(format = DateTime)]
    pub first_seen: String,
    #[schema(format = DateTime)]
    pub last_seen: String,
    #[serde(default)]
    pub looks: u32,
    #[serde(default)]
    pub acknowledgement: Option<AcknowledgementView<'a>>,
    pub issue_url: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = report::Acknowledgement)]
pub struct AcknowledgementView<'a> {
    pub by: Cow<'a, str>,
    pub reason: Cow<'a, str>,
    #[schema(format = DateTime)]
    pub until: String,
}

impl<'a> FindingView<'a> {
    pub fn of(finding: &'a Finding) -> Self {
        let claim = &finding.claim;
        let fact = |(name, fact): (&String, &Fact)| (name.clone(), fact_value(fact));
        let acknowledgement = |it: &'a Acknowledgement| AcknowledgementView {
            by: Cow::Borrowed(&it.by),
            reason: Cow::Borrowed(&it.reason),
            until: it.until.to_string(),
        };
        Self {
            id: finding.id.to_string(),
            kind: claim.kind.label().into(),
            severity: claim.severity.label().into(),
            state: finding.state.label().into(),
            tenants: claim.tenants.iter().map(TenantId::as_str).map(Cow::Borrowed).collect(),
            summary: Cow::Borrowed(&claim.summary),
            certainty: claim.certainty.label().into(),
            evidence: claim.evidence.0.iter().map(fact).collect(),
            remediation: Cow::Borrowed(&claim.remediation),
            first_seen: finding.first_seen.to_string(),
            last_seen: finding.last_seen.to_string(),
            looks: finding.looks,
            acknowledgement: finding.acknowledgement.as_ref().map(acknowledgement),
            issue_url: finding.issue_url.as_deref().map(Cow::Borrowed),
        }
    }
}

fn fact_value(fact: &Fact) -> Value {
    match fact {
        Fact::Text(text) => Value::String(text.clone()),
        Fact::Number(number) => Value::from(*number),
        Fact::Yes(yes) => Value::Bool(*yes),
        Fact::List(list) => Value::Array(list.iter().map(fact_value).collect()),
        Fact::Map(map) => {
            Value::Object(map.iter().map(|(name, it)| (name.clone(), fact_value(it))).collect())
        }
    }
}
