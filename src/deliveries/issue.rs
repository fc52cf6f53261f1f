//! What a person said of an issue, taken as the finding's acknowledgement.
//!
//! Why it has an end: a word that holds for ever is one that nobody remembers.

use anyhow::Context;
use serde::Deserialize;

use super::Answering;
use crate::clock;
use crate::daemon::Daemon;
use crate::github::error::GitHubError;
use crate::github::operation::Operation;
use crate::issues::label::ACKNOWLEDGED;
use crate::model::finding::{Acknowledgement, State};
use crate::model::issue::Subject;

#[derive(Deserialize)]
struct IssueView {
    state: String,
    state_reason: Option<String>,
    #[serde(default)]
    labels: Vec<LabelView>,
}

#[derive(Deserialize)]
struct LabelView {
    name: Option<String>,
}

pub(super) async fn hear(
    daemon: &Daemon,
    answering: &Answering,
    (repository, issue): (&str, u64),
    by: &str,
) -> anyhow::Result<()> {
    let name: Box<str> = repository.into();
    let subject = daemon
        .stored("read what an issue is about", move |store| Ok(store.issue_subject(&name, issue)?));
    // Anybody can open an issue that looks like ours: only the ledger says which are.
    let Some(Subject::Finding(finding)) = subject.await? else { return Ok(()) };
    let stands = daemon.standing().borrow().as_ref().and_then(|it| it.finding(finding).cloned());
    if stands.is_none_or(|it| matches!(it.state, State::Acknowledged | State::Resolved)) {
        return Ok(());
    }
    if !answering.client.may_write(repository, by).await? {
        tracing::warn!(by, issue, "a word on an issue does not count: {by} may not write there");
        return Ok(());
    }
    let Some(what) = said(answering, repository, issue).await? else { return Ok(()) };
    let until = clock::now().saturating_add(answering.acknowledge_for);
    let acknowledgement = Acknowledgement {
        by: format!("{by} at GitHub").into(),
        reason: format!("{what}: {repository}#{issue}").into(),
        until: until.context("when the acknowledgement ends")?,
    };
    if daemon.acknowledge(finding, acknowledgement).await?.is_some() {
        tracing::info!(by, finding = %finding, "a finding was acknowledged at GitHub");
    }
    Ok(())
}

/// What stands at the issue now: the delivery may be old, or its sender may have thought better of it.
async fn said(
    answering: &Answering,
    repository: &str,
    issue: u64,
) -> Result<Option<&'static str>, GitHubError> {
    let route = format!("/repos/{repository}/issues/{issue}");
    let view: IssueView = answering.client.get(Operation::GetIssue, &route).await?;
    let declined = view.state == "closed" && view.state_reason.as_deref() == Some("not_planned");
    let labelled = view
        .labels
        .iter()
        .any(|it| it.name.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(ACKNOWLEDGED)));
    Ok(match (declined, labelled) {
        (true, _) => Some("the issue was closed as not planned"),
        (false, true) => Some("the issue was labelled as acknowledged"),
        (false, false) => None,
    })
}
