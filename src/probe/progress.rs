//! How far a visit has come: what a deadline that passes can say about where.
//!
//! Why an atomic beside the visit: when the deadline fires, the visit's own state is gone with its future.

use std::sync::atomic::{AtomicU8, Ordering};

/// In the order in which a visit passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Connect,
    /// The request for TLS and the handshake.
    Tls,
    /// From the start-up packet to the server's readiness.
    Login,
    Query,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Connect, Self::Tls, Self::Login, Self::Query];

    /// Completes "no answer in time …".
    pub const fn text(self) -> &'static str {
        match self {
            Self::Connect => "when connecting",
            Self::Tls => "to the request for TLS",
            Self::Login => "to the login",
            Self::Query => "to the query",
        }
    }
}

#[derive(Debug, Default)]
pub struct Progress(AtomicU8);

impl Progress {
    pub fn reach(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    pub fn stage(&self) -> Stage {
        let index = usize::from(self.0.load(Ordering::Relaxed));
        Stage::ALL.get(index).copied().unwrap_or(Stage::Query)
    }
}
