//! What a person said of an issue, taken as the finding's acknowledgement.
//!
//! Why it has an end: a word that holds for ever is one that nobody remembers.

use super::Answering;
use crate::clock;
use crate::daemon::Daemon;
use crate::filing::word;
use crate::issues::plan;
use crate::model::finding::State;
use crate::model::issue::Subject;

pub(super) async fn hear(
    daemon: &Daemon,
    answering: &Answering,
    repository: &str,
    issue: u64,
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
    // The delivery may be old, or its sender may have thought better of it.
    let said = word::read(&answering.client, repository, issue).await?;
    let Some(said) = said else {
        tracing::warn!(
            issue,
            "a word on an issue does not count: nobody said it who may write there"
        );
        return Ok(());
    };
    let given = said.acknowledgement(plan::until(clock::now(), answering.acknowledge_for));
    if daemon.acknowledge(finding, given).await?.is_some() {
        tracing::info!(by = &*said.by, finding = %finding, "a finding was acknowledged at GitHub");
    }
    Ok(())
}
