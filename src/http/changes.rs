//! Planned changes: announced before the databases change, so that nobody is woken by what was agreed.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::Body;
use super::caller::{Operator, Viewer};
use super::paging::Limit;
use super::problem::{Kind, Problem};
use super::query::Query;
use super::said::{self, Moment, Words};
use super::scans::{self, ScanRequest};
use super::state::Shared;
use crate::clock;
use crate::model::change::{Change, PlannedKinds};
use crate::model::finding;
use crate::model::tenant::TenantId;
use crate::report::json::words;
use crate::schedule::queue::Scope;
use crate::store::Store;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeRequest)]
pub(super) struct ChangeRequest {
    #[schema(min_items = 1, max_items = 1_000)]
    tenants: Vec<String>,
    /// The kinds of findings that it explains. Without them, `fingerprint_drift`: what tenants share is never planned.
    #[schema(schema_with = planned_kinds)]
    kinds: Option<Vec<String>>,
    #[schema(schema_with = said::words)]
    reason: Words,
    /// The ticket or change request.
    #[schema(schema_with = ticket)]
    ticket: Option<Words>,
    /// When it begins; now, without it.
    #[schema(schema_with = said::moment)]
    from: Option<Moment>,
    /// At most 90 days after it begins.
    #[schema(schema_with = said::moment)]
    until: Moment,
}

/// A change that somebody announced or accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeView {
    tenants: Vec<String>,
    #[schema(schema_with = kinds)]
    kinds: Vec<&'static str>,
    reason: String,
    ticket: Option<String>,
    by: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    until: String,
}

/// The latest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Changes)]
pub(super) struct ChangesView {
    changes: Vec<ChangeView>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many of the latest, 1 to 500.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
}

/// Changes that were announced or accepted, those that are over included.
#[utoipa::path(
    get, path = "/api/v1/changes", tag = "changes", params(Page),
    security(("token" = []), ("session" = [])),
    responses((status = 200, body = ChangesView))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    Query(page): Query<Page>,
) -> Result<Json<ChangesView>, Problem> {
    let at_most = page.limit.and_one() - 1;
    let read = move |store: &Store| Ok(store.changes(at_most)?);
    let changes = shared.served.daemon.stored("read the changes", read).await?;
    Ok(Json(ChangesView { changes: changes.iter().map(ChangeView::from).collect() }))
}

/// Announce a planned change of tenants' databases. It never covers what tenants share.
#[utoipa::path(
    post, path = "/api/v1/changes", tag = "changes",
    request_body = ChangeRequest,
    security(("token" = []), ("session" = [])),
    responses(
        (status = 201, body = ChangeView),
        (status = 422, description = "The body says what cannot be, or names tenants that nobody knows: see `errors`")
    )
)]
pub(super) async fn announce(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    Body(request): Body<ChangeRequest>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    let tenants = scans::scope(&shared, ScanRequest::of(request.tenants.clone())).await?;
    let tenants = match tenants {
        Scope::Tenants(tenants) => tenants,
        Scope::Fleet => BTreeSet::new(),
    };
    let change = change(request, tenants, &caller.name, clock::now())
        .map_err(|error| Problem::new(Kind::Invalid, error))?;
    let view = ChangeView::from(&change);
    let write = move |store: &Store| Ok(store.add_change(&change)?);
    shared.served.daemon.stored("store a change", write).await?;
    tracing::info!(by = &*caller.name, until = view.until, "a change was announced");
    Ok((StatusCode::CREATED, Json(view)))
}

fn change(
    request: ChangeRequest,
    tenants: BTreeSet<TenantId>,
    by: &Arc<str>,
    now: Timestamp,
) -> Result<Change, String> {
    let kinds = match request.kinds {
        None => PlannedKinds::default(),
        Some(labels) => {
            let parse = |it: &String| finding::Kind::parse(it);
            let kinds: Option<Vec<finding::Kind>> = labels.iter().map(parse).collect();
            let kinds = kinds.ok_or("`kinds` names what is no finding's kind")?;
            PlannedKinds::of(kinds).map_err(|error| error.to_string())?
        }
    };
    if request.until.0 <= now {
        return Err("`until` is not in the future".to_owned());
    }
    let change = Change {
        tenants: tenants.into_iter().collect(),
        kinds,
        reason: request.reason.0,
        ticket: request.ticket.map(|it| it.0),
        by: Arc::clone(by),
        from: request.from.map_or(now, |it| it.0),
        until: request.until.0,
    };
    change.checked().map_err(|error| error.to_string())
}

impl From<&Change> for ChangeView {
    fn from(change: &Change) -> Self {
        Self {
            tenants: change.tenants.iter().map(ToString::to_string).collect(),
            kinds: change.kinds.iter().map(finding::Kind::label).collect(),
            reason: change.reason.as_ref().to_owned(),
            ticket: change.ticket.as_deref().map(str::to_owned),
            by: change.by.as_ref().to_owned(),
            from: change.from.to_string(),
            until: change.until.to_string(),
        }
    }
}

fn kinds() -> utoipa::openapi::Array {
    utoipa::openapi::ArrayBuilder::new().items(words::kind()).build()
}

/// Only those that may be announced.
fn planned_kinds() -> utoipa::openapi::Array {
    let planned = finding::Kind::ALL.iter().filter(|it| it.may_be_announced());
    let planned = words::one_of(planned.map(|it| it.label()));
    utoipa::openapi::ArrayBuilder::new().items(planned).min_items(Some(1)).build()
}

fn ticket() -> utoipa::openapi::Object {
    said::line(Change::LONGEST_TICKET)
}
