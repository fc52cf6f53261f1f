//! Planned changes: what people announced or accepted, with name and ticket.

use jiff::Timestamp;
use rusqlite::{Params, Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, rows};
use crate::model::change::Change;
use crate::model::tenant::TenantId;

/// The latest are kept for the record; a fleet does not have so many at once.
const CHANGES_AT_MOST: u32 = 10_000;

impl Store {
    pub fn add_change(&self, change: &Change) -> Result<(), StoreError> {
        self.write("store a change", |transaction| add(transaction, change))
    }

    /// Those that have not ended, in the order in which they were recorded; some may yet have to begin.
    pub fn active_changes(&self, now: Timestamp) -> Result<Vec<Change>, StoreError> {
        self.read("read the changes", |transaction| {
            let sql = "SELECT body FROM changes WHERE ?1 < until ORDER BY number";
            collect(transaction, sql, [rows::micros(now)])
        })
    }

    /// All of them, the one that was recorded last first.
    pub fn changes(&self, at_most: u32) -> Result<Vec<Change>, StoreError> {
        self.read("read the changes", |transaction| {
            let sql = "SELECT body FROM changes ORDER BY number DESC LIMIT ?1";
            collect(transaction, sql, [at_most])
        })
    }

    /// Those of one tenant, the one that was recorded last first.
    pub fn changes_of(&self, tenant: &TenantId, at_most: u32) -> Result<Vec<Change>, StoreError> {
        self.read("read a tenant's changes", |transaction| {
            let sql = "SELECT body FROM changes
                 WHERE EXISTS (SELECT 1 FROM json_each(body, '$.tenants') WHERE value = ?1)
                 ORDER BY number DESC LIMIT ?2";
            collect(transaction, sql, params![tenant.as_str(), at_most])
        })
    }
}

pub(super) fn add(transaction: &Transaction<'_>, change: &Change) -> Result<(), Fault> {
    transaction.execute(
        "INSERT INTO changes (body, until) VALUES (?1, ?2)",
        params![rows::change_text(change)?, rows::micros(change.until)],
    )?;
    transaction.execute(
        "DELETE FROM changes WHERE number IN
             (SELECT number FROM changes ORDER BY number DESC LIMIT -1 OFFSET ?1)",
        [CHANGES_AT_MOST],
    )?;
    Ok(())
}

fn collect(
    transaction: &Transaction<'_>,
    sql: &str,
    params: impl Params,
) -> Result<Vec<Change>, Fault> {
    let mut select = transaction.prepare_cached(sql)?;
    let found = select
        .query_and_then(params, |row| Ok::<_, Fault>(rows::change(&row.get::<_, String>(0)?)?))?;
    found.collect()
}
