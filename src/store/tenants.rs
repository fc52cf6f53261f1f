//! The registry's rows, sealed: the platform's own tenants, and the last good read of each outside source.
//!
//! Why generic: the store keeps rows for the registry and needs to know nothing of them but that they may hold
//! passwords. Why a source's rows stand in parts: a fleet of a hundred thousand is never one value in memory twice.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use super::error::{Fault, StoreError};
use super::rows::{self, RowError, operation as rows_of};
use super::seal::Place;
use crate::model::operation::OperationId;
use crate::model::tenant::TenantId;

/// Rows of a source in one sealed value: some hundred kilobytes.
const ROWS_PER_PART: usize = 1_000;

const TENANTS: &str = "tenants";
const KEPT: &str = "kept_parts";
const GRAVES: &str = "graves";

/// The last good read of an outside source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    pub source: String,
    pub rows: Vec<T>,
    pub read_at: Timestamp,
}

/// What remains of a tenant that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grave<T> {
    pub tenant: TenantId,
    pub operation: OperationId,
    pub at: Timestamp,
    /// Since when no look has found the database there; `None` where the last that told anything did, or none has.
    pub gone_since: Option<Timestamp>,
    pub row: T,
}

/// What looks have told of graves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraveWords {
    /// For the first time since they were last there.
    pub gone: BTreeSet<TenantId>,
    /// There again.
    pub there: BTreeSet<TenantId>,
    /// To be visited no more.
    pub closed: BTreeSet<TenantId>,
}

impl Store {
    /// Adds the rows, or replaces those of the same id; all or none.
    pub fn put_tenants<T: Serialize>(&self, tenants: &[(TenantId, T)]) -> Result<(), StoreError> {
        self.write("store tenants", |transaction| {
            tenants.iter().try_for_each(|(id, row)| self.put_tenant(transaction, id, row))
        })
    }

    pub(super) fn put_tenant<T: Serialize>(
        &self,
        transaction: &Transaction<'_>,
        id: &TenantId,
        row: &T,
    ) -> Result<(), Fault> {
        let place = Place { table: TENANTS, row: id.as_str() };
        let sealed = self.sealer.seal(place, &rows::sealed_bytes(TENANTS, row)?)?;
        let mut put = transaction.prepare_cached(
            "INSERT INTO tenants (id, sealed) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed",
        )?;
        put.execute(params![id.as_str(), sealed])?;
        Ok(())
    }

    /// All or none; says how many there were. What is known of their databases stays: a tenant that comes back under
    /// its old id must show its old identity.
    pub fn remove_tenants(&self, ids: &BTreeSet<TenantId>) -> Result<usize, StoreError> {
        self.write("remove tenants", |transaction| {
            let mut remove = transaction.prepare_cached("DELETE FROM tenants WHERE id = ?1")?;
            let mut removed = 0;
            for id in ids {
                removed += remove.execute([id.as_str()])?;
            }
            Ok(removed)
        })
    }

    /// What remains of a tenant that left: when, and the row that led to its database.
    pub fn bury_tenant<T: Serialize>(
        &self,
        id: &TenantId,
        operation: &OperationId,
        row: &T,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let place = Place { table: GRAVES, row: id.as_str() };
        self.write("bury a tenant", |transaction| {
            let sealed = self.sealer.seal(place, &rows::sealed_bytes(GRAVES, row)?)?;
            transaction
                .prepare_cached(
                    "INSERT INTO graves (tenant, operation, at, sealed) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (tenant) DO UPDATE SET operation = excluded.operation,
                         at = excluded.at, sealed = excluded.sealed, gone_since = NULL",
                )?
                .execute(params![id.as_str(), operation.as_str(), rows::micros(at), sealed])?;
            Ok(())
        })
    }

    /// Sorted by tenant.
    pub fn graves<T: DeserializeOwned>(&self) -> Result<Vec<Grave<T>>, StoreError> {
        self.read("read the graves", |transaction| {
            let mut all = transaction.prepare_cached(
                "SELECT tenant, operation, at, sealed, gone_since FROM graves ORDER BY tenant",
            )?;
            let found = all.query_and_then([], |row| {
                let id: String = row.get(0)?;
                let sealed = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
                let plain = self.sealer.open(Place { table: GRAVES, row: &id }, sealed)?;
                Ok(Grave {
                    tenant: rows::tenant(&id)?,
                    operation: rows_of::id(&row.get::<_, String>(1)?)?,
                    at: rows::time("at", row.get(2)?)?,
                    gone_since: row
                        .get::<_, Option<i64>>(4)?
                        .map(|it| rows::time("gone_since", it))
                        .transpose()?,
                    row: rows::sealed_row(GRAVES, &plain)?,
                })
            })?;
            found.collect()
        })
    }

    /// Writes only where there is something to write.
    pub fn tell_graves(&self, words: &GraveWords, at: Timestamp) -> Result<(), StoreError> {
        if *words == GraveWords::default() {
            return Ok(());
        }
        self.write("note what was seen of graves", |transaction| {
            let mut gone = transaction.prepare_cached(
                "UPDATE graves SET gone_since = ?2 WHERE tenant = ?1 AND gone_since IS NULL",
            )?;
            for it in &words.gone {
                gone.execute(params![it.as_str(), rows::micros(at)])?;
            }
            let mut there = transaction
                .prepare_cached("UPDATE graves SET gone_since = NULL WHERE tenant = ?1")?;
            for it in &words.there {
                there.execute([it.as_str()])?;
            }
            let mut close = transaction.prepare_cached("DELETE FROM graves WHERE tenant = ?1")?;
            for it in &words.closed {
                close.execute([it.as_str()])?;
            }
            Ok(())
        })
    }

    /// Of the store's own tenants.
    pub fn tenant<T: DeserializeOwned>(&self, id: &TenantId) -> Result<Option<T>, StoreError> {
        self.read("read a tenant", |transaction| self.get_tenant(transaction, id))
    }

    pub(super) fn get_tenant<T: DeserializeOwned>(
        &self,
        transaction: &Transaction<'_>,
        id: &TenantId,
    ) -> Result<Option<T>, Fault> {
        let mut select = transaction.prepare_cached("SELECT sealed FROM tenants WHERE id = ?1")?;
        let sealed: Option<Vec<u8>> =
            select.query_row([id.as_str()], |row| row.get(0)).optional()?;
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.sealer.open(Place { table: TENANTS, row: id.as_str() }, &sealed)?;
        Ok(Some(rows::sealed_row(TENANTS, &plain)?))
    }

    /// Sorted by id.
    pub fn tenants<T: DeserializeOwned>(&self) -> Result<Vec<(TenantId, T)>, StoreError> {
        self.read("read the tenants", |transaction| {
            let mut all =
                transaction.prepare_cached("SELECT id, sealed FROM tenants ORDER BY id")?;
            let mut found = all.query([])?;
            let mut tenants = Vec::new();
            while let Some(row) = found.next()? {
                let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                let sealed = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                let plain = self.sealer.open(Place { table: TENANTS, row: id }, sealed)?;
                tenants.push((rows::tenant(id)?, rows::sealed_row(TENANTS, &plain)?));
            }
            Ok(tenants)
        })
    }

    /// Replaces what was kept of the source.
    pub fn keep_source<T: Serialize>(
        &self,
        name: &str,
        kept: &[T],
        read_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("keep a source's rows", |transaction| {
            let parts = kept.len().div_ceil(ROWS_PER_PART);
            let parts = i64::try_from(parts).map_err(|_| RowError::Range { what: KEPT })?;
            transaction.execute("DELETE FROM kept_sources WHERE name = ?1", [name])?;
            transaction.execute(
                "INSERT INTO kept_sources (name, read_at, parts) VALUES (?1, ?2, ?3)",
                params![name, rows::micros(read_at), parts],
            )?;
            let mut put = transaction.prepare_cached(
                "INSERT INTO kept_parts (source, part, sealed) VALUES (?1, ?2, ?3)",
            )?;
            for (part, chunk) in (0_i64..).zip(kept.chunks(ROWS_PER_PART)) {
                let place = Place { table: KEPT, row: &part_name(part, parts, name) };
                let sealed = self.sealer.seal(place, &rows::sealed_bytes(KEPT, &chunk)?)?;
                put.execute(params![name, part, sealed])?;
            }
            Ok(())
        })
    }

    /// Forgets a source that is no longer configured. Says whether anything was kept of it.
    pub fn forget_source(&self, name: &str) -> Result<bool, StoreError> {
        self.write("forget a source", |transaction| {
            Ok(transaction.execute("DELETE FROM kept_sources WHERE name = ?1", [name])? == 1)
        })
    }

    /// Sorted by name.
    pub fn kept_sources<T: DeserializeOwned>(&self) -> Result<Vec<Kept<T>>, StoreError> {
        self.read("read the kept sources", |transaction| {
            let mut sources = transaction
                .prepare_cached("SELECT name, read_at, parts FROM kept_sources ORDER BY name")?;
            let mut found = sources.query([])?;
            let mut kept = Vec::new();
            while let Some(row) = found.next()? {
                let source: String = row.get(0)?;
                let read_at = rows::time("read_at", row.get(1)?)?;
                let rows = self.kept_rows(transaction, &source, row.get(2)?)?;
                kept.push(Kept { source, rows, read_at });
            }
            Ok(kept)
        })
    }

    fn kept_rows<T: DeserializeOwned>(
        &self,
        transaction: &Transaction<'_>,
        source: &str,
        parts: i64,
    ) -> Result<Vec<T>, Fault> {
        let mut select = transaction
            .prepare_cached("SELECT sealed FROM kept_parts WHERE source = ?1 ORDER BY part")?;
        let mut found = select.query([source])?;
        let mut kept = Vec::new();
        let mut part = 0;
        while let Some(row) = found.next()? {
            let sealed = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            let place = Place { table: KEPT, row: &part_name(part, parts, source) };
            let plain = self.sealer.open(place, sealed)?;
            kept.extend(rows::sealed_row::<Vec<T>>(KEPT, &plain)?);
            part += 1;
        }
        if part != parts {
            return Err(RowError::Parts { what: KEPT, found: part, expected: parts }.into());
        }
        Ok(kept)
    }
}

/// With the number of parts: a source whose last part was cut off would pass for a smaller fleet.
fn part_name(part: i64, parts: i64, source: &str) -> String {
    format!("{part}/{parts} {source}")
}

#[cfg(test)]
mod tests {
    use super::super::url::StoreUrl;
    use super::*;

    #[test]
    fn whoever_left_is_remembered_until_the_grave_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Sqlite(directory.path().join("w.db")), None).unwrap();
        let id = |name: &str| TenantId::parse(name).unwrap();
        let (first, again) = (OperationId::of(1), OperationId::of(2));
        let at = |second| Timestamp::from_second(second).unwrap();
        store.bury_tenant(&id("globex"), &first, &"row 1", at(1)).unwrap();
        store.bury_tenant(&id("acme"), &first, &"row 2", at(2)).unwrap();
        store.bury_tenant(&id("acme"), &again, &"row 3", at(3)).unwrap();
        let told = |store: &Store| -> Vec<String> {
            let graves = store.graves::<String>().unwrap().into_iter();
            graves.map(|it| format!("{} {} {}", it.tenant, it.row, it.at.as_second())).collect()
        };
        assert_eq!(told(&store), ["acme row 3 3", "globex row 1 1"]);
        assert_eq!(store.graves::<String>().unwrap()[0].operation, again);
        let words = |gone: &[&str], there: &[&str], closed: &[&str]| {
            let set = |names: &[&str]| names.iter().map(|it| id(it)).collect();
            GraveWords { gone: set(gone), there: set(there), closed: set(closed) }
        };
        let since = |store: &Store| -> Vec<Option<Timestamp>> {
            store.graves::<String>().unwrap().into_iter().map(|it| it.gone_since).collect()
        };
        store.tell_graves(&words(&["acme", "globex"], &[], &[]), at(5)).unwrap();
        store.tell_graves(&words(&["acme"], &["globex"], &[]), at(6)).unwrap();
        assert_eq!(since(&store), [Some(at(5)), None], "the first word counts, until it is there");
        store.bury_tenant(&id("acme"), &first, &"row 4", at(7)).unwrap();
        assert_eq!(since(&store), [None, None], "another database");
        store.tell_graves(&words(&[], &[], &["acme", "nobody"]), at(8)).unwrap();
        assert_eq!(told(&store), ["globex row 1 1"]);
    }
}
