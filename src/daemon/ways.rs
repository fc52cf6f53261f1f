//! How each tenant is reached, for whoever leads its users there.
//!
//! Why from the last scan of the whole fleet: nobody is led to a database that was not looked at. Why a tenant that leaves
//! is remembered beside it: a scan that began before knows it still.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use super::Daemon;
use crate::dsn::Dsn;
use crate::model::tenant::TenantId;
use crate::registry::Access;

/// How a tenant is reached by its application.
#[derive(Clone, Debug)]
pub enum Way {
    /// The last reading of the registry had no such tenant.
    Unknown,
    /// Its row leads nowhere.
    Unusable,
    To(Box<Access>),
}

impl Daemon {
    /// How the tenant is reached, as the last scan knew it: nobody is asked, and nobody is visited.
    pub fn way(&self, tenant: &TenantId) -> Way {
        let Some(snapshot) = self.ways.borrow().clone() else { return Way::Unknown };
        let place = snapshot.tenants.binary_search_by(|it| it.id.cmp(tenant));
        let access = place.ok().and_then(|it| snapshot.access.get(it)).and_then(|it| it.first());
        match access {
            None => Way::Unknown,
            Some(access)
                if access.unusable.is_some()
                    || self.leaving().contains(tenant)
                    || self.left_behind().get(tenant) == Some(&access.dsn) =>
            {
                Way::Unusable
            }
            Some(access) => Way::To(Box::new(access.clone())),
        }
    }

    /// From now on nobody is led to the tenant's database.
    pub fn lead_nowhere(&self, tenant: &TenantId) {
        self.leaving().insert(tenant.clone());
    }

    pub fn lead_again(&self, tenant: &TenantId) {
        self.leaving().remove(tenant);
    }

    /// The tenant's row leads elsewhere now: nobody is led this way again, whichever scan still knows it.
    pub fn leave_behind(&self, tenant: &TenantId, way: Dsn) {
        self.left_behind().insert(tenant.clone(), way);
    }

    fn left_behind(&self) -> MutexGuard<'_, BTreeMap<TenantId, Dsn>> {
        // Whoever holds it inserts one entry, and cannot leave it half-done.
        self.left_behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, BTreeSet<TenantId>> {
        // Whoever holds it inserts or removes one id, and cannot leave it half-done.
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
