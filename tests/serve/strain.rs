//! The daemon under strain: a fleet that is frozen, a source that hangs, and people and programs who ask too often.
//!
//! What must hold each time: the schedule goes on, a sign of life comes at once, and nobody is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use watertight::local::ground::Ground;
use watertight::model::finding::{Kind, Verdict};
use watertight::model::observation::Cause;
use watertight::model::report::Trigger;

use crate::fake_postgres::{self, FakePostgres, Fleet};
use crate::program::{Program, own_database, server, tenant, told};
use crate::running::{LIMIT, Running};

const NEVER: &str = "schedule.scan = \"0 0 0 1 1 *\"\n";

/// What an orchestrator waits for a sign of life, at most.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn lives(daemon: &Running) {
    let began = Instant::now();
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    assert!(began.elapsed() < AT_ONCE, "a sign of life took {:?}", began.elapsed());
}

/// Servers that accept, and say nothing ever after.
fn frozen(count: u32) -> (FakePostgres, String) {
    let fake = FakePostgres::start(Fleet { hung_every: 1, ..Fleet::answering(|_, _| Vec::new()) });
    let row = |target| {
        let address = fake_postgres::address(target, fake.port());
        let login = format!("app{target:03}:secret{target:03}");
        tenant(&format!("t{target:03}"), &format!("postgres://{login}@{address}/app"), "")
    };
    let rows = (0..count).map(row).collect();
    (fake, rows)
}

#[tokio::test]
async fn a_frozen_fleet_is_told_as_such_and_the_schedule_goes_on() {
    let (_fake, rows) = frozen(150);
    let program = Program::new(&format!(
        "schedule.scan = \"* * * * * *\"\nschedule.jitter = \"0s\"\nprobe.timeout = \"1s\"\n{rows}"
    ));
    let mut daemon = Running::start(&program).await;
    let mut seen = BTreeSet::new();
    let three = async {
        while seen.len() < 3 {
            let report = daemon.latest().await;
            assert_eq!(report.tenants.len(), 150);
            let frozen = |it: &watertight::model::report::TenantReport| {
                (it.isolation, it.cause) == (Verdict::Unverified, Some(Cause::Timeout))
            };
            assert!(report.tenants.iter().all(frozen), "{}", told(&report));
            assert_eq!(report.trigger, Trigger::Schedule);
            seen.insert(report.id);
            lives(&daemon).await;
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, three).await.expect("three scans by the schedule");
    // A scan takes three rounds of a second, so that moments pass meanwhile.
    assert!(Some(0.0) < daemon.metric("watertight_scan_overruns_total").await);
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
}

#[tokio::test]
async fn a_scan_that_is_asked_for_a_hundred_times_is_made_once() {
    let (_fake, rows) = frozen(64);
    let program = Program::new(&format!("{NEVER}probe.timeout = \"3s\"\n{rows}"));
    let mut daemon = Running::start(&program).await;
    let asked = async || daemon.post("/api/v1/scans", &serde_json::json!({})).await;
    let answers = join_all((0..100).map(|_| asked())).await;
    let places: BTreeSet<String> = answers
        .iter()
        .map(|it| {
            assert_eq!(it.status, 202, "{it:?}");
            it.headers["location"].to_str().unwrap().to_owned()
        })
        .collect();
    // The first scan may have begun between two of them, and then the later ones wait for the next.
    assert!(places.len() <= 2, "{places:?}");
    for place in &places {
        let there = async {
            while daemon.get(place).await.status == 202 {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(LIMIT, there).await.expect("it ends");
        assert_eq!(daemon.get(place).await.status, 200);
    }
    let scans = daemon.get("/api/v1/scans").await.json();
    let made = scans["scans"].as_array().unwrap().len();
    assert!(made <= 1 + places.len(), "{scans}");
    assert!(scans["waiting"].is_null() && scans["running"].is_null(), "{scans}");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_storm_of_hangups_ends_with_the_last_configuration_and_disturbs_no_scan() {
    let row = |id: &str| tenant(id, &format!("postgres://{id}:{id}@127.0.0.1:1/{id}"), "");
    let (one, two) = (row("acme"), row("globex"));
    let both = format!("{NEVER}{one}{two}");
    let program = Program::new(&both);
    let mut daemon = Running::start(&program).await;
    daemon.latest().await;
    let storm = async {
        for _ in 0..500 {
            daemon.signal(Signal::HUP);
            sleep(Duration::from_millis(2)).await;
        }
    };
    let scans = async {
        for _ in 0..5 {
            assert_eq!(daemon.scan().await.tenants.len(), 2);
            lives(&daemon).await;
        }
    };
    tokio::join!(storm, scans);
    program.configure(&format!("{NEVER}{one}"));
    let before = daemon.messages().len();
    daemon.signal(Signal::HUP);
    daemon.logged_since(before, "the configuration was reloaded").await;
    let whole = async {
        while daemon.scan().await.tenants.len() != 1 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, whole).await.expect("the last one is in force");
    assert_eq!(daemon.metric("watertight_config_last_reload_successful").await, Some(1.0));
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
}

#[tokio::test]
async fn whoever_asks_twice_for_the_end_gets_it_at_once_and_finds_the_store_whole() {
    let (fake, rows) = frozen(64);
    let program = Program::new(&format!("{NEVER}probe.timeout = \"1s\"\n{rows}"));
    let mut daemon = Running::start(&program).await;
    let whole = daemon.latest().await.id;
    program.configure(&format!("{NEVER}probe.timeout = \"30s\"\n{rows}"));
    daemon.signal(Signal::HUP);
    daemon.logged("the configuration was reloaded").await;
    assert_eq!(daemon.post("/api/v1/scans", &serde_json::json!({})).await.status, 202);
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    sleep(Duration::from_millis(5)).await;
    daemon.signal(Signal::TERM);
    let code = daemon.ended().await;
    // The first was obeyed in time, or the second insisted.
    assert!(matches!(code, Some(0 | 70)), "{code:?}: {:#?}", daemon.messages());
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    drop(fake);
    let mut again = Running::start(&program).await;
    assert_eq!(again.get(&format!("/api/v1/scans/{whole}")).await.status, 200);
    assert_eq!(again.scan().await.tenants.len(), 64);
    assert_eq!(again.stop().await, Some(0));
}

/// A way to a server that can be made to swallow everything.
async fn swallowing(port: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let swallows = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&swallows);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut from, _)) = listener.accept().await {
            if asked.load(Ordering::Relaxed) {
                held.push(from);
                continue;
            }
            tokio::spawn(async move {
                let mut to = TcpStream::connect(("127.0.0.1", port)).await?;
                copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    (own, swallows)
}

#[tokio::test]
async fn a_source_that_hangs_costs_a_scan_its_deadline_and_nobody_the_place_in_the_fleet() {
    let ground = Ground::create().unwrap();
    let (platform, one) = (server(&ground, "platform").await, server(&ground, "one").await);
    let (listed, acme) =
        (own_database(&platform, "platform").await, own_database(&one, "acme").await);
    let table = format!(
        "create view orchestras as select 'acme' as id, '{acme}' as database_url union all \
         select 'globex', 'postgres://g:g@127.0.0.1:1/g'"
    );
    let grant = "grant select on orchestras to platform";
    platform.execute("platform", &[&table, grant]).await.unwrap();
    let (port, swallows) = swallowing(platform.port().unwrap()).await;
    let url = crate::program::through(&listed, port, "platform?sslmode=disable");
    let query = "select id, database_url from orchestras";
    let source = format!("[[sources]]\nkind = \"postgres\"\nurl = {url:?}\nquery = {query:?}\n");
    let program = Program::new(&format!("{NEVER}{source}"));
    let mut daemon = Running::start(&program).await;
    let whole = told(&daemon.latest().await);
    assert!(whole.contains("isolated acme\nunverified globex"), "{whole}");
    let failures =
        format!("watertight_registry_sync_failures_total{{source=\"127.0.0.1:{port}/platform\"}}");
    assert_eq!(daemon.metric(&failures).await, Some(0.0));
    swallows.store(true, Ordering::Relaxed);
    let began = Instant::now();
    let (report, ()) = tokio::join!(daemon.scan(), async {
        sleep(Duration::from_secs(2)).await;
        lives(&daemon).await;
        assert_eq!(daemon.get("/metrics").await.status, 200);
    });
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
    let ids: Vec<&str> = report.tenants.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["acme", "globex"], "nobody leaves because a source is silent");
    assert!(report.findings.iter().any(|it| it.claim.kind == Kind::Unhealthy));
    assert!(report.warnings.iter().any(|it| it.contains("no answer")), "{:?}", report.warnings);
    assert_eq!(daemon.metric(&failures).await, Some(1.0));
    swallows.store(false, Ordering::Relaxed);
    assert_eq!(daemon.scan().await.warnings, Vec::<String>::new());
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
}
