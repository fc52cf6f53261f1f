//! Looks at one issue by its number: the one answer of GitHub that never lags.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{Filing, Halt, wire};
use crate::clock;
use crate::github::error::GitHubError;
use crate::github::identity::Identity;
use crate::github::operation::Operation;
use crate::issues::look::{self, Reason, Seen};
use crate::model::issue::{Entry, Standing, Subject};

/// Characters of a person's name.
const LONGEST_NAME: usize = 60;

impl Filing {
    /// What people did to it becomes the entry's. Nothing changes where the whole repository is out of reach.
    pub(super) async fn look(&mut self, subject: Subject) -> Result<(), Halt> {
        let Some(entry) = self.entries.get(&subject).cloned() else { return Ok(()) };
        let Some(place) = &entry.issue else { return Ok(()) };
        let (seen, labels) = self.see(&entry.repository, place.number).await?;
        if seen == Seen::Gone && !self.still_there(&entry.repository).await? {
            return Ok(());
        }
        self.looked.insert(entry.row, Instant::now());
        self.carried.insert(subject, labels);
        if let Seen::ClosedByPerson { by, .. } = &seen {
            self.closers.insert(subject, by.clone());
        }
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

    /// With the labels that it carries.
    pub(super) async fn see(
        &mut self,
        repository: &str,
        number: u64,
    ) -> Result<(Seen, BTreeSet<String>), Halt> {
        let us = self.identity().await?;
        let route = format!("/repos/{repository}/issues/{number}");
        let issue: wire::Issue = match self.client.get(Operation::GetIssue, &route).await {
            Ok(issue) => issue,
            Err(GitHubError::NotFound | GitHubError::Gone | GitHubError::Moved) => {
                return Ok((Seen::Gone, BTreeSet::new()));
            }
            Err(error) => return Err(error.into()),
        };
        let full_name = &self.repository(repository).full_name;
        let here = format!("/repos/{full_name}").to_lowercase();
        if !full_name.is_empty() && !issue.repository_url.to_lowercase().ends_with(&here) {
            return Ok((Seen::Gone, BTreeSet::new()));
        }
        let labels = issue.labels.iter().map(|it| it.name.clone()).collect();
        Ok((self.heard(repository, seen(issue, &us)).await?, labels))
    }

    /// What closes an issue for somebody who may not write silences nothing: it stays closed until a scan sees the trouble.
    async fn heard(&self, repository: &str, seen: Seen) -> Result<Seen, Halt> {
        let Seen::ClosedByPerson { reason: Reason::NotPlanned, by } = seen else { return Ok(seen) };
        let counts = self.client.may_write(repository, &by).await?;
        let reason = if counts { Reason::NotPlanned } else { Reason::Done };
        Ok(Seen::ClosedByPerson { reason, by })
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

fn seen(issue: wire::Issue, us: &Identity) -> Seen {
    if issue.state == "open" {
        return Seen::Open;
    }
    let by = issue.closed_by.unwrap_or_default().login;
    if us.is(&by) {
        return Seen::ClosedByUs;
    }
    let reason = match issue.state_reason.as_deref() {
        Some("not_planned" | "duplicate") => Reason::NotPlanned,
        _ => Reason::Done,
    };
    let by: String = by.chars().filter(char::is_ascii_graphic).take(LONGEST_NAME).collect();
    let by = if by.is_empty() { "somebody".into() } else { by.into() };
    Seen::ClosedByPerson { reason, by }
}
