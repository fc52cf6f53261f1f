//! What is asked of whoever provides databases, how that ends, and what it still allows.
//!
//! Why nothing is there before a provider is configured: an installation without one asks nothing, and a 0 would look like
//! a quiet one.

use prometheus::{GaugeVec, IntCounterVec, Registry};

use super::list::{PROVIDER_RATE_LIMIT_REMAINING, PROVIDER_REQUEST_FAILURES, PROVIDER_REQUESTS};
use super::register::{counters, gauges};

#[derive(Debug)]
pub(super) struct Providers {
    requests: IntCounterVec,
    failures: IntCounterVec,
    remaining: GaugeVec,
}

impl Providers {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            requests: counters(registry, &PROVIDER_REQUESTS),
            failures: counters(registry, &PROVIDER_REQUEST_FAILURES),
            remaining: gauges(registry, &PROVIDER_RATE_LIMIT_REMAINING),
        }
    }

    pub(super) fn operations(&self, provider: &str, operations: &[&str]) {
        for operation in operations {
            self.requests.with_label_values(&[provider, operation]);
            self.failures.with_label_values(&[provider, operation]);
        }
    }

    pub(super) fn request(&self, provider: &str, operation: &str, well: bool) {
        self.requests.with_label_values(&[provider, operation]).inc();
        self.failures.with_label_values(&[provider, operation]).inc_by(u64::from(!well));
    }

    pub(super) fn remaining(&self, provider: &str, operation: &str, remaining: u32) {
        self.remaining.with_label_values(&[provider, operation]).set(remaining.into());
    }
}
