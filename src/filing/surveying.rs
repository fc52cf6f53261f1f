//! Lists our own open issues, and brings the ledger into step with what is certain of them.
//!
//! Why whatever would be changed is looked at once more: a list can show as open what was closed a minute ago, and an issue
//! that is taken over or closed for that would be wrong.

use jiff::SignedDuration;
use tokio::time::Instant;

use super::{Filing, Halt, wire};
use crate::clock;
use crate::github::error::GitHubError;
use crate::github::identity::Identity;
use crate::github::operation::Operation;
use crate::issues::label;
use crate::issues::marker;
use crate::issues::survey::{self, Listed, Surveyed};
use crate::metrics::github::IssueAction;
use crate::model::issue::{Entry, Place, Standing, Subject};

impl Filing {
    pub(super) async fn survey(&mut self, name: &str) -> Result<(), Halt> {
        let us = self.identity().await?;
        let route = format!(
            "/repos/{name}/issues?state=open&labels={}&sort=created&direction=asc&per_page=30",
            label::OURS
        );
        let issues: Vec<wire::Issue> = self.client.list(Operation::ListIssues, &route).await?;
        let mut listed = Vec::new();
        for issue in issues.iter().filter(|it| is_ours(it, &us)) {
            listed.extend(self.listed(name, issue).await?);
        }
        let entries: Vec<Entry> = self.entries.values().cloned().collect();
        let absence = self.timing.again * survey::MISSES;
        let absence = SignedDuration::try_from(absence).unwrap_or(SignedDuration::MAX);
        let first = survey::survey(&entries, &listed, name, absence, clock::now());
        let sure = self.sure(name, listed, &first).await?;
        let surveyed = survey::survey(&entries, &sure, name, absence, clock::now());
        let finds_something = !surveyed.found.is_empty() || !surveyed.duplicates.is_empty();
        self.apply(name, surveyed).await?;
        let intended = self.entries.values().any(|it| {
            it.standing == Standing::Intended && it.repository.eq_ignore_ascii_case(name)
        });
        let repository = self.repository(name);
        repository.surveys = repository.surveys.saturating_add(1);
        repository.surveyed = Some(Instant::now());
        repository.owed =
            repository.owed.saturating_sub(1).max(u32::from(finds_something || intended));
        Ok(())
    }

    /// What it is about: its marker says so, or the ledger where a person has written over the text.
    async fn listed(&self, name: &str, issue: &wire::Issue) -> Result<Option<Listed>, Halt> {
        let body = issue.body.as_deref().unwrap_or_default();
        let marked = marker::subject(body, &self.options.instance);
        let subject = if marked.is_some() {
            marked
        } else {
            let (name, number) = (name.to_owned(), issue.number);
            self.kept(move |store| Ok(store.issue_subject(&name, number)?)).await?
        };
        let place = Place { number: issue.number, url: issue.html_url.as_str().into() };
        Ok(subject.map(|subject| Listed { place, subject }))
    }

    /// Without those that, seen by their number, are not open: only of subjects of which anything would change.
    async fn sure(
        &mut self,
        name: &str,
        mut listed: Vec<Listed>,
        first: &Surveyed,
    ) -> Result<Vec<Listed>, Halt> {
        let touched = |subject: Subject, number: u64| {
            let adopts = first.changed.iter().chain(&first.found).any(|it| it.subject == subject);
            adopts || first.duplicates.iter().any(|(one, other)| *one == number || *other == number)
        };
        let doubted: Vec<u64> = listed
            .iter()
            .filter(|it| touched(it.subject, it.place.number))
            .map(|it| it.place.number)
            .collect();
        for number in doubted {
            if self.see(name, number).await?.is_none_or(|it| it.state != "open") {
                listed.retain(|it| it.place.number != number);
            }
        }
        Ok(listed)
    }

    async fn apply(&mut self, name: &str, surveyed: Surveyed) -> Result<(), Halt> {
        for entry in surveyed.changed {
            self.put(entry).await?;
        }
        for entry in surveyed.found {
            let begun = self.kept(move |store| Ok(store.begin_issue(&entry)?)).await?;
            tracing::info!(
                issue = begun.issue.as_ref().map(|it| it.number),
                "an issue of ours was found again"
            );
            self.entries.insert(begun.subject, begun);
        }
        for row in surveyed.dropped {
            self.kept(move |store| Ok(store.drop_issue(row)?)).await?;
            self.entries.retain(|_, it| it.row != row);
        }
        for (number, stays) in surveyed.duplicates {
            tracing::warn!(issue = number, "it says the same as issue {stays} and is closed");
            self.close_duplicate(name, number).await?;
        }
        Ok(())
    }

    async fn close_duplicate(&mut self, name: &str, number: u64) -> Result<(), Halt> {
        let change = wire::Change {
            state: Some("closed"),
            state_reason: Some("duplicate"),
            ..wire::Change::default()
        };
        let route = format!("/repos/{name}/issues/{number}");
        self.note_write().await?;
        let sent = self.client.patch::<wire::Issue>(Operation::UpdateIssue, &route, &change).await;
        match sent {
            Ok(_) => self.metrics.github_issue_action(IssueAction::Closed),
            Err(GitHubError::NotFound | GitHubError::Gone | GitHubError::Moved) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn is_ours(issue: &wire::Issue, us: &Identity) -> bool {
    let by_us = issue.user.as_ref().is_some_and(|it| us.is(&it.login));
    by_us && issue.pull_request.is_none() && issue.state == "open"
}
