//! Scans that are asked for.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use watertight::http::options::{Limits, Options};
use watertight::http::role::Role;
use watertight::report::json::parse;

use crate::house::{House, LIMIT, Plan, REGISTRY, answer, guarded, json_of, refused, secret};

/// Its registry holds a tenant whose server never answers.
async fn with_a_silent_tenant(limits: Limits) -> House {
    let options = Options { limits, ..guarded() };
    House::of(Plan { options, registry: REGISTRY, ..Plan::default() }).await
}

#[tokio::test]
async fn a_scan_is_accepted_followed_and_read() {
    let house = House::new().await;
    let response = house.post("/api/v1/scans", &json!({})).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let state = json_of(response).await;
    assert_eq!(location, format!("/api/v1/scans/{}", state["id"].as_str().unwrap()));
    let read = async {
        loop {
            let response = house.get(&location).send().await.unwrap();
            match response.status() {
                StatusCode::ACCEPTED => tokio::time::sleep(Duration::from_millis(20)).await,
                status => return (status, response.text().await.unwrap()),
            }
        }
    };
    let (status, text) = tokio::time::timeout(LIMIT, read).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    let report = parse(&text).unwrap();
    assert_eq!(report.trigger.label(), "api");
    assert_eq!(report.tenants.len(), 1);
    let (_, scans) = answer(house.get("/api/v1/scans")).await;
    assert_eq!(scans["scans"][0]["id"], state["id"]);
    assert_eq!(scans["scans"].as_array().unwrap().len(), 2);
    let (_, older) = answer(house.get("/api/v1/scans?limit=1")).await;
    let (_, older) = answer(house.get(older["next"].as_str().unwrap())).await;
    assert_eq!(older["scans"][0]["id"], "01k5p4x0000000000000000000");
    assert_eq!(older["next"], json!(null));
    house.leave().await;
}

#[tokio::test]
async fn who_waits_gets_the_report() {
    let house = House::new().await;
    let body = json!({"tenants": ["ACME"]});
    let response = house.post("/api/v1/scans?wait=true", &body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let report = parse(&response.text().await.unwrap()).unwrap();
    assert!(report.partial);
    assert_eq!(report.tenants[0].id.as_str(), "acme");
    house.leave().await;
}

#[tokio::test]
async fn who_has_waited_too_long_is_told_where_to_look() {
    let limits = Limits { wait: Duration::from_millis(100), ..Limits::default() };
    let house = with_a_silent_tenant(limits).await;
    let request = house.post("/api/v1/scans?wait=true", &json!({}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let (status, state) = answer(house.get(&location)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(state["state"], "running");
    house.leave().await;
}

#[tokio::test]
async fn one_scan_follows_the_running_one_for_all_who_ask_meanwhile() {
    let house = with_a_silent_tenant(Limits::default()).await;
    let ask = async |body| {
        let (status, state) = answer(house.post("/api/v1/scans", &body)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{state}");
        state["id"].as_str().unwrap().to_owned()
    };
    let running = ask(json!({})).await;
    let visiting = async {
        while answer(house.get("/api/v1/scans")).await.1["running"]["stage"] != "visits" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, visiting).await.unwrap();
    let next = ask(json!({"tenants": ["acme"]})).await;
    assert_ne!(next, running);
    assert_eq!(ask(json!({"tenants": ["silent"]})).await, next);
    let (_, scans) = answer(house.get("/api/v1/scans")).await;
    assert_eq!(scans["running"]["id"], *running);
    assert_eq!(scans["waiting"], *next);
    let (status, state) = answer(house.get(&format!("/api/v1/scans/{next}"))).await;
    assert_eq!((status, &state["state"]), (StatusCode::ACCEPTED, &json!("waiting")));
    house.leave().await;
}

#[tokio::test]
async fn tenants_that_nobody_knows_are_named_and_nobody_is_looked_at() {
    let house = House::new().await;
    let body = json!({"tenants": ["acme", "nobody", "no name", "https://evil.example/"]});
    let request = house.post("/api/v1/scans", &body);
    let problem = refused(request, StatusCode::UNPROCESSABLE_ENTITY, "unknown-tenants").await;
    assert_eq!(problem["errors"], json!(["no name", "https://evil.example/", "nobody"]));
    let (_, scans) = answer(house.get("/api/v1/scans")).await;
    assert_eq!((&scans["running"], &scans["waiting"]), (&json!(null), &json!(null)));
    house.leave().await;
}

#[tokio::test]
async fn a_request_cannot_name_where_our_credentials_go() {
    let house = House::new().await;
    for body in [
        json!({"host": "evil.example"}),
        json!({"tenants": ["acme"], "database_url": "postgres://evil.example/x"}),
        json!({"tenants": [{"id": "acme", "host": "evil.example"}]}),
        json!({"tenants": []}),
        json!({"tenants": "acme"}),
        json!(["acme"]),
    ] {
        let request = house.post("/api/v1/scans", &body);
        refused(request, StatusCode::UNPROCESSABLE_ENTITY, "invalid").await;
    }
    let query = house.post("/api/v1/scans?host=evil.example", &json!({}));
    refused(query, StatusCode::BAD_REQUEST, "malformed").await;
    house.leave().await;
}

#[tokio::test]
async fn a_body_may_be_left_out_and_must_be_json_where_it_is_not() {
    let house = House::new().await;
    let ask = || house.ask(Method::POST, "/api/v1/scans").bearer_auth(secret(Role::Operator));
    assert_eq!(answer(ask()).await.0, StatusCode::ACCEPTED);
    let form =
        ask().header("content-type", "application/x-www-form-urlencoded").body("tenants=acme");
    refused(form, StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-media-type").await;
    refused(ask().body("{}"), StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-media-type").await;
    for (text, place) in
        [("{", "line 1"), ("{\"tenants\":\n nul}", "line 2"), ("\u{0}", "column 1")]
    {
        let request = ask().header("content-type", "application/json").body(text);
        let problem = refused(request, StatusCode::BAD_REQUEST, "malformed").await;
        assert!(problem["detail"].as_str().unwrap().contains(place), "{problem}");
    }
    let deep = "[".repeat(30_000);
    let request = ask().header("content-type", "application/json").body(deep);
    refused(request, StatusCode::UNPROCESSABLE_ENTITY, "invalid").await;
    house.leave().await;
}

#[tokio::test]
async fn whoever_waits_hears_it_when_the_daemon_stops() {
    let house = with_a_silent_tenant(Limits::default()).await;
    let waiting = house.post("/api/v1/scans?wait=true", &json!({})).send();
    let stop = async {
        while answer(house.get("/api/v1/scans")).await.1["running"]["stage"] != "visits" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        house.stop.cancel();
    };
    let (response, ()) = tokio::join!(waiting, stop);
    let report = parse(&response.unwrap().text().await.unwrap()).unwrap();
    assert!(report.partial, "what it had not looked at is told as that");
    house.leave().await;
}
