//! What is asked of GitHub, how that ends, what it still allows, and the issues that we keep there.
//!
//! Why nothing is there before GitHub is configured: an installation without it has no requests, no limits and no queue,
//! and a 0 would look like a quiet one. What was done to issues is counted from the start all the same, because alerts ask
//! how much it grew.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::{GaugeVec, HistogramVec, IntCounterVec, Registry};

use super::list::{
    GITHUB_ISSUE_ACTIONS, GITHUB_LAST_SUCCESS, GITHUB_OPEN_ISSUES, GITHUB_QUEUE_LENGTH,
    GITHUB_RATE_LIMIT, GITHUB_RATE_LIMIT_REMAINING, GITHUB_RATE_LIMIT_RESET,
    GITHUB_REQUEST_DURATION, GITHUB_REQUEST_FAILURES, GITHUB_REQUESTS,
};
use super::register::{Value, counters, gauges, histograms};
use super::text::seconds;
use crate::model::finding::Severity;

/// What is done to an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueAction {
    Created,
    Updated,
    Closed,
    Reopened,
}

impl IssueAction {
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Closed, Self::Reopened];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        }
    }
}

#[derive(Debug)]
pub(super) struct GitHub {
    requests: IntCounterVec,
    failures: IntCounterVec,
    duration: HistogramVec,
    limit: GaugeVec,
    remaining: GaugeVec,
    reset: GaugeVec,
    open_issues: GaugeVec,
    queue: Value,
    last_success: Value,
    actions: IntCounterVec,
}

impl GitHub {
    pub(super) fn new(registry: &Registry) -> Self {
        let actions = counters(registry, &GITHUB_ISSUE_ACTIONS);
        for action in IssueAction::ALL {
            actions.with_label_values(&[action.label()]);
        }
        Self {
            requests: counters(registry, &GITHUB_REQUESTS),
            failures: counters(registry, &GITHUB_REQUEST_FAILURES),
            duration: histograms(registry, &GITHUB_REQUEST_DURATION),
            limit: gauges(registry, &GITHUB_RATE_LIMIT),
            remaining: gauges(registry, &GITHUB_RATE_LIMIT_REMAINING),
            reset: gauges(registry, &GITHUB_RATE_LIMIT_RESET),
            open_issues: gauges(registry, &GITHUB_OPEN_ISSUES),
            queue: Value::new(registry, &GITHUB_QUEUE_LENGTH),
            last_success: Value::new(registry, &GITHUB_LAST_SUCCESS),
            actions,
        }
    }

    pub(super) fn operations(&self, operations: &[&str]) {
        for operation in operations {
            self.requests.with_label_values(&[operation]);
            self.failures.with_label_values(&[operation]);
        }
    }

    pub(super) fn request(&self, operation: &str, took: Duration, well: bool) {
        self.requests.with_label_values(&[operation]).inc();
        self.failures.with_label_values(&[operation]).inc_by(u64::from(!well));
        self.duration.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    pub(super) fn budget(&self, resource: &str, limit: u32, remaining: u32, reset: Timestamp) {
        self.limit.with_label_values(&[resource]).set(limit.into());
        self.remaining.with_label_values(&[resource]).set(remaining.into());
        self.reset.with_label_values(&[resource]).set(seconds(reset));
    }

    pub(super) fn succeeded(&self, at: Timestamp) {
        self.last_success.set(seconds(at));
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody keeps 2^52 issues")]
    pub(super) fn issues(&self, queue: usize, open: impl Fn(Severity) -> usize) {
        self.queue.set(queue as f64);
        for severity in Severity::ALL {
            let labels = [severity.label()];
            self.open_issues.with_label_values(&labels).set(open(*severity) as f64);
        }
    }

    pub(super) fn action(&self, action: IssueAction) {
        self.actions.with_label_values(&[action.label()]).inc();
    }
}
