//! What operations own: the projects that they were given, the databases that they claim, and who else was found there.
//!
//! Why a claim is a row with a unique name: two operations that were given one database at the same moment ask the store,
//! and the store lets one of them have it.
//!
//! Why ties are kept: whether somebody else's data lie in a database is asked again when it is about to be deleted, and
//! by then it may not answer any more.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::rows::operation as rows_of;
use super::{Store, rows};
use crate::model::operation::OperationId;
use crate::model::tenant::TenantId;

/// A project that an operation was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub provider: Box<str>,
    pub reference: Box<str>,
    pub operation: OperationId,
    pub tenant: TenantId,
}

/// Who has what was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    ByUs,
    By(OperationId, TenantId),
}

impl Store {
    /// Notes that the provider gave the project to the operation. Noted twice, it is noted once.
    pub fn give_project(&self, given: &Given, at: Timestamp) -> Result<(), StoreError> {
        self.write("note a project", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO projects (provider, reference, operation, tenant, at)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    given.provider,
                    given.reference,
                    given.operation.as_str(),
                    given.tenant.as_str(),
                    rows::micros(at)
                ])?;
            Ok(())
        })
    }

    /// Of one operation, gone or not.
    pub fn projects_of(&self, operation: &OperationId) -> Result<Vec<Given>, StoreError> {
        self.projects_where("operation = ?1", operation.as_str())
    }

    /// Of one provider, those that are not gone.
    pub fn standing_projects(&self, provider: &str) -> Result<Vec<Given>, StoreError> {
        self.projects_where("provider = ?1 AND gone_at IS NULL", provider)
    }

    /// Of one tenant, those that are not gone.
    pub fn projects_of_tenant(&self, tenant: &TenantId) -> Result<Vec<Given>, StoreError> {
        self.projects_where("tenant = ?1 AND gone_at IS NULL", tenant.as_str())
    }

    /// Of one tenant, gone or not.
    pub fn projects_ever_of_tenant(&self, tenant: &TenantId) -> Result<Vec<Given>, StoreError> {
        self.projects_where("tenant = ?1", tenant.as_str())
    }

    fn projects_where(&self, which: &str, value: &str) -> Result<Vec<Given>, StoreError> {
        self.read("read the projects of operations", |transaction| {
            let sql = format!(
                "SELECT provider, reference, operation, tenant FROM projects
                 WHERE {which} ORDER BY provider, reference, operation"
            );
            let mut select = transaction.prepare_cached(&sql)?;
            let found = select.query_and_then([value], |row| {
                Ok(Given {
                    provider: row.get(0)?,
                    reference: row.get(1)?,
                    operation: rows_of::id(&row.get::<_, String>(2)?)?,
                    tenant: rows::tenant(&row.get::<_, String>(3)?)?,
                })
            })?;
            found.collect()
        })
    }

    /// Notes that the project is at its provider no more.
    pub fn project_gone(
        &self,
        provider: &str,
        reference: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("note that a project is gone", |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE projects SET gone_at = ?3 WHERE provider = ?1 AND reference = ?2
                         AND gone_at IS NULL",
                )?
                .execute(params![provider, reference, rows::micros(at)])?;
            Ok(())
        })
    }

    /// Claims all of the identities, or says who has one of them; then none is claimed.
    pub fn claim(
        &self,
        operation: &OperationId,
        tenant: &TenantId,
        identities: &BTreeSet<String>,
    ) -> Result<Claimed, StoreError> {
        self.write("claim a database", |transaction| {
            let mut holder = transaction
                .prepare_cached("SELECT operation, tenant FROM claims WHERE identity = ?1")?;
            for identity in identities {
                let found: Option<(String, String)> = holder
                    .query_row([identity], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if let Some((other, its_tenant)) = found
                    && other != operation.as_str()
                {
                    return Ok(Claimed::By(rows_of::id(&other)?, rows::tenant(&its_tenant)?));
                }
            }
            let mut put = transaction.prepare_cached(
                "INSERT INTO claims (identity, operation, tenant) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?;
            for identity in identities {
                put.execute(params![identity, operation.as_str(), tenant.as_str()])?;
            }
            Ok(Claimed::ByUs)
        })
    }

    /// The operation that has claimed it.
    pub fn claimant(&self, identity: &str) -> Result<Option<OperationId>, StoreError> {
        self.read("read who claims a database", |transaction| {
            let mut select =
                transaction.prepare_cached("SELECT operation FROM claims WHERE identity = ?1")?;
            let found: Option<String> =
                select.query_row([identity], |row| row.get(0)).optional()?;
            Ok(found.map(|it| rows_of::id(&it)).transpose()?)
        })
    }

    /// Lets go of those claims of the operation whose names begin so; of all, where it is empty.
    pub fn release_claims(
        &self,
        operation: &OperationId,
        beginning: &str,
    ) -> Result<(), StoreError> {
        self.write("let go of a database", |transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM claims WHERE operation = ?1
                         AND substr(identity, 1, length(?2)) = ?2",
                )?
                .execute(params![operation.as_str(), beginning])?;
            Ok(())
        })
    }

    /// Lets go of what those operations have claimed that made projects for the tenant, of which none is left.
    pub fn release_gone(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.write("let go of what is gone", |transaction| {
            transaction
                .prepare_cached(
                    "DELETE FROM claims WHERE operation IN
                         (SELECT operation FROM projects WHERE tenant = ?1
                          GROUP BY operation HAVING count(*) = count(gone_at))",
                )?
                .execute([tenant.as_str()])?;
            Ok(())
        })
    }

    /// Notes that the tenants were found in the operation's database.
    pub fn tie(
        &self,
        operation: &OperationId,
        tenants: &BTreeSet<TenantId>,
    ) -> Result<(), StoreError> {
        self.write("note whom a database belongs to", |transaction| {
            let mut put = transaction.prepare_cached(
                "INSERT INTO ties (operation, tenant) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?;
            for tenant in tenants {
                put.execute(params![operation.as_str(), tenant.as_str()])?;
            }
            Ok(())
        })
    }

    pub fn ties(&self, operation: &OperationId) -> Result<BTreeSet<TenantId>, StoreError> {
        self.read("read whom a database belongs to", |transaction| {
            let mut select = transaction
                .prepare_cached("SELECT tenant FROM ties WHERE operation = ?1 ORDER BY tenant")?;
            let found = select.query_and_then([operation.as_str()], |row| {
                Ok(rows::tenant(&row.get::<_, String>(0)?)?)
            })?;
            found.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::url::StoreUrl;
    use super::*;

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    /// A process that died between the end of a project and the end of its claim finds no project, and the claim.
    #[test]
    fn what_is_claimed_for_projects_that_are_gone_is_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Sqlite(directory.path().join("w.db")), None).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let (first, second, other) = (OperationId::of(1), OperationId::of(2), OperationId::of(3));
        for (reference, operation, tenant) in
            [("p1", &first, "acme"), ("p2", &second, "acme"), ("p3", &other, "globex")]
        {
            let given = Given {
                provider: "local".into(),
                reference: reference.into(),
                operation: operation.clone(),
                tenant: id(tenant),
            };
            store.give_project(&given, now).unwrap();
            let identity = BTreeSet::from([reference.to_owned()]);
            assert_eq!(store.claim(operation, &id(tenant), &identity).unwrap(), Claimed::ByUs);
        }
        store.project_gone("local", "p1", now).unwrap();
        store.project_gone("local", "p3", now).unwrap();
        store.release_gone(&id("acme")).unwrap();
        assert_eq!(store.claimant("p1").unwrap(), None);
        assert_eq!(store.claimant("p2").unwrap(), Some(second), "it still stands");
        assert_eq!(store.claimant("p3").unwrap(), Some(other), "it is another tenant's");
    }
}
