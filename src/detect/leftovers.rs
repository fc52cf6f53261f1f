//! What operations have left behind that only a person may take away.
//!
//! Why told by the scan like everything else: a stuck operation must page, have an issue and be silenced as any finding
//! is, and it is gone when a person has seen to it.
//!
//! Invariant: what a provider says stands in the evidence as it is told to people, and is never judged.

use std::collections::BTreeSet;

use super::index::Index;
use super::wording::named;
use crate::model::finding::{Certainty, Claim, Evidence, Fact, Kind, Severity};
use crate::model::operation::Leftover;

/// Of its provider's words, in characters.
const LONGEST: usize = 500;

pub(super) fn claims(index: &Index<'_>) -> Vec<Claim> {
    let leftovers = index.case.leftovers.iter();
    let twice = leftovers.clone().filter(|it| !it.tied.is_empty()).map(handed_out_twice);
    twice.chain(leftovers.map(stuck)).collect()
}

/// The new tenant never came to be: the ones that are told of are those whose database it was.
fn handed_out_twice(leftover: &Leftover) -> Claim {
    let tenants: BTreeSet<_> =
        leftover.tied.iter().cloned().chain([leftover.tenant.clone()]).collect();
    let owners = named(&leftover.tied);
    Claim {
        kind: Kind::DatabaseHandedOutTwice,
        severity: Severity::Critical,
        certainty: Certainty::Proven,
        summary: format!(
            "the provider gave {} the database of {owners}; nobody was routed there, and nothing of {owners} was touched",
            leftover.tenant
        ),
        evidence: evidence(leftover),
        remediation: vec![
            format!("Tell the provider that it handed out a database that is in use, with the reference of the project: {}.", projects(leftover)),
            format!("Change the password of {owners}: whoever was given the database may have seen it."),
            "Provision nothing more from this provider until it has explained how that could happen.".to_owned(),
            settle(leftover),
        ],
        tenants,
    }
}

fn stuck(leftover: &Leftover) -> Claim {
    let (kind, tenant) = (leftover.kind.label(), &leftover.tenant);
    Claim {
        kind: Kind::OperationStuck,
        severity: Severity::Critical,
        certainty: Certainty::Proven,
        summary: format!("the {kind} of {tenant} is stuck at {}", leftover.step.label()),
        evidence: evidence(leftover),
        remediation: vec![
            format!(
                "Read what stands in the way: `GET /api/v1/operations/{}`, or the daemon's log.",
                leftover.operation
            ),
            format!("Look at what is left at the provider: {}.", projects(leftover)),
            "Take it away there by hand, once it is certain that it is nobody's.".to_owned(),
            settle(leftover),
        ],
        tenants: [tenant.clone()].into(),
    }
}

fn projects(leftover: &Leftover) -> String {
    if leftover.projects.is_empty() {
        return "it was given none that we know of".to_owned();
    }
    leftover.projects.join(", ")
}

fn settle(leftover: &Leftover) -> String {
    format!(
        "When nothing is left, say so: `POST /api/v1/operations/{}/settle` with what was done; the next scan resolves this.",
        leftover.operation
    )
}

fn evidence(leftover: &Leftover) -> Evidence {
    let projects = leftover.projects.iter().map(|it| Fact::from(&**it)).collect();
    let why: String = leftover.why.chars().take(LONGEST).collect();
    Evidence::default()
        .with("operation", leftover.operation.as_str())
        .with("step", leftover.step.label())
        .with("why", why)
        .with("projects", Fact::List(projects))
}
