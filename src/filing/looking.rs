//! Looks at one issue by its number: the one answer of GitHub that never lags.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::word::{self, Said};
use super::{Filing, Halt, wire};
use crate::clock;
use crate::github::error::GitHubError;
use crate::github::identity::Identity;
use crate::github::operation::Operation;
use crate::issues::look::{self, Reason, Seen};
use crate::issues::plan::Word;
use crate::model::issue::{Entry, Standing, Subject};

impl Filing {
    /// What people did to it becomes the entry's. Nothing changes where the whole repository is out of reach.
    pub(super) async fn look(&mut self, subject: Subject) -> Result<(), Halt> {
        let Some(entry) = self.entries.get(&subject).cloned() else { return Ok(()) };
        let Some(place) = &entry.issue else { return Ok(()) };
        let us = self.identity().await?;
        let found = self.see(&entry.repository, place.number).await?;
        if found.is_none() && !self.still_there(&entry.repository).await? {
            return Ok(());
        }
        let said = match &found {
            Some(issue) => self.heard(&entry, issue, &us).await?,
            None => None,
        };
        let seen = found.as_ref().map_or(Seen::Gone, |it| seen(it, &us, said.as_ref()));
        let labels: BTreeSet<String> =
            found.into_iter().flat_map(|it| it.labels).map(|it| it.name).collect();
        self.looked.insert(entry.row, Instant::now());
        self.carried.insert(subject, labels);
        match said {
            Some(said) => self.said.insert(subject, said),
            None => self.said.remove(&subject),
        };
        let after = look::after(&entry, &seen, clock::now());
        if after == entry {
            return Ok(());
        }
        tracing::info!(
            issue = place.number,
            "an issue is {} now, and was {}",
            after.standing.label(),
            entry.standing.label()
        );
        self.put(after).await
    }

    /// A missing issue in a missing repository says nothing of the issue.
    async fn still_there(&mut self, repository: &str) -> Result<bool, Halt> {
        self.repository(repository).doubt();
        self.is_fit(repository).await
    }

    /// `None` where it was deleted, moved to another repository, or hidden from us.
    pub(super) async fn see(
        &mut self,
        repository: &str,
        number: u64,
    ) -> Result<Option<wire::Issue>, Halt> {
        let route = format!("/repos/{repository}/issues/{number}");
        let issue: wire::Issue = match self.client.get(Operation::GetIssue, &route).await {
            Ok(issue) => issue,
            Err(GitHubError::NotFound | GitHubError::Gone | GitHubError::Moved) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let full_name = &self.repository(repository).full_name;
        let here = format!("/repos/{full_name}").to_lowercase();
        let is_here = full_name.is_empty() || issue.repository_url.to_lowercase().ends_with(&here);
        Ok(is_here.then_some(issue))
    }

    /// Who put a label there is asked only where it would change something.
    async fn heard(
        &self,
        entry: &Entry,
        issue: &wire::Issue,
        us: &Identity,
    ) -> Result<Option<Said>, Halt> {
        if let Some(said) = word::declined(&self.client, us, &entry.repository, issue).await? {
            return Ok(Some(said));
        }
        let silenced = entry.said.as_ref().is_some_and(|it| it.acknowledged.is_some());
        if silenced || !matches!(entry.subject, Subject::Finding(_)) {
            return Ok(None);
        }
        match word::labelled(&self.client, &entry.repository, issue).await {
            // It went away in between: the next look finds that.
            Err(GitHubError::NotFound | GitHubError::Gone | GitHubError::Moved) => Ok(None),
            said => Ok(said?),
        }
    }

    pub(super) async fn identity(&mut self) -> Result<Identity, Halt> {
        if let Some(identity) = &self.identity {
            return Ok(identity.clone());
        }
        let identity = self.client.identity().await?;
        Ok(self.identity.insert(identity).clone())
    }

    /// Whether it is time to look at an open issue again.
    pub(super) fn is_due(&self, entry: &Entry) -> bool {
        let looked = self.looked.get(&entry.row);
        entry.standing == Standing::Open && looked.is_none_or(|it| self.timing.look <= it.elapsed())
    }
}

/// What closes an issue for somebody who may not write silences nothing: it stays closed until a scan sees the trouble.
fn seen(issue: &wire::Issue, us: &Identity, said: Option<&Said>) -> Seen {
    if issue.state == "open" {
        return Seen::Open;
    }
    if issue.closed_by.as_ref().is_some_and(|it| us.is(&it.login)) {
        return Seen::ClosedByUs;
    }
    let declines = said.is_some_and(|it| it.word == Word::ClosedAsNotPlanned);
    Seen::ClosedByPerson(if declines { Reason::NotPlanned } else { Reason::Done })
}
