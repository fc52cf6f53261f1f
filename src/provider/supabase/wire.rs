//! Supabase's words as they come over the wire.
//!
//! Why lean and lenient: its document gains fields and words without notice, and one project with something new must not
//! hide the others. Only what names a project is insisted on.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{plain, unreadable};
use super::operation::Operation;
use super::options::SupabaseOptions;
use super::states;
use crate::provider::{NewProject, Project, ProviderError};

const REFERENCE: usize = 20;

pub(super) fn is_reference(text: &str) -> bool {
    text.len() == REFERENCE && text.bytes().all(|it| it.is_ascii_lowercase())
}

/// Of `POST /v1/projects`.
pub(super) fn creation(options: &SupabaseOptions, wanted: &NewProject) -> Value {
    json!({
        "name": wanted.name,
        "organization_slug": options.organization,
        "db_pass": wanted.password.expose(),
        "region_selection": { "type": "specific", "code": options.region },
    })
}

/// A project by itself, as its creation is answered.
#[derive(Debug, Deserialize)]
pub(super) struct Shown {
    r#ref: String,
    name: Option<String>,
    region: Option<String>,
    created_at: Option<String>,
    status: Option<String>,
}

impl Shown {
    pub(super) fn read(self, operation: Operation) -> Result<Project, ProviderError> {
        let Self { r#ref, name, region, created_at, status } = self;
        Listed { r#ref, name, region, inserted_at: created_at, status, is_branch: None }
            .read(operation)
    }
}

/// As it is told by its reference.
#[derive(Debug, Deserialize)]
pub(super) struct DatabaseOf {
    #[serde(flatten)]
    project: Shown,
    database: Option<Database>,
}

#[derive(Debug, Deserialize)]
struct Database {
    host: Option<String>,
}

pub(super) struct Found {
    pub(super) project: Project,
    pub(super) status: String,
    pub(super) host: Option<String>,
}

impl DatabaseOf {
    pub(super) fn read(self, operation: Operation) -> Result<Found, ProviderError> {
        let status = self.project.status.clone().unwrap_or_default();
        let host = self.database.and_then(|it| it.host);
        Ok(Found { project: self.project.read(operation)?, status, host })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) projects: Vec<Listed>,
    pub(super) pagination: Pagination,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pagination {
    /// Of all pages.
    pub(super) count: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    r#ref: String,
    name: Option<String>,
    region: Option<String>,
    inserted_at: Option<String>,
    status: Option<String>,
    is_branch: Option<bool>,
}

impl Listed {
    pub(super) fn read(self, operation: Operation) -> Result<Project, ProviderError> {
        if !is_reference(&self.r#ref) {
            return Err(unreadable(operation, "a project's reference is not 20 letters"));
        }
        Ok(Project {
            reference: self.r#ref.into(),
            name: self.name.unwrap_or_default().into(),
            region: self.region.map(Into::into),
            state: states::state(&self.status.unwrap_or_default()),
            created_at: self.inserted_at.as_deref().and_then(moment),
            branch: self.is_branch.unwrap_or(false),
        })
    }
}

/// In no declared format; without an offset it is meant in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let local = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    text.parse().ok().or_else(local)
}

#[derive(Debug, Deserialize)]
pub(super) struct Health {
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    error: Option<Value>,
}

impl Health {
    /// For people. It may be an object that was written as a text.
    pub(super) fn told(&self) -> String {
        let text = match &self.error {
            None | Some(Value::Null) => self.status.clone().unwrap_or_default(),
            Some(Value::String(text)) => inner(text).unwrap_or_else(|| text.clone()),
            Some(other) => other.to_string(),
        };
        plain(&text)
    }
}

fn inner(text: &str) -> Option<String> {
    let object: Value = serde_json::from_str(text).ok()?;
    let told = object.get("error").or_else(|| object.get("message"))?;
    told.as_str().map(str::to_owned)
}

#[derive(Debug, Deserialize)]
pub(super) struct Pooler {
    pub(super) database_type: Option<String>,
    /// With `[YOUR-PASSWORD]` where the password goes.
    pub(super) connection_string: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Regions {
    all: AllRegions,
}

#[derive(Debug, Deserialize)]
struct AllRegions {
    specific: Vec<OneRegion>,
}

#[derive(Debug, Deserialize)]
struct OneRegion {
    code: String,
    /// Why it takes nobody at the moment.
    status: Option<String>,
}

impl Regions {
    pub(super) fn open(self) -> Vec<Box<str>> {
        let open = self.all.specific.into_iter().filter(|it| it.status.is_none());
        open.map(|it| plain(&it.code).into()).collect()
    }
}
