//! The fleet as it stands between scans: the last scan of the whole fleet, and what was learnt and said since.
//!
//! Why beside the report: a report is what one scan saw and never changes. A partial scan, and a person who acknowledges a
//! finding, change what must be told now, and every reader (metrics, API, page, gate) has to tell the same.
//!
//! Invariants:
//! - whoever was not looked at since keeps what the last look said of them, never something better, and is as breached as
//!   the findings in which they are;
//! - a tenant that left the registry is gone with the next scan of the whole fleet, whose findings tell what stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::finding::{Finding, FindingId, State, Verdict};
use crate::model::report::{Report, TenantReport};
use crate::model::tenant::{Tenant, TenantId};

#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The last finished scan of the whole fleet, as it was published: what the gate judges the age and the coverage of.
    pub full: Arc<Report>,
    /// The same with what partial scans and people changed since. The same value as `full` where nothing did.
    pub now: Arc<Report>,
    /// Who the tenants are, as the registry told it last. Sorted by id.
    pub tenants: Arc<[Tenant]>,
    /// When each tenant's own database answered last; who never did is not there.
    pub last_success: Arc<BTreeMap<TenantId, Timestamp>>,
}

impl Standing {
    /// A finished scan takes the place of what it looked at. A partial one before any other has nothing to stand on.
    #[must_use]
    pub fn after(
        before: Option<&Self>,
        report: Arc<Report>,
        unreported: Vec<Finding>,
        tenants: Arc<[Tenant]>,
        last_success: Arc<BTreeMap<TenantId, Timestamp>>,
    ) -> Option<Self> {
        if !report.partial {
            return Some(Self { full: Arc::clone(&report), now: report, tenants, last_success });
        }
        let before = before?;
        let mut now = Report::clone(&before.now);
        for tenant in &report.tenants {
            put_tenant(&mut now.tenants, tenant);
        }
        for finding in &report.findings {
            draw_in(&mut now.tenants, finding);
        }
        now.findings = unreported;
        now.findings.extend(report.findings.iter().cloned());
        now.findings.sort_by(|one, other| one.order().cmp(&other.order()));
        Some(Self { full: Arc::clone(&before.full), now: Arc::new(now), tenants, last_success })
    }

    /// What a person said of a finding takes its place. One that is not told here changes nothing.
    #[must_use]
    pub fn with(&self, finding: Finding) -> Self {
        let mut now = Report::clone(&self.now);
        if let Some(place) = now.findings.iter_mut().find(|it| it.id == finding.id) {
            *place = finding;
        }
        Self { now: Arc::new(now), ..self.clone() }
    }

    /// With the acknowledgements among `findings`: those that people gave while the scan ran.
    #[must_use]
    pub fn said(self, findings: Vec<Finding>) -> Self {
        let news = findings.into_iter().filter(|it| {
            it.state == State::Acknowledged
                && self.finding(it.id).is_some_and(|told| told.state != State::Acknowledged)
        });
        news.collect::<Vec<_>>().into_iter().fold(self, |standing, it| standing.with(it))
    }

    pub fn tenant(&self, id: &TenantId) -> Option<&TenantReport> {
        let found = self.now.tenants.binary_search_by(|it| it.id.cmp(id));
        found.ok().and_then(|it| self.now.tenants.get(it))
    }

    /// What the registry says of the tenant.
    pub fn registered(&self, id: &TenantId) -> Option<&Tenant> {
        let found = self.tenants.binary_search_by(|it| it.id.cmp(id));
        found.ok().and_then(|it| self.tenants.get(it))
    }

    pub fn finding(&self, id: FindingId) -> Option<&Finding> {
        self.now.findings.iter().find(|it| it.id == id)
    }

    /// The standing findings in which the tenant is a member, worst first.
    pub fn findings_of<'a>(&'a self, id: &'a TenantId) -> impl Iterator<Item = &'a Finding> {
        let standing = self.now.findings.iter().filter(|it| it.state != State::Resolved);
        standing.filter(move |it| it.claim.tenants.contains(id))
    }
}

/// A member that was not asked about is in the finding all the same, and not as isolated as it was.
fn draw_in(tenants: &mut [TenantReport], finding: &Finding) {
    let verdict = match finding.claim.kind {
        _ if finding.breaches() => Verdict::Breached,
        kind if kind.clouds() && finding.state != State::Resolved => Verdict::Unverified,
        _ => return,
    };
    for id in &finding.claim.tenants {
        let Ok(place) = tenants.binary_search_by(|it| it.id.cmp(id)) else { continue };
        let Some(tenant) = tenants.get_mut(place).filter(|it| it.isolation < verdict) else {
            continue;
        };
        tenant.isolation = verdict;
        tenant.doubts = match verdict {
            Verdict::Unverified => vec![finding.claim.summary.clone()],
            Verdict::Isolated | Verdict::Breached => Vec::new(),
        };
    }
}

fn put_tenant(tenants: &mut Vec<TenantReport>, tenant: &TenantReport) {
    match tenants.binary_search_by(|it| it.id.cmp(&tenant.id)) {
        Ok(place) => tenants[place] = tenant.clone(),
        Err(place) => tenants.insert(place, tenant.clone()),
    }
}
