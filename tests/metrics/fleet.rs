//! What is told of the fleet as a whole.

use std::sync::Arc;
use std::time::Duration;

use watertight::metrics::Metrics;
use watertight::metrics::detail::DetailOptions;
use watertight::model::finding::{Health, Kind, Severity, State, Verdict};
use watertight::model::observation::Cause;
use watertight::model::report::Report;
use watertight::standing::Standing;

use crate::exposition::{told, told_at, told_of};
use crate::sample::{HOSTILE, at, everything, finding, id, tenant, unhealthy};
use crate::standing::{self, standing};

#[test]
fn a_tenant_that_left_the_fleet_is_gone_with_all_of_its_series() {
    let metrics = Metrics::default();
    let acme = || tenant("acme", Verdict::Isolated, Health::Healthy);
    let globex = tenant("globex", Verdict::Isolated, Health::Healthy);
    metrics.publish(&standing(vec![acme(), globex], Vec::new()), DetailOptions::default());
    assert!(metrics.render(at(2)).contains("globex"));
    metrics.publish(&standing(vec![acme()], Vec::new()), DetailOptions::default());
    assert!(!metrics.render(at(2)).contains("globex"));
    told(&metrics).check(&[
        ("tenant_up{tenant=\"acme\"}", 1.0),
        ("fleet_tenants{verdict=\"isolated\"}", 1.0),
        ("registry_tenants{state=\"active\"}", 1.0),
    ]);
}

#[test]
fn whoever_was_not_verified_is_nowhere_green() {
    let not_tried = tenant("untried", Verdict::Unverified, Health::Unknown);
    let mut tenants = vec![unhealthy("down", Cause::Timeout, "after 5 s"), not_tried];
    tenants[1].probe = None;
    tenants[1].targets[0].fingerprint = None;
    let told = told_of(&standing(tenants, Vec::new()));
    for tenant in ["down", "untried"] {
        told.check(&[
            (&format!("tenant_up{{tenant=\"{tenant}\"}}"), 0.0),
            (&format!("tenant_verdict{{tenant=\"{tenant}\",verdict=\"isolated\"}}"), 0.0),
            (&format!("tenant_verdict{{tenant=\"{tenant}\",verdict=\"unverified\"}}"), 1.0),
            (&format!("tenant_verdict{{tenant=\"{tenant}\",verdict=\"breached\"}}"), 0.0),
        ]);
    }
    told.check(&[
        ("fleet_coverage_ratio", 0.0),
        ("fleet_tenants{verdict=\"isolated\"}", 0.0),
        ("fleet_tenants{verdict=\"unverified\"}", 2.0),
        ("fleet_tenants_health{health=\"healthy\"}", 0.0),
        ("fleet_tenants_health{health=\"unhealthy\"}", 1.0),
    ]);
    // Neither ever answered, and one was never visited.
    told.check_absent(&["tenant_last_success", "fleet_oldest_success"]);
    assert_eq!(told.count("tenant_probe_duration_seconds"), 1);
}

#[test]
fn a_fleet_without_tenants_proves_nothing() {
    told_of(&standing(Vec::new(), Vec::new())).check(&[("fleet_coverage_ratio", 0.0)]);
}

#[test]
fn exactly_one_verdict_holds_of_each_tenant() {
    let (report, _) = everything();
    let told = told_of(&standing::of(report.clone()));
    for tenant in &report.tenants {
        let verdicts = Verdict::ALL.iter().map(|it| {
            told.value(&format!("tenant_verdict{{tenant=\"{}\",verdict=\"{it}\"}}", tenant.id))
        });
        let (mut holding, others): (Vec<f64>, Vec<f64>) =
            verdicts.map(|it| it.expect("each verdict is there")).partition(|it| 0.0 < *it);
        holding.extend(others);
        assert_eq!(holding, [1.0, 0.0, 0.0], "{}", tenant.id);
    }
}

#[test]
fn what_is_acknowledged_is_counted_and_what_is_pending_or_resolved_is_not() {
    let mut findings = vec![
        finding(Kind::SharedDatabase, Severity::Critical, &["acme", "globex"]),
        finding(Kind::SharedCluster, Severity::Critical, &["acme"]),
        finding(Kind::Unhealthy, Severity::High, &["acme"]),
        finding(Kind::FingerprintDrift, Severity::High, &["acme"]),
    ];
    findings[1].state = State::Acknowledged;
    findings[2].state = State::Pending;
    findings[3].state = State::Resolved;
    let tenants = ["acme", "globex"].map(|it| tenant(it, Verdict::Breached, Health::Healthy));
    let told = told_of(&standing(tenants.into(), findings));
    let count = |kind, severity, state| {
        let labels = format!("kind=\"{kind}\",severity=\"{severity}\",state=\"{state}\"");
        told.value(&format!("fleet_findings{{{labels}}}"))
    };
    assert_eq!(count("shared_database", "critical", "open"), Some(1.0));
    assert_eq!(count("shared_database", "critical", "acknowledged"), Some(0.0));
    assert_eq!(count("shared_cluster", "critical", "acknowledged"), Some(1.0));
    assert_eq!(count("unhealthy", "high", "open"), Some(0.0));
    assert_eq!(count("fingerprint_drift", "high", "open"), Some(0.0));
    told.check(&[
        ("tenant_findings{tenant=\"acme\",severity=\"critical\"}", 2.0),
        ("tenant_findings{tenant=\"acme\",severity=\"high\"}", 0.0),
        ("tenant_findings{tenant=\"globex\",severity=\"critical\"}", 1.0),
        ("tenant_findings{tenant=\"globex\",severity=\"low\"}", 0.0),
    ]);
}

#[test]
fn a_finding_of_a_kind_that_nobody_looks_for_yet_is_told_all_the_same() {
    let findings = vec![finding(Kind::DataBridge, Severity::High, &["acme"])];
    let told = told_of(&standing(Vec::new(), findings));
    told.check(&[("fleet_findings{kind=\"data_bridge\",severity=\"high\",state=\"open\"}", 1.0)]);
}

fn some(names: &[&str]) -> Vec<watertight::model::report::TenantReport> {
    names.iter().map(|it| tenant(it, Verdict::Isolated, Health::Healthy)).collect()
}

/// How many tenants are stale so long after the scan, where it is made every five minutes.
#[track_caller]
fn check_stale(standing: &Standing, after: Duration, expected: f64) {
    let metrics = Metrics::default();
    metrics.scan_interval(Duration::from_mins(5));
    metrics.publish(standing, DetailOptions::default());
    let told = told_at(&metrics, standing.full.finished_at + after);
    assert_eq!(told.value("fleet_tenants_stale"), Some(expected), "after {after:?}");
}

#[test]
fn verdicts_grow_old_while_nothing_is_scanned() {
    let fleet = standing(some(&["acme", "globex"]), Vec::new());
    check_stale(&fleet, Duration::ZERO, 0.0);
    check_stale(&fleet, Duration::from_secs(750), 0.0);
    check_stale(&fleet, Duration::from_secs(751), 2.0);
}

#[test]
fn a_clock_that_was_set_back_makes_nobody_stale() {
    let metrics = Metrics::default();
    metrics.publish(&standing(some(&["acme"]), Vec::new()), DetailOptions::default());
    told_at(&metrics, at(-100_000)).check(&[("fleet_tenants_stale", 0.0)]);
}

#[test]
fn a_row_that_its_source_no_longer_confirms_is_stale_at_once() {
    let mut fleet = standing(some(&["acme", "globex"]), Vec::new());
    let mut rows = fleet.tenants.to_vec();
    rows[0].stale = true;
    fleet.tenants = rows.into();
    check_stale(&fleet, Duration::ZERO, 1.0);
    check_stale(&fleet, Duration::from_hours(1), 2.0);
    told_of(&fleet).check(&[
        ("registry_tenants{state=\"active\"}", 1.0),
        ("registry_tenants{state=\"stale\"}", 1.0),
    ]);
}

/// The fleet after acme alone was looked at again, ten minutes later.
fn after_a_partial_scan() -> Standing {
    let before = standing(some(&["acme", "globex"]), Vec::new());
    let again = Report {
        partial: true,
        finished_at: before.full.finished_at + Duration::from_mins(10),
        tenants: vec![unhealthy("acme", Cause::ReadOnly, "it refuses writes")],
        ..Report::clone(&before.full)
    };
    let mut answers = before.last_success.as_ref().clone();
    answers.insert(id("acme"), again.finished_at);
    let rows = Arc::clone(&before.tenants);
    Standing::after(Some(&before), Arc::new(again), Vec::new(), rows, Arc::new(answers))
        .expect("it stands on the one before")
}

#[test]
fn a_partial_scan_changes_what_it_saw_and_not_the_coverage_of_the_last_full_one() {
    let fleet = after_a_partial_scan();
    told_of(&fleet).check(&[
        ("fleet_coverage_ratio", 1.0),
        ("fleet_tenants{verdict=\"isolated\"}", 1.0),
        ("fleet_tenants{verdict=\"unverified\"}", 1.0),
    ]);
    check_stale(&fleet, Duration::from_mins(15), 1.0);
    check_stale(&fleet, Duration::from_mins(30), 2.0);
}

#[test]
fn a_registry_that_could_not_be_read_is_not_an_empty_one() {
    let mut fleet = standing(some(&["acme"]), Vec::new());
    fleet.tenants = Arc::new([]);
    let told = told_of(&fleet);
    told.check_absent(&["registry_tenants", "tenant_info"]);
    told.check(&[("tenant_up{tenant=\"acme\"}", 1.0)]);
}

#[test]
fn the_oldest_answer_is_that_of_the_tenant_that_was_silent_longest() {
    let mut fleet = standing(some(&["acme", "globex"]), Vec::new());
    let answers = [(id("acme"), at(-7_200)), (id("globex"), at(0)), (id("gone"), at(-90_000))];
    fleet.last_success = Arc::new(answers.into());
    told_of(&fleet).check(&[
        ("fleet_oldest_success_timestamp_seconds", 1_789_992_800.0),
        ("tenant_last_success_timestamp_seconds{tenant=\"acme\"}", 1_789_992_800.0),
        ("tenant_last_success_timestamp_seconds{tenant=\"globex\"}", 1_790_000_000.0),
    ]);
}

#[test]
fn no_word_of_the_registry_ends_its_line() {
    let mut fleet = standing(some(&["acme"]), Vec::new());
    let mut rows = fleet.tenants.to_vec();
    rows[0].environment =
        format!("\"}} 1\nwatertight_tenant_up{{tenant=\"evil\"}} 1\n{HOSTILE}\\").into();
    rows[0].name = Some(HOSTILE.into());
    fleet.tenants = rows.into();
    let metrics = Metrics::default();
    metrics.registry_sources(&["a\nwatertight_up 1\n\"}", "b\\"]);
    metrics.publish(&fleet, DetailOptions::default());
    let told = told(&metrics);
    assert_eq!(told.count("tenant_up"), 1);
    assert_eq!(told.count("tenant_info"), 1);
    assert_eq!(told.count("registry_syncs_total"), 2);
    assert_eq!(told.count("up"), 0);
    let text = metrics.render(at(2));
    assert!(!text.contains(|it: char| it.is_control() && it != '\n'), "a control character");
}

#[test]
fn one_state_is_told_in_one_way() {
    let (report, _) = everything();
    let rendered = || {
        let metrics = Metrics::default();
        metrics.publish(&standing::of(report.clone()), DetailOptions::default());
        let twice = [metrics.render(at(2)), metrics.render(at(2))];
        // What the process uses changes while it is told.
        let ours = |text: &String| {
            let lines = text.lines().filter(|it| !it.starts_with("process_"));
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(ours(&twice[0]), ours(&twice[1]));
        ours(&twice[0])
    };
    assert_eq!(rendered(), rendered());
}
