//! A person says that tenants' databases were changed on purpose, or will be.
//!
//! Why it takes what was *seen* and not what will be seen: without an end, "whatever comes next is right" would let the
//! very swap pass that drift is there to find.
//!
//! Why the calls block: the store's do. A caller that serves others at the same time moves them off its threads.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::change::{Baseline, Change, PlannedKinds};
use crate::model::tenant::TenantId;
use crate::store::Store;
use crate::store::error::StoreError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    pub tenants: Vec<TenantId>,
    pub reason: Box<str>,
    pub ticket: Option<Box<str>>,
    pub by: Arc<str>,
    /// Without an end, what was last seen is taken as the tenants' own.
    pub until: Option<Timestamp>,
}

/// Tenants of which nothing was ever seen that could be taken as their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen(pub Vec<TenantId>);

impl Unseen {
    pub fn sentences(&self) -> Vec<String> {
        let told =
            |id| format!("tenant {id} was never seen: announce a change to come with --until");
        self.0.iter().map(told).collect()
    }
}

impl Acceptance {
    /// What would be taken as the tenants' own. Changes nothing.
    pub fn judge(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Result<Result<Vec<Baseline>, Unseen>, StoreError> {
        let seen = store.last_identities()?.into_iter();
        let seen: Vec<Baseline> = seen
            .filter(|it| self.tenants.contains(&it.tenant))
            .map(|it| Baseline { since: now, ..it })
            .collect();
        let is_unseen =
            |id: &&TenantId| self.until.is_none() && !seen.iter().any(|it| it.tenant == **id);
        let unseen: Vec<TenantId> = self.tenants.iter().filter(is_unseen).cloned().collect();
        Ok(if unseen.is_empty() { Ok(seen) } else { Err(Unseen(unseen)) })
    }

    /// All of it or nothing.
    pub fn record(self, store: &Store, now: Timestamp) -> Result<Result<(), Unseen>, StoreError> {
        let seen = match self.judge(store, now)? {
            Ok(seen) => seen,
            Err(unseen) => return Ok(Err(unseen)),
        };
        let until = self.until;
        // Without an end the change is over as soon as it is recorded: what was seen is the baseline now.
        let change = Change {
            tenants: self.tenants,
            kinds: PlannedKinds::default(),
            reason: self.reason,
            ticket: self.ticket,
            by: self.by,
            from: now,
            until: until.unwrap_or(now),
        };
        store.add_change(&change)?;
        if until.is_none() {
            store.put_baselines(&seen)?;
        }
        Ok(Ok(()))
    }
}
