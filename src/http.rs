//! The HTTP side of a running daemon: the API, and what scrapers, browsers and commands are answered.
//!
//! Why handlers translate and decide nothing: what is told here is told by metrics, page, gate and command line too, and
//! all of them must tell the same. Reads come from `daemon::Daemon::standing` wherever they can; nothing here reaches a
//! tenant's database, but for one that its provisioner brings, with the login that comes along.
//!
//! Why HTTP/1.1 alone: the streams of HTTP/2 would let one connection past every limit that is counted by connection,
//! and nobody who asks us needs them.
//!
//! Invariants:
//! - no request names a host that our credentials are sent to: a scan is asked for by tenants' ids;
//! - everything that a peer can make grow is bounded: see `options::Limits`;
//! - every answer but a stream's is given in bounded time, and every error is one of `problem::Kind`.

mod admission;
mod body;
mod caller;
mod certificates;
mod changes;
mod courses;
mod daily;
mod document;
mod findings;
mod finish;
mod forms;
mod gate;
mod hooks;
mod host;
mod listen;
mod live;
mod liveness;
mod local;
mod look;
mod metrics;
mod newcomer;
mod operations;
pub mod options;
mod orphans;
mod pages;
mod paging;
mod path;
mod problem;
mod provisioning;
mod query;
mod reports;
mod request_id;
pub mod role;
mod route;
mod routes;
mod said;
mod scans;
mod session;
mod signature;
mod stall;
mod state;
mod tenants;
mod throttle;
mod view;

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::options::{Limits, Options};
use self::state::Shared;
use crate::daemon::Daemon;
use crate::deliveries::Bell;
use crate::provision::Provisioner;
use crate::route::keyring::Keyring;

/// How the HTTP side asks for a reload: answered with every reason why the new configuration was refused.
pub type Reload = mpsc::Sender<oneshot::Sender<Result<(), Vec<String>>>>;

/// What is served, and what it is served with.
#[derive(Clone)]
pub struct Served {
    pub daemon: Arc<Daemon>,
    /// Replaced whole by a reload. Tokens, hosts and certificates hold from the next request on; the limits are those of
    /// the start.
    pub options: watch::Receiver<Arc<Options>>,
    pub reload: Reload,
    pub ready: watch::Receiver<Ready>,
    /// Rung when GitHub has delivered something.
    pub deliveries: Bell,
    /// Of the issuer of users' tokens.
    pub keyring: Arc<Keyring>,
    /// What makes tenants and takes them away.
    pub provisioner: Arc<Provisioner>,
}

/// What must be up before the daemon calls itself ready. The store is asked when somebody wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    pub configuration: bool,
    pub schedule: bool,
}

/// Serves the address until it is stopped, over TLS where the options say so. Whether it may listen there at all is
/// `Options::problems`'s to say, before.
pub async fn serve_tcp(
    listener: TcpListener,
    served: Served,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let limits = served.options.borrow().limits;
    let shared = Arc::new(Shared::new(served, limits, stop.clone()));
    listen::tcp(listener, &shared, &stop).await
}

/// Serves commands of this machine through a Unix socket that only this user can open, until it is stopped. A socket
/// that an earlier process left there is replaced, so the caller must hold the store.
pub async fn serve_socket(
    path: &Path,
    served: Served,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let shared = Arc::new(Shared::new(served, Limits::LOCAL, stop.clone()));
    listen::socket(path, &shared, &stop).await
}
