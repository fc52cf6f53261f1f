//! A real Prometheus and a real Alertmanager beside a daemon, on loopback and with their data in a temporary directory.
//!
//! Why their ports are chosen by us: neither tells which one it was given. Between choosing and listening somebody else may
//! take one, so a start that fails is made again with another.
//!
//! Invariant: both end with the test, and nothing is waited for without a limit.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// For anything that is waited for, on a machine that does a dozen other things.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

const PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: usize = 5;

/// The first of these programs that is installed. `None` where none is: `tests/run` says so.
pub(crate) fn installed(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| places.iter().map(|it| it.join(name)).find(|it| it.is_file()))
}

/// A port of loopback that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
    listener.local_addr().expect("it is bound").port()
}

pub(crate) struct Server {
    _child: Child,
    home: TempDir,
    pub(crate) base: String,
    http: reqwest::Client,
}

impl Server {
    /// `flags` say everything but where it listens, given its own directory, in which `configuration` lies.
    pub(crate) async fn start(
        program: &Path,
        configuration: &str,
        flags: impl Fn(&Path) -> Vec<String>,
    ) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::write(home.path().join("configuration.yml"), configuration)
            .expect("write a file of our own");
        let log = home.path().join("log");
        for _ in 0..ATTEMPTS {
            let port = free_port();
            let file = home.path().join("configuration.yml");
            let mut child = Command::new(program)
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .args(flags(home.path()))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(std::fs::File::create(&log).expect("a file of our own"))
                .kill_on_drop(true)
                .spawn()
                .expect("it runs");
            let base = format!("http://127.0.0.1:{port}");
            let http = reqwest::Client::new();
            if ready(&http, &base, &mut child).await {
                return Self { _child: child, home, base, http };
            }
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        panic!("{} does not start: {said}\nwith\n{configuration}", program.display());
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The answer to a request, `None` while there is none.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = format!("{}{path}", self.base);
        let url = reqwest::Url::parse_with_params(&url, query).expect("a URL");
        let answer = timeout(LIMIT, self.http.get(url).send()).await.ok()?.ok()?;
        answer.json().await.ok()
    }

    /// Whether a page is there.
    pub(crate) async fn serves(&self, path: &str) -> bool {
        let asked = self.http.get(format!("{}{path}", self.base)).send();
        matches!(timeout(LIMIT, asked).await, Ok(Ok(answer)) if answer.status().is_success())
    }

    /// What an expression gives now: labels and value of each series.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<(Value, f64)>, String> {
        let answer = self.get("/api/v1/query", &[("query", expression)]).await;
        let answer = answer.ok_or("no answer")?;
        if answer["status"] != "success" || !answer["warnings"].is_null() {
            return Err(format!("{expression}: {answer}"));
        }
        let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let value = |it: &Value| it["value"][1].as_str().and_then(|it| it.parse().ok());
        result
            .into_iter()
            .map(|it| Ok((it["metric"].clone(), value(&it).ok_or("a value is no number")?)))
            .collect()
    }
}

async fn ready(http: &reqwest::Client, base: &str, child: &mut Child) -> bool {
    let asked = async {
        loop {
            let answer = http.get(format!("{base}/-/ready")).send().await;
            if answer.is_ok_and(|it| it.status().is_success()) {
                return true;
            }
            if child.try_wait().is_ok_and(|it| it.is_some()) {
                return false;
            }
            sleep(PAUSE).await;
        }
    };
    timeout(LIMIT, asked).await.unwrap_or(false)
}

/// Waits until it holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waited = async {
        while !holds().await {
            sleep(PAUSE).await;
        }
    };
    timeout(LIMIT, waited).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

/// Flags for a Prometheus whose alerts are sent again soon, so that none is lost that came before its Alertmanager.
pub(crate) fn prometheus(home: &Path) -> Vec<String> {
    vec![
        format!("--storage.tsdb.path={}", home.join("data").display()),
        "--rules.alert.resend-delay=5s".to_owned(),
        format!("--web.user-assets={}/alerts", env!("CARGO_MANIFEST_DIR")),
    ]
}

/// Flags for an Alertmanager that looks for no others.
pub(crate) fn alertmanager(home: &Path) -> Vec<String> {
    let data = format!("--storage.path={}", home.join("data").display());
    vec![data, "--cluster.listen-address=".to_owned()]
}
