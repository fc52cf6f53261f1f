//! Tells receivers of the operator's choice what happens to findings: chat rooms, ticket systems, pagers.
//!
//! Why a queue in the store: what was noticed must be told, whatever kills this process or the receiver in between. Why a
//! loop for each receiver: one that hangs must delay no other.
//!
//! Invariants:
//! - an event reaches its receiver at least once, always with the same id, and those of one finding in their order;
//! - what is sent is signed, and no redirect takes it elsewhere;
//! - a scan is never held up: what stands is read when it changes, and everything else happens here.

mod pace;
mod plan;
mod post;
pub mod signature;

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::post::Sender;
use crate::daemon::Daemon;
use crate::news::Interest;
use crate::secret::SecretRef;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// What its queue is known by: the address may change.
    pub name: Box<str>,
    /// Chat systems give out addresses that are secrets themselves.
    pub url: SecretRef,
    pub secret: SecretRef,
    pub interest: Interest,
}

pub type Receivers = watch::Receiver<Arc<[Receiver]>>;

/// Tells whoever is configured, until it is stopped. A changed configuration begins anew with what the store holds.
pub async fn tell_until(
    daemon: &Arc<Daemon>,
    mut receivers: Receivers,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    // The operator's own receivers may have certificates of the operator's own: those of the system are trusted.
    let http = post::client()?;
    loop {
        let configured = Arc::clone(&receivers.borrow_and_update());
        let (until, mut loops) = (stop.child_token(), JoinSet::new());
        forget(daemon, &configured).await;
        let wakers: Vec<Arc<Notify>> = configured.iter().map(|_| Arc::default()).collect();
        for (receiver, waker) in configured.iter().zip(&wakers) {
            let sender = Sender {
                daemon: Arc::clone(daemon),
                http: http.clone(),
                receiver: receiver.clone(),
                waker: Arc::clone(waker),
            };
            let until = until.clone();
            loops.spawn(async move { sender.send_until(&until).await });
        }
        let (planner, all, ends) = (Arc::clone(daemon), Arc::clone(&configured), until.clone());
        loops.spawn(async move { plan::plan_until(&planner, &all, &wakers, &ends).await });
        tokio::select! {
            () = stop.cancelled() => (),
            changed = receivers.changed() => if changed.is_err() { stop.cancelled().await },
        }
        until.cancel();
        // Each looks at its stop signal wherever it waits, and a try under way is dropped: its event stays.
        loops.join_all().await;
        if stop.is_cancelled() {
            return Ok(());
        }
    }
}

async fn forget(daemon: &Daemon, configured: &Arc<[Receiver]>) {
    let configured = Arc::clone(configured);
    let forgotten = daemon.stored("forget receivers that are gone", move |store| {
        let names: Vec<&str> = configured.iter().map(|it| &*it.name).collect();
        Ok(store.keep_receivers(&names)?)
    });
    // What is left behind is forgotten at the next start.
    if let Err(error) = forgotten.await {
        tracing::error!("{error:#}");
    }
}
