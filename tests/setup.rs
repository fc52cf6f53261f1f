//! The platform's setup on real databases and with real programs: whole or not at all, never for longer than it may, and
//! never with a secret in what is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so")]

#[expect(dead_code, reason = "its scans are for others")]
#[path = "support/program.rs"]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use program::{Program, own_database, server};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;
use watertight::model::tenant::TenantId;
use watertight::probe::{ProbeOptions, Prober};
use watertight::secret::Secret;
use watertight::setup::{SetupDone, SetupError, SetupPlan, SetupTenant, SetupWay, run};

const PATIENT: Duration = Duration::from_mins(1);

async fn set_up(way: SetupWay, limit: Duration, url: &str) -> Result<SetupDone, SetupError> {
    set_up_until(way, limit, url, &CancellationToken::new()).await
}

async fn set_up_until(
    way: SetupWay,
    limit: Duration,
    url: &str,
    stop: &CancellationToken,
) -> Result<SetupDone, SetupError> {
    let options = ProbeOptions { timeout: PATIENT, root_files: Vec::new(), crypto_permits: 1 };
    let prober = Prober::new(&options).unwrap();
    let id = TenantId::parse("acme").unwrap();
    let tenant = SetupTenant { id: &id, name: "Acme & Söhne", subdomain: "acme" };
    let plan = SetupPlan { way, limit };
    plan.check()?;
    timeout(2 * PATIENT, run(&plan, &prober, &Secret::new(url), tenant, stop)).await.unwrap()
}

/// The error with its causes, as it would be logged.
fn told(error: SetupError) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

fn sql(directory: &Path) -> SetupWay {
    SetupWay::Sql(directory.to_owned())
}

fn write(directory: &Path, files: &[(&str, &str)]) {
    for entry in fs::read_dir(directory).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
}

async fn count(cluster: &Cluster, of: &str) -> Option<String> {
    cluster.ask("acme", &format!("select count(*) from {of}")).await.unwrap()
}

#[tokio::test]
async fn each_file_is_done_whole_or_not_at_all() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = own_database(&cluster, "acme").await;
    let home = tempfile::tempdir().unwrap();
    let files = [
        (
            "10_tables.sql",
            "\u{feff}create table customers (name text);\nset search_path = pg_catalog;",
        ),
        (
            "20_rows.sql",
            "-- ; commit;\ndo $$ begin insert into customers values ('one; commit'); end $$",
        ),
        (
            "30_more.sql",
            "set timezone = 'Asia/Tokyo'; set datestyle = german; insert into customers values ('two');",
        ),
    ];
    write(home.path(), &files);
    let done = set_up(sql(home.path()), PATIENT, &url).await.unwrap();
    let names = ["10_tables.sql", "20_rows.sql", "30_more.sql"].map(str::to_owned);
    assert_eq!(done, SetupDone::Sql(names.into()));
    assert_eq!(count(&cluster, "customers").await.as_deref(), Some("2"));

    let broken = "insert into customers values ('three');\n\ninsert into nowhere values (1);";
    write(home.path(), &[("1.sql", "create table first (a int)"), ("2.sql", broken)]);
    let error = told(set_up(sql(home.path()), PATIENT, &url).await.unwrap_err());
    assert!(error.starts_with("run 2.sql, line 3: ") && error.contains("42P01"), "{error}");
    assert_eq!(count(&cluster, "customers").await.as_deref(), Some("2"), "nothing of the second");
    assert_eq!(count(&cluster, "first").await.as_deref(), Some("0"), "the first is done");

    // The word that ends the transaction is one that also ends other things, so it is met only when it runs.
    write(home.path(), &[("1.sql", "insert into customers values ('four'); end;")]);
    let error = told(set_up(sql(home.path()), PATIENT, &url).await.unwrap_err());
    assert!(error.contains("1.sql") && error.contains("ended its transaction"), "{error}");

    write(home.path(), &[("1.sql", "select 'geheim-4711'::int")]);
    let error = told(set_up(sql(home.path()), PATIENT, &url).await.unwrap_err());
    assert!(error.contains("22P02") && !error.contains("4711"), "{error}");
}

#[tokio::test]
async fn sql_that_hangs_is_ended_here_and_there() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = own_database(&cluster, "acme").await;
    let home = tempfile::tempdir().unwrap();
    write(home.path(), &[("1.sql", "create table a (b int); select pg_sleep(3600)")]);
    let begun = Instant::now();
    let error = set_up(sql(home.path()), Duration::from_secs(1), &url).await.unwrap_err();
    assert!(matches!(error, SetupError::Late { .. } | SetupError::Sql { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    let busy = "select count(*) from pg_stat_activity where usename = 'acme'";
    until(async || cluster.ask("acme", busy).await.unwrap().as_deref() == Some("0")).await;
    assert_eq!(cluster.ask("acme", "select to_regclass('a')").await.unwrap(), None);

    let stop = CancellationToken::new();
    let stopping = set_up_until(sql(home.path()), PATIENT, &url, &stop);
    let (ended, ()) = tokio::join!(stopping, async {
        let sleeping = format!("{busy} and query like '%sleep%'");
        until(async || cluster.ask("acme", &sleeping).await.unwrap().as_deref() == Some("1")).await;
        stop.cancel();
    });
    assert!(matches!(ended, Err(SetupError::Stopped)));
}

/// Looks until it is so.
async fn until(so: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENT;
    while !so().await {
        assert!(Instant::now() < end, "it is not so within the deadline");
        sleep(Duration::from_millis(20)).await;
    }
}

fn script(directory: &Path, text: &str) -> SetupWay {
    let path = directory.join("setup.sh");
    fs::write(&path, format!("#!/bin/sh\ncd {}\n{text}\n", directory.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    // Not the script itself: another test's child may hold it open for writing in the moment in which it is run.
    let arguments = vec![path.display().to_string(), "an argument; with $signs".to_owned()];
    SetupWay::Command { program: "sh".to_owned(), arguments }
}

/// Nobody listens there: the programs here only print it.
const URL: &str = "postgres://app:p%40ss%2Fw%C3%B6rd@127.0.0.1:1/acme?sslmode=disable";

#[tokio::test]
async fn a_command_gets_three_variables_and_nothing_of_ours() {
    let home = tempfile::tempdir().unwrap();
    let way = script(home.path(), r#"env >env; printf '%s' "$1" >argument; cat >input"#);
    set_up(way, PATIENT, URL).await.unwrap();
    let environment = fs::read_to_string(home.path().join("env")).unwrap();
    let value = |name: &str| {
        environment
            .lines()
            .find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    assert_eq!(value("DATABASE_URL").as_deref(), Some(URL));
    assert_eq!(value("TENANT_NAME").as_deref(), Some("Acme & Söhne"));
    assert_eq!(value("TENANT_SUBDOMAIN").as_deref(), Some("acme"));
    assert!(value("PATH").is_some());
    assert!(
        std::env::vars_os().any(|it| it.0 == "CARGO_MANIFEST_DIR"),
        "there is something to keep back"
    );
    assert!(!environment.contains("CARGO"), "{environment}");
    assert_eq!(
        fs::read_to_string(home.path().join("argument")).unwrap(),
        "an argument; with $signs"
    );
    assert_eq!(fs::read_to_string(home.path().join("input")).unwrap(), "");
}

#[tokio::test]
async fn what_a_failing_command_prints_is_told_without_the_secret() {
    let home = tempfile::tempdir().unwrap();
    let way = script(
        home.path(),
        "echo \"connect to $DATABASE_URL\"\necho 'raw p@ss/wörd' >&2\nprintf 'ours p%%40ss%%2Fw%%C3%%B6rd'\nexit 3",
    );
    let error = told(set_up(way, PATIENT, URL).await.unwrap_err());
    assert!(error.contains("exit status: 3") && error.contains("connect to ***"), "{error}");
    assert!(error.contains("raw ***") && error.contains("ours ***"), "{error}");
    assert!(!error.contains("ss/w") && !error.contains("ss%2Fw"), "{error}");

    let flood = script(
        home.path(),
        "i=0; while [ $i -lt 20000 ]; do echo \"line $i $DATABASE_URL\"; i=$((i+1)); done; exit 1",
    );
    let error = told(set_up(flood, PATIENT, URL).await.unwrap_err());
    assert!(error.contains("line 19999 ***") && error.len() < 10_000, "{error}");

    let missing =
        SetupWay::Command { program: "no-such-program".to_owned(), arguments: Vec::new() };
    assert!(matches!(set_up(missing, PATIENT, URL).await, Err(SetupError::NoProgram { .. })));
}

/// Writes the ids of itself, of a child and of a grandchild that ignores the hang-up, and hangs.
const HANG: &str = "echo $$ >>pids
(trap '' HUP TERM INT; sh -c 'echo $$ >>pids; sleep 3600; :' & echo $! >>pids; sleep 3600; :) &
echo $! >>pids
while [ \"$(wc -l <pids)\" -lt 4 ]; do sleep 0.02; done
touch hanging
";

fn dead(directory: &Path) -> bool {
    let pids = fs::read_to_string(directory.join("pids")).unwrap_or_default();
    let state = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ").map(|it| it.1.starts_with('Z'))
    };
    pids.lines().count() == 4 && pids.lines().all(|it| state(it) != Some(false))
}

#[tokio::test]
async fn a_command_that_hangs_ends_with_all_that_it_started() {
    let home = tempfile::tempdir().unwrap();
    let way =
        script(home.path(), &format!("{HANG}echo \"waiting for $DATABASE_URL\"; sleep 3600; :"));
    let error = told(set_up(way.clone(), Duration::from_secs(3), URL).await.unwrap_err());
    assert!(error.contains("within 3 s") && error.contains("waiting for ***"), "{error}");
    until(async || dead(home.path())).await;

    fs::remove_file(home.path().join("pids")).unwrap();
    fs::remove_file(home.path().join("hanging")).unwrap();
    let stop = CancellationToken::new();
    let stopping = set_up_until(way, PATIENT, URL, &stop);
    let (ended, ()) = tokio::join!(stopping, async {
        until(async || home.path().join("hanging").exists()).await;
        stop.cancel();
    });
    assert!(matches!(ended, Err(SetupError::Stopped)));
    until(async || dead(home.path())).await;

    // What it leaves behind when it ends well is ended as well.
    fs::remove_file(home.path().join("pids")).unwrap();
    set_up(script(home.path(), HANG), PATIENT, URL).await.unwrap();
    until(async || dead(home.path())).await;
}

#[tokio::test]
async fn a_command_does_not_outlive_us() {
    let home = tempfile::tempdir().unwrap();
    let SetupWay::Command { arguments, .. } = script(home.path(), &format!("{HANG}sleep 3600; :"))
    else {
        unreachable!()
    };
    let program = Program::new(&format!(
        "[provision]\nprovider = \"local\"\nlocal.directory = \"clusters\"\nsetup_command = [\"sh\", {:?}]\n",
        arguments[0]
    ));
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_watertight"))
        .arg("--config")
        .arg(program.path("watertight.toml"))
        .args(["setup", URL, "Acme", "acme"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until(async || home.path().join("hanging").exists()).await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    child.wait().await.unwrap();
    until(async || dead(home.path())).await;
}

#[tokio::test]
async fn the_command_line_sets_a_database_up() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "one").await;
    let url = own_database(&cluster, "acme").await;
    let program = Program::new("");
    fs::create_dir(program.path("sql")).unwrap();
    program.write("sql/1.sql", "create table customers (name text)");
    let file = format!("file:{}", program.write("url", &format!("{url}\n")));
    let setup = ["setup", &file, "Acme", "acme"];
    let ran = program.run(&setup).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("no setup is configured"), "{ran:?}");

    let configured = |keys: &str| {
        let provider = "provider = \"local\"\nlocal.directory = \"clusters\"";
        program.configure(&format!("[provision]\n{provider}\n{keys}"));
    };
    configured("setup_sql = \"sql\"\nsetup_command = [\"sh\"]");
    let ran = program.run(&setup).await;
    assert!(ran.code == Some(2) && ran.err.contains("both set"), "{ran:?}");

    configured("setup_sql = \"sql\"\nsetup_timeout = \"1m\"");
    let password = url.split([':', '@']).nth(2).unwrap();
    let ran = program.run(&[&setup[..], &["--dry-run"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("within 60 s") && ran.out.contains("  1.sql\n"), "{ran:?}");
    assert!(!ran.out.contains(password), "{ran:?}");
    assert_eq!(cluster.ask("acme", "select to_regclass('customers')").await.unwrap(), None);

    let ran = program.run(&setup).await;
    assert_eq!((ran.code, &*ran.out), (Some(0), "run: 1.sql\n"), "{ran:?}");
    assert_eq!(count(&cluster, "customers").await.as_deref(), Some("0"));
    let ran = program.run(&setup).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("run 1.sql: ") && !ran.err.contains(password), "{ran:?}");
}
