//! Whether a repository may be filed into, and what it has.
//!
//! Why it is asked again and again: a repository that was private can be made public on any day, and our issues name
//! tenants.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{Filing, Halt, wire};
use crate::github::error::GitHubError;
use crate::github::operation::Operation;
use crate::issues::label::Label;
use crate::issues::survey::MISSES;

#[derive(Debug, Default)]
pub(super) struct Repository {
    /// When it was asked last, and why nothing may be filed there.
    checked: Option<(Instant, Option<String>)>,
    /// As GitHub spells it.
    pub(super) full_name: String,
    /// In lower case; `None` before they were listed.
    labels: Option<BTreeSet<String>>,
    /// Lists of our issues in this process.
    pub(super) surveys: u32,
    pub(super) surveyed: Option<Instant>,
    /// Lists that something is still to be proven by.
    pub(super) owed: u32,
}

impl Repository {
    /// Whether enough lists have shown what is there. A ledger that knows nothing may have been lost.
    pub(super) fn is_surveyed(&self, ledger_is_empty: bool) -> bool {
        self.surveys >= if ledger_is_empty { MISSES } else { 1 }
    }

    /// To be asked anew before anything else is done there.
    pub(super) fn doubt(&mut self) {
        self.checked = None;
    }
}

impl Filing {
    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.into()).or_default()
    }

    /// Whether it may be filed into, as GitHub says now and then. Why not is logged when it changes.
    pub(super) async fn is_fit(&mut self, name: &str) -> Result<bool, Halt> {
        let every = self.timing.repository;
        let known = self.repository(name).checked.clone();
        if let Some((at, unfit)) = &known {
            let wait = if unfit.is_some() { every / 10 } else { every };
            if at.elapsed() < wait {
                return Ok(unfit.is_none());
            }
        }
        let read = self.client.get(Operation::GetRepository, &format!("/repos/{name}")).await;
        let (full_name, unfit) = match read {
            Ok(found) => judged(found, self.options.allow_public),
            Err(GitHubError::NotFound | GitHubError::Gone | GitHubError::Moved) => (
                String::new(),
                Some("it is not there, or our credentials do not reach it".to_owned()),
            ),
            Err(GitHubError::Forbidden { what }) => (String::new(), Some(what.into())),
            Err(error) => return Err(error.into()),
        };
        if let Some(why) = &unfit
            && known.is_none_or(|(_, before)| before.as_ref() != Some(why))
        {
            tracing::error!("nothing is filed into {name}: {why}");
        }
        let is_fit = unfit.is_none();
        let repository = self.repository(name);
        repository.checked = Some((Instant::now(), unfit));
        repository.full_name = full_name;
        Ok(is_fit)
    }

    /// Creates those that are missing. GitHub would make one that is named, and give it neither colour nor meaning.
    pub(super) async fn label(&mut self, name: &str, labels: &[Label]) -> Result<(), Halt> {
        if self.repository(name).labels.is_none() {
            let route = format!("/repos/{name}/labels?per_page=100");
            let listed: Vec<wire::Label> = self.client.list(Operation::ListLabels, &route).await?;
            let names = listed.into_iter().map(|it| it.name.to_lowercase());
            self.repository(name).labels = Some(names.collect());
        }
        for label in labels {
            let known = self.repository(name).labels.clone().unwrap_or_default();
            if known.contains(&label.name.to_lowercase()) {
                continue;
            }
            let new = wire::NewLabel {
                name: &label.name,
                color: label.color,
                description: &label.description,
            };
            let route = format!("/repos/{name}/labels");
            self.note_write().await?;
            match self.client.tell(Operation::CreateLabel, &route, &new).await {
                // Somebody was faster, or it is not ours to make: then the issue's own request makes it, plain.
                Ok(())
                | Err(
                    GitHubError::Unprocessable { .. }
                    | GitHubError::Forbidden { .. }
                    | GitHubError::NotFound,
                ) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(known) = &mut self.repository(name).labels {
                known.insert(label.name.to_lowercase());
            }
        }
        Ok(())
    }
}

fn judged(found: wire::Repository, allow_public: bool) -> (String, Option<String>) {
    let public = found.visibility.as_deref() == Some("public") || found.private != Some(true);
    let unfit = if public && !allow_public {
        let why = "everybody can read it, and issues name tenants; choose a private one, or set github.allow_public = true";
        Some(why.to_owned())
    } else if found.archived {
        Some("it is archived".to_owned())
    } else if !found.has_issues {
        Some("its issues are switched off".to_owned())
    } else {
        None
    };
    (found.full_name, unfit)
}
