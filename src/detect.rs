//! Decides from one scan which tenants share what they must not share, and what else is wrong with them.
//!
//! Why a function over a whole scan: sharing is a property of a set of tenants, so no observation can be judged alone.
//!
//! Invariants:
//! - pure: no I/O, no clock; equal scans give equal detections, byte for byte, in whatever order they were observed;
//! - total: a tenant that was not seen is a doubt, not an error;
//! - the narrowest relation tells a pair: tenants in one database are not told again for the server around it.

pub mod candidates;
mod classes;
pub mod coverage;
mod doubts;
mod drift;
mod exposure;
mod health;
mod index;
mod leftovers;
pub mod lifecycle;
pub mod offboarded;
mod orphans;
mod routes;
mod rows;
mod servers;
mod sharing;
mod stamps;
mod streams;
mod told;
pub mod verdict;
mod wording;

// The cases that hold the detector, and what they are written in.
mod cases;
mod life_cases;
mod notation;
mod offboarded_cases;
mod orphan_cases;
mod single_cases;
mod stamp_cases;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use self::doubts::Doubts;
use self::index::Index;
use self::servers::Servers;
use self::streams::Streams;
use crate::model::change::{Baseline, Change};
use crate::model::finding::{Certainty, Claim, Health, Kind, Severity};
use crate::model::fingerprint::Digest256;
use crate::model::grave::GraveLook;
use crate::model::inventory::Inventory;
use crate::model::observation::{Cause, Observation};
use crate::model::operation::Leftover;
use crate::model::policy::Policy;
use crate::model::relation::{StreamLook, Witnessed};
use crate::model::stamp::StampLook;
use crate::model::tenant::{Duplicate, TargetRef, Tenant, TenantId};

/// Everything that the detector may look at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// `TargetRef` points into these.
    pub tenants: &'a [Tenant],
    /// In any order. A target without one was not asked for: it raises neither claim nor doubt.
    pub observations: &'a [Observation],
    pub witnessed: &'a [Witnessed],
    pub streams: &'a [StreamLook],
    /// A keyed digest of user and password for each target whose URL carries both; the key lives for one scan.
    pub credentials: &'a [(TargetRef, Digest256)],
    /// What each look makes of the stamp, for those of which it says anything.
    pub stamps: &'a [StampLook],
    pub duplicates: &'a [Duplicate],
    pub baselines: &'a [Baseline],
    pub changes: &'a [Change],
    /// Tenants whose previous visit succeeded.
    pub answered_before: &'a BTreeSet<TenantId>,
    /// Of operations.
    pub leftovers: &'a [Leftover],
    /// One for each database of every tenant that left; `None` where they were not visited.
    pub graves: Option<&'a [GraveLook]>,
    /// `None` where no provider is asked, or it could not be read lately.
    pub inventory: Option<&'a Inventory>,
    pub policy: &'a Policy,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Sorted by severity (worst first), kind and members.
    pub claims: Vec<Claim>,
    /// One for each of the case's tenants, in their order.
    pub tenants: Vec<Judged>,
    /// What the store is to remember as each target's identity from now on: first sightings and accepted changes.
    pub baselines: Vec<Baseline>,
}

/// What is known of one tenant, before the findings' life decides its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Why it cannot be called isolated, in sentences; empty if it was proven apart from every tenant seen.
    pub doubts: Vec<String>,
    pub targets: Vec<Condition>,
}

/// A target's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub health: Health,
    pub cause: Option<Cause>,
}

/// Judges one scan.
///
/// A pair of targets that agree in all known facts and that no witness of the case decided is a doubt of both tenants,
/// so a witness that could not run must not be left out silently: its members then count as not looked at.
pub fn detect(case: &Case<'_>) -> Detection {
    let index = Index::new(case);
    let (servers, mut huddles) = Servers::settle(&index);
    let hosts = exposure::shared_host(&index, &servers, &huddles);
    let streams = Streams::follow(&index, &servers);
    huddles.extend(streams.huddles.iter().cloned());
    let mut doubts = Doubts::of(&index, &huddles);
    let mut claims = sharing::relate(&index, &servers, &streams, &huddles);
    let stamps = stamps::follow(&index, &servers, &streams);
    claims.extend(stamps.claims);
    for (tenant, sentence) in stamps.doubts {
        doubts.add(tenant, sentence);
    }
    claims.extend(rows::claims(&index));
    claims.extend(exposure::claims(&index));
    claims.extend(hosts);
    claims.extend(health::claims(&index));
    claims.extend(leftovers::claims(&index));
    claims.extend(orphans::claims(&index));
    claims.extend(offboarded::claims(&index));
    let routes = routes::follow(&index, &servers, &streams);
    claims.extend(routes.claims);
    for (tenant, sentence) in routes.doubts {
        doubts.add(tenant, sentence);
    }
    let drift = drift::judge(&index, |target| {
        !doubts.any(target.tenant) && routes.astray.binary_search(&target).is_err()
    });
    claims.extend(drift.claims);
    claims.retain(|claim| !excepted(case, claim));
    claims.sort_by(|one, other| order(one).cmp(&order(other)));
    let tenants = judged(&index, &mut doubts);
    Detection { claims, tenants, baselines: drift.baselines }
}

/// Whether the policy grants it, until a date that has not come.
fn excepted(case: &Case<'_>, claim: &Claim) -> bool {
    case.policy.exceptions.iter().any(|it| it.covers(claim.kind, claim.tenants.iter(), case.now))
}

/// Worst first; then by kind and members, which no two claims have in common but for their certainty.
fn order(claim: &Claim) -> (Reverse<Severity>, Kind, &BTreeSet<TenantId>, Reverse<Certainty>) {
    (Reverse(claim.severity), claim.kind, &claim.tenants, Reverse(claim.certainty))
}

fn judged(index: &Index<'_>, doubts: &mut Doubts) -> Vec<Judged> {
    let unknown = Condition { health: Health::Unknown, cause: None };
    let tenants = (0_u32..).zip(index.case.tenants);
    tenants
        .map(|(number, tenant)| {
            let mut targets = vec![unknown; tenant.targets.len()];
            for (target, outcome) in index.of_tenant(number) {
                let condition = health::condition(index, *target, outcome);
                targets[target.target as usize] = condition;
            }
            Judged { doubts: doubts.take(number), targets }
        })
        .collect()
}
