//! Findings: what is wrong, and what a person says of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::body::Body;
use super::caller::{Operator, Viewer};
use super::paging::{self, Limit};
use super::path::{FindingName, no_finding};
use super::problem::{Kind, Problem};
use super::query::{self, Place, Query};
use super::said::{self, Moment, Words};
use super::state::Shared;
use super::view::FindingsView;
use crate::clock;
use crate::model::finding::{self, Acknowledgement, Finding, FindingId, Severity, State as Life};
use crate::model::tenant::TenantId;
use crate::report::json::view::FindingView;
use crate::report::json::words;

/// Resolved findings that are looked through, the latest first: a month of a restless fleet.
const RESOLVED: u32 = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Without it, all that stand. The resolved ones are the latest thousand.
    #[serde(default, deserialize_with = "query::state")]
    #[param(schema_with = words::state)]
    state: Option<Life>,
    #[serde(default, deserialize_with = "query::kind")]
    #[param(schema_with = words::kind)]
    kind: Option<finding::Kind>,
    #[serde(default, deserialize_with = "query::severity")]
    #[param(schema_with = words::severity)]
    severity: Option<Severity>,
    /// Those of which it is a member.
    #[serde(default, deserialize_with = "query::tenant")]
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,100}$")]
    tenant: Option<TenantId>,
    /// How many, 1 to 500.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// From a page's `next`.
    #[serde(default, deserialize_with = "query::place")]
    #[param(schema_with = query::place_schema)]
    after: Option<Place>,
}

impl Wanted {
    fn fits(&self, finding: &Finding) -> bool {
        let in_state = match self.state {
            None => finding.state != Life::Resolved,
            Some(state) => finding.state == state,
        };
        in_state
            && self.kind.is_none_or(|it| it == finding.claim.kind)
            && self.severity.is_none_or(|it| it == finding.claim.severity)
            && self.tenant.as_ref().is_none_or(|it| finding.claim.tenants.contains(it))
            && self.after.is_none_or(|it| it < Place::of(finding))
    }
}

/// Findings, worst first.
#[utoipa::path(
    get, path = "/api/v1/findings", tag = "findings", params(Wanted),
    security(("token" = []), ("session" = [])),
    responses((status = 200, body = FindingsView<'static>))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    uri: Uri,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    if wanted.state == Some(Life::Resolved) {
        let read = shared
            .served
            .daemon
            .stored("read the resolved findings", |store| Ok(store.resolved_findings(RESOLVED)?));
        return Ok(answer(&read.await?, &wanted, &uri));
    }
    let standing = shared.standing();
    let findings = standing.as_ref().map_or(&[][..], |it| &it.now.findings);
    Ok(answer(findings, &wanted, &uri))
}

fn answer(findings: &[Finding], wanted: &Wanted, uri: &Uri) -> Response {
    let mut found: Vec<&Finding> = findings.iter().filter(|it| wanted.fits(it)).collect();
    found.sort_by_key(|it| Place::of(it));
    let (findings, more) = paging::page(found.into_iter(), wanted.limit);
    let next = findings.last().filter(|_| more).map(|it| Place::of(it).to_string());
    let next = next.map(|it| paging::next(uri.path(), uri.query(), "after", &it));
    let findings = findings.into_iter().map(FindingView::of).collect();
    Json(FindingsView { findings, next }).into_response()
}

/// One finding, also one that was resolved lately.
#[utoipa::path(
    get, path = "/api/v1/findings/{id}", tag = "findings",
    params(("id" = String, Path, description = "The finding's id, 64 hexadecimal digits")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, body = FindingView<'static>),
        (status = 404, description = "There is none of this id, or it was resolved long ago")
    )
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    FindingName(id): FindingName,
) -> Result<Response, Problem> {
    if let Some(standing) = shared.standing()
        && let Some(finding) = standing.finding(id)
    {
        return Ok(Json(FindingView::of(finding)).into_response());
    }
    let finding = stored(&shared, id).await?.ok_or_else(no_finding)?;
    Ok(Json(FindingView::of(&finding)).into_response())
}

async fn stored(shared: &Shared, id: FindingId) -> anyhow::Result<Option<Finding>> {
    shared.served.daemon.stored("read a finding", move |store| Ok(store.finding(id)?)).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AcknowledgeRequest)]
pub(super) struct AcknowledgeRequest {
    /// Why, for those who read the record.
    #[schema(schema_with = said::words)]
    reason: Words,
    /// From then on it is told again. At most a year away.
    #[schema(schema_with = said::moment)]
    until: Moment,
}

/// Silence the messages about a finding until a date. It makes nothing green.
#[utoipa::path(
    post, path = "/api/v1/findings/{id}/acknowledge", tag = "findings",
    params(("id" = String, Path, description = "The finding's id, 64 hexadecimal digits")),
    request_body = AcknowledgeRequest,
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, body = FindingView<'static>),
        (status = 404, description = "There is none of this id, or it was resolved long ago"),
        (status = 409, description = "It was resolved")
    )
)]
pub(super) async fn acknowledge(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    FindingName(id): FindingName,
    Body(request): Body<AcknowledgeRequest>,
) -> Result<Response, Problem> {
    let acknowledgement = Acknowledgement {
        by: (&*caller.name).into(),
        reason: request.reason.0,
        until: request.until.end(clock::now())?,
    };
    match shared.served.daemon.acknowledge(id, acknowledgement).await? {
        Some(finding) => {
            tracing::info!(by = &*caller.name, finding = %id, "a finding was acknowledged");
            Ok(Json(FindingView::of(&finding)).into_response())
        }
        None => match stored(&shared, id).await? {
            Some(_) => Err(Problem::new(Kind::NotStanding, "it was resolved since")),
            None => Err(no_finding()),
        },
    }
}
