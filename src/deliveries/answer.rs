//! What a deployment is answered: approved, rejected with the findings, or that a scan must come first.
//!
//! Why unknown asks for a scan before it is a rejection: the last one may merely be a minute too old, and a person who
//! waits for a deployment should not have to ask twice.
//!
//! Invariants:
//! - a comment has at most as many characters as GitHub takes;
//! - what comes from the registry or a database stands within code, where nobody is mentioned and nothing is drawn.

use crate::gate::{Decision, Outcome, Refusal, Unknown};
use crate::report::gate::DecisionView;
use crate::report::visible::clipped;

/// In characters; GitHub takes 1 024.
const LONGEST_COMMENT: usize = 1_000;

/// Characters of one line about a finding.
const LONGEST_LINE: usize = 220;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Review {
    /// As GitHub spells it.
    pub(super) state: &'static str,
    pub(super) comment: String,
    /// A scan may change it.
    pub(super) scan_helps: bool,
}

pub(super) fn review(decision: &Decision<'_>, environment: &str) -> Review {
    let view = DecisionView::of(decision, Some(environment));
    let mut comment = Comment::default();
    comment.line(&format!("Watertight: {}: {}", view.state, quoted(&view.detail)));
    for finding in &view.findings {
        let tenants = finding.tenants.join(", ");
        let line = format!("{} {}: {tenants}: {}", finding.severity, finding.kind, finding.summary);
        if !comment.line(&format!("- {}", quoted(&clipped(&line, LONGEST_LINE)))) {
            break;
        }
        comment.told += 1;
    }
    let left = view.findings_total.saturating_sub(comment.told);
    if left != 0 {
        comment.line(&format!("- and {left} more"));
    }
    Review {
        state: if decision.allows() { "approved" } else { "rejected" },
        comment: comment.text,
        scan_helps: scan_helps(&decision.outcome),
    }
}

/// Of what is unknown, what another look at the fleet may settle.
fn scan_helps(outcome: &Outcome<'_>) -> bool {
    match outcome {
        Outcome::Refused(Refusal::Unknown(unknown)) => match unknown {
            Unknown::NoScan
            | Unknown::TooOld { .. }
            | Unknown::TooLittle { .. }
            | Unknown::RegistryNotWhole => true,
            Unknown::UnknownEnvironment { .. } | Unknown::FromTheFuture { .. } => false,
        },
        _ => false,
    }
}

#[derive(Default)]
struct Comment {
    text: String,
    /// Findings so far.
    told: usize,
}

impl Comment {
    /// The end is kept free for how many are left.
    fn line(&mut self, line: &str) -> bool {
        const END: usize = 30;
        let room = LONGEST_COMMENT.saturating_sub(self.text.chars().count());
        let length = line.chars().count() + 1;
        if room < length + END && !self.text.is_empty() && !line.starts_with("- and ") {
            return false;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
        true
    }
}

/// Within backticks, none of which is its own.
fn quoted(text: &str) -> String {
    let text: String = clipped(text, LONGEST_COMMENT / 2).replace('`', "'");
    format!("`{text}`")
}
