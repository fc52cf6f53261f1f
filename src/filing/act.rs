//! Takes one step: noted, sent, and noted again.

use super::word::Said;
use super::{Filing, Halt, wire};
use crate::clock;
use crate::github::error::GitHubError;
use crate::github::operation::Operation;
use crate::issues::label;
use crate::issues::marker;
use crate::issues::plan::{self, About, Step, Word};
use crate::issues::remark::{self, Occasion};
use crate::issues::text::{self, Scene};
use crate::issues::title::title;
use crate::issues::wanted::Wanted;
use crate::metrics::github::IssueAction;
use crate::model::finding::Finding;
use crate::model::issue::{Entry, Place, Remark, Subject};
use crate::standing::Standing;

/// What the steps of one subject are taken with.
#[derive(Clone, Copy)]
pub(super) struct Matter<'a> {
    pub(super) subject: Subject,
    pub(super) wanted: Option<&'a Wanted<'a>>,
    /// Of what is to be closed, as the store knows it.
    pub(super) resolved: Option<&'a Finding>,
    pub(super) standing: &'a Standing,
}

/// Whether there is more to be done for the subject now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    More,
    Enough,
}

/// Lists that are owed after an issue was created: something on the way may have sent the request twice.
const PROOFS: u32 = 2;

impl Filing {
    pub(super) async fn take(&mut self, step: &Step, matter: Matter<'_>) -> Result<Then, Halt> {
        let entry = self.entries.get(&matter.subject).cloned();
        match (step, entry, matter.wanted) {
            (Step::Create { after }, _, Some(wanted)) => {
                self.create(step, *after, wanted, matter).await
            }
            (Step::Remark { key, about }, Some(entry), _) => {
                self.remark(step, key, *about, entry, matter).await
            }
            (Step::Acknowledge { by }, Some(entry), Some(wanted)) => {
                self.acknowledge(*by, entry, wanted).await
            }
            (Step::Update | Step::Reopen | Step::Close, Some(entry), _) => {
                self.change(step, entry, matter).await
            }
            // The plan asks for none of these without what it needs.
            _ => Ok(Then::Enough),
        }
    }

    async fn create(
        &mut self,
        step: &Step,
        after: Option<u64>,
        wanted: &Wanted<'_>,
        matter: Matter<'_>,
    ) -> Result<Then, Halt> {
        let name = wanted.repository;
        self.label(name, &label::labels(wanted)).await?;
        self.label(name, &[label::acknowledged()]).await?;
        let intended =
            Entry { follows: after, ..Entry::intended(matter.subject, name, clock::now()) };
        let begun = self.kept(move |store| Ok(store.begin_issue(&intended)?)).await?;
        let before = self.entries.insert(matter.subject, begun.clone());
        let options = std::sync::Arc::clone(&self.options);
        let scene = Scene { options: &options, standing: Some(matter.standing) };
        let route = wanted.finding().and_then(|it| options.route(it));
        let plain = self.plain.contains(&matter.subject);
        let (labels, assignees) = match route.filter(|_| !plain) {
            Some(route) => (&*route.labels, &*route.assignees),
            None => (&[][..], &[][..]),
        };
        let (title, body) = (title(wanted), text::body(wanted, scene, after));
        let labels = label::names(&std::collections::BTreeSet::new(), wanted, labels);
        let new = wire::NewIssue { title: &title, body: &body, labels: &labels, assignees };
        self.note_write().await?;
        let route = format!("/repos/{name}/issues");
        let sent = self.client.post::<wire::Issue>(Operation::CreateIssue, &route, &new).await;
        match sent {
            Ok(issue) => {
                let mut entry = plan::taken(&begun, step, matter.wanted, clock::now());
                entry.issue =
                    Some(Place { number: issue.number, url: issue.html_url.as_str().into() });
                self.put(entry).await?;
                self.repository(name).owed = PROOFS;
                self.metrics.github_issue_action(IssueAction::Created);
                if let Subject::Finding(id) = matter.subject {
                    (self.hearers.filed)(id, &issue.html_url);
                }
                Ok(Then::More)
            }
            Err(error) if error.is_ambiguous() => {
                self.repository(name).owed = PROOFS;
                Err(error.into())
            }
            // It certainly was not created.
            Err(error) => {
                let row = begun.row;
                self.kept(move |store| Ok(store.drop_issue(row)?)).await?;
                match before {
                    Some(before) => self.entries.insert(matter.subject, before),
                    None => self.entries.remove(&matter.subject),
                };
                self.refused(error, name, matter.subject)
            }
        }
    }

    async fn remark(
        &mut self,
        step: &Step,
        key: &str,
        about: About,
        entry: Entry,
        matter: Matter<'_>,
    ) -> Result<Then, Halt> {
        let Some(place) = entry.issue.clone() else { return Ok(Then::Enough) };
        let route = format!("/repos/{}/issues/{}/comments", entry.repository, place.number);
        let begun = entry.remark.as_ref().is_some_and(|it| *it.key == *key);
        if begun && self.has_remark(&route, key).await? {
            self.put(plan::taken(&entry, step, matter.wanted, clock::now())).await?;
            return Ok(Then::More);
        }
        let intended = Remark { key: key.into(), confirmed: false };
        let entry = Entry { remark: Some(intended), ..entry };
        self.put(entry.clone()).await?;
        let now = clock::now();
        let options = std::sync::Arc::clone(&self.options);
        let scene = Scene { options: &options, standing: Some(matter.standing) };
        let on = Occasion { entry: &entry, wanted: matter.wanted, resolved: matter.resolved, now };
        let body = remark::body(about, key, on, scene);
        self.note_write().await?;
        let new = wire::NewComment { body: &body };
        match self.client.tell(Operation::CreateComment, &route, &new).await {
            // Where nothing can be said, the issue itself still tells.
            Ok(()) | Err(GitHubError::Locked | GitHubError::Unprocessable { .. }) => {
                self.put(plan::taken(&entry, step, matter.wanted, clock::now())).await?;
                Ok(Then::More)
            }
            Err(error) if error.is_ambiguous() => Err(error.into()),
            Err(error) => self.refused(error, &entry.repository, matter.subject),
        }
    }

    /// Whether a comment of that key is there: its answer was lost.
    async fn has_remark(&mut self, route: &str, key: &str) -> Result<bool, Halt> {
        let us = self.identity().await?;
        let route = format!("{route}?per_page=30");
        let listed = self.client.list::<wire::Comment>(Operation::ListComments, &route).await;
        let comments = match listed {
            Ok(comments) => comments,
            Err(GitHubError::NotFound | GitHubError::Gone | GitHubError::Moved) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let instance = &self.options.instance;
        Ok(comments.iter().any(|it| {
            let body = it.body.as_deref().unwrap_or_default();
            it.user.as_ref().is_some_and(|it| us.is(&it.login))
                && marker::is_remark(body, key, instance)
        }))
    }

    async fn change(
        &mut self,
        step: &Step,
        entry: Entry,
        matter: Matter<'_>,
    ) -> Result<Then, Halt> {
        let Some(place) = entry.issue.clone() else { return Ok(Then::Enough) };
        let options = std::sync::Arc::clone(&self.options);
        let scene = Scene { options: &options, standing: Some(matter.standing) };
        let texts = match matter.wanted.filter(|_| *step != Step::Close) {
            None => None,
            Some(wanted) => {
                self.label(&entry.repository, &label::labels(wanted)).await?;
                let route = wanted.finding().and_then(|it| options.route(it));
                let plain = self.plain.contains(&matter.subject);
                let routed = route.filter(|_| !plain).map_or(&[][..], |it| &*it.labels);
                let carried = self.carried.get(&matter.subject).cloned().unwrap_or_default();
                let labels = label::names(&carried, wanted, routed);
                Some((title(wanted), text::body(wanted, scene, entry.follows), labels))
            }
        };
        let (state, state_reason, action) = match step {
            Step::Close => (Some("closed"), Some("completed"), IssueAction::Closed),
            Step::Reopen => (Some("open"), Some("reopened"), IssueAction::Reopened),
            _ => (None, None, IssueAction::Updated),
        };
        let change = wire::Change {
            title: texts.as_ref().map(|it| &*it.0),
            body: texts.as_ref().map(|it| &*it.1),
            labels: texts.as_ref().map(|it| &*it.2),
            state,
            state_reason,
        };
        let route = format!("/repos/{}/issues/{}", entry.repository, place.number);
        self.note_write().await?;
        let sent = self.client.patch::<wire::Issue>(Operation::UpdateIssue, &route, &change).await;
        match sent {
            Ok(_) => {
                self.put(plan::taken(&entry, step, matter.wanted, clock::now())).await?;
                if let Some((_, _, labels)) = texts {
                    self.carried.insert(matter.subject, labels.into_iter().collect());
                }
                self.metrics.github_issue_action(action);
                Ok(Then::More)
            }
            Err(error) if error.is_ambiguous() => Err(error.into()),
            Err(error) => self.refused(error, &entry.repository, matter.subject),
        }
    }

    async fn acknowledge(
        &mut self,
        by: Word,
        entry: Entry,
        wanted: &Wanted<'_>,
    ) -> Result<Then, Halt> {
        let Subject::Finding(id) = entry.subject else { return Ok(Then::Enough) };
        let until = plan::until(clock::now(), self.options.acknowledge_for);
        // Without it the word stands in the ledger alone, and the issue says nothing of it any more.
        let said = self.said.get(&entry.subject).filter(|it| it.word == by).cloned();
        let said = said.unwrap_or_else(|| Said {
            word: by,
            by: "somebody".into(),
            url: entry.issue.as_ref().map_or("", |it| &*it.url).into(),
        });
        let given = said.acknowledgement(until);
        let said = self.kept(move |store| Ok(store.acknowledge(id, &given, clock::now())?)).await?;
        self.put(plan::silenced(&entry, wanted, until)).await?;
        if let Some(finding) = said {
            tracing::info!(finding = %id, "it was acknowledged on its issue");
            (self.hearers.silenced)(finding);
        }
        Ok(Then::Enough)
    }

    /// What was refused for itself holds up no other subject.
    fn refused(&mut self, error: GitHubError, name: &str, subject: Subject) -> Result<Then, Halt> {
        match error {
            GitHubError::NotFound | GitHubError::Gone | GitHubError::Moved => {
                // The next round finds out whether it is the issue or the whole repository.
                self.repository(name).doubt();
                if let Some(entry) = self.entries.get(&subject) {
                    self.looked.remove(&entry.row);
                }
                Ok(Then::Enough)
            }
            GitHubError::Unprocessable { .. }
            | GitHubError::Forbidden { .. }
            | GitHubError::Locked => {
                self.plain.insert(subject);
                tracing::warn!("the issue of {subject} waits: {error}");
                Ok(Then::Enough)
            }
            error => Err(error.into()),
        }
    }

    /// Before anything is sent that GitHub counts.
    pub(super) async fn note_write(&self) -> Result<(), Halt> {
        self.kept(|store| Ok(store.note_issue_write(clock::now())?)).await
    }
}
