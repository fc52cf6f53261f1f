//! The status page's views, for whoever may read.
//!
//! Why thin: a view is a function from values to text (`crate::page`). Here the values are gathered, most of them from
//! memory, and whoever has not logged in is led to where they can.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::caller::Viewer;
use super::look::Look;
use super::path::{FindingName, TenantName, no_finding, no_tenant};
use super::problem::{Kind, Problem};
use super::state::Shared;
use super::{courses, forms, live, newcomer};
use crate::model::finding::{Finding, FindingId, Verdict};
use crate::model::tenant::TenantId;
use crate::page::finding::Attempt;
use crate::page::history::{Change, Latency};
use crate::page::query::Query;
use crate::page::trend::Point;
use crate::page::{self, asset, verdict};
use crate::store::Store;
use crate::store::wanted::{Wanted, Window};

/// Scans that are read for the trend; the page draws the latest sixty of the whole fleet.
const SCANS: u32 = 200;
const CHANGES: u32 = 40;
const LATENCIES: u32 = 120;
const OPERATIONS: Window = Window { before: 0, rows: 5 };

/// Members of a finding whose histories are read.
const MEMBERS: usize = 50;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml");

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(overview))
        .route("/map", get(map))
        .route("/tenants/{id}", get(tenant))
        .route("/tenants/{id}/badge.svg", get(tenant_badge))
        .route("/findings", get(findings))
        .route("/findings/{id}", get(finding))
        .route("/findings/{id}/acknowledge", post(forms::acknowledge))
        .route("/operations", get(courses::list))
        .route("/operations/new", get(newcomer::form).post(newcomer::create))
        .route("/operations/{id}", get(courses::one))
        .route("/operations/{id}/cancel", post(courses::cancel))
        .route("/operations/{id}/settle", post(courses::settle))
        .route("/scan", post(forms::scan))
        .route("/login", get(forms::login_page).post(forms::login))
        .route("/logout", post(forms::logout))
        .route("/live", get(live::live))
        .route("/badge.svg", get(badge))
        .route("/assets/{name}", get(asset))
        .route("/api", get(reference))
}

/// Who looks at a page, and all that every page needs.
pub(super) struct Reader(pub(super) Look);

impl FromRequestParts<Arc<Shared>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let Viewer(caller) = Viewer::from_request_parts(parts, shared).await?;
        Ok(Self(Look::new(shared, Some(&caller), parts)))
    }
}

/// What a page's own address asks for. Whatever is not understood is as if it were not there.
pub(super) struct Asked(pub(super) Query);

impl FromRequestParts<Arc<Shared>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Ok(Self(Query::parse(pairs.map(|it| it.0).unwrap_or_default())))
    }
}

pub(super) fn html(rendered: Result<String, askama::Error>) -> Result<Response, Problem> {
    let text = rendered.map_err(|error| Problem::fault(anyhow::Error::new(error)))?;
    Ok(([(header::CONTENT_TYPE, HTML)], text).into_response())
}

async fn overview(
    State(shared): State<Arc<Shared>>,
    Reader(look): Reader,
    Asked(query): Asked,
) -> Result<Response, Problem> {
    let read = shared.served.daemon.stored("read the trend", |store| Ok(store.scans(SCANS)?));
    // The page is there for the day on which the store is not: without it there is no trend.
    let scans = read.await.unwrap_or_else(|error| {
        tracing::error!("the page is drawn without a trend: {error:#}");
        Vec::new()
    });
    let whole = scans.iter().filter(|it| !it.partial);
    let point = |it: &crate::store::scans::ScanRecord| Point {
        finished_at: it.finished_at,
        summary: it.summary,
    };
    let trend: Vec<Point> = whole.map(point).collect();
    html(page::overview::render(&page::overview::View {
        frame: look.frame(),
        trend: &trend,
        query: &query,
    }))
}

async fn map(Reader(look): Reader) -> Result<Response, Problem> {
    html(page::map::render(&page::map::View { frame: look.frame() }))
}

async fn findings(Reader(look): Reader, Asked(query): Asked) -> Result<Response, Problem> {
    html(page::findings::render(&page::findings::View { frame: look.frame(), query: &query }))
}

async fn tenant(
    State(shared): State<Arc<Shared>>,
    Reader(look): Reader,
    TenantName(id): TenantName,
) -> Result<Response, Problem> {
    let asked = id.clone();
    let read = move |store: &Store| {
        let wanted = Wanted { tenant: Some(&asked), ..Wanted::default() };
        let operations = store.wanted_operations(&wanted, OPERATIONS)?;
        Ok((store.history(&asked, CHANGES)?, store.latencies(&asked, LATENCIES)?, operations))
    };
    let read = shared.served.daemon.stored("read a tenant's history", read).await;
    let (entries, measured, operations) = read.unwrap_or_else(|error| {
        tracing::error!("the page is drawn without a history: {error:#}");
        (Vec::new(), Vec::new(), Vec::new())
    });
    let history = entries.iter().map(|it| Change {
        at: it.at,
        verdict: it.verdict,
        health: it.health,
        cause: it.cause,
        fingerprint: it.fingerprint,
    });
    let latencies = measured.iter().filter(|it| it.answered);
    let latencies = latencies.map(|it| Latency { at: it.at, took: it.took });
    let drawn = page::tenant::render(&page::tenant::View {
        frame: look.frame(),
        id: &id,
        history: &history.collect::<Vec<_>>(),
        latencies: &latencies.collect::<Vec<_>>(),
        operations: &operations,
    });
    match drawn {
        Ok(Some(text)) => html(Ok(text)),
        Ok(None) => Err(no_tenant()),
        Err(error) => html(Err(error)),
    }
}

async fn finding(
    State(shared): State<Arc<Shared>>,
    Reader(look): Reader,
    FindingName(id): FindingName,
) -> Result<Response, Problem> {
    draw_finding(&shared, &look, id, None).await
}

pub(super) async fn draw_finding(
    shared: &Shared,
    look: &Look,
    id: FindingId,
    attempt: Option<Attempt<'_>>,
) -> Result<Response, Problem> {
    let standing = look.standing.as_ref().and_then(|it| it.finding(id)).cloned();
    let read = move |store: &Store| {
        let Some(finding) = standing.map_or_else(|| store.finding(id), |it| Ok(Some(it)))? else {
            return Ok(None);
        };
        let since = since(store, &finding)?;
        Ok(Some((finding, since)))
    };
    let found = shared.served.daemon.stored("read a finding", read).await?;
    let (finding, since) = found.ok_or_else(no_finding)?;
    let view =
        page::finding::View { frame: look.frame(), finding: &finding, since: &since, attempt };
    html(page::finding::render(&view))
}

/// Since when each of the first members is as it is.
fn since(store: &Store, finding: &Finding) -> anyhow::Result<BTreeMap<TenantId, jiff::Timestamp>> {
    let mut since = BTreeMap::new();
    for id in finding.claim.tenants.iter().take(MEMBERS) {
        if let Some(entry) = store.history(id, 1)?.first() {
            since.insert(id.clone(), entry.at);
        }
    }
    Ok(since)
}

async fn reference(
    State(shared): State<Arc<Shared>>,
    Reader(look): Reader,
) -> Result<Response, Problem> {
    let document = shared.document.value();
    html(page::reference::render(&page::reference::View { frame: look.frame(), document }))
}

async fn badge(Reader(look): Reader) -> Result<Response, Problem> {
    let frame = look.frame();
    let verdict = verdict::of_fleet(frame.standing, frame.now, frame.stale_after);
    svg("tenant isolation", verdict)
}

async fn tenant_badge(
    Reader(look): Reader,
    TenantName(id): TenantName,
) -> Result<Response, Problem> {
    let frame = look.frame();
    let verdict = frame
        .standing
        .and_then(|it| verdict::of_tenant(it, &id, frame.now, frame.stale_after))
        .ok_or_else(no_tenant)?;
    svg(id.as_str(), verdict)
}

fn svg(label: &str, verdict: Verdict) -> Result<Response, Problem> {
    let drawn = page::badge::render(label, verdict);
    let text = drawn.map_err(|error| Problem::fault(anyhow::Error::new(error)))?;
    Ok(([(header::CONTENT_TYPE, SVG)], text).into_response())
}

/// Open to anybody: the login page needs them, and they tell nothing. A name never changes its file.
async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = asset::asset(&name);
    let file = found.ok_or_else(|| Problem::new(Kind::NoRoute, "there is no such file"))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(file.content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    Ok((headers, [(header::ETAG, file.etag())], file.bytes).into_response())
}

/// In place of a view that there is not, or not for them.
pub(super) fn problem(look: &Look, problem: &Problem, request_id: &str) -> Option<String> {
    let view = page::problem::View {
        frame: look.frame(),
        status: problem.kind.status().as_u16(),
        detail: &problem.detail,
        request_id,
    };
    page::problem::render(&view).ok()
}
