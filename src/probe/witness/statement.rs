//! The witness's one statement, and the reading of its answer.
//!
//! Why one statement: a transaction block is refused by statement pools, and a lock that outlives its statement would
//! leak through transaction pools. Lock, wait, read, wait happen inside one `SELECT`, so the same text works on a
//! primary, on a standby and through every pooler; it writes nothing and needs no privilege.
//!
//! Why a member is told only the digests of the keys it looks for: a server of a hostile tenant would otherwise hand
//! another member's key back and need to guess no more than a process id to be believed. A key of 64 random bits is
//! not found from its digest while a lock is held, so whoever names it has seen it in its own lock table.
//!
//! Why `pg_lock_status()` and not the view `pg_locks`: they show the same, and the function stays readable where the
//! view was revoked.

use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::model::fingerprint::Digest256;
use crate::model::tenant::TargetRef;
use crate::probe::statement::preamble;

/// Beyond the waits, for the server's own work.
const GRACE: Duration = Duration::from_secs(5);

/// What one member is asked to do in one round.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) target: TargetRef,
    /// This member's own random key.
    pub(super) own: i64,
    /// Between taking the lock and looking.
    pub(super) before: Duration,
    /// Between looking and letting go.
    pub(super) after: Duration,
    /// Whether the role may ask when the server was started. One that may not would fail the whole statement.
    pub(super) asks_start: bool,
}

/// What the server said, before anything is concluded from it. Times are the server's own, in microseconds.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Testimony {
    pub(super) taken: i64,
    pub(super) looked: i64,
    pub(super) released: i64,
    /// Key as text, database oid as text, process id.
    #[serde(default)]
    pub(super) seen: Option<Vec<(String, String, i32)>>,
    pub(super) pid: i32,
    pub(super) started: Option<i64>,
}

impl Question {
    /// Numbers, hexadecimal digits and waits of ours: nothing needs quoting.
    pub(super) fn sql(&self, looked_for: &[i64]) -> String {
        let preamble = preamble(self.before + self.after + GRACE);
        let digests = looked_for.iter().map(|it| digest(*it)).collect::<Vec<_>>().join(",");
        format!(
            "{preamble}select case when pg_catalog.pg_try_advisory_xact_lock({own}) then (select pg_catalog.json_build_object(\
             'taken', {NOW}, 'wait', pg_catalog.pg_sleep({before})::pg_catalog.text, \
             'seen', (select pg_catalog.json_agg(pg_catalog.json_build_array({KEY}::pg_catalog.text, \
             l.database::pg_catalog.text, l.pid)) from pg_catalog.pg_lock_status() l \
             where l.locktype operator(pg_catalog.=) 'advisory' and l.objsubid operator(pg_catalog.=) 1 \
             and pg_catalog.encode(pg_catalog.sha256(pg_catalog.int8send({KEY})), 'hex') \
             operator(pg_catalog.=) any (array[{digests}]::pg_catalog.text[])), \
             'looked', {NOW}, 'rest', pg_catalog.pg_sleep({after})::pg_catalog.text, 'released', {NOW}, \
             'pid', pg_catalog.pg_backend_pid(), \
             'started', {started}))::pg_catalog.text end",
            own = self.own,
            started = if self.asks_start { STARTED } else { "null" },
            before = self.before.as_secs_f64(),
            after = self.after.as_secs_f64(),
        )
    }
}

/// Of the key's eight bytes, as the statement computes it, in quotes.
fn digest(key: i64) -> String {
    format!("'{}'", Digest256::from_bytes(Sha256::digest(key.to_be_bytes()).into()))
}

const NOW: &str = "(extract(epoch from pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000000)::pg_catalog.int8";

const STARTED: &str = "(extract(epoch from pg_catalog.pg_postmaster_start_time()) operator(pg_catalog.*) 1000000)::pg_catalog.int8";

/// The lock's 64-bit key, put together from its two halves: right for negative keys too.
const KEY: &str = "(((l.classid::pg_catalog.int8) operator(pg_catalog.<<) 32) operator(pg_catalog.|) l.objid::pg_catalog.int8)";

/// `None` where the answer is not one of this statement's: a look-alike, or a hostile server.
pub(super) fn read(rows: &[Vec<Option<String>>]) -> Option<Testimony> {
    let [row] = rows else { return None };
    let [Some(text)] = row.as_slice() else { return None };
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_member_is_told_the_key_of_another() {
        let target = TargetRef { tenant: 0, target: 0 };
        let (before, after) = (Duration::ZERO, Duration::ZERO);
        let others = [7_654_321_012_345_678_901, -1_234_567_890_123_456_789];
        let sql =
            Question { target, own: 5_555_555_555_555_555_555, before, after, asks_start: true }
                .sql(&others);
        for other in others {
            let halves = [(other >> 32).to_string(), (other & 0xffff_ffff).to_string()];
            for told in halves.iter().chain([&other.to_string(), &format!("{other:x}")]) {
                assert!(!sql.contains(told.as_str()), "{told} is in {sql}");
            }
            assert!(sql.contains(&digest(other)));
        }
        assert!(sql.contains("5555555555555555555"));
    }
}
