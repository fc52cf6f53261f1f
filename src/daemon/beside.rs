//! A database that the registry does not have yet, looked at beside those that it has.
//!
//! Why with the scan's own eyes: whether a new database is somebody else's is the very question that a scan answers. A
//! second way to answer it would one day answer otherwise.
//!
//! Why nothing of it is kept: what a look learns of a database that may never become a tenant's would be told as if it
//! were one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Daemon, Settings};
use crate::model::report::{Report, Trigger};
use crate::monitor::memory::{KnownRows, Memory};
use crate::monitor::{Ask, NO_STOCK};
use crate::probe::Prober;
use crate::registry::row::RawRow;
use crate::registry::{self, RegistryError, Snapshot};

/// Whom the database is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Nobody: whether it answers, and how it is.
    Alone,
    /// Everybody. Each tenant is visited; what the last scan saw is not enough.
    Fleet,
}

impl Daemon {
    /// Looks at the rows, alone or among the tenants of the registry.
    pub async fn look_beside(
        &self,
        rows: Vec<RawRow>,
        company: Company,
        stop: &CancellationToken,
    ) -> anyhow::Result<Report> {
        let settings = self.settings();
        let snapshot = match company {
            Company::Fleet => self.registry_with(&settings, rows).await?,
            Company::Alone => {
                let options = registry::RegistryOptions {
                    tenants: Arc::new([]),
                    sources: Vec::new(),
                    ..settings.registry.clone()
                };
                registry::known(&options, BTreeMap::new(), rows)?
            }
        };
        let snapshot = Arc::new(snapshot);
        let ask = Ask {
            id: None,
            only: None,
            last: None,
            trigger: Trigger::Api,
            ping: company == Company::Alone,
            stop,
            progress: &|_, _, _| (),
            stock: NO_STOCK,
        };
        Ok(settings.monitor.cycle(&snapshot, Memory::default(), ask).await.report)
    }

    /// What databases are visited with.
    pub fn prober(&self) -> Arc<Prober> {
        Arc::clone(&self.settings().monitor.prober)
    }

    /// The registry as its sources tell it now; empty where it has nobody yet.
    pub async fn fleet_now(&self) -> anyhow::Result<Snapshot> {
        match self.registry_with(&self.settings(), Vec::new()).await {
            Err(error) if error.is::<RegistryError>() => Ok(Snapshot::default()),
            read => read,
        }
    }

    /// Nothing is kept of what the sources tell: the next scan does that.
    async fn registry_with(
        &self,
        settings: &Settings,
        rows: Vec<RawRow>,
    ) -> anyhow::Result<Snapshot> {
        let known = self.stored("read the registry's rows", |store| Ok(KnownRows::read(store)?));
        let KnownRows { kept, mut stored } = self.unkept.rows(known.await)?;
        stored.extend(rows);
        Ok(registry::read(&settings.registry, kept, stored).await?.0)
    }
}
