//! What is told of the fleet.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use watertight::http::Ready;
use watertight::http::role::Role;
use watertight::report::json::parse;

use crate::house::{House, Plan, answer, refused, secret};
use crate::sample;

fn ids<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    list[name].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

/// Every page of a list, until there is no next one.
async fn pages(house: &House, first: &str, name: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let (status, page) = answer(house.get(&path)).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        all.extend(ids(&page, name).into_iter().map(str::to_owned));
        next = page["next"].as_str().map(str::to_owned);
        assert!(all.len() < 10_000, "the pages have an end");
    }
    all
}

#[tokio::test]
async fn the_latest_report_is_the_one_that_the_scan_left() {
    let house = House::new().await;
    let response = house.get("/api/v1/scans/latest").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let version = response.headers()["etag"].clone();
    let text = response.text().await.unwrap();
    let expected = sample::everything().0;
    assert_eq!(parse(&text).unwrap(), expected);
    let path = format!("/api/v1/scans/{}", expected.id);
    let same = house.get(&path).send().await.unwrap().text().await.unwrap();
    assert_eq!(same, text);
    for path in ["/api/v1/scans/latest", &path] {
        let again = house.get(path).header("if-none-match", &version).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.text().await.unwrap(), "");
    }
    house.leave().await;
}

#[tokio::test]
async fn before_the_first_scan_nothing_is_told_and_nothing_is_green() {
    let house = House::of(Plan { before: None, ..Plan::default() }).await;
    refused(house.get("/api/v1/scans/latest"), StatusCode::NOT_FOUND, "unknown").await;
    refused(house.get("/api/v1/tenants/acme"), StatusCode::NOT_FOUND, "unknown").await;
    let (_, tenants) = answer(house.get("/api/v1/tenants")).await;
    assert_eq!(tenants, json!({"scan": null, "tenants": [], "next": null}));
    let (_, findings) = answer(house.get("/api/v1/findings")).await;
    assert_eq!(findings, json!({"findings": [], "next": null}));
    house.leave().await;
}

#[tokio::test]
async fn pages_of_any_size_hold_every_tenant_once_and_in_order() {
    let house = House::new().await;
    let report = sample::everything().0;
    let expected: Vec<String> = report.tenants.iter().map(|it| it.id.to_string()).collect();
    for limit in [1, 3, 500] {
        let path = format!("/api/v1/tenants?limit={limit}");
        assert_eq!(pages(&house, &path, "tenants").await, expected);
    }
    house.leave().await;
}

#[tokio::test]
async fn tenants_are_found_by_how_they_stand() {
    let house = House::new().await;
    let found = async |query: &str| {
        let (status, page) = answer(house.get(&format!("/api/v1/tenants?{query}"))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        ids(&page, "tenants").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("isolation=breached").await, ["acme", "globex"]);
    assert_eq!(found("health=degraded").await, ["near-a-limit"]);
    assert_eq!(found("isolation=isolated&health=healthy").await, ["initech"]);
    assert_eq!(found("environment=production&limit=500").await, ["acme"], "of the registry");
    house.leave().await;
}

#[tokio::test]
async fn a_tenant_is_told_with_its_targets_and_its_findings_and_no_secret() {
    let house = House::new().await;
    let (status, tenant) = answer(house.get("/api/v1/tenants/acme")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(tenant["id"], "acme");
    assert_eq!(tenant["isolation"], "breached");
    assert_eq!(tenant["seen"]["fingerprint"]["system_identifier"], "7415000000000000001");
    let kinds: Vec<&str> = tenant["standing_findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"shared_database"), "{kinds:?}");
    assert!(!kinds.contains(&"fingerprint_drift"), "it was resolved");
    assert_eq!(tenant["findings"], kinds.len());
    assert!(!tenant.to_string().contains("secret"), "{tenant}");
    refused(house.get("/api/v1/tenants/nobody"), StatusCode::NOT_FOUND, "unknown").await;
    refused(house.get("/api/v1/tenants/%00"), StatusCode::NOT_FOUND, "unknown").await;
    house.leave().await;
}

#[tokio::test]
async fn a_tenants_history_is_told() {
    let house = House::new().await;
    let (status, history) = answer(house.get("/api/v1/tenants/acme/history")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(history["history"][0]["isolation"], "breached");
    assert_eq!(history["history"][0]["probe_seconds"], 0.012);
    let unknown = house.get("/api/v1/tenants/nobody/history");
    refused(unknown, StatusCode::NOT_FOUND, "unknown").await;
    house.leave().await;
}

#[tokio::test]
async fn pages_of_any_size_hold_every_finding_that_stands_once_and_the_worst_first() {
    let house = House::new().await;
    let standing: BTreeSet<String> =
        sample::everything().0.standing().map(|it| it.id.to_string()).collect();
    for limit in [1, 7, 500] {
        let found = pages(&house, &format!("/api/v1/findings?limit={limit}"), "findings").await;
        assert_eq!(found.len(), standing.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), standing);
    }
    let (_, page) = answer(house.get("/api/v1/findings")).await;
    let findings = page["findings"].as_array().unwrap();
    let rank = |it: &Value| {
        ["critical", "high", "medium", "low"].iter().position(|word| it["severity"] == *word)
    };
    assert!(findings.windows(2).all(|it| rank(&it[0]) <= rank(&it[1])));
    house.leave().await;
}

#[tokio::test]
async fn findings_are_found_by_state_kind_severity_and_member() {
    let house = House::new().await;
    let found = async |query: &str| {
        let (status, page) = answer(house.get(&format!("/api/v1/findings?{query}"))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let kinds = page["findings"].as_array().unwrap().iter();
        kinds.map(|it| it["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("state=acknowledged").await, ["shared_cluster"]);
    assert_eq!(found("state=pending").await, ["unhealthy"]);
    assert_eq!(found("state=resolved").await, ["fingerprint_drift"]);
    assert_eq!(found("kind=shared_database").await, ["shared_database"]);
    assert_eq!(found("tenant=ill-timeout").await, ["unhealthy"]);
    assert_eq!(found("tenant=ill-timeout&severity=low").await, [""; 0]);
    house.leave().await;
}

#[tokio::test]
async fn what_is_asked_for_in_words_that_do_not_exist_is_refused() {
    let house = House::new().await;
    for query in [
        "findings?state=opened",
        "findings?stat=open",
        "findings?state=open&state=pending",
        "findings?after=x",
        "findings?limit=0",
        "findings?limit=501",
        "tenants?limit=many",
        "tenants?tenant=acme",
        "tenants/acme/history?limit=-1",
        "scans?after=..",
    ] {
        let request = house.get(&format!("/api/v1/{query}"));
        refused(request, StatusCode::BAD_REQUEST, "malformed").await;
    }
    house.leave().await;
}

#[tokio::test]
async fn a_finding_is_acknowledged_in_the_name_of_its_token_and_stays_a_breach() {
    let house = House::new().await;
    let (_, page) = answer(house.get("/api/v1/findings?kind=shared_database")).await;
    let id = page["findings"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/findings/{id}/acknowledge");
    let until = "2026-12-31T00:00:00Z";
    let body = json!({"reason": " being moved ", "until": until});
    let (status, finding) = answer(house.post(&path, &body)).await;
    assert_eq!(status, StatusCode::OK, "{finding}");
    let acknowledgement = json!({"by": "operator", "reason": "being moved", "until": until});
    assert_eq!(finding["acknowledgement"], acknowledgement);
    let (_, told) = answer(house.get(&format!("/api/v1/findings/{id}"))).await;
    assert_eq!(told["state"], "acknowledged", "it is told at once");
    let (_, tenant) = answer(house.get("/api/v1/tenants/acme")).await;
    assert_eq!(tenant["isolation"], "breached");
    house.leave().await;
}

#[tokio::test]
async fn an_acknowledgement_without_sense_is_refused() {
    let house = House::new().await;
    let (_, page) = answer(house.get("/api/v1/findings?kind=shared_database")).await;
    let path =
        format!("/api/v1/findings/{}/acknowledge", page["findings"][0]["id"].as_str().unwrap());
    for body in [
        json!({"reason": "", "until": "2026-12-31T00:00:00Z"}),
        json!({"reason": "x", "until": "2020-01-01T00:00:00Z"}),
        json!({"reason": "x", "until": "2999-01-01T00:00:00Z"}),
        json!({"reason": "x", "until": "tomorrow"}),
        json!({"reason": "x"}),
        json!({"until": "2026-12-31T00:00:00Z"}),
        json!({"reason": "x", "until": "2026-12-31T00:00:00Z", "by": "somebody else"}),
        json!([]),
    ] {
        refused(house.post(&path, &body), StatusCode::UNPROCESSABLE_ENTITY, "invalid").await;
    }
    let body = json!({"reason": "x", "until": "2026-12-31T00:00:00Z"});
    let (_, page) = answer(house.get("/api/v1/findings?state=resolved")).await;
    let resolved = page["findings"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/findings/{resolved}/acknowledge");
    refused(house.post(&path, &body), StatusCode::CONFLICT, "not-standing").await;
    let path = format!("/api/v1/findings/{}/acknowledge", "0".repeat(64));
    refused(house.post(&path, &body), StatusCode::NOT_FOUND, "unknown").await;
    house.leave().await;
}

#[tokio::test]
async fn the_day_is_told_in_each_of_its_formats() {
    let house = House::new().await;
    for (query, kind, begins) in [
        ("", "application/json", "{"),
        ("?format=json&since=2026-01-01T00:00:00Z", "application/json", "{"),
        ("?format=markdown", "text/markdown; charset=utf-8", "#"),
        ("?format=table", "text/plain; charset=utf-8", "BREACHED"),
    ] {
        let response = house.get(&format!("/api/v1/report{query}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{query}");
        assert_eq!(response.headers()["content-type"], kind);
        let text = response.text().await.unwrap();
        assert!(text.starts_with(begins), "{query}: {text}");
    }
    let future = house.get("/api/v1/report?since=2999-01-01T00:00:00Z");
    refused(future, StatusCode::UNPROCESSABLE_ENTITY, "invalid").await;
    house.leave().await;
}

#[tokio::test]
async fn readiness_names_what_is_not_up_and_liveness_does_not_care() {
    let house = House::new().await;
    let ready = || house.ask(Method::GET, "/-/ready");
    assert_eq!(answer(ready()).await, (StatusCode::OK, json!({"ready": true})));
    house.ready.send_replace(Ready { configuration: true, schedule: false });
    let problem = refused(ready(), StatusCode::SERVICE_UNAVAILABLE, "not-ready").await;
    assert_eq!(problem["errors"], json!(["schedule"]));
    let (status, _) = answer(house.ask(Method::GET, "/-/healthy")).await;
    assert_eq!(status, StatusCode::OK);
    house.leave().await;
}

#[tokio::test]
async fn a_large_answer_is_compressed_for_whoever_takes_it() {
    let house = House::new().await;
    let ask = |encoding: &'static str| {
        house.get("/api/v1/scans/latest").header("accept-encoding", encoding).send()
    };
    let packed = ask("gzip").await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let plain = ask("identity").await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    let (packed, plain) = (packed.bytes().await.unwrap(), plain.bytes().await.unwrap());
    assert_eq!(packed[..2], [0x1f, 0x8b]);
    assert!(packed.len() * 4 < plain.len(), "{} {}", packed.len(), plain.len());
    house.leave().await;
}

#[tokio::test]
async fn every_answer_names_its_request_and_forbids_what_a_browser_might_do_with_it() {
    let house = House::new().await;
    for path in ["/-/healthy", "/api/v1/tenants", "/nothing", "/api/v1/openapi.json"] {
        let request = house.get(path).header("x-request-id", "mine-1");
        let headers = request.send().await.unwrap().headers().clone();
        assert_eq!(headers["x-request-id"], "mine-1");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    let request = house.get("/-/healthy").header("x-request-id", "<b>".repeat(40));
    let made = request.send().await.unwrap().headers()["x-request-id"].clone();
    assert_eq!(made.len(), 32);
    house.leave().await;
}

#[tokio::test]
async fn what_is_not_there_and_what_is_asked_wrongly_are_told_as_problems() {
    let house = House::new().await;
    let operator = |method, path| house.ask(method, path).bearer_auth(secret(Role::Operator));
    for path in ["/nothing", "/api/v1/operation/1", "/api/v1/scans/", "/webhooks/gitlab"] {
        refused(operator(Method::GET, path), StatusCode::NOT_FOUND, "no-such-route").await;
    }
    let wrong = operator(Method::DELETE, "/api/v1/scans");
    let response = wrong.try_clone().unwrap().send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET,HEAD,POST");
    refused(wrong, StatusCode::METHOD_NOT_ALLOWED, "wrong-method").await;
    let provisioning = operator(Method::POST, "/api/v1/tenants");
    refused(provisioning, StatusCode::FORBIDDEN, "not-allowed").await;
    house.leave().await;
}
