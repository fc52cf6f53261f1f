//! The metrics, for Prometheus. Made from the last finished scan; nobody is visited.

use std::sync::Arc;

use anyhow::Context;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::caller::Viewer;
use super::options::Access;
use super::problem::Problem;
use super::state::Shared;
use crate::clock;

const EXPOSITION: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Whoever may read the metrics, as the configuration says.
#[derive(Debug)]
pub(super) struct Scraper;

impl FromRequestParts<Arc<Shared>> for Scraper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        match shared.options().metrics {
            Access::Open => Ok(Self),
            Access::Viewer => Viewer::from_request_parts(parts, shared).await.map(|_| Self),
        }
    }
}

/// Metrics in Prometheus' text format. Open to anybody, or to viewers, as `http.metrics` says.
#[utoipa::path(
    get, path = "/metrics", tag = "daemon",
    security((), ("token" = []), ("session" = [])),
    responses((status = 200, description = "Exposition format 0.0.4", body = String, content_type = "text/plain"))
)]
pub(super) async fn scrape(
    State(shared): State<Arc<Shared>>,
    _: Scraper,
) -> Result<Response, Problem> {
    let metrics = Arc::clone(shared.served.daemon.metrics());
    // Some milliseconds for a large fleet: too long for a thread that others wait for.
    let render = tokio::task::spawn_blocking(move || metrics.render(clock::now()));
    let text = render.await.context("render the metrics")?;
    Ok(([(header::CONTENT_TYPE, EXPOSITION)], text).into_response())
}
