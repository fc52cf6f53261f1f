//! The fleet between scans: what a partial scan and a person's word change of what is told, and what they do not.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "report/sample.rs"]
#[expect(dead_code, reason = "a few of the sample's makers are enough")]
mod sample;
#[path = "support/standing.rs"]
#[expect(dead_code, reason = "these fleets are small")]
mod standing;

use std::sync::Arc;

use expect_test::{Expect, expect};
use watertight::model::finding::{
    Acknowledgement, Finding, Health, Kind, Severity, State, Verdict,
};
use watertight::model::report::Report;
use watertight::model::tenant::TenantId;
use watertight::standing::Standing;

use sample::{at, finding, id, report, tenant};

/// `id verdict` for each tenant and `kind state members` for each finding.
#[track_caller]
fn check(standing: &Standing, expected: &Expect) {
    let mut lines = String::new();
    for tenant in &standing.now.tenants {
        lines.push_str(&format!("{} {}\n", tenant.id, tenant.isolation));
    }
    for finding in &standing.now.findings {
        let members: Vec<&str> = finding.claim.tenants.iter().map(TenantId::as_str).collect();
        lines.push_str(&format!(
            "{} {} {}\n",
            finding.claim.kind,
            finding.state,
            members.join("+")
        ));
    }
    expected.assert_eq(&lines);
}

fn fleet() -> Standing {
    let isolated = |name: &str| tenant(name, Verdict::Isolated, Health::Healthy);
    standing::standing(["acme", "globex", "initech"].map(isolated).into(), Vec::new())
}

fn partial(tenants: &[(&str, Verdict)], findings: Vec<Finding>) -> Arc<Report> {
    let tenants = tenants.iter().map(|it| tenant(it.0, it.1, Health::Healthy)).collect();
    Arc::new(Report { partial: true, ..report(tenants, findings) })
}

fn after(before: &Standing, scan: Arc<Report>, unreported: Vec<Finding>) -> Standing {
    let (tenants, successes) = (Arc::clone(&before.tenants), Arc::clone(&before.last_success));
    Standing::after(Some(before), scan, unreported, tenants, successes).unwrap()
}

#[test]
fn a_partial_scan_changes_whom_it_was_asked_about_and_whom_it_found_with_them() {
    let shared = finding(Kind::SharedDatabase, Severity::Critical, &["acme", "globex"]);
    let scan = partial(&[("acme", Verdict::Breached)], vec![shared]);
    let standing = after(&fleet(), scan, Vec::new());
    check(
        &standing,
        &expect![[r#"
        acme breached
        globex breached
        initech isolated
        shared_database open acme+globex
    "#]],
    );
    let full: Vec<Verdict> = standing.full.tenants.iter().map(|it| it.isolation).collect();
    assert_eq!(full, [Verdict::Isolated; 3], "the last scan of the whole fleet stays as it was");
}

#[test]
fn whoever_is_under_a_cloud_is_not_green_and_the_reason_is_told() {
    let conflict = finding(Kind::RegistryConflict, Severity::High, &["acme", "globex"]);
    let scan = partial(&[("acme", Verdict::Unverified)], vec![conflict]);
    let standing = after(&fleet(), scan, Vec::new());
    check(
        &standing,
        &expect![[r#"
        acme unverified
        globex unverified
        initech isolated
        registry_conflict open acme+globex
    "#]],
    );
    assert!(!standing.tenant(&id("globex")).unwrap().doubts.is_empty());
}

#[test]
fn a_resolved_finding_and_one_that_is_no_matter_of_isolation_draw_nobody_in() {
    let shared = finding(Kind::SharedDatabase, Severity::Critical, &["acme", "globex"]);
    let resolved = Finding { state: State::Resolved, ..shared };
    let unhealthy = finding(Kind::Unhealthy, Severity::High, &["initech"]);
    let scan = partial(&[("acme", Verdict::Isolated)], vec![resolved, unhealthy]);
    check(
        &after(&fleet(), scan, Vec::new()),
        &expect![[r#"
        acme isolated
        globex isolated
        initech isolated
        shared_database resolved acme+globex
        unhealthy open initech
    "#]],
    );
}

#[test]
fn what_a_partial_scan_was_not_asked_about_stays_told() {
    let drift = finding(Kind::FingerprintDrift, Severity::High, &["initech"]);
    let scan = partial(&[("acme", Verdict::Isolated)], Vec::new());
    check(
        &after(&fleet(), scan, vec![drift]),
        &expect![[r#"
        acme isolated
        globex isolated
        initech isolated
        fingerprint_drift open initech
    "#]],
    );
}

#[test]
fn a_partial_scan_before_any_other_has_nothing_to_stand_on() {
    let scan = partial(&[("acme", Verdict::Isolated)], Vec::new());
    let fleet = fleet();
    assert_eq!(Standing::after(None, scan, Vec::new(), fleet.tenants, fleet.last_success), None);
}

#[test]
fn an_acknowledgement_changes_the_finding_and_makes_nothing_green() {
    let shared = finding(Kind::SharedDatabase, Severity::Critical, &["acme", "globex"]);
    let scan = partial(&[("acme", Verdict::Breached)], vec![shared.clone()]);
    let standing = after(&fleet(), scan, Vec::new());
    let acknowledgement =
        Acknowledgement { by: "ada".into(), reason: "being moved".into(), until: at(60) };
    let said =
        Finding { state: State::Acknowledged, acknowledgement: Some(acknowledgement), ..shared };
    let expected = expect![[r#"
        acme breached
        globex breached
        initech isolated
        shared_database acknowledged acme+globex
    "#]];
    check(&standing.with(said.clone()), &expected);
    // And one that was given while the scan ran.
    check(&standing.said(vec![said]), &expected);
}
