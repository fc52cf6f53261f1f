//! Turns core types into rows and back: the one place where the store knows their fields.
//!
//! Why row types of their own: the core is free to change its shape, and a stored row must stay readable by the next
//! release. A row that says what this release does not know is an error that names it, never a default: a finding
//! that silently vanished would be a breach called green.
//!
//! Numbers: JSON numbers are read by other tools as floating point, so identifiers of 64 bits stand as text. Times
//! are microseconds since 1970; what is finer is cut off.

pub(super) mod finding;
pub(super) mod issue;
pub(super) mod operation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::change::{Change, Identity, PlannedKinds};
use crate::model::finding::{Health, Kind, Verdict};
use crate::model::fingerprint::Digest256;
use crate::model::gate::Override;
use crate::model::observation::Cause;
use crate::model::report::{Summary, Trigger};
use crate::model::tenant::{TargetName, TenantId};

/// Names the field and quotes nothing of a sealed row.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    #[error("{what} cannot be read")]
    Json {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("{what} cannot be written")]
    Write {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    /// Without a source: serde's messages quote the values that they reject.
    #[error("a sealed row of {what} has another shape than expected")]
    SealedShape { what: &'static str },
    #[error("a sealed row of {what} cannot be written")]
    SealedWrite { what: &'static str },
    #[error("{what} says {word:?}, which is unknown")]
    Word { what: &'static str, word: String },
    #[error("{what} is out of range")]
    Range { what: &'static str },
    #[error("{what}: {found} parts are there and {expected} were written")]
    Parts { what: &'static str, found: i64, expected: i64 },
    #[error("{what}: {found} bytes are there and {expected} were written")]
    Bytes { what: &'static str, found: i64, expected: i64 },
    #[error("{what} is not UTF-8")]
    NotText { what: &'static str },
    #[error("{what} cannot be written")]
    Unwritten {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
}

pub(super) fn sealed_bytes<T: Serialize>(what: &'static str, row: &T) -> Result<Vec<u8>, RowError> {
    serde_json::to_vec(row).map_err(|_| RowError::SealedWrite { what })
}

pub(super) fn sealed_row<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, RowError> {
    serde_json::from_slice(bytes).map_err(|_| RowError::SealedShape { what })
}

pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

pub(super) fn time(what: &'static str, micros: i64) -> Result<Timestamp, RowError> {
    Timestamp::from_microsecond(micros).map_err(|_| RowError::Range { what })
}

pub(super) fn duration_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn duration(what: &'static str, micros: i64) -> Result<Duration, RowError> {
    u64::try_from(micros).map(Duration::from_micros).map_err(|_| RowError::Range { what })
}

pub(super) fn tenant(text: &str) -> Result<TenantId, RowError> {
    word("tenant", text, |it| TenantId::parse(it).ok().filter(|id| id.as_str() == it))
}

pub(super) fn target(text: &str) -> Result<TargetName, RowError> {
    word("target", text, TargetName::parse)
}

pub(super) fn digest(text: &str) -> Result<Digest256, RowError> {
    word("digest", text, Digest256::parse)
}

pub(super) fn trigger(text: &str) -> Result<Trigger, RowError> {
    word("trigger", text, Trigger::parse)
}

pub(super) fn verdict(text: &str) -> Result<Verdict, RowError> {
    word("verdict", text, Verdict::parse)
}

fn word<T>(
    what: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, RowError> {
    parse(text).ok_or_else(|| RowError::Word { what, word: text.chars().take(80).collect() })
}

fn text<T: Serialize>(what: &'static str, row: &T) -> Result<String, RowError> {
    serde_json::to_string(row).map_err(|source| RowError::Write { what, source })
}

fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, RowError> {
    serde_json::from_str(text).map_err(|source| RowError::Json { what, source })
}

#[derive(Deserialize, Serialize)]
struct IdentityRow {
    system_identifier: Option<String>,
    database_oid: Option<u32>,
    database: Box<str>,
    timeline: Option<u32>,
    project_id: Option<Box<str>>,
}

pub(super) fn identity_text(identity: &Identity) -> Result<String, RowError> {
    let row = IdentityRow {
        system_identifier: identity.system_identifier.map(|it| it.to_string()),
        database_oid: identity.database_oid,
        database: (&*identity.database).into(),
        timeline: identity.timeline,
        project_id: identity.project_id.clone(),
    };
    text("an identity", &row)
}

pub(super) fn identity(json: &str) -> Result<Identity, RowError> {
    let row: IdentityRow = parse("an identity", json)?;
    let system_identifier = row.system_identifier.as_deref();
    Ok(Identity {
        system_identifier: system_identifier
            .map(|it| word("system_identifier", it, |text| text.parse().ok()))
            .transpose()?,
        database_oid: row.database_oid,
        database: row.database.into(),
        timeline: row.timeline,
        project_id: row.project_id,
    })
}

#[derive(Deserialize, Serialize)]
struct ChangeRow {
    tenants: Vec<String>,
    /// The first release wrote none, and meant the default.
    kinds: Option<Vec<String>>,
    reason: Box<str>,
    ticket: Option<Box<str>>,
    by: String,
    from: i64,
    until: i64,
}

pub(super) fn change_text(change: &Change) -> Result<String, RowError> {
    let row = ChangeRow {
        tenants: change.tenants.iter().map(ToString::to_string).collect(),
        kinds: Some(change.kinds.iter().map(|it| it.label().to_owned()).collect()),
        reason: change.reason.clone(),
        ticket: change.ticket.clone(),
        by: change.by.to_string(),
        from: micros(change.from),
        until: micros(change.until),
    };
    text("a change", &row)
}

pub(super) fn change(json: &str) -> Result<Change, RowError> {
    let row: ChangeRow = parse("a change", json)?;
    Ok(Change {
        tenants: row.tenants.iter().map(|it| tenant(it)).collect::<Result<_, _>>()?,
        kinds: row.kinds.as_deref().map(planned_kinds).transpose()?.unwrap_or_default(),
        reason: row.reason,
        ticket: row.ticket,
        by: row.by.into(),
        from: time("from", row.from)?,
        until: time("until", row.until)?,
    })
}

fn planned_kinds(labels: &[String]) -> Result<PlannedKinds, RowError> {
    let kinds = labels.iter().map(|it| word("kind", it, Kind::parse));
    let kinds: Vec<Kind> = kinds.collect::<Result<_, _>>()?;
    // Only what may be announced is ever written.
    PlannedKinds::of(kinds).map_err(|_| RowError::Range { what: "the kinds of a change" })
}

#[derive(Deserialize, Serialize)]
struct OverrideRow {
    reason: Box<str>,
    by: Box<str>,
    at: i64,
    until: i64,
}

pub(super) fn override_text(given: &Override) -> Result<String, RowError> {
    let row = OverrideRow {
        reason: given.reason.clone(),
        by: given.by.clone(),
        at: micros(given.at),
        until: micros(given.until),
    };
    text("an override", &row)
}

pub(super) fn override_row(json: &str) -> Result<Override, RowError> {
    let row: OverrideRow = parse("an override", json)?;
    let (at, until) = (time("at", row.at)?, time("until", row.until)?);
    Ok(Override { reason: row.reason, by: row.by, at, until })
}

/// What a tenant was found to be; its history has an entry for each time that this differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TenantState {
    pub(super) verdict: Verdict,
    pub(super) health: Health,
    pub(super) cause: Option<Cause>,
    pub(super) fingerprint: Option<Digest256>,
}

/// Compared as text in the database, so its order and spelling are fixed: four words with a space between.
pub(super) fn state_text(state: &TenantState) -> String {
    let cause = state.cause.map_or("-", Cause::label);
    let digest = state.fingerprint.map_or_else(|| "-".to_owned(), |it| it.to_string());
    format!("{} {} {cause} {digest}", state.verdict.label(), state.health.label())
}

pub(super) fn state(text: &str) -> Result<TenantState, RowError> {
    word("state", text, |text| {
        let mut words = text.split(' ');
        let verdict = Verdict::parse(words.next()?)?;
        let health = Health::parse(words.next()?)?;
        let mut optional = || words.next().map(|it| Some(it).filter(|it| *it != "-"));
        let cause = optional()?.map(|it| Cause::parse(it).ok_or(())).transpose().ok()?;
        let fingerprint = optional()?.map(|it| Digest256::parse(it).ok_or(())).transpose().ok()?;
        words.next().is_none().then_some(TenantState { verdict, health, cause, fingerprint })
    })
}

pub(super) fn summary_text(summary: Summary) -> Result<String, RowError> {
    let counts: BTreeMap<_, _> = [
        ("tenants", summary.tenants),
        ("isolated", summary.isolated),
        ("breached", summary.breached),
        ("unverified", summary.unverified),
        ("healthy", summary.healthy),
        ("degraded", summary.degraded),
        ("unhealthy", summary.unhealthy),
    ]
    .into();
    text("a summary", &counts)
}

pub(super) fn summary(json: &str) -> Result<Summary, RowError> {
    let counts: BTreeMap<String, usize> = parse("a summary", json)?;
    let count = |name| counts.get(name).copied().ok_or(RowError::Range { what: "a summary" });
    Ok(Summary {
        tenants: count("tenants")?,
        isolated: count("isolated")?,
        breached: count("breached")?,
        unverified: count("unverified")?,
        healthy: count("healthy")?,
        degraded: count("degraded")?,
        unhealthy: count("unhealthy")?,
    })
}
