//! `pg_dump` and `pg_restore` on real databases: what they are given, and that they never stay longer than they may.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so")]

#[expect(dead_code, reason = "its scans are for others")]
#[path = "support/program.rs"]
mod program;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use program::{own_database, server};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use watertight::dsn::Dsn;
use watertight::dump::{DumpError, Job, Place, Program, Programs};
use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;
use watertight::secret::Secret;

const PATIENT: Duration = Duration::from_mins(1);

async fn dump(
    url: &str,
    password: Option<&str>,
    file: &Path,
    limit: Duration,
    stop: &CancellationToken,
) -> Result<String, DumpError> {
    let dsn = Dsn::parse(url).unwrap();
    let password = password.map(Secret::new).or(dsn.password.clone());
    let place = Place { dsn: &dsn, password: password.as_ref(), roots: None };
    let arguments = ["--format=custom".into(), "--file".into(), file.into()].into();
    let job = Job { program: Program::Dump, arguments, place: Some(place), limit };
    Programs::find().await.unwrap().run(&job, stop).await
}

async fn listed(file: &Path) -> Result<String, DumpError> {
    let arguments: Vec<OsString> = vec!["--list".into(), file.into()];
    let job = Job { program: Program::Restore, arguments, place: None, limit: PATIENT };
    Programs::find().await.unwrap().run(&job, &CancellationToken::new()).await
}

/// Whether a process has this file among its arguments.
fn runs_on(file: &Path) -> bool {
    let file = file.display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    // One that ends meanwhile has none.
    let arguments = |it: std::fs::DirEntry| std::fs::read(it.path().join("cmdline"));
    let told = |it: Vec<u8>| String::from_utf8_lossy(&it).contains(&file);
    processes.filter_map(|it| arguments(it).ok()).any(told)
}

#[tokio::test]
async fn a_database_is_dumped_and_the_dump_can_be_read() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = own_database(&cluster, "acme").await;
    cluster.execute("acme", &["create table customers (name text)"]).await.unwrap();
    cluster.execute("acme", &["grant select on customers to acme"]).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("acme.dump");
    dump(&url, None, &file, PATIENT, &CancellationToken::new()).await.unwrap();
    let list = listed(&file).await.unwrap();
    assert!(list.contains("TABLE DATA public customers"), "{list}");

    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 4]).unwrap();
    let error = listed(&file).await.unwrap_err().to_string();
    assert!(error.starts_with("pg_restore ended with "), "{error}");
}

#[tokio::test]
async fn a_refused_password_is_told_and_not_shown() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = own_database(&cluster, "acme").await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("acme.dump");
    let stop = CancellationToken::new();
    let error = dump(&url, Some("geheim-4711"), &file, PATIENT, &stop).await.unwrap_err();
    let told = format!("{error:#} {error:?}");
    assert!(told.contains("password authentication failed"), "{told}");
    assert!(!told.contains("4711"), "{told}");
}

/// A table that somebody holds is waited for without end.
/// A program that was told to end is not gone in the same moment.
async fn until_it_ends(file: &Path) {
    let late = Instant::now() + Duration::from_secs(5);
    while runs_on(file) {
        assert!(Instant::now() < late, "it runs on");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_dump_that_waits_is_ended() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = own_database(&cluster, "acme").await;
    let sql = ["create table held (a int)", "grant select on held to acme"];
    cluster.execute("acme", &sql).await.unwrap();
    let holding = cluster.ask("acme", "begin; lock table held; select pg_sleep(30); commit");
    let dumping = async {
        while held(&cluster).await != Some("1".to_owned()) {
            sleep(Duration::from_millis(20)).await;
        }
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("acme.dump");
        let stop = CancellationToken::new();
        let limit = Duration::from_secs(2);
        let begun = Instant::now();
        let late = dump(&url, None, &file, limit, &stop);
        let seen = async {
            while !runs_on(&file) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let (late, ()) = tokio::join!(late, seen);
        assert!(matches!(late, Err(DumpError::Late { .. })), "{late:?}");
        until_it_ends(&file).await;

        let stopped = dump(&url, None, &file, PATIENT, &stop);
        let stopping = async {
            while !runs_on(&file) {
                sleep(Duration::from_millis(20)).await;
            }
            stop.cancel();
        };
        let (stopped, ()) = tokio::join!(stopped, stopping);
        assert!(matches!(stopped, Err(DumpError::Stopped { .. })), "{stopped:?}");
        until_it_ends(&file).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    };
    tokio::select! {
        () = dumping => {}
        ended = holding => panic!("the table was let go too soon: {ended:?}"),
    }
}

async fn held(cluster: &Cluster) -> Option<String> {
    let count = "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and relation = (select oid from pg_class where relname = 'held')";
    cluster.ask("acme", count).await.unwrap()
}
