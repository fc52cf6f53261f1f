//! The proof that a standby is fed by a primary: the primary writes a random pattern, the standby reads it back.
//!
//! Why a pattern of empty transactions: each either commits or rolls back, and a standby knows the fate of a
//! transaction only from the stream of its primary. Twenty-four random bits that agree are no chance. Positions, by
//! comparison, are equal in any two idle copies of one image.
//!
//! Why only where the operator turned it on: it is the one thing beside the stamp that writes to a tenant's server,
//! about a thousand bytes of WAL and twenty-four transaction ids.
//!
//! Invariants: a standby that has not replayed up to the pattern proves nothing; a pattern that cannot be written or
//! read proves nothing.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::model::observation::Failure;
use crate::model::relation::StreamLook;
use crate::model::tenant::TargetRef;

use super::revisit::Revisit;
use super::session::Session;
use super::statement::preamble;

/// A false agreement has a chance of one in sixteen million.
const BITS: usize = 24;

/// How long a standby may take to replay the pattern. A healthy one needs less than half a second.
const REPLAY: Duration = Duration::from_secs(10);

/// Between two looks at how far a standby has come.
const NAP: Duration = Duration::from_millis(100);

/// What was written: the transactions in order, whether each committed, and the position after the last, in bytes.
struct Pattern {
    transactions: Vec<(u64, bool)>,
    end: u64,
}

/// Adds to each standby's look which of its family's primaries were proven to feed it, or not to.
pub async fn prove(
    revisit: &Revisit<'_>,
    families: &[Vec<TargetRef>],
    primaries: &[TargetRef],
    looks: &mut [StreamLook],
    stop: &CancellationToken,
) {
    for family in families {
        let standbys: Vec<TargetRef> =
            family.iter().copied().filter(|it| !primaries.contains(it)).collect();
        for primary in family.iter().copied().filter(|it| primaries.contains(it)) {
            if stop.is_cancelled() {
                return;
            }
            let Ok(pattern) = write(revisit, primary).await else { continue };
            let reads = join_all(standbys.iter().map(|it| read(revisit, *it, &pattern))).await;
            for (standby, fed) in standbys.iter().zip(reads) {
                let look = looks.iter_mut().find(|it| it.target == *standby);
                if let (Some(look), Ok(Some(fed))) = (look, fed) {
                    look.fed_by.push((primary, fed));
                }
            }
        }
    }
}

async fn write(revisit: &Revisit<'_>, primary: TargetRef) -> Result<Pattern, Failure> {
    let mut session = revisit.open(primary).await?;
    let written = write_all(&mut session, revisit.timeout()).await;
    session.close().await;
    written
}

async fn write_all(session: &mut Session, limit: Duration) -> Result<Pattern, Failure> {
    let millis = limit.as_millis();
    let mut transactions = Vec::with_capacity(BITS);
    for _ in 0..BITS {
        let commit: bool = rand::random();
        let end = if commit { "commit" } else { "rollback" };
        let sql = format!(
            "begin; set local statement_timeout = {millis}; \
             select pg_catalog.pg_current_xact_id()::pg_catalog.text; {end}"
        );
        transactions.push((number(&session.ask(&sql, limit).await?)?, commit));
    }
    let position = "select (pg_catalog.pg_current_wal_insert_lsn() operator(pg_catalog.-) \
                    '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8::pg_catalog.text";
    let end = number(&session.ask(&(preamble(limit) + position), limit).await?)?;
    Ok(Pattern { transactions, end })
}

/// `None` where the standby did not come so far in time.
async fn read(
    revisit: &Revisit<'_>,
    standby: TargetRef,
    pattern: &Pattern,
) -> Result<Option<bool>, Failure> {
    let mut session = revisit.open(standby).await?;
    let told = read_all(&mut session, revisit.timeout(), pattern).await;
    session.close().await;
    told
}

async fn read_all(
    session: &mut Session,
    limit: Duration,
    pattern: &Pattern,
) -> Result<Option<bool>, Failure> {
    let replayed = "select coalesce((pg_catalog.pg_last_wal_replay_lsn() operator(pg_catalog.-) \
                    '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8, 0)::pg_catalog.text";
    let since = Instant::now();
    while number(&session.ask(&(preamble(limit) + replayed), limit).await?)? < pattern.end {
        if REPLAY < since.elapsed() {
            return Ok(None);
        }
        sleep(NAP).await;
    }
    let rows = session.ask(&(preamble(limit) + &fates(pattern)), limit).await?;
    let seen: Vec<Option<&str>> = rows.iter().map(|it| it.first()?.as_deref()).collect();
    let expected = pattern
        .transactions
        .iter()
        .map(|(_, commit)| Some(if *commit { "committed" } else { "aborted" }));
    Ok(Some(seen.into_iter().eq(expected)))
}

/// The fate of each transaction, in order; one that this server has not seen begin would be an error to ask about.
fn fates(pattern: &Pattern) -> String {
    let one = |(transaction, _): &(u64, bool)| {
        format!(
            "select case when '{transaction}'::pg_catalog.xid8 operator(pg_catalog.<) \
             pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) \
             then pg_catalog.pg_xact_status('{transaction}'::pg_catalog.xid8) end"
        )
    };
    pattern.transactions.iter().map(one).collect::<Vec<_>>().join(" union all ")
}

fn number(rows: &[Vec<Option<String>>]) -> Result<u64, Failure> {
    let text = rows.first().and_then(|it| it.first()).and_then(Option::as_deref);
    text.and_then(|it| it.parse().ok()).ok_or_else(|| Failure {
        cause: crate::model::observation::Cause::QueryFailed,
        detail: "the answer to the proof of replication is not a number".into(),
    })
}
