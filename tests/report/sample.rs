//! A made-up fleet in which everything happens: every kind of finding, every cause, every verdict, hostile names.
//!
//! Why made up: no real fleet has all of it at once, and a snapshot must not change with the weather.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use watertight::model::address::{Address, NamedProject, ProjectPlace, Provider, Route};
use watertight::model::finding::{
    Acknowledgement, Certainty, Claim, Evidence, Fact, Finding, FindingId, Health, Kind, Severity,
    State, Verdict,
};
use watertight::model::fingerprint::Fingerprint;
use watertight::model::observation::Cause;
use watertight::model::report::{Report, TargetReport, TenantReport, Trigger};
use watertight::model::tenant::{Origin, Target, TargetName, Tenant, TenantId};
use watertight::report::explain::{meaning, usual_severity};

/// What a server, a registry or a person might put into a name to be obeyed by whoever shows it.
pub(crate) const HOSTILE: &str = "<!-- @here | `rm -rf` \u{1b}[31mred\u{1b}[0m ::error::owned %0A \u{202e}]]> \"x\" & \n::error::second line";

pub(crate) fn id(text: &str) -> TenantId {
    TenantId::parse(text).expect("a valid id")
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("in range")
}

pub(crate) fn report(tenants: Vec<TenantReport>, findings: Vec<Finding>) -> Report {
    Report {
        id: "01k5p4x0000000000000000000".into(),
        started_at: at(0),
        finished_at: at(0) + Duration::from_millis(1840),
        trigger: Trigger::Cli,
        partial: false,
        tenants,
        findings,
        warnings: Vec::new(),
    }
}

pub(crate) fn tenant(name: &str, isolation: Verdict, health: Health) -> TenantReport {
    TenantReport {
        id: id(name),
        health,
        cause: None,
        isolation,
        doubts: Vec::new(),
        probe: Some(Duration::from_millis(12)),
        targets: vec![target(name, TargetName::DatabaseUrl, health)],
    }
}

fn target(name: &str, target: TargetName, health: Health) -> TargetReport {
    let address = Address {
        host: format!("db.{name}.example").into(),
        port: 5432,
        database: name.into(),
        role: "app".into(),
        provider: Provider::Supabase,
        route: Route::Direct,
        projects: vec![NamedProject { place: ProjectPlace::Host, id: name.into() }],
    };
    let fingerprint = Fingerprint {
        system_identifier: Some(7_415_000_000_000_000_001),
        database_oid: Some(16_385),
        database: name.into(),
        timeline: Some(1),
        in_recovery: Some(false),
        started_at: Some(1_789_000_000_000_001),
        server_version: 150_018,
        server_address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 4))),
        server_port: Some(5432),
        wal_position: None,
        wal_senders: None,
        wal_receiver: None,
        stamp: None,
    };
    TargetReport {
        name: target,
        address: Arc::new(address),
        health,
        cause: None,
        detail: None,
        fingerprint: Some(Arc::new(fingerprint)),
    }
}

pub(crate) fn unhealthy(name: &str, cause: Cause, detail: &str) -> TenantReport {
    let mut tenant = tenant(name, Verdict::Unverified, Health::Unhealthy);
    tenant.cause = Some(cause);
    tenant.doubts = vec!["it could not be visited".to_owned()];
    for target in &mut tenant.targets {
        target.cause = Some(cause);
        target.detail = Some(detail.into());
        target.fingerprint = None;
    }
    tenant
}

pub(crate) fn finding(kind: Kind, severity: Severity, members: &[&str]) -> Finding {
    Finding {
        id: FindingId::first(kind, members.first().map(|it| id(it)).as_ref()),
        claim: Claim {
            kind,
            severity,
            certainty: Certainty::Proven,
            tenants: members.iter().map(|it| id(it)).collect(),
            summary: meaning(kind).to_owned(),
            evidence: Evidence::default()
                .with("rounds", 1_u32)
                .with("witness", "the lock of one was seen by the other")
                .with("pooled", false)
                .with("oids", vec![16_385_u32, 16_386])
                .with("where", BTreeMap::from([("acme".to_owned(), "db.acme.example")])),
            remediation: vec![
                "Give one of them a database of its own.".to_owned(),
                "Run `watertight verify` again.".to_owned(),
            ],
        },
        state: State::Open,
        first_seen: at(-3600),
        last_seen: at(0),
        looks: 2,
        acknowledgement: None,
        issue_url: None,
    }
}

fn every_kind() -> Vec<Finding> {
    let mut findings: Vec<Finding> = Kind::ALL
        .iter()
        .map(|kind| {
            let members: &[&str] = match kind {
                Kind::MonitorSuspect | Kind::OrphanedProject => &[],
                Kind::Unhealthy => &["ill-timeout"],
                _ => &["acme", "globex"],
            };
            finding(*kind, usual_severity(*kind), members)
        })
        .collect();
    findings.sort_by_key(|it| (std::cmp::Reverse(it.claim.severity), it.claim.kind));
    for finding in &mut findings {
        match finding.claim.kind {
            Kind::SharedDatabase => {
                HOSTILE.clone_into(&mut finding.claim.summary);
                finding.claim.remediation.insert(0, HOSTILE.to_owned());
                finding.claim.evidence.0.insert("name".to_owned(), Fact::from(HOSTILE));
                finding.issue_url = Some("https://example.com/issues/1".to_owned());
            }
            Kind::SharedReplication => finding.claim.certainty = Certainty::Probable,
            Kind::SharedCluster => {
                finding.state = State::Acknowledged;
                finding.acknowledgement = Some(Acknowledgement {
                    by: "sam".into(),
                    reason: HOSTILE.into(),
                    until: at(86_400),
                });
            }
            Kind::Unhealthy => finding.state = State::Pending,
            Kind::FingerprintDrift => finding.state = State::Resolved,
            _ => (),
        }
    }
    findings
}

fn every_tenant() -> Vec<TenantReport> {
    let mut tenants = vec![
        tenant("acme", Verdict::Breached, Health::Healthy),
        tenant("globex", Verdict::Breached, Health::Healthy),
        tenant("initech", Verdict::Isolated, Health::Healthy),
        tenant("near-a-limit", Verdict::Isolated, Health::Degraded),
    ];
    let mut replica = target("initech", TargetName::Endpoint("replica".into()), Health::Healthy);
    replica.fingerprint = None;
    tenants[2].targets.push(replica);
    tenants[3].targets[0].detail = Some("97 of 100 connections are in use".into());
    let mut unknown = tenant("not-tried", Verdict::Unverified, Health::Unknown);
    unknown.probe = None;
    unknown.doubts = vec![HOSTILE.to_owned()];
    unknown.targets[0].fingerprint = None;
    tenants.push(unknown);
    for cause in Cause::ALL {
        let detail = if cause == Cause::QueryFailed { HOSTILE } else { "after 5 s" };
        let name = format!("ill-{}", cause.label().replace('_', "-"));
        tenants.push(unhealthy(&name, cause, detail));
    }
    tenants.sort_by(|one, other| one.id.cmp(&other.id));
    tenants
}

/// The report and the registry that it was made from.
pub(crate) fn everything() -> (Report, Vec<Tenant>) {
    let mut report = report(every_tenant(), every_kind());
    report.warnings = vec![format!("the source {HOSTILE} failed; its rows are stale")];
    let registry = registry(&report);
    (report, registry)
}

fn registry(report: &Report) -> Vec<Tenant> {
    let mut line = 3;
    let row = |it: &TenantReport| {
        line += 5;
        let source = if it.id.as_str() == "initech" { "store" } else { "deploy/tenants,a b.toml" };
        Tenant {
            id: it.id.clone(),
            name: Some(HOSTILE.into()),
            subdomain: None,
            environment: "production".into(),
            particulars: None,
            origin: Origin { source: source.into(), line: (source != "store").then_some(line) },
            stale: false,
            targets: it
                .targets
                .iter()
                .map(|it| Target { name: it.name.clone(), address: it.address.clone() })
                .collect(),
        }
    };
    report.tenants.iter().map(row).collect()
}
