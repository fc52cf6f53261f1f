//! A statement about one or more tenants, and the life that it leads from scan to scan.
//!
//! Why the lists are closed enums with published labels: alerts, dashboards, exceptions and other people's scripts
//! match on these words. A new kind is a deliberate change of the contract.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::fingerprint::Digest256;
use super::tenant::TenantId;

macro_rules! labelled {
    ($(#[$attribute:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $label:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }

            pub fn parse(label: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.label() == label)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.label())
            }
        }
    };
}

labelled! {
    /// What a finding says. In the contract's order.
    Kind {
        SharedDatabase = "shared_database",
        SharedReplication = "shared_replication",
        SharedCluster = "shared_cluster",
        SharedProject = "shared_project",
        ForeignStamp = "foreign_stamp",
        StampMissing = "stamp_missing",
        WrongDatabase = "wrong_database",
        RegistryConflict = "registry_conflict",
        CrossTenantAccess = "cross_tenant_access",
        FingerprintDrift = "fingerprint_drift",
        SharedCredentials = "shared_credentials",
        DatabaseHandedOutTwice = "database_handed_out_twice",
        OperationStuck = "operation_stuck",
        OffboardedReachable = "offboarded_reachable",
        MonitorSuspect = "monitor_suspect",
        DataBridge = "data_bridge",
        ClonedLineage = "cloned_lineage",
        OverPrivilegedRole = "over_privileged_role",
        InsecureTransport = "insecure_transport",
        PublicExposure = "public_exposure",
        SharedHost = "shared_host",
        Unhealthy = "unhealthy",
        Degraded = "degraded",
        OrphanedProject = "orphaned_project",
        MissingProject = "missing_project",
    }
}

impl Kind {
    /// A finding of this kind, high or critical, breaks the promise of isolation.
    pub const fn breaches(self) -> bool {
        matches!(
            self,
            Self::SharedDatabase
                | Self::SharedReplication
                | Self::SharedCluster
                | Self::SharedProject
                | Self::SharedCredentials
                | Self::SharedHost
                | Self::ForeignStamp
                | Self::WrongDatabase
                | Self::CrossTenantAccess
                | Self::DataBridge
                | Self::DatabaseHandedOutTwice
        )
    }

    /// While such a finding is open, nobody can say whose database it is.
    pub const fn clouds(self) -> bool {
        matches!(self, Self::RegistryConflict | Self::FingerprintDrift)
    }

    /// A planned change explains it: another database behind a tenant, and the time in which it is away for that. A
    /// restore into somebody else's database, two tenants in one, or a conflict of rows is never planned.
    pub const fn may_be_announced(self) -> bool {
        matches!(self, Self::FingerprintDrift | Self::Unhealthy | Self::Degraded)
    }

    /// Health waits for several looks before it is open; everything else is told at the first.
    pub const fn is_health(self) -> bool {
        matches!(self, Self::Unhealthy | Self::Degraded)
    }
}

labelled! {
    /// How much it matters. Ordered, so that the worst of several is their `max`.
    Severity {
        Low = "low",
        Medium = "medium",
        High = "high",
        Critical = "critical",
    }
}

labelled! {
    Certainty {
        Probable = "probable",
        Proven = "proven",
    }
}

labelled! {
    State {
        /// Seen, but not yet often enough to open.
        Pending = "pending",
        Open = "open",
        /// Silenced by a person until a date. It stays true.
        Acknowledged = "acknowledged",
        Resolved = "resolved",
    }
}

labelled! {
    /// Whether a tenant is apart from every other. Ordered from best to worst: the fleet's verdict is the `max`.
    Verdict {
        Isolated = "isolated",
        /// Not examined, or under a finding that clouds whose database it is. Never green.
        Unverified = "unverified",
        Breached = "breached",
    }
}

labelled! {
    /// Whether a database can serve. Ordered from best to worst: a tenant's is the worst of its targets'.
    Health {
        Healthy = "healthy",
        Degraded = "degraded",
        /// Nothing could be tried.
        Unknown = "unknown",
        Unhealthy = "unhealthy",
    }
}

/// The same trouble has the same id through restarts, growing and shrinking groups and any order of probing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub Digest256);

impl FindingId {
    /// Of the kind and its smallest member when first seen; a fleet-wide finding has no member.
    pub fn first(kind: Kind, smallest: Option<&TenantId>) -> Self {
        let member = smallest.map_or("", TenantId::as_str);
        Self(Digest256::of(
            format!("watertight.finding/v1\n{}\n{member}\n", kind.label()).as_bytes(),
        ))
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What one scan claims, before its life is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub kind: Kind,
    pub severity: Severity,
    pub certainty: Certainty,
    pub tenants: BTreeSet<TenantId>,
    /// One sentence.
    pub summary: String,
    pub evidence: Evidence,
    /// Steps in order, each a sentence or a command.
    pub remediation: Vec<String>,
}

/// A claim with its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub id: FindingId,
    pub claim: Claim,
    pub state: State,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Scans in a row that made the claim.
    pub looks: u32,
    pub acknowledgement: Option<Acknowledgement>,
    pub issue_url: Option<String>,
}

impl Finding {
    /// In which order findings are told: worst first, then by kind and members.
    pub fn order(&self) -> (Reverse<Severity>, Kind, &BTreeSet<TenantId>, FindingId) {
        (Reverse(self.claim.severity), self.claim.kind, &self.claim.tenants, self.id)
    }

    /// Whether it breaks isolation now, silenced or not.
    pub fn breaches(&self) -> bool {
        self.claim.kind.breaches()
            && Severity::High <= self.claim.severity
            && self.state != State::Resolved
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    pub by: Box<str>,
    pub reason: Box<str>,
    pub until: Timestamp,
}

/// Facts behind a claim, in the order of their names; the same in JSON, issue and page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence(pub BTreeMap<String, Fact>);

impl Evidence {
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Fact>) -> Self {
        self.0.insert(name.to_owned(), fact.into());
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Text(String),
    Number(i64),
    Yes(bool),
    List(Vec<Fact>),
    Map(BTreeMap<String, Fact>),
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Fact {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Fact {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Fact {
    fn from(yes: bool) -> Self {
        Self::Yes(yes)
    }
}

impl<T: Into<Fact>> From<Vec<T>> for Fact {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Fact>> From<BTreeMap<String, T>> for Fact {
    fn from(map: BTreeMap<String, T>) -> Self {
        Self::Map(map.into_iter().map(|(name, fact)| (name, fact.into())).collect())
    }
}
