//! Supabase's Management API as a place where databases come from.
//!
//! Why by hand and not generated from its document: the document knows no error bodies, its lists of words grow without
//! notice, and whether a call may be made again is no part of it. What is used are seven operations.
//!
//! Invariants:
//! - a write is sent once, whatever becomes of its answer, and its end is told as it is known;
//! - no redirect is followed and no address of an answer is called: the token goes to `api_url` alone;
//! - the requests of one operation on one project or organisation stay within the published budget: see `budget`;
//! - a word that is new to us is passed on and never taken for a good or a final one;
//! - what is no reference is no project: it never becomes part of a path;
//! - where a database lies is believed only of a host under `trusted_hosts`, and only for the project that was asked for.

mod address;
mod answer;
mod budget;
mod calling;
mod listing;
mod operation;
pub mod options;
mod states;
mod wire;

use std::fmt;
use std::sync::Arc;

use self::answer::unreadable;
use self::budget::Budget;
use self::calling::{Question, Write};
use self::operation::Operation;
use self::options::{Connection, SupabaseOptions};
use self::wire::{DatabaseOf, Health, Pooler, Regions, Shown, is_reference};
use super::{
    Answer, NewProject, Project, Provider, ProviderError, ProviderKind, Readiness, Refusal, Region,
};
use crate::metrics::Metrics;
use crate::secret::Secret;

#[derive(Debug, thiserror::Error)]
#[error("set up a client for Supabase")]
pub struct SetupError(#[from] reqwest::Error);

pub struct Supabase {
    options: SupabaseOptions,
    http: reqwest::Client,
    budget: Budget,
    metrics: Arc<Metrics>,
}

impl Supabase {
    pub fn new(options: SupabaseOptions, metrics: Arc<Metrics>) -> Result<Self, SetupError> {
        let http = calling::client(&options.pace)?;
        metrics.provider_operations(
            ProviderKind::Supabase.label(),
            &Operation::ALL.map(Operation::label),
        );
        Ok(Self { budget: Budget::new(options.pace), options, http, metrics })
    }

    async fn region_offered(&self) -> Result<Region, ProviderError> {
        let organization = &*self.options.organization;
        let question =
            Question::of(Operation::ListRegions, organization, "/v1/projects/available-regions")
                .with("organization_slug", organization);
        let regions: Regions = self
            .ask(question)
            .await?
            .ok_or_else(|| self.no_organization(Operation::ListRegions))?;
        let offered: Vec<Box<str>> = regions.open();
        let wanted = self.options.region.clone();
        if offered.contains(&wanted) {
            return Ok(Region::Available(wanted));
        }
        Ok(Region::Unknown { wanted, offered })
    }

    async fn project_of(&self, reference: &str) -> Result<Option<Project>, ProviderError> {
        let found = self.look(reference).await?;
        Ok(found.map(|it| it.project).filter(|it| it.state != super::ProjectState::Going))
    }

    /// As it is, on its way out or not.
    async fn look(&self, reference: &str) -> Result<Option<wire::Found>, ProviderError> {
        let operation = Operation::GetProject;
        if !is_reference(reference) {
            return Ok(None);
        }
        let path = format!("/v1/projects/{reference}");
        let found: Option<DatabaseOf> = self.ask(Question::of(operation, reference, &path)).await?;
        let Some(found) = found.map(|it| it.read(operation)).transpose()? else { return Ok(None) };
        if *found.project.reference != *reference {
            return Err(unreadable(operation, "it tells of another project"));
        }
        Ok(Some(found))
    }

    async fn made(&self, wanted: &NewProject) -> Result<Project, ProviderError> {
        let operation = Operation::CreateProject;
        let write = Write {
            operation,
            subject: &self.options.organization,
            method: reqwest::Method::POST,
            path: "/v1/projects",
            body: Some(wire::creation(&self.options, wanted)),
            hidden: Some(&wanted.password),
        };
        let Some(body) = self.write(write).await? else {
            return Err(self.no_organization(operation));
        };
        // It happened. What cannot be read of it can be looked up by its name.
        let unclear =
            |told: &str| answer::unknown(operation, answer::Trouble::Unreadable(told.into()));
        let shown: Shown = answer::json(&body).map_err(|told| unclear(&told))?;
        let project = shown.read(operation).map_err(|_| unclear("its reference is none"))?;
        if project.name != wanted.name {
            return Err(unclear("it tells of another project"));
        }
        Ok(project)
    }

    async fn readiness_of(&self, reference: &str) -> Result<Readiness, ProviderError> {
        let Some(found) = self.look(reference).await? else { return Ok(Readiness::Absent) };
        if let Some(readiness) = states::before_health(&found.status) {
            return Ok(readiness);
        }
        let services = self.options.connection.services();
        let path = format!("/v1/projects/{reference}/health");
        let question = Question::of(Operation::GetHealth, reference, &path)
            .with("services", &services.join(","));
        let health: Option<Vec<Health>> = self.ask(question).await?;
        Ok(health.map_or_else(
            || Readiness::Coming("its health is not known yet".into()),
            |it| states::readiness(services, &it),
        ))
    }

    async fn url_of(&self, reference: &str, password: &Secret) -> Result<Secret, ProviderError> {
        let trusted = &self.options.trusted_hosts;
        let (operation, address) = match self.options.connection {
            Connection::SessionPooler => {
                let operation = Operation::GetPooler;
                let entries = self.poolers(operation, reference).await?;
                (operation, address::pooled(&entries, reference, trusted))
            }
            Connection::Direct => {
                let operation = Operation::GetProject;
                let found = self.look(reference).await?.ok_or_else(|| no_project(operation))?;
                let host = found.host.unwrap_or_default();
                (operation, address::direct(&host, reference, trusted))
            }
        };
        let address = address.map_err(|it| it.of(operation))?;
        Ok(address.with(self.options.tls).exposed(Some(password)))
    }

    /// Empty where the pooler does not know the project yet.
    async fn poolers(
        &self,
        operation: Operation,
        reference: &str,
    ) -> Result<Vec<Pooler>, ProviderError> {
        if !is_reference(reference) {
            return Err(no_project(operation));
        }
        let path = format!("/v1/projects/{reference}/config/database/pooler");
        let entries = self.ask(Question::of(operation, reference, &path)).await?;
        if entries.is_none() && self.look(reference).await?.is_none() {
            return Err(no_project(operation));
        }
        Ok(entries.unwrap_or_default())
    }

    async fn gone(&self, reference: &str) -> Result<(), ProviderError> {
        if !is_reference(reference) {
            return Ok(());
        }
        let path = format!("/v1/projects/{reference}");
        let write = Write {
            operation: Operation::DeleteProject,
            subject: reference,
            method: reqwest::Method::DELETE,
            path: &path,
            body: None,
            hidden: None,
        };
        self.write(write).await.map(drop)
    }

    fn no_organization(&self, operation: Operation) -> ProviderError {
        ProviderError::Refused {
            operation: operation.label(),
            refusal: Refusal::Invalid,
            told: format!(
                "there is no organisation {}, or it is hidden from us",
                self.options.organization
            )
            .into(),
        }
    }
}

fn no_project(operation: Operation) -> ProviderError {
    ProviderError::Refused {
        operation: operation.label(),
        refusal: Refusal::Invalid,
        told: "there is no such project".into(),
    }
}

impl Provider for Supabase {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Supabase
    }

    fn inventory(&self) -> Answer<'_, Vec<Project>> {
        Box::pin(self.all_projects(None))
    }

    fn project<'a>(&'a self, reference: &'a str) -> Answer<'a, Option<Project>> {
        Box::pin(self.project_of(reference))
    }

    fn named<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Project>> {
        Box::pin(async move {
            let mut found = self.all_projects(Some(name)).await?;
            // The search finds whatever holds the name.
            found.retain(|it| *it.name == *name);
            Ok(found)
        })
    }

    fn region(&self) -> Answer<'_, Region> {
        Box::pin(self.region_offered())
    }

    fn create<'a>(&'a self, wanted: &'a NewProject) -> Answer<'a, Project> {
        Box::pin(self.made(wanted))
    }

    fn readiness<'a>(&'a self, reference: &'a str) -> Answer<'a, Readiness> {
        Box::pin(self.readiness_of(reference))
    }

    fn url<'a>(&'a self, reference: &'a str, password: &'a Secret) -> Answer<'a, Secret> {
        Box::pin(self.url_of(reference, password))
    }

    fn delete<'a>(&'a self, reference: &'a str) -> Answer<'a, ()> {
        Box::pin(self.gone(reference))
    }
}

impl fmt::Debug for Supabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Supabase").field("options", &self.options).finish_non_exhaustive()
    }
}
