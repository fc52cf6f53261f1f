//! What the daemon tells of itself: its build, its configuration, what it reads its tenants from, its store.
//!
//! Why a source has to be announced: names of sources are labels, and only those of the configuration in force may be
//! any. One that left the configuration leaves the metrics.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, Registry};

use super::list::{
    BUILD_INFO, CONFIG_SUCCESS_TIMESTAMP, CONFIG_SUCCESSFUL, LEADER, LEADER_TRANSITIONS,
    REGISTRY_LAST_SYNC, REGISTRY_SYNC_FAILURES, REGISTRY_SYNCS, STORE_SIZE, STORE_WRITE_FAILURES,
};
use super::register::{Value, counter, counters, gauges};
use super::text::{seconds, tame};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Of the source tree, where the build was told it.
const REVISION: &str = match option_env!("WATERTIGHT_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

#[derive(Debug)]
pub(super) struct Upkeep {
    config_successful: Value,
    config_success_timestamp: Value,
    syncs: IntCounterVec,
    sync_failures: IntCounterVec,
    last_sync: GaugeVec,
    sources: Mutex<BTreeSet<String>>,
    store_size: Value,
    store_write_failures: IntCounter,
}

impl Upkeep {
    pub(super) fn new(registry: &Registry) -> Self {
        gauges(registry, &BUILD_INFO).with_label_values(&[VERSION, REVISION]).set(1.0);
        Value::new(registry, &LEADER).set(1.0);
        counter(registry, &LEADER_TRANSITIONS);
        Self {
            config_successful: Value::new(registry, &CONFIG_SUCCESSFUL),
            config_success_timestamp: Value::new(registry, &CONFIG_SUCCESS_TIMESTAMP),
            syncs: counters(registry, &REGISTRY_SYNCS),
            sync_failures: counters(registry, &REGISTRY_SYNC_FAILURES),
            last_sync: gauges(registry, &REGISTRY_LAST_SYNC),
            sources: Mutex::default(),
            store_size: Value::new(registry, &STORE_SIZE),
            store_write_failures: counter(registry, &STORE_WRITE_FAILURES),
        }
    }

    pub(super) fn config_taken(&self, at: Timestamp) {
        self.config_successful.set(1.0);
        self.config_success_timestamp.set(seconds(at));
    }

    pub(super) fn config_refused(&self) {
        self.config_successful.set(0.0);
    }

    pub(super) fn sources(&self, names: &[&str]) {
        let announced: BTreeSet<String> = names.iter().map(|it| tame(it).into_owned()).collect();
        let mut known = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.difference(&announced) {
            // One that was never read has no time to take away.
            self.last_sync.remove_label_values(&[gone]).ok();
            self.syncs.remove_label_values(&[gone]).ok();
            self.sync_failures.remove_label_values(&[gone]).ok();
        }
        for name in &announced {
            self.syncs.with_label_values(&[name]);
            self.sync_failures.with_label_values(&[name]);
        }
        *known = announced;
    }

    /// `at` is `None` where the read failed.
    pub(super) fn synced(&self, source: &str, at: Option<Timestamp>) {
        let source = tame(source);
        let known = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&*source) {
            return;
        }
        self.syncs.with_label_values(&[&source]).inc();
        match at {
            Some(at) => self.last_sync.with_label_values(&[&source]).set(seconds(at)),
            None => self.sync_failures.with_label_values(&[&source]).inc(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a store is far smaller than 2^52 bytes")]
    pub(super) fn store_size(&self, bytes: u64) {
        self.store_size.set(bytes as f64);
    }

    pub(super) fn store_write_failed(&self) {
        self.store_write_failures.inc();
    }
}
