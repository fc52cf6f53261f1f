//! A finding as one row of a list, in the order in which a person needs them.
//!
//! Why cut: a family of five hundred copies is one row, and its summary comes from servers that may send anything.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::moment::Moment;
use crate::model::finding::{Finding, Severity, State};
use crate::model::tenant::TenantId;
use crate::report::explain;
use crate::report::visible::clipped;

/// Characters of a sentence.
pub(super) const LONGEST: usize = 300;
/// Tenants named before the rest is counted.
const NAMED: usize = 4;

pub(super) struct FindingRow<'a> {
    pub id: String,
    pub severity: Severity,
    pub state: State,
    pub kind: String,
    pub summary: String,
    pub tenants: Vec<&'a TenantId>,
    /// Tenants that are not named.
    pub more: usize,
    pub since: Moment,
    /// Where its issue is.
    pub issue: Option<&'a str>,
}

impl<'a> FindingRow<'a> {
    pub(super) fn of(finding: &'a Finding, now: Timestamp) -> Self {
        let members = &finding.claim.tenants;
        Self {
            id: finding.id.to_string(),
            severity: finding.claim.severity,
            state: finding.state,
            kind: explain::plain(finding.claim.kind.label()),
            summary: sentence(&finding.claim.summary),
            tenants: members.iter().take(NAMED).collect(),
            more: members.len().saturating_sub(NAMED),
            since: Moment::of(finding.first_seen, now),
            issue: issue(finding),
        }
    }
}

/// Only an address that a browser fetches over TLS: it came from outside.
pub(super) fn issue(finding: &Finding) -> Option<&str> {
    finding.issue_url.as_deref().filter(|it| it.starts_with("https://"))
}

/// One that begins with a capital and is safe to show.
pub(super) fn sentence(text: &str) -> String {
    let shown = clipped(text.trim(), LONGEST);
    let mut letters = shown.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(letters).collect()
}

/// Worst first; what is silenced comes after what is not, and the newest first among equals.
pub(super) fn worst_first(findings: &mut [&Finding]) {
    findings.sort_by_key(|it| {
        let silenced = matches!(it.state, State::Acknowledged);
        (
            it.state == State::Resolved,
            Reverse(it.claim.severity),
            silenced,
            Reverse(it.first_seen),
            it.id,
        )
    });
}

pub(super) fn newest_first(findings: &mut [&Finding]) {
    findings.sort_by_key(|it| (Reverse(it.first_seen), Reverse(it.claim.severity), it.id));
}
