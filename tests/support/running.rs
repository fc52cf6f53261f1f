//! A running daemon: a child process that is spoken to over HTTP and by signals, and whose log is read line by line.
//!
//! Why it listens on a port of the system's choice: the daemon logs where it listens, so that no two tests can meet.
//!
//! Invariant: the daemon ends with the test, and nothing is waited for without a limit.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use watertight::model::report::Report;
use watertight::report::json;

use crate::program::Program;

/// For anything that is waited for, on a machine that does a dozen other things.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct Running {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Running {
    /// Starts `serve` on the program's configuration, which leaves `http.listen` to us, and waits until it listens.
    pub(crate) async fn start(program: &Program) -> Self {
        Self::start_with(program, &[]).await
    }

    pub(crate) async fn start_with(program: &Program, environment: &[(&str, PathBuf)]) -> Self {
        Self::of(command(program, environment)).await
    }

    /// Starts `serve` as this command does.
    pub(crate) async fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it runs");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let gathered = Arc::clone(&log);
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the log, which ends with the child"
        )]
        tokio::spawn(gather(lines, gathered));
        let mut running = Self { child, log, base: String::new(), http: reqwest::Client::new() };
        let port = running.port().await;
        running.base = format!("http://127.0.0.1:{port}");
        running
    }

    async fn port(&mut self) -> u16 {
        let line = self.logged("watertight listens on ").await;
        let port = line.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.unwrap_or_else(|| panic!("no port: {line}"))
    }

    /// The first message of the log that contains this.
    pub(crate) async fn logged(&mut self, wanted: &str) -> String {
        self.logged_since(0, wanted).await
    }

    /// The first such message behind so many others.
    pub(crate) async fn logged_since(&mut self, since: usize, wanted: &str) -> String {
        let until = tokio::time::Instant::now() + LIMIT;
        loop {
            let found = self.messages().into_iter().skip(since).find(|it| it.contains(wanted));
            if let Some(found) = found {
                return found;
            }
            let ended = self.child.try_wait().expect("ask for its state");
            let late = until < tokio::time::Instant::now();
            assert!(ended.is_none() && !late, "{ended:?}, no {wanted:?} in {:#?}", self.messages());
            sleep(PAUSE).await;
        }
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        let log = self.log.lock().expect("nobody panics with it");
        log.iter().map(|it| it["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Everything that it logged, each line whole.
    pub(crate) fn lines(&self) -> Vec<String> {
        let log = self.log.lock().expect("nobody panics with it");
        log.iter().map(Value::to_string).collect()
    }

    /// What the last such message says beside its words.
    pub(crate) fn last(&self, message: &str, field: &str) -> Option<Value> {
        let log = self.log.lock().expect("nobody panics with it");
        let says = |it: &&Value| it["message"].as_str().is_some_and(|it| it.contains(message));
        log.iter().rev().find(says).map(|it| it[field].clone())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let asked = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok::<_, reqwest::Error>(Answer { status, headers, body: response.text().await? })
        };
        timeout(LIMIT, asked).await.expect("within the limit").expect("it answers")
    }

    /// Asks for a scan of the whole fleet and waits for its report.
    pub(crate) async fn scan(&self) -> Report {
        let answer = self.post("/api/v1/scans?wait=true", &serde_json::json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        json::parse(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// The latest report of the whole fleet, as soon as there is one.
    pub(crate) async fn latest(&self) -> Report {
        let seen = async {
            loop {
                let answer = self.get("/api/v1/scans/latest").await;
                if answer.status == 200 {
                    return json::parse(&answer.body).expect("a report");
                }
                sleep(PAUSE).await;
            }
        };
        timeout(LIMIT, seen).await.expect("a first scan")
    }

    /// The value of a series of the metrics, with its labels as they stand there.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").await.body;
        let line = text.lines().find_map(|it| it.strip_prefix(series)?.strip_prefix(' '));
        line.map(|it| it.parse().expect("a number"))
    }

    pub(crate) fn pid(&self) -> Pid {
        let pid = self.child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        pid.expect("it runs")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("send a signal");
    }

    /// Waits for the end; the exit code, none where a signal ended it.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let waited = timeout(LIMIT, self.child.wait()).await;
        let Ok(status) = waited else { panic!("it did not end: {:#?}", self.messages()) };
        status.expect("ask for its end").code()
    }

    /// By SIGKILL: nothing of it is put away.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Asks it to end, as a service manager does.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ended().await
    }
}

/// `serve`, not started yet.
pub(crate) fn command(program: &Program, environment: &[(&str, PathBuf)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watertight"));
    command
        .arg("--config")
        .arg(program.path("watertight.toml"))
        .args(["--log-format", "json", "serve"])
        .env("WATERTIGHT__HTTP__LISTEN", "127.0.0.1:0")
        .env_remove("RUST_LOG")
        .env_remove("NOTIFY_SOCKET")
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn gather(
    mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
    log: Arc<Mutex<Vec<Value>>>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        let entry =
            serde_json::from_str(&line).unwrap_or_else(|_| serde_json::json!({ "message": line }));
        log.lock().expect("nobody panics with it").push(entry);
    }
}
