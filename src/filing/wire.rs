//! What is sent to GitHub and read of its answers: no more of each than is used.
//!
//! Why nearly everything may be missing: an account that was deleted leaves `null` where a user stood, and one such issue
//! must not make a page of a hundred unreadable.

use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) login: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    #[serde(default)]
    pub(super) html_url: String,
    /// Where it is: another one than was asked for after a move.
    #[serde(default)]
    pub(super) repository_url: String,
    #[serde(default)]
    pub(super) state: String,
    pub(super) state_reason: Option<String>,
    pub(super) user: Option<User>,
    pub(super) closed_by: Option<User>,
    #[serde(default)]
    pub(super) labels: Vec<Label>,
    pub(super) body: Option<String>,
    pub(super) pull_request: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Label {
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) user: Option<User>,
    pub(super) body: Option<String>,
}

/// Something that was done to an issue.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default, rename = "event")]
    pub(super) what: String,
    pub(super) actor: Option<User>,
    pub(super) label: Option<Label>,
}

/// What is not said is taken for the worse.
#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) full_name: String,
    pub(super) private: Option<bool>,
    pub(super) visibility: Option<String>,
    #[serde(default = "yes")]
    pub(super) has_issues: bool,
    #[serde(default)]
    pub(super) archived: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Serialize)]
pub(super) struct NewIssue<'a> {
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) labels: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) assignees: &'a [Box<str>],
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Change<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_reason: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct NewComment<'a> {
    pub(super) body: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewLabel<'a> {
    pub(super) name: &'a str,
    pub(super) color: &'a str,
    pub(super) description: &'a str,
}
