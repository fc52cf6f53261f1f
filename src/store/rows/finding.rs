//! Findings as rows: what is searched by stands in columns, the rest as JSON.
//!
//! Why the acknowledgement is a column of its own: a person may give one while a scan runs, and the scan's result
//! must then not write over it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RowError, micros, parse, tenant, text, time, word};
use crate::model::finding::{
    Acknowledgement, Certainty, Claim, Evidence, Fact, Finding, FindingId, Kind, Severity, State,
};
use crate::model::fingerprint::Digest256;

const FINDING: &str = "a finding";

/// The columns of a finding's row as they are read.
pub(in crate::store) struct Columns {
    pub(in crate::store) id: String,
    pub(in crate::store) kind: String,
    pub(in crate::store) state: String,
    pub(in crate::store) last_seen: i64,
    pub(in crate::store) body: String,
    pub(in crate::store) acknowledgement: Option<String>,
    /// Of the ledger.
    pub(in crate::store) issue_url: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Body {
    severity: String,
    certainty: String,
    tenants: Vec<String>,
    summary: String,
    evidence: BTreeMap<String, Value>,
    remediation: Vec<String>,
    first_seen: i64,
    looks: u32,
    issue_url: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct AcknowledgementRow {
    by: Box<str>,
    reason: Box<str>,
    until: i64,
}

/// The `body` column.
pub(in crate::store) fn finding_text(finding: &Finding) -> Result<String, RowError> {
    let Claim { severity, certainty, tenants, summary, evidence, remediation, kind: _ } =
        &finding.claim;
    let body = Body {
        severity: severity.label().to_owned(),
        certainty: certainty.label().to_owned(),
        tenants: tenants.iter().map(ToString::to_string).collect(),
        summary: summary.clone(),
        evidence: evidence.0.iter().map(|(name, fact)| (name.clone(), value(fact))).collect(),
        remediation: remediation.clone(),
        first_seen: micros(finding.first_seen),
        looks: finding.looks,
        issue_url: finding.issue_url.clone(),
    };
    text(FINDING, &body)
}

pub(in crate::store) fn finding(columns: &Columns) -> Result<Finding, RowError> {
    let body: Body = parse(FINDING, &columns.body)?;
    let evidence = body
        .evidence
        .into_iter()
        .map(|(name, value)| Ok((name, fact(value)?)))
        .collect::<Result<_, RowError>>()?;
    Ok(Finding {
        id: FindingId(word("a finding's id", &columns.id, Digest256::parse)?),
        claim: Claim {
            kind: word("kind", &columns.kind, Kind::parse)?,
            severity: word("severity", &body.severity, Severity::parse)?,
            certainty: word("certainty", &body.certainty, Certainty::parse)?,
            tenants: body.tenants.iter().map(|it| tenant(it)).collect::<Result<_, _>>()?,
            summary: body.summary,
            evidence: Evidence(evidence),
            remediation: body.remediation,
        },
        state: word("state", &columns.state, State::parse)?,
        first_seen: time("first_seen", body.first_seen)?,
        last_seen: time("last_seen", columns.last_seen)?,
        looks: body.looks,
        acknowledgement: columns.acknowledgement.as_deref().map(acknowledgement).transpose()?,
        issue_url: columns.issue_url.clone().or(body.issue_url),
    })
}

pub(in crate::store) fn acknowledgement_text(given: &Acknowledgement) -> Result<String, RowError> {
    let row = AcknowledgementRow {
        by: given.by.clone(),
        reason: given.reason.clone(),
        until: micros(given.until),
    };
    text("an acknowledgement", &row)
}

fn acknowledgement(json: &str) -> Result<Acknowledgement, RowError> {
    let row: AcknowledgementRow = parse("an acknowledgement", json)?;
    Ok(Acknowledgement { by: row.by, reason: row.reason, until: time("until", row.until)? })
}

fn value(fact: &Fact) -> Value {
    match fact {
        Fact::Text(text) => Value::from(text.as_str()),
        Fact::Number(number) => Value::from(*number),
        Fact::Yes(yes) => Value::from(*yes),
        Fact::List(list) => list.iter().map(value).collect(),
        Fact::Map(map) => map.iter().map(|(name, fact)| (name.clone(), value(fact))).collect(),
    }
}

fn fact(value: Value) -> Result<Fact, RowError> {
    let unknown = || RowError::Range { what: "evidence" };
    Ok(match value {
        Value::String(text) => Fact::Text(text),
        Value::Number(number) => Fact::Number(number.as_i64().ok_or_else(unknown)?),
        Value::Bool(yes) => Fact::Yes(yes),
        Value::Array(list) => Fact::List(list.into_iter().map(fact).collect::<Result<_, _>>()?),
        Value::Object(map) => Fact::Map(
            map.into_iter()
                .map(|(name, value)| Ok((name, fact(value)?)))
                .collect::<Result<_, RowError>>()?,
        ),
        Value::Null => return Err(unknown()),
    })
}
