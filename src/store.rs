//! What is remembered between scans: the registry's own tenants, the fleet's known identities, findings, reports.
//!
//! Why an embedded SQLite: a file beside the configuration is all that a first run needs, and one transaction per
//! scan means that a scan is either remembered whole or not at all, whatever kills the process.
//!
//! Why the calls block: a write is not acknowledged before it is on the disk. Asynchronous callers move them off
//! their threads.
//!
//! Why readers have connections of their own: a page must not wait until a scan of a hundred thousand tenants is
//! stored. Each sees the store as it was when its call began.
//!
//! Invariants:
//! - what a call has acknowledged survives `kill -9` and the loss of power;
//! - whatever may hold a secret is sealed, and a sealed value cannot be moved to another row;
//! - everything that grows with time is pruned in the transaction that made it grow;
//! - a file that was deleted or replaced while it was open is an error, of a read as of a write;
//! - no other file turns core types into rows than `rows`.

mod changes;
pub mod claims;
pub mod deliveries;
pub mod error;
pub mod events;
pub mod findings;
pub mod hold;
pub mod issues;
mod key;
pub mod latencies;
pub mod memory;
mod open;
pub mod operations;
mod outcomes;
mod overrides;
mod readers;
mod reports;
mod rows;
pub mod scans;
pub mod seal;
pub mod stamps;
pub mod switch;
pub mod tenants;
pub mod url;
pub mod wanted;
mod whereabouts;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use error::{Fault, StoreError};
use hold::Hold;
use readers::Readers;
use seal::{SealKey, Sealer};
use url::StoreUrl;
use whereabouts::Whereabouts;

/// An open store. Shared between threads; writers take turns, and readers do not wait for them.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// As it was opened.
    file: Whereabouts,
    // Before the writer, so that it is closed last: only it can put away the log.
    readers: Readers,
    writer: Mutex<Connection>,
    sealer: Sealer,
}

impl Store {
    /// Creates the store where there is none and brings an older one up to date. Without a configured key, the key is
    /// kept in a file beside the store, `<store>.key`.
    pub fn open(url: &StoreUrl, key: Option<SealKey>) -> Result<Self, StoreError> {
        let path = url.path().to_owned();
        let mut connection = open::connect(&path)?;
        let file = Whereabouts::of(&path)
            .map_err(|source| StoreError::Create { path: path.clone(), source })?;
        let key = key::choose(&mut connection, &path, key)?;
        let (readers, sealer) = (Readers::new(&path), Sealer::new(&key));
        Ok(Self { path, file, readers, writer: Mutex::new(connection), sealer })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the daemon that holds the store listens for commands of this machine.
    pub fn socket(&self) -> PathBuf {
        beside(&self.path, ".sock")
    }

    /// Makes this process the only one that may write, until the hold is dropped or the process ends. Readers need
    /// none.
    pub fn hold(&self) -> Result<Hold, StoreError> {
        Hold::take(&self.path)
    }

    /// In bytes on the disk, with the log that SQLite keeps beside it.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        let gone = |_| Fault::Gone.at(&self.path, "measure the store");
        let file = fs::metadata(&self.path).map_err(gone)?.len();
        let log = fs::metadata(beside(&self.path, "-wal")).map_or(0, |it| it.len());
        Ok(file.saturating_add(log))
    }

    /// One consistent view for all the statements of `read`, without waiting for whoever writes.
    fn read<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.guarded(operation, || {
            self.readers.with(|it| transact(it, TransactionBehavior::Deferred, read))
        })
    }

    /// All of `write` or nothing of it, and on the disk when this returns.
    fn write<T>(
        &self,
        operation: &'static str,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.guarded(operation, || {
            // A panic in `write` has rolled its transaction back, so the connection is as good as before.
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            transact(&mut writer, TransactionBehavior::Immediate, write)
        })
    }

    /// Asked before and after: what was done while the file went away is not acknowledged either.
    fn guarded<T>(
        &self,
        operation: &'static str,
        act: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let there = || if self.file.still(&self.path) { Ok(()) } else { Err(Fault::Gone) };
        let guarded = || {
            there()?;
            let done = act();
            there()?;
            done
        };
        guarded().map_err(|fault| fault.at(&self.path, operation))
    }
}

fn transact<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    act: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let done = act(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// The path of a file that stands beside the store: `<store>.lock`, `<store>.key`.
fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::TenantId;

    #[test]
    fn a_full_disk_is_told_and_leaves_everything_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.db");
        let store = Store::open(&StoreUrl::Sqlite(path), None).unwrap();
        let rows = |size: usize| -> Vec<_> {
            let row = "x".repeat(size);
            ["acme", "globex"].map(|it| (TenantId::parse(it).unwrap(), row.clone())).into()
        };
        store.put_tenants(&rows(10)).unwrap();
        // SQLite answers the same to this limit and to a full disk.
        let limit = |pages: u32| {
            let connection = store.writer.lock().unwrap();
            connection
                .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
                .unwrap();
        };
        limit(1);
        let error = store.put_tenants(&rows(100_000)).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert_eq!(store.tenants::<String>().unwrap(), rows(10));
        limit(1_000_000);
        store.put_tenants(&rows(100_000)).unwrap();
        assert_eq!(store.tenants::<String>().unwrap(), rows(100_000));
    }

    #[test]
    fn a_panic_in_the_middle_of_a_write_leaves_nothing_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Sqlite(directory.path().join("w.db")), None).unwrap();
        let panicked = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                store.write("panic", |transaction| {
                    transaction.execute("DELETE FROM meta", [])?;
                    assert!(transaction.is_autocommit(), "a transaction is open, so this panics");
                    Ok(())
                })
            });
            writer.join()
        });
        assert!(panicked.is_err());
        let left = store.read("count", |it| {
            Ok(it.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(left.unwrap(), 1);
    }
}
