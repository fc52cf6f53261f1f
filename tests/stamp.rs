//! Stamps on real databases: what is copied gives itself away, and whoever owns a database can neither forge a stamp nor
//! move one unseen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so")]

#[expect(dead_code, reason = "its guests and other ways are for others")]
#[path = "support/program.rs"]
mod program;
#[expect(dead_code, reason = "its metrics and its end are for others")]
#[path = "support/running.rs"]
mod running;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use program::{Program, Ran, finding, own_database, server, tenant, told, url};
use running::Running;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use watertight::local::binaries::Binaries;
use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;
use watertight::model::finding::{Fact, Kind};
use watertight::model::stamp::STAMPED_FOR;

/// Has a key, and these tenants.
fn keyed(program: &Program, rows: &str) {
    let key = program.write("stamp.key", &"k".repeat(44));
    program.configure(&format!(
        "policy.isolation = \"database\"\nsecrets.stamp_key = \"file:{key}\"\n{rows}"
    ));
}

async fn ended(program: &Program, code: i32, arguments: &[&str]) -> Ran {
    let ran = program.run(arguments).await;
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    ran
}

/// As the tenant's own role.
async fn own(url: &str, statements: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let asking = async move { client.batch_execute(statements).await };
    let (done, driven) = tokio::join!(asking, connection);
    done.unwrap();
    driven.unwrap();
}

async fn stamp_in(cluster: &Cluster, database: &str) -> Option<String> {
    let sql = "select obj_description(to_regnamespace('watertight'), 'pg_namespace')";
    cluster.ask(database, sql).await.unwrap()
}

fn comment(text: &str) -> String {
    format!("create schema if not exists watertight; comment on schema watertight is '{text}'")
}

/// As somebody would copy a database by hand.
async fn dump_and_restore(from: &str, to: &str) {
    // An installation may hold the server's programs alone.
    let mut all = Binaries::all().into_iter();
    let binaries = all.rfind(|it| it.program("pg_dump").is_file()).expect("pg_dump");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump");
    let ran = async |program: &str, arguments: &[&str]| {
        let running = Command::new(binaries.program(program))
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(Duration::from_mins(1), running).await.unwrap().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
    };
    let file = file.display().to_string();
    ran("pg_dump", &["--format=custom", "--no-owner", "--no-privileges", "--file", &file, from])
        .await;
    ran("pg_restore", &["--no-owner", "--no-privileges", "--exit-on-error", "--dbname", to, &file])
        .await;
}

#[tokio::test]
async fn a_restored_dump_and_a_cold_copy_give_themselves_away() {
    let ground = Ground::create().unwrap();
    let (mut one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    own(&acme, "create table customers as select generate_series(1, 100) as id").await;
    let rows = tenant("acme", &acme, "") + &tenant("globex", &globex, "");
    let program = Program::new("");
    keyed(&program, &rows);
    program.check("before", "isolated acme\nisolated globex").await;
    let ran = ended(&program, 0, &["stamp"]).await;
    assert_eq!(ran.out, "acme: stamped\nglobex: stamped\n");
    program.check("stamped, and nothing drifts", "isolated acme\nisolated globex").await;

    let restored = own_database(&two, "restored").await;
    dump_and_restore(&acme, &restored).await;
    let copy = one.cold_copy("copy").await.unwrap();
    copy.execute("postgres", &["alter role acme password 'another'"]).await.unwrap();
    let copied = url(&copy, "acme", "another", "acme");
    let rows = rows + &tenant("initech", &restored, "") + &tenant("hooli", &copied, "");
    keyed(&program, &rows);
    let expected = "
        isolated acme
        isolated globex
        breached hooli
        breached initech
        foreign_stamp critical open hooli
        foreign_stamp critical open initech
        cloned_lineage low open acme hooli
    ";
    let report = program.check("copied", expected).await;
    let foreign = finding(&report, Kind::ForeignStamp);
    let owners = Fact::List(vec!["acme".into()]);
    assert_eq!(foreign.claim.evidence.0.get(STAMPED_FOR), Some(&owners));

    // What bears another's stamp is never written over: that would hide it.
    let ran = ended(&program, 1, &["stamp", "initech"]).await;
    assert!(ran.out.contains("initech") && ran.out.contains("the stamp of acme"), "{ran:?}");
    program.check("refused", expected).await;

    let deliberate = "clone_of = \"acme\"";
    let rows = tenant("acme", &acme, "") + &tenant("initech", &restored, deliberate);
    let program = Program::new("");
    keyed(&program, &rows);
    let expected = "isolated acme\nisolated initech\nforeign_stamp low open initech";
    program.check("a deliberate copy, and a store that knows no stamp", expected).await;
}

#[tokio::test]
async fn nobody_who_owns_a_database_can_forge_a_stamp_or_move_one_unseen() {
    let ground = Ground::create().unwrap();
    let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    let program = Program::new("");
    keyed(&program, &(tenant("acme", &acme, "") + &tenant("globex", &globex, "")));
    ended(&program, 0, &["stamp"]).await;
    let first = stamp_in(&one, "acme").await.unwrap();
    let isolated = "isolated acme\nisolated globex";
    let missing = format!("{isolated}\nstamp_missing medium open acme");
    let settled = format!("{isolated}\nstamp_missing medium resolved acme");

    // Moved into a database of another tenant, by its own role: the bearer is told, and the owner is not.
    own(&globex, &comment(&first)).await;
    let expected = "isolated acme\nbreached globex\nforeign_stamp critical open globex";
    program.check("moved", expected).await;
    own(&globex, "drop schema watertight").await;
    let expected = format!(
        "{isolated}\nstamp_missing medium open globex\nforeign_stamp critical resolved globex"
    );
    let report = program.verify().await;
    assert_eq!(sorted(&told(&report)), sorted(&expected), "taken away");
    ended(&program, 0, &["stamp", "globex"]).await;
    program
        .check("stamped again", &format!("{isolated}\nstamp_missing medium resolved globex"))
        .await;

    // Forged in the name of another, and in its own.
    let (said, signature) = first.rsplit_once(" mac=").unwrap();
    own(&acme, &comment(&first.replace("tenant=acme", "tenant=globex"))).await;
    program.check("forged for another", &missing).await;
    own(&acme, &comment(&format!("{said} mac={}", "A".repeat(signature.len())))).await;
    program.check("forged", &missing).await;
    own(&acme, "comment on schema watertight is null").await;
    program.check("wiped", &missing).await;
    own(&acme, "drop schema watertight").await;
    program.check("dropped", &missing).await;

    // The old one is put back after a new one was written.
    ended(&program, 0, &["stamp", "acme"]).await;
    program.check("stamped again", &settled).await;
    let second = stamp_in(&one, "acme").await.unwrap();
    assert_ne!(first, second);
    own(&acme, &comment(&first)).await;
    program.check("put back", &missing).await;
    own(&acme, &comment(&second)).await;
    program.check("the latest again", &settled).await;

    // Within the tenant's own: another of its databases is another database.
    let other = own_database(&one, "other").await;
    own(&other, &comment(&second)).await;
    let more = format!("databases = {{ other = {other:?} }}");
    keyed(&program, &(tenant("acme", &acme, &more) + &tenant("globex", &globex, "")));
    program.check("in a database that was never stamped", isolated).await;
    ended(&program, 0, &["stamp", "acme"]).await;
    let (main, own_text) =
        (stamp_in(&one, "acme").await.unwrap(), stamp_in(&one, "other").await.unwrap());
    assert_ne!(main, own_text);
    program.check("both stamped", isolated).await;
    own(&other, &comment(&main)).await;
    program.check("moved within the tenant", &missing).await;
}

/// Findings of one severity stand in the order of their kinds; a resolved one anywhere.
fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|it| it.trim().to_owned()).collect();
    lines.retain(|it| !it.is_empty());
    lines.sort();
    lines
}

#[tokio::test]
async fn a_stamp_is_planned_shown_refused_and_signed_anew() {
    let ground = Ground::create().unwrap();
    let one = server(&ground, "one").await;
    let acme = own_database(&one, "acme").await;
    let rows = tenant("acme", &acme, "");
    let program = Program::new(&rows);
    let ran = ended(&program, 2, &["stamp"]).await;
    assert!(ran.err.contains("openssl rand -base64 32"), "{ran:?}");
    keyed(&program, &rows);
    ended(&program, 2, &["stamp", "nobody"]).await;

    let ran = ended(&program, 0, &["stamp", "--dry-run"]).await;
    assert_eq!(ran.out, "acme: would be stamped\n");
    let planned = ended(&program, 0, &["stamp", "--plan"]).await.out;
    assert_eq!(stamp_in(&one, "acme").await, None, "nothing was written");
    program.check("planned, and missed by nobody", "isolated acme").await;
    // The platform's migrations run as somebody else.
    one.execute("acme", &[&planned]).await.unwrap();
    program.check("applied", "isolated acme").await;
    let ran = ended(&program, 1, &["stamp"]).await;
    assert!(ran.out.contains("belongs to postgres, and we are acme"), "{ran:?}");
    one.execute("acme", &["drop schema watertight"]).await.unwrap();
    program.check("and missed from then on", "isolated acme\nstamp_missing medium open acme").await;

    own(&acme, "create schema watertight; create table watertight.theirs (a int)").await;
    let ran = ended(&program, 1, &["stamp"]).await;
    assert!(ran.out.contains("is not empty"), "{ran:?}");
    own(&acme, "drop table watertight.theirs; comment on schema watertight is 'our pumps'").await;
    let ran = ended(&program, 1, &["stamp"]).await;
    assert!(ran.out.contains("a comment that is no stamp"), "{ran:?}");
    own(&acme, "drop schema watertight").await;
    ended(&program, 0, &["stamp"]).await;

    // The key is replaced: the old one verifies until everything is stamped anew.
    let rotated = |previous: &str| {
        let key = program.write("new.key", &"n".repeat(44));
        program.configure(&format!("secrets.stamp_key = \"file:{key}\"\n{previous}\n{rows}"));
    };
    let old =
        format!("secrets.previous.stamp_key = \"file:{}\"", program.path("stamp.key").display());
    rotated(&old);
    program.check("rotating", "isolated acme\nstamp_missing medium resolved acme").await;
    rotated("");
    let missing = "isolated acme\nstamp_missing medium open acme";
    program.check("the old key is gone too early", missing).await;
    // Without any key nobody can say, so nothing is taken back.
    program.configure(&rows);
    let report = program.check("no key", missing).await;
    assert!(
        report.warnings.iter().any(|it| it.contains("1 stamp cannot be verified")),
        "{report:?}"
    );
    rotated("");
    ended(&program, 0, &["stamp"]).await;
    program.check("stamped anew", "isolated acme\nstamp_missing medium resolved acme").await;
}

#[tokio::test]
async fn beside_a_running_daemon_its_store_remembers() {
    let ground = Ground::create().unwrap();
    let one = server(&ground, "one").await;
    let acme = own_database(&one, "acme").await;
    let program = Program::new("");
    keyed(&program, &tenant("acme", &acme, ""));
    let nothing: [(&str, PathBuf); 0] = [];
    let daemon = Running::start_with(&program, &nothing).await;
    daemon.scan().await;
    let ran = ended(&program, 0, &["stamp"]).await;
    assert_eq!(ran.out, "acme: stamped\n");
    assert_eq!(told(&daemon.scan().await), "isolated acme\n");
    own(&acme, "drop schema watertight").await;
    let missing = "isolated acme\nstamp_missing medium open acme\n";
    assert_eq!(told(&daemon.scan().await), missing);
}
