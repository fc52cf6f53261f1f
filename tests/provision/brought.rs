//! Tenants with a database that their caller brings: it is looked at, and it is nobody's to delete.

use rustix::process::Signal;
use serde_json::{Value, json};
use watertight::local::cluster::{Cluster, Shutdown};
use watertight::local::ground::Ground;

use crate::program::{Program, own_database, server};
use crate::running::Running;
use crate::site::{
    appears, configure, ended, id, program, projects, scan, script, start, step, url_of, wanted,
};

fn bringing(subdomain: &str, url: &str) -> Value {
    let mut wanted = wanted(subdomain);
    wanted["database_url"] = json!(url);
    wanted
}

async fn make(running: &Running, subdomain: &str, url: &str) -> String {
    let answer = running.post("/api/v1/tenants", &bringing(subdomain, url)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    id(&answer)
}

/// Pre-flight refuses it, by this check and by no other, and so does the creation.
async fn refused(running: &Running, subdomain: &str, url: &str, checks: &[&str]) {
    let wanted = bringing(subdomain, url);
    let answer = running.post("/api/v1/tenants/validate", &wanted).await.json();
    let failed: Vec<&str> = answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["ok"] == json!(false))
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(failed, checks, "{answer:#}");
    let answer = running.post("/api/v1/tenants", &wanted).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(!answer.body.contains("postgres://"), "{answer:?}");
}

/// Everything in a database that an application or we could have made, and whatever is said of it.
async fn content(cluster: &Cluster, database: &str) -> String {
    let all = "select string_agg(line, E'\\n' order by line) from (
        select 'schema ' || nspname || ' ' || coalesce(obj_description(oid, 'pg_namespace'), '-') as line
            from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
        union all select 'relation ' || relnamespace::regnamespace || '.' || relname || ' ' || relowner::regrole
            from pg_class where relnamespace::regnamespace::text !~ '^pg_|^information_schema'
        union all select 'role ' || rolname || ' ' || rolsuper || rolcanlogin from pg_roles
        union all select 'database ' || datname || ' ' || datdba::regrole || coalesce(datacl::text, '-')
            from pg_database where datname = current_database()
        union all select 'row ' || name from kept) as all_of_it(line)";
    cluster.ask(database, all).await.unwrap().unwrap()
}

/// A database that is in use for something, and its URL.
async fn in_use(cluster: &Cluster, name: &str) -> String {
    let url = own_database(cluster, name).await;
    let owner = format!("alter table kept owner to {name}");
    let sql = ["create table kept (name text)", "insert into kept values ('a row')", &owner];
    cluster.execute(name, &sql).await.unwrap();
    url
}

/// With a key for stamps and this setup.
fn stamping(setup: &str) -> Program {
    let program = program("");
    let key = program.write("stamp.key", &"k".repeat(44));
    let setup = script(&program, setup);
    let key = format!("secrets.stamp_key = \"file:{key}\"");
    configure(&program, &key, &format!("stamp = true\nsetup_command = [{setup:?}]"));
    program
}

const STAMP: &str = "select obj_description(to_regnamespace('watertight'), 'pg_namespace')";

#[tokio::test]
async fn an_unused_database_becomes_the_tenants_and_stays_when_it_leaves() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = in_use(&cluster, "acme").await;
    let program = stamping(
        "exec psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -qc 'create table set_up as select 1'\n",
    );
    let mut running = start(&program).await;
    let made = make(&running, "acme", &url).await;
    ended(&running, &made, "succeeded").await;
    assert!(projects(&program).is_empty(), "the provider made nothing");
    assert_eq!(url_of(&program, "acme").unwrap().expose(), url);
    assert!(cluster.ask("acme", STAMP).await.unwrap().is_some());
    let after = content(&cluster, "acme").await;
    assert!(after.contains("set_up") && after.contains("row a row"), "{after}");
    let report = scan(&running).await;
    assert_eq!(report.tenants[0].isolation.to_string(), "isolated");

    let address = format!("{}/api/v1/tenants/acme?grace=0s", running.base);
    let answer = running.send(running.http.delete(&address)).await;
    ended(&running, &id(&answer), "succeeded").await;
    assert_eq!(content(&cluster, "acme").await, after, "it was never ours to delete");
    running.stop().await;
}

#[tokio::test]
async fn a_database_of_another_tenant_is_refused_and_not_touched() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = in_use(&cluster, "acme").await;
    let program = stamping("exit 0\n");
    let mut running = start(&program).await;
    ended(&running, &make(&running, "acme", &url).await, "succeeded").await;
    scan(&running).await;
    let before = content(&cluster, "acme").await;
    refused(&running, "globex", &url, &["database_unused", "no_foreign_stamp"]).await;
    assert_eq!(content(&cluster, "acme").await, before);
    assert!(url_of(&program, "globex").is_none());

    // Another database of that server: under the policy `cluster` it is not one's own either.
    let beside = own_database(&cluster, "beside").await;
    refused(&running, "globex", &beside, &["database_unused"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_copy_that_bears_anothers_stamp_is_refused() {
    let ground = Ground::create().unwrap();
    let (cluster, other) = (server(&ground, "one").await, server(&ground, "other").await);
    let url = in_use(&cluster, "acme").await;
    let program = stamping("exit 0\n");
    let mut running = start(&program).await;
    ended(&running, &make(&running, "acme", &url).await, "succeeded").await;
    scan(&running).await;
    let stamp = cluster.ask("acme", STAMP).await.unwrap().unwrap();

    let copied = in_use(&other, "globex").await;
    let comment = format!("comment on schema watertight is '{stamp}'");
    other.execute("globex", &["create schema watertight", &comment]).await.unwrap();
    let before = content(&other, "globex").await;
    refused(&running, "globex", &copied, &["database_unused", "no_foreign_stamp"]).await;
    assert_eq!(content(&other, "globex").await, before);
    running.stop().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_refused() {
    let ground = Ground::create().unwrap();
    let mut cluster = server(&ground, "one").await;
    let url = in_use(&cluster, "acme").await;
    let program = stamping("exit 0\n");
    let mut running = start(&program).await;
    let checks = ["database_reachable", "database_unused", "no_foreign_stamp"];
    let wrong = url.replacen("acme:", "acme:x", 1);
    refused(&running, "acme", &wrong, &checks).await;
    cluster.stop(Shutdown::Fast).await.unwrap();
    refused(&running, "acme", &url, &checks).await;
    running.stop().await;
}

#[tokio::test]
async fn a_setup_that_fails_leaves_the_database_as_it_was() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = in_use(&cluster, "acme").await;
    let before = content(&cluster, "acme").await;
    let program = stamping("exit 3\n");
    let mut running = start(&program).await;
    let operation = ended(&running, &make(&running, "acme", &url).await, "rolled_back").await;
    assert_eq!(step(&operation, "stamp")["state"], "undone");
    assert_eq!(content(&cluster, "acme").await, before);
    assert!(url_of(&program, "acme").is_none());

    // A schema of that name was there already, and empty.
    cluster.execute("acme", &["create schema watertight authorization acme"]).await.unwrap();
    let before = content(&cluster, "acme").await;
    ended(&running, &make(&running, "acme", &url).await, "rolled_back").await;
    assert_eq!(content(&cluster, "acme").await, before);
    running.stop().await;
}

#[tokio::test]
async fn a_daemon_that_dies_in_the_setup_still_takes_its_stamp_away() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = in_use(&cluster, "acme").await;
    let before = content(&cluster, "acme").await;
    let program = program("");
    let started = program.path("started");
    let setup = script(
        &program,
        &format!("[ -e {0} ] && exit 3; touch {0}; exec sleep 600\n", started.display()),
    );
    let key = program.write("stamp.key", &"k".repeat(44));
    let key = format!("secrets.stamp_key = \"file:{key}\"");
    configure(&program, &key, &format!("stamp = true\nsetup_command = [{setup:?}]"));
    let mut running = start(&program).await;
    let made = make(&running, "acme", &url).await;
    appears(started).await;
    assert!(cluster.ask("acme", STAMP).await.unwrap().is_some(), "it had come as far as a stamp");
    running.signal(Signal::KILL);
    running.ended().await;

    let mut running = start(&program).await;
    ended(&running, &made, "rolled_back").await;
    assert_eq!(content(&cluster, "acme").await, before);
    running.stop().await;
}
