//! Every view of a fleet, as the daemon would answer its address.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::json;
use watertight::model::finding::{Health, Verdict};
use watertight::model::fingerprint::Digest256;
use watertight::model::observation::Cause;
use watertight::model::operation::Operation;
use watertight::model::preflight::{Check, CheckName};
use watertight::model::report::Summary;
use watertight::page::frame::{Frame, Progress, Provisioning, Reach, Running, Viewer};
use watertight::page::history::{Change, Latency};
use watertight::page::newcomer::{Database, Refusal, Wanted};
use watertight::page::query::Query;
use watertight::page::trend::Point;
use watertight::page::{
    finding, findings, login, map, newcomer, operation, operations, overview, problem, reference,
    tenant,
};
use watertight::standing::Standing;

use super::courses;
use super::fleets::{before, now};

pub(crate) const OPERATOR: Viewer<'_> = Viewer { name: Some("sam"), reach: Reach::Operates };

/// As an operator sees it, while nothing runs.
pub(crate) fn frame(standing: Option<&Standing>) -> Frame<'_> {
    Frame {
        now: now(),
        standing,
        stale_after: SignedDuration::from_mins(30),
        viewer: Some(OPERATOR),
        csrf: "a-token-against-forgery",
        progress: Progress {
            running: None,
            waiting: false,
            next_at: Some(now() + SignedDuration::from_mins(3)),
        },
        version: "01k5p4x0000000000000000000",
        notice: None,
        here: "/",
        provisioning: Provisioning::Configured,
    }
}

/// As somebody sees it who makes tenants.
pub(crate) fn provisioner(standing: Option<&Standing>) -> Frame<'_> {
    let viewer = Viewer { name: Some("kim"), reach: Reach::Provisions };
    Frame { viewer: Some(viewer), ..frame(standing) }
}

pub(crate) fn operation(frame: Frame<'_>, operation: &Operation) -> String {
    operation::render(&operation::View { frame, operation, attempt: None }).expect("it is drawn")
}

pub(crate) fn refused_settlement(
    frame: Frame<'_>,
    operation: &Operation,
    attempt: operation::Attempt<'_>,
) -> String {
    let view = operation::View { frame, operation, attempt: Some(attempt) };
    operation::render(&view).expect("it is drawn")
}

pub(crate) fn operations(
    frame: Frame<'_>,
    query: &Query,
    operations: &[Operation],
    total: usize,
) -> String {
    let view = operations::View { frame, query, operations, total };
    operations::render(&view).expect("it is drawn")
}

pub(crate) fn newcomer(
    frame: Frame<'_>,
    wanted: Wanted<'_>,
    refusal: Option<Refusal<'_>>,
) -> String {
    let view = newcomer::View { frame, nonce: "bm9uY2Utb2YtYS1wYWdl", wanted, refusal };
    newcomer::render(&view).expect("it is drawn")
}

/// What is done with tenants, as a provisioner sees it, with `told` from outside.
pub(crate) fn provisioning(standing: Option<&Standing>, told: &str) -> Vec<(String, String)> {
    let frame = provisioner(standing);
    let all = courses::all(told);
    let list: Vec<Operation> = all.iter().map(|(_, it)| it.clone()).collect();
    let mut views = vec![
        ("/operations".to_owned(), operations(frame, &Query::default(), &list, list.len())),
        ("/operations/new".to_owned(), newcomer(frame, Wanted::default(), None)),
        ("/operations/refused".to_owned(), refused_newcomer(frame, told)),
    ];
    for (name, it) in &all {
        views.push((format!("/operations/{name}"), operation(frame, it)));
    }
    views
}

/// With checks of every end, and all that somebody can type.
fn refused_newcomer(frame: Frame<'_>, told: &str) -> String {
    let check = |name: CheckName| {
        let ok = !matches!(name, CheckName::SubdomainAvailable | CheckName::ProviderQuota);
        let detail = if ok { "it is as it should be".to_owned() } else { told.to_owned() };
        Check { name, ok, detail }
    };
    let checks: Vec<Check> = CheckName::ALL.into_iter().take(10).map(check).collect();
    let wanted = Wanted {
        subdomain: told,
        name: told,
        environment: "production",
        labels: told,
        database: Database::New,
    };
    newcomer(frame, wanted, Some(Refusal::Preflight(&checks)))
}

pub(crate) fn running(frame: Frame<'_>) -> Frame<'_> {
    let running = Running { stage: "visits", done: 6, total: 14, partial: false };
    Frame {
        progress: Progress { running: Some(running), waiting: true, ..frame.progress },
        ..frame
    }
}

pub(crate) fn overview(frame: Frame<'_>, query: &Query) -> String {
    let trend = trend();
    overview::render(&overview::View { frame, trend: &trend, query }).expect("it is drawn")
}

pub(crate) fn findings(frame: Frame<'_>, query: &Query) -> String {
    findings::render(&findings::View { frame, query }).expect("it is drawn")
}

pub(crate) fn map(frame: Frame<'_>) -> String {
    map::render(&map::View { frame }).expect("it is drawn")
}

pub(crate) fn login(frame: Frame<'_>) -> String {
    let frame = Frame { viewer: None, standing: None, ..frame };
    login::render(&login::View { frame, next: "/map", problem: None }).expect("it is drawn")
}

pub(crate) fn problem(frame: Frame<'_>, status: u16) -> String {
    let view = problem::View { frame, status, detail: "", request_id: "01k5p4x1" };
    problem::render(&view).expect("it is drawn")
}

pub(crate) fn reference(frame: Frame<'_>) -> String {
    reference::render(&reference::View { frame, document: &document() }).expect("it is drawn")
}

pub(crate) fn tenant(frame: Frame<'_>, id: &str) -> Option<String> {
    let id = super::fleets::id(id);
    let (history, latencies) = (history(), latencies());
    let operations: Vec<Operation> = courses::all(courses::PRINTED)
        .into_iter()
        .filter_map(|(_, it)| (it.tenant == id).then_some(it))
        .collect();
    let view = tenant::View {
        frame,
        id: &id,
        history: &history,
        latencies: &latencies,
        operations: &operations,
    };
    tenant::render(&view).expect("it is drawn")
}

pub(crate) fn finding(frame: Frame<'_>, place: usize) -> String {
    let finding = &frame.standing.expect("a fleet").now.findings[place];
    let since = BTreeMap::new();
    let view = finding::View { frame, finding, since: &since, attempt: None };
    finding::render(&view).expect("it is drawn")
}

/// The addresses of a fleet's views, with what stands there.
pub(crate) fn all(standing: Option<&Standing>) -> Vec<(String, String)> {
    let frame = frame(standing);
    let query = Query::default();
    let mut views = vec![
        ("/".to_owned(), overview(frame, &query)),
        ("/map".to_owned(), map(frame)),
        ("/findings".to_owned(), findings(frame, &query)),
        ("/login".to_owned(), login(frame)),
        ("/api".to_owned(), reference(frame)),
        ("/nothing".to_owned(), problem(frame, 404)),
    ];
    let Some(standing) = standing else { return views };
    for it in standing.now.tenants.iter().take(30) {
        let drawn = tenant(frame, it.id.as_str()).expect("it is known");
        views.push((format!("/tenants/{}", it.id), drawn));
    }
    for (place, it) in standing.now.findings.iter().enumerate().take(30) {
        views.push((format!("/findings/{}", it.id), finding(frame, place)));
    }
    views
}

fn trend() -> Vec<Point> {
    let point = |scan: usize| {
        let breached = [6, 6, 6, 6, 6, 6, 6, 4, 4, 4, 2, 2, 0, 0, 0, 0][(scan / 3).min(15)];
        let unverified = if scan.is_multiple_of(11) { 4 } else { 2 };
        let tenants = 14;
        let isolated = tenants - breached - unverified;
        Point {
            finished_at: before(2 + 5 * i64::try_from(scan).expect("few")),
            summary: Summary { tenants, isolated, breached, unverified, ..Summary::default() },
        }
    };
    (0..60).map(point).collect()
}

fn history() -> Vec<Change> {
    let change = |minutes, verdict, health, cause, database: Option<&str>| Change {
        at: before(minutes),
        verdict,
        health,
        cause,
        fingerprint: database.map(|it| Digest256::of(it.as_bytes())),
    };
    vec![
        change(47, Verdict::Breached, Health::Healthy, None, Some("other")),
        change(300, Verdict::Isolated, Health::Healthy, None, Some("own")),
        change(330, Verdict::Unverified, Health::Unhealthy, Some(Cause::Timeout), None),
        change(60 * 24 * 2, Verdict::Isolated, Health::Healthy, None, Some("own")),
    ]
}

fn latencies() -> Vec<Latency> {
    let one = |scan: u64| Latency {
        at: before(i64::try_from(scan).expect("few") * 5),
        took: std::time::Duration::from_micros(9_000 + scan * scan * 137 % 4_700),
    };
    (0..80).map(one).collect()
}

fn document() -> serde_json::Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Watertight", "version": "1", "description": "Reads the last finished scan, asks for scans and says whether a deployment may go ahead."},
        "paths": {
            "/api/v1/scans": {"post": {
                "summary": "Asks for a scan",
                "description": "Of the whole fleet, or of the tenants named. Never of a host.",
                "parameters": [{"name": "wait", "in": "query", "schema": {"type": "boolean"}, "description": "Answer when it has ended."}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Asked"}}}},
                "responses": {
                    "202": {"description": "Queued.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Queued"}}}},
                    "401": {"description": "No token, or a wrong one.", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
                }
            }},
            "/api/v1/tenants/{id}": {"get": {
                "summary": "One tenant",
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "It."}, "404": {"description": "Nobody knows it."}}
            }}
        },
        "components": {"schemas": {
            "Asked": {"type": "object", "description": "Whom to look at.", "properties": {"tenants": {"type": "array", "items": {"type": "string"}, "description": "Ids."}}},
            "Queued": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "next": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Asked"}]}}}
        }}
    })
}
