//! Every metric that this program tells, in one table: name, type, labels, what it means, and from when on it is there.
//!
//! Why one table: alerts and dashboards of other people hold on to these words. Registration, `HELP` lines and the page
//! for people come from here, and a test holds it against the published list.
//!
//! Why some are absent and not 0: a 0 is a claim. A gauge of something that nobody has looked at yet has no value, and a
//! counter whose label words are not fixed yet has none that could be there:
//! - `Since::Known`: until it is told for the first time (the last success of a scan, the store's size, and all of
//!   GitHub and of a provider where they are configured);
//! - `Since::Scan`: before the first finished scan nobody knows how the fleet is;
//! - `Since::Later`: the oldest operation while none can run.
//!
//! What can be said without a feeder is there at 0 from the start: no operation was begun, none is in flight or stuck, no
//! pre-flight check failed, no issue was touched.

use prometheus::Opts;

/// What a value does over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets, in seconds.
    Histogram(&'static [f64]),
}

impl Kind {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// From when on a family has series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// From the start, at 0 for every label value that is known.
    Start,
    /// From the first time that it is known.
    Known,
    /// From the first finished scan of the whole fleet, and made anew from each.
    Scan,
    /// Not yet: nothing feeds it.
    Later,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub since: Since,
    /// One line, without quotes and backslashes.
    pub help: &'static str,
}

impl Family {
    pub(super) fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

use Kind::{Counter, Gauge, Histogram};
use Since::{Known, Later, Scan, Start};

/// From a scan of a few tenants to one that takes an hour.
const SCAN_SECONDS: &[f64] = &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// From a server next door to the default's limit of a visit, doubled.
const PROBE_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Around the 50 ms in which a read is to be answered. Few, since each route in use has its own.
const HTTP_SECONDS: &[f64] = &[0.005, 0.01, 0.05, 0.25, 1.0, 5.0];
/// From a local database to a provider's slowest project.
const OPERATION_SECONDS: &[f64] = &[1.0, 5.0, 15.0, 60.0, 180.0, 600.0];
const CALL_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

macro_rules! families {
    ($($constant:ident = $kind:expr, $since:expr, $name:literal, [$($label:literal),*], $help:literal;)+) => {
        $(
            pub const $constant: Family = Family {
                name: concat!("watertight_", $name),
                kind: $kind,
                labels: &[$($label),*],
                since: $since,
                help: $help,
            };
        )+

        /// In the order in which a person reads them.
        pub const ALL: &[Family] = &[$($constant),+];
    };
}

families! {
    BUILD_INFO = Gauge, Start, "build_info", ["version", "revision"],
        "Constant 1, labelled by the running build.";
    CONFIG_SUCCESSFUL = Gauge, Known, "config_last_reload_successful", [],
        "Whether the last load of the configuration was taken; 0 while an older one stays in force.";
    CONFIG_SUCCESS_TIMESTAMP = Gauge, Known, "config_last_reload_success_timestamp_seconds", [],
        "When a configuration was taken last.";
    LEADER = Gauge, Start, "leader", [],
        "Whether this process scans: 1 for the one daemon that holds the store.";
    LEADER_TRANSITIONS = Counter, Start, "leader_transitions_total", [],
        "Times that this process began or ceased to lead after its start.";

    REGISTRY_TENANTS = Gauge, Scan, "registry_tenants", ["state"],
        "Tenants in the registry by state, each in one; stale rows are kept from an earlier read of a source that failed or shrank.";
    REGISTRY_SYNCS = Counter, Start, "registry_syncs_total", ["source"],
        "Reads of a source of the registry, failed ones included.";
    REGISTRY_SYNC_FAILURES = Counter, Start, "registry_sync_failures_total", ["source"],
        "Reads of a source of the registry that failed or lost too many rows.";
    REGISTRY_LAST_SYNC = Gauge, Known, "registry_last_sync_timestamp_seconds", ["source"],
        "When a source of the registry was read last with success.";

    SCAN_INTERVAL = Gauge, Known, "scan_interval_seconds", [],
        "Time between two scans of the schedule.";
    SCAN_IN_PROGRESS = Gauge, Start, "scan_in_progress", [],
        "Whether a scan runs.";
    SCAN_PENDING = Gauge, Start, "scan_tenants_pending", [],
        "What the running scan has still to visit; 0 while none runs.";
    SCAN_CYCLES = Counter, Start, "scan_cycles_total", [],
        "Scans that ended, failed and partial ones included.";
    SCAN_CYCLE_FAILURES = Counter, Start, "scan_cycle_failures_total", [],
        "Scans that failed as a whole: the registry or the store could not be read.";
    SCAN_OVERRUNS = Counter, Start, "scan_overruns_total", [],
        "Times that the schedule fell due while the scan before had not ended.";
    SCAN_DURATION = Histogram(SCAN_SECONDS), Start, "scan_cycle_duration_seconds", [],
        "How long scans of the whole fleet took.";
    SCAN_LAST_START = Gauge, Known, "scan_last_start_timestamp_seconds", [],
        "When the last scan began.";
    SCAN_LAST_COMPLETION = Gauge, Known, "scan_last_completion_timestamp_seconds", [],
        "When the last scan ended, whether well or not.";
    SCAN_LAST_SUCCESS = Gauge, Known, "scan_last_success_timestamp_seconds", [],
        "When a scan of the whole fleet ended last without failing or being stopped.";
    SCAN_LAST_DURATION = Gauge, Known, "scan_last_duration_seconds", [],
        "How long the last scan of the whole fleet took.";

    PROBES = Counter, Start, "probes_total", [],
        "Visits to targets.";
    PROBE_FAILURES = Counter, Start, "probe_failures_total", ["cause"],
        "Visits that found a target unable to serve, by cause.";
    PROBE_DURATION = Histogram(PROBE_SECONDS), Start, "probe_duration_seconds", [],
        "How long visits to tenants' own databases took.";
    WITNESS_ROUNDS = Counter, Start, "witness_rounds_total", [],
        "Live proofs that were tried on tenants who could share a server.";
    WITNESS_INCONCLUSIVE = Counter, Start, "witness_inconclusive_total", [],
        "Live proofs that could not tell.";

    FLEET_TENANTS = Gauge, Scan, "fleet_tenants", ["verdict"],
        "Tenants by verdict.";
    FLEET_HEALTH = Gauge, Scan, "fleet_tenants_health", ["health"],
        "Tenants by health; those that could not be tried are in none.";
    FLEET_STALE = Gauge, Scan, "fleet_tenants_stale", [],
        "Tenants whose registry row is stale, or who were judged longer ago than two and a half intervals of the schedule.";
    FLEET_COVERAGE = Gauge, Scan, "fleet_coverage_ratio", [],
        "Share of the fleet that the last scan of all verified; 0 for a fleet without tenants.";
    FLEET_OLDEST_SUCCESS = Gauge, Scan, "fleet_oldest_success_timestamp_seconds", [],
        "The oldest among the last answers of tenants' databases; those that never answered are not among them.";
    FLEET_FINDINGS = Gauge, Scan, "fleet_findings", ["kind", "severity", "state"],
        "Findings that are open or acknowledged.";

    TENANT_UP = Gauge, Scan, "tenant_up", ["tenant"],
        "Whether the tenant's own database answered in the last look.";
    TENANT_PROBE_DURATION = Gauge, Scan, "tenant_probe_duration_seconds", ["tenant"],
        "How long the last visit to the tenant's own database took.";
    TENANT_LAST_SUCCESS = Gauge, Scan, "tenant_last_success_timestamp_seconds", ["tenant"],
        "When the tenant's own database answered last.";
    TENANT_VERDICT = Gauge, Scan, "tenant_verdict", ["tenant", "verdict"],
        "1 for the verdict that holds, 0 for the others.";
    TENANT_FINDINGS = Gauge, Scan, "tenant_findings", ["tenant", "severity"],
        "Findings of the tenant that are open or acknowledged.";
    TENANT_INFO = Gauge, Scan, "tenant_info", ["tenant", "provider", "environment"],
        "Constant 1, labelled by what the registry says of the tenant.";
    TENANT_DETAIL_LIMIT = Gauge, Scan, "tenant_detail_limit", [],
        "How many tenants may have series of their own; 0 where that is turned off.";
    TENANT_DETAIL_WITHHELD = Gauge, Scan, "tenant_detail_withheld", [],
        "Tenants that have no series of their own.";

    GITHUB_REQUESTS = Counter, Known, "github_requests_total", ["operation"],
        "Requests to GitHub.";
    GITHUB_REQUEST_FAILURES = Counter, Known, "github_request_failures_total", ["operation"],
        "Requests to GitHub that failed.";
    GITHUB_REQUEST_DURATION = Histogram(CALL_SECONDS), Known, "github_request_duration_seconds", ["operation"],
        "How long requests to GitHub took.";
    GITHUB_RATE_LIMIT = Gauge, Known, "github_rate_limit", ["resource"],
        "Requests that GitHub allows in its window.";
    GITHUB_RATE_LIMIT_REMAINING = Gauge, Known, "github_rate_limit_remaining", ["resource"],
        "Requests that GitHub still allows in its window.";
    GITHUB_RATE_LIMIT_RESET = Gauge, Known, "github_rate_limit_reset_timestamp_seconds", ["resource"],
        "When GitHub's window begins anew.";
    GITHUB_OPEN_ISSUES = Gauge, Known, "github_open_issues", ["severity"],
        "Issues that this daemon keeps open.";
    GITHUB_QUEUE_LENGTH = Gauge, Known, "github_queue_length", [],
        "Reports that wait for GitHub.";
    GITHUB_LAST_SUCCESS = Gauge, Known, "github_last_success_timestamp_seconds", [],
        "When GitHub took a request last.";
    GITHUB_ISSUE_ACTIONS = Counter, Start, "github_issue_actions_total", ["action"],
        "What was done to issues.";

    PROVIDER_REQUESTS = Counter, Known, "provider_requests_total", ["provider", "operation"],
        "Requests to a provider.";
    PROVIDER_REQUEST_FAILURES = Counter, Known, "provider_request_failures_total", ["provider", "operation"],
        "Requests to a provider that failed.";
    PROVIDER_RATE_LIMIT_REMAINING = Gauge, Known, "provider_rate_limit_remaining", ["provider", "operation"],
        "Requests that a provider still allows in its window.";

    OPERATIONS_STARTED = Counter, Start, "operations_started_total", ["kind"],
        "Operations that began.";
    OPERATIONS_SUCCEEDED = Counter, Start, "operations_succeeded_total", ["kind"],
        "Operations that succeeded.";
    OPERATIONS_ROLLED_BACK = Counter, Start, "operations_rolled_back_total", ["kind"],
        "Operations that failed and were undone.";
    OPERATIONS_STUCK = Counter, Start, "operations_stuck_total", ["kind"],
        "Operations that could be neither completed nor undone.";
    OPERATION_DURATION = Histogram(OPERATION_SECONDS), Start, "operation_duration_seconds", ["kind"],
        "How long operations took, whatever their end.";
    OPERATION_STEP_FAILURES = Counter, Start, "operation_step_failures_total", ["kind", "step"],
        "Steps of operations that failed.";
    OPERATIONS_IN_FLIGHT = Gauge, Start, "operations_in_flight", ["kind"],
        "Operations that run.";
    OPERATIONS_OLDEST_START = Gauge, Later, "operations_oldest_start_timestamp_seconds", ["kind"],
        "When the oldest operation that runs began; absent while none runs.";
    PREFLIGHT_FAILURES = Counter, Start, "preflight_failures_total", ["check"],
        "Checks before provisioning that failed.";
    ROUTE_DECISIONS = Counter, Start, "route_decisions_total", ["outcome"],
        "Decisions of routing by outcome.";

    HTTP_REQUESTS = Counter, Known, "http_requests_total", ["method", "route", "code"],
        "Requests answered, by the pattern of their route.";
    HTTP_DURATION = Histogram(HTTP_SECONDS), Known, "http_request_duration_seconds", ["method", "route"],
        "How long requests took to answer.";
    HTTP_IN_FLIGHT = Gauge, Start, "http_requests_in_flight", [],
        "Requests that are being answered.";

    STORE_SIZE = Gauge, Known, "store_size_bytes", [],
        "Size of the store.";
    STORE_WRITE_FAILURES = Counter, Start, "store_write_failures_total", [],
        "Writes that the store refused: what they held is told and not kept.";
    LOG_MESSAGES = Counter, Start, "log_messages_total", ["level"],
        "Lines logged, of those that ask for a person or tell that something is degraded.";
}
