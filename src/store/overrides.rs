//! What people said of the deployment gate, on record.

use rusqlite::Row;

use super::error::{Fault, StoreError};
use super::{Store, rows};
use crate::model::gate::Override;

/// The latest of them. One that still holds is at most a week old.
const OVERRIDES_AT_MOST: u32 = 1_000;

impl Store {
    pub fn put_override(&self, given: &Override) -> Result<(), StoreError> {
        self.write("store an override of the gate", |transaction| {
            transaction
                .prepare_cached("INSERT INTO overrides (body) VALUES (?1)")?
                .execute([rows::override_text(given)?])?;
            transaction
                .prepare_cached(
                    "DELETE FROM overrides WHERE number <=
                         (SELECT max(number) FROM overrides) - ?1",
                )?
                .execute([OVERRIDES_AT_MOST])?;
            Ok(())
        })
    }

    /// The latest first, those that ended included: the gate asks which of them holds.
    pub fn overrides(&self, at_most: u32) -> Result<Vec<Override>, StoreError> {
        self.read("read the overrides of the gate", |transaction| {
            let mut latest = transaction
                .prepare_cached("SELECT body FROM overrides ORDER BY number DESC LIMIT ?1")?;
            let found = latest.query_and_then([at_most], |row: &Row<'_>| {
                Ok(rows::override_row(&row.get::<_, String>(0)?)?)
            })?;
            found.collect::<Result<_, Fault>>()
        })
    }
}
