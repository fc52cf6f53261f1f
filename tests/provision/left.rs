//! Tenants that left, and whose databases stayed because they were never ours to delete.

use serde_json::json;
use watertight::local::cluster::Shutdown;
use watertight::local::ground::Ground;
use watertight::model::finding::{Finding, Kind, State};
use watertight::model::report::Report;

use crate::program::{own_database, server};
use crate::running::Running;
use crate::site::{ended, id, program, scan, start, wanted};

async fn make(running: &Running, subdomain: &str, url: &str) {
    let mut wanted = wanted(subdomain);
    wanted["database_url"] = json!(url);
    let answer = running.post("/api/v1/tenants", &wanted).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    ended(running, &id(&answer), "succeeded").await;
}

async fn leave(running: &Running, tenant: &str) {
    let url = format!("{}/api/v1/tenants/{tenant}?grace=0s", running.base);
    let answer = running.send(running.http.delete(&url)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    ended(running, &id(&answer), "succeeded").await;
}

/// The state of what is told of the tenant's database. What was resolved by an earlier scan is told no more.
fn told(report: &Report, tenant: &str) -> Option<State> {
    let of = |it: &&Finding| {
        it.claim.kind == Kind::OffboardedReachable
            && it.claim.tenants.iter().any(|it| it.as_str() == tenant)
    };
    report.findings.iter().find(of).map(|it| it.state)
}

fn stands(report: &Report, tenant: &str) -> bool {
    told(report, tenant).is_some_and(|it| it != State::Resolved)
}

#[tokio::test]
async fn a_database_that_still_answers_is_told_until_it_is_gone() {
    let ground = Ground::create().unwrap();
    let (mut kept, present) = (server(&ground, "kept").await, server(&ground, "present").await);
    let url = own_database(&kept, "acme").await;
    let program = program("");
    let mut running = start(&program).await;
    make(&running, "globex", &own_database(&present, "globex").await).await;
    scan(&running).await;
    make(&running, "acme", &url).await;
    let report = scan(&running).await;
    assert_eq!(told(&report, "acme"), None, "it is a tenant");

    leave(&running, "acme").await;
    let report = scan(&running).await;
    assert!(stands(&report, "acme"), "{report:?}");
    assert_eq!(report.tenants.len(), 1, "whoever left has no verdict");
    assert_eq!(report.tenants[0].isolation.to_string(), "isolated");
    let finding = report.findings.iter().find(|it| it.claim.kind == Kind::OffboardedReachable);
    let text = format!("{finding:?}");
    assert!(text.contains("127.0.0.1") && !text.contains("postgres://"), "{text}");

    kept.stop(Shutdown::Fast).await.unwrap();
    let report = scan(&running).await;
    assert_eq!(told(&report, "acme"), Some(State::Resolved), "{report:?}");
    kept.start().await.unwrap();
    let report = scan(&running).await;
    assert!(stands(&report, "acme"), "{report:?}");

    // It is another tenant's from now on.
    make(&running, "initech", &url).await;
    let report = scan(&running).await;
    assert!(!stands(&report, "acme"), "{report:?}");
    running.stop().await;
}

/// A server that has its place, and takes the same login, and is another one.
#[tokio::test]
async fn what_took_its_place_is_not_taken_for_it() {
    let ground = Ground::create().unwrap();
    let (first, present) = (server(&ground, "first").await, server(&ground, "present").await);
    let url = own_database(&first, "acme").await;
    let program = program("");
    let mut running = start(&program).await;
    make(&running, "globex", &own_database(&present, "globex").await).await;
    scan(&running).await;
    make(&running, "acme", &url).await;
    scan(&running).await;
    leave(&running, "acme").await;
    let report = scan(&running).await;
    assert!(stands(&report, "acme"), "{report:?}");

    let database = "select oid::text from pg_database where datname = 'acme'";
    let before = first.ask("postgres", database).await.unwrap();
    first.execute("postgres", &["drop database acme"]).await.unwrap();
    first.create_database("acme", "acme").await.unwrap();
    assert_ne!(first.ask("postgres", database).await.unwrap(), before, "another database");
    let report = scan(&running).await;
    assert!(!stands(&report, "acme"), "{report:?}");
    running.stop().await;
}
