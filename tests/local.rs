//! What a throwaway cluster promises: it can be had, copied and pooled, and nothing of it stays behind.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use watertight::local::binaries::Binaries;
use watertight::local::cluster::{Cluster, Shutdown, random_password};
use watertight::local::ground::Ground;
use watertight::local::pooler::{self, PoolMode, Pooler, Route};
use watertight::local::process::Signal;

#[tokio::test]
async fn a_cluster_copies_itself_in_every_way() {
    let ground = Ground::create().unwrap();
    let binaries = Binaries::find().unwrap();
    let mut one = Cluster::create(&ground, &binaries, "one").await.unwrap();
    one.create_role("app", &random_password(), "").await.unwrap();
    one.create_database("app", "app").await.unwrap();
    let identifier = "select system_identifier from pg_control_system()";
    let standby = one.standby("standby", Some("standby")).await.unwrap();
    let snapshot = one.snapshot("snapshot").await.unwrap();
    let cold = one.cold_copy("cold").await.unwrap();
    let system = one.ask("app", identifier).await.unwrap();
    for copy in [&standby, &snapshot, &cold] {
        assert_eq!(copy.ask("app", identifier).await.unwrap(), system, "{}", copy.name());
    }
    standby.caught_up_with(&one).await.unwrap();
    let recovering = "select pg_is_in_recovery()";
    assert_eq!(standby.ask("app", recovering).await.unwrap().as_deref(), Some("t"));
    assert_eq!(snapshot.ask("app", recovering).await.unwrap().as_deref(), Some("f"));
    standby.promote().await.unwrap();
    assert_eq!(standby.ask("app", recovering).await.unwrap().as_deref(), Some("f"));
}

#[tokio::test]
async fn a_restart_keeps_port_and_data_and_two_clusters_never_have_one() {
    let ground = Ground::create().unwrap();
    let binaries = Binaries::find().unwrap();
    let (one, two) = tokio::join!(
        Cluster::create(&ground, &binaries, "one"),
        Cluster::create(&ground, &binaries, "two")
    );
    let (mut one, two) = (one.unwrap(), two.unwrap());
    let port = one.port().unwrap();
    assert_ne!(port, two.port().unwrap());
    // Committed without waiting for the disk: an orderly stop keeps it, any other may lose it.
    one.create_role("last", &random_password(), "").await.unwrap();
    one.stop(Shutdown::Fast).await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    one.start().await.unwrap();
    assert_eq!(one.port().unwrap(), port);
    let kept = one.ask("postgres", "select rolname from pg_roles where rolname = 'last'").await;
    assert_eq!(kept.unwrap().as_deref(), Some("last"));
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let ground = Ground::create().unwrap();
    let binaries = Binaries::find().unwrap();
    let mut cluster = Cluster::initialise(&ground, &binaries, "odd").await.unwrap();
    cluster.set("no_such_setting", "1");
    let error = cluster.start().await.unwrap_err().to_string();
    assert!(error.contains("postgres ended with"), "{error}");
    assert!(error.contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn every_pool_mode_leads_to_the_database_behind_it() {
    if pooler::program().is_none() {
        eprintln!("left out: PgBouncer is not installed");
        return;
    }
    let ground = Ground::create().unwrap();
    let binaries = Binaries::find().unwrap();
    let cluster = Cluster::create(&ground, &binaries, "behind").await.unwrap();
    let password = random_password();
    cluster.create_role("app", &password, "").await.unwrap();
    cluster.create_database("app", "app").await.unwrap();
    for mode in PoolMode::ALL {
        let route = Route { alias: "alias", cluster: &cluster, database: "app", roles: &["app"] };
        let pooler = Pooler::start(&ground, mode.label(), mode, &[route]).await.unwrap();
        let url = format!("postgres://app:{}@127.0.0.1:{}/alias", password.expose(), pooler.port());
        assert_eq!(ask(&url, "select current_database()").await, "app", "{mode:?}");
    }
}

async fn ask(url: &str, question: &str) -> String {
    let asking = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connect");
        let asking = async move { client.query_one(question, &[]).await.expect("ask").get(0) };
        tokio::join!(asking, connection).0
    };
    timeout(Duration::from_secs(20), asking).await.expect("within the deadline")
}

/// Set in the child that is to be killed: where it writes what it has started.
const VICTIM: &str = "WATERTIGHT_TEST_VICTIM";

/// The test starts itself a second time as the victim, which freezes its server and then does nothing.
#[tokio::test]
async fn nothing_stays_behind_a_parent_that_was_killed() {
    if let Some(note) = std::env::var_os(VICTIM) {
        let ground = Ground::create().unwrap();
        let cluster = Cluster::create(&ground, &Binaries::find().unwrap(), "frozen").await.unwrap();
        cluster.signal(Signal::Stop).await.unwrap();
        let started = format!("{}\n{}", cluster.port().unwrap(), ground.path().display());
        fs::write(Path::new(&note).with_extension("part"), started).unwrap();
        fs::rename(Path::new(&note).with_extension("part"), &note).unwrap();
        return std::future::pending().await;
    }
    let directory = tempfile::tempdir().unwrap();
    let note = directory.path().join("note");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_stays_behind_a_parent_that_was_killed", "--nocapture"])
        .env(VICTIM, &note)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until(|| note.exists()).await;
    let started = fs::read_to_string(&note).unwrap();
    let (port, ground) = started.split_once('\n').unwrap();
    let port: u16 = port.parse().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    victim.kill().await.unwrap();
    until(|| !Path::new(ground).exists()).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

async fn until(mut met: impl FnMut() -> bool) {
    let looking = async {
        while !met() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), looking).await.expect("within a minute");
}
