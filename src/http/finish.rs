//! The end of every request: its name, its error, its headers and its line in the log.
//!
//! Why one place: an error that is written out where it happens is written in as many ways as there are places, and one
//! of them will tell a peer what only the log may know.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use tokio::time::Instant;

use super::caller;
use super::forms::lead;
use super::look::Look;
use super::pages;
use super::problem::{Kind, Problem};
use super::request_id::{self, RequestId};
use super::state::Shared;
use crate::page::CONTENT_POLICY;
use crate::page::frame::own_path;

/// Nothing that we send is ever taken for anything else, kept by a stranger's cache, framed, or told to another site.
const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
];

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
    let (parts, body) = request.into_parts();
    let page = wants_page(&parts).then(|| parts.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let mut response = taken(response, &asked, &id).unwrap_or_else(|taken| {
        let (problem, response) = *taken;
        let drawn = page.and_then(|parts| drawn(&shared, &parts, &problem, &id));
        drawn.unwrap_or_else(|| written(&problem, response, &id))
    });
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

/// Takes the problem out of a response, whoever made it: a handler, the router or a panic.
fn taken(
    mut response: Response,
    asked: &Asked,
    id: &RequestId,
) -> Result<Response, Box<(Problem, Response)>> {
    let made = response.extensions_mut().remove::<Problem>();
    let problem = match (made, response.status()) {
        (Some(problem), _) => problem,
        (None, StatusCode::METHOD_NOT_ALLOWED) => {
            Problem::new(Kind::WrongMethod, "the methods that it takes are in `Allow`")
        }
        (None, _) => return Ok(response),
    };
    log(&problem, asked, id);
    Err(Box::new((problem, response)))
}

/// As `application/problem+json`.
fn written(problem: &Problem, mut response: Response, id: &RequestId) -> Response {
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
    wait(headers, problem);
    written
}

fn wait(headers: &mut HeaderMap, problem: &Problem) {
    if let Some(wait) = problem.retry_after {
        // The wait is rounded up: whoever comes back too early is refused again.
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
    }
}

/// Whether a person's browser asks, and not for the API.
fn wants_page(parts: &Parts) -> bool {
    let accept = parts.headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let path = parts.uri.path();
    accept.is_some_and(|it| it.contains("text/html"))
        && !["/api/", "/-/", "/local/"].iter().any(|it| path.starts_with(it))
}

/// As a page. Whoever has to log in first is led there, and back afterwards.
fn drawn(shared: &Shared, parts: &Parts, problem: &Problem, id: &RequestId) -> Option<Response> {
    if problem.kind == Kind::Unauthenticated && parts.method.is_safe() {
        let here = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        return Some(lead(&login_for(here)));
    }
    // Who it is matters only for how the page looks: what was asked for is refused already.
    let mut reading = parts.clone();
    reading.method = Method::GET;
    let caller = caller::caller(&reading, shared).ok();
    let look = Look::new(shared, caller.as_ref(), parts);
    let text = pages::problem(&look, problem, id.as_str())?;
    let mut drawn = (problem.kind.status(), Html(text)).into_response();
    wait(drawn.headers_mut(), problem);
    Some(drawn)
}

/// The path stands whole in a query of its own.
fn login_for(here: &str) -> String {
    let mut location = "/login?next=".to_owned();
    for byte in own_path(here).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            location.push(char::from(byte));
        } else {
            location.push_str(&format!("%{byte:02X}"));
        }
    }
    location
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
#[expect(clippy::needless_pass_by_value, reason = "the shape that the layer asks for")]
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Problem::fault(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}
