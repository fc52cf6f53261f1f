//! What people's acts on an issue say of its finding: one reading, for the looks that we take and for what GitHub sends.
//!
//! Why it is asked who did it: closing and labelling are open to those who may only sort issues, and a word that silences a
//! finding is that of a person who may write.
//!
//! Invariants:
//! - whoever cannot be named, or may not write, has said nothing;
//! - what we close ourselves is no person's word: we close a double as a duplicate, too.

use jiff::Timestamp;

use super::wire;
use crate::github::Client;
use crate::github::error::GitHubError;
use crate::github::identity::Identity;
use crate::github::operation::Operation;
use crate::issues::label;
use crate::issues::look::Reason;
use crate::issues::plan::Word;
use crate::model::finding::Acknowledgement;

/// Characters of a person's login: GitHub's own are shorter.
const LONGEST_NAME: usize = 60;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub word: Word,
    pub by: Box<str>,
    /// Of the issue.
    pub url: Box<str>,
}

impl Said {
    pub fn acknowledgement(&self, until: Timestamp) -> Acknowledgement {
        let how = match self.word {
            Word::ClosedAsNotPlanned => "closed as not planned".to_owned(),
            Word::Label => format!("labelled {}", label::ACKNOWLEDGED),
        };
        Acknowledgement {
            by: format!("{} at GitHub", self.by).into(),
            reason: format!("{how}: {}", self.url).into(),
            until,
        }
    }
}

/// What stands at an issue now, whatever was told of it before.
pub async fn read(
    client: &Client,
    repository: &str,
    number: u64,
) -> Result<Option<Said>, GitHubError> {
    let route = format!("/repos/{repository}/issues/{number}");
    let issue: wire::Issue = client.get(Operation::GetIssue, &route).await?;
    let us = client.identity().await?;
    match declined(client, &us, repository, &issue).await? {
        Some(said) => Ok(Some(said)),
        None => labelled(client, repository, &issue).await,
    }
}

/// Closed as not planned, or as a duplicate, which is no work either.
pub(super) async fn declined(
    client: &Client,
    us: &Identity,
    repository: &str,
    issue: &wire::Issue,
) -> Result<Option<Said>, GitHubError> {
    let reason = Reason::of(issue.state_reason.as_deref());
    if issue.state == "open" || reason != Reason::NotPlanned {
        return Ok(None);
    }
    let by = issue.closed_by.as_ref().filter(|it| !us.is(&it.login)).and_then(name);
    counted(client, repository, issue, Word::ClosedAsNotPlanned, by).await
}

/// With the label, which was put there by whoever did so last.
pub(super) async fn labelled(
    client: &Client,
    repository: &str,
    issue: &wire::Issue,
) -> Result<Option<Said>, GitHubError> {
    if !issue.labels.iter().any(|it| label::acknowledges(&it.name)) {
        return Ok(None);
    }
    let route = format!("/repos/{repository}/issues/{}/events?per_page=100", issue.number);
    let events: Vec<wire::Event> = client.list(Operation::ListEvents, &route).await?;
    let puts = |it: &&wire::Event| {
        let label = it.label.as_ref().is_some_and(|it| label::acknowledges(&it.name));
        it.what == "labeled" && label
    };
    let last = events.iter().rfind(puts);
    let by = last.and_then(|it| it.actor.as_ref()).and_then(name);
    counted(client, repository, issue, Word::Label, by).await
}

async fn counted(
    client: &Client,
    repository: &str,
    issue: &wire::Issue,
    word: Word,
    by: Option<Box<str>>,
) -> Result<Option<Said>, GitHubError> {
    let Some(by) = by else { return Ok(None) };
    if client.may_write(repository, &by).await? {
        return Ok(Some(Said { word, by, url: issue.html_url.as_str().into() }));
    }
    tracing::debug!(by = &*by, issue = issue.number, "a word on an issue does not count");
    Ok(None)
}

/// As it is, fit for a route. A login that GitHub does not give is nobody's: mended, it would be another person's.
fn name(user: &wire::User) -> Option<Box<str>> {
    let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '[' | ']');
    let login = &*user.login;
    let fit = (1..=LONGEST_NAME).contains(&login.len()) && login.chars().all(fits);
    fit.then(|| login.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(login: &str, expected: Option<&str>) {
        assert_eq!(name(&wire::User { login: login.to_owned() }).as_deref(), expected);
    }

    #[test]
    fn a_login_is_taken_as_it_is_or_not_at_all() {
        check("octo-cat_corp", Some("octo-cat_corp"));
        check("watertight[bot]", Some("watertight[bot]"));
        for strange in ["", "octo cat", "octo/cat", "../octocat", "öctocat", &"a".repeat(61)] {
            check(strange, None);
        }
    }
}
