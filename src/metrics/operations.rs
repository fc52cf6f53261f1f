//! Operations, and the checks before them.
//!
//! Why every known word is there at 0: an alert on the first failure must see it as one.

use jiff::Timestamp;
use prometheus::{GaugeVec, HistogramVec, IntCounterVec, Registry};

use super::list::{
    OPERATION_DURATION, OPERATION_STEP_FAILURES, OPERATIONS_IN_FLIGHT, OPERATIONS_OLDEST_START,
    OPERATIONS_ROLLED_BACK, OPERATIONS_STARTED, OPERATIONS_STUCK, OPERATIONS_SUCCEEDED,
    PREFLIGHT_FAILURES,
};
use super::register::{counters, gauges, histograms};
use crate::model::operation::{Operation, OperationKind, OperationState, Step};
use crate::model::preflight::CheckName;

#[derive(Debug)]
pub(super) struct Operations {
    started: IntCounterVec,
    succeeded: IntCounterVec,
    rolled_back: IntCounterVec,
    stuck: IntCounterVec,
    durations: HistogramVec,
    step_failures: IntCounterVec,
    in_flight: GaugeVec,
    oldest: GaugeVec,
    preflight: IntCounterVec,
}

impl Operations {
    pub(super) fn new(registry: &Registry) -> Self {
        let this = Self {
            started: counters(registry, &OPERATIONS_STARTED),
            succeeded: counters(registry, &OPERATIONS_SUCCEEDED),
            rolled_back: counters(registry, &OPERATIONS_ROLLED_BACK),
            stuck: counters(registry, &OPERATIONS_STUCK),
            durations: histograms(registry, &OPERATION_DURATION),
            step_failures: counters(registry, &OPERATION_STEP_FAILURES),
            in_flight: gauges(registry, &OPERATIONS_IN_FLIGHT),
            oldest: gauges(registry, &OPERATIONS_OLDEST_START),
            preflight: counters(registry, &PREFLIGHT_FAILURES),
        };
        for kind in OperationKind::ALL {
            let label = kind.label();
            for family in [&this.started, &this.succeeded, &this.rolled_back, &this.stuck] {
                family.with_label_values(&[label]);
            }
            this.durations.with_label_values(&[label]);
            this.in_flight.with_label_values(&[label]).set(0.0);
            for step in kind.steps() {
                this.step_failures.with_label_values(&[label, step.label()]);
            }
        }
        for check in CheckName::ALL {
            this.preflight.with_label_values(&[check.label()]);
        }
        this
    }

    pub(super) fn started(&self, kind: OperationKind) {
        self.started.with_label_values(&[kind.label()]).inc();
    }

    pub(super) fn ended(&self, operation: &Operation, state: OperationState, at: Timestamp) {
        let kind = operation.kind.label();
        let ended = match state {
            OperationState::Running => return,
            OperationState::Succeeded => &self.succeeded,
            OperationState::RolledBack => &self.rolled_back,
            OperationState::Stuck => &self.stuck,
        };
        ended.with_label_values(&[kind]).inc();
        let took = at.duration_since(operation.started_at).as_secs_f64();
        self.durations.with_label_values(&[kind]).observe(took.max(0.0));
    }

    pub(super) fn step_failed(&self, kind: OperationKind, step: Step) {
        self.step_failures.with_label_values(&[kind.label(), step.label()]).inc();
    }

    pub(super) fn in_flight(&self, running: &[Operation]) {
        for kind in OperationKind::ALL {
            let label = kind.label();
            let those = running.iter().filter(|it| it.kind == kind);
            let (number, oldest) = (those.clone().count(), those.map(|it| it.started_at).min());
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 operations")]
            self.in_flight.with_label_values(&[label]).set(number as f64);
            match oldest {
                Some(at) => {
                    self.oldest.with_label_values(&[label]).set(at.as_duration().as_secs_f64());
                }
                // Absent while none runs; that there was none to remove is well too.
                None => drop(self.oldest.remove_label_values(&[label])),
            }
        }
    }

    pub(super) fn preflight_failed(&self, check: CheckName) {
        self.preflight.with_label_values(&[check.label()]).inc();
    }
}
