//! What is true of the fleet, as a test decides it, and the scan that sees exactly that.
//!
//! Why through the real store: what the loop reads of findings that are over, it reads there, and a process that is started
//! again knows nothing else.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use watertight::clock;
use watertight::model::finding::{
    Certainty, Claim, Evidence, Finding, FindingId, Kind, Severity, State,
};
use watertight::model::report::{Report, Trigger};
use watertight::model::tenant::TenantId;
use watertight::report::json;
use watertight::standing::Standing;
use watertight::store::Store;
use watertight::store::scans::FinishedScan;

/// A finding that holds. Its first member must stay the smallest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) tenants: Vec<String>,
}

/// `shared_database critical acme globex`.
pub(crate) fn fact(text: &str) -> Fact {
    let mut words = text.split_whitespace().map(ToOwned::to_owned);
    let (kind, severity) = (words.next().unwrap(), words.next().unwrap());
    Fact { kind, severity, tenants: words.collect() }
}

impl Fact {
    pub(crate) fn id(&self) -> FindingId {
        let first = self.tenants.first().map(|it| TenantId::parse(it).unwrap());
        FindingId::first(Kind::parse(&self.kind).unwrap(), first.as_ref())
    }

    fn claim(&self) -> Claim {
        let tenants: BTreeSet<TenantId> =
            self.tenants.iter().map(|it| TenantId::parse(it).unwrap()).collect();
        Claim {
            kind: Kind::parse(&self.kind).unwrap(),
            severity: Severity::parse(&self.severity).unwrap(),
            certainty: Certainty::Proven,
            summary: format!("{} share something.", self.tenants.join(" and ")),
            evidence: Evidence::default().with("system_identifier", "7415923450938475109"),
            remediation: vec!["Look with `watertight check acme`.".to_owned()],
            tenants,
        }
    }
}

/// Stores a scan that sees the truth, and gives what stands then.
pub(crate) fn scan(store: &Store, truth: &[Fact]) -> Arc<Standing> {
    let started_at = clock::now();
    let before = store.standing_findings().unwrap();
    let known = |id: FindingId| before.iter().find(|it| it.id == id);
    let mut findings: Vec<Finding> =
        truth.iter().map(|it| seen(it, known(it.id()), started_at)).collect();
    let seen: BTreeSet<FindingId> = findings.iter().map(|it| it.id).collect();
    let gone = before.iter().filter(|it| !seen.contains(&it.id));
    findings.extend(gone.map(|it| Finding {
        state: State::Resolved,
        acknowledgement: None,
        ..it.clone()
    }));
    findings.sort_by(|one, other| one.order().cmp(&other.order()));
    let finished_at = clock::now();
    let report = Report {
        id: format!("{:016x}", finished_at.as_microsecond()).into(),
        started_at,
        finished_at,
        trigger: Trigger::Schedule,
        partial: false,
        tenants: Vec::new(),
        findings,
        warnings: Vec::new(),
    };
    store
        .finish_scan(&FinishedScan {
            report: &report,
            write_json: &|out: &mut dyn Write| json::write(&report, out),
            findings: &report.findings,
            unreported: &[],
            baselines: &[],
        })
        .unwrap();
    // What people said while the scan ran, and the pages of issues, come from the store.
    let mut now = report.clone();
    for finding in &mut now.findings {
        if let Some(stored) = store.finding(finding.id).unwrap() {
            *finding = stored;
        }
    }
    Arc::new(Standing {
        full: Arc::new(report),
        now: Arc::new(now),
        tenants: Arc::new([]),
        last_success: Arc::default(),
    })
}

fn seen(fact: &Fact, before: Option<&Finding>, now: jiff::Timestamp) -> Finding {
    let claim = fact.claim();
    let grown = |it: &Finding| !claim.tenants.is_subset(&it.claim.tenants);
    let acknowledgement = before.filter(|it| !grown(it)).and_then(|it| it.acknowledgement.clone());
    let acknowledgement = acknowledgement.filter(|it| now < it.until);
    Finding {
        id: fact.id(),
        state: if acknowledgement.is_some() { State::Acknowledged } else { State::Open },
        first_seen: before.map_or(now, |it| it.first_seen),
        last_seen: now,
        looks: before.map_or(1, |it| it.looks + 1),
        issue_url: None,
        acknowledgement,
        claim,
    }
}
