//! The labelled fleet, scanned: every pair that the role can decide right, no false alarm, none missed, every cause
//! right, on every version at hand, as a plain login role and with `pg_monitor`.

#[path = "support/copied_tenants.rs"]
mod copied_tenants;
#[path = "support/failing_tenants.rs"]
mod failing_tenants;
#[path = "support/form.rs"]
#[expect(dead_code, reason = "its chances are for others")]
mod form;
#[path = "support/hostile_tenants.rs"]
mod hostile_tenants;
#[path = "support/judgement.rs"]
mod judgement;
#[path = "support/labelled_fleet.rs"]
mod labelled_fleet;
#[path = "support/newer_postgres.rs"]
mod newer_postgres;
#[path = "support/related_tenants.rs"]
mod related_tenants;
#[path = "support/scripted_server.rs"]
mod scripted_server;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use form::Form;
use futures_util::future::join_all;
use jiff::Timestamp;
use labelled_fleet::{Expected, LabelledFleet, Part, Row, Sight, to_toml};
use rand::seq::SliceRandom;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use watertight::local::binaries::Binaries;
use watertight::model::finding::{
    Certainty, Claim, Evidence, Finding, FindingId, Health, Kind, Severity, State, Verdict,
};
use watertight::model::observation::Cause;
use watertight::model::report::{Report, TenantReport, Trigger};
use watertight::model::tenant::TenantId;
use watertight::report::json;

/// Each scan sees the tenants in another order. That no order leads astray is for the long form to show; what each scan
/// must say is demanded in both.
fn scans() -> usize {
    Form::asked().of(3, 10)
}

async fn build(binaries: &Binaries, sight: Sight) -> LabelledFleet {
    let building = Box::pin(LabelledFleet::build(binaries, sight));
    let built = timeout(Duration::from_mins(8), building).await;
    built.expect("within the deadline").expect("every server comes up")
}

/// Scans the tenants of a configuration with the program itself, its store beside the file.
async fn scan(rows: &[Row], settings: &str) -> Report {
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path();
    let store = toml::Value::from(format!("sqlite:{}", home.join("watertight.db").display()));
    let file = home.join("watertight.toml");
    let configuration = format!("[store]\nurl = {store}\n{settings}\n{}", to_toml(rows));
    std::fs::write(&file, configuration).expect("write the configuration");
    let scanning = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .args(["verify", "--format", "json", "--config"])
        .arg(&file)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_mins(2), scanning)
        .await
        .expect("within the deadline")
        .expect("run the program");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "the fleet is full of findings: {complaint}");
    json::parse(&String::from_utf8(output.stdout).expect("a report in UTF-8")).expect("a report")
}

/// What must be the same in every scan of one fleet: all but times, and what moves with them.
fn timeless(report: &Report) -> Report {
    let mut report = report.clone();
    (report.id, report.started_at, report.finished_at) =
        ("".into(), Timestamp::MIN, Timestamp::MIN);
    for tenant in &mut report.tenants {
        tenant.probe = tenant.probe.map(|_| Duration::ZERO);
        for target in &mut tenant.targets {
            if let Some(print) = &mut target.fingerprint {
                std::sync::Arc::make_mut(print).wal_position = None;
            }
        }
    }
    for finding in &mut report.findings {
        (finding.first_seen, finding.last_seen) = (Timestamp::MIN, Timestamp::MIN);
    }
    report
}

/// The lines in which two reports differ.
fn differences(one: &Report, other: &Report) -> String {
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
    let lines = lines.take(20).map(|(one, other)| format!("{one} is now {other}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// One fleet after the other: a server that is down in one leaves its port to whoever starts next.
async fn check(sight: Sight) {
    for binaries in newer_postgres::versions() {
        let fleet = build(&binaries, sight).await;
        check_fleet(binaries.version, sight, &fleet).await;
    }
}

async fn check_fleet(version: u32, sight: Sight, fleet: &LabelledFleet) {
    let told = |faults: Vec<String>, turn: usize| {
        let faults = faults.join("\n");
        assert_eq!(faults, "", "PostgreSQL {version}, {sight:?}, scan {turn}");
    };
    let sighted = |it: &&Row| !it.id.starts_with(judgement::BLIND);
    let mut rows: Vec<Row> = fleet.parts.rows.iter().filter(sighted).cloned().collect();
    let (mut first, scans) = (None, scans());
    for turn in 0..scans {
        rows.shuffle(&mut rand::rng());
        let report = scan(&rows, "").await;
        told(judgement::faults(&fleet.parts, &report), turn);
        let report = timeless(&report);
        let first = first.get_or_insert_with(|| report.clone());
        assert_eq!(differences(first, &report), "", "scan {turn} against the first");
    }
    let report = scan(&fleet.parts.rows, "").await;
    told(judgement::clouded_faults(&fleet.parts, &report), scans);
    let report = scan(&rows, "[probe]\nreplication_proof = true").await;
    told(judgement::faults(&fleet.parts, &report), scans + 1);
    told(judgement::twin_faults(&report), scans + 1);
}

#[tokio::test]
async fn the_labelled_fleet_is_told_right_as_a_plain_role() {
    check(Sight::Plain).await;
}

#[tokio::test]
async fn the_labelled_fleet_is_told_right_with_pg_monitor() {
    check(Sight::Monitor).await;
}

/// What a plain client meets at a tenant: an answer, or the first words of the refusal.
async fn meet(row: &Row) -> Result<(), String> {
    let meeting = async {
        let (client, connection) = tokio_postgres::connect(&row.database_url, NoTls).await?;
        let asking = async move { client.simple_query("select 1").await };
        tokio::join!(asking, connection).0
    };
    match timeout(Duration::from_secs(5), meeting).await {
        Err(_elapsed) => Err("silence".to_owned()),
        Ok(Ok(_answer)) => Ok(()),
        Ok(Err(error)) => Err(error.code().map_or("", |it| it.code()).to_owned()),
    }
}

/// What the servers' own answers must be for the labels to be right, where PostgreSQL itself is what refuses.
const SQLSTATES: [(&str, &str); 12] = [
    ("closed", "55000"),
    ("frozen", "silence"),
    ("full", "53300"),
    ("hba-reject", "28000"),
    ("leaving", "57P03"),
    ("missing", "3D000"),
    ("no-connect", "42501"),
    ("nologin", "28000"),
    ("role-limit", "53300"),
    ("starting", "57P03"),
    ("unknown-role", "28P01"),
    ("wrong-password", "28P01"),
];

#[tokio::test]
async fn the_fleet_is_what_its_labels_say() {
    let binaries = Binaries::find().unwrap();
    let LabelledFleet { parts, .. } = &build(&binaries, Sight::Plain).await;
    assert!(30 <= parts.rows.len(), "{} tenants", parts.rows.len());
    let plain: Vec<&Row> =
        parts.rows.iter().filter(|it| !it.database_url.contains("sslmode=verify")).collect();
    let met = join_all(plain.iter().map(|it| meet(it))).await;
    let met: BTreeMap<&str, &Result<(), String>> =
        plain.iter().map(|it| it.id.as_str()).zip(&met).collect();
    for (id, met) in &met {
        // Both let a client in that asks for so little.
        let lenient = ["read-only", "cleartext", "tls-absent"].contains(id);
        let expected = &parts.expected[*id];
        let answers = expected.cause.is_none() || (lenient && *id != "tls-absent");
        assert_eq!(met.is_ok(), answers, "{id} ({}): {met:?}", expected.built);
    }
    for (id, expected) in SQLSTATES {
        assert_eq!(met[id].as_ref().unwrap_err(), expected, "{id}");
    }
    assert_eq!(causes_left_out(parts), [Cause::ProjectInactive], "only a provider says that one");
}

fn causes_left_out(parts: &Part) -> Vec<Cause> {
    let told: Vec<Cause> = parts.expected.values().filter_map(|it| it.cause).collect();
    Cause::ALL.into_iter().filter(|it| !told.contains(it)).collect()
}

/// Two tenants on one database, and a report on them.
#[track_caller]
fn check_judgement(verdicts: [Verdict; 2], told: Option<Kind>, expected: &[&str]) {
    let mut part = Part::default();
    for id in ["one", "two"] {
        part.tenant(id, String::new(), Expected::well("on one database", Verdict::Breached));
    }
    part.all_told(&["one", "two"], Kind::SharedDatabase);
    let ids = ["one", "two"].map(|it| TenantId::parse(it).expect("an id"));
    let tenants = ids.iter().zip(verdicts).map(|(id, isolation)| TenantReport {
        id: id.clone(),
        health: Health::Healthy,
        cause: None,
        isolation,
        doubts: Vec::new(),
        probe: None,
        targets: Vec::new(),
    });
    let now = jiff::Timestamp::UNIX_EPOCH;
    let findings = told.into_iter().map(|kind| Finding {
        id: FindingId::first(kind, ids.first()),
        claim: Claim {
            kind,
            severity: Severity::Critical,
            certainty: Certainty::Proven,
            tenants: ids.iter().cloned().collect(),
            summary: String::new(),
            evidence: Evidence::default(),
            remediation: Vec::new(),
        },
        state: State::Open,
        first_seen: now,
        last_seen: now,
        looks: 1,
        acknowledgement: None,
        issue_url: None,
    });
    let report = Report {
        id: "1".into(),
        started_at: now,
        finished_at: now,
        trigger: Trigger::Cli,
        partial: false,
        tenants: tenants.collect(),
        findings: findings.collect(),
        warnings: Vec::new(),
    };
    let faults = judgement::faults(&part, &report);
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.contains(expected), "{fault}");
    }
}

#[test]
fn a_report_that_errs_is_found_out() {
    let breached = [Verdict::Breached; 2];
    check_judgement(breached, Some(Kind::SharedDatabase), &[]);
    check_judgement(breached, None, &["one and two: told as None"]);
    check_judgement(breached, Some(Kind::SharedCluster), &["told as Some(SharedCluster)"]);
    check_judgement(
        [Verdict::Isolated, Verdict::Breached],
        Some(Kind::SharedDatabase),
        &["one (on one database): isolated not [Breached]"],
    );
    let missing = ["one and two: told as None", "false alarm: (WrongDatabase"];
    check_judgement(breached, Some(Kind::WrongDatabase), &missing);
}
