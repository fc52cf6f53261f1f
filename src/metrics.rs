//! What Prometheus is told: the fleet as the last finished scan left it, and what was counted since the start.
//!
//! Why two ways to one text: counts and durations are the library's, which adds them up as they happen. What a scan tells
//! is written as text once, when it is published, and swapped whole. A scrape then copies it: it costs the same however
//! often it comes, and touches neither a tenant's database nor the store.
//!
//! Invariants:
//! - a tenant that left the fleet is gone with the scan that found it gone, with all of its series;
//! - what one scrape tells of the fleet comes from one state of it;
//! - before the first finished scan nothing is told of the fleet: a 0 would be a claim;
//! - no label holds what a tenant's server, a request or an error says; words of the registry are tamed.

pub mod detail;
mod fleet;
pub mod github;
pub mod list;
pub mod logs;
mod operations;
mod provider;
mod register;
pub mod requests;
pub mod scans;
mod text;
mod upkeep;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::{IntCounterVec, Registry, TextEncoder};

use crate::model::finding::Severity;
use crate::model::operation::{Operation, OperationKind, OperationState, Step};
use crate::model::preflight::CheckName;
use crate::model::report::Report;
use crate::route::decision::Outcome;
use crate::standing::Standing;

use self::detail::DetailOptions;
use self::fleet::Ages;
use self::github::{GitHub, IssueAction};
use self::logs::LogCounter;
use self::operations::Operations;
use self::provider::Providers;
use self::requests::{RequestGuard, Requests};
use self::scans::{ScanEnd, Scans};
use self::text::Text;
use self::upkeep::Upkeep;

/// Of the answer that carries the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    scans: Scans,
    upkeep: Upkeep,
    requests: Requests,
    github: GitHub,
    providers: Providers,
    routing: IntCounterVec,
    operations: Operations,
    log_counter: LogCounter,
    published: Mutex<Option<Arc<Published>>>,
}

/// One state of the fleet, as text.
#[derive(Debug)]
struct Published {
    text: Text,
    ages: Ages,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        process(&registry);
        Self {
            scans: Scans::new(&registry),
            upkeep: Upkeep::new(&registry),
            requests: Requests::new(&registry),
            github: GitHub::new(&registry),
            providers: Providers::new(&registry),
            routing: routing(&registry),
            operations: Operations::new(&registry),
            log_counter: LogCounter::new(&registry),
            published: Mutex::default(),
            registry,
        }
    }
}

/// Memory, processor, files: under the names that every dashboard knows.
#[cfg(target_os = "linux")]
fn process(registry: &Registry) {
    let process = prometheus::process_collector::ProcessCollector::for_self();
    registry.register(Box::new(process)).expect("no family of ours has one of its names");
}

/// At 0, so that the first decision of each outcome is seen as one.
fn routing(registry: &Registry) -> IntCounterVec {
    let decisions = register::counters(registry, &list::ROUTE_DECISIONS);
    for outcome in Outcome::ALL {
        decisions.with_label_values(&[outcome.label()]);
    }
    decisions
}

impl Metrics {
    /// Tells the fleet as it stands from now on. Takes some milliseconds for ten thousand tenants, and is meant for each
    /// change of the state, not for each scrape.
    pub fn publish(&self, standing: &Standing, options: DetailOptions) {
        let mut text = Text::default();
        fleet::fleet(&mut text, standing);
        detail::tenants(&mut text, standing, options);
        let published = Published { text, ages: Ages::of(standing) };
        *self.published() = Some(Arc::new(published));
    }

    /// Everything that is known, in exposition format 0.0.4.
    pub fn render(&self, now: Timestamp) -> String {
        let published = self.published().clone();
        let room = published.as_ref().map_or(0, |it| it.text.as_str().len());
        let mut all = String::with_capacity(room + (1 << 16));
        TextEncoder::new()
            .encode_utf8(&self.registry.gather(), &mut all)
            .expect("what is gathered has names and series, and a string takes everything");
        if let Some(published) = published {
            all.push_str(published.text.as_str());
            let mut ages = Text::default();
            published.ages.tell(&mut ages, now, self.scans.window());
            all.push_str(ages.as_str());
        }
        all
    }

    fn published(&self) -> MutexGuard<'_, Option<Arc<Published>>> {
        // Swapped whole: a panic elsewhere leaves nothing half-written.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time between two scans of the schedule. What a scan said holds for two and a half of them.
    pub fn scan_interval(&self, interval: Duration) {
        self.scans.interval(interval);
    }

    /// Where a user belongs was asked, and this came of it.
    pub fn routed(&self, outcome: Outcome) {
        self.routing.with_label_values(&[outcome.label()]).inc();
    }

    pub fn scan_began(&self, at: Timestamp) {
        self.scans.began(at);
    }

    /// How many targets the running scan has still to visit.
    pub fn scan_progress(&self, pending: usize) {
        self.scans.progress(pending);
    }

    pub fn scan_ended(&self, end: ScanEnd) {
        self.scans.ended(end);
    }

    /// The schedule fell due while the scan before had not ended.
    pub fn scan_overrun(&self) {
        self.scans.overrun();
    }

    /// Takes over when a scan of the process before was made. Without it a restart looks like a fleet never scanned.
    pub fn scan_recalled(&self, full: &Report) {
        self.scans.recalled(full);
    }

    /// Counts the visits of a finished scan, whole or partial. Once for each.
    pub fn probes(&self, report: &Report) {
        self.scans.probes(report);
    }

    /// The sources of the configuration in force. Of others nothing is counted.
    pub fn registry_sources(&self, names: &[&str]) {
        self.upkeep.sources(names);
    }

    pub fn registry_synced(&self, source: &str, at: Timestamp) {
        self.upkeep.synced(source, Some(at));
    }

    pub fn registry_sync_failed(&self, source: &str) {
        self.upkeep.synced(source, None);
    }

    /// A configuration came into force, at the start or later.
    pub fn config_taken(&self, at: Timestamp) {
        self.upkeep.config_taken(at);
    }

    /// A new configuration was refused, and the old one stays.
    pub fn config_refused(&self) {
        self.upkeep.config_refused();
    }

    pub fn store_size(&self, bytes: u64) {
        self.upkeep.store_size(bytes);
    }

    pub fn store_write_failed(&self) {
        self.upkeep.store_write_failed();
    }

    /// What may be asked of GitHub, each counted from 0. Told once GitHub is configured.
    pub fn github_operations(&self, operations: &[&str]) {
        self.github.operations(operations);
    }

    /// A request to GitHub ended. `operation` is one of those that were told.
    pub fn github_request(&self, operation: &str, took: Duration, well: bool) {
        self.github.request(operation, took, well);
    }

    /// What GitHub says of its limits.
    pub fn github_budget(&self, resource: &str, limit: u32, remaining: u32, reset: Timestamp) {
        self.github.budget(resource, limit, remaining, reset);
    }

    pub fn github_succeeded(&self, at: Timestamp) {
        self.github.succeeded(at);
    }

    /// How much waits for GitHub, and how many issues are kept open for findings of each severity.
    pub fn github_issues(&self, queue: usize, open: impl Fn(Severity) -> usize) {
        self.github.issues(queue, open);
    }

    pub fn github_issue_action(&self, action: IssueAction) {
        self.github.action(action);
    }

    /// What may be asked of a provider, each counted from 0. Told once it is configured.
    pub fn provider_operations(&self, provider: &str, operations: &[&str]) {
        self.providers.operations(provider, operations);
    }

    /// A request to a provider ended. `operation` is one of those that were told.
    pub fn provider_request(&self, provider: &str, operation: &str, well: bool) {
        self.providers.request(provider, operation, well);
    }

    /// What a provider said last of how many more requests it allows in its window.
    pub fn provider_remaining(&self, provider: &str, operation: &str, remaining: u32) {
        self.providers.remaining(provider, operation, remaining);
    }

    pub fn operation_started(&self, kind: OperationKind) {
        self.operations.started(kind);
    }

    /// It ended so, at that time.
    pub fn operation_ended(&self, operation: &Operation, state: OperationState, at: Timestamp) {
        self.operations.ended(operation, state, at);
    }

    pub fn operation_step_failed(&self, kind: OperationKind, step: Step) {
        self.operations.step_failed(kind, step);
    }

    /// All that run.
    pub fn operations_in_flight(&self, running: &[Operation]) {
        self.operations.in_flight(running);
    }

    pub fn preflight_failed(&self, check: CheckName) {
        self.operations.preflight_failed(check);
    }

    /// A layer for the log that counts warnings and errors here.
    pub fn log_counter(&self) -> LogCounter {
        self.log_counter.clone()
    }

    /// Holds a request among those that are being answered.
    pub fn request(&self) -> RequestGuard {
        self.requests.begin()
    }
}
