//! Counts of what this program does not do yet, at 0: alerts on them are then quiet because nothing happened, and not
//! because nobody tells.
//!
//! Why the words stand here: whatever will feed these brings its own closed lists, and takes these over.

use prometheus::Registry;

use super::list::{
    Family, OPERATION_DURATION, OPERATION_STEP_FAILURES, OPERATIONS_IN_FLIGHT,
    OPERATIONS_ROLLED_BACK, OPERATIONS_STARTED, OPERATIONS_STUCK, OPERATIONS_SUCCEEDED,
    PREFLIGHT_FAILURES,
};
use super::register::{counters, gauges, histograms};

const PROVISION: &str = "provision";
const OPERATIONS: [&str; 3] = [PROVISION, "deprovision", "rehome"];

/// Of provisioning; the steps of the other operations have no names yet.
const STEPS: [&str; 9] = [
    "reserve",
    "create_project",
    "await_ready",
    "connect",
    "stamp",
    "verify_unique",
    "health_check",
    "setup",
    "activate",
];

const CHECKS: [&str; 13] = [
    "subdomain_valid",
    "subdomain_available",
    "not_in_flight",
    "provider_reachable",
    "provider_quota",
    "region_available",
    "name_free_at_provider",
    "secrets_writable",
    "setup_ready",
    "no_existing_sharing",
    "database_reachable",
    "database_unused",
    "no_foreign_stamp",
];

pub(super) fn register(registry: &Registry) {
    let zeros = |family: &Family, words: &[&str]| {
        let counters = counters(registry, family);
        for word in words {
            counters.with_label_values(&[word]);
        }
    };
    zeros(&PREFLIGHT_FAILURES, &CHECKS);
    for family in
        [&OPERATIONS_STARTED, &OPERATIONS_SUCCEEDED, &OPERATIONS_ROLLED_BACK, &OPERATIONS_STUCK]
    {
        zeros(family, &OPERATIONS);
    }
    let (durations, in_flight) =
        (histograms(registry, &OPERATION_DURATION), gauges(registry, &OPERATIONS_IN_FLIGHT));
    for kind in OPERATIONS {
        durations.with_label_values(&[kind]);
        in_flight.with_label_values(&[kind]).set(0.0);
    }
    let failures = counters(registry, &OPERATION_STEP_FAILURES);
    for step in STEPS {
        failures.with_label_values(&[PROVISION, step]);
    }
}
