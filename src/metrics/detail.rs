//! Which tenants have series of their own, and what those say.
//!
//! Why not all of them always: each costs eleven series, which Prometheus holds in memory, and a hundred thousand tenants
//! are more than it takes. Above the limit only those are told of whom somebody has to hear: worst first, and how many
//! were left out beside them.
//!
//! Invariants:
//! - nobody is well of whom the last look could not say so;
//! - what is told of a tenant does not depend on who else is told of;
//! - 1 stands at one verdict of each tenant, and at the other two stands 0.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;

use super::list::{
    TENANT_DETAIL_LIMIT, TENANT_DETAIL_WITHHELD, TENANT_FINDINGS, TENANT_INFO, TENANT_LAST_SUCCESS,
    TENANT_PROBE_DURATION, TENANT_UP, TENANT_VERDICT,
};
use super::text::{Text, seconds};
use crate::model::finding::{Finding, Health, Severity, State, Verdict};
use crate::model::report::{TargetReport, TenantReport};
use crate::model::tenant::{TargetName, Tenant, TenantId};
use crate::standing::Standing;

/// More than these a scrape of a hundred thousand series would not end in time.
const MOST: usize = 10_000;

/// Which tenants have series of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// All up to the limit; in a larger fleet those that are not well.
    #[default]
    Auto,
    /// All; in a larger fleet the worst, up to the limit.
    Full,
    /// Those that are not well.
    Offenders,
    /// None.
    Off,
}

impl Detail {
    pub const ALL: [Self; 4] = [Self::Auto, Self::Full, Self::Offenders, Self::Off];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Full => "full",
            Self::Offenders => "offenders",
            Self::Off => "off",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetailOptions {
    detail: Detail,
    limit: usize,
}

impl Default for DetailOptions {
    fn default() -> Self {
        Self::new(Detail::default(), 2_000)
    }
}

impl DetailOptions {
    /// `limit` is cut to 10 000.
    pub fn new(detail: Detail, limit: usize) -> Self {
        let limit = if detail == Detail::Off { 0 } else { limit.min(MOST) };
        Self { detail, limit }
    }

    /// Whether those who are well are told of too.
    const fn takes_all(self, fleet: usize) -> bool {
        match self.detail {
            Detail::Full => true,
            Detail::Auto => fleet <= self.limit,
            Detail::Offenders | Detail::Off => false,
        }
    }
}

struct Row<'a> {
    report: &'a TenantReport,
    /// As the registry tells it; `None` where it does not any more, or could not be read.
    registered: Option<&'a Tenant>,
    last_success: Option<Timestamp>,
    findings: Counts,
}

/// By severity, from low to critical.
type Counts = [usize; Severity::ALL.len()];

impl Row<'_> {
    /// A finding of low severity, such as a common ancestor, leaves a tenant well.
    fn is_well(&self) -> bool {
        let stale = self.registered.is_some_and(|it| it.stale);
        let sound = self.report.isolation == Verdict::Isolated;
        let serves = self.report.health == Health::Healthy;
        sound && serves && !stale && self.worst() <= Some(Severity::Low)
    }

    fn worst(&self) -> Option<Severity> {
        let found = Severity::ALL.iter().zip(self.findings).filter(|(_, count)| 0 < *count);
        found.map(|(severity, _)| *severity).max()
    }

    fn order(&self) -> impl Ord {
        let TenantReport { isolation, health, id, .. } = self.report;
        let stale = self.registered.is_some_and(|it| it.stale);
        (Reverse((*isolation, self.worst(), *health, stale)), id)
    }

    fn own(&self) -> Option<&TargetReport> {
        self.report.targets.iter().find(|it| it.name == TargetName::DatabaseUrl)
    }
}

/// The series of those tenants who are told of.
pub(super) fn tenants(text: &mut Text, standing: &Standing, options: DetailOptions) {
    let fleet = standing.now.tenants.len();
    let rows = chosen(standing, options);
    text.family(&TENANT_DETAIL_LIMIT, |it| it.add(&[], options.limit));
    text.family(&TENANT_DETAIL_WITHHELD, |it| it.add(&[], fleet - rows.len()));
    looks(text, &rows);
    judgements(text, &rows);
}

/// Sorted by id.
fn chosen(standing: &Standing, options: DetailOptions) -> Vec<Row<'_>> {
    let DetailOptions { limit, .. } = options;
    if limit == 0 {
        return Vec::new();
    }
    let all = options.takes_all(standing.now.tenants.len());
    let counts = counts(&standing.now.findings);
    let rows = standing.now.tenants.iter().map(|report| Row {
        report,
        registered: standing.registered(&report.id),
        last_success: standing.last_success.get(&report.id).copied(),
        findings: counts.get(&report.id).copied().unwrap_or_default(),
    });
    let mut rows: Vec<Row<'_>> = rows.filter(|it| all || !it.is_well()).collect();
    if limit < rows.len() {
        rows.sort_by(|one, other| one.order().cmp(&other.order()));
        rows.truncate(limit);
        rows.sort_by(|one, other| one.report.id.cmp(&other.report.id));
    }
    rows
}

/// Of each member, the findings that are open or acknowledged: an acknowledgement makes nothing green.
fn counts(findings: &[Finding]) -> HashMap<&TenantId, Counts> {
    let mut counts: HashMap<&TenantId, Counts> = HashMap::new();
    for finding in findings.iter().filter(|it| is_told(it.state)) {
        for tenant in &finding.claim.tenants {
            counts.entry(tenant).or_default()[finding.claim.severity as usize] += 1;
        }
    }
    counts
}

/// Pending findings are told by reports alone: what is counted here raises alerts.
pub(super) const fn is_told(state: State) -> bool {
    matches!(state, State::Open | State::Acknowledged)
}

/// What the last look at each saw.
fn looks(text: &mut Text, rows: &[Row<'_>]) {
    text.family(&TENANT_UP, |it| {
        for row in rows {
            let answered = row.own().is_some_and(|it| it.fingerprint.is_some());
            it.add(&[row.report.id.as_str()], u8::from(answered));
        }
    });
    text.family(&TENANT_PROBE_DURATION, |it| {
        for row in rows {
            if let Some(took) = row.report.probe {
                it.add(&[row.report.id.as_str()], took.as_secs_f64());
            }
        }
    });
    text.family(&TENANT_LAST_SUCCESS, |it| {
        for row in rows {
            if let Some(at) = row.last_success {
                it.add(&[row.report.id.as_str()], seconds(at));
            }
        }
    });
}

/// What is said of each.
fn judgements(text: &mut Text, rows: &[Row<'_>]) {
    text.family(&TENANT_VERDICT, |it| {
        for row in rows {
            for verdict in Verdict::ALL {
                let holds = row.report.isolation == *verdict;
                it.add(&[row.report.id.as_str(), verdict.label()], u8::from(holds));
            }
        }
    });
    text.family(&TENANT_FINDINGS, |it| {
        for row in rows {
            for (severity, count) in Severity::ALL.iter().zip(row.findings) {
                it.add(&[row.report.id.as_str(), severity.label()], count);
            }
        }
    });
    text.family(&TENANT_INFO, |it| {
        for row in rows {
            let Some(registered) = row.registered else { continue };
            let Some(target) = registered.targets.first() else { continue };
            let provider = target.address.provider.label();
            it.add(&[row.report.id.as_str(), provider, &registered.environment], 1);
        }
    });
}
