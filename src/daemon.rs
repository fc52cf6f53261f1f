//! The scan loop of a running daemon, and what its readers are told meanwhile.
//!
//! Why one place: whoever asks for a scan, reads the fleet's state or says something of a finding must see the same
//! state, and a scan that ends must change it for all of them at once.
//!
//! Invariants:
//! - one scan at a time; whatever happens to it, those who waited for it hear how it ended, and the loop goes on;
//! - what a scan found is told even where it could not be stored; that it could not is counted and logged;
//! - what a person said is stored before it is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;
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

/// What a scan is made with. Replaced whole when the configuration is reloaded; a running scan ends with its own.
pub struct Settings {
    pub monitor: Monitor,
    pub registry: RegistryOptions,
}

pub struct Daemon {
    store: Arc<Store>,
    desk: Desk,
    settings: watch::Receiver<Arc<Settings>>,
    standing: watch::Sender<Option<Arc<Standing>>>,
}

impl Daemon {
    pub fn new(store: Arc<Store>, settings: watch::Receiver<Arc<Settings>>) -> Self {
        Self { store, desk: Desk::default(), settings, standing: watch::Sender::default() }
    }

    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// `None` until a scan of the whole fleet has ended, in this process or in one before.
    pub fn standing(&self) -> watch::Receiver<Option<Arc<Standing>>> {
        self.standing.subscribe()
    }

    /// Takes up what the last process left, so that a restart forgets nothing and claims nothing new: the age of what
    /// is told is the age of the scan that saw it.
    pub async fn recall(&self) -> anyhow::Result<()> {
        let stored = self.stored("read what the last scan left", |store| {
            let Some(text) = store.latest_report_json()? else { return Ok(None) };
            let full = json::parse(&text).context("read the latest report of the store")?;
            Ok(Some((full, store.standing_findings()?, store.last_successes()?)))
        });
        let Some((full, mut findings, last_success)) = stored.await? else { return Ok(()) };
        findings.sort_by(|one, other| one.order().cmp(&other.order()));
        let tenants: Arc<[Tenant]> = match self.registry().await {
            Ok(snapshot) => snapshot.tenants.clone().into(),
            // The first scan tells what is wrong with it.
            Err(_) => Arc::new([]),
        };
        let full = Arc::new(full);
        let now = Arc::new(Report { findings, ..Report::clone(&full) });
        let last_success = Arc::new(last_success);
        self.standing.send_replace(Some(Arc::new(Standing { full, now, tenants, last_success })));
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
            let outcome = self.scan(&batch, stop).await;
            if let Err(error) = &outcome {
                tracing::error!(scan = &*batch.id, "the scan failed: {error:#}");
            }
            self.desk.end(&batch.id, outcome.map_err(|error| format!("{error:#}").into()));
        }
    }

    async fn scan(&self, batch: &Batch, stop: &CancellationToken) -> anyhow::Result<Arc<Report>> {
        let settings = Arc::clone(&self.settings.borrow());
        let snapshot = Arc::new(self.registry().await?);
        let memory =
            self.stored("read the store", |store| Ok(Memory::read(store, clock::now())?)).await?;
        let only = match &batch.scope {
            Scope::Fleet => None,
            Scope::Tenants(ids) => Some(ids),
        };
        let progress = |stage, done, total| {
            let stage = match stage {
                Stage::Scan => schedule::Stage::Visits,
                Stage::Witness => schedule::Stage::Witness,
            };
            self.desk.progress(stage, done, total);
        };
        let ask = Ask {
            id: Some(&batch.id),
            only,
            trigger: batch.trigger,
            ping: false,
            stop,
            progress: &progress,
        };
        let cycle = settings.monitor.cycle(&snapshot, memory, ask).await;
        self.desk.progress(schedule::Stage::Conclusion, 0, 0);
        self.conclude(cycle, &snapshot).await
    }

    /// Stores what the cycle found and tells it. A store that refuses it costs the memory of it and not the news.
    async fn conclude(&self, cycle: Cycle, snapshot: &Snapshot) -> anyhow::Result<Arc<Report>> {
        let cycle = Arc::new(cycle);
        let kept = Arc::clone(&cycle);
        let stored =
            self.stored("store a scan", move |store| Ok(memory::keep(store, &kept)?)).await;
        if let Err(error) = stored {
            tracing::error!("what the scan found is told and not kept: {error:#}");
        }
        let known = self.stored("read what is known after a scan", |store| {
            Ok((store.standing_findings()?, store.last_successes()?))
        });
        let before = self.standing.borrow().clone();
        let (said, last_success) = match known.await {
            Ok((said, successes)) => (said, Arc::new(successes)),
            Err(_) => (
                Vec::new(),
                before.as_ref().map_or_else(Arc::default, |it| it.last_success.clone()),
            ),
        };
        let tenants = snapshot.tenants.clone().into();
        let report = Arc::new(cycle.report.clone());
        let after = Standing::after(
            before.as_deref(),
            Arc::clone(&report),
            cycle.unreported.clone(),
            tenants,
            last_success,
        );
        if let Some(after) = after {
            self.standing.send_replace(Some(Arc::new(after.said(said))));
        }
        Ok(report)
    }

    /// The registry as its sources tell it now; what they told is kept for the day on which one fails.
    async fn registry(&self) -> anyhow::Result<Snapshot> {
        let settings = Arc::clone(&self.settings.borrow());
        let known = self.stored("read the registry's rows", |store| Ok(KnownRows::read(store)?));
        let KnownRows { kept, stored } = known.await?;
        let (snapshot, sources) =
            registry::read(&settings.registry, kept, stored).await.context("read the registry")?;
        let kept = self.stored("keep the registry's rows", move |store| {
            Ok(memory::keep_sources(store, &sources)?)
        });
        if let Err(error) = kept.await {
            tracing::error!("the registry's rows are used and not kept: {error:#}");
        }
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
        let snapshot = self.registry().await?;
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
            self.standing.send_if_modified(|standing| {
                let Some(before) = standing else { return false };
                *standing = Some(Arc::new(before.with(finding)));
                true
            });
        }
        Ok(finding)
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
}
