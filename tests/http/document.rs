//! The OpenAPI document against what is really answered.

use std::collections::BTreeSet;
use std::process::Stdio;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::process::Command;
use watertight::http::options::{Limits, Options};
use watertight::http::role::Role;

use crate::house::{House, Plan, answer, guarded, secret};

async fn document(house: &House) -> Value {
    let (status, document) = answer(house.ask(Method::GET, "/api/v1/openapi.json")).await;
    assert_eq!(status, StatusCode::OK);
    document
}

/// Each operation as its method and path.
fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            all.push((method, path.clone(), operation));
        }
    }
    all
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_every_operation_says_how_it_is_refused() {
    let house = House::new().await;
    let document = document(&house).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (method, path, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap();
        for status in ["429", "500", "503", "504"] {
            assert!(answers.contains_key(status), "{method} {path}: {status}");
        }
        for (status, answer) in answers {
            let is_problem = answer["content"]["application/problem+json"].is_object();
            let is_decision = path == "/api/v1/gate" && status == "409";
            let refuses = status.starts_with(['4', '5']) && !is_decision;
            assert_eq!(is_problem, refuses, "{method} {path}: {status}");
        }
        assert!(operation["summary"].is_string(), "{method} {path}");
    }
    house.leave().await;
}

/// Whoever has no token, and whoever has the wrong one, is refused wherever the document says that one is needed, and
/// nowhere else.
#[tokio::test]
async fn every_operation_is_guarded_as_the_document_says() {
    let house = House::new().await;
    let document = document(&house).await;
    let mut open = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let asked = path.replace("{id}", "acme");
        // One of the ways in may be none at all: the metrics are open here.
        let ways = operation["security"].as_array();
        let guarded = ways.is_some_and(|it| !it.contains(&serde_json::json!({})));
        let nobody = house.ask(method.clone(), &asked).send().await.unwrap().status();
        let router = house.ask(method.clone(), &asked).bearer_auth(secret(Role::Router));
        let router = router.send().await.unwrap().status();
        if path == "/webhooks/github" {
            // Guarded by a signature: no token opens it.
            let unsigned = StatusCode::UNAUTHORIZED;
            assert_eq!((nobody, router), (unsigned, unsigned));
        } else if path == "/api/v1/route" {
            // Alone of all, it is a router's: here it is told that nothing is configured.
            assert_eq!((nobody, router), (StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND));
        } else if guarded {
            assert_eq!(nobody, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(router, StatusCode::FORBIDDEN, "{method} {path}");
        } else {
            assert_eq!(nobody, StatusCode::OK, "{method} {path}");
            open.insert(path);
        }
    }
    let expected =
        ["/-/healthy", "/-/ready", "/api/v1/openapi.json", "/metrics"].map(str::to_owned);
    assert_eq!(open, BTreeSet::from(expected));
    house.leave().await;
}

/// Small here, so that everybody who builds pays little; `WATERTIGHT_SCHEMATHESIS_CASES=1000` is the whole of it.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_that_a_machine_can_think_of_gets_an_answer_that_is_not_documented() {
    // All come from one address, and as fast as they can.
    let limits =
        Limits { rate: 1_000_000, burst: 1_000_000, refusals: 1_000_000, ..Limits::default() };
    let options = Options { limits, ..guarded() };
    let mut house = House::of(Plan { options, ..Plan::default() }).await;
    let mut reloads = std::mem::replace(&mut house.reloads, tokio::sync::mpsc::channel(1).1);
    house.tasks.spawn(async move {
        while let Some(asked) = reloads.recv().await {
            drop(asked.send(Ok(())));
        }
        Ok(())
    });
    let ran = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/schemathesis"))
        .arg(house.url(""))
        .env("WATERTIGHT_TOKEN", secret(Role::Operator))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout);
    println!("{out}");
    assert!(ran.status.success(), "{out}\n{}", String::from_utf8_lossy(&ran.stderr));
    house.leave().await;
}
