//! One piece of news of a finding as JSON: what chat and ticket systems receive.
//!
//! Why a view smaller than the report's: a message is read by people and by programs of a few lines. What is long is cut
//! and says so, and evidence is where `path` leads, with a token.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use super::visible::clipped;
use crate::model::finding::Finding;
use crate::model::news::Happening;
use crate::model::tenant::TenantId;

const SCHEMA: &str = "watertight.event/v1";

const MOST_TENANTS: usize = 100;
const MOST_STEPS: usize = 20;
/// In characters.
const LONGEST_SENTENCE: usize = 1_000;

#[derive(Serialize)]
struct EventView<'a> {
    schema: &'static str,
    /// The same at every try: what a receiver knows repetitions by.
    id: &'a str,
    event: &'static str,
    at: String,
    finding: FindingView<'a>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    id: String,
    kind: &'static str,
    severity: &'static str,
    state: &'static str,
    certainty: &'static str,
    tenants: Vec<&'a str>,
    /// Counts those too that are left out of `tenants`.
    tenants_total: usize,
    summary: Cow<'a, str>,
    remediation: Vec<Cow<'a, str>>,
    first_seen: String,
    last_seen: String,
    acknowledgement: Option<AcknowledgementView<'a>>,
    /// Of the API and of the page.
    path: String,
}

#[derive(Serialize)]
struct AcknowledgementView<'a> {
    by: &'a str,
    reason: &'a str,
    until: String,
}

pub fn body(
    id: &str,
    happening: Happening,
    finding: &Finding,
    at: Timestamp,
) -> Result<String, serde_json::Error> {
    let view = EventView {
        schema: SCHEMA,
        id,
        event: happening.label(),
        at: at.to_string(),
        finding: FindingView::of(finding),
    };
    serde_json::to_string(&view)
}

impl<'a> FindingView<'a> {
    fn of(finding: &'a Finding) -> Self {
        let claim = &finding.claim;
        let acknowledgement = finding.acknowledgement.as_ref().map(|it| AcknowledgementView {
            by: &it.by,
            reason: &it.reason,
            until: it.until.to_string(),
        });
        let steps = claim.remediation.iter().take(MOST_STEPS);
        Self {
            id: finding.id.to_string(),
            kind: claim.kind.label(),
            severity: claim.severity.label(),
            state: finding.state.label(),
            certainty: claim.certainty.label(),
            tenants: claim.tenants.iter().take(MOST_TENANTS).map(TenantId::as_str).collect(),
            tenants_total: claim.tenants.len(),
            summary: clipped(&claim.summary, LONGEST_SENTENCE),
            remediation: steps.map(|it| clipped(it, LONGEST_SENTENCE)).collect(),
            first_seen: finding.first_seen.to_string(),
            last_seen: finding.last_seen.to_string(),
            acknowledgement,
            path: format!("/api/v1/findings/{}", finding.id),
        }
    }
}
