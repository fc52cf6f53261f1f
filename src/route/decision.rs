//! Whether the tenant that a token names may be led to its database.
//!
//! Why quarantine asks for proof: whoever is led away from their database is offline. A guess must not do that, and neither
//! must a mark that anybody who can write to one database can forge against the tenant of another. So a stamp counts only
//! where its signature says whose it is, and then against whoever bears it.
//!
//! Why an acknowledgement changes nothing here: it says that somebody knows, and the database is shared all the same.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::token::Vouched;
use crate::model::finding::{Certainty, Claim, Fact, Finding, FindingId, Kind, Severity, State};
use crate::model::stamp::STAMPED_FOR;
use crate::model::tenant::TenantId;

/// For how long whoever asked may go by the answer: about one scan, so that a quarantine reaches them soon.
const HOLDS: SignedDuration = SignedDuration::from_mins(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To its own database, until then.
    Routed {
        expires_at: Timestamp,
    },
    Unknown,
    /// Its row in the registry leads nowhere.
    NotActive,
    Quarantined {
        finding: FindingId,
    },
}

/// What is known of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    No,
    /// Its row cannot be used.
    Unusable,
    Yes,
}

pub fn decide(
    vouched: &Vouched,
    registered: Registered,
    findings: &[Finding],
    quarantine: bool,
    now: Timestamp,
) -> Decision {
    match registered {
        Registered::No => return Decision::Unknown,
        Registered::Unusable => return Decision::NotActive,
        Registered::Yes => {}
    }
    let barred = findings.iter().find(|it| quarantine && bars(it, &vouched.tenant));
    if let Some(finding) = barred {
        return Decision::Quarantined { finding: finding.id };
    }
    let holds = now.saturating_add(HOLDS).unwrap_or(Timestamp::MAX);
    Decision::Routed { expires_at: holds.min(vouched.expires_at) }
}

fn bars(finding: &Finding, tenant: &TenantId) -> bool {
    let claim = &finding.claim;
    let shares = matches!(
        claim.kind,
        Kind::SharedDatabase
            | Kind::SharedReplication
            | Kind::SharedCluster
            | Kind::SharedProject
            | Kind::DatabaseHandedOutTwice
    );
    (shares || bears_anothers_stamp(claim, tenant))
        && claim.severity == Severity::Critical
        && claim.certainty == Certainty::Proven
        && finding.state != State::Resolved
        && claim.tenants.contains(tenant)
}

/// Whose stamp it is, only a signature says. A finding that was first about two equal texts may have kept its owner as a
/// member; it is not the bearer.
fn bears_anothers_stamp(claim: &Claim, tenant: &TenantId) -> bool {
    let owners = match claim.evidence.0.get(STAMPED_FOR) {
        Some(Fact::List(owners)) if claim.kind == Kind::ForeignStamp => owners,
        _ => return false,
    };
    !owners.contains(&Fact::Text(tenant.to_string()))
}

/// How a request ended, for the metric and the record. The labels are a published interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Routed,
    TokenRefused,
    /// The issuer's keys were never read.
    NoKeys,
    /// The request named another tenant than its token.
    Contradicted,
    UnknownTenant,
    NotActive,
    Quarantined,
    /// The tenant's own password cannot be read.
    NoSecret,
}

impl Outcome {
    pub const ALL: [Self; 8] = [
        Self::Routed,
        Self::TokenRefused,
        Self::NoKeys,
        Self::Contradicted,
        Self::UnknownTenant,
        Self::NotActive,
        Self::Quarantined,
        Self::NoSecret,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Routed => "routed",
            Self::TokenRefused => "token_refused",
            Self::NoKeys => "no_keys",
            Self::Contradicted => "contradicted",
            Self::UnknownTenant => "unknown_tenant",
            Self::NotActive => "not_active",
            Self::Quarantined => "quarantined",
            Self::NoSecret => "no_secret",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Evidence;

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn finding(kind: Kind, severity: Severity, tenants: &[&str], owners: &[&str]) -> Finding {
        let mut evidence = Evidence::default();
        if !owners.is_empty() {
            evidence = evidence.with(STAMPED_FOR, owners.to_vec());
        }
        let claim = Claim {
            kind,
            severity,
            certainty: Certainty::Proven,
            tenants: tenants.iter().map(|it| id(it)).collect(),
            summary: String::new(),
            evidence,
            remediation: Vec::new(),
        };
        Finding {
            id: FindingId::first(kind, claim.tenants.first()),
            claim,
            state: State::Open,
            first_seen: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            looks: 1,
            acknowledgement: None,
            issue_url: None,
        }
    }

    /// Who of acme and globex is led to a database beside this finding.
    #[track_caller]
    fn check(finding: &Finding, routed: &[&str]) {
        let led = |tenant: &&str| {
            let vouched = Vouched { tenant: id(tenant), expires_at: Timestamp::MAX };
            let findings = std::slice::from_ref(finding);
            let now = Timestamp::UNIX_EPOCH;
            let decision = decide(&vouched, Registered::Yes, findings, true, now);
            matches!(decision, Decision::Routed { .. })
        };
        let found: Vec<&str> = ["acme", "globex"].into_iter().filter(led).collect();
        assert_eq!(found, routed, "{finding:?}");
    }

    #[test]
    fn who_bears_anothers_stamp_is_led_nowhere_and_its_owner_is() {
        let stamp = |tenants: &[&str], owners: &[&str]| {
            finding(Kind::ForeignStamp, Severity::Critical, tenants, owners)
        };
        check(&stamp(&["globex"], &["acme"]), &["acme"]);
        // First told of two equal texts, of which the one is now known to be acme's own.
        check(&stamp(&["acme", "globex"], &["acme"]), &["acme"]);
        check(&stamp(&["acme", "globex"], &[]), &["acme", "globex"]);
        let deliberate = finding(Kind::ForeignStamp, Severity::Low, &["globex"], &["acme"]);
        check(&deliberate, &["acme", "globex"]);
        let resolved = Finding { state: State::Resolved, ..stamp(&["globex"], &["acme"]) };
        check(&resolved, &["acme", "globex"]);
        check(&finding(Kind::SharedDatabase, Severity::Critical, &["acme", "globex"], &[]), &[]);
    }
}
