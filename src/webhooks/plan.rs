//! Turns what stands into events in the queue, whenever it changes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rand::RngExt;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Receiver;
use crate::clock;
use crate::daemon::Daemon;
use crate::model::finding::{Finding, State};
use crate::model::news::{Happening, Told};
use crate::news;
use crate::report::event;
use crate::standing::Standing;
use crate::store::Store;
use crate::store::events::NewEvent;

/// Before looking again where a queue was full or the store failed.
const AGAIN: Duration = Duration::from_secs(10);

pub(super) async fn plan_until(
    daemon: &Daemon,
    receivers: &Arc<[Receiver]>,
    wakers: &[Arc<Notify>],
    stop: &CancellationToken,
) {
    if receivers.is_empty() {
        return;
    }
    let mut latest = daemon.standing();
    loop {
        let standing = latest.borrow_and_update().clone();
        let mut whole = true;
        if let Some(standing) = standing {
            for (place, waker) in wakers.iter().enumerate() {
                let (receivers, standing) = (Arc::clone(receivers), Arc::clone(&standing));
                let planned =
                    daemon.stored("queue events", move |store| match receivers.get(place) {
                        Some(receiver) => queue(store, receiver, &standing),
                        None => Ok(true),
                    });
                match planned.await {
                    Ok(fits) => whole &= fits,
                    Err(error) => {
                        tracing::error!("findings wait to be told: {error:#}");
                        whole = false;
                    }
                }
                waker.notify_one();
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = latest.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN), if !whole => (),
        }
    }
}

/// Whether all of it found room.
fn queue(store: &Store, receiver: &Receiver, standing: &Standing) -> anyhow::Result<bool> {
    let known = store.told(&receiver.name)?;
    let mut missing = Vec::new();
    for id in news::missing(&known, standing) {
        // One that the store has forgotten was resolved long ago, and one that it says to stand will be told again.
        missing.extend(store.finding(id)?.filter(|it| it.state == State::Resolved));
    }
    let now = clock::now();
    let news = news::since(&known, standing, &missing, &receiver.interest);
    let events = news.iter().map(|it| made(it.happening, it.finding, now));
    let events: Vec<NewEvent> = events.collect::<anyhow::Result<_>>()?;
    if events.is_empty() {
        return Ok(true);
    }
    let taken = store.queue_events(&receiver.name, &events, now)?;
    let left = events.len() - taken;
    if left != 0 {
        tracing::warn!(receiver = &*receiver.name, left, "the queue of a receiver is full");
    }
    Ok(left == 0)
}

fn made(happening: Happening, finding: &Finding, now: jiff::Timestamp) -> anyhow::Result<NewEvent> {
    let id = format!("{:032x}", rand::rng().random::<u128>());
    let body = event::body(&id, happening, finding, now).context("write an event")?;
    Ok(NewEvent {
        id: id.into(),
        happening: happening.label(),
        told: Told::of(finding),
        ends: happening == Happening::Resolved,
        body,
    })
}
