//! What one visit to one target brought home, failures included.
//!
//! Why a failure is data here: a database that refuses us is the very thing this program reports. Only a fault of
//! our own is an error, and even that becomes `NotTried`, so that every target has exactly one observation.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::fingerprint::Fingerprint;
use super::tenant::TargetRef;

#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub target: TargetRef,
    /// From the start of the visit to its end; our own waiting for a slot or a processor is not counted.
    pub took: Duration,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Seen(Box<Sighting>),
    /// The watched world failed.
    Failed(Failure),
    /// We did not look: nothing is known, and nothing may be concluded.
    NotTried(Reason),
}

impl Outcome {
    pub fn sighting(&self) -> Option<&Sighting> {
        match self {
            Self::Seen(sighting) => Some(sighting),
            Self::Failed(_) | Self::NotTried(_) => None,
        }
    }
}

/// Everything that one round trip of queries told.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Shared with the report.
    pub fingerprint: Arc<Fingerprint>,
    pub transport: Transport,
    pub vitals: Vitals,
    /// Powers of the application's role that reach past its own database; `None` where they could not be read.
    pub powers: Option<Vec<Power>>,
}

/// How the connection was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// The peer's address; `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    pub encryption: Encryption,
    /// The server saw our own port as the client's: nothing stands between that speaks PostgreSQL.
    pub direct: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encryption {
    None,
    /// Encrypted, but the certificate does not prove whom we speak to.
    Unverified,
    Verified,
}

/// What limits are near. `None` is "could not be read".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// `transaction_read_only` of a fresh session.
    pub read_only: Option<bool>,
    pub connections: Option<u32>,
    pub max_connections: Option<u32>,
    /// Of the database, in transactions; the server stops at about 2 100 million.
    pub transaction_age: Option<u32>,
    /// The server's clock minus ours, in milliseconds, give or take the round trip.
    pub clock_skew_millis: Option<i64>,
}

/// A power of a role that reads or writes past its own database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Power {
    Superuser,
    Replication,
    ReadAllData,
    WriteAllData,
    ServerFiles,
    ServerPrograms,
    /// Before PostgreSQL 16 such a role may grant itself any other.
    CreateRole,
}

impl Power {
    pub const ALL: [Self; 7] = [
        Self::Superuser,
        Self::Replication,
        Self::ReadAllData,
        Self::WriteAllData,
        Self::ServerFiles,
        Self::ServerPrograms,
        Self::CreateRole,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Superuser => "superuser",
            Self::Replication => "replication",
            Self::ReadAllData => "pg_read_all_data",
            Self::WriteAllData => "pg_write_all_data",
            Self::ServerFiles => "server files",
            Self::ServerPrograms => "pg_execute_server_program",
            Self::CreateRole => "createrole",
        }
    }
}

/// Why the watched world did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub cause: Cause,
    /// One line for a person, in our own words or the server's message cut short; no secret, no URL.
    pub detail: Box<str>,
}

/// Why a tenant's database cannot serve. The labels are a published interface: alerts and dashboards match on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    DnsFailed,
    ConnectionRefused,
    Unreachable,
    Timeout,
    TlsFailed,
    NotPostgres,
    StartingUp,
    ShuttingDown,
    TooManyConnections,
    AuthFailed,
    AccessDenied,
    DatabaseMissing,
    ServerCrashed,
    ReadOnly,
    DiskFull,
    QueryFailed,
    ProjectInactive,
}

impl Cause {
    pub const ALL: [Self; 17] = [
        Self::DnsFailed,
        Self::ConnectionRefused,
        Self::Unreachable,
        Self::Timeout,
        Self::TlsFailed,
        Self::NotPostgres,
        Self::StartingUp,
        Self::ShuttingDown,
        Self::TooManyConnections,
        Self::AuthFailed,
        Self::AccessDenied,
        Self::DatabaseMissing,
        Self::ServerCrashed,
        Self::ReadOnly,
        Self::DiskFull,
        Self::QueryFailed,
        Self::ProjectInactive,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::DnsFailed => "dns_failed",
            Self::ConnectionRefused => "connection_refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::TlsFailed => "tls_failed",
            Self::NotPostgres => "not_postgres",
            Self::StartingUp => "starting_up",
            Self::ShuttingDown => "shutting_down",
            Self::TooManyConnections => "too_many_connections",
            Self::AuthFailed => "auth_failed",
            Self::AccessDenied => "access_denied",
            Self::DatabaseMissing => "database_missing",
            Self::ServerCrashed => "server_crashed",
            Self::ReadOnly => "read_only",
            Self::DiskFull => "disk_full",
            Self::QueryFailed => "query_failed",
            Self::ProjectInactive => "project_inactive",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// Why we did not look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The secret could not be read; the text names the place, never the value.
    SecretUnreadable(Box<str>),
    /// The scan was told to stop.
    Cancelled,
    /// A fault of our own, contained.
    Panicked,
    /// The registry row cannot be visited; the text says why.
    RowUnusable(Box<str>),
}

impl Reason {
    pub fn text(&self) -> String {
        match self {
            Self::SecretUnreadable(place) => format!("its secret could not be read: {place}"),
            Self::Cancelled => "the scan was stopped before its turn".to_owned(),
            Self::Panicked => "a fault of our own ended the visit".to_owned(),
            Self::RowUnusable(why) => format!("its registry row cannot be visited: {why}"),
        }
    }
}
