//! The gate, planned changes and the metrics, over HTTP and from the command line.

use std::process::{Output, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::process::Command;
use watertight::clock;
use watertight::http::options::{Access, Options};
use watertight::http::role::Role;
use watertight::model::finding::{Health, Verdict};
use watertight::model::report::Report;

use crate::house::{House, LIMIT, Plan, answer, guarded, refused, secret};
use crate::sample;

/// A fleet of one that is well, and was looked at just now.
fn well() -> Report {
    let mut report =
        sample::report(vec![sample::tenant("acme", Verdict::Isolated, Health::Healthy)], vec![]);
    report.started_at = clock::now();
    report.finished_at = report.started_at;
    report
}

fn breached() -> Report {
    let mut report = sample::everything().0;
    report.started_at = clock::now();
    report.finished_at = report.started_at;
    report
}

async fn with(before: Option<Report>) -> House {
    House::of(Plan { before, ..Plan::default() }).await
}

async fn command(house: &House, arguments: &[&str], token: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
    command.arg("--config").arg(house.home.path().join("none.toml")).args(arguments);
    command.env_remove("WATERTIGHT_TOKEN").stdin(Stdio::null()).kill_on_drop(true);
    if let Some(token) = token {
        command.env("WATERTIGHT_TOKEN", token);
    }
    tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_is_proven_apart_is_let_through() {
    let house = with(Some(well())).await;
    let (status, decision) = answer(house.get("/api/v1/gate")).await;
    assert_eq!((status, &decision["allow"]), (StatusCode::OK, &json!(true)), "{decision}");
    let (status, _) = answer(house.get("/api/v1/gate?environment=production")).await;
    assert_eq!(status, StatusCode::OK);
    let url = house.url("");
    let ran = command(&house, &["gate", "--url", &url], Some(&secret(Role::Viewer))).await;
    let out = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{out}");
    assert!(out.starts_with("ALLOWED: 1 of 1 tenants were verified"), "{out}");
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breach_forbids_until_somebody_says_otherwise_on_record() {
    let house = with(Some(breached())).await;
    let gate = || house.get("/api/v1/gate");
    let (status, decision) = answer(gate()).await;
    assert_eq!((status, &decision["state"]), (StatusCode::CONFLICT, &json!("forbidden")));
    let url = house.url("");
    let ask = ["gate", "--url", &url, "--format", "json"];
    let ran = command(&house, &ask, Some(&secret(Role::Viewer))).await;
    assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["findings"], decision["findings"]);

    let path = "/api/v1/gate/override";
    for (reason, hours) in [("", 1), ("x", -1), ("x", 24 * 8)] {
        let until = (clock::now() + jiff::SignedDuration::from_hours(hours)).to_string();
        let body = json!({"reason": reason, "until": until});
        refused(house.post(path, &body), StatusCode::UNPROCESSABLE_ENTITY, "invalid").await;
    }
    let until = (clock::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let body = json!({"reason": "the fix must go out", "until": until});
    let (status, given) = answer(house.post(path, &body)).await;
    assert_eq!((status, &given["by"]), (StatusCode::OK, &json!("operator")), "{given}");
    let (status, decision) = answer(gate()).await;
    assert_eq!((status, &decision["state"]), (StatusCode::OK, &json!("overridden")));
    assert_eq!(decision["override"]["reason"], "the fix must go out");
    assert_ne!(decision["findings"], json!([]), "what was overridden is told");
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_say_is_no_permission() {
    let house = with(None).await;
    let (status, decision) = answer(house.get("/api/v1/gate")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(decision["reason"], "no_scan");
    let url = house.url("");
    let ran = command(&house, &["gate", "--url", &url], Some(&secret(Role::Viewer))).await;
    assert_eq!(ran.status.code(), Some(3));
    let ran = command(&house, &["gate", "--url", &url], Some("wrong")).await;
    assert_eq!(ran.status.code(), Some(2), "a wrong token is wrong usage");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("no such token is configured"));
    let ran = command(&house, &["gate", "--url", "ftp://x"], None).await;
    assert_eq!(ran.status.code(), Some(2));
    house.leave().await;
    // Old as the sample is, its verdicts are worth nothing.
    let house = with(Some(sample::report(well().tenants, vec![]))).await;
    let (status, decision) = answer(house.get("/api/v1/gate")).await;
    assert_eq!((status, &decision["reason"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("too_old")));
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_answer_or_is_none_gives_no_permission() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let house = with(None).await;
    // Whatever stands there says yes to everything, in the words of something else.
    let liar = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            stream.readable().await.unwrap();
            drop(stream.try_read(&mut buffer));
            let body = "{\"allow\": true}";
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            drop(stream.try_write(answer.as_bytes()));
        }
    };
    let arguments = ["gate", "--url", &url];
    let asked = command(&house, &arguments, None);
    let ran = tokio::select! {
        ran = asked => ran,
        () = liar => unreachable!(),
    };
    assert_eq!(ran.status.code(), Some(3), "{}", String::from_utf8_lossy(&ran.stderr));
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_told_whether_the_daemon_is_ready() {
    let house = House::new().await;
    let url = house.url("");
    let check = ["healthcheck", "--url", &url];
    assert_eq!(command(&house, &check, None).await.status.code(), Some(0));
    house.ready.send_replace(watertight::http::Ready { configuration: true, schedule: false });
    let ran = command(&house, &check, None).await;
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("not up: schedule"));
    let nobody = ["healthcheck", "--url", "http://127.0.0.1:1"];
    assert_eq!(command(&house, &nobody, None).await.status.code(), Some(1));
    house.leave().await;
}

#[tokio::test]
async fn a_planned_change_is_announced_and_told_with_its_name_and_ticket() {
    let house = House::new().await;
    let (from, until) = ("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z");
    let body = json!({
        "tenants": ["acme"], "kinds": ["fingerprint_drift", "unhealthy"], "reason": "move to Stockholm",
        "ticket": "OPS-7", "from": from, "until": until,
    });
    let (status, change) = answer(house.post("/api/v1/changes", &body)).await;
    assert_eq!(status, StatusCode::CREATED, "{change}");
    assert_eq!(change["by"], "operator");
    let (_, list) = answer(house.get("/api/v1/changes")).await;
    assert_eq!(list["changes"], json!([change]));
    for (name, value) in [
        ("kinds", json!(["shared_database"])),
        ("kinds", json!([])),
        ("kinds", json!(["nonsense"])),
        ("until", json!("2026-11-30T00:00:00Z")),
        ("until", json!("2027-11-30T00:00:00Z")),
        ("reason", json!("")),
    ] {
        let mut body = body.clone();
        body[name] = value;
        let request = house.post("/api/v1/changes", &body);
        refused(request, StatusCode::UNPROCESSABLE_ENTITY, "invalid").await;
    }
    let mut body = body.clone();
    body["tenants"] = json!(["acme", "nobody"]);
    let request = house.post("/api/v1/changes", &body);
    let problem = refused(request, StatusCode::UNPROCESSABLE_ENTITY, "unknown-tenants").await;
    assert_eq!(problem["errors"], json!(["nobody"]));
    house.leave().await;
}

#[tokio::test]
async fn metrics_are_open_or_for_viewers_as_the_configuration_says() {
    let house = House::new().await;
    let scrape = || house.ask(Method::GET, "/metrics");
    let response = scrape().send().await.unwrap();
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let text = response.text().await.unwrap();
    assert!(text.contains("watertight_fleet_tenants{verdict=\"breached\"} 2"), "{text}");
    answer(house.get("/api/v1/tenants/acme")).await;
    let text = scrape().send().await.unwrap().text().await.unwrap();
    let counted = "watertight_http_requests_total{code=\"200\",method=\"GET\",route=\"/api/v1/tenants/{id}\"} 1";
    assert!(text.contains(counted), "{text}");
    assert!(text.contains("watertight_http_requests_in_flight 1"), "{text}");
    house.options.send_replace(Options { metrics: Access::Viewer, ..guarded() }.into());
    refused(scrape(), StatusCode::UNAUTHORIZED, "unauthenticated").await;
    let (viewer, router) = (secret(Role::Viewer), secret(Role::Router));
    assert_eq!(scrape().bearer_auth(viewer).send().await.unwrap().status(), StatusCode::OK);
    refused(scrape().bearer_auth(router), StatusCode::FORBIDDEN, "not-allowed").await;
    house.leave().await;
}
