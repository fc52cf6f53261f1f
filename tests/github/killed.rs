//! The process that a rehearsal kills: the real loop on a real store, with scans that see what a file says.
//!
//! Why another process: only one that is killed loses what a process loses. It is this very test program, started once
//! more.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use watertight::issues::options::IssueOptions;
use watertight::schedule::cron::Moments;
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::stage::{Loop, options};
use crate::truth::Fact;

const ROLE: &str = "WATERTIGHT_REHEARSED_PROCESS";

/// Between two scans.
const SCAN: Duration = Duration::from_millis(60);

/// What the process is told, in a file that is replaced whole.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) api_url: String,
    pub(crate) reopen_within_ms: i64,
    pub(crate) acknowledge_for_ms: i64,
    /// The daily report stands in an issue; its hour comes each second.
    pub(crate) daily: bool,
    pub(crate) truth: Vec<Fact>,
}

pub(crate) fn order(directory: &Path, orders: &Orders) {
    let (new, place) = (directory.join("orders.new"), directory.join("orders.json"));
    std::fs::write(&new, serde_json::to_vec(orders).unwrap()).unwrap();
    std::fs::rename(new, place).unwrap();
}

pub(crate) fn store(directory: &Path) -> Store {
    Store::open(&StoreUrl::Sqlite(directory.join("w.db")), None).unwrap()
}

pub(crate) fn start(directory: &Path) -> Killable {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(directory.join("log"));
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_process_that_a_rehearsal_kills", "--nocapture"])
        .env(ROLE, directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.unwrap())
        .spawn();
    Killable(child.unwrap())
}

pub(crate) struct Killable(Child);

impl Drop for Killable {
    /// By SIGKILL: nothing of it is put away.
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_a_rehearsal_kills() {
    let Some(directory) = std::env::var_os(ROLE).map(PathBuf::from) else { return };
    let read = || -> Orders {
        serde_json::from_slice(&std::fs::read(directory.join("orders.json")).unwrap()).unwrap()
    };
    let orders = read();
    let options = IssueOptions {
        reopen_within: SignedDuration::from_millis(orders.reopen_within_ms),
        acknowledge_for: SignedDuration::from_millis(orders.acknowledge_for_ms),
        ..options()
    };
    let hours = orders.daily.then(|| Moments::parse("* * * * * *", "UTC").unwrap());
    let store = Arc::new(store(&directory));
    let running = Loop::at_hours(store, &orders.api_url, options, hours);
    loop {
        running.scan_facts(&read().truth);
        tokio::time::sleep(SCAN).await;
    }
}
