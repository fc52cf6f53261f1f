//! `serve`: the daemon, put together and kept together.
//!
//! Why everything is built before anything is started: a daemon that finds its mistake after a minute has already told
//! somebody that it is ready. Why all tasks end when one does, see `tasks`.
//!
//! Invariants:
//! - an invalid configuration never starts it and never replaces the one that runs;
//! - what cannot change while it runs (the store, its key, the address) refuses a reload by name;
//! - a stop ends a running scan early, and what it had seen is stored.

pub(super) mod live;
mod outside;
mod reload;
mod systemd;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::live::{Live, Served};
use self::outside::Clients;
use self::reload::Reloading;
use super::Ended;
use super::platform::{Platform, Use, configuration};
use super::provider::{equipment, source};
use crate::cli::Global;
use crate::clock;
use crate::config::NoFile;
use crate::daemon::{Daemon, timetable};
use crate::deliveries::Bell;
use crate::http::{self, Ready};
use crate::metrics::Metrics;
use crate::model::report::Trigger;
use crate::provision::Provisioner;
use crate::provision::options::Equipment;
use crate::route::keyring::Keyring;
use crate::schedule::queue::Scope;
use crate::tasks::Tasks;
use crate::telemetry::Logs;

/// From the stop signal to the end. A visit that is under way is dropped at once, and what remains is one write to the
/// store; service managers wait 30 s (Kubernetes) or 90 s (systemd) before they kill.
const GRACE: Duration = Duration::from_secs(20);

/// Requests for a reload that wait for the one before.
const RELOADS: usize = 4;

pub(super) async fn serve(
    global: &Global,
    running: Running,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let config = match configuration(global, NoFile::Allowed) {
        Ok(config) => config,
        Err(refused) => return Ok(refused),
    };
    let platform = match Platform::of(config, Use::Holds)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    run(platform, global, running, stop).await
}

/// What the process has from its start on.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) logs: Logs,
    pub(super) metrics: Arc<Metrics>,
}

/// How the process is reached.
struct Reached {
    listener: TcpListener,
    hangups: Signal,
}

/// What a reload replaces, and what it replaces it with.
struct Changing {
    served: Served,
    clients: Clients,
    metrics: Arc<Metrics>,
    equipment: watch::Sender<Option<Arc<Equipment>>>,
}

/// Serves the platform until it is stopped.
pub(super) async fn run(
    platform: Platform,
    global: &Global,
    running: Running,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let Running { logs, metrics } = running;
    let clients = Clients::default();
    let live = match Live::of(&platform.config, platform.recognise(), &clients, &metrics) {
        Ok(live) => live,
        Err(refused) => return Ok(refused),
    };
    let equipment = match equipment(&platform.config, &metrics).await? {
        Ok(equipment) => watch::Sender::new(equipment.map(Arc::new)),
        Err(refused) => return Ok(refused),
    };
    let source = source(&platform.config, equipment.borrow().as_deref(), &metrics)?;
    let listen = &platform.config.http.listen;
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => return Ok(Ended::refused(format!("http.listen: {listen}: {error}"))),
    };
    // Before anybody can know of us: a hangup that nobody listens for would end the process.
    let hangups = signal(SignalKind::hangup()).context("listen for hangups")?;
    let served = live.serve(logs);
    let store = Arc::clone(&platform.store);
    let daemon = Arc::new(Daemon::new(store, served.settings(), Arc::clone(&metrics)));
    daemon.recall().await?;
    daemon.take_stock_from(source);
    metrics.config_taken(clock::now());
    tracing::info!("watertight listens on {}", listener.local_addr().context("ask for the port")?);
    let tasks = Tasks::new(stop.clone());
    let reached = Reached { listener, hangups };
    let changing = Changing { served, clients, metrics, equipment };
    start(&tasks, &platform, global, &daemon, changing, reached);
    systemd::tell(&[NotifyState::Ready]);
    daemon.desk().ask(Scope::Fleet, Trigger::Schedule);
    stop.cancelled().await;
    systemd::tell(&[NotifyState::Stopping]);
    // Only now may another process hold the store.
    let joined = tasks.join(GRACE).await;
    drop(platform);
    joined?;
    Ok(Ended::Well)
}

fn start(
    tasks: &Tasks,
    platform: &Platform,
    global: &Global,
    daemon: &Arc<Daemon>,
    Changing { served, clients, metrics, equipment }: Changing,
    Reached { listener, hangups }: Reached,
) {
    let stop = tasks.stop().clone();
    let (reload, requests) = mpsc::channel(RELOADS);
    let (ready, up) = watch::channel(Ready { configuration: true, schedule: true });
    let deliveries = Bell::default();
    served.outside().start(tasks, daemon, &deliveries);
    let keyring = Arc::new(Keyring::default());
    let provisioner = Arc::new(Provisioner::new(Arc::clone(daemon), equipment.subscribe()));
    let reader = http::Served {
        daemon: Arc::clone(daemon),
        options: served.options(),
        reload,
        ready: up,
        deliveries,
        keyring: Arc::clone(&keyring),
        provisioner: Arc::clone(&provisioner),
    };
    let (socket, at_socket, until) = (platform.store.socket(), reader.clone(), stop.clone());
    tasks.spawn("http", http::serve_tcp(listener, reader, stop.clone()));
    tasks.spawn("socket", async move {
        let done = http::serve_socket(&socket, at_socket, until).await;
        done.with_context(|| format!("serve the socket {}", socket.display()))
    });
    let (issuer, until) = (served.issuer(), stop.clone());
    tasks.spawn("issuer's keys", async move { keyring.read_until(issuer, &until).await });
    let until = stop.clone();
    tasks.spawn("operations", async move {
        provisioner.run_until(&until).await;
        Ok(())
    });
    let (scanner, until) = (Arc::clone(daemon), stop.clone());
    tasks.spawn("scan", async move {
        scanner.scan_until(&until).await;
        Ok(())
    });
    let (reader, until) = (Arc::clone(daemon), stop.clone());
    tasks.spawn("inventory", async move {
        reader.take_stock_until(&until).await;
        Ok(())
    });
    let (keeper, hours, until) = (Arc::clone(daemon), served.timetable(), stop.clone());
    tasks.spawn("timetable", async move {
        // While it keeps the hours, the schedule is up.
        let _up = ready;
        timetable::keep(&keeper, hours, &until).await
    });
    if let Some(every) = systemd::watchdog() {
        tasks.spawn("watchdog", systemd::give_signs_of_life(every, stop.clone()));
    }
    let (global, config) = (global.clone(), platform.config.clone());
    let reloading = Reloading {
        global,
        daemon: Arc::clone(daemon),
        config,
        recognise: platform.recognise(),
        served,
        clients,
        metrics,
        equipment,
    };
    tasks.spawn("reload", reloading.run(requests, hangups, stop));
}
