//! The end of every request: its name, its error, its headers and its line in the log.
//!
//! Why one place: an error that is written out where it happens is written in as many ways as there are places, and one
//! of them will tell a peer what only the log may know.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::problem::{Kind, Problem};
use super::request_id::{self, RequestId};
use super::state::Shared;

/// Nothing that we send is ever taken for anything else, kept by a stranger's cache, framed, or told to another site.
const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
];

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn finish(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let counted = shared.served.daemon.metrics().request();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let asked = Asked::of(&request);
    let mut response = written(next.run(request).await, &asked, &id);
    headers(response.headers_mut(), &id);
    let (status, took) = (response.status(), began.elapsed());
    asked.log(status, took, &id);
    counted.answered(asked.method.as_str(), asked.route.as_deref(), status.as_u16(), took);
    response
}

/// What the log says of a request: the route and never the path, which may hold anything.
struct Asked {
    method: Method,
    /// `None` where none fitted.
    route: Option<Box<str>>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map(|it| it.as_str().into());
        Self { method: request.method().clone(), route }
    }

    fn log(&self, status: StatusCode, took: Duration, id: &RequestId) {
        let (method, route, request_id) = (&self.method, self.route.as_deref(), id.as_str());
        tracing::debug!(%method, route, status = status.as_u16(), ?took, request_id, "answered");
    }
}

/// Problems as `application/problem+json`, whoever made them: a handler, the router or a panic.
fn written(mut response: Response, asked: &Asked, id: &RequestId) -> Response {
    let made = response.extensions_mut().remove::<Problem>();
    let problem = match (made, response.status()) {
        (Some(problem), _) => problem,
        (None, StatusCode::METHOD_NOT_ALLOWED) => {
            Problem::new(Kind::WrongMethod, "the methods that it takes are in `Allow`")
        }
        (None, _) => return response,
    };
    log(&problem, asked, id);
    let allow = response.headers_mut().remove(header::ALLOW);
    let view = Json(problem.view(id.as_str()));
    let mut written = (problem.kind.status(), view).into_response();
    let headers = written.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(allow) = allow {
        headers.insert(header::ALLOW, allow);
    }
    if problem.kind == Kind::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = problem.retry_after {
        // The wait is rounded up: whoever comes back too early is refused again.
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
    }
    written
}

/// The one place where an error of a request is logged.
fn log(problem: &Problem, asked: &Asked, id: &RequestId) {
    let Some(cause) = &problem.cause else { return };
    let (method, route, request_id) = (&asked.method, asked.route.as_deref(), id.as_str());
    tracing::error!(%method, route, request_id, "{}: {cause:#}", problem.kind.title());
}

fn headers(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(request_id::NAME, id.header());
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    // An asset says how long it may be kept; everything else is true only now.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// What is told of a panic is that there was one.
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Problem::fault(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}
