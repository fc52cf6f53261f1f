//! From the document back to the report.
//!
//! Why every word is checked: this text may come from another machine, and a verdict that is read wrong opens a gate.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::view::{
    AcknowledgementView, AddressView, FindingView, FingerprintView, ProjectView, ScanView,
    TargetView, TenantView, route_label,
};
use super::{ParseError, SCHEMA};
use crate::model::address::{Address, NamedProject, ProjectPlace, Provider, Route};
use crate::model::finding::{
    Acknowledgement, Certainty, Claim, Evidence, Fact, Finding, FindingId, Health, Kind, Severity,
    State, Verdict,
};
use crate::model::fingerprint::{Digest256, Fingerprint};
use crate::model::observation::Cause;
use crate::model::report::{Report, TargetReport, TenantReport, Trigger};
use crate::model::tenant::{TargetName, TenantId};
use crate::report::visible::clipped;

/// How much of a wrong value an error repeats, in characters.
const SHOWN: usize = 80;
/// In seconds, about a month: no visit lasts longer, and microseconds are exact up to here.
const LONGEST_PROBE: f64 = 2.6e6;

const ROUTES: [Route; 3] = [Route::Direct, Route::Pooler, Route::SharedPooler];

/// Looked at before all else, so that a later version is told apart from a broken file.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

#[derive(Deserialize)]
struct Document {
    verdict: String,
    scan: ScanView<'static>,
    #[serde(default)]
    warnings: Vec<String>,
    tenants: Vec<TenantView<'static>>,
    findings: Vec<FindingView<'static>>,
}

pub(super) fn report(text: &str) -> Result<Report, ParseError> {
    let head: Head = serde_json::from_str(text).map_err(ParseError::Syntax)?;
    if head.schema != SCHEMA {
        return Err(ParseError::Schema(clipped(&head.schema, SHOWN).into_owned()));
    }
    let document: Document = serde_json::from_str(text).map_err(ParseError::Syntax)?;
    let scan = document.scan;
    let report = Report {
        started_at: time("scan.started_at", &scan.started_at)?,
        finished_at: time("scan.finished_at", &scan.finished_at)?,
        trigger: word("scan.trigger", &scan.trigger, Trigger::parse)?,
        id: scan.id.into(),
        partial: scan.partial,
        tenants: document.tenants.into_iter().map(tenant).collect::<Result<_, _>>()?,
        findings: document.findings.into_iter().map(finding).collect::<Result<_, _>>()?,
        warnings: document.warnings,
    };
    // A verdict that does not follow from the tenants was not written by us, or not left as we wrote it.
    if report.verdict().label() != document.verdict {
        return Err(wrong("verdict", &document.verdict));
    }
    Ok(report)
}

fn wrong(field: &'static str, found: &str) -> ParseError {
    ParseError::Value { field, found: clipped(found, SHOWN).into_owned() }
}

fn word<T>(
    field: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ParseError> {
    parse(text).ok_or_else(|| wrong(field, text))
}

fn time(field: &'static str, text: &str) -> Result<Timestamp, ParseError> {
    text.parse().map_err(|_| wrong(field, text))
}

fn tenant_id(field: &'static str, text: &str) -> Result<TenantId, ParseError> {
    TenantId::parse(text).map_err(|_| wrong(field, text))
}

fn cause(field: &'static str, text: Option<&str>) -> Result<Option<Cause>, ParseError> {
    text.map(|it| word(field, it, Cause::parse)).transpose()
}

fn tenant(view: TenantView<'_>) -> Result<TenantReport, ParseError> {
    let probe =
        |it: f64| microseconds(it).ok_or_else(|| wrong("tenants[].probe_seconds", &it.to_string()));
    Ok(TenantReport {
        id: tenant_id("tenants[].id", &view.id)?,
        health: word("tenants[].health", &view.health, Health::parse)?,
        cause: cause("tenants[].cause", view.cause.as_deref())?,
        isolation: word("tenants[].isolation", &view.isolation, Verdict::parse)?,
        doubts: view.doubts.into_owned(),
        probe: view.probe_seconds.map(probe).transpose()?,
        targets: view.targets.into_iter().map(target).collect::<Result<_, _>>()?,
    })
}

/// Rounded as it was written, so that a report does not change by being passed on.
fn microseconds(seconds: f64) -> Option<Duration> {
    if !(0.0..=LONGEST_PROBE).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded above")]
    let microseconds = (seconds * 1e6).round() as u64;
    Some(Duration::from_micros(microseconds))
}

fn target(view: TargetView<'_>) -> Result<TargetReport, ParseError> {
    Ok(TargetReport {
        name: word("targets[].name", &view.name, TargetName::parse)?,
        address: Arc::new(address(view.address)?),
        health: word("targets[].health", &view.health, Health::parse)?,
        cause: cause("targets[].cause", view.cause.as_deref())?,
        detail: view.detail.map(Into::into),
        fingerprint: view.fingerprint.map(fingerprint).transpose()?.map(Arc::new),
    })
}

fn address(view: AddressView<'_>) -> Result<Address, ParseError> {
    let project = |it: ProjectView<'_>| {
        let place = word("address.projects[].place", &it.place, ProjectPlace::parse)?;
        Ok(NamedProject { place, id: it.id.into() })
    };
    let route = |text: &str| ROUTES.into_iter().find(|it| route_label(*it) == text);
    Ok(Address {
        host: view.host.into(),
        port: view.port,
        database: view.database.into(),
        role: view.role.into(),
        provider: word("address.provider", &view.provider, Provider::parse)?,
        route: word("address.route", &view.route, route)?,
        projects: view.projects.into_iter().map(project).collect::<Result<_, ParseError>>()?,
    })
}

fn fingerprint(view: FingerprintView<'_>) -> Result<Fingerprint, ParseError> {
    let number = |it: &str| word("fingerprint.system_identifier", it, |it| it.parse().ok());
    let started_at = |it: &str| time("fingerprint.started_at", it).map(Timestamp::as_microsecond);
    Ok(Fingerprint {
        system_identifier: view.system_identifier.as_deref().map(number).transpose()?,
        database_oid: view.database_oid,
        database: view.database.into(),
        timeline: view.timeline,
        in_recovery: view.in_recovery,
        started_at: view.started_at.as_deref().map(started_at).transpose()?,
        server_version: word("fingerprint.server_version", &view.server_version, version)?,
        server_address: view.server_address,
        server_port: view.server_port,
        wal_position: None,
        wal_senders: None,
        wal_receiver: None,
        stamp: None,
    })
}

/// `15.18` is 150018.
fn version(text: &str) -> Option<u32> {
    let (major, minor) = text.split_once('.')?;
    let major: u32 = major.parse().ok()?;
    let minor: u32 = minor.parse().ok().filter(|it| *it < 10_000)?;
    major.checked_mul(10_000)?.checked_add(minor)
}

fn finding(view: FindingView<'_>) -> Result<Finding, ParseError> {
    let tenants = view.tenants.iter().map(|it| tenant_id("findings[].tenants", it));
    let evidence = view.evidence.into_iter().map(|(name, value)| Ok((name, fact(value)?)));
    let claim = Claim {
        kind: word("findings[].kind", &view.kind, Kind::parse)?,
        severity: word("findings[].severity", &view.severity, Severity::parse)?,
        certainty: word("findings[].certainty", &view.certainty, Certainty::parse)?,
        tenants: tenants.collect::<Result<_, _>>()?,
        summary: view.summary.into_owned(),
        evidence: Evidence(evidence.collect::<Result<_, ParseError>>()?),
        remediation: view.remediation.into_owned(),
    };
    Ok(Finding {
        id: FindingId(word("findings[].id", &view.id, Digest256::parse)?),
        claim,
        state: word("findings[].state", &view.state, State::parse)?,
        first_seen: time("findings[].first_seen", &view.first_seen)?,
        last_seen: time("findings[].last_seen", &view.last_seen)?,
        looks: view.looks,
        acknowledgement: view.acknowledgement.map(acknowledgement).transpose()?,
        issue_url: view.issue_url.map(Into::into),
    })
}

fn acknowledgement(view: AcknowledgementView<'_>) -> Result<Acknowledgement, ParseError> {
    Ok(Acknowledgement {
        by: view.by.into(),
        reason: view.reason.into(),
        until: time("findings[].acknowledgement.until", &view.until)?,
    })
}

/// The JSON reader bounds how deep the value is nested.
fn fact(value: Value) -> Result<Fact, ParseError> {
    let field = "findings[].evidence";
    Ok(match value {
        Value::String(text) => Fact::Text(text),
        Value::Bool(yes) => Fact::Yes(yes),
        Value::Number(number) => {
            Fact::Number(number.as_i64().ok_or_else(|| wrong(field, &number.to_string()))?)
        }
        Value::Array(list) => Fact::List(list.into_iter().map(fact).collect::<Result<_, _>>()?),
        Value::Object(map) => {
            let facts = map.into_iter().map(|(name, it)| Ok((name, fact(it)?)));
            Fact::Map(facts.collect::<Result<_, ParseError>>()?)
        }
        Value::Null => return Err(wrong(field, "null")),
    })
}
