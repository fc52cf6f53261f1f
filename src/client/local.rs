//! The daemon on this machine, through the Unix socket beside its store.
//!
//! Invariant: whether the daemon did it is always known or told as not known; nothing is asked twice.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::operation::OperationId;
use crate::model::report::Report;
use crate::model::stamp::SeenStamp;
use crate::model::tenant::TenantId;
use crate::registry::row::RawRow;
use crate::report::json;
use crate::report::orphans::Listing;
use crate::report::rehoming::Plan;

/// For a write: it waits at most for a scan that is being stored.
const LIMIT: Duration = Duration::from_mins(1);

/// For what the daemon asks a provider first, which has minutes for its answer, and a project's deletion some more.
const PROVIDER: Duration = Duration::from_mins(15);

const ORPHANS: &str = "/local/v1/orphans";

#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("set up a client for {}", path.display())]
    Setup { path: PathBuf, source: reqwest::Error },
    #[error("ask the daemon through {}: what became of it is in the daemon's log", path.display())]
    Ask { path: PathBuf, source: reqwest::Error },
    #[error("the daemon did not do it: {0}")]
    Failed(String),
    #[error("read the daemon's report")]
    Report(#[source] json::ParseError),
}

/// What the daemon made of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<T> {
    Done(T),
    /// Nothing was changed. One sentence for each problem.
    Refused(Vec<String>),
}

/// How far the daemon's running scan is.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    pub stage: Option<String>,
    pub done: usize,
    pub total: usize,
}

#[derive(Clone, Debug)]
pub struct LocalDaemon {
    path: PathBuf,
    client: Client,
}

/// A planned change, as the daemon is told of it.
#[derive(Debug, Serialize)]
pub struct Accepted<'a> {
    pub tenants: Vec<&'a str>,
    pub reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<&'a str>,
    pub by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// A tenant, as the daemon is asked for it.
#[derive(Debug, Serialize)]
pub struct Wanted<'a> {
    pub subdomain: &'a str,
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<&'a str>,
}

/// What of a tenant is to be moved.
#[derive(Debug, Serialize)]
pub struct Moved<'a> {
    pub schemas: &'a [String],
    pub tables: &'a [String],
    pub without_provider_schemas: bool,
}

/// A project that is to be deleted.
#[derive(Debug, Serialize)]
pub struct Parting<'a> {
    pub project: &'a str,
    /// The same name again. Without it nothing is deleted.
    pub confirm: Option<&'a str>,
    /// Whether it need not be one that an operation of the daemon's store made.
    pub not_ours: bool,
}

#[derive(Debug, Deserialize)]
pub struct Parted {
    pub deleted: bool,
    /// What would be deleted.
    pub told: Option<String>,
}

/// What of a stamp the daemon is to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It is about to be written.
    Intended,
    Written,
}

impl LocalDaemon {
    /// `None` where nobody answers at this socket.
    pub fn at(socket: &Path) -> Result<Option<Self>, LocalError> {
        if std::os::unix::net::UnixStream::connect(socket).is_err() {
            return Ok(None);
        }
        let path = socket.to_owned();
        let built = Client::builder().unix_socket(socket).no_proxy().build();
        match built {
            Ok(client) => Ok(Some(Self { path, client })),
            Err(source) => Err(LocalError::Setup { path, source }),
        }
    }

    /// One scan, and what it found. However long it takes.
    pub async fn scan(&self, tenants: &[TenantId]) -> Result<Told<Report>, LocalError> {
        let request = self.request(Method::POST, "/local/v1/scans");
        let request = if tenants.is_empty() {
            request
        } else {
            let tenants: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
            request.json(&json!({ "tenants": tenants }))
        };
        match self.send(request).await? {
            Told::Done(response) => {
                let text = response.text().await.map_err(|it| self.asked(it))?;
                json::parse(&text).map(Told::Done).map_err(LocalError::Report)
            }
            Told::Refused(problems) => Ok(Told::Refused(problems)),
        }
    }

    /// Of the scan that runs now; `None` where none does, or it cannot be said.
    pub async fn progress(&self) -> Option<Progress> {
        #[derive(Deserialize)]
        struct Scans {
            running: Option<Progress>,
        }
        let request = self.request(Method::GET, "/api/v1/scans?limit=1").timeout(LIMIT);
        let response = request.send().await.ok()?;
        response.json::<Scans>().await.ok()?.running
    }

    pub async fn accept(&self, change: &Accepted<'_>) -> Result<Told<()>, LocalError> {
        let request = self.request(Method::POST, "/local/v1/changes").json(change);
        self.write(request).await
    }

    /// All of the rows or none.
    pub async fn put_tenants(&self, source: &str, rows: &[RawRow]) -> Result<Told<()>, LocalError> {
        let request = self.request(Method::PUT, "/local/v1/tenants");
        self.write(request.json(&json!({ "source": source, "rows": rows }))).await
    }

    /// All of them or none.
    pub async fn remove_tenants(&self, tenants: &[TenantId]) -> Result<Told<()>, LocalError> {
        let tenants: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
        let request = self.request(Method::DELETE, "/local/v1/tenants");
        self.write(request.json(&json!({ "tenants": tenants }))).await
    }

    /// Every check of a tenant that is wanted: its name, whether it passed, and a word for people.
    pub async fn validate(
        &self,
        tenant: &Wanted<'_>,
    ) -> Result<Told<Vec<(String, bool, String)>>, LocalError> {
        #[derive(Deserialize)]
        struct Checked {
            name: String,
            ok: bool,
            detail: String,
        }
        #[derive(Deserialize)]
        struct Preflight {
            checks: Vec<Checked>,
        }
        let request = self.request(Method::POST, "/api/v1/tenants/validate").json(tenant);
        match self.send(request.timeout(LIMIT)).await? {
            Told::Done(response) => {
                let told: Preflight = response.json().await.map_err(|it| self.asked(it))?;
                let checks = told.checks.into_iter().map(|it| (it.name, it.ok, it.detail));
                Ok(Told::Done(checks.collect()))
            }
            Told::Refused(problems) => Ok(Told::Refused(problems)),
        }
    }

    /// Begins to make a tenant, and names the operation.
    pub async fn provision(
        &self,
        tenant: &Wanted<'_>,
        key: Option<&str>,
    ) -> Result<Told<OperationId>, LocalError> {
        let request = self.request(Method::POST, "/api/v1/tenants").json(tenant).timeout(LIMIT);
        self.begun(with_key(request, key)).await
    }

    /// Begins to take a tenant away, and names the operation. Where its last backup goes is the daemon's word.
    pub async fn deprovision(
        &self,
        tenant: &TenantId,
        grace: Duration,
        backup: Option<bool>,
    ) -> Result<Told<OperationId>, LocalError> {
        let backup = backup.map_or_else(String::new, |it| format!("&backup={it}"));
        let path = format!("/api/v1/tenants/{tenant}?grace={}s{backup}", grace.as_secs());
        self.begun(self.request(Method::DELETE, &path).timeout(LIMIT)).await
    }

    /// What the move of a tenant would do.
    pub async fn rehoming(
        &self,
        tenant: &TenantId,
        moved: &Moved<'_>,
    ) -> Result<Told<Plan>, LocalError> {
        let path = format!("/local/v1/tenants/{tenant}/rehome");
        let request = self.request(Method::POST, &path).json(moved).timeout(PROVIDER);
        match self.send(request).await? {
            Told::Done(response) => {
                response.json().await.map(Told::Done).map_err(|it| self.asked(it))
            }
            Told::Refused(problems) => Ok(Told::Refused(problems)),
        }
    }

    /// Begins to move a tenant, and names the operation. The whole fleet is visited first.
    pub async fn rehome(
        &self,
        tenant: &TenantId,
        moved: &Moved<'_>,
        key: Option<&str>,
    ) -> Result<Told<OperationId>, LocalError> {
        let path = format!("/api/v1/tenants/{tenant}/rehome");
        let request = self.request(Method::POST, &path).json(moved).timeout(PROVIDER);
        self.begun(with_key(request, key)).await
    }

    async fn begun(&self, request: RequestBuilder) -> Result<Told<OperationId>, LocalError> {
        #[derive(Deserialize)]
        struct Begun {
            id: String,
        }
        match self.send(request).await? {
            Told::Done(response) => {
                let begun: Begun = response.json().await.map_err(|it| self.asked(it))?;
                let id = OperationId::parse(&begun.id);
                id.map(Told::Done).map_err(|error| LocalError::Failed(error.to_string()))
            }
            Told::Refused(problems) => Ok(Told::Refused(problems)),
        }
    }

    /// What stands at the provider without a tenant. It is read for this answer.
    pub async fn orphans(&self) -> Result<Told<Listing>, LocalError> {
        let request = self.request(Method::GET, ORPHANS).timeout(PROVIDER);
        match self.send(request).await? {
            Told::Done(response) => {
                response.json().await.map(Told::Done).map_err(|it| self.asked(it))
            }
            Told::Refused(problems) => Ok(Told::Refused(problems)),
        }
    }

    /// Deletes a project that is no tenant's, or says what would be deleted.
    pub async fn part_with(&self, parting: &Parting<'_>) -> Result<Told<Parted>, LocalError> {
        let request = self.request(Method::POST, ORPHANS).json(parting).timeout(PROVIDER);
        match self.send(request).await? {
            Told::Done(response) => {
                response.json().await.map(Told::Done).map_err(|it| self.asked(it))
            }
            Told::Refused(problems) => Ok(Told::Refused(problems)),
        }
    }

    pub async fn remember_stamps(
        &self,
        what: Remembered,
        stamps: &[SeenStamp],
    ) -> Result<Told<()>, LocalError> {
        let stamps: Vec<_> = stamps
            .iter()
            .map(|it| json!({ "tenant": it.tenant.as_str(), "target": it.target.to_string(), "text": it.text }))
            .collect();
        let method = match what {
            Remembered::Intended => Method::POST,
            Remembered::Written => Method::PUT,
        };
        let request = self.request(method, "/local/v1/stamps");
        self.write(request.json(&json!({ "stamps": stamps }))).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // The name goes nowhere: the client has one socket and no other way.
        self.client.request(method, format!("http://localhost{path}"))
    }

    async fn write(&self, request: RequestBuilder) -> Result<Told<()>, LocalError> {
        match self.send(request.timeout(LIMIT)).await? {
            Told::Done(_) => Ok(Told::Done(())),
            Told::Refused(problems) => Ok(Told::Refused(problems)),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Told<Response>, LocalError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Problem {
            title: String,
            detail: String,
            errors: Vec<String>,
        }
        let response = request.send().await.map_err(|it| self.asked(it))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Told::Done(response));
        }
        let problem: Problem = response.json().await.unwrap_or_default();
        match status {
            StatusCode::UNPROCESSABLE_ENTITY if !problem.errors.is_empty() => {
                Ok(Told::Refused(problem.errors))
            }
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT | StatusCode::NOT_FOUND => {
                Ok(Told::Refused(vec![problem.detail]))
            }
            _ => Err(LocalError::Failed(format!("{}: {}", problem.title, problem.detail))),
        }
    }

    fn asked(&self, source: reqwest::Error) -> LocalError {
        LocalError::Ask { path: self.path.clone(), source }
    }
}

fn with_key(request: RequestBuilder, key: Option<&str>) -> RequestBuilder {
    match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    }
}
