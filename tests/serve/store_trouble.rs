//! The daemon whose store fails it: deleted, full, or not to be written.
//!
//! Why the watch goes on: a disk that fills up in the night must not hide that two tenants share a database since then.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getuid, prlimit};
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use watertight::model::finding::{Kind, State};
use watertight::model::report::Report;

use crate::program::{Program, finding, tenant};
use crate::running::{Answer, LIMIT, Running, command};

/// What an orchestrator waits for a sign of life, at most.
const AT_ONCE: Duration = Duration::from_secs(5);

const UNWRITTEN: &str = "watertight_store_write_failures_total";

/// Two tenants whose servers are down; what is wrong with them opens at the fourth look.
fn down(more: &str) -> Program {
    let rows: String = ["acme", "globex"]
        .iter()
        .map(|id| tenant(id, &format!("postgres://{id}:{id}@127.0.0.1:1/{id}"), ""))
        .collect();
    Program::new(&format!(
        "schedule.scan = \"0 0 0 1 1 *\"\npolicy.unhealthy_after = 4\n{more}{rows}"
    ))
}

/// The first finding about a tenant that is down: its state, and since when it stands.
fn unhealthy(report: &Report) -> (State, Timestamp) {
    assert_eq!(report.tenants.len(), 2, "nobody is lost");
    let found = finding(report, Kind::Unhealthy);
    (found.state, found.first_seen)
}

async fn asked_at_once(daemon: &Running, path: &str) -> Answer {
    let began = Instant::now();
    let answer = daemon.get(path).await;
    assert!(began.elapsed() < AT_ONCE, "{path} took {:?}", began.elapsed());
    answer
}

/// Scans go on, each with the findings of the one before, and what is wrong is said everywhere.
async fn goes_on(daemon: &mut Running, looks: &[State], since: Timestamp) {
    let failed = daemon.metric(UNWRITTEN).await.unwrap_or_default();
    for look in looks {
        assert_eq!(unhealthy(&daemon.scan().await), (*look, since));
    }
    assert_eq!(unhealthy(&daemon.latest().await).1, since, "what could not be stored is told");
    daemon.logged("what the scan found is told and not kept").await;
    let told = daemon.metric(UNWRITTEN).await.expect("it is counted");
    assert!(failed + 2.0 <= told, "{failed} {told}");
    assert_eq!(asked_at_once(daemon, "/-/healthy").await.status, 200);
}

/// What could not be kept is kept with the first scan that can be.
async fn is_mended(mut daemon: Running, program: &Program, since: Timestamp) {
    assert_eq!(unhealthy(&daemon.scan().await), (State::Open, since));
    assert_eq!(daemon.get("/-/ready").await.status, 200);
    let last = daemon.latest().await.id;
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
    let mut again = Running::start(program).await;
    let answer = again.get(&format!("/api/v1/scans/{last}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(unhealthy(&again.scan().await), (State::Open, since));
    assert_eq!(again.stop().await, Some(0));
}

#[tokio::test]
async fn a_deleted_store_stops_no_scan_and_one_that_comes_back_has_missed_nothing_that_stands() {
    let program = down("");
    let mut daemon = Running::start(&program).await;
    let (state, since) = unhealthy(&daemon.latest().await);
    assert_eq!(state, State::Pending);
    let (store, elsewhere) = (program.path("watertight.db"), program.path("elsewhere.db"));
    std::fs::rename(&store, &elsewhere).unwrap();
    let looks = [State::Pending, State::Pending, State::Open];
    goes_on(&mut daemon, &looks, since).await;
    let answer = asked_at_once(&daemon, "/-/ready").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["errors"], serde_json::json!(["store"]));
    daemon.logged("it was deleted or replaced").await;
    std::fs::rename(&elsewhere, &store).unwrap();
    is_mended(daemon, &program, since).await;
}

/// As `command` says, under a shell that has done this first.
fn under(first: &str, program: &Program) -> Command {
    let plain = command(program, &[]);
    let plain = plain.as_std();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(plain.get_program());
    shell.args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let piped = std::process::Stdio::piped;
    shell.stdin(std::process::Stdio::null()).stdout(piped()).stderr(piped()).kill_on_drop(true);
    shell
}

/// No file of the daemon's may grow beyond this, and no byte be written behind it.
fn room(daemon: &Running, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(daemon.pid()), Resource::Fsize, limit).expect("set a limit");
}

#[tokio::test]
async fn a_full_disk_stops_no_scan_and_what_stands_is_kept_when_there_is_room_again() {
    let program = down("");
    // Without a handler the limit would end the process; a full disk only refuses the write.
    let mut daemon = Running::of(under("trap '' XFSZ", &program)).await;
    let (state, since) = unhealthy(&daemon.latest().await);
    assert_eq!(state, State::Pending);
    room(&daemon, Some(0));
    let looks = [State::Pending, State::Pending, State::Open];
    goes_on(&mut daemon, &looks, since).await;
    room(&daemon, None);
    is_mended(daemon, &program, since).await;
}

/// An account that owns nothing of ours.
const NOBODY: u32 = 65_534;

/// As somebody who is not root, for whom modes count. `None` where this machine cannot do that.
async fn unprivileged(program: &Program) -> Option<Command> {
    let mut command = command(program, &[]);
    if !getuid().is_root() {
        return Some(command);
    }
    let home = program.path("watertight.toml").parent()?.to_owned();
    for it in std::fs::read_dir(&home).ok()?.flatten() {
        std::os::unix::fs::chown(it.path(), Some(NOBODY), Some(NOBODY)).ok()?;
    }
    std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).ok()?;
    let mut tried = Command::new(env!("CARGO_BIN_EXE_watertight"));
    tried.arg("--version").uid(NOBODY).gid(NOBODY).stdout(std::process::Stdio::null());
    let runs = timeout(LIMIT, tried.status()).await.ok()?.is_ok_and(|it| it.success());
    command.uid(NOBODY).gid(NOBODY);
    runs.then_some(command)
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_directory_that_may_not_be_written_is_told_at_the_start_and_hurts_no_running_daemon() {
    let program = down("");
    let home = program.path("watertight.toml").parent().unwrap().to_owned();
    let Some(mut refused) = unprivileged(&program).await else {
        eprintln!("left out: nobody else can run the program here");
        return;
    };
    mode(&home, 0o555);
    let output = timeout(LIMIT, refused.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("watertight.db") && told.contains("writable"), "{told}");
    mode(&home, 0o755);
    let mut daemon = Running::of(unprivileged(&program).await.unwrap()).await;
    let (_, since) = unhealthy(&daemon.latest().await);
    mode(&home, 0o555);
    for look in [State::Pending, State::Pending, State::Open] {
        assert_eq!(unhealthy(&daemon.scan().await), (look, since));
    }
    let last = daemon.latest().await.id;
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
    mode(&home, 0o755);
    let mut again = Running::of(unprivileged(&program).await.unwrap()).await;
    assert_eq!(again.get(&format!("/api/v1/scans/{last}")).await.status, 200);
    assert_eq!(again.stop().await, Some(0));
}
