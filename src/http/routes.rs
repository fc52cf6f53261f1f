//! Every route, and what stands around them.
//!
//! Why the order of the layers matters: each request gets its name first and its end last, so that whatever refuses it on
//! the way, a panic included, is answered as every error is.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admission::admit;
use super::document;
use super::finish::{finish, panicked};
use super::problem::{Kind, Problem};
use super::state::Shared;
use super::{
    changes, daily, findings, gate, hooks, liveness, local, metrics, operations, pages,
    provisioning, route, scans, tenants,
};

/// Answered to anybody, by whatever name they call us.
pub(super) const ANYBODYS: [&str; 2] = ["/-/healthy", "/-/ready"];

pub(super) const SCANS: &str = "/api/v1/scans";
pub(super) const LOCAL_SCANS: &str = "/local/v1/scans";
pub(super) const LOCAL_ORPHANS: &str = "/local/v1/orphans";

/// How what moves a tenant ends.
pub(super) const MOVES: &str = "/rehome";

/// In bytes: a smaller answer fits into a packet as it is.
const WORTH_COMPRESSING: u16 = 1_024;

/// What the published document describes.
pub(super) fn api() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(document::head())
        .routes(routes!(liveness::healthy))
        .routes(routes!(liveness::ready))
        .routes(routes!(liveness::reload))
        .routes(routes!(scans::list, scans::create))
        .routes(routes!(scans::latest))
        .routes(routes!(scans::one))
        .routes(routes!(tenants::list, provisioning::create))
        .routes(routes!(provisioning::validate))
        .routes(routes!(tenants::one, provisioning::remove))
        .routes(routes!(provisioning::rehome))
        .routes(routes!(tenants::history))
        .routes(routes!(operations::list))
        .routes(routes!(operations::one))
        .routes(routes!(operations::cancel))
        .routes(routes!(operations::settle))
        .routes(routes!(findings::list))
        .routes(routes!(findings::one))
        .routes(routes!(findings::acknowledge))
        .routes(routes!(changes::list, changes::announce))
        .routes(routes!(gate::judge))
        .routes(routes!(gate::put_override))
        .routes(routes!(route::decide))
        .routes(routes!(daily::report))
        .routes(routes!(hooks::github))
        .routes(routes!(metrics::scrape))
        .routes(routes!(document::served))
}

pub(super) fn tcp(shared: &Arc<Shared>) -> Router {
    let (router, _) = api().split_for_parts();
    let router = match &shared.options().tenant_path {
        Some(path) => router.merge(tenants_under(path)),
        None => router,
    };
    around(router.merge(pages::router()), shared)
}

/// What is done with tenants, under the path that the platform has for it. The configuration has seen to it that no other
/// route is there.
fn tenants_under(path: &str) -> Router<Arc<Shared>> {
    Router::new()
        .route(path, get(tenants::list).post(provisioning::create))
        .route(&format!("{path}/validate"), post(provisioning::validate))
        .route(&format!("{path}/{{id}}"), get(tenants::one).delete(provisioning::remove))
        .route(&format!("{path}/{{id}}/rehome"), post(provisioning::rehome))
        .route(&format!("{path}/{{id}}/history"), get(tenants::history))
}

/// The same, and what only a command of this machine may ask.
pub(super) fn socket(shared: &Arc<Shared>) -> Router {
    let (router, _) = api().split_for_parts();
    around(router.merge(local::router()), shared)
}

fn around(router: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router {
    // No page is compressed: it holds the session's CSRF token beside what its reader typed.
    let worth = SizeAbove::new(WORTH_COMPRESSING)
        .and(NotForContentType::new("text/html"))
        .and(NotForContentType::new("text/event-stream"))
        .and(NotForContentType::new("image/png"));
    router
        .fallback(nothing_here)
        .layer(from_fn_with_state(Arc::clone(shared), admit))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(shared), finish))
        .layer(CompressionLayer::new().compress_when(worth))
        .with_state(Arc::clone(shared))
}

async fn nothing_here() -> impl IntoResponse {
    Problem::new(Kind::NoRoute, "see /api/v1/openapi.json for what there is")
}
