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
                    || self
                        .left_behind()
                        .get(tenant)
                        .is_some_and(|it| leads_alike(it, &access.dsn)) =>
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

/// Whether both lead into one database as one role. A row may keep its password apart, so it is not asked; the options are,
/// by which some providers tell databases apart.
fn leads_alike(one: &Dsn, other: &Dsn) -> bool {
    one.hosts == other.hosts
        && one.database == other.database
        && one.user == other.user
        && one.options == other.options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// As a move leaves it: with the password that the row may keep apart.
    #[track_caller]
    fn check(row: &str, left: &str, expected: bool) {
        let password = Secret::new("geheim");
        let left = Dsn::parse(left).unwrap().exposed(Some(&password));
        let left = Dsn::parse(left.expose()).unwrap();
        assert_eq!(leads_alike(&left, &Dsn::parse(row).unwrap()), expected, "{row}");
    }

    #[test]
    fn a_way_is_the_same_wherever_its_password_stands() {
        let left = "postgres://acme@db.example/platform";
        check("postgres://acme:geheim@db.example/platform", left, true);
        check("postgres://acme@db.example:5432/platform?sslmode=require", left, true);
        check("postgres://acme@db.example/acme", left, false);
        check("postgres://acme@new.example/platform", left, false);
        check("postgres://acme@db.example:5433/platform", left, false);
        check("postgres://globex@db.example/platform", left, false);
        check("postgres://acme@db.example/platform?options=endpoint%3Dnew", left, false);
    }
}
