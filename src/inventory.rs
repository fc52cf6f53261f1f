//! Reads what stands at the provider: its whole list, and then one by one what tenants name and the list does not have.
//!
//! Why the second look: lists lag behind, and a token may see one organisation of several. That a customer's project is
//! gone is a word that wakes people, so it is said only where the provider was asked for that project and had none.
//!
//! Invariants:
//! - reads only, with whatever may read;
//! - bounded in time, and in projects that are asked for one by one;
//! - whole or an error, but for what could not be asked for alone: that is neither there nor absent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::clock;
use crate::model::inventory::{Condition, Ignored, Inventory, Listed, Made};
use crate::model::tenant::Tenant;
use crate::provider::{Project, ProjectState, Provider, ProviderError};

/// Projects that are asked for one by one. More than these are missing only where a whole organisation is, and that is
/// told by as many.
const LOOKUPS: usize = 50;

/// Of them, at once.
const AT_ONCE: usize = 4;

/// Who is asked, and what nobody need own.
#[derive(Debug)]
pub struct Source {
    pub provider: Arc<dyn Provider>,
    pub ignored: Vec<Ignored>,
}

#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("read the projects at {provider}")]
    List { provider: &'static str, source: ProviderError },
    #[error("read the projects at {provider}: no end within {} s", limit.as_secs())]
    Late { provider: &'static str, limit: Duration },
}

impl Source {
    /// What the store knows after it is the caller's to add. `made` is what it knows before, and `before` the reading
    /// before this one, which tells since when a project without a date is there.
    pub async fn read(
        &self,
        tenants: &[Tenant],
        made: Vec<Made>,
        before: Option<&Inventory>,
        limit: Duration,
    ) -> Result<Inventory, InventoryError> {
        let reading = self.whole(tenants, made, before);
        let provider = self.provider.kind().label();
        timeout(limit, reading).await.unwrap_or(Err(InventoryError::Late { provider, limit }))
    }

    async fn whole(
        &self,
        tenants: &[Tenant],
        made: Vec<Made>,
        before: Option<&Inventory>,
    ) -> Result<Inventory, InventoryError> {
        let provider = self.provider.kind().label();
        let began_at = clock::now();
        let projects = self.provider.inventory().await;
        let projects = projects.map_err(|source| InventoryError::List { provider, source })?;
        let since = first_seen(before);
        let listed = |it: Project| listed(it, &since, began_at);
        let mut inventory = Inventory {
            provider: provider.into(),
            began_at,
            projects: projects.into_iter().map(listed).collect(),
            made,
            ignored: self.ignored.clone(),
            ..Inventory::default()
        }
        .ordered();
        let (absent, elsewhere) = self.looked_up(unlisted(&inventory, tenants)).await;
        (inventory.absent, inventory.elsewhere) = (absent, elsewhere);
        Ok(inventory)
    }

    /// Those that are not there, and those that are. What cannot be asked for is neither.
    async fn looked_up(
        &self,
        references: Vec<Box<str>>,
    ) -> (BTreeSet<Box<str>>, BTreeSet<Box<str>>) {
        let (mut absent, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
        let look = async |reference: Box<str>| (self.provider.project(&reference).await, reference);
        let mut looks =
            std::pin::pin!(futures_util::stream::iter(references).map(look).buffered(AT_ONCE));
        while let Some((found, reference)) = looks.next().await {
            match found {
                Ok(None) => drop(absent.insert(reference)),
                Ok(Some(_)) => drop(elsewhere.insert(reference)),
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    tracing::debug!("nobody knows whether a tenant's project is there: {error:#}");
                }
            }
        }
        (absent, elsewhere)
    }
}

/// What tenants name of this provider and its list does not have.
fn unlisted(inventory: &Inventory, tenants: &[Tenant]) -> Vec<Box<str>> {
    let targets = tenants.iter().flat_map(|it| &it.targets);
    let named: BTreeSet<&str> = targets.flat_map(|it| inventory.named_by(&it.address)).collect();
    let missing = named.into_iter().filter(|it| !inventory.has(it));
    missing.take(LOOKUPS).map(Into::into).collect()
}

fn first_seen(before: Option<&Inventory>) -> BTreeMap<&str, Timestamp> {
    let projects = before.into_iter().flat_map(|it| &it.projects);
    projects.map(|it| (&*it.reference, it.since)).collect()
}

fn listed(project: Project, seen: &BTreeMap<&str, Timestamp>, now: Timestamp) -> Listed {
    let Project { reference, name, state, created_at, branch, region: _ } = project;
    let since = created_at.or_else(|| seen.get(&*reference).copied()).unwrap_or(now);
    let condition = match state {
        ProjectState::Paused => Condition::Paused,
        ProjectState::Going => Condition::Going,
        ProjectState::Coming
        | ProjectState::Active
        | ProjectState::Failed
        | ProjectState::Other(_) => Condition::Standing,
    };
    Listed { reference, name, condition, created_at, since, branch }
}
