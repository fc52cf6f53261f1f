//! Scans: asking for one, following it, and reading what it found.
//!
//! Why a request names tenants and never a host: our credentials go where the registry says, and nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::body::MaybeBody;
use super::caller::{Scanner, Viewer};
use super::paging::{self, Limit};
use super::path::{ScanName, is_scan, no_scan};
use super::problem::{Kind, Problem};
use super::query::Query;
use super::reports;
use super::routes;
use super::state::Shared;
use super::view::{ScanRow, ScanState, ScansView};
use crate::model::report::{Report, Trigger};
use crate::model::tenant::TenantId;
use crate::schedule::Ticket;
use crate::schedule::queue::Scope;
use crate::store::Store;

/// Tenants that one request may name.
const NAMED_AT_MOST: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many, 1 to 500.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// Scans before the one of this id.
    #[param(pattern = "^[0-9a-z]{1,64}$")]
    after: Option<String>,
}

/// The latest scans, and what is going on.
#[utoipa::path(
    get, path = routes::SCANS, tag = "scans", params(Page),
    security(("token" = []), ("session" = [])),
    responses((status = 200, body = ScansView))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    uri: axum::http::Uri,
    Query(page): Query<Page>,
) -> Result<Json<ScansView>, Problem> {
    if page.after.as_deref().is_some_and(|it| !is_scan(it)) {
        return Err(Problem::new(Kind::Malformed, "the query: `after` is no scan's id"));
    }
    let (after, at_most) = (page.after, page.limit.and_one());
    let read = move |store: &Store| Ok(store.scans_page(after.as_deref(), at_most)?);
    let records = shared.served.daemon.stored("list the scans", read).await?;
    let (records, more) = paging::page(records.iter(), page.limit);
    let next = records.last().filter(|_| more);
    let next = next.map(|it| paging::next(uri.path(), uri.query(), "after", &it.id));
    let status = shared.served.daemon.desk().status().borrow().clone();
    Ok(Json(ScansView {
        scans: records.into_iter().map(ScanRow::from).collect(),
        next,
        running: status.running.as_ref().map(ScanState::from),
        waiting: status.waiting.map(String::from),
        next_at: status.next_at.map(|it| it.to_string()),
    }))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScanRequest)]
pub(super) struct ScanRequest {
    /// Ids of the tenants to look at, with whoever could share with them. Without it, the whole fleet.
    #[schema(min_items = 1, max_items = 1_000)]
    tenants: Option<Vec<String>>,
}

impl ScanRequest {
    pub(super) fn of(tenants: Vec<String>) -> Self {
        Self { tenants: Some(tenants) }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Waiting {
    /// Answer with the report, when it is there.
    #[serde(default)]
    #[param(default = false, required = false)]
    wait: bool,
}

/// Ask for a scan. A request joins only a scan that has not begun.
#[utoipa::path(
    post, path = routes::SCANS, tag = "scans", params(Waiting),
    request_body(content = Option<ScanRequest>),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "The report, where it was waited for", body = serde_json::Value),
        (status = 202, description = "It waits or runs", body = ScanState,
            headers(("Location", description = "Where its report will be"))),
        (status = 422, description = "The body says what cannot be, or names tenants that nobody knows: see `errors`")
    )
)]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Scanner(caller): Scanner,
    Query(Waiting { wait }): Query<Waiting>,
    MaybeBody(request): MaybeBody<ScanRequest>,
) -> Result<Response, Problem> {
    let scope = scope(&shared, request.unwrap_or_default()).await?;
    let place = if wait { Some(waiter(&shared)?) } else { None };
    let ticket = ask(&shared, scope, Trigger::Api)?;
    tracing::info!(by = &*caller.name, scan = &*ticket.scan, "a scan was asked for");
    let answer = if wait { outcome(&shared, ticket).await } else { Ok(accepted(&shared, &ticket)) };
    drop(place);
    answer
}

fn waiter(shared: &Shared) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
    let detail = "as many requests wait for a scan as may; ask without `wait`";
    shared.waiters.try_acquire().map_err(|_| Problem::new(Kind::Overloaded, detail))
}

pub(super) fn ask(shared: &Shared, scope: Scope, trigger: Trigger) -> Result<Ticket, Problem> {
    let ticket = shared.served.daemon.desk().ask(scope, trigger);
    ticket.ok_or_else(|| Problem::fault(anyhow::anyhow!("only the schedule may be told no")))
}

/// The report of a scan that has ended; where to look, if that takes too long.
async fn outcome(shared: &Shared, ticket: Ticket) -> Result<Response, Problem> {
    let waiting = tokio::time::timeout(shared.limits.wait, ticket.clone().outcome());
    match waiting.await {
        Ok(outcome) => reports::report(shared, ended(outcome)?).await,
        Err(_) => Ok(accepted(shared, &ticket)),
    }
}

/// Why a scan failed stands in the daemon's log, where its own hosts and files may be named.
pub(super) fn ended(outcome: crate::schedule::Outcome) -> Result<Arc<Report>, Problem> {
    let detail = "the scan's line in the daemon's log says why";
    outcome.map_err(|_| Problem::new(Kind::ScanFailed, detail))
}

fn accepted(shared: &Shared, ticket: &Ticket) -> Response {
    let location = format!("{}/{}", routes::SCANS, ticket.scan);
    let state = state(shared, &ticket.scan);
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(state)).into_response()
}

fn state(shared: &Shared, scan: &str) -> ScanState {
    ScanState::of(scan, &shared.served.daemon.desk().status().borrow())
}

/// Everybody who is named is known, or nobody is looked at.
pub(super) async fn scope(shared: &Shared, request: ScanRequest) -> Result<Scope, Problem> {
    let Some(names) = request.tenants else { return Ok(Scope::Fleet) };
    if names.is_empty() || NAMED_AT_MOST < names.len() {
        let detail = format!("`tenants` must name 1 to {NAMED_AT_MOST}; leave it out for all");
        return Err(Problem::new(Kind::Invalid, detail));
    }
    let mut ids = BTreeSet::new();
    let mut unknown = Vec::new();
    for name in &names {
        match TenantId::parse(name) {
            Ok(id) => drop(ids.insert(id)),
            Err(_) => unknown.push(name.chars().take(80).collect()),
        }
    }
    let strangers = shared.served.daemon.unregistered(&ids).await?;
    unknown.extend(strangers.iter().map(ToString::to_string));
    if unknown.is_empty() {
        return Ok(Scope::Tenants(ids));
    }
    Err(Problem::new(Kind::UnknownTenants, "nobody was looked at").with_errors(unknown))
}

/// The report of the last scan of the whole fleet.
#[utoipa::path(
    get, path = "/api/v1/scans/latest", tag = "scans",
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "`watertight.report/v1`", body = serde_json::Value),
        (status = 304, description = "It is the one that `If-None-Match` names"),
        (status = 404, description = "No scan of the whole fleet has ended yet")
    )
)]
pub(super) async fn latest(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(standing) = shared.standing() else {
        return Err(Problem::new(Kind::Unknown, "no scan of the whole fleet has ended yet"));
    };
    if reports::is_known(&headers, &standing.full.id) {
        return Ok(reports::unchanged(&standing.full.id));
    }
    reports::report(&shared, Arc::clone(&standing.full)).await
}

/// The report of a scan, or how far it is.
#[utoipa::path(
    get, path = "/api/v1/scans/{id}", tag = "scans",
    params(("id" = String, Path, description = "The scan's id")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "`watertight.report/v1`", body = serde_json::Value),
        (status = 202, description = "It waits or runs", body = ScanState),
        (status = 304, description = "It is the one that `If-None-Match` names"),
        (status = 404, description = "There is none of this id, or its report is no longer kept")
    )
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    ScanName(id): ScanName,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if shared.served.daemon.desk().ticket(&id).is_some() {
        return Ok((StatusCode::ACCEPTED, Json(state(&shared, &id))).into_response());
    }
    let standing = shared.standing();
    if let Some(latest) = standing.filter(|it| *it.full.id == *id) {
        if reports::is_known(&headers, &id) {
            return Ok(reports::unchanged(&id));
        }
        return reports::report(&shared, Arc::clone(&latest.full)).await;
    }
    let stored = reports::stored(&shared, &id).await?.ok_or_else(no_scan)?;
    if reports::is_known(&headers, &id) {
        return Ok(reports::unchanged(&id));
    }
    Ok(stored)
}
