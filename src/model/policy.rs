//! What isolation this platform promises its tenants, and the exceptions that it grants.
//!
//! Why an exception has a reason and an end: an exception that nobody remembers is how a breach is explained away.

use std::num::NonZeroU32;

use jiff::Timestamp;

use super::finding::Kind;
use super::tenant::TenantId;

/// How far apart two tenants must be. Ordered from strict to lenient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    Project,
    Host,
    #[default]
    Cluster,
    Database,
}

impl Isolation {
    pub const ALL: [Self; 4] = [Self::Project, Self::Host, Self::Cluster, Self::Database];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Host => "host",
            Self::Cluster => "cluster",
            Self::Database => "database",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub isolation: Isolation,
    /// Failed scans in a row before a health finding is open and not merely pending.
    pub unhealthy_after: NonZeroU32,
    pub exceptions: Vec<Exception>,
    pub mass_failure: MassFailure,
}

/// When so many fail at once that we suspect ourselves first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MassFailure {
    /// Of the tenants whose previous visit succeeded, 0 to 1.
    pub share: f64,
    pub at_least: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            isolation: Isolation::Cluster,
            unhealthy_after: NonZeroU32::MIN.saturating_add(1),
            exceptions: Vec::new(),
            mass_failure: MassFailure { share: 0.5, at_least: 10 },
        }
    }
}

/// A finding that the platform accepts, until a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub kind: Kind,
    pub tenants: Vec<Pattern>,
    pub reason: Box<str>,
    /// The first moment at which it no longer holds.
    pub until: Timestamp,
}

impl Exception {
    /// An exception covers a finding only if it covers every member: one tenant outside it makes the finding stand.
    pub fn covers<'a>(
        &self,
        kind: Kind,
        mut tenants: impl Iterator<Item = &'a TenantId>,
        now: Timestamp,
    ) -> bool {
        kind == self.kind
            && now < self.until
            && tenants.all(|id| self.tenants.iter().any(|it| it.fits(id.as_str())))
    }
}

/// A name in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub Box<str>);

impl Pattern {
    pub fn fits(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        let mut rest = rest;
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        let fits = |pattern: &str, name: &str| Pattern(pattern.into()).fits(name);
        assert!(fits("*-staging", "acme-staging"));
        assert!(fits("acme", "acme"));
        assert!(fits("*", ""));
        assert!(fits("a*b*c", "aXbYbc"));
        assert!(!fits("a*b*c", "acb"));
        assert!(!fits("ab*ba", "aba"));
        assert!(!fits("acme", "acme-2"));
        assert!(!fits("*-staging", "acme-staging-2"));
    }

    #[test]
    fn one_member_outside_the_exception_makes_the_finding_stand() {
        let until = Timestamp::from_second(100).unwrap();
        let exception = Exception {
            kind: Kind::SharedCluster,
            tenants: vec![Pattern("trial-*".into())],
            reason: "free tier".into(),
            until,
        };
        let ids = |names: &[&str]| {
            names.iter().map(|it| TenantId::parse(it).unwrap()).collect::<Vec<_>>()
        };
        let now = Timestamp::from_second(99).unwrap();
        assert!(exception.covers(Kind::SharedCluster, ids(&["trial-1", "trial-2"]).iter(), now));
        assert!(!exception.covers(Kind::SharedCluster, ids(&["trial-1", "acme"]).iter(), now));
        assert!(!exception.covers(Kind::SharedDatabase, ids(&["trial-1", "trial-2"]).iter(), now));
        assert!(!exception.covers(Kind::SharedCluster, ids(&["trial-1", "trial-2"]).iter(), until));
    }
}
