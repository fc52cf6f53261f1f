//! A new configuration for a running daemon: whole, or not at all.
//!
//! Why one task does it: two reloads at once could mix two files, and whoever asks wants to hear how theirs went.
//!
//! Invariant: everything is built from the new file before anything of the old one is replaced.

use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::live::{Live, Served};
use super::outside::Clients;
use super::systemd;
use crate::app::Ended;
use crate::app::platform::configuration;
use crate::app::provider::{renewed, source};
use crate::cli::Global;
use crate::clock;
use crate::config::{Config, NoFile, sections};
use crate::daemon::Daemon;
use crate::metrics::Metrics;
use crate::monitor::Recognise;
use crate::provision::options::Equipment;

/// Answered with every problem at once.
pub(super) type Request = oneshot::Sender<Result<(), Vec<String>>>;

pub(super) struct Reloading {
    pub(super) global: Global,
    pub(super) daemon: Arc<Daemon>,
    /// What runs now.
    pub(super) config: Config,
    pub(super) recognise: Recognise,
    pub(super) served: Served,
    pub(super) clients: Clients,
    pub(super) metrics: Arc<Metrics>,
    pub(super) equipment: watch::Sender<Option<Arc<Equipment>>>,
}

impl Reloading {
    /// Reloads on request and on each hangup, until it is stopped.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut hangups: Signal,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let request = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(request) = requests.recv() => Some(request),
                Some(()) = hangups.recv() => None,
            };
            let done = self.reload();
            if let Some(request) = request {
                // Whoever asked may be gone; the log has it.
                request.send(done).ok();
            }
        }
    }

    fn reload(&mut self) -> Result<(), Vec<String>> {
        systemd::tell_reloading();
        let done = self.replace();
        systemd::tell(&[NotifyState::Ready]);
        match &done {
            Ok(()) => {
                self.metrics.config_taken(clock::now());
                tracing::info!("the configuration was reloaded");
            }
            Err(problems) => {
                self.metrics.config_refused();
                for problem in problems {
                    tracing::error!("the configuration stays as it was: {problem}");
                }
            }
        }
        done
    }

    fn replace(&mut self) -> Result<(), Vec<String>> {
        let config = configuration(&self.global, NoFile::Allowed).map_err(Ended::lines)?;
        let fixed = fixed(&self.config, &config);
        if !fixed.is_empty() {
            return Err(fixed);
        }
        let live = Live::of(&config, Arc::clone(&self.recognise), &self.clients, &self.metrics)
            .map_err(Ended::lines)?;
        let equipment = self.equipment.borrow().as_ref().and_then(|it| renewed(it, &config));
        // One that stays keeps what it knows of its provider's patience.
        let reads_otherwise = self.config.provider != config.provider;
        let source = source(&config, equipment.as_ref(), &self.metrics)
            .map_err(|error| vec![format!("{error:#}")])?;
        if reads_otherwise {
            self.daemon.take_stock_from(source);
        }
        self.equipment.send_replace(equipment.map(Arc::new));
        self.served.replace(live);
        self.config = config;
        Ok(())
    }
}

/// What has changed and cannot change while the daemon runs.
fn fixed(before: &Config, after: &Config) -> Vec<String> {
    let changed = [
        ("store.url", before.store != after.store),
        ("secrets", before.secrets != after.secrets),
        ("http.listen", before.http.listen != after.http.listen),
        ("http.tenant_path", before.http.tenant_path != after.http.tenant_path),
        ("provision.provider", provider(before) != provider(after)),
        ("http.tls_cert", before.http.tls_cert.is_some() != after.http.tls_cert.is_some()),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed
        .map(|(key, _)| {
            format!("{}: {key}: it cannot change while the daemon runs; restart it", after.file)
        })
        .collect()
}

/// Who provides databases, and how they are reached.
fn provider(config: &Config) -> Option<sections::Provision> {
    let section = config.provision.clone()?;
    Some(sections::Provision {
        quota: None,
        ready_timeout: None,
        setup_sql: None,
        setup_command: None,
        setup_timeout: None,
        backup_directory: None,
        backup_timeout: None,
        stamp: None,
        ..section
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expected: &[&str]) {
        let config = |text: &str| Config::parse("w.toml", text, &BTreeMap::new()).unwrap();
        let told = fixed(&config(before), &config(after));
        let expected: Vec<String> = expected
            .iter()
            .map(|it| format!("w.toml: {it}: it cannot change while the daemon runs; restart it"))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn what_a_running_daemon_stands_on_cannot_be_reloaded() {
        check("", "http.listen = '127.0.0.1:1'", &["http.listen"]);
        check("", "store.url = 'sqlite:other.db'", &["store.url"]);
    }

    #[test]
    fn anything_else_can() {
        check("", "probe.timeout = '2s'\npolicy.isolation = 'database'", &[]);
        check("http.hosts = ['a']", "http.hosts = ['b']", &[]);
    }
}
