//! A closer look at who streams from whom, in families of copies that hold a standby.
//!
//! Why standbys first: what a standby has received, its primary has already written. Looked at in this order, a
//! primary whose position is behind the standby's is provably not the one that feeds it.

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::model::observation::{Cause, Failure};
use crate::model::relation::{Receiver, Sender, StreamEnd, StreamLook};
use crate::model::tenant::TargetRef;

use super::revisit::Revisit;
use super::statement::preamble;

const STREAMS: &str = include_str!("streams.sql");

/// The members that could be looked at; the others are missing, which proves nothing of them.
pub async fn look(
    revisit: &Revisit<'_>,
    standbys: Vec<TargetRef>,
    primaries: Vec<TargetRef>,
    concurrency: usize,
    stop: &CancellationToken,
) -> Vec<StreamLook> {
    let mut looks = Vec::new();
    for round in [standbys, primaries] {
        let seen = stream::iter(round)
            .take_while(|_| std::future::ready(!stop.is_cancelled()))
            .map(|target| look_at(revisit, target))
            .buffer_unordered(concurrency.max(1))
            .filter_map(|it| std::future::ready(it.ok()))
            .collect::<Vec<_>>()
            .await;
        looks.extend(seen);
    }
    looks.sort_by_key(|it| it.target);
    looks
}

async fn look_at(revisit: &Revisit<'_>, target: TargetRef) -> Result<StreamLook, Failure> {
    let mut session = revisit.open(target).await?;
    let question = preamble(revisit.timeout()) + STREAMS;
    let rows = session.ask(&question, revisit.timeout()).await;
    session.close().await;
    read(target, &rows?).ok_or_else(|| Failure {
        cause: Cause::QueryFailed,
        detail: "the answer on replication is not of the expected form".into(),
    })
}

#[derive(Deserialize)]
struct Row {
    recovery: bool,
    timeline: Option<u32>,
    insert: Option<u64>,
    received: Option<u64>,
    replayed: Option<u64>,
    receiver: Option<ReceiverRow>,
    senders: Option<Vec<SenderRow>>,
    slots: Option<Vec<Box<str>>>,
}

#[derive(Deserialize)]
struct ReceiverRow {
    host: Option<Box<str>>,
    port: Option<u16>,
    slot: Option<Box<str>>,
}

#[derive(Deserialize)]
struct SenderRow {
    application: Option<Box<str>>,
    client: Option<Box<str>>,
    port: Option<i32>,
}

fn read(target: TargetRef, rows: &[Vec<Option<String>>]) -> Option<StreamLook> {
    let [row] = rows else { return None };
    let [Some(text)] = row.as_slice() else { return None };
    let row: Row = serde_json::from_str(text).ok()?;
    let end = if row.recovery {
        let receiver = row.receiver.map(|it| Receiver {
            sender_host: it.host,
            sender_port: it.port,
            slot: it.slot,
        });
        StreamEnd::Standby { received: row.received, replayed: row.replayed, receiver }
    } else {
        StreamEnd::Primary { insert: row.insert? }
    };
    let senders = row.senders.unwrap_or_default().into_iter().map(|it| Sender {
        application: it.application.unwrap_or_default(),
        client: it.client.and_then(|it| it.parse().ok()),
        client_port: it.port.and_then(|it| u16::try_from(it).ok()),
    });
    Some(StreamLook {
        target,
        timeline: row.timeline,
        end,
        senders: senders.collect(),
        active_slots: row.slots.unwrap_or_default(),
        fed_by: Vec::new(),
    })
}
