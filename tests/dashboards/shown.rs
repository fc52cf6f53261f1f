//! What each panel has to show of the planted fleet, in the order of the panels.
//!
//! The fleet: `acme` and `hooli` in one database, `globex` by itself, and `initech` whose server is down.

#[derive(Debug)]
pub(crate) enum Shown {
    /// Exactly these series: the values of their labels, and what each gives.
    Series(&'static [(&'static str, f64)]),
    /// At least one series, and each within these bounds.
    Between(f64, f64),
}

use Shown::{Between, Series};

const HOUR: f64 = 3600.0;
const NO_OPERATION: Shown = Series(&[("deprovision", 0.0), ("provision", 0.0), ("rehome", 0.0)]);

/// The dashboard, the panel, and what one of its queries gives.
pub(crate) const SHOWN: &[(&str, &str, Shown)] = &[
    ("fleet", "Breached", Series(&[("", 2.0)])),
    ("fleet", "Unverified", Series(&[("", 1.0)])),
    ("fleet", "Isolated", Series(&[("", 1.0)])),
    ("fleet", "Cannot serve", Series(&[("", 1.0)])),
    ("fleet", "Coverage", Series(&[("", 0.75)])),
    ("fleet", "Age of the last scan", Between(0.0, 60.0)),
    (
        "fleet",
        "Tenants that are not isolated",
        Series(&[("acme breached", 1.0), ("hooli breached", 1.0), ("initech unverified", 1.0)]),
    ),
    ("fleet", "Findings by kind", Series(&[("shared_database", 1.0), ("unhealthy", 1.0)])),
    (
        "fleet",
        "Tenants by verdict",
        Series(&[("breached", 2.0), ("isolated", 1.0), ("unverified", 1.0)]),
    ),
    (
        "fleet",
        "Tenants by health",
        Series(&[("degraded", 0.0), ("healthy", 3.0), ("unhealthy", 1.0)]),
    ),
    (
        "fleet",
        "Findings by severity",
        Series(&[("critical", 1.0), ("high", 1.0), ("low", 0.0), ("medium", 0.0)]),
    ),
    ("fleet", "Visits that failed, by cause", Series(&[("connection_refused", 0.25)])),
    ("fleet", "Oldest answer", Between(0.0, 60.0)),
    ("fleet", "Tenants that are stale", Between(0.0, 4.0)),
    ("tenant", "Isolation", Series(&[("breached", 1.0)])),
    ("tenant", "Its database", Series(&[("", 1.0)])),
    ("tenant", "Findings", Series(&[("", 1.0)])),
    ("tenant", "Age of the last answer", Between(0.0, 60.0)),
    ("tenant", "About it", Series(&[("production other acme", 1.0)])),
    ("tenant", "Verdict", Series(&[("breached", 1.0), ("isolated", 0.0), ("unverified", 0.0)])),
    (
        "tenant",
        "Findings by severity",
        Series(&[("critical", 1.0), ("high", 0.0), ("low", 0.0), ("medium", 0.0)]),
    ),
    ("tenant", "Duration of the visit", Between(0.0, 5.0)),
    ("daemon", "Daemons", Series(&[("", 1.0)])),
    ("daemon", "Leaders", Series(&[("", 1.0)])),
    ("daemon", "Version", Series(&[("", 1.0)])),
    ("daemon", "Up for", Between(1.0, HOUR)),
    ("daemon", "Configuration", Series(&[("", 1.0)])),
    ("daemon", "Tenants without series", Series(&[("", 0.0)])),
    ("daemon", "Duration of a scan", Between(0.0, 60.0)),
    ("daemon", "Duration of a scan", Series(&[("", 1.0)])),
    ("daemon", "Duration of visits", Between(0.0, 5.0)),
    ("daemon", "Duration of visits", Between(0.0, 5.0)),
    ("daemon", "Duration of visits", Between(0.0, 5.0)),
    ("daemon", "Visits and live proofs", Between(4.0, 4.0 * HOUR)),
    ("daemon", "Visits and live proofs", Between(1.0, HOUR)),
    ("daemon", "Visits and live proofs", Between(1.0, HOUR)),
    ("daemon", "Visits and live proofs", Series(&[("", 0.0)])),
    ("daemon", "Scans that were late or failed", Between(0.0, HOUR)),
    ("daemon", "Scans that were late or failed", Series(&[("", 0.0)])),
    (
        "daemon",
        "Registry",
        Series(&[
            ("active", 4.0),
            ("deleting", 0.0),
            ("provisioning", 0.0),
            ("stale", 0.0),
            ("suspended", 0.0),
        ]),
    ),
    ("daemon", "What the running scan has still to visit", Between(0.0, 4.0)),
    ("daemon", "Memory", Between(4e6, 1e9)),
    ("daemon", "Processor", Between(0.0, 2.0)),
    ("daemon", "Open files", Between(5.0, 500.0)),
    ("daemon", "Store", Between(4096.0, 1e8)),
    ("daemon", "Writes that the store refused", Series(&[("", 0.0)])),
    ("daemon", "Log", Between(0.0, 1000.0)),
    ("daemon", "Requests", Between(0.1, 10.0)),
    ("daemon", "Duration of requests", Between(0.0, 5.0)),
    ("daemon", "Requests in the works", Between(0.0, 2.0)),
    ("daemon", "Operations that ended", NO_OPERATION),
    ("daemon", "Operations that ended", NO_OPERATION),
    ("daemon", "Operations that ended", NO_OPERATION),
    ("daemon", "Operations that run", NO_OPERATION),
    ("daemon", "Checks before provisioning that failed", Between(0.0, 0.0)),
    ("daemon", "Requests to GitHub", Between(0.0, 10.0)),
    ("daemon", "Left of GitHub's limit", Between(0.9, 0.9999)),
    (
        "daemon",
        "Issues and reports",
        Series(&[("critical", 1.0), ("high", 1.0), ("low", 0.0), ("medium", 0.0)]),
    ),
    ("daemon", "Issues and reports", Series(&[("", 0.0)])),
    ("daemon", "What was done to issues", Between(0.0, 4.0)),
    ("daemon", "Requests to providers", Between(0.0, 10.0)),
    ("daemon", "Left of providers' limits", Between(0.0, 120.0)),
];
