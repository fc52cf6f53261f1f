//! What every command that looks at the fleet needs: configuration, store, registry and monitor, put together once.
//!
//! Why here and not in each command: the order matters. The configuration is judged before the store is created, and
//! the store is held before anything is read that a second process might change.
//!
//! Why the store is called directly although its calls block: a command has nothing else to do meanwhile, and each call
//! is bounded, a second process's lock included. A daemon that serves others at the same time must move them off its
//! threads.

use std::sync::Arc;

use anyhow::Context;

use super::Ended;
use crate::cli::Global;
use crate::cli::progress::Progress;
use crate::cli::terminal::Surroundings;
use crate::client::local::LocalDaemon;
use crate::clock;
use crate::config::{Config, NoFile, PREFIX, ProbeSettings};
use crate::model::policy::Policy;
use crate::model::report::Report;
use crate::monitor::late::Late;
use crate::monitor::memory::{self, KnownRows, Memory};
use crate::monitor::{Ask, Cycle, Monitor, Recognise, Stage};
use crate::probe::{ProbeOptions, Prober};
use crate::registry::{self, RegistryError, Snapshot};
use crate::report::json;
use crate::scan::ScanLimits;
use crate::stamp::key::StampKeyRefs;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::hold::Hold;
use crate::store::seal::SealKey;
use crate::store::url::StoreUrl;

/// A configured platform with its store open.
pub(super) struct Platform {
    pub(super) config: Config,
    pub(super) store: Arc<Store>,
    /// While it lives no other process writes. `None` where this one does not.
    hold: Option<Hold>,
    /// Holds the store, and writes for a command that would.
    pub(super) daemon: Option<LocalDaemon>,
}

/// What a command does with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Reads,
    /// Itself, or through the daemon that has the store.
    Writes,
    /// Is that daemon.
    Holds,
}

pub(super) fn configuration(global: &Global, no_file: NoFile) -> Result<Config, Ended> {
    Config::load(global.config.as_deref(), environment(), no_file)
        .map_err(|it| Ended::problems(&it))
}

/// The variables that are text. One of ours that is not is kept as far as it can be shown, so that it is told as wrong;
/// any other is none, and a secret that should stand there is told as not set.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let ours = name.starts_with(PREFIX);
        let text = value.into_string().or_else(|value| {
            if ours { Ok(value.to_string_lossy().into_owned()) } else { Err(value) }
        });
        Some((name, text.ok()?))
    })
}

impl Platform {
    pub(super) fn open(
        global: &Global,
        no_file: NoFile,
        purpose: Use,
    ) -> anyhow::Result<Result<Self, Ended>> {
        match configuration(global, no_file) {
            Ok(config) => Self::of(config, purpose),
            Err(refused) => Ok(Err(refused)),
        }
    }

    pub(super) fn of(config: Config, purpose: Use) -> anyhow::Result<Result<Self, Ended>> {
        let url = match StoreUrl::parse(config.store_url().expose()) {
            Ok(url) => url,
            Err(error) => return Ok(Err(Ended::refused(format!("store.url: {error}")))),
        };
        let key = config.secret_key().map(|it| anyhow::Ok(SealKey::parse(&it.read()?)?));
        let key = match key.transpose() {
            Ok(key) => key,
            Err(error) => return Ok(Err(Ended::refused(format!("secrets.key: {error:#}")))),
        };
        let store = match Store::open(&url, key) {
            Ok(store) => store,
            Err(error) => return not_opened(error).map(Err),
        };
        let (hold, daemon) = match purpose {
            Use::Reads => (None, None),
            Use::Holds => match store.hold() {
                Ok(hold) => (Some(hold), None),
                Err(error) => return not_opened(error).map(Err),
            },
            Use::Writes => match held(&store)? {
                Ok(Held::ByUs(hold)) => (Some(hold), None),
                Ok(Held::ByDaemon(daemon)) => (None, Some(daemon)),
                Err(error) => return not_opened(error).map(Err),
            },
        };
        Ok(Ok(Self { config, store: Arc::new(store), hold, daemon }))
    }

    /// The registry as its sources tell it now. A command that writes keeps what was read, for the day on which a
    /// source fails.
    pub(super) async fn snapshot(&self) -> anyhow::Result<Result<Snapshot, Ended>> {
        let KnownRows { kept, stored } = KnownRows::read(&self.store)?;
        match registry::read(&self.config.registry_options(), kept, stored).await {
            Ok((snapshot, sources)) => {
                if self.hold.is_some() {
                    memory::keep_sources(&self.store, &sources)?;
                }
                Ok(Ok(snapshot))
            }
            Err(error @ RegistryError::Empty(_)) => Ok(Err(Ended::refused(error))),
        }
    }

    pub(super) fn memory(&self) -> anyhow::Result<Memory> {
        Ok(Memory::read(&self.store, clock::now())?)
    }

    /// Of the last scan of the whole fleet.
    pub(super) fn last_report(&self) -> anyhow::Result<Option<Report>> {
        let Some(text) = self.store.latest_report_json()? else { return Ok(None) };
        json::parse(&text).context("read the latest report of the store").map(Some)
    }

    pub(super) fn monitor(&self) -> Result<Monitor, Ended> {
        let keys = stamp_keys(&self.config);
        monitor(&self.config.probe_options(), self.config.policy(), self.recognise(), keys)
    }

    pub(super) fn recognise(&self) -> Recognise {
        let store = Arc::clone(&self.store);
        Arc::new(move |tenant, target, secret| store.secret_digest(tenant, target, secret))
    }

    pub(super) fn keep(&self, cycle: &Cycle) -> anyhow::Result<()> {
        Ok(memory::keep(&self.store, cycle, &Late::default())?)
    }
}

/// The store for ourselves, or the daemon that has it.
enum Held {
    ByUs(Hold),
    ByDaemon(LocalDaemon),
}

fn held(store: &Store) -> anyhow::Result<Result<Held, StoreError>> {
    match store.hold() {
        Ok(hold) => Ok(Ok(Held::ByUs(hold))),
        Err(error @ StoreError::Held { .. }) => match LocalDaemon::at(&store.socket())? {
            Some(daemon) => Ok(Ok(Held::ByDaemon(daemon))),
            None => Ok(Err(error)),
        },
        Err(error) => Ok(Err(error)),
    }
}

/// Nothing was scanned yet: what the operator can mend is a refusal, anything else our fault.
fn not_opened(error: StoreError) -> anyhow::Result<Ended> {
    let setting = error.is_setting();
    let error = anyhow::Error::new(error);
    if setting { Ok(Ended::refused(format!("{error:#}"))) } else { Err(error) }
}

/// Whether neither the configuration nor a store that exists names a tenant. Asked before the store is opened: a
/// refused command creates no file.
pub(super) fn names_nobody(config: &Config) -> bool {
    let options = config.registry_options();
    let no_store = StoreUrl::parse(config.store_url().expose())
        .is_ok_and(|it| it.path().try_exists().is_ok_and(|exists| !exists));
    options.tenants.is_empty() && options.sources.is_empty() && no_store
}

pub(super) fn monitor(
    settings: &ProbeSettings,
    policy: Policy,
    recognise: Recognise,
    stamp_keys: StampKeyRefs,
) -> Result<Monitor, Ended> {
    Ok(Monitor {
        prober: Arc::new(prober(settings)?),
        limits: ScanLimits::new(settings.concurrency, settings.per_server, settings.timeout),
        policy,
        auth_retry: settings.auth_retry,
        recognise,
        replication_proof: settings.replication_proof,
        stamp_keys,
    })
}

pub(super) fn prober(settings: &ProbeSettings) -> Result<Prober, Ended> {
    let options = ProbeOptions {
        timeout: settings.timeout,
        root_files: settings.ca_file.clone().into_iter().collect(),
        crypto_permits: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
    };
    Prober::new(&options)
        .map_err(|error| Ended::refused(format!("probe.ca_file: {:#}", anyhow::Error::new(error))))
}

pub(super) fn stamp_keys(config: &Config) -> StampKeyRefs {
    StampKeyRefs {
        current: config.stamp_key().cloned(),
        previous: config.previous_stamp_key().cloned(),
    }
}

/// Runs one cycle with a bar for whoever watches.
pub(super) async fn watched(
    monitor: &Monitor,
    snapshot: &Arc<Snapshot>,
    memory: Memory,
    mut ask: Ask<'_>,
    global: &Global,
    here: &Surroundings,
) -> Cycle {
    let progress = Progress::new(here.shows_progress(global));
    let last = std::sync::Mutex::new(None);
    let told = |stage: Stage, done: usize, total: usize| {
        // Only this function locks it, and it cannot panic in between.
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != Some(stage) {
            progress.stage(match stage {
                Stage::Scan => "visiting",
                Stage::Witness => "proving",
            });
            progress.started(total);
            *last = Some(stage);
        }
        progress.advanced(done);
    };
    ask.progress = &told;
    let cycle = monitor.cycle(snapshot, memory, ask).await;
    progress.finished();
    cycle
}

/// For cycles that nobody watches.
pub(super) const UNWATCHED: &(dyn Fn(Stage, usize, usize) + Sync) = &|_, _, _| ();
