//! What a move does, and what it leaves as it was.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use watertight::model::finding::{State, Verdict};
use watertight::model::report::Report;

use crate::pair::{Pair, Roles, answers, ask};
use crate::running::{LIMIT, Running};
use crate::site::{self, ask_database, ended, id, projects, scan, start, steps, url_of};

#[tokio::test]
async fn a_shared_pair_is_moved_apart_and_nobody_is_missed() {
    let pair = Pair::new(Roles::Apart).await;
    let mut running = start(&pair.program).await;
    let report = scan(&running).await;
    assert_eq!(standing(&report), ["shared_database"], "as it begins");
    let (acme, globex) = (pair.in_old("acme").await, pair.in_old("globex").await);

    let plan = planned(&pair).await;
    assert_eq!((&plan["ok"], &plan["shares_with"]), (&json!(true), &json!(["acme"])), "{plan:#}");
    let named = plan["moved"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    let named: Vec<&str> = named.collect();
    assert!(named.contains(&"orders") && named.contains(&"globex_notes"), "{plan:#}");
    assert!(!named.contains(&"acme_notes"), "{plan:#}");
    assert_eq!(plan["large_objects"], 8);
    assert!(projects(&pair.program).is_empty(), "a plan makes nothing");
    assert_eq!(url_of(&pair.program, "globex"), Some(pair.old.clone()));

    let answer = ask(&running, &json!({})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let operation = ended(&running, &id(&answer), "succeeded").await;
    let done: Vec<String> = steps(&operation).into_iter().map(|it| it.0).collect();
    assert_eq!(done[7..], ["copy", "compare", "switch"]);
    assert_eq!(pair.in_new().await, globex, "it arrived whole");
    assert!(globex.is_some_and(|it| it.ends_with("true")), "its grants too");
    assert_eq!(pair.in_old("acme").await, acme, "the other is untouched");
    assert!(pair.in_old("globex").await.is_some(), "and the old one is kept");
    lives(&pair).await;
    no_dump(&pair);

    for when in ["right after", "and later"] {
        let report = scan(&running).await;
        assert_eq!(standing(&report), [""; 0], "{when}");
        assert!(report.tenants.iter().all(|it| it.isolation == Verdict::Isolated), "{when}");
    }
    let stranger = running.post("/api/v1/tenants/hooli/rehome", &json!({})).await;
    assert_eq!(stranger.status, 404, "{stranger:?}");
    let both = ask(&running, &json!({"schemas": ["a"], "tables": ["b"]})).await;
    assert_eq!(both.status, 400, "{both:?}");
    let log = running.lines().join("\n");
    let new = url_of(&pair.program, "globex").unwrap();
    for url in [&pair.old, &new] {
        let password = url.expose().split([':', '@']).nth(2).unwrap();
        assert!(!log.contains(password), "a password stands in the log");
    }
    assert_eq!(running.stop().await, Some(0));
}

/// The application goes on there: numbers, keys and rules are in force.
async fn lives(pair: &Pair) {
    let url = url_of(&pair.program, "globex").unwrap();
    let next = ask_database(&url, "select nextval('globex.tickets')::text").await;
    assert_eq!(next.as_deref(), Some("4716"));
    let insert = "insert into globex.orders (customer, mood, price) values (1, 'calm', 1) returning id::text";
    assert!(ask_database(&url, insert).await.is_some());
    let (client, connection) =
        tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.unwrap();
    let refused = async move {
        let orphan = "insert into globex.orders (customer, mood, price) values (4711, 'calm', 1)";
        client.execute(orphan, &[]).await.unwrap_err().code().cloned()
    };
    let (refused, driven) = tokio::join!(refused, connection);
    driven.unwrap();
    assert_eq!(refused, Some(tokio_postgres::error::SqlState::FOREIGN_KEY_VIOLATION));
}

fn no_dump(pair: &Pair) {
    let left = std::fs::read_dir(pair.program.path(".")).unwrap();
    let left = left.map(|it| it.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|it| it.contains("rehome")).collect();
    assert!(left.is_empty(), "{left:?}");
}

async fn planned(pair: &Pair) -> Value {
    let ran = pair.program.run(&["rehome", "globex", "--dry-run", "--format", "json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let password = pair.old.expose().split([':', '@']).nth(2).unwrap();
    assert!(!ran.out.contains(password), "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

/// The kinds that stand, but for what small servers come near to.
fn standing(report: &Report) -> Vec<String> {
    let standing = report.findings.iter().filter(|it| it.state != State::Resolved);
    let kinds = standing.map(|it| it.claim.kind.to_string());
    kinds.filter(|it| it != "degraded" && it != "over_privileged_role").collect()
}

#[tokio::test]
async fn what_is_written_meanwhile_ends_the_move_and_undoes_it() {
    let pair = Pair::new(Roles::Apart).await;
    let mut running = start(&pair.program).await;
    let answer = ask(&running, &json!({})).await;
    let operation = id(&answer);
    let writing = async {
        let mut written = 0;
        loop {
            let sql = "insert into globex.events values ('2026-06-01', 'late') returning what";
            ask_database(&pair.old, sql).await;
            written += 1;
            if site::operation(&running, &operation).await["state"] != "running" {
                return written;
            }
        }
    };
    let (operation, written) = tokio::join!(ended(&running, &operation, "rolled_back"), writing);
    let why = site::step(&operation, "switch")["error"].as_str().unwrap();
    assert!(why.contains("written to after it was copied") && why.contains("events_2026"), "{why}");
    assert!(0 < written);
    assert!(projects(&pair.program).is_empty(), "nothing is left");
    assert_eq!(url_of(&pair.program, "globex"), Some(pair.old.clone()));
    no_dump(&pair);
    assert_eq!(standing(&scan(&running).await), ["shared_database"]);
    again(&pair, &mut running).await;
}

#[tokio::test]
async fn a_table_that_is_made_meanwhile_ends_the_move_too() {
    let pair = Pair::new(Roles::Apart).await;
    let (client, connection) =
        tokio_postgres::connect(pair.old.expose(), tokio_postgres::NoTls).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "ends with its client")]
    let driven = tokio::spawn(connection);
    let unwritable = "revoke update, delete, truncate on globex.files from globex";
    client.batch_execute(unwritable).await.unwrap();
    let mut running = start(&pair.program).await;
    let answer = ask(&running, &json!({})).await;
    let operation = id(&answer);
    let making = async {
        for table in 0.. {
            let sql = format!("create table globex.late_{table} ()");
            client.batch_execute(&sql).await.unwrap();
            if site::operation(&running, &operation).await["state"] != "running" {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let (operation, ()) = tokio::join!(ended(&running, &operation, "rolled_back"), making);
    let step = site::step(&operation, "switch");
    let why = step["error"].as_str().unwrap();
    assert!(why.contains("other objects than were copied"), "{why}");
    assert!(why.contains("table globex.late_"), "{why}");
    let note = step["note"].as_str().unwrap();
    assert!(note.contains("may not write to globex.files:"), "{note}");
    assert_eq!(url_of(&pair.program, "globex"), Some(pair.old.clone()));
    no_dump(&pair);
    running.stop().await;
    drop(client);
    driven.await.unwrap().unwrap();
}

/// And when the writing has stopped, it is moved; by the shell, without a daemon.
async fn again(pair: &Pair, running: &mut Running) {
    assert_eq!(running.stop().await, Some(0));
    let globex = pair.in_old("globex").await;
    let moved = pair.program.run(&["rehome", "globex"]).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(moved.out.contains("SUCCEEDED"), "{moved:?}");
    let mut running = start(&pair.program).await;
    assert_eq!(pair.in_new().await, globex);
    running.stop().await;
}

#[tokio::test]
async fn the_stamp_goes_with_the_tenant() {
    let pair = Pair::new(Roles::Apart).await;
    let key = pair.program.write("stamp.key", &"k".repeat(44));
    let key = format!("secrets.stamp_key = \"file:{key}\"");
    site::configure(&pair.program, &key, "stamp = true");
    let grant = format!("grant create on database {} to globex", crate::pair::SHARED);
    pair.cluster.execute("postgres", &[&grant]).await.unwrap();
    let stamped = pair.program.run(&["stamp", "globex"]).await;
    assert_eq!(stamped.code, Some(0), "{stamped:?}");
    // Somebody has it in hand for as long as the move takes.
    let (client, connection) =
        tokio_postgres::connect(pair.old.expose(), tokio_postgres::NoTls).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "ends with its client")]
    let held = tokio::spawn(connection);
    client.batch_execute("begin; comment on schema watertight is 'in hand'").await.unwrap();
    let mut running = start(&pair.program).await;
    let answer = ask(&running, &json!({})).await;
    ended(&running, &id(&answer), "succeeded").await;
    let stamp = "select obj_description(to_regnamespace('watertight'), 'pg_namespace')";
    let url = url_of(&pair.program, "globex").unwrap();
    assert!(ask_database(&url, stamp).await.is_some());
    assert!(ask_database(&pair.old, stamp).await.is_some(), "it could not be taken away");
    client.batch_execute("rollback").await.unwrap();
    drop(client);
    held.await.unwrap().unwrap();
    assert_eq!(running.stop().await, Some(0));
    let mut running = start(&pair.program).await;
    let late = Instant::now() + LIMIT;
    while ask_database(&pair.old, stamp).await.is_some() {
        assert!(Instant::now() < late, "it would accuse whoever stays");
        sleep(Duration::from_millis(50)).await;
    }
    answers(&pair.program).await;
    let standing = standing(&scan(&running).await);
    assert!(!standing.iter().any(|it| it == "foreign_stamp"), "{standing:?}");
    running.stop().await;
}
