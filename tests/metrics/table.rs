//! The table of metrics against what was published, against the page for people, and against what is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use watertight::metrics::Metrics;
use watertight::metrics::detail::DetailOptions;
use watertight::metrics::list::{ALL, Family, Since};
use watertight::metrics::scans::{ScanEnd, ScanOutcome};
use watertight::model::finding::{Kind, Severity, Verdict};
use watertight::model::observation::Cause;

use crate::exposition::told;
use crate::sample::{at, everything};
use crate::standing;

/// What other people's alerts and dashboards hold on to: families of one type and the same labels stand together.
const PUBLISHED: &[(&str, &str, &str)] = &[
    ("build_info", "gauge", "version, revision"),
    ("config_last_reload_successful config_last_reload_success_timestamp_seconds", "gauge", ""),
    ("leader", "gauge", ""),
    ("leader_transitions_total", "counter", ""),
    ("registry_tenants", "gauge", "state"),
    ("registry_syncs_total registry_sync_failures_total", "counter", "source"),
    ("registry_last_sync_timestamp_seconds", "gauge", "source"),
    ("scan_interval_seconds scan_in_progress scan_tenants_pending", "gauge", ""),
    ("scan_cycles_total scan_cycle_failures_total scan_overruns_total", "counter", ""),
    ("scan_cycle_duration_seconds", "histogram", ""),
    ("scan_last_start_timestamp_seconds scan_last_completion_timestamp_seconds", "gauge", ""),
    ("scan_last_success_timestamp_seconds scan_last_duration_seconds", "gauge", ""),
    ("probes_total", "counter", ""),
    ("probe_failures_total", "counter", "cause"),
    ("probe_duration_seconds", "histogram", ""),
    ("witness_rounds_total witness_inconclusive_total", "counter", ""),
    ("fleet_tenants", "gauge", "verdict"),
    ("fleet_tenants_health", "gauge", "health"),
    ("fleet_tenants_stale fleet_coverage_ratio", "gauge", ""),
    ("fleet_oldest_success_timestamp_seconds", "gauge", ""),
    ("fleet_findings", "gauge", "kind, severity, state"),
    ("tenant_up tenant_probe_duration_seconds", "gauge", "tenant"),
    ("tenant_last_success_timestamp_seconds", "gauge", "tenant"),
    ("tenant_verdict", "gauge", "tenant, verdict"),
    ("tenant_findings", "gauge", "tenant, severity"),
    ("tenant_info", "gauge", "tenant, provider, environment"),
    ("tenant_detail_limit tenant_detail_withheld", "gauge", ""),
    ("github_requests_total github_request_failures_total", "counter", "operation"),
    ("github_request_duration_seconds", "histogram", "operation"),
    ("github_rate_limit github_rate_limit_remaining", "gauge", "resource"),
    ("github_rate_limit_reset_timestamp_seconds", "gauge", "resource"),
    ("github_open_issues", "gauge", "severity"),
    ("github_queue_length github_last_success_timestamp_seconds", "gauge", ""),
    ("github_issue_actions_total", "counter", "action"),
    ("provider_requests_total provider_request_failures_total", "counter", "provider, operation"),
    ("provider_rate_limit_remaining", "gauge", "provider, operation"),
    ("operations_started_total operations_succeeded_total", "counter", "kind"),
    ("operations_rolled_back_total operations_stuck_total", "counter", "kind"),
    ("operation_duration_seconds", "histogram", "kind"),
    ("operation_step_failures_total", "counter", "kind, step"),
    ("operations_in_flight operations_oldest_start_timestamp_seconds", "gauge", "kind"),
    ("preflight_failures_total", "counter", "check"),
    ("route_decisions_total", "counter", "outcome"),
    ("http_requests_total", "counter", "method, route, code"),
    ("http_request_duration_seconds", "histogram", "method, route"),
    ("http_requests_in_flight", "gauge", ""),
    ("store_size_bytes", "gauge", ""),
    ("store_write_failures_total", "counter", ""),
    ("log_messages_total", "counter", "level"),
];

#[test]
fn the_table_is_the_published_list() {
    let published: BTreeSet<(String, &str, &str)> = PUBLISHED
        .iter()
        .flat_map(|(names, kind, labels)| names.split(' ').map(move |it| (it, *kind, *labels)))
        .map(|(name, kind, labels)| (format!("watertight_{name}"), kind, labels))
        .collect();
    let labels: Vec<String> = ALL.iter().map(|it| it.labels.join(", ")).collect();
    let table: BTreeSet<(String, &str, &str)> = ALL
        .iter()
        .zip(&labels)
        .map(|(it, labels)| (it.name.to_owned(), it.kind.label(), labels.as_str()))
        .collect();
    assert_eq!(table, published);
    assert_eq!(ALL.len(), table.len(), "no name stands twice");
}

/// A row of the README's table.
fn row(family: &Family) -> String {
    let labels: Vec<String> = family.labels.iter().map(|it| format!("`{it}`")).collect();
    let since = match family.since {
        Since::Start => "start",
        Since::Known => "once known",
        Since::Scan => "first scan",
        Since::Later => "not yet",
    };
    let (name, kind) = (family.name, family.kind.label());
    format!("| `{name}` | {kind} | {} | {since} | {} |", labels.join(", "), family.help)
}

#[test]
fn the_readme_tells_every_metric() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("\n## Metrics\n").expect("the heading is there").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let told: Vec<&str> = section.lines().filter(|it| it.starts_with("| `watertight_")).collect();
    let rows: Vec<String> = ALL.iter().map(row).collect();
    assert_eq!(told, rows, "the table should be\n{}", rows.join("\n"));
}

#[test]
fn every_help_is_one_plain_sentence() {
    for Family { name, help, .. } in ALL {
        assert!(help.ends_with('.') && !help.contains(['\n', '\\', '"', '|', '`']), "{name}");
    }
}

fn names(wanted: impl Fn(Since) -> bool) -> BTreeSet<&'static str> {
    ALL.iter().filter(|it| wanted(it.since)).map(|it| it.name).collect()
}

fn ours(families: &BTreeMap<String, String>) -> BTreeSet<&str> {
    families.keys().map(String::as_str).filter(|it| it.starts_with("watertight_")).collect()
}

#[test]
fn before_anything_happened_only_what_is_true_at_0_is_there() {
    let told = told(&Metrics::default());
    // A counter without labels that could be at 0 has none, and is not there.
    let sources = ["watertight_registry_syncs_total", "watertight_registry_sync_failures_total"];
    let mut expected = names(|it| it == Since::Start);
    expected.retain(|it| !sources.contains(it));
    assert_eq!(ours(&told.families), expected);
    for (series, value) in &told.series {
        let is_one = ["watertight_build_info{", "watertight_leader"].iter().any(|it| {
            series.starts_with(it) && !series.starts_with("watertight_leader_transitions")
        });
        if series.starts_with("watertight_") {
            assert_eq!(Some(*value), Some(f64::from(u8::from(is_one))), "{series}");
        }
    }
}

/// A daemon that has done everything once.
pub(crate) fn busy() -> Metrics {
    let metrics = Metrics::default();
    let (report, _) = everything();
    metrics.config_taken(at(0));
    metrics.registry_sources(&["tenants.toml", "platform.example/app"]);
    metrics.registry_synced("tenants.toml", at(0));
    metrics.registry_sync_failed("platform.example/app");
    metrics.scan_interval(Duration::from_mins(5));
    metrics.scan_began(at(0));
    metrics.scan_progress(3);
    metrics.scan_ended(ScanEnd {
        at: at(2),
        took: report.took(),
        outcome: ScanOutcome::Fleet,
        witness_rounds: 4,
        witness_inconclusive: 1,
    });
    metrics.probes(&report);
    metrics.publish(&standing::of(report), DetailOptions::default());
    metrics.store_size(4096);
    metrics.github_operations(&["create_issue", "get_issue"]);
    metrics.github_request("get_issue", Duration::from_millis(80), true);
    metrics.github_budget("core", 5_000, 4_999, at(3_600));
    metrics.github_succeeded(at(1));
    metrics.github_issues(2, |_| 1);
    metrics.provider_operations("supabase", &["create_project", "get_health"]);
    metrics.provider_request("supabase", "get_health", true);
    metrics.provider_remaining("supabase", "get_health", 119);
    let routes = ["/metrics", "/", "/api/v1/scans", "/api/v1/scans/{id}", "/api/v1/tenants"];
    for route in routes {
        metrics.request().answered("GET", Some(route), 200, Duration::from_millis(3));
        metrics.request().answered("GET", Some(route), 401, Duration::from_millis(1));
    }
    metrics
}

#[test]
fn once_everything_happened_all_but_what_nothing_feeds_is_there() {
    let told = told(&busy());
    assert_eq!(ours(&told.families), names(|it| it != Since::Later));
    for family in ALL.iter().filter(|it| it.since != Since::Later) {
        assert_eq!(told.families[family.name], family.kind.label(), "{}", family.name);
    }
}

#[test]
fn process_metrics_bear_the_names_that_every_dashboard_knows() {
    let told = told(&Metrics::default());
    for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"] {
        assert!(told.series.contains_key(&format!("process_{name}")), "{name}");
    }
    assert!(1.0 <= told.series["process_open_fds"]);
}

#[test]
fn every_known_word_is_there_at_0_before_it_happens() {
    let quiet = told(&Metrics::default());
    for cause in Cause::ALL {
        quiet.check(&[(&format!("probe_failures_total{{cause=\"{}\"}}", cause.label()), 0.0)]);
    }
    quiet.check(&[
        ("log_messages_total{level=\"error\"}", 0.0),
        ("log_messages_total{level=\"warn\"}", 0.0),
        ("github_issue_actions_total{action=\"reopened\"}", 0.0),
        ("operations_stuck_total{kind=\"rehome\"}", 0.0),
        ("operation_duration_seconds_count{kind=\"deprovision\"}", 0.0),
        ("operation_step_failures_total{kind=\"provision\",step=\"verify_unique\"}", 0.0),
        ("preflight_failures_total{check=\"no_existing_sharing\"}", 0.0),
        ("probe_duration_seconds_bucket{le=\"+Inf\"}", 0.0),
    ]);
    let nobody = crate::exposition::told_of(&standing::standing(Vec::new(), Vec::new()));
    for verdict in Verdict::ALL {
        nobody.check(&[(&format!("fleet_tenants{{verdict=\"{verdict}\"}}"), 0.0)]);
    }
    for health in ["healthy", "degraded", "unhealthy"] {
        nobody.check(&[(&format!("fleet_tenants_health{{health=\"{health}\"}}"), 0.0)]);
    }
    for state in ["active", "provisioning", "suspended", "deleting", "stale"] {
        nobody.check(&[(&format!("registry_tenants{{state=\"{state}\"}}"), 0.0)]);
    }
    let reserved = [Kind::DataBridge, Kind::CrossTenantAccess, Kind::PublicExposure];
    for kind in Kind::ALL {
        for severity in Severity::ALL {
            for state in ["open", "acknowledged"] {
                let labels = format!("kind=\"{kind}\",severity=\"{severity}\",state=\"{state}\"");
                let expected = (!reserved.contains(kind)).then_some(0.0);
                assert_eq!(nobody.value(&format!("fleet_findings{{{labels}}}")), expected);
            }
        }
    }
}
