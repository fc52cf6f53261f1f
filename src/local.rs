//! PostgreSQL clusters on this machine: throwaway ones for the demonstration and for the tests, lasting ones for whoever
//! develops.
//!
//! Why real servers and not fakes: what this program claims rests on what PostgreSQL really says of itself: identifiers
//! that a copy keeps, locks that a standby does not show, refusals that come before or after the password. A fake would
//! only repeat our own beliefs.
//!
//! Why among the plumbing and not with a provider of databases: nothing here knows of tenants. The demonstration, the
//! tests and the provider that makes a cluster for each tenant are its users.
//!
//! Invariants:
//! - no server outlives us: each stands under a small shell that ends it when our end of a pipe closes, and a throwaway
//!   directory goes the same way; so a return, a panic, Ctrl-C and `kill -9` of this process all end alike;
//! - nothing is reachable from outside: loopback alone, passwords everywhere, a directory that only its owner reads;
//! - no server runs as root (PostgreSQL refuses to): as root we run it as `postgres`, else as `nobody`;
//! - every wait has a deadline, and every error names the command and shows the end of its output.

pub mod binaries;
pub mod cluster;
pub mod copy;
pub mod ground;
pub mod lasting;
pub mod pooler;
pub mod process;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a local server could not be had. No variant carries a password.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error(
        "find PostgreSQL's server programs: there are none in {searched}; install PostgreSQL 13 or newer, or name their directory in {}",
        binaries::DIRECTORY_VARIABLE
    )]
    NoPostgres { searched: String },
    #[error("find PgBouncer: it is not installed")]
    NoPooler,
    #[error(
        "find an account to run servers as: PostgreSQL refuses root, and there is neither `postgres` nor `nobody`"
    )]
    NoAccount,
    #[error("{} is used by another process", .0.display())]
    Held(PathBuf),
    #[error("{} is not empty, and holds no clusters of ours: name a directory of their own", .0.display())]
    Foreign(PathBuf),
    #[error("{operation} {}", path.display())]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("start {command}")]
    Spawn { command: String, source: io::Error },
    #[error("{command} ended with {status}; its last lines:\n{tail}")]
    Ended { command: String, status: String, tail: String },
    #[error("{command} was not done within {limit:?}; its last lines:\n{tail}")]
    Late { command: String, limit: Duration, tail: String },
    #[error("{operation} on the local cluster {cluster}")]
    Sql { operation: String, cluster: String, source: tokio_postgres::Error },
    #[error("{operation} on the local cluster {cluster}: no answer within {limit:?}")]
    SqlLate { operation: String, cluster: String, limit: Duration },
    #[error("find a free port: {tried} were all taken")]
    NoPort { tried: u32 },
    #[error("{operation}: the cluster {cluster} is not running")]
    NotRunning { operation: &'static str, cluster: String },
}

impl LocalError {
    pub(crate) fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { operation, path, source }
    }
}
