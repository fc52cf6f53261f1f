//! What stands at the provider, read beside each scan of the whole fleet.
//!
//! Why beside and not within: a provider that hangs for minutes must not hold up the look at a thousand databases. A scan
//! takes what the last reading found, which may have begun with the scan before.
//!
//! Invariants:
//! - one reading at a time, and each has an end;
//! - a reading that failed takes the one before with it: what could not be read is unknown, not as it was;
//! - what the store knows is read again after the list, so that whoever made what is on it is known.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Daemon;
use crate::inventory::Source;
use crate::model::inventory::{Ignored, Inventory, Made, Stock};
use crate::model::operation::{OperationId, OperationState};
use crate::model::tenant::{Tenant, TenantId};
use crate::store::Store;
use crate::store::error::StoreError;

/// Of one reading. A provider that lets us wait for our turn takes half a minute.
const LIMIT: Duration = Duration::from_mins(2);

/// What a whole reading is counted as, beside the requests that a provider counts itself.
const OPERATION: &str = "inventory";

#[derive(Debug, Default)]
pub(super) struct Stocktaking {
    latest: Mutex<Stock>,
    bell: Notify,
    /// Who is asked; `None` where nobody is.
    source: watch::Sender<Option<Arc<Source>>>,
}

impl Stocktaking {
    fn latest(&self) -> MutexGuard<'_, Stock> {
        // Replaced whole.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the store says of projects: by whom they were made, and which operations answer for theirs.
pub struct Ledger {
    pub made: Vec<Made>,
    pub busy: BTreeSet<OperationId>,
    pub moving: BTreeSet<TenantId>,
}

impl Ledger {
    pub fn read(store: &Store, provider: &str) -> Result<Self, StoreError> {
        let given = store.standing_projects(provider)?.into_iter();
        let running = store.operations_in(OperationState::Running)?;
        let stuck = store.operations_in(OperationState::Stuck)?;
        Ok(Self {
            made: given
                .map(|it| Made {
                    reference: it.reference,
                    operation: it.operation,
                    tenant: it.tenant,
                })
                .collect(),
            busy: running.iter().chain(&stuck).map(|it| it.id.clone()).collect(),
            moving: running.into_iter().map(|it| it.tenant).collect(),
        })
    }

    /// The reading, with what the store knows after it.
    pub fn complete(self, inventory: Inventory) -> Inventory {
        let Self { made, busy, moving } = self;
        Inventory { made, busy, moving, ..inventory }.ordered()
    }
}

impl Daemon {
    /// Reads when a scan of the whole fleet begins and when the source is another one, until it is stopped.
    pub async fn take_stock_until(&self, stop: &CancellationToken) {
        let mut sources = self.stocktaking.source.subscribe();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.stocktaking.bell.notified() => (),
                changed = sources.changed() => if changed.is_err() { return },
            }
            let source = sources.borrow_and_update().clone();
            let stock = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                stock = self.stock_of(source.as_deref()) => stock,
            };
            *self.stocktaking.latest() = stock;
        }
    }

    /// What the last reading found.
    pub fn stock(&self) -> Stock {
        self.stocktaking.latest().clone()
    }

    /// From now on this one is asked. What another one told is forgotten.
    pub fn take_stock_from(&self, source: Option<Arc<Source>>) {
        if let Some(source) = &source {
            self.metrics.provider_operations(source.provider.kind().label(), &[OPERATION]);
        }
        *self.stocktaking.latest() = Stock::Nothing;
        self.stocktaking.source.send_replace(source);
    }

    /// Reads now, for tenants that are known already; `None` where nobody is asked.
    pub async fn stock_now(&self, tenants: &[Tenant]) -> anyhow::Result<Option<Inventory>> {
        let source = self.stocktaking.source.borrow().clone();
        let Some(source) = source else { return Ok(None) };
        self.read_stock(&source, tenants).await.map(Some)
    }

    /// What need not be a tenant's, as the configuration has it.
    pub fn ignored(&self) -> Vec<Ignored> {
        self.stocktaking.source.borrow().as_ref().map(|it| it.ignored.clone()).unwrap_or_default()
    }

    /// Has what stands at the provider read soon.
    pub fn ask_for_stock(&self) {
        self.stocktaking.bell.notify_one();
    }

    async fn stock_of(&self, source: Option<&Source>) -> Stock {
        let Some(source) = source else { return Stock::Nothing };
        let standing = self.standing().borrow().clone();
        let tenants = standing.as_ref().map(|it| Arc::clone(&it.tenants));
        let read = self.read_stock(source, tenants.as_deref().unwrap_or_default()).await;
        self.metrics.provider_request(source.provider.kind().label(), OPERATION, read.is_ok());
        match read {
            Ok(inventory) => Stock::Read(Arc::new(inventory)),
            Err(error) => {
                tracing::warn!("what is known of the projects at the provider stays: {error:#}");
                Stock::Unread(format!("{error:#}").into())
            }
        }
    }

    /// Reads now, for tenants that were known before.
    pub async fn read_stock(
        &self,
        source: &Source,
        tenants: &[Tenant],
    ) -> anyhow::Result<Inventory> {
        let before = match self.stock() {
            Stock::Read(before) => Some(before),
            Stock::Nothing | Stock::Unread(_) => None,
        };
        let provider = source.provider.kind().label();
        let ledger = |store: &Store| Ok(Ledger::read(store, provider)?);
        let made = self.stored("read who made the projects", ledger).await?.made;
        let inventory = source.read(tenants, made, before.as_deref(), LIMIT).await?;
        let ledger = |store: &Store| Ok(Ledger::read(store, provider)?);
        let known = self.stored("read who made the projects", ledger).await?;
        Ok(known.complete(inventory))
    }
}
