//! How long the visits to each tenant took, for the last day.
//!
//! Why packed and by period: a fleet of a hundred thousand tenants writes as many numbers with each scan, and rows that
//! are written together must stand together, or each scan would rewrite the whole table. An entry has 7 bytes, a period
//! of two hours at most 24 of them, and 13 periods are kept: 2.7 kilobytes on the disk for a tenant whose id has 16
//! characters, and no more for one that is scanned every second.
//!
//! Invariants: of each five minutes the first visit stands, however often is scanned; what a clock that was set back
//! left in the future goes with the next scan.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::Store;
use super::error::{Fault, StoreError};
use super::rows::RowError;
use crate::model::tenant::TenantId;

/// In seconds.
const PERIOD: i64 = 2 * 60 * 60;
const SLOT: u16 = 5 * 60;

/// The running one, and a whole day before it.
const PERIODS: i64 = 13;

/// In bytes: slot, second within the period, microseconds.
const ENTRY: usize = 1 + 2 + 4;

/// In bytes, of the entries of one period.
const MOST: u32 = 24 * 7;

/// Marks a visit that failed; the rest is far more than a visit may take.
const FAILED: u32 = 1 << 31;

const WHAT: &str = "a latency";

/// One visit to a tenant's own database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    pub at: Timestamp,
    pub took: Duration,
    /// Otherwise it is how long the failure took.
    pub answered: bool,
}

impl Store {
    /// The latest first.
    pub fn latencies(&self, tenant: &TenantId, at_most: u32) -> Result<Vec<Latency>, StoreError> {
        self.read("read a tenant's latencies", |transaction| {
            let at_most = usize::try_from(at_most).unwrap_or(usize::MAX);
            let mut latencies = Vec::new();
            let mut before = i64::MAX;
            // There are few periods, and each is one look into the index.
            while let Some(period) = latest_period(transaction, before)? {
                let packed: Option<Vec<u8>> = transaction
                    .prepare_cached(
                        "SELECT packed FROM latencies WHERE period = ?1 AND tenant = ?2",
                    )?
                    .query_row(params![period, tenant.as_str()], |row| row.get(0))
                    .optional()?;
                latencies.extend(unpack(period, &packed.unwrap_or_default())?);
                if at_most <= latencies.len() {
                    break;
                }
                before = period;
            }
            latencies.truncate(at_most);
            Ok(latencies)
        })
    }
}

fn latest_period(transaction: &Transaction<'_>, before: i64) -> Result<Option<i64>, Fault> {
    let mut latest =
        transaction.prepare_cached("SELECT max(period) FROM latencies WHERE period < ?1")?;
    Ok(latest.query_row([before], |row| row.get(0))?)
}

/// Called once for each visit of a scan that ended at `latency.at`.
pub(super) fn put(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    latency: Latency,
) -> Result<(), Fault> {
    // Two blobs joined are a text of the same bytes.
    let mut put = transaction.prepare_cached(
        "INSERT INTO latencies (period, tenant, packed) VALUES (?1, ?2, ?3)
         ON CONFLICT (period, tenant) DO UPDATE SET
             packed = CAST(packed || excluded.packed AS BLOB)
         WHERE length(packed) < ?4 AND substr(packed, -7, 1) <> substr(excluded.packed, 1, 1)",
    )?;
    let (period, packed) = pack(latency);
    put.execute(params![period, tenant.as_str(), packed, MOST])?;
    Ok(())
}

pub(super) fn prune(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let period = now.as_second().div_euclid(PERIOD);
    transaction
        .prepare_cached("DELETE FROM latencies WHERE period <= ?1")?
        .execute([period - PERIODS])?;
    transaction.prepare_cached("DELETE FROM latencies WHERE ?1 < period")?.execute([period])?;
    Ok(())
}

fn pack(latency: Latency) -> (i64, [u8; ENTRY]) {
    let at = latency.at.as_second();
    let second = u16::try_from(at.rem_euclid(PERIOD)).unwrap_or(u16::MAX);
    let micros = u32::try_from(latency.took.as_micros()).unwrap_or(u32::MAX).min(FAILED - 1);
    let took = if latency.answered { micros } else { micros | FAILED };
    let ([high, low], [a, b, c, d]) = (second.to_be_bytes(), took.to_be_bytes());
    let slot = u8::try_from(second / SLOT).unwrap_or(u8::MAX);
    (at.div_euclid(PERIOD), [slot, high, low, a, b, c, d])
}

/// The latest first.
fn unpack(period: i64, packed: &[u8]) -> Result<Vec<Latency>, RowError> {
    let (entries, rest) = packed.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(RowError::Range { what: WHAT });
    }
    let latency = |[_, high, low, a, b, c, d]: &[u8; ENTRY]| {
        let second = i64::from(u16::from_be_bytes([*high, *low]));
        let took = u32::from_be_bytes([*a, *b, *c, *d]);
        let at = period.checked_mul(PERIOD).and_then(|it| it.checked_add(second));
        let at = at.and_then(|it| Timestamp::from_second(it).ok());
        Ok(Latency {
            at: at.ok_or(RowError::Range { what: WHAT })?,
            took: Duration::from_micros((took & !FAILED).into()),
            answered: took & FAILED == 0,
        })
    };
    entries.iter().rev().map(latency).collect()
}
