//! Turns a report into the one number that a pipeline acts on.
//!
//! Why pure and apart: a deployment waits for this number, so every cell of the contract's table is a test case.
//!
//! Invariants:
//! - unknown is never 0: a tenant that was not verified, an empty fleet and a registry that could not be read whole
//!   are `Unverified`, unless the operator asked for less than full coverage;
//! - findings win over doubts: a known fault is not hidden behind an unknown one;
//! - a pending finding counts, and so does an acknowledged one: an acknowledgement silences messages and makes
//!   nothing green.

use crate::model::finding::{Health, Kind, Severity, State, Verdict};
use crate::model::report::{Coverage, Report, TenantReport};

/// What the caller wants judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Findings below it do not count.
    pub fail_on: Severity,
    pub about: About,
    /// The share of the fleet that must have been verified, 0 to 1.
    pub min_coverage: f64,
}

impl Default for Judgement {
    fn default() -> Self {
        Self { fail_on: Severity::High, about: About::All, min_coverage: 1.0 }
    }
}

/// Which question is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// Has every tenant a database of its own? Only the kinds that decide a verdict count.
    Isolation,
    /// Can every tenant's database serve?
    Health,
    /// Both, and every other kind.
    #[default]
    All,
}

impl About {
    pub const ALL: [Self; 3] = [Self::Isolation, Self::Health, Self::All];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Isolation => "isolation",
            Self::Health => "health",
            Self::All => "all",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    /// Whether a finding of this kind answers the question.
    pub const fn covers(self, kind: Kind) -> bool {
        match self {
            Self::Isolation => kind.breaches() || kind.clouds(),
            Self::Health => {
                kind.is_health() || matches!(kind, Kind::MonitorSuspect | Kind::MissingProject)
            }
            Self::All => true,
        }
    }

    fn verified(self, tenant: &TenantReport) -> bool {
        let isolation = tenant.isolation != Verdict::Unverified;
        let health = tenant.health != Health::Unknown;
        match self {
            Self::Isolation => isolation,
            Self::Health => health,
            Self::All => isolation && health,
        }
    }
}

/// What the process ends with. Wrong usage (2) and a fault of our own (70) are the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Clean = 0,
    Findings = 1,
    Unverified = 3,
}

impl Exit {
    pub const fn code(self) -> u8 {
        self as u8
    }
}

pub fn exit_code(report: &Report, judgement: &Judgement) -> Exit {
    let about = judgement.about;
    let found = report.findings.iter().any(|it| {
        it.state != State::Resolved
            && judgement.fail_on <= it.claim.severity
            && about.covers(it.claim.kind)
    });
    if found {
        return Exit::Findings;
    }
    let verified = report.tenants.iter().filter(|it| about.verified(it)).count();
    let coverage = Coverage { verified, tenants: report.tenants.len() };
    // Rows that the registry could not tell make the fleet larger than was counted, so full coverage cannot be claimed.
    let whole = judgement.min_coverage < 1.0 || report.warnings.is_empty();
    if whole && coverage.meets(judgement.min_coverage) { Exit::Clean } else { Exit::Unverified }
}
