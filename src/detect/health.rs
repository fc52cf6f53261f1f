//! Which databases cannot serve, which are near a limit, and when the likelier fault is our own.
//!
//! Why health waits for the whole fleet: when half of it fails at once, five hundred alerts say less than one that
//! names our own network first. Isolation never waits for that.
//!
//! Invariants:
//! - a standby refuses writes by its nature: only a primary is `read_only`;
//! - what was not tried is unknown, neither healthy nor ill;
//! - a paused project is ill for that reason, whatever its address answers meanwhile, and no sign that we fail ourselves;
//! - a maintenance window, or an announced change of the kind, silences the claim, not the condition; what is expected to
//!   fail is no sign that we fail ourselves.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use jiff::tz::Offset;

use super::Condition;
use super::index::{Index, Look};
use super::wording::{count, names, steps};
use crate::model::finding::{Certainty, Claim, Evidence, Fact, Health, Kind, Severity};
use crate::model::observation::{Cause, Outcome};
use crate::model::tenant::{TargetRef, TenantId};

/// The server refuses all writes at about 2 100 million transactions; this leaves weeks to act.
const OLDEST_TRANSACTION: u32 = 1_500_000_000;

/// In percent of `max_connections`.
const BUSY: u64 = 80;

/// Five minutes, in milliseconds: tokens and certificates start to fail beyond that.
const SKEWED: u64 = 300_000;

/// The last day on which the project mends a major version, from postgresql.org/support/versioning. Older ones have
/// ended, newer ones not.
const SUPPORT_ENDS: [(u32, Date); 6] = [
    (13, date(2025, 11, 13)),
    (14, date(2026, 11, 12)),
    (15, date(2027, 11, 11)),
    (16, date(2028, 11, 9)),
    (17, date(2029, 11, 8)),
    (18, date(2030, 11, 14)),
];

/// How one target fares.
pub(super) fn condition(index: &Index<'_>, target: TargetRef, outcome: &Outcome) -> Condition {
    match outcome {
        Outcome::Failed(failure) => {
            let cause =
                if index.is_paused(target) { Cause::ProjectInactive } else { failure.cause };
            Condition { health: Health::Unhealthy, cause: Some(cause) }
        }
        Outcome::NotTried(_) => Condition { health: Health::Unknown, cause: None },
        Outcome::Seen(_) => {
            let look = index.place(target).map(|it| &index.looks[it]);
            if look.is_some_and(refuses_writes) {
                Condition { health: Health::Unhealthy, cause: Some(Cause::ReadOnly) }
            } else if look.is_some_and(|it| !limits(index, it).is_empty()) {
                Condition { health: Health::Degraded, cause: None }
            } else {
                Condition { health: Health::Healthy, cause: None }
            }
        }
    }
}

fn refuses_writes(look: &Look<'_>) -> bool {
    look.sighting.vitals.read_only == Some(true) && look.fingerprint().in_recovery == Some(false)
}

/// The limits that are near, in sentences.
fn limits(index: &Index<'_>, look: &Look<'_>) -> Vec<String> {
    let vitals = &look.sighting.vitals;
    let mut limits = Vec::new();
    if let (Some(used), Some(most)) = (vitals.connections, vitals.max_connections)
        && 0 < most
        && u64::from(most) * BUSY <= u64::from(used) * 100
    {
        limits.push(format!("{used} of {most} connections are in use"));
    }
    if let Some(age) = vitals.transaction_age.filter(|it| OLDEST_TRANSACTION <= *it) {
        limits.push(format!("the oldest transaction is {age} transactions old; the server stops at about 2 100 million"));
    }
    if let Some(skew) = vitals.clock_skew_millis.filter(|it| SKEWED < it.unsigned_abs()) {
        limits.push(format!("the server's clock differs from ours by {} seconds", skew / 1000));
    }
    let major = look.fingerprint().server_version / 10_000;
    if out_of_support(index, major) {
        limits.push(format!("PostgreSQL {major} no longer gets security fixes"));
    }
    limits
}

fn out_of_support(index: &Index<'_>, major: u32) -> bool {
    let today = Offset::UTC.to_datetime(index.case.now).date();
    let end = SUPPORT_ENDS.iter().find(|(version, _)| *version == major);
    match end {
        Some((_, last)) => *last < today,
        // A server that tells no version is not an old one.
        None => 0 < major && major < SUPPORT_ENDS[0].0,
    }
}

pub(super) fn claims(index: &Index<'_>) -> Vec<Claim> {
    if let Some(suspect) = monitor_suspect(index) {
        return vec![suspect];
    }
    let mut claims = Vec::new();
    let mut examined: Vec<u32> = index.observed.iter().map(|(it, _)| it.tenant).collect();
    examined.dedup();
    for tenant in examined {
        if !expected(index, tenant, Kind::Unhealthy) {
            claims.extend(unhealthy(index, tenant));
        }
        if !expected(index, tenant, Kind::Degraded) {
            claims.extend(degraded(index, tenant));
        }
    }
    claims
}

/// Whether somebody said beforehand that the tenant's health would suffer.
fn expected(index: &Index<'_>, tenant: u32, kind: Kind) -> bool {
    let window = &index.tenant(tenant).particulars().maintenance;
    window.as_ref().is_some_and(|it| index.case.now < it.until) || index.planned(tenant, kind)
}

/// When so many that answered last time fail at once, our own side is the likelier cause.
fn monitor_suspect(index: &Index<'_>) -> Option<Claim> {
    let mut failed: BTreeMap<&TenantId, Cause> = BTreeMap::new();
    let mut asked: Vec<&TenantId> = Vec::new();
    for visits in index.observed.chunk_by(|one, other| one.0.tenant == other.0.tenant) {
        let tenant = visits[0].0.tenant;
        let id = index.id(tenant);
        let counts = index.case.answered_before.contains(id) && !index.is_paused(visits[0].0);
        if !counts || expected(index, tenant, Kind::Unhealthy) {
            continue;
        }
        asked.push(id);
        // The tenant's first way: one broken replica of many does not make its tenant fail.
        if let Outcome::Failed(failure) = visits[0].1 {
            failed.insert(id, failure.cause);
        }
    }
    let limits = index.case.policy.mass_failure;
    let enough = u32::try_from(failed.len()).is_ok_and(|it| limits.at_least <= it);
    // Counts of tenants are far below 2^52, where this is exact.
    #[expect(clippy::cast_precision_loss, reason = "a fleet is far smaller than 2^52 tenants")]
    let most = limits.share * (asked.len() as f64) < failed.len() as f64;
    if failed.is_empty() || !enough || !most {
        return None;
    }
    let mut causes: BTreeMap<String, i64> = BTreeMap::new();
    for cause in failed.values() {
        *causes.entry(cause.label().to_owned()).or_default() += 1;
    }
    Some(Claim {
        kind: Kind::MonitorSuspect,
        severity: Severity::High,
        certainty: Certainty::Probable,
        tenants: [].into(),
        summary: format!(
            "{} of {} tenants that answered last time failed at once, among them {}: our own side is the likelier cause",
            failed.len(),
            asked.len(),
            names(failed.len(), failed.keys().copied())
        ),
        evidence: Evidence::default()
            .with("failed", count(failed.len()))
            .with("answered_before", count(asked.len()))
            .with("causes", causes),
        remediation: steps(&[
            "Look at this machine's own way out first: name resolution, routes, egress rules, expired authorities, a refused monitoring role.",
            "Try one of the tenants from another machine with `psql`. If it answers there, mend this one; the health findings are held back until then.",
            "If it does not, the trouble is real and common to them: look at the provider's status page.",
        ]),
    })
}

fn unhealthy(index: &Index<'_>, tenant: u32) -> Option<Claim> {
    let mut targets: Vec<Fact> = Vec::new();
    let mut worst: Option<(Cause, String)> = None;
    for (target, outcome) in index.of_tenant(tenant) {
        let (cause, detail) = match outcome {
            Outcome::Failed(failure) if index.is_paused(*target) => (
                Cause::ProjectInactive,
                format!("its provider says that it is paused; {}", failure.detail),
            ),
            Outcome::Failed(failure) => (failure.cause, failure.detail.to_string()),
            Outcome::Seen(_)
                if index.place(*target).is_some_and(|it| refuses_writes(&index.looks[it])) =>
            {
                (
                    Cause::ReadOnly,
                    "a fresh session may not write, and the server is not in recovery".to_owned(),
                )
            }
            Outcome::Seen(_) | Outcome::NotTried(_) => continue,
        };
        let row = index.row(*target);
        targets.push(Fact::Map(BTreeMap::from([
            ("target".to_owned(), row.name.to_string().into()),
            ("host".to_owned(), (&*row.address.host).into()),
            ("port".to_owned(), u32::from(row.address.port).into()),
            ("cause".to_owned(), cause.label().into()),
            ("detail".to_owned(), detail.clone().into()),
        ])));
        worst.get_or_insert((cause, detail));
    }
    let (cause, detail) = worst?;
    let id = index.id(tenant);
    Some(Claim {
        kind: Kind::Unhealthy,
        severity: Severity::High,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!("the database of {id} cannot serve: {} ({detail})", cause.label()),
        evidence: Evidence::default()
            .with("cause", cause.label())
            .with("targets", Fact::List(targets)),
        remediation: steps(&[
            &format!(
                "See it for yourself: `watertight check {id}`, or `psql` with the tenant's URL from the application's network."
            ),
            remedy(cause),
        ]),
    })
}

fn degraded(index: &Index<'_>, tenant: u32) -> Option<Claim> {
    let mut near: Vec<String> = Vec::new();
    for (target, _) in index.of_tenant(tenant) {
        let Some(place) = index.place(*target) else { continue };
        let name = &index.row(*target).name;
        near.extend(
            limits(index, &index.looks[place]).into_iter().map(|it| format!("{name}: {it}")),
        );
    }
    let first = near.first()?.clone();
    let id = index.id(tenant);
    Some(Claim {
        kind: Kind::Degraded,
        severity: Severity::Low,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!("the database of {id} serves, but a limit is near: {first}"),
        evidence: Evidence::default().with("limits", near),
        remediation: steps(&[
            "Connections: put a pooler in front, or raise `max_connections`; see who holds them in `pg_stat_activity`.",
            "Transaction age: end old transactions and prepared ones (`pg_prepared_xacts`), drop unused slots, and run `VACUUM (FREEZE)`.",
            "Clock: start or mend time synchronisation on the server. Version: plan the upgrade with `pg_upgrade` or at the provider.",
        ]),
    })
}

/// What to try first.
fn remedy(cause: Cause) -> &'static str {
    match cause {
        Cause::DnsFailed => {
            "Resolve the host name by hand (`dig HOST`); correct the registry if it was renamed or deleted."
        }
        Cause::ConnectionRefused => {
            "The machine answers and nothing listens: start the server, or correct the port."
        }
        Cause::Unreachable => {
            "Check routes, firewalls and the provider's network restrictions between here and the host."
        }
        Cause::Timeout => {
            "The server is frozen, overloaded or filtered: look at its processes and disk latency, and at firewalls that drop."
        }
        Cause::TlsFailed => {
            "Compare the certificate with the host name and the authority: `openssl s_client -starttls postgres -connect HOST:PORT`."
        }
        Cause::NotPostgres => "Something else listens there: correct host and port.",
        Cause::StartingUp => "Wait for recovery to end; if it lasts, read the server's log.",
        Cause::ShuttingDown => "Find out who stops the server, and start it again.",
        Cause::TooManyConnections => {
            "Free connections (`pg_stat_activity`), put a pooler in front, or raise the limit of the role, database or server."
        }
        Cause::AuthFailed => {
            "Compare the secret with the server's; it was changed on one side only, or the server asks for a method weaker than SCRAM, which we refuse."
        }
        Cause::AccessDenied => "Grant the role CONNECT on the database, and look at pg_hba.conf.",
        Cause::DatabaseMissing => {
            "The server answers without this database: find out who dropped or renamed it before anybody creates a new one."
        }
        Cause::ServerCrashed => {
            "Read the server's log for the crash, and its kernel's for the out-of-memory killer."
        }
        Cause::ReadOnly => {
            "Find what made the primary read-only: `default_transaction_read_only`, a full quota, or the provider's protection."
        }
        Cause::DiskFull => {
            "Free or add disk space before restarting anything; look for slots that retain WAL."
        }
        Cause::QueryFailed => "Read the detail: the server answers, but not our questions.",
        Cause::ProjectInactive => "Restore the paused project at the provider.",
    }
}
