//! From start to stop, with what comes in between.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::{TcpListener, UnixDatagram};
use tokio::time::{sleep, timeout};
use watertight::local::ground::Ground;
use watertight::model::finding::{Kind, Verdict};
use watertight::report::json;

use crate::program::{Program, finding, guest, own_database, server, tenant, told};
use crate::running::{LIMIT, Running, command};

/// No scan but the first and those that are asked for.
const NEVER: &str = "schedule.scan = \"0 0 0 1 1 *\"\n";

/// Two tenants that share a database, and one apart.
async fn shared(ground: &Ground) -> (String, Vec<watertight::local::cluster::Cluster>) {
    let (one, two) = (server(ground, "one").await, server(ground, "two").await);
    let (acme, initech) = (own_database(&one, "acme").await, own_database(&two, "initech").await);
    let globex = guest(&one, "globex", "acme").await;
    let rows = [("acme", acme), ("globex", globex), ("initech", initech)];
    let rows: String = rows.iter().map(|(id, url)| tenant(id, url, "")).collect();
    (rows, vec![one, two])
}

const SHARED: &str = "\
breached acme
breached globex
isolated initech
shared_database critical open acme globex
";

#[tokio::test]
async fn it_scans_at_its_start_and_tells_what_it_found() {
    let ground = Ground::create().unwrap();
    let (rows, _servers) = shared(&ground).await;
    let program = Program::new(&format!("{NEVER}{rows}"));
    let mut daemon = Running::start(&program).await;
    let report = daemon.latest().await;
    assert_eq!(told(&report), SHARED);
    let seen = finding(&report, Kind::SharedDatabase).first_seen;
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    assert_eq!(daemon.get("/-/ready").await.status, 200);
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
    // What the daemon found, a command that follows still knows.
    let again = finding(&program.verify().await, Kind::SharedDatabase).first_seen;
    assert_eq!(again, seen);
}

#[tokio::test]
async fn it_scans_by_its_schedule() {
    let ground = Ground::create().unwrap();
    let (rows, _servers) = shared(&ground).await;
    let program =
        Program::new(&format!("schedule.scan = \"* * * * * *\"\nschedule.jitter = \"0s\"\n{rows}"));
    let mut daemon = Running::start(&program).await;
    let first = daemon.latest().await;
    let later = async {
        while daemon.latest().await.id == first.id {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, later).await.expect("another scan");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn an_invalid_configuration_starts_nothing_and_replaces_nothing() {
    let ground = Ground::create().unwrap();
    let (rows, _servers) = shared(&ground).await;
    let good = format!("{NEVER}{rows}");
    let program = Program::new("probe.timeuot = \"2s\"");
    let refused = command(&program, &[]).output();
    let refused = timeout(LIMIT, refused).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("probe.timeuot") && told.contains("timeout"), "{told}");

    program.configure(&good);
    let mut daemon = Running::start(&program).await;
    daemon.latest().await;
    program.configure(&format!("probe.timeuot = \"2s\"\n{good}"));
    daemon.signal(Signal::HUP);
    daemon.logged("the configuration stays as it was").await;
    assert_eq!(daemon.metric("watertight_config_last_reload_successful").await, Some(0.0));
    let answer = daemon.post("/-/reload", &serde_json::json!({})).await;
    // Without any token, loopback may read and scan, nothing more.
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(crate::program::told(&daemon.scan().await), SHARED);

    let fewer: String = good.split("[[tenants]]").take(3).collect::<Vec<_>>().join("[[tenants]]");
    program.configure(&fewer);
    daemon.signal(Signal::HUP);
    daemon.logged("the configuration was reloaded").await;
    assert_eq!(daemon.metric("watertight_config_last_reload_successful").await, Some(1.0));
    let report = daemon.scan().await;
    assert_eq!(report.tenants.len(), 2, "{}", crate::program::told(&report));
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_second_daemon_on_the_same_store_is_refused_with_the_name_of_the_first() {
    let program =
        Program::new(&format!("{NEVER}{}", tenant("acme", "postgres://a:b@127.0.0.1:1/a", "")));
    let mut daemon = Running::start(&program).await;
    let socket = async {
        while !program.path("watertight.db.sock").exists() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, socket).await.expect("commands find it there");
    let second = timeout(LIMIT, command(&program, &[]).output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{told}");
    assert!(told.contains("watertight.db"), "{told}");
    assert_eq!(daemon.stop().await, Some(0));
}

/// A server that accepts and says nothing.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, format!("postgres://app:secret@127.0.0.1:{port}/app"))
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_scan_accounts_for_every_target_and_claims_nothing() {
    let ground = Ground::create().unwrap();
    let (rows, _servers) = shared(&ground).await;
    let program = Program::new(&format!("{NEVER}{rows}"));
    let mut daemon = Running::start(&program).await;
    let whole = daemon.latest().await;
    let (listener, url) = silent().await;
    let slow = |it: u32| {
        let login = format!("postgres://app{it:02}:secret{it:02}@");
        tenant(&format!("slow-{it:02}"), &url.replace("postgres://app:secret@", &login), "")
    };
    let slow: String = (0..20).map(slow).collect();
    program.configure(&format!("{NEVER}probe.timeout = \"30s\"\n{rows}{slow}"));
    daemon.signal(Signal::HUP);
    daemon.logged("the configuration was reloaded").await;
    let asked = daemon.post("/api/v1/scans", &serde_json::json!({})).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    // The scan is in the middle of a visit.
    let visited = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(visited);

    let (again, mut daemon) = (whole.id.clone(), Running::start(&program).await);
    let stopped = asked.headers["location"].to_str().unwrap().to_owned();
    let report = json::parse(&daemon.get(&stopped).await.body).expect("it was stored");
    assert!(report.partial, "it does not tell how the fleet is");
    assert_eq!(report.tenants.len(), 23);
    let slow = report.tenants.iter().filter(|it| it.id.as_str().starts_with("slow"));
    assert!(slow.clone().all(|it| it.isolation == Verdict::Unverified), "{}", told(&report));
    assert_eq!(slow.map(|it| it.targets.len()).sum::<usize>(), 20);
    assert_eq!(daemon.latest().await.id, again, "the last whole scan is still what is told");
    daemon.signal(Signal::KILL);
    daemon.ended().await;
}

#[tokio::test]
async fn a_service_manager_hears_that_it_is_ready_alive_and_stopping() {
    let program =
        Program::new(&format!("{NEVER}{}", tenant("acme", "postgres://a:b@127.0.0.1:1/a", "")));
    let path = program.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let environment = [("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", PathBuf::from("200000"))];
    let mut daemon = Running::start_with(&program, &environment).await;
    let heard = async |wanted: &str| {
        let mut bytes = [0; 1024];
        let listen = async {
            loop {
                let length = socket.recv(&mut bytes).await.unwrap();
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                if text.contains(wanted) {
                    return;
                }
            }
        };
        timeout(LIMIT, listen).await.unwrap_or_else(|_| panic!("{wanted} was not heard"));
    };
    heard("READY=1").await;
    heard("WATCHDOG=1").await;
    heard("WATCHDOG=1").await;
    daemon.signal(Signal::HUP);
    heard("RELOADING=1").await;
    heard("READY=1").await;
    daemon.signal(Signal::TERM);
    heard("STOPPING=1").await;
    assert_eq!(daemon.ended().await, Some(0));
}

#[tokio::test]
async fn a_part_that_cannot_work_ends_the_whole_with_a_code_that_says_so() {
    let program =
        Program::new(&format!("{NEVER}{}", tenant("acme", "postgres://a:b@127.0.0.1:1/a", "")));
    // Where its socket should be, there is a directory that cannot be replaced.
    std::fs::create_dir_all(program.path("watertight.db.sock/full")).unwrap();
    let ended = timeout(LIMIT, command(&program, &[]).output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(70), "{told}");
    assert!(told.contains("watertight.db.sock"), "{told}");
}
