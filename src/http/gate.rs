//! May a deployment go ahead? The question, and a person's word in spite of the answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::body::Body;
use super::caller::{Operator, Viewer};
use super::problem::{Kind, Problem};
use super::query::Query;
use super::said::{self, Moment, Words};
use super::state::Shared;
use crate::clock;
use crate::gate::{self, Outcome, Question, Refusal};
use crate::model::gate::Override;
use crate::report::gate::{DecisionView, OverrideView};

/// The one that was given last counts; the others are the record.
const OVERRIDES: u32 = 20;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only tenants of this environment count; without it, all of them.
    environment: Option<String>,
}

/// May a deployment go ahead? Judges isolation alone, not health.
#[utoipa::path(
    get, path = "/api/v1/gate", tag = "gate", params(Asked),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "It may, as far as the last scan of the whole fleet shows", body = DecisionView),
        (status = 409, description = "It may not: `findings` break isolation", body = DecisionView),
        (status = 503, description = "Nobody can say: `reason` is why", body = DecisionView)
    )
)]
pub(super) async fn judge(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    Query(Asked { environment }): Query<Asked>,
) -> Response {
    let read = shared
        .served
        .daemon
        .stored("read the overrides of the gate", |store| Ok(store.overrides(OVERRIDES)?));
    // An override that cannot be read allows nothing, and the gate still says what it knows.
    let overrides = read.await.unwrap_or_else(|error| {
        tracing::error!("the gate judges without its overrides: {error:#}");
        Vec::new()
    });
    let (standing, options) = (shared.standing(), shared.options());
    let decision = gate::judge(&Question {
        standing: standing.as_deref(),
        environment: environment.as_deref(),
        options: options.gate.options,
        exceptions: &options.gate.exceptions,
        overrides: &overrides,
        now: clock::now(),
    });
    let status = match &decision.outcome {
        Outcome::Allowed | Outcome::Overridden(..) => StatusCode::OK,
        Outcome::Refused(Refusal::Forbidden(_)) => StatusCode::CONFLICT,
        Outcome::Refused(Refusal::Unknown(_)) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(DecisionView::of(&decision, environment.as_deref()))).into_response()
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OverrideRequest)]
pub(super) struct OverrideRequest {
    /// Why, for those who read the record.
    #[schema(schema_with = said::words)]
    reason: Words,
    /// At most a week away.
    #[schema(schema_with = said::moment)]
    until: Moment,
}

/// Let deployments through in spite of the gate, on record.
#[utoipa::path(
    post, path = "/api/v1/gate/override", tag = "gate",
    request_body = OverrideRequest,
    security(("token" = []), ("session" = [])),
    responses((status = 200, body = OverrideView))
)]
pub(super) async fn put_override(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    Body(request): Body<OverrideRequest>,
) -> Result<Json<OverrideView>, Problem> {
    let (reason, until) = (request.reason.0, request.until.0);
    let given = Override::given(&reason, &caller.name, clock::now(), until)
        .map_err(|error| Problem::new(Kind::Invalid, error.to_string()))?;
    let view = OverrideView::of(&given);
    let write = move |store: &crate::store::Store| Ok(store.put_override(&given)?);
    shared.served.daemon.stored("store an override of the gate", write).await?;
    tracing::warn!(by = &*caller.name, until = view.until, "the gate was overridden");
    Ok(Json(view))
}
