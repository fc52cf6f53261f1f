//! Tenants that are made and taken away.
//!
//! Why what pre-flight found is the answer to a refused creation too: whoever asks mends all of it at once.
//!
//! Why without `[provision]` there is nothing here: a daemon that only watches must not look as if it could delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Body, MaybeBody};
use super::caller;
use super::operations::{self, OperationView};
use super::path::TenantName;
use super::problem::{Kind, Problem};
use super::query::Query;
use super::state::Shared;
use crate::model::operation::OperationId;
use crate::model::preflight::Check;
use crate::moving::selection::Wish;
use crate::provision::backup::FinalBackup;
use crate::provision::options::Equipment;
use crate::provision::rehome::survey::{ProviderSchemas, Wanted};
use crate::provision::work::Request;
use crate::provision::{BeginError, GRACE, preflight};
use crate::report::rehoming::Plan;

/// Of an idempotency key, in characters.
const LONGEST_KEY: usize = 255;

const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A tenant that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantRequest)]
pub(super) struct TenantRequest {
    /// Where its users reach the platform, and its id.
    subdomain: Box<str>,
    /// The customer's name, for people.
    name: Box<str>,
    environment: Option<Box<str>>,
    #[serde(default)]
    labels: BTreeMap<Box<str>, Box<str>>,
    /// A database that the caller brings, with its login; without it, one is made.
    database_url: Option<Box<str>>,
}

impl From<TenantRequest> for Request {
    fn from(request: TenantRequest) -> Self {
        let TenantRequest { subdomain, name, environment, labels, database_url } = request;
        Self { subdomain, name, environment, labels, database_url }
    }
}

/// Everything that was checked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preflight)]
pub(super) struct PreflightView {
    /// Whether the tenant could be made.
    ok: bool,
    checks: Vec<CheckView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreflightCheck)]
struct CheckView {
    #[schema(value_type = String)]
    name: &'static str,
    ok: bool,
    /// For people.
    detail: String,
}

impl From<Vec<Check>> for PreflightView {
    fn from(checks: Vec<Check>) -> Self {
        let ok = checks.iter().all(|it| it.ok);
        let view = |it: Check| CheckView { name: it.name.label(), ok: it.ok, detail: it.detail };
        Self { ok, checks: checks.into_iter().map(view).collect() }
    }
}

/// Check whether a tenant could be made. Nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/tenants/validate", tag = "provisioning",
    request_body = TenantRequest,
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "Each check with its result", body = PreflightView),
        (status = 404, description = "The configuration has no `[provision]`")
    )
)]
pub(super) async fn validate(
    State(shared): State<Arc<Shared>>,
    caller::Provisioner(_): caller::Provisioner,
    Body(request): Body<TenantRequest>,
) -> Result<Json<PreflightView>, Problem> {
    let equipment = equipment(&shared)?;
    let checks = preflight::check(&shared.served.daemon, &equipment, &request.into()).await;
    Ok(Json(checks.into()))
}

/// Make a tenant: a database of its own, proven, healthy and set up, or nothing.
///
/// The same `Idempotency-Key` with the same body names the operation of before.
#[utoipa::path(
    post, path = "/api/v1/tenants", tag = "provisioning",
    request_body = TenantRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters of the caller's choice")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 202, description = "The operation runs", body = OperationView,
            headers(("Location", description = "Where it is told how far it is"))),
        (status = 404, description = "The configuration has no `[provision]`"),
        (status = 409, description = "Another operation of this tenant runs"),
        (status = 422, description = "Something stands against it, or the key was used for another request: see `errors`")
    )
)]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    caller::Provisioner(caller): caller::Provisioner,
    headers: HeaderMap,
    Body(request): Body<TenantRequest>,
) -> Result<Response, Problem> {
    let key = key(&headers)?;
    let begun = shared.served.provisioner.provision(request.into(), key).await;
    let id = begun.map_err(problem)?;
    tracing::info!(by = &*caller.name, operation = %id, "a tenant was asked for");
    accepted(&shared, &id).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parting {
    /// How long it can be called back, as in `168h`. Default: 168 h.
    grace: Option<String>,
    /// Whether its data are kept, right before its project is deleted, where `provision.backup_directory` says. Default:
    /// where that says something.
    backup: Option<bool>,
}

/// Take a tenant away: nobody is led there from now on, and after the time of grace its project is deleted.
#[utoipa::path(
    delete, path = "/api/v1/tenants/{id}", tag = "provisioning",
    params(("id" = String, Path, description = "The tenant's id"), Parting,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters of the caller's choice")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 202, description = "The operation runs", body = OperationView,
            headers(("Location", description = "Where it is told how far it is"))),
        (status = 404, description = "The store has no such tenant, or the configuration no `[provision]`"),
        (status = 409, description = "Another operation of this tenant runs, or somebody else manages it"),
        (status = 422, description = "There is no place for its last backup")
    )
)]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    caller::Provisioner(caller): caller::Provisioner,
    TenantName(id): TenantName,
    headers: HeaderMap,
    Query(Parting { grace, backup }): Query<Parting>,
) -> Result<Response, Problem> {
    let grace = grace.as_deref().map_or(Ok(GRACE), time_of_grace)?;
    let backup = match backup {
        None => FinalBackup::AsConfigured,
        Some(true) => FinalBackup::Required,
        Some(false) => FinalBackup::None,
    };
    let key = key(&headers)?;
    let begun = shared.served.provisioner.deprovision(&id, grace, backup, key).await;
    let operation = begun.map_err(problem)?;
    tracing::info!(by = &*caller.name, %operation, tenant = %id, "a tenant was sent away");
    accepted(&shared, &operation).await
}

/// What of a tenant is to be moved. Without a word: whatever is its own.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RehomeRequest)]
pub(super) struct RehomeRequest {
    /// These schemas, whole.
    schemas: Vec<Box<str>>,
    /// Tables, views and sequences by these patterns: `orders`, `public.acme_*`.
    tables: Vec<Box<str>>,
    /// What the tenant keeps in the provider's own schemas stays behind.
    without_provider_schemas: bool,
}

impl RehomeRequest {
    pub(super) fn wanted(self) -> Result<Wanted, Problem> {
        if !self.schemas.is_empty() && !self.tables.is_empty() {
            let why = "the body: name `schemas` or `tables`, not both";
            return Err(Problem::new(Kind::Malformed, why));
        }
        let wish = Wish::of(self.schemas, self.tables);
        let providers = if self.without_provider_schemas {
            ProviderSchemas::LeaveBehind
        } else {
            ProviderSchemas::Stop
        };
        Ok(Wanted { wish, providers })
    }
}

/// Move a tenant into a database of its own: what it has is copied, compared, and the registry led there.
///
/// The old database stays as it is. While it is copied, nobody is led to the tenant.
#[utoipa::path(
    post, path = "/api/v1/tenants/{id}/rehome", tag = "provisioning",
    request_body = RehomeRequest,
    params(("id" = String, Path, description = "The tenant's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters of the caller's choice")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 202, description = "The operation runs", body = OperationView,
            headers(("Location", description = "Where it is told how far it is"))),
        (status = 404, description = "There is no such tenant, or the configuration has no `[provision]`"),
        (status = 409, description = "Another operation of this tenant runs, or its row is somebody else's to change"),
        (status = 422, description = "Something stands against it, or the key was used for another request: see `errors`")
    )
)]
pub(super) async fn rehome(
    State(shared): State<Arc<Shared>>,
    caller::Provisioner(caller): caller::Provisioner,
    TenantName(id): TenantName,
    headers: HeaderMap,
    MaybeBody(request): MaybeBody<RehomeRequest>,
) -> Result<Response, Problem> {
    let wanted = request.unwrap_or_default().wanted()?;
    let key = key(&headers)?;
    let operation = shared.served.provisioner.rehome(&id, &wanted, key).await.map_err(problem)?;
    tracing::info!(by = &*caller.name, %operation, tenant = %id, "a tenant is to be moved");
    accepted(&shared, &operation).await
}

/// What that would do. For a command of this machine.
pub(super) async fn plan(
    State(shared): State<Arc<Shared>>,
    caller::Provisioner(_): caller::Provisioner,
    TenantName(id): TenantName,
    Body(request): Body<RehomeRequest>,
) -> Result<Json<Plan>, Problem> {
    let surveyed = shared.served.provisioner.survey(&id, &request.wanted()?).await;
    Ok(Json(Plan::of(&surveyed.map_err(problem)?.survey)))
}

fn time_of_grace(text: &str) -> Result<SignedDuration, Problem> {
    let parsed = text.parse::<SignedDuration>().ok();
    parsed.filter(|it| !it.is_negative() && *it <= LONGEST_GRACE).ok_or_else(|| {
        Problem::new(
            Kind::Malformed,
            "the query: `grace` is no duration of at most a year, as in 168h",
        )
    })
}

pub(super) fn equipment(shared: &Shared) -> Result<Arc<Equipment>, Problem> {
    shared.served.provisioner.equipment().ok_or_else(|| problem(BeginError::Unequipped))
}

async fn accepted(shared: &Shared, id: &OperationId) -> Result<Response, Problem> {
    let operation = operations::read(shared, id).await?;
    let location = format!("{}/{id}", operations::PATH);
    let view = Json(OperationView::from(&operation));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], view).into_response())
}

fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().map(str::trim);
    let fits = |it: &&str| {
        (1..=LONGEST_KEY).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_graphic())
    };
    key.filter(fits).map(Some).ok_or_else(|| {
        Problem::new(Kind::Malformed, "`Idempotency-Key` is not 1 to 255 visible characters")
    })
}

pub(super) fn problem(error: BeginError) -> Problem {
    let detail = error.to_string();
    match error {
        BeginError::Unequipped => Problem::new(Kind::NoProvisioning, detail),
        BeginError::InFlight(_) => Problem::new(Kind::InFlight, detail),
        BeginError::OtherRequest(_) => Problem::new(Kind::KeyReused, detail),
        BeginError::NotOurs(_) => Problem::new(Kind::Unknown, detail),
        BeginError::Managed { .. } | BeginError::Elsewhere { .. } => {
            Problem::new(Kind::NotOurs, detail)
        }
        BeginError::Stays(against) => Problem::new(Kind::Stays, detail).with_errors(against),
        BeginError::Refused(checks) => {
            let failed = checks.iter().filter(|it| !it.ok);
            let errors = failed.map(|it| format!("{}: {}", it.name.label(), it.detail)).collect();
            Problem::new(Kind::Preflight, detail).with_errors(errors)
        }
        BeginError::Backup(_) => Problem::new(Kind::NoBackup, detail),
        BeginError::Store(cause) => Problem::fault(cause),
    }
}
