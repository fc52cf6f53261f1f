//! The labels that our issues carry.
//!
//! Why all of them begin with our name: a repository has labels of its own, and what we take away again must be ours. The
//! one for acknowledging is the exception: people put it on, and we only take it off when its word has ended.

use std::collections::BTreeSet;

use super::wanted::{Content, Wanted};
use crate::model::finding::Severity;
use crate::model::issue::Subject;
use crate::report::explain;

/// On every issue of ours.
pub const OURS: &str = "watertight";

/// Put on by a person: the finding is known, and messages about it can rest.
pub const ACKNOWLEDGED: &str = "watertight:acknowledged";

/// GitHub's labels are the same in either case, and one that people made before us keeps theirs.
pub fn acknowledges(name: &str) -> bool {
    name.eq_ignore_ascii_case(ACKNOWLEDGED)
}

const PREFIX: &str = "watertight:";

/// What GitHub takes, in characters.
const LONGEST_DESCRIPTION: usize = 100;

/// A label as it is created where it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub name: String,
    /// Six hexadecimal digits.
    pub color: &'static str,
    pub description: String,
}

/// Those of ours that the issue should carry.
pub fn labels(wanted: &Wanted<'_>) -> Vec<Label> {
    let mut labels = vec![label(OURS.to_owned(), "1d76db", "Filed and kept by Watertight.")];
    if wanted.subject != Subject::Daily {
        let severity = wanted.news.severity;
        let name = format!("{PREFIX}{severity}");
        labels.push(label(name, colour(severity), "Severity of the finding."));
    }
    labels.push(match &wanted.content {
        Content::Finding(finding) => {
            let kind = finding.claim.kind;
            label(format!("{PREFIX}{kind}"), "c5def5", explain::meaning(kind))
        }
        Content::Summary(_) => {
            label(format!("{PREFIX}summary"), "c5def5", "What is not filed on its own yet.")
        }
        Content::Umbrella(_) => {
            label(format!("{PREFIX}umbrella"), "c5def5", "Too much at once for issues one by one.")
        }
        Content::Daily(_) => label(
            format!("{PREFIX}daily"),
            "c5def5",
            "How the fleet stands, written anew each day.",
        ),
    });
    labels
}

/// What a person puts on, so that it is there to be chosen.
pub fn acknowledged() -> Label {
    label(ACKNOWLEDGED.to_owned(), "ededed", "Known: messages about the finding rest until a date.")
}

/// The names that an issue carries then: people's own stay, ours become what they should be.
pub fn names(carried: &BTreeSet<String>, wanted: &Wanted<'_>, routed: &[Box<str>]) -> Vec<String> {
    let silenced = wanted.news.acknowledged.is_some();
    let stays = |it: &&String| {
        if acknowledges(it) { silenced } else { !it.starts_with(PREFIX) && *it != OURS }
    };
    let mut names: BTreeSet<String> = carried.iter().filter(stays).cloned().collect();
    names.extend(labels(wanted).into_iter().map(|it| it.name));
    names.extend(routed.iter().map(ToString::to_string));
    names.into_iter().collect()
}

fn label(name: String, color: &'static str, description: &str) -> Label {
    let mut cut: String = description.chars().take(LONGEST_DESCRIPTION).collect();
    if cut.len() < description.len() {
        cut.pop();
        cut.push('…');
    }
    Label { name, color, description: cut }
}

const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "b60205",
        Severity::High => "d93f0b",
        Severity::Medium => "fbca04",
        Severity::Low => "c2e0c6",
    }
}
