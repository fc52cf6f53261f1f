//! What is counted as it happens: scans, visits, reads of the registry, requests, lines of the log.

use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use watertight::metrics::Metrics;
use watertight::metrics::scans::{ScanEnd, ScanOutcome};
use watertight::model::finding::{Health, Verdict};
use watertight::model::observation::Cause;

use crate::exposition::told;
use crate::sample::{at, report, tenant, unhealthy};

fn end(second: i64, outcome: ScanOutcome) -> ScanEnd {
    let took = Duration::from_secs(20);
    ScanEnd { at: at(second), took, outcome, witness_rounds: 3, witness_inconclusive: 1 }
}

#[test]
fn a_scan_is_in_progress_until_it_ends_however_that_is() {
    let metrics = Metrics::default();
    for outcome in [ScanOutcome::Fleet, ScanOutcome::Part, ScanOutcome::Failed] {
        metrics.scan_began(at(0));
        metrics.scan_progress(7);
        told(&metrics).check(&[("scan_in_progress", 1.0), ("scan_tenants_pending", 7.0)]);
        metrics.scan_ended(end(20, outcome));
        told(&metrics).check(&[("scan_in_progress", 0.0), ("scan_tenants_pending", 0.0)]);
    }
    told(&metrics).check(&[
        ("scan_cycles_total", 3.0),
        ("scan_cycle_failures_total", 1.0),
        ("witness_rounds_total", 9.0),
        ("witness_inconclusive_total", 3.0),
    ]);
}

#[test]
fn only_a_scan_of_the_whole_fleet_is_a_success() {
    let metrics = Metrics::default();
    metrics.scan_began(at(0));
    metrics.scan_ended(end(20, ScanOutcome::Part));
    metrics.scan_ended(end(40, ScanOutcome::Failed));
    let before = told(&metrics);
    before.check(&[
        ("scan_last_start_timestamp_seconds", 1_790_000_000.0),
        ("scan_last_completion_timestamp_seconds", 1_790_000_040.0),
        ("scan_cycle_duration_seconds_count", 0.0),
    ]);
    before.check_absent(&["scan_last_success", "scan_last_duration"]);
    metrics.scan_ended(end(60, ScanOutcome::Fleet));
    told(&metrics).check(&[
        ("scan_last_success_timestamp_seconds", 1_790_000_060.0),
        ("scan_last_duration_seconds", 20.0),
        ("scan_cycle_duration_seconds_count", 1.0),
        ("scan_cycle_duration_seconds_bucket{le=\"15\"}", 0.0),
        ("scan_cycle_duration_seconds_bucket{le=\"30\"}", 1.0),
    ]);
    metrics.scan_ended(end(80, ScanOutcome::Failed));
    told(&metrics).check(&[("scan_last_success_timestamp_seconds", 1_790_000_060.0)]);
}

#[test]
fn a_restart_takes_over_when_the_fleet_was_scanned() {
    let metrics = Metrics::default();
    let mut full = report(Vec::new(), Vec::new());
    full.finished_at = at(20);
    metrics.scan_recalled(&full);
    told(&metrics).check(&[
        ("scan_last_success_timestamp_seconds", 1_790_000_020.0),
        ("scan_last_duration_seconds", 20.0),
        ("scan_cycles_total", 0.0),
    ]);
}

#[test]
fn a_schedule_that_is_too_dense_shows() {
    let metrics = Metrics::default();
    metrics.scan_interval(Duration::from_secs(90));
    metrics.scan_overrun();
    metrics.scan_overrun();
    told(&metrics).check(&[("scan_overruns_total", 2.0), ("scan_interval_seconds", 90.0)]);
}

#[test]
fn visits_are_counted_by_what_became_of_them() {
    let mut not_tried = tenant("untried", Verdict::Unverified, Health::Unknown);
    not_tried.probe = None;
    let tenants = vec![
        tenant("acme", Verdict::Isolated, Health::Healthy),
        unhealthy("down", Cause::Timeout, "after 5 s"),
        tenant("near", Verdict::Isolated, Health::Degraded),
        not_tried,
    ];
    let metrics = Metrics::default();
    let report = report(tenants, Vec::new());
    metrics.probes(&report);
    metrics.probes(&report);
    told(&metrics).check(&[
        ("probes_total", 6.0),
        ("probe_failures_total{cause=\"timeout\"}", 2.0),
        ("probe_failures_total{cause=\"dns_failed\"}", 0.0),
        ("probe_duration_seconds_count", 6.0),
        ("probe_duration_seconds_bucket{le=\"0.01\"}", 0.0),
        ("probe_duration_seconds_bucket{le=\"0.025\"}", 6.0),
    ]);
}

#[test]
fn only_sources_of_the_configuration_are_told() {
    let metrics = Metrics::default();
    metrics.registry_sources(&["tenants.toml", "old.csv"]);
    metrics.registry_synced("tenants.toml", at(0));
    metrics.registry_sync_failed("tenants.toml");
    metrics.registry_synced("somebody else's", at(0));
    let before = told(&metrics);
    before.check(&[
        ("registry_syncs_total{source=\"tenants.toml\"}", 2.0),
        ("registry_sync_failures_total{source=\"tenants.toml\"}", 1.0),
        ("registry_last_sync_timestamp_seconds{source=\"tenants.toml\"}", 1_790_000_000.0),
        ("registry_syncs_total{source=\"old.csv\"}", 0.0),
    ]);
    assert_eq!(before.count("registry_syncs_total"), 2);
    // Never read, so that there is no time to tell.
    assert_eq!(before.count("registry_last_sync_timestamp_seconds"), 1);
    metrics.registry_sources(&["tenants.toml"]);
    let after = told(&metrics);
    assert_eq!(after.count("registry_syncs_total"), 1);
    after.check(&[("registry_syncs_total{source=\"tenants.toml\"}", 2.0)]);
}

#[test]
fn a_configuration_that_was_refused_leaves_the_time_of_the_one_in_force() {
    let metrics = Metrics::default();
    metrics.config_taken(at(0));
    metrics.config_refused();
    told(&metrics).check(&[
        ("config_last_reload_successful", 0.0),
        ("config_last_reload_success_timestamp_seconds", 1_790_000_000.0),
    ]);
    metrics.config_taken(at(60));
    told(&metrics).check(&[("config_last_reload_successful", 1.0)]);
}

#[test]
fn a_request_is_in_flight_until_it_is_answered_or_its_client_left() {
    let metrics = Metrics::default();
    let (answered, left) = (metrics.request(), metrics.request());
    told(&metrics).check(&[("http_requests_in_flight", 2.0)]);
    answered.answered("GET", Some("/api/v1/tenants/{id}"), 404, Duration::from_millis(7));
    drop(left);
    told(&metrics).check(&[
        ("http_requests_in_flight", 0.0),
        ("http_requests_total{code=\"404\",method=\"GET\",route=\"/api/v1/tenants/{id}\"}", 1.0),
        (
            "http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/tenants/{id}\",le=\"0.01\"}",
            1.0,
        ),
    ]);
}

#[test]
fn no_stranger_makes_series_by_asking() {
    let metrics = Metrics::default();
    for number in 0..10_000 {
        let method = format!("M{number}");
        metrics.request().answered(&method, None, 404, Duration::ZERO);
        let path = format!("/{number}");
        metrics.request().answered("GET", Some(&path), 404, Duration::ZERO);
    }
    let told = told(&metrics);
    told.check(&[
        ("http_requests_total{code=\"404\",method=\"other\",route=\"none\"}", 10_000.0),
        ("http_requests_total{code=\"404\",method=\"GET\",route=\"none\"}", 9_900.0),
    ]);
    assert_eq!(told.count("http_requests_total"), 102);
}

#[test]
fn warnings_and_errors_of_the_log_are_counted_and_nothing_else() {
    let metrics = Metrics::default();
    let log = tracing_subscriber::registry().with(metrics.log_counter());
    tracing::subscriber::with_default(log, || {
        tracing::error!("a");
        tracing::warn!("b");
        tracing::warn!("c");
        tracing::info!("d");
        tracing::debug!("e");
    });
    told(&metrics).check(&[
        ("log_messages_total{level=\"error\"}", 1.0),
        ("log_messages_total{level=\"warn\"}", 2.0),
    ]);
}

#[test]
fn a_store_that_fails_is_counted_and_its_size_told_once_it_is_known() {
    let metrics = Metrics::default();
    told(&metrics).check_absent(&["store_size_bytes"]);
    metrics.store_size(1 << 20);
    metrics.store_write_failed();
    told(&metrics).check(&[("store_size_bytes", 1_048_576.0), ("store_write_failures_total", 1.0)]);
}
