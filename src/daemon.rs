//! The scan loop of a running daemon, and what its readers are told meanwhile.
//!
//! Why one place: whoever asks for a scan, reads the fleet's state or says something of a finding must see the same
//! state, and a scan that ends must change it for all of them at once.
//!
//! Invariants:
//! - one scan at a time; whatever happens to it, those who waited for it hear how it ended, and the loop goes on;
//! - a store that does not answer stops no scan; what a scan found is told even where it could not be stored; that it
//!   could not is counted and logged;
//! - what a person said is stored before it is told.

pub mod beside;
pub mod stock;
pub mod timetable;
mod unkept;
pub mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clock;
use crate::dsn::Dsn;
use crate::metrics::Metrics;
use crate::metrics::detail::DetailOptions;
use crate::metrics::scans::{ScanEnd, ScanOutcome};
use crate::model::finding::{Acknowledgement, Finding, FindingId};
use crate::model::report::Report;
use crate::model::tenant::{Tenant, TenantId};
use crate::monitor::memory::{self, KnownRows, Memory};
use crate::monitor::{Ask, Cycle, Monitor, Stage};
use crate::registry::{self, RegistryOptions, Snapshot};
use crate::report::json;
use crate::schedule::queue::{Batch, Scope};
use crate::schedule::{self, Desk};
use crate::standing::Standing;
use crate::store::Store;

use self::stock::Stocktaking;
use self::unkept::{Kept, Unkept};

/// What a scan is made with. Replaced whole when the configuration is reloaded; a running scan ends with its own.
pub struct Settings {
    pub monitor: Monitor,
    pub registry: RegistryOptions,
    /// Whose series the metrics carry.
    pub detail: DetailOptions,
    /// Whether users are routed: the registry then stays in memory between scans.
    pub routes: bool,
}

pub struct Daemon {
    store: Arc<Store>,
    desk: Desk,
    settings: watch::Receiver<Arc<Settings>>,
    standing: watch::Sender<Option<Arc<Standing>>>,
    /// The registry as the last scan of the whole fleet read it; `None` while nobody is routed.
    ways: watch::Sender<Option<Arc<Snapshot>>>,
    /// Tenants that leave, whatever a scan that began before still tells of them.
    leaving: Mutex<BTreeSet<TenantId>>,
    /// Where tenants were before they moved.
    left_behind: Mutex<BTreeMap<TenantId, Dsn>>,
    unkept: Unkept,
    stocktaking: Stocktaking,
    metrics: Arc<Metrics>,
}

/// What is told of a scan that ended.
struct Told {
    report: Arc<Report>,
    witness_rounds: usize,
    witness_inconclusive: usize,
}

impl Daemon {
    pub fn new(
        store: Arc<Store>,
        settings: watch::Receiver<Arc<Settings>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let standing = watch::Sender::default();
        let (desk, unkept) = (Desk::default(), Unkept::default());
        let stocktaking = Stocktaking::default();
        let (ways, leaving) = (watch::Sender::default(), Mutex::default());
        let left_behind = Mutex::default();
        Self {
            store,
            desk,
            settings,
            standing,
            ways,
            leaving,
            left_behind,
            unkept,
            stocktaking,
            metrics,
        }
    }

    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// `None` until a scan of the whole fleet has ended, in this process or in one before.
    pub fn standing(&self) -> watch::Receiver<Option<Arc<Standing>>> {
        self.standing.subscribe()
    }

    /// Takes up what the last process left, so that a restart forgets nothing and claims nothing new: the age of what
    /// is told is the age of the scan that saw it.
    pub async fn recall(&self) -> anyhow::Result<()> {
        let left = self.stored("read what the last scan left", |store| {
            let Some(text) = store.latest_report_json()? else { return Ok(None) };
            let full = json::parse(&text).context("read the latest report of the store")?;
            let known = KnownRows::read(store)?;
            Ok(Some((full, store.standing_findings()?, store.last_successes()?, known)))
        });
        let Some((full, mut findings, last_success, known)) = left.await? else { return Ok(()) };
        findings.sort_by(|one, other| one.order().cmp(&other.order()));
        // Nobody is asked: a source that hangs must not hold up the start.
        let known = registry::known(&self.settings().registry, known.kept, known.stored);
        let tenants: Arc<[Tenant]> = match known {
            Ok(snapshot) => {
                let tenants = snapshot.tenants.clone().into();
                self.ways.send_replace(self.settings().routes.then(|| Arc::new(snapshot)));
                tenants
            }
            // The first scan tells what is wrong with it.
            Err(_) => Arc::new([]),
        };
        self.metrics.scan_recalled(&full);
        let full = Arc::new(full);
        let now = Arc::new(Report { findings, ..Report::clone(&full) });
        let last_success = Arc::new(last_success);
        self.change(|_| Some(Standing { full, now, tenants, last_success }));
        Ok(())
    }

    /// Makes the scans that are asked for, until it is stopped. A scan that runs then ends early, with an observation
    /// for each of its targets.
    pub async fn scan_until(&self, stop: &CancellationToken) {
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                batch = self.desk.begin() => batch,
            };
            let span = tracing::info_span!(parent: None, "scan", id = &*batch.id);
            let outcome = self.counted(&batch, stop).instrument(span).await;
            self.desk.end(&batch.id, outcome.map_err(|error| format!("{error:#}").into()));
        }
    }

    async fn counted(
        &self,
        batch: &Batch,
        stop: &CancellationToken,
    ) -> anyhow::Result<Arc<Report>> {
        let began = clock::now();
        self.metrics.scan_began(began);
        let outcome = self.scan(batch, stop).await;
        let (rounds, inconclusive) = match &outcome {
            Ok(told) => (told.witness_rounds, told.witness_inconclusive),
            Err(_) => (0, 0),
        };
        let at = clock::now();
        self.metrics.scan_ended(ScanEnd {
            at,
            took: at.duration_since(began).try_into().unwrap_or_default(),
            outcome: match &outcome {
                Ok(told) if told.report.partial => ScanOutcome::Part,
                Ok(_) => ScanOutcome::Fleet,
                Err(_) => ScanOutcome::Failed,
            },
            witness_rounds: rounds as u64,
            witness_inconclusive: inconclusive as u64,
        });
        match outcome {
            Ok(Told { report, .. }) => {
                let summary = report.summary();
                tracing::info!(
                    tenants = summary.tenants,
                    breached = summary.breached,
                    unverified = summary.unverified,
                    unhealthy = summary.unhealthy,
                    tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks(),
                    "the scan ended: {}",
                    report.verdict()
                );
                Ok(report)
            }
            Err(error) => {
                tracing::error!("the scan failed: {error:#}");
                Err(error)
            }
        }
    }

    async fn scan(&self, batch: &Batch, stop: &CancellationToken) -> anyhow::Result<Told> {
        let settings = self.settings();
        let snapshot = Arc::new(self.registry(&settings).await?);
        self.unkept.taken_up();
        let read = self.stored("read the store", |store| Ok(Memory::read(store, clock::now())?));
        let memory = self.unkept.memory(read.await)?;
        let only = match &batch.scope {
            Scope::Fleet => {
                self.ask_for_stock();
                None
            }
            Scope::Tenants(ids) => Some(ids),
        };
        let progress = |stage, done: usize, total: usize| {
            let stage = match stage {
                Stage::Scan => schedule::Stage::Visits,
                Stage::Witness => schedule::Stage::Witness,
            };
            self.desk.progress(stage, done, total);
            self.metrics.scan_progress(total.saturating_sub(done));
        };
        let standing = self.standing.borrow().clone();
        let ask = Ask {
            id: Some(&batch.id),
            only,
            last: standing.as_ref().map(|it| &*it.full),
            trigger: batch.trigger,
            ping: false,
            stop,
            progress: &progress,
            stock: &|| self.stock(),
        };
        let cycle = settings.monitor.cycle(&snapshot, memory, ask).await;
        self.desk.progress(schedule::Stage::Conclusion, 0, 0);
        self.metrics.probes(&cycle.report);
        let told = self.conclude(cycle, &snapshot).await;
        // Only now, and only of a whole scan: nobody is led to a database that was not looked at.
        if !told.report.partial {
            self.ways.send_replace(settings.routes.then_some(snapshot));
        }
        Ok(told)
    }

    /// Stores what the cycle found and tells it. A store that refuses it costs the memory of it and not the news.
    async fn conclude(&self, cycle: Cycle, snapshot: &Snapshot) -> Told {
        let cycle = Arc::new(cycle);
        let (found, late) = (Arc::clone(&cycle), self.unkept.late());
        let keep = move |store: &Store| Ok(memory::keep(store, &found, &late)?);
        let put = self.stored("store a scan", keep).await;
        let kept = if put.is_ok() { Kept::Yes } else { Kept::No };
        self.count_write("what the scan found is told and not kept", put);
        let known = self.stored("read what is known after a scan", |store| {
            Ok((store.standing_findings()?, store.last_successes()?, store.size_bytes()?))
        });
        let (mut said, mut successes) = known.await.map_or_else(
            |_| (Vec::new(), None),
            |(said, successes, size)| {
                self.metrics.store_size(size);
                (said, Some(successes))
            },
        );
        if kept == Kept::No {
            (said, successes) = (self.unkept.said_meanwhile(said), None);
        }
        // The store's thread has let go of it.
        let cycle = Arc::unwrap_or_clone(cycle);
        let report = Arc::new(cycle.report);
        self.change(|before| {
            let known = before.map(|it| Arc::clone(&it.last_success)).unwrap_or_default();
            let successes = successes.unwrap_or_else(|| unkept::successes(&known, &report));
            let tenants = snapshot.tenants.clone().into();
            let report = Arc::clone(&report);
            let (unreported, successes) = (cycle.unreported, Arc::new(successes));
            let after = Standing::after(before, report, unreported, tenants, successes)?;
            Some(after.said(said))
        });
        let standing = self.standing.borrow().clone();
        let findings = standing.as_ref().map_or(&report.findings, |it| &it.now.findings);
        self.unkept.ended(kept, findings, &cycle.baselines);
        let Cycle { witness_rounds, witness_inconclusive, .. } = cycle;
        Told { report, witness_rounds, witness_inconclusive }
    }

    /// The registry as its sources tell it now; what they told is kept for the day on which one fails.
    async fn registry(&self, settings: &Settings) -> anyhow::Result<Snapshot> {
        let known = self.stored("read the registry's rows", |store| Ok(KnownRows::read(store)?));
        let KnownRows { kept, stored } = self.unkept.rows(known.await)?;
        let read = registry::read(&settings.registry, kept, stored).await;
        let names = settings.registry.source_names();
        self.metrics.registry_sources(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let believed = read.as_ref().map(|(_, sources)| &**sources).unwrap_or_default();
        for name in &names {
            if believed.iter().any(|it| it.source == *name) {
                self.metrics.registry_synced(name, clock::now());
            } else {
                self.metrics.registry_sync_failed(name);
            }
        }
        let (snapshot, sources) = read.context("read the registry")?;
        let put = self.stored("keep the registry's rows", move |store| {
            Ok(memory::keep_sources(store, &sources)?)
        });
        self.count_write("the registry's rows are used and not kept", put.await);
        Ok(snapshot)
    }

    /// Those of the tenants that nobody knows: neither the last scan nor the registry as it is now, which is read only
    /// for those that the scan does not know.
    pub async fn unregistered(&self, ids: &BTreeSet<TenantId>) -> anyhow::Result<Vec<TenantId>> {
        let standing = self.standing.borrow().clone();
        let unknown =
            |id: &TenantId| standing.as_ref().is_none_or(|it| it.registered(id).is_none());
        let strangers: Vec<TenantId> = ids.iter().filter(|id| unknown(id)).cloned().collect();
        if strangers.is_empty() {
            return Ok(strangers);
        }
        let snapshot = self.registry(&self.settings()).await?;
        let known: BTreeSet<&TenantId> = snapshot.tenants.iter().map(|it| &it.id).collect();
        Ok(strangers.into_iter().filter(|id| !known.contains(id)).collect())
    }

    /// Silences a finding. `None` where none of that id stands.
    pub async fn acknowledge(
        &self,
        id: FindingId,
        acknowledgement: Acknowledgement,
    ) -> anyhow::Result<Option<Finding>> {
        let said = self.stored("acknowledge a finding", move |store| {
            Ok(store.acknowledge(id, &acknowledgement, clock::now())?)
        });
        let finding = said.await?;
        if let Some(finding) = finding.clone() {
            self.tell(finding);
        }
        Ok(finding)
    }

    /// What a person said of a finding, for every reader; the store has it already.
    pub fn tell(&self, finding: Finding) {
        self.unkept.say(&finding);
        self.change(|before| Some(before?.with(finding)));
    }

    /// A finding has an issue at that address now; the ledger has it already.
    pub fn filed(&self, id: FindingId, url: &str) {
        self.change(|before| {
            let finding = before?.finding(id)?.clone();
            Some(before?.with(Finding { issue_url: Some(url.to_owned()), ..finding }))
        });
    }

    /// Does something with the store on a thread of its own: its calls block.
    pub async fn stored<T: Send + 'static>(
        &self,
        what: &'static str,
        act: impl FnOnce(&Store) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || act(&store)).await.context(what)?
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    /// What every reader is told from now on. Nothing comes between the look at what stands and what takes its place.
    fn change(&self, after: impl FnOnce(Option<&Standing>) -> Option<Standing>) {
        let detail = self.settings().detail;
        self.standing.send_if_modified(|standing| {
            let Some(after) = after(standing.as_deref()) else { return false };
            self.metrics.publish(&after, detail);
            *standing = Some(Arc::new(after));
            true
        });
    }

    fn count_write(&self, what: &str, done: anyhow::Result<()>) {
        if let Err(error) = done {
            self.metrics.store_write_failed();
            tracing::error!("{what}: {error:#}");
        }
    }
}
