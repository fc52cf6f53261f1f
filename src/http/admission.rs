//! Which requests are taken up at all.
//!
//! Why before everything else: a request that is turned away here has cost a few microseconds, however it was meant.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::Door;
use super::host;
use super::listen::Connection;
use super::problem::{Kind, Problem};
use super::routes;
use super::state::Shared;

/// For a request that found no room: long enough for most that are in the works to end.
const COME_BACK: Duration = Duration::from_secs(1);

pub(super) async fn admit(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let admitted = within_rate(&shared, &request).and_then(|()| meant_for_us(&shared, &request));
    if let Err(problem) = admitted {
        return problem.into_response();
    }
    let Ok(_slot) = shared.in_flight.try_acquire() else {
        let detail = "as many requests are in the works as the daemon takes at once";
        return Problem::new(Kind::Overloaded, detail).after(COME_BACK).into_response();
    };
    let limit = time_limit(&shared, &request);
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(Kind::TimedOut, format!("it took longer than {limit:?}")).into_response()
        }
    }
}

fn within_rate(shared: &Shared, request: &Request) -> Result<(), Problem> {
    let Some(Door::Tcp(peer)) = door(request) else { return Ok(()) };
    shared.requests.take(peer.ip()).map_err(|wait| {
        let detail = format!("{} a second are taken", shared.limits.rate);
        Problem::new(Kind::TooMany, detail).after(wait)
    })
}

/// The liveness routes tell nothing, and whoever watches a process knows it by any name.
fn meant_for_us(shared: &Shared, request: &Request) -> Result<(), Problem> {
    if door(request) == Some(Door::Socket) || routes::ANYBODYS.contains(&request.uri().path()) {
        return Ok(());
    }
    match host::host(request.uri(), request.headers()) {
        Some(host) if host::is_ours(&host, &shared.options().hosts) => Ok(()),
        Some(_) => Err(Problem::new(Kind::WrongHost, "add the name to `http.hosts`")),
        None => Err(Problem::new(Kind::WrongHost, "send one `Host`")),
    }
}

fn door(request: &Request) -> Option<Door> {
    request.extensions().get::<Connection>().map(|it| it.door)
}

/// Whoever waits for a scan is bounded by the handler; this is only behind it.
fn time_limit(shared: &Shared, request: &Request) -> Duration {
    let limits = &shared.limits;
    let asks_for_a_scan = request.method() == Method::POST;
    match request.uri().path() {
        routes::LOCAL_SCANS if asks_for_a_scan => Duration::MAX,
        // A provider has minutes for its answer.
        routes::LOCAL_ORPHANS => Duration::MAX,
        routes::SCANS if asks_for_a_scan => limits.wait.saturating_add(limits.answer),
        // The whole fleet is visited before a tenant is moved.
        path if path.ends_with(routes::MOVES) => match door(request) {
            Some(Door::Socket) => Duration::MAX,
            _ => limits.wait.saturating_add(limits.answer),
        },
        _ => limits.answer,
    }
}
