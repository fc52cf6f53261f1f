//! What is counted of scans as they happen.
//!
//! Why apart from the fleet's state: a count only grows, whatever the next scan says, and a scan that failed has no
//! report from which it could be counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, Registry};

use super::list::{
    PROBE_DURATION, PROBE_FAILURES, PROBES, SCAN_CYCLE_FAILURES, SCAN_CYCLES, SCAN_DURATION,
    SCAN_IN_PROGRESS, SCAN_INTERVAL, SCAN_LAST_COMPLETION, SCAN_LAST_DURATION, SCAN_LAST_START,
    SCAN_LAST_SUCCESS, SCAN_OVERRUNS, SCAN_PENDING, WITNESS_INCONCLUSIVE, WITNESS_ROUNDS,
};
use super::register::{Value, counter, counters, gauges, histograms};
use super::text::seconds;
use crate::model::finding::Health;
use crate::model::observation::Cause;
use crate::model::report::Report;

/// For how long what a scan said holds where nobody told how often there is one: as long as the gate takes it for fresh.
const HOLDS_FOR: Duration = Duration::from_mins(30);

/// How a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanOutcome {
    /// It looked at the whole fleet.
    Fleet,
    /// It looked at those who were asked for, or was stopped.
    Part,
    /// There is no report.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanEnd {
    pub at: Timestamp,
    pub took: Duration,
    pub outcome: ScanOutcome,
    /// Live proofs that were tried, and those that could not tell.
    pub witness_rounds: u64,
    pub witness_inconclusive: u64,
}

#[derive(Debug)]
pub(super) struct Scans {
    interval: Value,
    /// The same in milliseconds, to reckon with; 0 until it is told.
    interval_millis: AtomicU64,
    in_progress: Gauge,
    pending: Gauge,
    cycles: IntCounter,
    cycle_failures: IntCounter,
    overruns: IntCounter,
    duration: Histogram,
    last_start: Value,
    last_completion: Value,
    last_success: Value,
    last_duration: Value,
    probes: IntCounter,
    probe_failures: IntCounterVec,
    probe_duration: Histogram,
    witness_rounds: IntCounter,
    witness_inconclusive: IntCounter,
}

impl Scans {
    pub(super) fn new(registry: &Registry) -> Self {
        let probe_failures = counters(registry, &PROBE_FAILURES);
        for cause in Cause::ALL {
            probe_failures.with_label_values(&[cause.label()]);
        }
        let zero = |family| gauges(registry, family).with_label_values::<&str>(&[]);
        let histogram = |family| histograms(registry, family).with_label_values::<&str>(&[]);
        Self {
            interval: Value::new(registry, &SCAN_INTERVAL),
            interval_millis: AtomicU64::new(0),
            in_progress: zero(&SCAN_IN_PROGRESS),
            pending: zero(&SCAN_PENDING),
            cycles: counter(registry, &SCAN_CYCLES),
            cycle_failures: counter(registry, &SCAN_CYCLE_FAILURES),
            overruns: counter(registry, &SCAN_OVERRUNS),
            duration: histogram(&SCAN_DURATION),
            last_start: Value::new(registry, &SCAN_LAST_START),
            last_completion: Value::new(registry, &SCAN_LAST_COMPLETION),
            last_success: Value::new(registry, &SCAN_LAST_SUCCESS),
            last_duration: Value::new(registry, &SCAN_LAST_DURATION),
            probes: counter(registry, &PROBES),
            probe_failures,
            probe_duration: histogram(&PROBE_DURATION),
            witness_rounds: counter(registry, &WITNESS_ROUNDS),
            witness_inconclusive: counter(registry, &WITNESS_INCONCLUSIVE),
        }
    }

    pub(super) fn interval(&self, interval: Duration) {
        self.interval.set(interval.as_secs_f64());
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        self.interval_millis.store(millis, Ordering::Relaxed);
    }

    /// For how long a verdict is fresh: two scans may be missed, as in the alert on the scan's age.
    pub(super) fn window(&self) -> SignedDuration {
        let told = Duration::from_millis(self.interval_millis.load(Ordering::Relaxed));
        let window = if told.is_zero() { HOLDS_FOR } else { told.saturating_mul(5) / 2 };
        SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX)
    }

    pub(super) fn began(&self, at: Timestamp) {
        self.last_start.set(seconds(at));
        self.in_progress.set(1.0);
    }

    #[expect(clippy::cast_precision_loss, reason = "targets are far fewer than 2^52")]
    pub(super) fn progress(&self, pending: usize) {
        self.pending.set(pending as f64);
    }

    pub(super) fn overrun(&self) {
        self.overruns.inc();
    }

    pub(super) fn ended(&self, end: ScanEnd) {
        self.in_progress.set(0.0);
        self.pending.set(0.0);
        self.cycles.inc();
        self.last_completion.set(seconds(end.at));
        self.witness_rounds.inc_by(end.witness_rounds);
        self.witness_inconclusive.inc_by(end.witness_inconclusive);
        match end.outcome {
            ScanOutcome::Fleet => {
                self.duration.observe(end.took.as_secs_f64());
                self.last_duration.set(end.took.as_secs_f64());
                self.last_success.set(seconds(end.at));
            }
            ScanOutcome::Part => (),
            ScanOutcome::Failed => self.cycle_failures.inc(),
        }
    }

    /// A target that could not be tried was not visited.
    pub(super) fn probes(&self, report: &Report) {
        let targets = report.tenants.iter().flat_map(|it| &it.targets);
        for target in targets.filter(|it| it.health != Health::Unknown) {
            self.probes.inc();
            if let (Health::Unhealthy, Some(cause)) = (target.health, target.cause) {
                self.probe_failures.with_label_values(&[cause.label()]).inc();
            }
        }
        for took in report.tenants.iter().filter_map(|it| it.probe) {
            self.probe_duration.observe(took.as_secs_f64());
        }
    }

    /// What the last process knew of scans, so that a restart does not look like a fleet that was never scanned.
    pub(super) fn recalled(&self, full: &Report) {
        self.last_start.set(seconds(full.started_at));
        self.last_completion.set(seconds(full.finished_at));
        self.last_success.set(seconds(full.finished_at));
        self.last_duration.set(full.took().as_secs_f64());
    }
}
