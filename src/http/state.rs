//! What the handlers of one listener share.
//!
//! Why one for each listener: a flood of requests on the address takes nothing from the socket, through which an operator
//! still reaches the daemon.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Served;
use super::document::Document;
use super::look::Versions;
use super::options::{Limits, Options};
use super::session::Sessions;
use super::throttle::Throttle;
use crate::standing::Standing;

/// Reports that are written out at once. Each takes a thread and some pieces of 64 KiB.
const REPORTS: usize = 8;

pub(super) struct Shared {
    pub(super) served: Served,
    pub(super) limits: Limits,
    pub(super) sessions: Sessions,
    /// All requests, by peer.
    pub(super) requests: Throttle,
    /// Wrong tokens, by peer.
    pub(super) refusals: Throttle,
    pub(super) in_flight: Arc<Semaphore>,
    pub(super) waiters: Arc<Semaphore>,
    pub(super) reports: Arc<Semaphore>,
    pub(super) document: Document,
    pub(super) versions: Versions,
    pub(super) stop: CancellationToken,
}

impl Shared {
    pub(super) fn new(served: Served, limits: Limits, stop: CancellationToken) -> Self {
        Self {
            served,
            limits,
            sessions: Sessions::default(),
            requests: Throttle::per_second(limits.rate, limits.burst),
            refusals: Throttle::per_minute(limits.refusals),
            in_flight: Arc::new(Semaphore::new(limits.requests)),
            waiters: Arc::new(Semaphore::new(limits.waiters)),
            reports: Arc::new(Semaphore::new(REPORTS)),
            document: Document::new(),
            versions: Versions::new(),
            stop,
        }
    }

    pub(super) fn options(&self) -> Arc<Options> {
        Arc::clone(&self.served.options.borrow())
    }

    /// `None` until a scan of the whole fleet has ended.
    pub(super) fn standing(&self) -> Option<Arc<Standing>> {
        self.served.daemon.standing().borrow().clone()
    }
}
