//! What GitHub delivered: each body once, and what it asks until that is answered.
//!
//! Why what it asks is kept: GitHub repeats nothing, so a deployment whose question died with the process would wait for
//! ever.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::error::{Fault, StoreError};
use super::{Store, rows};
use crate::model::fingerprint::Digest256;

/// Of those that are answered, the latest. GitHub lets a person repeat those of thirty days.
const ANSWERED_AT_MOST: u32 = 20_000;

/// Of those that are not. A platform deploys less often than that in the time that an answer takes.
const UNANSWERED_AT_MOST: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    New,
    /// The same body came before.
    Known,
    /// Too many wait for their answers.
    Full,
}

impl Store {
    /// Takes up a delivery by the digest of its body.
    pub fn take_delivery(
        &self,
        digest: &Digest256,
        asked: &str,
        now: Timestamp,
    ) -> Result<Delivered, StoreError> {
        self.write("take up a delivery of GitHub", |transaction| {
            let unanswered: u32 = transaction
                .prepare_cached("SELECT count(*) FROM deliveries WHERE asked IS NOT NULL")?
                .query_row([], |row| row.get(0))?;
            let digest = digest.to_string();
            let known: bool = transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM deliveries WHERE digest = ?1)")?
                .query_row([&digest], |row| row.get(0))?;
            if known {
                return Ok(Delivered::Known);
            }
            if UNANSWERED_AT_MOST <= unanswered {
                return Ok(Delivered::Full);
            }
            transaction
                .prepare_cached("INSERT INTO deliveries (digest, at, asked) VALUES (?1, ?2, ?3)")?
                .execute(params![digest, rows::micros(now), asked])?;
            transaction
                .prepare_cached(
                    "DELETE FROM deliveries WHERE digest IN (SELECT digest FROM deliveries
                         WHERE asked IS NULL ORDER BY at DESC LIMIT -1 OFFSET ?1)",
                )?
                .execute([ANSWERED_AT_MOST])?;
            Ok(Delivered::New)
        })
    }

    /// What was not answered yet, oldest first, each with its digest as text.
    pub fn unanswered_deliveries(
        &self,
        at_most: u32,
    ) -> Result<Vec<(Box<str>, String, Timestamp)>, StoreError> {
        self.read("read the unanswered deliveries of GitHub", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT digest, asked, at FROM deliveries WHERE asked IS NOT NULL
                 ORDER BY at LIMIT ?1",
            )?;
            let found = select.query_and_then([at_most], |row: &Row<'_>| {
                Ok::<_, Fault>((row.get(0)?, row.get(1)?, rows::time("at", row.get(2)?)?))
            })?;
            found.collect()
        })
    }

    pub fn answer_delivery(&self, digest: &str) -> Result<(), StoreError> {
        self.write("note that a delivery is answered", |transaction| {
            transaction
                .prepare_cached("UPDATE deliveries SET asked = NULL WHERE digest = ?1")?
                .execute([digest])?;
            Ok(())
        })
    }
}
