//! Small values for the store's tests; each differs from the next by one number.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use watertight::model::address::{Address, Provider, Route};
use watertight::model::change::{Baseline, Identity};
use watertight::model::finding::{
    Certainty, Claim, Evidence, Fact, Finding, FindingId, Health, Kind, Severity, State, Verdict,
};
use watertight::model::fingerprint::Fingerprint;
use watertight::model::report::{Report, TargetReport, TenantReport, Trigger};
use watertight::model::tenant::{TargetName, TenantId};
use watertight::store::Store;
use watertight::store::scans::FinishedScan;
use watertight::store::url::StoreUrl;

pub(crate) fn url(directory: &Path) -> StoreUrl {
    StoreUrl::parse(&format!("sqlite:{}", directory.join("w.db").display())).unwrap()
}

pub(crate) fn open(directory: &Path) -> Store {
    Store::open(&url(directory), None).unwrap()
}

/// In seconds, from an arbitrary day on.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn days(count: i64) -> i64 {
    count * 24 * 60 * 60
}

pub(crate) fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn identity(number: u64) -> Identity {
    Identity::of(&fingerprint(number), None)
}

/// Above 2⁶³, where a signed number would turn negative.
pub(crate) fn fingerprint(number: u64) -> Fingerprint {
    Fingerprint {
        system_identifier: Some(u64::MAX - number),
        database_oid: Some(u32::MAX),
        database: "acme".into(),
        timeline: Some(1),
        in_recovery: Some(false),
        started_at: None,
        server_version: 150_018,
        server_address: None,
        server_port: None,
        wal_position: None,
        wal_senders: None,
        wal_receiver: None,
        stamp: None,
    }
}

pub(crate) fn baseline(tenant: &str, number: u64) -> Baseline {
    Baseline {
        tenant: id(tenant),
        target: TargetName::DatabaseUrl,
        identity: identity(number),
        since: at(0),
    }
}

pub(crate) fn tenant(name: &str, fingerprint: Option<Fingerprint>) -> TenantReport {
    let address = Address {
        host: "db.example".into(),
        port: 5432,
        database: "acme".into(),
        role: "acme".into(),
        provider: Provider::Other,
        route: Route::Direct,
        projects: Vec::new(),
    };
    let health = if fingerprint.is_some() { Health::Healthy } else { Health::Unknown };
    TenantReport {
        id: id(name),
        health,
        cause: None,
        isolation: fingerprint.as_ref().map_or(Verdict::Unverified, |_| Verdict::Isolated),
        doubts: Vec::new(),
        probe: Some(Duration::from_micros(12_345)),
        targets: vec![TargetReport {
            name: TargetName::DatabaseUrl,
            address: Arc::new(address),
            health,
            cause: None,
            detail: None,
            fingerprint: fingerprint.map(Arc::new),
        }],
    }
}

pub(crate) fn report(name: &str, second: i64, tenants: Vec<TenantReport>) -> Report {
    Report {
        id: name.into(),
        started_at: at(second),
        finished_at: at(second + 10),
        trigger: Trigger::Schedule,
        partial: false,
        tenants,
        findings: Vec::new(),
        warnings: Vec::new(),
    }
}

pub(crate) fn finding(tenants: &[&str], state: State, looks: u32, second: i64) -> Finding {
    let tenants = tenants.iter().map(|it| id(it)).collect();
    let kind = Kind::SharedDatabase;
    Finding {
        id: FindingId::first(kind, std::collections::BTreeSet::first(&tenants)),
        claim: Claim {
            kind,
            severity: Severity::Critical,
            certainty: Certainty::Proven,
            tenants,
            summary: "they read and write one database".to_owned(),
            evidence: Evidence::default()
                .with("system_identifier", u64::MAX.to_string())
                .with("seats", vec![1_i64, -1, i64::MAX])
                .with("live", true)
                .with("by", Fact::Map([("a\0\"b".to_owned(), Fact::List(Vec::new()))].into())),
            remediation: vec!["move one".to_owned()],
        },
        state,
        first_seen: at(0),
        last_seen: at(second),
        looks,
        acknowledgement: None,
        issue_url: None,
    }
}

/// Stores the report with these findings; its JSON is its id.
#[track_caller]
pub(crate) fn finish(store: &Store, report: &Report, findings: &[Finding]) {
    let json = format!(r#"{{"id":"{}"}}"#, report.id);
    let write_json: &dyn Fn(&mut dyn Write) -> io::Result<()> =
        &|out| out.write_all(json.as_bytes());
    let scan = FinishedScan { report, write_json, findings, unreported: &[], baselines: &[] };
    store.finish_scan(&scan).unwrap();
}
