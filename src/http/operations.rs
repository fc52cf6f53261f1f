//! Operations: how far each is, and how it ended.
//!
//! Why a stream beside the answer: a project takes minutes, and whoever waits for it wants to see it move.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::body::Body;
use super::caller::{self, Viewer};
use super::path::OperationName;
use super::problem::{Kind, Problem};
use super::said::{self, Words};
use super::state::Shared;
use crate::model::operation::{Operation, OperationId, OperationState};
use crate::saga;

pub(super) const PATH: &str = "/api/v1/operations";

/// That are listed.
const LATEST: u32 = 100;

/// Of a stream; whoever wants more asks again, and is judged again.
const LONGEST: Duration = Duration::from_mins(30);

/// Between two signs of life.
const ANYWAY: Duration = Duration::from_secs(15);

/// A tenant that is being made, moved or taken away.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Operation)]
pub(super) struct OperationView {
    id: String,
    /// `provision`, `deprovision` or `rehome`.
    kind: &'static str,
    tenant: String,
    /// `running`, `succeeded`, `rolled_back` or `stuck`.
    state: &'static str,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// In the order in which they are done.
    steps: Vec<StepView>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Step)]
struct StepView {
    name: &'static str,
    /// `pending`, `running`, `succeeded`, `failed`, `undone` or `undo_failed`.
    state: &'static str,
    #[schema(format = DateTime)]
    started_at: Option<String>,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Why it failed, or could not be undone.
    error: Option<String>,
    /// What it made: of a backup, the file and its digest.
    note: Option<String>,
}

impl From<&Operation> for OperationView {
    fn from(operation: &Operation) -> Self {
        let steps = saga::steps(operation.kind, &operation.log).into_iter();
        Self {
            id: operation.id.to_string(),
            kind: operation.kind.label(),
            tenant: operation.tenant.to_string(),
            state: operation.state.label(),
            started_at: operation.started_at.to_string(),
            finished_at: operation.finished_at.map(|it| it.to_string()),
            steps: steps
                .map(|it| StepView {
                    name: it.step.label(),
                    state: it.state.label(),
                    started_at: it.started_at.map(|it| it.to_string()),
                    finished_at: it.finished_at.map(|it| it.to_string()),
                    error: it.error.map(String::from),
                    note: it.note.map(String::from),
                })
                .collect(),
        }
    }
}

/// The latest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operations)]
pub(super) struct OperationsView {
    operations: Vec<OperationView>,
}

/// The latest operations.
#[utoipa::path(
    get, path = PATH, tag = "provisioning",
    security(("token" = []), ("session" = [])),
    responses((status = 200, body = OperationsView))
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
) -> Result<Json<OperationsView>, Problem> {
    let read = |store: &crate::store::Store| Ok(store.operations(LATEST)?);
    let operations = shared.served.daemon.stored("list the operations", read).await?;
    Ok(Json(OperationsView { operations: operations.iter().map(OperationView::from).collect() }))
}

/// One operation; with `Accept: text/event-stream`, each change of it until it has ended.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}", tag = "provisioning",
    params(("id" = String, Path, description = "The operation's id")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, body = OperationView),
        (status = 404, description = "There is none of this id, or it ended long ago")
    )
)]
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    OperationName(id): OperationName,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let operation = read(&shared, &id).await?;
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/event-stream") {
        return Ok(Json(OperationView::from(&operation)).into_response());
    }
    let news = shared.served.provisioner.news();
    let watch = Watch { shared, id, news, told: None, end: Instant::now() + LONGEST, over: false };
    let events = stream::unfold(watch, Watch::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ANYWAY)).into_response())
}

/// Turn an operation back: what it did is undone.
#[utoipa::path(
    post, path = "/api/v1/operations/{id}/cancel", tag = "provisioning",
    params(("id" = String, Path, description = "The operation's id")),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 202, description = "It is being undone", body = OperationView),
        (status = 404, description = "There is none of this id, or it ended long ago"),
        (status = 409, description = "It has ended, or cannot be undone any more")
    )
)]
pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    caller::Provisioner(caller): caller::Provisioner,
    OperationName(id): OperationName,
) -> Result<Response, Problem> {
    read(&shared, &id).await?;
    if !shared.served.provisioner.cancel(&id).await? {
        let detail = "it has ended, is being undone already, or is past what can be undone";
        return Err(Problem::new(Kind::TooLate, detail));
    }
    tracing::info!(by = &*caller.name, operation = %id, "an operation was cancelled");
    let operation = read(&shared, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(OperationView::from(&operation))).into_response())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Settlement)]
pub(super) struct Settlement {
    /// What was done about it.
    #[schema(schema_with = said::words)]
    reason: Words,
}

/// Say that nothing is left of a stuck operation: its finding is resolved by the next scan.
#[utoipa::path(
    post, path = "/api/v1/operations/{id}/settle", tag = "provisioning",
    params(("id" = String, Path, description = "The operation's id")),
    request_body = Settlement,
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "It is settled", body = OperationView),
        (status = 404, description = "There is none of this id, or it ended long ago"),
        (status = 409, description = "It is not stuck")
    )
)]
pub(super) async fn settle(
    State(shared): State<Arc<Shared>>,
    caller::Provisioner(caller): caller::Provisioner,
    OperationName(id): OperationName,
    Body(Settlement { reason }): Body<Settlement>,
) -> Result<Json<OperationView>, Problem> {
    read(&shared, &id).await?;
    let said = format!("{}: {}", caller.name, reason.0).into();
    if !shared.served.provisioner.settle(&id, said).await? {
        return Err(Problem::new(Kind::TooLate, "it is not stuck"));
    }
    tracing::info!(by = &*caller.name, operation = %id, "an operation was settled");
    Ok(Json(OperationView::from(&read(&shared, &id).await?)))
}

pub(super) async fn read(shared: &Shared, id: &OperationId) -> Result<Operation, Problem> {
    let found = shared.served.provisioner.operation(id).await?;
    found.ok_or_else(super::path::no_operation)
}

/// An operation as it moves.
struct Watch {
    shared: Arc<Shared>,
    id: OperationId,
    news: watch::Receiver<u64>,
    told: Option<OperationView>,
    end: Instant,
    over: bool,
}

impl Watch {
    /// The next event that says something new; `None` when there will be none.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while !self.over {
            if self.told.is_some() {
                self.something().await?;
            }
            self.news.mark_unchanged();
            let operation = self.shared.served.provisioner.operation(&self.id).await.ok()??;
            let view = OperationView::from(&operation);
            self.over = operation.state != OperationState::Running;
            if self.told.as_ref() != Some(&view) {
                let text = serde_json::to_string(&view).ok()?;
                self.told = Some(view);
                return Some((Ok(Event::default().data(text)), self));
            }
        }
        None
    }

    /// `None` when the stream ends.
    async fn something(&mut self) -> Option<()> {
        let stopped = self.shared.stop.cancelled();
        tokio::select! {
            () = stopped => None,
            () = tokio::time::sleep_until(self.end) => None,
            changed = self.news.changed() => changed.ok(),
        }
    }
}
