//! What the second looks said: which targets are one running server, and which stream from another.
//!
//! Why sets and not a table of pairs: being one server is transitive, so five hundred databases of one server are one
//! set of five hundred, not a hundred thousand pairs.

use std::net::IpAddr;

use super::observation::Cause;
use super::tenant::TargetRef;

/// What the witness said of one group of candidates.
///
/// Two members are proven to be one running server if they sit in one set of `servers`; they are undecided if
/// `undecided` names them together or `blind` names either; otherwise they are proven apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witnessed {
    pub members: Vec<TargetRef>,
    pub servers: Vec<Vec<Seat>>,
    pub undecided: Vec<(TargetRef, TargetRef, Doubt)>,
    /// Members of which nothing could be learnt, not even against each other.
    pub blind: Vec<(TargetRef, Doubt)>,
}

/// A member's place in a server: its database, as the server's own lock table names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    pub target: TargetRef,
    pub database_oid: u32,
}

/// Why a witness proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The reader did not see its own key: its view of the locks is not the server's.
    ControlMissing,
    /// The lock was not provably held throughout the read.
    NotCovered,
    /// The role may not take or see advisory locks.
    Denied,
    /// The second visit failed.
    VisitFailed(Cause),
    /// The second visit met another server than the first: a balancer, or a failover in between.
    ServerChanged,
    /// We were told to stop, or a fault of our own.
    NotTried,
}

impl Doubt {
    pub fn text(self) -> String {
        match self {
            Self::ControlMissing => {
                "it does not see its own lock, so what it does not see proves nothing".to_owned()
            }
            Self::NotCovered => {
                "the locks were not provably held while they were looked for".to_owned()
            }
            Self::Denied => "its role may not take or see advisory locks".to_owned(),
            Self::VisitFailed(cause) => format!("the second visit failed: {}", cause.label()),
            Self::ServerChanged => "the second visit met another server than the first".to_owned(),
            Self::NotTried => "the second visit was not made".to_owned(),
        }
    }
}

/// A closer look at a member of a family of copies, to tell who streams from whom. Standbys are looked at before
/// primaries, so that what a standby has received, its primary has already written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamLook {
    pub target: TargetRef,
    pub timeline: Option<u32>,
    pub end: StreamEnd,
    /// The receivers that this server feeds, a standby's cascade included.
    pub senders: Vec<Sender>,
    /// Names of the physical replication slots in use.
    pub active_slots: Vec<Box<str>>,
    /// Of a standby: primaries that were proven to feed it, or not to, by a pattern that it read back. Empty where
    /// nothing may be written.
    pub fed_by: Vec<(TargetRef, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    Primary {
        /// In bytes.
        insert: u64,
    },
    Standby {
        /// In bytes; `None` before anything was streamed.
        received: Option<u64>,
        replayed: Option<u64>,
        receiver: Option<Receiver>,
    },
}

/// A standby's stream, as far as the role may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    pub sender_host: Option<Box<str>>,
    pub sender_port: Option<u16>,
    pub slot: Option<Box<str>>,
}

/// A WAL sender, as far as the role may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    pub application: Box<str>,
    pub client: Option<IpAddr>,
    pub client_port: Option<u16>,
}
