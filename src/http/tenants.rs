//! Tenants: who they are, how they stand, and what they were.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Viewer;
use super::paging::{self, Limit};
use super::path::{TenantName, no_tenant};
use super::problem::Problem;
use super::query::{self, Query};
use super::state::Shared;
use super::view::{
    HistoryRow, HistoryView, Known, LatencyRow, TenantDetail, TenantRow, TenantsView,
};
use crate::model::finding::{Health, Verdict};
use crate::model::report::TenantReport;
use crate::model::tenant::{Tenant, TenantId};
use crate::report::json::view::ScanView;
use crate::report::json::words;
use crate::standing::Standing;
use crate::store::Store;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    #[serde(default, deserialize_with = "query::verdict")]
    #[param(schema_with = words::verdict)]
    isolation: Option<Verdict>,
    #[serde(default, deserialize_with = "query::health")]
    #[param(schema_with = words::health)]
    health: Option<Health>,
    environment: Option<String>,
    /// How many, 1 to 500.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// Tenants behind the one of this id.
    #[serde(default, deserialize_with = "query::tenant")]
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,100}$")]
    after: Option<TenantId>,
}

impl Wanted {
    fn fits(&self, tenant: &Known<'_>) -> bool {
        let environment = tenant.registered.map(|it| &*it.environment);
        self.isolation.is_none_or(|it| it == tenant.verdict())
            && self.health.is_none_or(|it| it == tenant.health())
            && self.environment.as_deref().is_none_or(|it| Some(it) == environment)
    }
}

/// The tenants by id, each in a line.
#[utoipa::path(
    get, path = "/api/v1/tenants", tag = "tenants", params(Wanted),
    security(("token" = []), ("session" = [])),
    responses((status = 200, body = TenantsView<'static>))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    uri: Uri,
    Query(wanted): Query<Wanted>,
) -> Response {
    let Some(standing) = shared.standing() else {
        return Json(TenantsView { scan: None, tenants: Vec::new(), next: None }).into_response();
    };
    let known = known(&standing, wanted.after.as_ref()).filter(|it| wanted.fits(it));
    let (tenants, more) = paging::page(known, wanted.limit);
    let next = tenants.last().filter(|_| more);
    let next = next.map(|it| paging::next(uri.path(), uri.query(), "after", it.id.as_str()));
    let counts = finding_counts(&standing, &tenants);
    let row = |it: &Known<'_>| counts.get(it.id).copied().unwrap_or_default();
    let tenants = tenants.iter().map(|it| TenantRow::of(*it, &standing, row(it))).collect();
    let scan = Some(ScanView::of(&standing.full));
    Json(TenantsView { scan, tenants, next }).into_response()
}

/// Those of the registry and those of the last scan, by id, behind `after`.
fn known<'a>(
    standing: &'a Standing,
    after: Option<&TenantId>,
) -> impl Iterator<Item = Known<'a>> + use<'a> {
    let behind = |id: &TenantId| after.is_none_or(|after| after < id);
    let registered: &[Tenant] = &standing.tenants;
    let seen: &[TenantReport] = &standing.now.tenants;
    let mut registered = registered[registered.partition_point(|it| !behind(&it.id))..].iter();
    let mut seen = seen[seen.partition_point(|it| !behind(&it.id))..].iter();
    std::iter::from_fn(move || {
        let (here, there) = (registered.as_slice().first(), seen.as_slice().first());
        let order = match (here, there) {
            (Some(here), Some(there)) => here.id.cmp(&there.id),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let here = if order.is_le() { registered.next() } else { None };
        let there = if order.is_ge() { seen.next() } else { None };
        let id = here.map(|it| &it.id).or(there.map(|it| &it.id))?;
        Some(Known { id, registered: here, seen: there })
    })
}

/// In one pass over the findings, however many tenants are on the page.
fn finding_counts<'a>(standing: &Standing, tenants: &[Known<'a>]) -> BTreeMap<&'a TenantId, usize> {
    let mut counts: BTreeMap<&TenantId, usize> = tenants.iter().map(|it| (it.id, 0)).collect();
    for finding in standing.now.standing() {
        for tenant in &finding.claim.tenants {
            if let Some(count) = counts.get_mut(tenant) {
                *count += 1;
            }
        }
    }
    counts
}

/// Everything that is known of one tenant.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}", tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, body = TenantDetail<'static>),
        (status = 404, description = "The registry does not hold it, and no scan has seen it")
    )
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    TenantName(id): TenantName,
) -> Result<Response, Problem> {
    let standing = shared.standing().ok_or_else(no_tenant)?;
    let (registered, seen) = (standing.registered(&id), standing.tenant(&id));
    if registered.is_none() && seen.is_none() {
        return Err(no_tenant());
    }
    let tenant = Known { id: &id, registered, seen };
    Ok(Json(TenantDetail::of(tenant, &standing)).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryPage {
    /// How many, 1 to 500.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// Entries before the one of this number.
    #[serde(default, deserialize_with = "query::entry")]
    #[param(value_type = Option<i64>, minimum = 0)]
    after: Option<u64>,
}

/// What a tenant was, the latest first, and how long its last visits took.
#[utoipa::path(
    get, path = "/api/v1/tenants/{id}/history", tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id"), HistoryPage),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, body = HistoryView),
        (status = 404, description = "The registry does not hold it, and no scan has seen it")
    )
)]
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    TenantName(id): TenantName,
    uri: Uri,
    Query(page): Query<HistoryPage>,
) -> Result<Json<HistoryView>, Problem> {
    let (asked, after, at_most) = (id.clone(), page.after, page.limit.and_one());
    let read = move |store: &Store| {
        let entries = store.history_page(&asked, after, at_most)?;
        // They stand on the first page, and are not paged themselves: the store keeps a day of them.
        let latencies = match after {
            None => store.latencies(&asked, at_most - 1)?,
            Some(_) => Vec::new(),
        };
        Ok((entries, latencies))
    };
    let (entries, latencies) = shared.served.daemon.stored("read a tenant's history", read).await?;
    let standing = shared.standing();
    let is_known =
        standing.is_some_and(|it| it.registered(&id).is_some() || it.tenant(&id).is_some());
    if entries.is_empty() && after.is_none() && !is_known {
        return Err(no_tenant());
    }
    let (entries, more) = paging::page(entries.iter(), page.limit);
    let next = entries.last().filter(|_| more).map(|it| it.number.to_string());
    Ok(Json(HistoryView {
        history: entries.into_iter().map(HistoryRow::from).collect(),
        latencies: latencies.iter().map(LatencyRow::from).collect(),
        next: next.map(|it| paging::next(uri.path(), uri.query(), "after", &it)),
    }))
}
