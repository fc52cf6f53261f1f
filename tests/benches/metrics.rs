//! What it costs to tell Prometheus of 10 000 tenants, in each mode, beside what the library's own encoder takes for the
//! same series.
//!
//! `cargo bench --bench metrics`
//!
//! Why beside the library: the text of the fleet is written by hand, which is worth its lines only where it is many times
//! cheaper. A scrape copies that text; writing it is paid once for each scan.

#[path = "../support/measure.rs"]
#[expect(dead_code, reason = "the other benchmarks use the rest")]
mod measure;
#[path = "../report/sample.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod sample;
#[path = "../support/standing.rs"]
mod standing;

use std::hint::black_box;
use std::process::ExitCode;

use measure::{median, own_cpu, say, verdict, verdict_at_least};
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use watertight::metrics::Metrics;
use watertight::metrics::detail::{Detail, DetailOptions};
use watertight::model::finding::{Severity, Verdict};
use watertight::standing::Standing;

const TENANTS: usize = 10_000;
/// Of so many tenants one is not well.
const UNWELL_IN: usize = 100;
const ROUNDS: usize = 15;

/// Processor time in milliseconds, the median of several rounds: others who use the machine do not count.
fn timed(mut act: impl FnMut()) -> f64 {
    median((0..ROUNDS).map(|_| {
        let before = own_cpu();
        act();
        own_cpu().saturating_sub(before).as_secs_f64() * 1_000.0
    }))
}

fn series(text: &str) -> usize {
    text.lines().filter(|it| !it.starts_with('#')).count()
}

fn main() -> ExitCode {
    let fleet = standing::many(TENANTS, UNWELL_IN);
    let limit = TENANTS - 1;
    let auto = shown("auto", &fleet, DetailOptions::new(Detail::Auto, limit));
    let full = shown("full", &fleet, DetailOptions::new(Detail::Full, TENANTS));
    let library = library(&fleet);
    let by_library = timed(|| {
        black_box(encoded(&library));
    });
    let text = encoded(&library);
    say(format_args!(
        "library: {} series, {} kB in {by_library:.2} ms",
        series(&text),
        text.len() / 1_000
    ));
    verdict("auto: a scrape of 10 000 tenants, milliseconds", auto.scrape, 50.0);
    verdict("full: a scrape of 10 000 tenants, milliseconds", full.scrape, 50.0);
    verdict("full: writing the text once for each scan, milliseconds", full.publish, 200.0);
    verdict_at_least("the library takes so many times a scrape", by_library / full.scrape, 10.0);
    let both = by_library / (full.scrape + full.publish);
    verdict_at_least("and so many times writing and scraping once", both, 2.0);
    if auto.series < full.series && TENANTS * 11 <= series(&text) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

struct Cost {
    series: usize,
    publish: f64,
    scrape: f64,
}

fn shown(mode: &str, fleet: &Standing, options: DetailOptions) -> Cost {
    let metrics = Metrics::default();
    let publish = timed(|| metrics.publish(fleet, options));
    let now = fleet.full.finished_at;
    let scrape = timed(|| {
        black_box(metrics.render(now));
    });
    let text = metrics.render(now);
    let series = series(&text);
    say(format_args!(
        "{mode}: {series} series, {} kB; written in {publish:.2} ms, scraped in {scrape:.2} ms",
        text.len() / 1_000
    ));
    Cost { series, publish, scrape }
}

fn encoded(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).expect("every family has series")
}

/// The tenants' series as metric objects.
#[expect(clippy::cast_precision_loss, reason = "a time far below 2^52 seconds")]
fn library(fleet: &Standing) -> Registry {
    let registry = Registry::new();
    let gauges = |name: &str, labels: &[&str]| {
        let gauges = GaugeVec::new(Opts::new(name, "The same by the library."), labels);
        let gauges = gauges.expect("a valid name");
        registry.register(Box::new(gauges.clone())).expect("registered once");
        gauges
    };
    let up = gauges("watertight_tenant_up", &["tenant"]);
    let took = gauges("watertight_tenant_probe_duration_seconds", &["tenant"]);
    let success = gauges("watertight_tenant_last_success_timestamp_seconds", &["tenant"]);
    let verdicts = gauges("watertight_tenant_verdict", &["tenant", "verdict"]);
    let findings = gauges("watertight_tenant_findings", &["tenant", "severity"]);
    let info = gauges("watertight_tenant_info", &["tenant", "provider", "environment"]);
    for tenant in &fleet.now.tenants {
        let id = tenant.id.as_str();
        up.with_label_values(&[id]).set(1.0);
        took.with_label_values(&[id]).set(0.012);
        success.with_label_values(&[id]).set(fleet.full.finished_at.as_second() as f64);
        for verdict in Verdict::ALL {
            let holds = tenant.isolation == *verdict;
            verdicts.with_label_values(&[id, verdict.label()]).set(u8::from(holds).into());
        }
        for severity in Severity::ALL {
            findings.with_label_values(&[id, severity.label()]);
        }
        info.with_label_values(&[id, "supabase", "production"]).set(1.0);
    }
    registry
}
