//! A finished scan: the one value that every report, metric, page and gate is made from.
//!
//! Why one value: what the terminal says and what the gate says must never differ, so neither may look at anything
//! else.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::address::Address;
use super::finding::{Finding, Health, State, Verdict};
use super::fingerprint::Fingerprint;
use super::observation::Cause;
use super::tenant::{TargetName, TenantId};

#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Sortable by time.
    pub id: Box<str>,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub trigger: Trigger,
    /// Only some tenants were asked for.
    pub partial: bool,
    /// Sorted by id.
    pub tenants: Vec<TenantReport>,
    /// Pending, open and acknowledged ones, and those that this scan resolved. Sorted by severity (worst first),
    /// kind and members.
    pub findings: Vec<Finding>,
    /// What the registry could not tell, in sentences: stale sources, unreadable rows.
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    Cli,
    Schedule,
    Api,
    Webhook,
}

impl Trigger {
    pub const ALL: [Self; 4] = [Self::Cli, Self::Schedule, Self::Api, Self::Webhook];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Schedule => "schedule",
            Self::Api => "api",
            Self::Webhook => "webhook",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct TenantReport {
    pub id: TenantId,
    pub health: Health,
    pub cause: Option<Cause>,
    pub isolation: Verdict,
    /// Why it is `unverified`, in sentences; empty otherwise.
    pub doubts: Vec<String>,
    /// Of `database_url`; `None` where nothing could be tried.
    pub probe: Option<Duration>,
    pub targets: Vec<TargetReport>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TargetReport {
    pub name: TargetName,
    pub address: Arc<Address>,
    pub health: Health,
    pub cause: Option<Cause>,
    /// One line on the cause.
    pub detail: Option<Box<str>>,
    pub fingerprint: Option<Arc<Fingerprint>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub tenants: usize,
    pub isolated: usize,
    pub breached: usize,
    pub unverified: usize,
    pub healthy: usize,
    pub degraded: usize,
    pub unhealthy: usize,
}

/// How many of the tenants have been verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub verified: usize,
    pub tenants: usize,
}

impl Coverage {
    /// From 0 to 1. Of nobody, nothing is covered.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 tenants")]
    pub fn share(self) -> f64 {
        if self.tenants == 0 { 0.0 } else { self.verified as f64 / self.tenants as f64 }
    }

    /// Whether it is at least this share. The quotient is the double nearest to the true share, as a parsed bound is: 98
    /// of 100 meets 0.98. A bound that is not a number is met by nothing, and an empty fleet meets no bound.
    pub fn meets(self, min_coverage: f64) -> bool {
        0 < self.tenants && min_coverage <= self.share()
    }
}

impl Report {
    /// An empty fleet proves nothing, so it is `Unverified`.
    pub fn verdict(&self) -> Verdict {
        self.tenants.iter().map(|it| it.isolation).max().unwrap_or(Verdict::Unverified)
    }

    pub fn summary(&self) -> Summary {
        let isolation = |verdict| self.tenants.iter().filter(|it| it.isolation == verdict).count();
        let health = |health| self.tenants.iter().filter(|it| it.health == health).count();
        Summary {
            tenants: self.tenants.len(),
            isolated: isolation(Verdict::Isolated),
            breached: isolation(Verdict::Breached),
            unverified: isolation(Verdict::Unverified),
            healthy: health(Health::Healthy),
            degraded: health(Health::Degraded),
            unhealthy: health(Health::Unhealthy),
        }
    }

    /// From the start of the scan to its end; zero where a clock was set back in between.
    pub fn took(&self) -> Duration {
        self.finished_at.duration_since(self.started_at).try_into().unwrap_or_default()
    }

    /// Tenants of which nothing is proven. They are no findings, and no format may pass over them.
    pub fn unverified(&self) -> Vec<&TenantId> {
        let unverified = self.tenants.iter().filter(|it| it.isolation == Verdict::Unverified);
        unverified.map(|it| &it.id).collect()
    }

    /// Findings that hold now.
    pub fn standing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.state != State::Resolved)
    }
}
