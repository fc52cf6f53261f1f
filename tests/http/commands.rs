//! Commands that write while a daemon holds the store: the same effect, the same words, the same exit code.

use std::process::Stdio;

use tokio::process::Command;
use watertight::registry::row::RawRow;
use watertight::report::json::parse;

use crate::house::{House, LIMIT, Plan, QUICK};

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The program, with the house's store and registry.
async fn run(house: &House, arguments: &[&str]) -> Ran {
    let (file, store) = (house.home.path().join("w.toml"), house.home.path().join("w.db"));
    let configuration = format!("store.url = \"sqlite:{}\"\n{QUICK}", store.display());
    std::fs::write(&file, configuration).unwrap();
    let running = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .arg("--config")
        .arg(&file)
        .args(arguments)
        .env("USER", "sam")
        .env_remove("SUDO_USER")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, running).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_has_the_daemon_scan_and_judges_what_it_found() {
    let house = House::of(Plan { before: None, ..Plan::default() }).await;
    let ran = run(&house, &["verify", "--format", "json"]).await;
    // The finding is pending, and it counts.
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let report = parse(&ran.out).unwrap();
    assert_eq!(report.trigger.label(), "cli");
    assert_eq!(house.daemon.store().scans(1).unwrap()[0].id, report.id);
    let standing = house.daemon.standing().borrow().clone().unwrap();
    assert_eq!(standing.full.id, report.id, "the daemon tells it too");
    let one = run(&house, &["verify", "--tenant", "acme", "--about", "isolation"]).await;
    assert_eq!(one.code, Some(3), "{}", one.err);
    assert!(one.out.contains("1 tenant: 0 isolated, 0 breached, 1 unverified"), "{}", one.out);
    let nobody = run(&house, &["verify", "--tenant", "nobody"]).await;
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.err.contains("no tenant nobody in the registry"), "{}", nobody.err);
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_is_edited_through_the_daemon() {
    let house = House::new().await;
    let stored = || house.daemon.store().tenants::<RawRow>().unwrap();
    let url = "postgres://app@127.0.0.1:1/globex";
    let added = run(&house, &["tenants", "add", "globex", url]).await;
    assert_eq!((added.code, &*added.out), (Some(0), "1 tenant stored\n"), "{}", added.err);
    assert_eq!(stored()[0].0.as_str(), "globex");
    let scanned = run(&house, &["verify", "--format", "json", "--tenant", "globex"]).await;
    assert_eq!(parse(&scanned.out).unwrap().tenants[0].id.as_str(), "globex");
    let wrong = run(&house, &["tenants", "add", "hooli", "postgres://app@127.0.0.1:x/hooli"]).await;
    assert_eq!(wrong.code, Some(2), "{}", wrong.out);
    let nobody = run(&house, &["tenants", "remove", "globex", "nobody"]).await;
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.err.contains("tenant nobody is not in the store"), "{}", nobody.err);
    assert_eq!(stored().len(), 1, "all or none");
    let removed = run(&house, &["tenants", "remove", "globex"]).await;
    assert_eq!((removed.code, &*removed.out), (Some(0), "1 tenant removed\n"), "{}", removed.err);
    assert!(stored().is_empty());
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_accepted_through_the_daemon_in_the_name_of_who_gave_it() {
    let house = House::new().await;
    let reason = ["--reason", "restore drill", "--ticket", "OPS-1"];
    let unseen = run(&house, &[&["accept", "nobody"], &reason[..]].concat()).await;
    assert_eq!(unseen.code, Some(2));
    assert!(unseen.err.contains("tenant nobody was never seen"), "{}", unseen.err);
    let seen = run(&house, &[&["accept", "acme"], &reason[..]].concat()).await;
    let said = "what was last seen of acme is accepted as its own\n";
    assert_eq!((seen.code, &*seen.out), (Some(0), said), "{}", seen.err);
    let baselines = house.daemon.store().baselines().unwrap();
    assert_eq!(baselines[0].tenant.as_str(), "acme");
    let until = run(&house, &[&["accept", "acme", "--until", "2h"], &reason[..]].concat()).await;
    assert_eq!(until.code, Some(0), "{}", until.err);
    let changes = house.daemon.store().active_changes(watertight::clock::now()).unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!((&*changes[0].by, &*changes[0].reason), ("sam", "restore drill"));
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_socket_a_command_says_who_holds_the_store() {
    let house = House::new().await;
    std::fs::remove_file(house.socket()).unwrap();
    for arguments in [&["verify"][..], &["tenants", "remove", "acme"]] {
        let ran = run(&house, arguments).await;
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains("is in use by process"), "{}", ran.err);
    }
    let read = run(&house, &["tenants", "list", "--format", "json"]).await;
    assert_eq!(read.code, Some(0), "reading needs nobody's leave: {}", read.err);
    house.leave().await;
}

/// The rows hold secrets, and whoever stands on the network is not this user.
#[tokio::test]
async fn what_the_socket_takes_is_nothing_to_the_network() {
    let house = House::new().await;
    for path in ["/local/v1/tenants", "/local/v1/changes", "/local/v1/scans"] {
        let request = house.post(path, &serde_json::json!({}));
        crate::house::refused(request, reqwest::StatusCode::NOT_FOUND, "no-such-route").await;
    }
    house.leave().await;
}
