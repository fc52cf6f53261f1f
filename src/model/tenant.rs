//! A tenant: a customer of the platform, and the ways that lead to its database.
//!
//! Why names are normalised when parsed: registries write one tenant as `Acme`, `acme.` and `ACME`. Comparing
//! raw text would count them as three customers and miss that they contradict each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::address::Address;

/// The longest id or subdomain that is accepted, in bytes: that of a DNS name.
const LONGEST_NAME: usize = 253;

/// A tenant's id after normalising: lower case, IDN as ASCII, no trailing dot.
///
/// Cheap to clone: ids stand in findings, reports and indices at once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a tenant id: 1 to 253 characters of a-z, 0-9, '-', '_' and '.' after lower-casing, not starting with '.' or '-'"
)]
pub struct InvalidTenantId(String);

impl TenantId {
    /// The alphabet is small so that an id needs no escaping in a URL path, a metric label or an issue title.
    pub fn parse(raw: &str) -> Result<Self, InvalidTenantId> {
        match normalise(raw) {
            Some(name) => Ok(Self(name.into())),
            None => Err(InvalidTenantId(raw.chars().take(80).collect())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One spelling for one name, or `None` where the text is no name: what the registry's duplicates are judged by.
pub fn normalise(raw: &str) -> Option<String> {
    let trimmed = raw.trim();
    let name = trimmed.strip_suffix('.').unwrap_or(trimmed);
    let name = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(name).ok()?
    };
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let valid = (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with(['.', '-']);
    valid.then_some(name)
}

/// One customer, as the registry tells it. Carries no secret: see `registry::Access` for those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub name: Option<Box<str>>,
    /// Normalised like the id.
    pub subdomain: Option<Box<str>>,
    pub environment: Arc<str>,
    /// `None` where the row says none of it: see `particulars()`.
    pub particulars: Option<Box<Particulars>>,
    pub origin: Origin,
    /// Kept from an earlier read because its source failed or shrank.
    pub stale: bool,
    /// Never empty; the first is `database_url`.
    pub targets: Vec<Target>,
}

impl Tenant {
    pub fn particulars(&self) -> &Particulars {
        const NONE: &Particulars = &Particulars {
            clone_of: None,
            managed_by: None,
            region: None,
            labels: BTreeMap::new(),
            maintenance: None,
        };
        self.particulars.as_deref().unwrap_or(NONE)
    }
}

/// What most rows do not say. Apart from the tenant, because a large fleet stands in memory for the whole scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    /// The tenant of which this one is a deliberate copy: shared lineage and its stamp are then expected.
    pub clone_of: Option<TenantId>,
    /// Who else manages it; such a tenant is never adopted, deleted, rotated or moved by us.
    pub managed_by: Option<Box<str>>,
    pub region: Option<Box<str>>,
    pub labels: BTreeMap<Box<str>, Box<str>>,
    pub maintenance: Option<Maintenance>,
}

impl Particulars {
    /// Nothing is kept of a row that says nothing.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// A window in which trouble with a tenant's health is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    pub until: Timestamp,
    pub reason: Box<str>,
}

/// Where the registry says so: what an operator opens to mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The source's name: a file's path, `store`, or a query's host and database, never a URL.
    pub source: Arc<str>,
    /// Counted from 1; `None` where the source has no lines.
    pub line: Option<u32>,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}", self.source),
            None => formatter.write_str(&self.source),
        }
    }
}

/// Rows of the registry that cannot all be right. A row that contradicts itself is seen from its address instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub field: DuplicateField,
    /// The value on which the rows meet, after normalising.
    pub value: Box<str>,
    pub tenants: BTreeSet<TenantId>,
    /// Where each row stands.
    pub rows: Vec<Origin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DuplicateField {
    Id,
    Subdomain,
}

impl DuplicateField {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Subdomain => "subdomain",
        }
    }
}

/// One way to one database of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub name: TargetName,
    /// Shared with the reports of every scan, so that a large fleet holds it once.
    pub address: Arc<Address>,
}

/// What a target is to its tenant. Ordered as a report lists them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetName {
    /// The tenant's own database: its fingerprint is the tenant's.
    DatabaseUrl,
    /// A further way to the same database: a pooler, a replica.
    Endpoint(Box<str>),
    /// A further database of the tenant's own.
    Database(Box<str>),
}

impl TargetName {
    /// The inverse of `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('.') {
            None => (text == "database_url").then_some(Self::DatabaseUrl),
            Some(("endpoints", name)) => Some(Self::Endpoint(name.into())),
            Some(("databases", name)) => Some(Self::Database(name.into())),
            Some(_) => None,
        }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DatabaseUrl => formatter.write_str("database_url"),
            Self::Endpoint(name) => write!(formatter, "endpoints.{name}"),
            Self::Database(name) => write!(formatter, "databases.{name}"),
        }
    }
}

/// A target of a snapshot by position: what the pipeline's stages pass to each other, small enough for fleets of
/// a hundred thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetRef {
    /// Index into the snapshot's tenants.
    pub tenant: u32,
    /// Index into that tenant's targets.
    pub target: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: Option<&str>) {
        assert_eq!(TenantId::parse(raw).ok().map(|id| id.to_string()).as_deref(), expected);
    }

    #[test]
    fn case_idn_and_a_trailing_dot_are_one_name() {
        check("Acme", Some("acme"));
        check("acme.", Some("acme"));
        check(" acme ", Some("acme"));
        check("Orchestra_1", Some("orchestra_1"));
        check("bücher", Some("xn--bcher-kva"));
        check("BÜCHER.", Some("xn--bcher-kva"));
        check("0b7c1a52-5b0e-4c57-9d2e-2f4f0e0a1b11", Some("0b7c1a52-5b0e-4c57-9d2e-2f4f0e0a1b11"));
    }

    #[test]
    fn what_would_need_escaping_is_no_id() {
        for raw in ["", " ", ".", "a b", "a/b", "a@b", "<b>", "-a", "..a", "a\nb", "a\u{0}"] {
            check(raw, None);
        }
        check(&"a".repeat(253), Some(&"a".repeat(253)));
        check(&"a".repeat(254), None);
    }

    #[test]
    fn a_target_name_is_read_back_as_it_is_written() {
        for text in ["database_url", "endpoints.pooler", "databases.a.b"] {
            assert_eq!(TargetName::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(TargetName::parse("endpoint"), None);
    }
}
