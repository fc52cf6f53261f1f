//! Who is let in.

use reqwest::{Method, StatusCode};
use serde_json::json;
use watertight::http::options::{Limits, Options};
use watertight::http::role::Role;

use crate::house::{House, Plan, answer, guarded, refused, secret, token, with_limits};

#[tokio::test]
async fn a_token_opens_what_its_role_may_and_nothing_more() {
    let house = House::new().await;
    let acknowledge = format!("/api/v1/findings/{}/acknowledge", "0".repeat(64));
    for (method, path, allowed) in [
        (Method::GET, "/api/v1/scans", &[Role::Viewer, Role::Operator, Role::Provisioner][..]),
        (Method::GET, "/api/v1/scans/latest", &[Role::Viewer, Role::Operator, Role::Provisioner]),
        (Method::GET, "/api/v1/tenants", &[Role::Viewer, Role::Operator, Role::Provisioner]),
        (Method::GET, "/api/v1/findings", &[Role::Viewer, Role::Operator, Role::Provisioner]),
        (Method::POST, "/api/v1/scans", &[Role::Operator]),
        (Method::POST, &acknowledge, &[Role::Operator]),
    ] {
        let ask = || house.ask(method.clone(), path);
        let none = refused(ask(), StatusCode::UNAUTHORIZED, "unauthenticated").await;
        assert!(none["detail"].as_str().unwrap().contains("Bearer"), "{none}");
        for role in Role::ALL {
            let request = ask().bearer_auth(secret(role));
            if allowed.contains(&role) {
                let status = request.send().await.unwrap().status();
                let let_in = status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN;
                assert!(let_in, "{method} {path} as {}: {status}", role.label());
            } else {
                refused(request, StatusCode::FORBIDDEN, "not-allowed").await;
            }
        }
    }
    house.leave().await;
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_how_to_do_it_right() {
    let house = House::new().await;
    for authorization in ["Bearer wrong", "Bearer", "Basic dTpw", "", "the-viewer-token"] {
        let request = house.ask(Method::GET, "/api/v1/tenants");
        let response = request.header("authorization", authorization).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    house.leave().await;
}

#[tokio::test]
async fn many_wrong_tokens_are_told_to_wait_and_shut_nobody_else_out() {
    let house = House::of(with_limits(Limits { refusals: 3, ..Limits::default() })).await;
    let wrong = || house.ask(Method::GET, "/api/v1/tenants").bearer_auth("wrong");
    for _ in 0..3 {
        refused(wrong(), StatusCode::UNAUTHORIZED, "unauthenticated").await;
    }
    let response = wrong().send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=21).contains(&wait), "{wait}");
    let (status, _) = answer(house.get("/api/v1/tenants")).await;
    assert_eq!(status, StatusCode::OK, "a right token from the same address is taken");
    house.leave().await;
}

#[tokio::test]
async fn without_any_token_loopback_reads_and_scans_and_nothing_more() {
    let options = Options { tokens: Vec::new(), ..guarded() };
    let house = House::of(Plan { options, ..Plan::default() }).await;
    let (status, _) = answer(house.ask(Method::GET, "/api/v1/tenants")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = answer(house.ask(Method::POST, "/api/v1/scans")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let reload = house.ask(Method::POST, "/-/reload");
    let problem = refused(reload, StatusCode::FORBIDDEN, "not-allowed").await;
    assert!(problem["detail"].as_str().unwrap().contains("[[http.tokens]]"), "{problem}");
    house.leave().await;
}

/// A page on another site can make its reader's browser send this, and on loopback nothing else would stop it.
#[tokio::test]
async fn another_sites_page_cannot_ask_for_a_scan() {
    let options = Options { tokens: Vec::new(), ..guarded() };
    let house = House::of(Plan { options, ..Plan::default() }).await;
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example"), ("origin", "null")]
    {
        let request = house.ask(Method::POST, "/api/v1/scans").header(name, value);
        refused(request, StatusCode::FORBIDDEN, "cross-site").await;
    }
    house.leave().await;
}

#[tokio::test]
async fn a_reload_takes_a_token_away_at_once() {
    let house = House::new().await;
    assert_eq!(answer(house.get("/api/v1/tenants")).await.0, StatusCode::OK);
    let others = vec![token(Role::Operator)];
    house.options.send_replace(Options { tokens: others, ..guarded() }.into());
    refused(house.get("/api/v1/tenants"), StatusCode::UNAUTHORIZED, "unauthenticated").await;
    house.leave().await;
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_whoever_asks() {
    let house = House::new().await;
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"] {
        let request = house.get("/api/v1/tenants").header("host", host);
        refused(request, StatusCode::MISDIRECTED_REQUEST, "wrong-host").await;
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9877"] {
        let (status, _) = answer(house.get("/api/v1/tenants").header("host", host)).await;
        assert_eq!(status, StatusCode::OK, "{host}");
    }
    let alive = house.ask(Method::GET, "/-/healthy").header("host", "a-pod.cluster.local");
    assert_eq!(answer(alive).await.0, StatusCode::OK, "whoever watches the process may");
    house.leave().await;
}

#[tokio::test]
async fn a_reload_is_asked_for_by_an_operator_and_told_how_it_went() {
    let mut house = House::new().await;
    let request = house.post("/-/reload", &json!({}));
    let problems = vec!["watertight.toml:3: probe.timeout: it is no duration".to_owned()];
    let told = problems.clone();
    let reload = async {
        house.reloads.recv().await.unwrap().send(Err(told)).unwrap();
    };
    let (response, ()) = tokio::join!(request.send(), reload);
    let problem = crate::house::json_of(response.unwrap()).await;
    assert_eq!(problem["errors"], json!(problems));
    let request = house.post("/-/reload", &json!({}));
    let reload = async {
        house.reloads.recv().await.unwrap().send(Ok(())).unwrap();
    };
    let (answered, ()) = tokio::join!(answer(request), reload);
    assert_eq!(answered, (StatusCode::OK, json!({"reloaded": true})));
    house.leave().await;
}
