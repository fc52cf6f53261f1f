//! The shipped configurations of Prometheus and Alertmanager, with the times of a test and this machine's addresses.

use std::path::PathBuf;

use regex::Regex;

use crate::prometheus::{self, Server, installed};
use crate::receiver::Receiver;
use crate::running::Running;

/// How long alerts wait before they fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    AsShipped,
    /// Each `for` in seconds of as many minutes, so that their order stays.
    SecondsForMinutes,
}

/// The programs.
#[derive(Debug)]
pub(crate) struct Alerting {
    prometheus: PathBuf,
    alertmanager: PathBuf,
}

fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Exactly that often, so that a file that was changed does not make a rule here a rule about nothing.
fn replaced(text: &str, pattern: &str, replacement: &str, times: usize) -> String {
    let pattern = Regex::new(pattern).expect("a pattern of our own");
    assert_eq!(pattern.find_iter(text).count(), times, "{pattern} in\n{text}");
    pattern.replace_all(text, replacement).into_owned()
}

impl Alerting {
    /// `None` where one of them is not installed: `tests/run` says so.
    pub(crate) fn installed() -> Option<Self> {
        Some(Self {
            prometheus: installed(&["prometheus"])?,
            alertmanager: installed(&["alertmanager", "prometheus-alertmanager"])?,
        })
    }

    /// With the first example of each receiver brought to life, as its comment says.
    pub(crate) async fn alertmanager(&self, receiver: &Receiver) -> Server {
        let text = read("alerts/alertmanager.yml");
        let text = replaced(&text, "group_wait: [1-9][0-9]*s", "group_wait: 1s", 2);
        let text = replaced(&text, "group_interval: [0-9]+m", "group_interval: 1s", 3);
        let text = replaced(&text, "# webhook_configs:", "webhook_configs:", 3);
        let hook = "#   - url: http://127.0.0.1:9095/";
        let text = replaced(&text, hook, &format!("  - url: http://{}/", receiver.address), 3);
        let sent = r"(  - url: \S+\n    )#     send_resolved";
        let text = replaced(&text, sent, "${1}    send_resolved", 3);
        Server::start(&self.alertmanager, &text, prometheus::alertmanager).await
    }

    pub(crate) async fn prometheus(
        &self,
        daemon: &Running,
        alertmanager: &Server,
        waits: Waits,
    ) -> Server {
        let host = |base: &str| base.trim_start_matches("http://").to_owned();
        let text = read("deploy/prometheus/prometheus.yml");
        let text = replaced(&text, "(scrape|evaluation)_interval: 15s", "${1}_interval: 1s", 2);
        let text = replaced(&text, "alertmanager:9093", &host(&alertmanager.base), 2);
        let text = replaced(&text, "watertight:9877", &host(&daemon.base), 1);
        let rules = tempfile::tempdir().expect("a directory");
        let minutes = Regex::new("for: ([0-9]+)m").expect("a pattern of our own");
        for name in ["watertight.rules.yml", "recording.rules.yml"] {
            let mut text = read(&format!("alerts/{name}"));
            if waits == Waits::SecondsForMinutes {
                text = minutes.replace_all(&text, "for: ${1}s").into_owned();
            }
            std::fs::write(rules.path().join(name), text).expect("write a file of our own");
        }
        let place = format!("{}/", rules.path().display());
        let text = replaced(&text, "/etc/prometheus/alerts/", &place, 1);
        // They are read once, at the start.
        Server::start(&self.prometheus, &text, prometheus::prometheus).await
    }
}
