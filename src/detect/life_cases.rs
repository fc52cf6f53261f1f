//! Lives of findings over whole scans: detection and life together, where only both say what a person is told.
//!
//! Each case is a list of scans in the notation; after each scan stand its findings.

#![cfg(test)]

use expect_test::{Expect, expect};

use super::detect;
use super::lifecycle::{Examined, advance};
use super::notation::{World, now};
use crate::model::finding::{Finding, State};
use crate::model::tenant::TenantId;

fn live(scans: &[&str]) -> (String, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut lines = String::new();
    for scan in scans {
        let world = World::parse(scan);
        let case = world.case();
        let detection = detect(&case);
        let examined = Examined::of(&case, &detection);
        findings = advance(findings, detection.claims, &examined, case.policy, now());
        lines.push_str("scan\n");
        for finding in &findings {
            let names: Vec<&str> = finding.claim.tenants.iter().map(TenantId::as_str).collect();
            let (state, kind) = (finding.state, finding.claim.kind);
            lines.push_str(&format!("  {state} {kind} {}\n", names.join(" ")));
        }
    }
    (lines, findings)
}

#[track_caller]
fn check(scans: &[&str], expected: &Expect) {
    expected.assert_eq(&live(scans).0);
}

#[test]
fn trouble_that_begins_within_a_window_waits_for_its_looks_when_the_window_is_over() {
    let (within, after) = ("a failed=timeout maintained", "a failed=timeout");
    check(
        &[within, within, within, after, after],
        &expect![[r#"
            scan
            scan
            scan
            scan
              pending unhealthy a
            scan
              open unhealthy a
        "#]],
    );
}

#[test]
fn trouble_that_stood_before_a_window_stays_as_it_was_until_the_database_serves() {
    let (before, within) = ("a failed=timeout", "a failed=timeout maintained");
    check(
        &[before, within, within, "a maintained"],
        &expect![[r#"
            scan
              pending unhealthy a
            scan
              pending unhealthy a
            scan
              pending unhealthy a
            scan
              resolved unhealthy a
        "#]],
    );
    check(
        &[before, before, within, "a maintained"],
        &expect![[r#"
            scan
              pending unhealthy a
            scan
              open unhealthy a
            scan
              open unhealthy a
            scan
              resolved unhealthy a
        "#]],
    );
}

#[test]
fn a_window_is_over_at_its_end_and_covers_its_own_tenant_alone() {
    check(
        &[
            "a failed=timeout maintained=2026-11-23T12:00:00Z\nb failed=timeout maintained=2026-11-23T12:00:01Z\nc failed=timeout",
        ],
        &expect![[r#"
            scan
              pending unhealthy a
              pending unhealthy c
        "#]],
    );
}

#[test]
fn isolation_knows_no_window() {
    check(
        &[
            "a sys=1 start=1 maintained\nb sys=1 start=1 maintained\nc sys=9 maintained\nwitness server=a:5,b:5\nbaseline c sys=7\nchange a b c kinds=unhealthy",
        ],
        &expect![[r#"
            scan
              open shared_database a b
              open fingerprint_drift c
        "#]],
    );
}

#[test]
fn a_planned_change_covers_the_kinds_that_it_names() {
    let trouble = "a failed=timeout\nb connections=90\nc sys=9\nbaseline c sys=7\n";
    check(
        &[&format!("{trouble}change a b c kinds=unhealthy")],
        &expect![[r#"
            scan
              open fingerprint_drift c
              pending degraded b
        "#]],
    );
    check(
        &[&format!("{trouble}change a b c")],
        &expect![[r#"
            scan
              pending unhealthy a
              pending degraded b
        "#]],
    );
    check(
        &[&format!("{trouble}change a b c kinds=degraded,fingerprint_drift,unhealthy")],
        &expect![[r#"
        scan
    "#]],
    );
}

#[test]
fn a_planned_change_that_comes_late_resolves_the_drift_that_it_explains() {
    let drift = "c sys=9\nbaseline c sys=7";
    check(
        &[drift, &format!("{drift}\nchange c"), "c sys=9\nbaseline c sys=9"],
        &expect![[r#"
            scan
              open fingerprint_drift c
            scan
              resolved fingerprint_drift c
            scan
        "#]],
    );
}

#[test]
fn a_fact_that_is_withheld_takes_nothing_back() {
    check(
        &[
            "a sys=9 power=superuser\nbaseline a sys=7",
            "a sys=? power=?\nbaseline a sys=7",
            "a sys=7\nbaseline a sys=7",
        ],
        &expect![[r#"
            scan
              open fingerprint_drift a
              open over_privileged_role a
            scan
              open fingerprint_drift a
              open over_privileged_role a
            scan
              resolved fingerprint_drift a
              resolved over_privileged_role a
        "#]],
    );
    let (direct, baseline) =
        ("a sys=1 start=1\na/endpoints.pooler", "baseline a/endpoints.pooler sys=1 oid=16384");
    check(
        &[
            &format!("{direct} sys=2 start=2\n{baseline}"),
            &format!("{direct} sys=? start=?\n{baseline}"),
            &format!("{direct} sys=1 start=1\n{baseline}"),
        ],
        &expect![[r#"
            scan
              open wrong_database a
              open fingerprint_drift a
            scan
              open wrong_database a
              open fingerprint_drift a
            scan
              resolved wrong_database a
              resolved fingerprint_drift a
        "#]],
    );
}

#[test]
fn a_role_that_never_tells_is_no_obstacle() {
    check(
        &["a sys=? db=other\nbaseline a oid=16384", "a sys=?\nbaseline a oid=16384"],
        &expect![[r#"
            scan
              open wrong_database a
              open fingerprint_drift a
            scan
              resolved wrong_database a
              resolved fingerprint_drift a
        "#]],
    );
}

#[test]
fn what_is_expected_to_fail_is_no_sign_that_we_fail() {
    let fleet = |words: &str, changes: &str| {
        let lines = (10..30).map(|it| {
            let failed = if it < 22 { format!(" failed=timeout{words}") } else { String::new() };
            format!("t{it}{failed}\n")
        });
        let names: Vec<String> = (10..30).map(|it| format!("t{it}")).collect();
        let changed = changes.replace("ALL", &names.join(" "));
        format!("{}before {}\n{changed}", lines.collect::<String>(), names.join(" "))
    };
    let kinds = |scan: &str| {
        let (_, findings) = live(&[scan]);
        let suspects = findings.iter().filter(|it| it.claim.tenants.is_empty()).count();
        (suspects, findings.len() - suspects)
    };
    assert_eq!(kinds(&fleet("", "")), (1, 0));
    assert_eq!(kinds(&fleet(" maintained", "")), (0, 0));
    assert_eq!(kinds(&fleet("", "change ALL kinds=unhealthy")), (0, 0));
}

#[test]
fn our_own_failure_holds_back_health_and_never_isolation() {
    let names: Vec<String> = (10..30).map(|it| format!("t{it}")).collect();
    let failing = format!(
        "{} failed=timeout
",
        names[..12].join(
            " failed=timeout
"
        )
    );
    let serving = format!(
        "{}
",
        names[12..].join(
            "
"
        )
    );
    let before = format!("before {}\n", names.join(" "));
    let shared = "a sys=1 start=1\nb sys=1 start=1\nwitness server=a:5,b:5\n";
    let scan = format!("{failing}{serving}{shared}{before}");
    let (_, findings) = live(&[&scan, &scan, &scan]);
    let told: Vec<_> = findings.iter().map(|it| (it.claim.kind.label(), it.state)).collect();
    assert_eq!(told, [("shared_database", State::Open), ("monitor_suspect", State::Open)]);
}
