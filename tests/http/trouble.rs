//! The daemon's own trouble: a store that is gone or locked. What is known is told, what cannot be kept is refused.

use reqwest::{Method, StatusCode};
use serde_json::json;
use watertight::http::role::Role;

use crate::house::{House, answer, refused, secret};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_database_file_is_told_and_what_is_known_is_still_told() {
    let house = House::new().await;
    let (_, page) = answer(house.get("/api/v1/findings?kind=shared_database")).await;
    let id = page["findings"][0]["id"].as_str().unwrap().to_owned();
    for name in ["w.db", "w.db-wal", "w.db-shm"] {
        std::fs::remove_file(house.home.path().join(name)).unwrap();
    }
    let body = json!({"reason": "x", "until": "2026-12-31T00:00:00Z"});
    let acknowledge = house.post(&format!("/api/v1/findings/{id}/acknowledge"), &body);
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let problem = refused(acknowledge, unavailable, "store-unavailable").await;
    let text = problem.to_string();
    assert!(!text.contains("w.db"), "where it lies is for the log: {text}");
    let ready = refused(house.ask(Method::GET, "/-/ready"), unavailable, "not-ready").await;
    assert_eq!(ready["errors"], json!(["store"]));
    for path in ["/api/v1/tenants", "/api/v1/findings", "/api/v1/scans/latest", "/metrics"] {
        assert_eq!(house.get(path).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
    let (status, finding) = answer(house.get(&format!("/api/v1/findings/{id}"))).await;
    assert_eq!((status, &finding["state"]), (StatusCode::OK, &json!("open")));
    refused(house.get("/api/v1/scans"), unavailable, "store-unavailable").await;
    let scan = house.post("/api/v1/scans?wait=true", &json!({})).send().await.unwrap();
    assert_eq!(scan.status(), unavailable, "it needs what it remembers");
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_somebody_keeps_locked_is_told_in_bounded_time_and_read_meanwhile() {
    let house = House::new().await;
    let other = rusqlite::Connection::open(house.home.path().join("w.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (_, page) = answer(house.get("/api/v1/findings?kind=shared_database")).await;
    let id = page["findings"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({"reason": "x", "until": "2026-12-31T00:00:00Z"});
    let path = format!("/api/v1/findings/{id}/acknowledge");
    let write =
        refused(house.post(&path, &body), StatusCode::SERVICE_UNAVAILABLE, "store-unavailable");
    let read = async {
        let began = tokio::time::Instant::now();
        assert_eq!(answer(house.get("/api/v1/scans")).await.0, StatusCode::OK);
        assert!(began.elapsed().as_secs() < 4, "readers wait for nobody");
    };
    let (problem, ()) = tokio::join!(write, read);
    assert!(problem["detail"].as_str().unwrap().contains("locked"), "{problem}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(answer(house.post(&path, &body)).await.0, StatusCode::OK);
    house.leave().await;
}

/// Nobody hears a secret, whatever is wrong.
#[tokio::test]
async fn no_answer_repeats_a_token_or_a_secret_of_the_registry() {
    let house = House::new().await;
    for path in ["/api/v1/tenants/acme", "/api/v1/scans/latest", "/metrics", "/api/v1/nothing"] {
        let text = house.get(path).send().await.unwrap().text().await.unwrap();
        assert!(!text.contains("secret@") && !text.contains(&secret(Role::Viewer)), "{path}");
    }
    house.leave().await;
}
