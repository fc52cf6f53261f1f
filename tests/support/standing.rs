//! A fleet between scans, made up for whoever reads one: metrics, gate, page.
//!
//! Why beside the sample of reports: those show everything that can happen at once. Here a case says whom it is about and
//! nothing else, and fleets have any size.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use watertight::model::finding::{Finding, Health, Verdict};
use watertight::model::report::{Report, TenantReport};
use watertight::model::tenant::{Origin, Target, Tenant, TenantId};
use watertight::standing::Standing;

use crate::sample;

/// The fleet right after a scan that saw these tenants, each with a fresh row in the registry.
pub(crate) fn standing(tenants: Vec<TenantReport>, findings: Vec<Finding>) -> Standing {
    of(sample::report(tenants, findings))
}

pub(crate) fn of(report: Report) -> Standing {
    let tenants: Arc<[Tenant]> = report.tenants.iter().map(row).collect();
    let last_success = Arc::new(answers(&report));
    let full = Arc::new(report);
    Standing { now: Arc::clone(&full), full, tenants, last_success }
}

/// Everybody whose own database answered in that scan.
fn answers(report: &Report) -> BTreeMap<TenantId, Timestamp> {
    let answered = report.tenants.iter().filter(|it| it.targets[0].fingerprint.is_some());
    answered.map(|it| (it.id.clone(), report.finished_at)).collect()
}

pub(crate) fn row(report: &TenantReport) -> Tenant {
    let targets = report.targets.iter();
    Tenant {
        id: report.id.clone(),
        name: None,
        subdomain: None,
        environment: "production".into(),
        particulars: None,
        origin: Origin { source: "tenants.toml".into(), line: None },
        stale: false,
        targets: targets
            .map(|it| Target { name: it.name.clone(), address: Arc::clone(&it.address) })
            .collect(),
    }
}

/// So many tenants, of whom every `unwell_in`-th is not examined and the rest are well. Sorted by id.
pub(crate) fn many(tenants: usize, unwell_in: usize) -> Standing {
    let tenant = |number: usize| {
        let verdict =
            if number.is_multiple_of(unwell_in) { Verdict::Unverified } else { Verdict::Isolated };
        sample::tenant(&format!("tenant-{number:06}"), verdict, Health::Healthy)
    };
    standing((0..tenants).map(tenant).collect(), Vec::new())
}
