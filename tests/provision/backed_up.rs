//! The last backup of a tenant that leaves: whole and read back, or nothing is deleted.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;
use watertight::dump::{self, Job, Programs};
use watertight::model::fingerprint::Digest256;
use watertight::model::tenant::TenantId;
use watertight::registry::row::RawRow;
use watertight::secret::Secret;
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::program::Program;
use crate::running::Running;
use crate::site::{ask, configure, ended, id, program, projects, scan, start, step, until, url_of};

/// With a directory for backups, and time for each.
fn keeping(limit: &str) -> (Program, PathBuf) {
    let program = program("");
    let backups = program.path("backups");
    std::fs::create_dir(&backups).unwrap();
    let more = format!("backup_directory = \"{}\"\nbackup_timeout = {limit:?}", backups.display());
    configure(&program, "", &more);
    (program, backups)
}

/// A tenant with a table of customers.
async fn tenant(program: &Program, running: &Running, subdomain: &str) -> Secret {
    ended(running, &ask(running, subdomain).await, "succeeded").await;
    let url = url_of(program, subdomain).unwrap();
    execute(&url, "create table customers as select 'a customer' as name").await;
    url
}

async fn execute(url: &Secret, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url.expose(), NoTls).await.unwrap();
    let asking = async move { client.batch_execute(sql).await.unwrap() };
    let ((), driven) = tokio::join!(asking, connection);
    driven.unwrap();
}

async fn send_away(running: &Running, tenant: &str, more: &str) -> crate::running::Answer {
    let url = format!("{}/api/v1/tenants/{tenant}?grace=0s{more}", running.base);
    running.send(running.http.delete(&url)).await
}

/// The registry's row of a tenant, changed by hand.
fn rewrite(program: &Program, tenant: &str, change: impl FnOnce(&mut RawRow)) {
    let store = Store::open(&StoreUrl::Sqlite(program.path("watertight.db")), None).unwrap();
    let tenant = TenantId::parse(tenant).unwrap();
    let mut row: RawRow = store.tenant(&tenant).unwrap().unwrap();
    change(&mut row);
    store.put_tenants(&[(tenant, row)]).unwrap();
}

/// Another tenant, led into that database by a row that names no project.
fn move_in(program: &Program, tenant: &str, url: &Secret) {
    let store = Store::open(&StoreUrl::Sqlite(program.path("watertight.db")), None).unwrap();
    let database_url = Some(url.expose().into());
    let row = RawRow { id: tenant.into(), database_url, ..RawRow::default() };
    store.put_tenants(&[(TenantId::parse(tenant).unwrap(), row)]).unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|it| it.unwrap().path()).collect()
}

/// The file is what the operation says, ours alone, and can be read back.
async fn check_file(file: &Path, operation: &Value) {
    let id = operation["id"].as_str().unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with(&format!("acme-{id}-20")) && name.ends_with("Z.dump"), "{name}");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let digest = Digest256::of(&std::fs::read(file).unwrap());
    let note = step(operation, "backup")["note"].as_str().unwrap();
    assert_eq!(note, format!("{} sha256 {digest}", file.display()));
    let arguments = vec!["--list".into(), file.into()];
    let limit = Duration::from_mins(1);
    let job = Job { program: dump::Program::Restore, arguments, place: None, limit };
    let programs = Programs::find().await.unwrap();
    let list = programs.run(&job, &CancellationToken::new()).await.unwrap();
    assert!(list.contains("TABLE DATA public customers"), "{list}");
}

#[tokio::test]
async fn a_tenant_that_leaves_is_kept_in_a_file() {
    let (program, backups) = keeping("1m");
    let mut running = start(&program).await;
    let url = tenant(&program, &running, "acme").await;
    let answer = send_away(&running, "acme", "").await;
    let operation = ended(&running, &id(&answer), "succeeded").await;
    assert!(projects(&program).is_empty());
    let files = files(&backups);
    assert_eq!(files.len(), 1, "{files:?}");
    check_file(&files[0], &operation).await;
    let password = url.expose().split_once(':').unwrap().1.split(['@', ':']).nth(1).unwrap();
    let log = running.lines().join("\n");
    assert!(!log.contains(password), "{log}");

    // Whoever says so leaves without one.
    tenant(&program, &running, "acme").await;
    let answer = send_away(&running, "acme", "&backup=false").await;
    ended(&running, &id(&answer), "succeeded").await;
    assert_eq!(self::files(&backups), files);
    running.stop().await;
}

/// A table that every dump waits for, until the client is dropped.
async fn hold(url: &Secret) -> (Client, JoinSet<Result<(), tokio_postgres::Error>>) {
    let (client, connection) = tokio_postgres::connect(url.expose(), NoTls).await.unwrap();
    let mut holding = JoinSet::new();
    holding.spawn(connection);
    client.batch_execute("begin; lock table customers").await.unwrap();
    (client, holding)
}

async fn a_dump_begins(backups: &Path) {
    let late = Instant::now() + Duration::from_secs(30);
    while files(backups).is_empty() {
        assert!(Instant::now() < late, "no dump begins");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn where_the_backup_fails_nothing_is_deleted() {
    let (program, backups) = keeping("2s");
    let mut running = start(&program).await;
    let url = tenant(&program, &running, "acme").await;
    let (client, mut holding) = hold(&url).await;
    let answer = send_away(&running, "acme", "").await;
    let operation = ended(&running, &id(&answer), "rolled_back").await;
    let why = step(&operation, "backup")["error"].as_str().unwrap();
    assert!(why.contains("pg_dump was not done within 2 s"), "{why}");
    assert_eq!(step(&operation, "delete_project")["state"], "pending");
    assert_eq!(projects(&program).len(), 1);
    assert!(url_of(&program, "acme").is_some(), "it was called back");
    assert!(files(&backups).is_empty(), "{:?}", files(&backups));
    drop(client);
    holding.join_next().await.unwrap().unwrap().unwrap();
    let report = scan(&running).await;
    assert_eq!(report.tenants[0].isolation.to_string(), "isolated");
    running.stop().await;
}

#[tokio::test]
async fn a_daemon_that_dies_in_the_backup_makes_it_anew() {
    let (program, backups) = keeping("1m");
    let mut running = start(&program).await;
    let url = tenant(&program, &running, "acme").await;
    let (client, mut holding) = hold(&url).await;
    let answer = send_away(&running, "acme", "").await;
    let leaving = id(&answer);
    until(&running, &leaving, |it| step(it, "backup")["state"] == "running").await;
    a_dump_begins(&backups).await;
    running.signal(Signal::KILL);
    running.ended().await;
    // The servers of this machine died with it.
    drop(client);
    holding.join_next().await.unwrap().unwrap().unwrap_or_default();

    let mut running = start(&program).await;
    let operation = ended(&running, &leaving, "succeeded").await;
    let files = files(&backups);
    assert_eq!(files.len(), 1, "nothing unfinished is left: {files:?}");
    check_file(&files[0], &operation).await;
    running.stop().await;
}

#[tokio::test]
async fn without_a_place_for_it_whoever_asks_is_told() {
    let program = program("");
    let mut running = start(&program).await;
    tenant(&program, &running, "acme").await;
    let answer = send_away(&running, "acme", "&backup=true").await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(answer.json()["type"], json!("urn:watertight:problem:no-backup"));
    let elsewhere = program.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let here = elsewhere.display().to_string();
    let arguments = ["deprovision", "acme", "--now", "--backup", &here];
    let refused = program.run(&arguments).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("a daemon holds the store"), "{refused:?}");
    assert_eq!(running.stop().await, Some(0));

    let gone = program.run(&arguments).await;
    assert_eq!(gone.code, Some(0), "{gone:?}");
    assert!(gone.out.contains("sha256"), "{gone:?}");
    assert_eq!(files(&elsewhere).len(), 1);
    assert!(projects(&program).is_empty());
}

/// A table that is held, and a tenant whose dump waits for it.
#[tokio::test]
async fn a_tenant_that_is_called_back_leaves_no_half_of_its_data_behind() {
    let (program, backups) = keeping("1m");
    let mut running = start(&program).await;
    let url = tenant(&program, &running, "acme").await;
    let (client, mut holding) = hold(&url).await;
    let leaving = id(&send_away(&running, "acme", "").await);
    a_dump_begins(&backups).await;
    let cancelled = running.post(&format!("/api/v1/operations/{leaving}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, 202, "{cancelled:?}");
    ended(&running, &leaving, "rolled_back").await;
    assert!(files(&backups).is_empty(), "{:?}", files(&backups));
    assert!(url_of(&program, "acme").is_some(), "it was called back");
    drop(client);
    holding.join_next().await.unwrap().unwrap().unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_row_that_was_led_elsewhere_makes_no_backup_and_the_project_is_looked_at_all_the_same() {
    let (program, backups) = keeping("1m");
    let mut running = start(&program).await;
    let url = tenant(&program, &running, "acme").await;
    rewrite(&program, "acme", |row| row.project_id = Some("elsewhere".into()));
    let answer = send_away(&running, "acme", "").await;
    let operation = ended(&running, &id(&answer), "rolled_back").await;
    let why = step(&operation, "backup")["error"].as_str().unwrap();
    assert!(why.contains("does not lead into what would be deleted"), "{why}");
    assert!(files(&backups).is_empty() && url_of(&program, "acme").is_some());

    move_in(&program, "globex", &url);
    let answer = send_away(&running, "acme", "&backup=false").await;
    let operation = ended(&running, &id(&answer), "stuck").await;
    let why = step(&operation, "delete_project")["error"].as_str().unwrap();
    assert!(why.contains("is that of globex"), "{why}");
    assert_eq!(projects(&program).len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_password_that_stands_apart_is_used_for_the_last_look() {
    let program = program("");
    let mut running = start(&program).await;
    let url = tenant(&program, &running, "acme").await;
    let (before, rest) = url.expose().split_once('@').unwrap();
    let (before, password) = before.rsplit_once(':').unwrap();
    let file = program.write("acme.password", password);
    rewrite(&program, "acme", |row| {
        row.database_url = Some(format!("{before}@{rest}").into());
        row.password = Some(format!("file:{file}").into());
    });
    move_in(&program, "globex", &url);
    let answer = send_away(&running, "acme", "").await;
    let operation = ended(&running, &id(&answer), "stuck").await;
    let why = step(&operation, "delete_project")["error"].as_str().unwrap();
    assert!(why.contains("is that of globex"), "{why}");
    assert_eq!(projects(&program).len(), 1);
    running.stop().await;
}
