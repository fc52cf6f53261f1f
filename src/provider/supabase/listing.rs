//! The organisation's projects, of all pages.
//!
//! Why pages overlap: they are counted by position, so a project that is deleted while we read moves all that follow, and
//! one would fall between two pages and look as if it were gone. The oldest come first, so that new ones disturb nothing.
//!
//! Invariant: a list is whole or an error: what is missing from it was not there.

use std::collections::BTreeSet;

use super::Supabase;
use super::answer::unreadable;
use super::calling::Question;
use super::operation::Operation;
use super::wire::Page;
use crate::provider::{Project, ProviderError};

/// On one page; the most that Supabase gives.
const LIMIT: usize = 100;

/// Projects that two pages have in common: so many may be deleted between them.
const OVERLAP: usize = 10;

/// Pages of one list. Far more than anybody's projects.
const PAGES: usize = 500;

/// Times that a list is read from its beginning, where too much changed meanwhile.
const PASSES: usize = 3;

const OPERATION: Operation = Operation::ListProjects;

/// A list that lost its thread.
struct Torn;

impl Supabase {
    /// All, or those that a search for a part of their name finds.
    pub(super) async fn all_projects(
        &self,
        search: Option<&str>,
    ) -> Result<Vec<Project>, ProviderError> {
        for _ in 0..PASSES {
            if let Ok(projects) = self.pass(search).await? {
                return Ok(projects);
            }
        }
        Err(unreadable(OPERATION, "the list changed too much while it was read"))
    }

    async fn pass(
        &self,
        search: Option<&str>,
    ) -> Result<Result<Vec<Project>, Torn>, ProviderError> {
        let (mut projects, mut known) = (Vec::new(), BTreeSet::new());
        let mut offset = 0;
        for _ in 0..PAGES {
            let page = self.page(search, offset).await?;
            let (length, count) = (page.projects.len(), page.pagination.count);
            let (mut is_joined, before) = (offset == 0, projects.len());
            for entry in page.projects {
                let project = entry.read(OPERATION)?;
                if known.insert(project.reference.clone()) {
                    projects.push(project);
                } else {
                    is_joined = true;
                }
            }
            if length != 0 && !is_joined {
                return Ok(Err(Torn));
            }
            if count <= offset + length {
                return Ok(Ok(projects));
            }
            // More is announced, and nothing more comes.
            if projects.len() == before {
                return Ok(Err(Torn));
            }
            // Whatever its length, the next page is another one.
            offset += length.saturating_sub(OVERLAP).max(1);
        }
        Err(unreadable(OPERATION, "the list of projects does not end"))
    }

    async fn page(&self, search: Option<&str>, offset: usize) -> Result<Page, ProviderError> {
        let organization = &*self.options.organization;
        let path = format!("/v1/organizations/{organization}/projects");
        let mut question = Question::of(OPERATION, organization, &path)
            .with("offset", &offset.to_string())
            .with("limit", &LIMIT.to_string())
            .with("sort", "created_asc");
        if let Some(search) = search {
            question = question.with("search", search);
        }
        self.ask(question).await?.ok_or_else(|| self.no_organization(OPERATION))
    }
}
