//! The words for what the model labels: labels are for machines, words for people.
//!
//! Why every list is matched in full: a new kind or cause without its words must not compile. What templates call takes
//! values and references alike, because a template borrows its fields.

use std::borrow::Borrow;

use super::frame::Running;
use crate::model::address::Route;
use crate::model::finding::{Certainty, Health, Kind, Severity, State, Verdict};
use crate::model::observation::Cause;
use crate::model::report::Trigger;

pub(super) fn verdict(verdict: impl Borrow<Verdict>) -> &'static str {
    match verdict.borrow() {
        Verdict::Isolated => "Isolated",
        Verdict::Unverified => "Unverified",
        Verdict::Breached => "Breached",
    }
}

pub(super) fn verdict_meaning(verdict: impl Borrow<Verdict>) -> &'static str {
    match verdict.borrow() {
        Verdict::Isolated => "Proven apart from every tenant that the last scan saw.",
        Verdict::Unverified => {
            "Not proven. Unknown is never green, so this counts as a question that is still open."
        }
        Verdict::Breached => {
            "A finding of high or critical severity says that it is not apart from others."
        }
    }
}

pub(super) fn health(health: impl Borrow<Health>) -> &'static str {
    match health.borrow() {
        Health::Healthy => "Healthy",
        Health::Degraded => "Degraded",
        Health::Unknown => "Unknown",
        Health::Unhealthy => "Unhealthy",
    }
}

/// The picture of a relation on the map.
pub(super) fn glyph(kind: impl Borrow<Kind>) -> &'static str {
    match kind.borrow() {
        Kind::SharedDatabase | Kind::DatabaseHandedOutTwice => "database",
        Kind::SharedCluster => "server",
        Kind::SharedReplication | Kind::DataBridge => "stream",
        Kind::ClonedLineage => "copy",
        Kind::SharedCredentials | Kind::CrossTenantAccess => "key",
        Kind::SharedProject | Kind::SharedHost => "place",
        _ => "clash",
    }
}

pub(super) fn severity(severity: impl Borrow<Severity>) -> &'static str {
    match severity.borrow() {
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

pub(super) fn certainty(certainty: impl Borrow<Certainty>) -> &'static str {
    match certainty.borrow() {
        Certainty::Probable => {
            "Probable: the signs fit and nothing contradicts them, but no live proof was possible."
        }
        Certainty::Proven => {
            "Proven: it was observed directly, not concluded from similar names or numbers."
        }
    }
}

pub(super) fn state(state: impl Borrow<State>) -> &'static str {
    match state.borrow() {
        State::Pending => "Pending",
        State::Open => "Open",
        State::Acknowledged => "Acknowledged",
        State::Resolved => "Resolved",
    }
}

pub(super) fn state_meaning(state: impl Borrow<State>) -> &'static str {
    match state.borrow() {
        State::Pending => "Seen, but not yet often enough to be told to anybody.",
        State::Open => "It holds, and messages about it go out.",
        State::Acknowledged => {
            "It holds. A person silenced its messages until a date; no verdict is better for it."
        }
        State::Resolved => "It no longer holds: a scan that saw all of its members found it gone.",
    }
}

pub(super) const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Cli => "from the command line",
        Trigger::Schedule => "on schedule",
        Trigger::Api => "on request",
        Trigger::Webhook => "for a deployment",
    }
}

pub(super) const fn route(route: Route) -> &'static str {
    match route {
        Route::Direct => "nothing known stands between us and the server",
        Route::Pooler => "through a pooler of its own project",
        Route::SharedPooler => "through a pooler that many projects share",
    }
}

pub(super) const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::DnsFailed => "Its host name does not resolve",
        Cause::ConnectionRefused => "The machine answers, but nothing listens on the port",
        Cause::Unreachable => "No route leads there, or the connection was closed before a byte",
        Cause::Timeout => "It did not answer within the deadline",
        Cause::TlsFailed => "The encrypted connection could not be made",
        Cause::NotPostgres => "What answers there is not PostgreSQL",
        Cause::StartingUp => "The server is starting up",
        Cause::ShuttingDown => "The server is shutting down",
        Cause::TooManyConnections => "All of its connections are taken",
        Cause::AuthFailed => "The login was refused",
        Cause::AccessDenied => "The role may not enter the database",
        Cause::DatabaseMissing => "The server answers, but the database is gone",
        Cause::ServerCrashed => "The server crashed while we looked",
        Cause::ReadOnly => "The primary refuses writes",
        Cause::DiskFull => "The server's disk is full",
        Cause::QueryFailed => "The server answers, but not our questions",
        Cause::ProjectInactive => "The project is paused at the provider",
    }
}

/// What a running scan does, by the schedule's label.
fn stage(label: &str) -> &str {
    match label {
        "registry" => "reading the registry",
        "visits" => "visiting databases",
        "witness" => "proving who is apart",
        "conclusion" => "judging and storing",
        other => other,
    }
}

pub(super) fn progress(running: &Running<'_>) -> String {
    let what = if running.partial { "Scan of some tenants" } else { "Scan" };
    let stage = stage(running.stage);
    match running.total {
        0 => format!("{what} running: {stage}"),
        total => format!("{what} running: {stage}, {} of {total}", running.done),
    }
}

/// `1 tenant`, `2 tenants`.
pub(super) fn count(count: impl Borrow<usize>, one: &str) -> String {
    match count.borrow() {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_told_as_many() {
        assert_eq!(count(1, "tenant"), "1 tenant");
        assert_eq!(count(0, "tenant"), "0 tenants");
    }

    #[test]
    fn progress_names_the_stage_and_how_far_it_is() {
        let running = Running { stage: "visits", done: 3, total: 10, partial: false };
        assert_eq!(progress(&running), "Scan running: visiting databases, 3 of 10");
        let begun = Running { stage: "registry", total: 0, partial: true, ..running };
        assert_eq!(progress(&begun), "Scan of some tenants running: reading the registry");
    }
}
