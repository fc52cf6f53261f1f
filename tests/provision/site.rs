//! A platform with a local provider, and ways to look at what it really has.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;
use watertight::model::fingerprint::Digest256;
use watertight::model::report::Report;
use watertight::secret::Secret;
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::program::Program;
use crate::running::{Answer, Running};

/// For an operation to end, on a machine that does a dozen other things.
const LIMIT: Duration = Duration::from_mins(2);

pub(crate) const STEPS: [&str; 9] = [
    "reserve",
    "create_project",
    "await_ready",
    "connect",
    "stamp",
    "verify_unique",
    "health_check",
    "setup",
    "activate",
];

/// A token of each of these roles, named after it.
const ROLES: [&str; 2] = ["provisioner", "operator"];

pub(crate) fn token(role: &str) -> String {
    format!("the-{role}-token-of-a-test")
}

pub(crate) fn tokens() -> String {
    let token = |role: &str| {
        let sha256 = Digest256::of(token(role).as_bytes());
        format!("[[http.tokens]]\nname = {role:?}\nrole = {role:?}\nsha256 = \"{sha256}\"\n")
    };
    ROLES.map(token).concat()
}

/// The daemon, asked by a provisioner.
pub(crate) async fn start(program: &Program) -> Running {
    start_with(program, &[]).await
}

pub(crate) async fn start_with(program: &Program, environment: &[(&str, PathBuf)]) -> Running {
    let mut running = Running::start_with(program, environment).await;
    // Commands reach it by this.
    appears(program.path("watertight.db.sock")).await;
    let bearer = format!("Bearer {}", token("provisioner")).parse().unwrap();
    let headers = [(reqwest::header::AUTHORIZATION, bearer)].into_iter().collect();
    running.http = reqwest::Client::builder().default_headers(headers).build().unwrap();
    running
}

/// Asked for by an operator.
pub(crate) async fn scan(running: &Running) -> Report {
    let request = reqwest::Client::new()
        .post(format!("{}/api/v1/scans?wait=true", running.base))
        .bearer_auth(token("operator"));
    let answer = running.send(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    watertight::report::json::parse(&answer.body).unwrap()
}

/// A configuration of the local provider; `more` stands in `[provision]`.
pub(crate) fn program(more: &str) -> Program {
    let program = Program::new("");
    // The servers may run as another account, which must come through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(program.path("."), open).unwrap();
    configure(&program, "", more);
    program
}

/// Anew, with `first` before all sections.
pub(crate) fn configure(program: &Program, first: &str, more: &str) {
    let directory = program.path("clusters").display().to_string();
    let tokens = tokens();
    program.configure(&format!(
        "schedule.scan = \"0 0 0 1 1 *\"\n{first}\n[provision]\nprovider = \"local\"\nready_timeout = \"60s\"\n\
         {more}\n[provision.local]\ndirectory = {directory:?}\n{tokens}"
    ));
}

/// What the provider has: the directories of its projects.
pub(crate) fn projects(program: &Program) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(program.path("clusters")) else { return Vec::new() };
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|it| it.len() == 20 && it.bytes().all(|it| it.is_ascii_hexdigit())).collect();
    names.sort();
    names
}

pub(crate) fn wanted(subdomain: &str) -> Value {
    json!({ "subdomain": subdomain, "name": format!("The {subdomain} orchestra") })
}

/// Asks for a tenant; the operation's id.
pub(crate) async fn ask(running: &Running, subdomain: &str) -> String {
    let answer = running.post("/api/v1/tenants", &wanted(subdomain)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    id(&answer)
}

pub(crate) fn id(answer: &Answer) -> String {
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["location"], format!("/api/v1/operations/{id}"));
    id
}

pub(crate) async fn operation(running: &Running, id: &str) -> Value {
    let answer = running.get(&format!("/api/v1/operations/{id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The operation when `holds` is true of it.
pub(crate) async fn until(running: &Running, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let late = Instant::now() + LIMIT;
    loop {
        let operation = operation(running, id).await;
        if holds(&operation) {
            return operation;
        }
        assert!(Instant::now() < late, "{operation:#}; {:#?}", running.messages());
        sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn ended(running: &Running, id: &str, state: &str) -> Value {
    let operation = until(running, id, |it| it["state"] != "running").await;
    assert_eq!(operation["state"], state, "{operation:#}; {:#?}", running.messages());
    operation
}

/// `reserve succeeded` for each step.
pub(crate) fn steps(operation: &Value) -> Vec<(String, String)> {
    let steps = operation["steps"].as_array().unwrap().iter();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    steps.map(|it| (text(&it["name"]), text(&it["state"]))).collect()
}

pub(crate) fn step<'a>(operation: &'a Value, name: &str) -> &'a Value {
    operation["steps"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()
}

/// The registry's row of a tenant, read from the store past the daemon: its URL.
pub(crate) fn url_of(program: &Program, tenant: &str) -> Option<Secret> {
    let store = Store::open(&StoreUrl::Sqlite(program.path("watertight.db")), None).unwrap();
    let rows: Vec<(_, watertight::registry::row::RawRow)> = store.tenants().unwrap();
    let row = rows.into_iter().find(|(id, _)| id.as_str() == tenant)?.1;
    Some(Secret::new(row.database_url?))
}

/// One value, asked with the application's own login.
pub(crate) async fn ask_database(url: &Secret, sql: &str) -> Option<String> {
    let (client, connection) = tokio_postgres::connect(url.expose(), NoTls).await.unwrap();
    let asking = async move {
        let row = client.query_one(sql, &[]).await.unwrap();
        row.get::<_, Option<String>>(0)
    };
    let (told, driven) = tokio::join!(asking, connection);
    driven.unwrap();
    told
}

/// An executable script beside the configuration.
pub(crate) fn script(program: &Program, text: &str) -> String {
    let path = program.write("setup.sh", &format!("#!/bin/sh\n{text}"));
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, runs).unwrap();
    path
}

pub(crate) async fn appears(path: PathBuf) {
    let late = Instant::now() + LIMIT;
    while !path.exists() {
        assert!(Instant::now() < late, "{} does not appear", path.display());
        sleep(Duration::from_millis(20)).await;
    }
}
