//! A real Prometheus scrapes a real daemon while faults come and go in its fleet.
//!
//! Why every sample is judged and not the last one alone: what an alert needs is that no scrape after a finished scan still
//! tells the state before it. So each change is dated, and of every sample that comes from a scan that began later, the
//! new state is demanded.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]
#![expect(
    clippy::float_cmp,
    reason = "counts, and times that are the same text in every series of a scrape"
)]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod program;
#[path = "support/running.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod running;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use watertight::clock;
use watertight::local::cluster::{Cluster, Shutdown};
use watertight::local::ground::Ground;

use program::{Program, own_database, server, tenant};
use running::{LIMIT, Running};

const PAUSE: Duration = Duration::from_millis(100);

/// Two in a row are a second apart, and so are two scans.
const SCRAPES_AFTER_A_CHANGE: usize = 3;

struct Prometheus {
    _child: Child,
    _home: TempDir,
    base: String,
    http: reqwest::Client,
}

/// `None` where it is not installed: `tests/run` says so.
fn binary() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|it| it.join("prometheus")).find(|it| it.is_file())
}

impl Prometheus {
    fn start(binary: PathBuf, daemon: &Running) -> Self {
        let home = tempfile::tempdir().unwrap();
        let target = daemon.base.trim_start_matches("http://");
        let configuration = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n- job_name: watertight\n  static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        std::fs::write(home.path().join("prometheus.yml"), configuration).unwrap();
        // Its port is chosen by us: it does not tell which one it was given.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(binary)
            .arg(format!("--config.file={}", home.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        Self { _child: child, _home: home, base, http: reqwest::Client::new() }
    }

    /// The samples of a series over the last minutes, as (time, value).
    async fn samples(&self, series: &str) -> Vec<(f64, f64)> {
        let base = format!("{}/api/v1/query", self.base);
        let query = [("query", format!("{series}[15m]"))];
        let url = reqwest::Url::parse_with_params(&base, query).expect("a URL");
        let asked = self.http.get(url).send();
        let Ok(Ok(answer)) = timeout(LIMIT, asked).await else { return Vec::new() };
        let Ok(answer) = answer.json::<Value>().await else { return Vec::new() };
        let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
        let number = |it: &Value| it.as_str().and_then(|it| it.parse().ok()).expect("a number");
        values.iter().map(|it| (it[0].as_f64().expect("a time"), number(&it[1]))).collect()
    }

    /// Waits until it has scraped, often enough, what scans that began after `change` said, and demands of each of those
    /// samples that the series has this value.
    async fn expect(&self, what: &str, change: f64, series: &str, value: f64) {
        let seen = async {
            loop {
                let later = self.told_after(change, series).await;
                if SCRAPES_AFTER_A_CHANGE <= later.len() {
                    return later;
                }
                sleep(PAUSE).await;
            }
        };
        let later = timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("{what}: no samples"));
        assert!(
            later.iter().all(|it| *it == value),
            "{what}: {series} should be {value}: {later:?}"
        );
    }

    /// The values in the scrapes whose last finished scan began after `change`.
    async fn told_after(&self, change: f64, series: &str) -> Vec<f64> {
        let ended = self.samples("watertight_scan_last_success_timestamp_seconds").await;
        let took = self.samples("watertight_scan_last_duration_seconds").await;
        let told = self.samples(series).await;
        let at = |samples: &[(f64, f64)], time: f64| {
            samples.iter().find(|it| it.0 == time).map(|it| it.1)
        };
        let began = |time: f64| Some(at(&ended, time)? - at(&took, time)?);
        told.iter().filter(|it| began(it.0).is_some_and(|it| change < it)).map(|it| it.1).collect()
    }
}

/// Now, as Prometheus tells times.
#[expect(clippy::cast_precision_loss, reason = "to the microsecond")]
fn now() -> f64 {
    clock::now().as_microsecond() as f64 / 1e6
}

struct Fleet {
    _ground: Ground,
    one: Cluster,
    two: Cluster,
    acme: String,
    globex: String,
}

impl Fleet {
    async fn start() -> Self {
        let ground = Ground::create().unwrap();
        let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
        let acme = own_database(&one, "acme").await;
        let globex = own_database(&two, "globex").await;
        Self { _ground: ground, one, two, acme, globex }
    }

    /// What the registry says: `globex` where it belongs, or in the database of `acme`.
    fn rows(&self, globex: &str) -> String {
        let rows = [tenant("acme", &self.acme, ""), tenant("globex", globex, "")].concat();
        format!(
            "schedule.scan = \"* * * * * *\"\nschedule.jitter = \"0s\"\nprobe.timeout = \"2s\"\npolicy.unhealthy_after = 1\n{rows}"
        )
    }
}

async fn reload(daemon: &mut Running, program: &Program, configuration: &str, times: usize) -> f64 {
    program.configure(configuration);
    daemon.signal(Signal::HUP);
    let taken = async {
        let word = "the configuration was reloaded";
        while daemon.messages().iter().filter(|it| it.contains(word)).count() < times {
            sleep(PAUSE).await;
        }
    };
    timeout(LIMIT, taken).await.expect("it is taken up");
    now()
}

const BREACHED: &str = "watertight_fleet_tenants{verdict=\"breached\"}";
const ISOLATED: &str = "watertight_fleet_tenants{verdict=\"isolated\"}";
const UNVERIFIED: &str = "watertight_fleet_tenants{verdict=\"unverified\"}";
const GLOBEX_UP: &str = "watertight_tenant_up{tenant=\"globex\"}";

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_fleet_is_in_the_first_scrape_after_the_scan_that_saw_it() {
    let Some(binary) = binary() else {
        eprintln!("left out: prometheus is not installed");
        return;
    };
    let mut fleet = Fleet::start().await;
    let program = Program::new(&fleet.rows(&fleet.globex));
    let mut daemon = Running::start(&program).await;
    let prometheus = Prometheus::start(binary, &daemon);
    let start = now();
    prometheus.expect("at first", start, ISOLATED, 2.0).await;

    let change = reload(&mut daemon, &program, &fleet.rows(&fleet.acme), 1).await;
    prometheus.expect("a wrong URL", change, BREACHED, 2.0).await;
    let shared =
        "watertight_fleet_findings{kind=\"shared_database\",severity=\"critical\",state=\"open\"}";
    prometheus.expect("and its finding", change, shared, 1.0).await;

    let change = reload(&mut daemon, &program, &fleet.rows(&fleet.globex), 2).await;
    prometheus.expect("mended", change, BREACHED, 0.0).await;
    prometheus.expect("and isolated again", change, ISOLATED, 2.0).await;

    fleet.two.stop(Shutdown::Fast).await.unwrap();
    let change = now();
    prometheus.expect("a server that is down", change, GLOBEX_UP, 0.0).await;
    prometheus.expect("is not green", change, UNVERIFIED, 1.0).await;
    fleet.two.start().await.unwrap();
    let change = now();
    prometheus.expect("and up again", change, GLOBEX_UP, 1.0).await;
    prometheus.expect("and verified", change, ISOLATED, 2.0).await;

    let up = prometheus.samples("up").await;
    assert!(10 < up.len() && up.iter().all(|it| it.1 == 1.0), "a scrape failed: {up:?}");
    drop(fleet.one);
    assert_eq!(daemon.stop().await, Some(0));
}
