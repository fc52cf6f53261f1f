//! Whether the daemon lives, whether it is ready, and the request to read its configuration anew.
//!
//! Why the store is asked for readiness and not for liveness: a process without its disk still scans and still tells, and
//! restarting it mends nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::caller::Operator;
use super::problem::{Kind, Problem};
use super::state::Shared;

/// For one row of the store. Longer, and whoever asks has given up.
const STORE_LIMIT: Duration = Duration::from_secs(3);

/// For reading a configuration with its files; nobody is contacted.
const RELOAD_LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alive)]
pub(super) struct Alive {
    alive: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReadyToServe)]
pub(super) struct ReadyToServe {
    ready: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reloaded)]
pub(super) struct Reloaded {
    reloaded: bool,
}

/// Does the process live?
#[utoipa::path(get, path = "/-/healthy", tag = "daemon", responses((status = 200, body = Alive)))]
pub(super) async fn healthy() -> Json<Alive> {
    Json(Alive { alive: true })
}

/// Are configuration, store and schedule up?
#[utoipa::path(
    get, path = "/-/ready", tag = "daemon",
    responses((status = 200, body = ReadyToServe), (status = 503, description = "`errors` says what is not up"))
)]
pub(super) async fn ready(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<ReadyToServe>, Problem> {
    let ready = *shared.served.ready.borrow();
    let asked = shared.served.daemon.stored("ask the store", |store| Ok(store.scans(1)?));
    let store = tokio::time::timeout(STORE_LIMIT, asked).await.is_ok_and(|it| it.is_ok());
    let parts =
        [("configuration", ready.configuration), ("store", store), ("schedule", ready.schedule)];
    let down = parts.iter().filter(|(_, up)| !up).map(|(name, _)| (*name).to_owned());
    let down: Vec<String> = down.collect();
    if down.is_empty() {
        return Ok(Json(ReadyToServe { ready: true }));
    }
    Err(Problem::new(Kind::NotReady, "some of it is not up").with_errors(down))
}

/// Read the configuration anew: it takes the place of the old one whole, or not at all.
#[utoipa::path(
    post, path = "/-/reload", tag = "daemon",
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, body = Reloaded),
        (status = 422, description = "It was refused and the old one stays; `errors` says why")
    )
)]
pub(super) async fn reload(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
) -> Result<Json<Reloaded>, Problem> {
    tracing::info!(by = &*caller.name, "a reload was asked for");
    let (answer, answered) = oneshot::channel();
    let asked = async {
        shared.served.reload.send(answer).await.ok()?;
        answered.await.ok()
    };
    match tokio::time::timeout(RELOAD_LIMIT, asked).await {
        Ok(Some(Ok(()))) => Ok(Json(Reloaded { reloaded: true })),
        Ok(Some(Err(errors))) => {
            Err(Problem::new(Kind::Refused, "mend what `errors` names").with_errors(errors))
        }
        Ok(None) => Err(Problem::new(Kind::NotReady, "the daemon is about to stop")),
        Err(_) => Err(Problem::new(Kind::TimedOut, "the configuration is still being read")),
    }
}
