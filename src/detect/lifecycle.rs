//! The life of findings from scan to scan: what opens, what stays, what is resolved.
//!
//! Why apart from detection: a scan says what it sees now. That sharing was proven an hour ago and could not be looked
//! at since is for this function to remember.
//!
//! Identity: a claim inherits the id of the unresolved finding of its kind with which it shares most members; of equal
//! ones the oldest. A claim that inherits none gets the id of its kind and its smallest member; where another finding
//! has that one already, of the next member, and at last of all members together.
//!
//! Windows: a maintenance window of the registry, or an announced change of the kind, keeps the detector from claiming
//! anything about that tenant's health. So a window opens nothing and clears nothing. What stood before it stays as it
//! was, and is resolved only by a look at a database that serves; what begins within it shows in the tenant's health
//! alone, and once the window is over it waits for its looks like any other. Isolation knows no window.
//!
//! Invariants:
//! - unknown neither opens nor clears: a member that was not verified apart stays in its finding, and a fact that is
//!   withheld does not take back what it said before;
//! - of two findings that grow into one, one goes on and the other is resolved, because the one tells its members;
//! - a finding is resolved only when every member was verified apart in this scan, and one about health only when the
//!   database was seen to serve; a member that left the registry keeps it open, but for a conflict of the registry
//!   itself, which is mended by removing a row, and for the health of a tenant that is gone;
//! - a resolved finding that returns keeps its id and begins anew;
//! - an acknowledgement covers what the person saw: new members or a worse severity open the finding again. When it
//!   ends, whether or not the scan could look, the finding is again what it would be without;
//! - kinds that this detector does not judge are left alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::index::Index;
use super::{Case, Detection, offboarded, orphans};
use crate::model::change::Identity;
use crate::model::finding::{Claim, Fact, Finding, FindingId, Health, Kind, Severity, State};
use crate::model::fingerprint::{Digest256, Fingerprint};
use crate::model::policy::Policy;
use crate::model::stamp::{STAMPED_FOR, StampVerdict};
use crate::model::tenant::{TargetRef, TenantId};

/// What one scan looked at, and what may be concluded from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// Visited, and nothing about them is in doubt.
    pub apart: BTreeSet<TenantId>,
    /// All of their targets that were visited can serve.
    pub serving: BTreeSet<TenantId>,
    /// They serve, and no limit is near.
    pub healthy: BTreeSet<TenantId>,
    /// Seen, but they kept back a part of who they are that they told before.
    pub veiled: BTreeSet<TenantId>,
    /// Seen, but what their roles may do could not be read.
    pub powers_withheld: BTreeSet<TenantId>,
    /// Seen, but nobody could say whose stamp their databases bear.
    pub stamps_unread: BTreeSet<TenantId>,
    /// In the registry, whether visited or not.
    pub registered: BTreeSet<TenantId>,
    /// Whose every project the provider has; `None` where the provider was not read.
    pub projects_there: Option<BTreeSet<TenantId>>,
    /// Who left, and whose databases are not known to be gone; `None` where those were not visited.
    pub left_standing: Option<BTreeSet<TenantId>>,
    /// So many failed at once that our own side is suspected.
    pub mass_failure: bool,
    /// Only some tenants were asked for.
    pub partial: bool,
}

impl Examined {
    pub fn of(case: &Case<'_>, detection: &Detection) -> Self {
        let mut examined = Self {
            registered: case.tenants.iter().map(|it| it.id.clone()).collect(),
            mass_failure: detection.claims.iter().any(|it| it.kind == Kind::MonitorSuspect),
            ..Self::default()
        };
        let index = Index::new(case);
        (examined.veiled, examined.powers_withheld) = withheld(&index);
        examined.left_standing = offboarded::not_gone(&index);
        examined.stamps_unread = stamps_unread(case);
        examined.projects_there = case.inventory.map(|it| orphans::whole(it, case.tenants));
        let visited: BTreeSet<_> = case.observations.iter().map(|it| it.target).collect();
        let tenants: BTreeSet<u32> = visited.iter().map(|it| it.tenant).collect();
        for ((number, tenant), judged) in (0_u32..).zip(case.tenants).zip(&detection.tenants) {
            if !tenants.contains(&number) {
                examined.partial = true;
                continue;
            }
            let health = (0_u32..)
                .zip(&judged.targets)
                .filter(|(target, _)| {
                    visited.contains(&TargetRef { tenant: number, target: *target })
                })
                .map(|(_, condition)| condition.health)
                .max();
            let id = &tenant.id;
            if judged.doubts.is_empty() {
                examined.apart.insert(id.clone());
            }
            if health.is_some_and(|it| it <= Health::Degraded) {
                examined.serving.insert(id.clone());
            }
            if health == Some(Health::Healthy) {
                examined.healthy.insert(id.clone());
            }
        }
        examined
    }

    /// Whether what the finding says was seen not to hold. Asked only where no claim repeats it.
    fn clears(&self, finding: &Claim) -> bool {
        let all = |seen: &BTreeSet<TenantId>| finding.tenants.is_subset(seen);
        let none = |seen: &BTreeSet<TenantId>| finding.tenants.is_disjoint(seen);
        let gone = finding.tenants.is_disjoint(&self.registered);
        match finding.kind {
            // A source that fails keeps its rows, so whoever is not registered was taken out by a person, and nobody is
            // left who could wait for its database to serve.
            Kind::Unhealthy => gone || all(&self.serving),
            Kind::Degraded => gone || all(&self.healthy),
            // What is left is known from the store: where nothing tells it, a person has seen to it.
            Kind::OperationStuck | Kind::DatabaseHandedOutTwice => true,
            Kind::OffboardedReachable if self.mass_failure => false,
            Kind::OffboardedReachable => self.left_standing.as_ref().is_some_and(none),
            // Read whole, and no orphan among it.
            Kind::OrphanedProject => self.projects_there.is_some(),
            Kind::MissingProject if finding.tenants.is_disjoint(&self.registered) => true,
            Kind::MissingProject => self.projects_there.as_ref().is_some_and(all),
            Kind::MonitorSuspect => !self.mass_failure && !self.partial,
            Kind::RegistryConflict => {
                let left: BTreeSet<TenantId> =
                    finding.tenants.intersection(&self.registered).cloned().collect();
                left.is_subset(&self.apart) && (!left.is_empty() || !self.partial)
            }
            Kind::FingerprintDrift | Kind::WrongDatabase => {
                all(&self.apart) && finding.tenants.is_disjoint(&self.veiled)
            }
            Kind::OverPrivilegedRole => {
                all(&self.apart) && finding.tenants.is_disjoint(&self.powers_withheld)
            }
            Kind::ForeignStamp | Kind::StampMissing if says_whose(finding) => {
                all(&self.apart) && finding.tenants.is_disjoint(&self.stamps_unread)
            }
            kind if judged(kind) => all(&self.apart),
            _ => false,
        }
    }
}

/// Who kept back a part of its identity, and who its roles' powers.
fn withheld(index: &Index<'_>) -> (BTreeSet<TenantId>, BTreeSet<TenantId>) {
    let (mut veiled, mut powers) = (BTreeSet::new(), BTreeSet::new());
    for look in &index.looks {
        let id = index.id(look.tenant());
        if index.baseline(look.target).is_some_and(|it| veils(&it.identity, look.fingerprint())) {
            veiled.insert(id.clone());
        }
        if look.sighting.powers.is_none() {
            powers.insert(id.clone());
        }
    }
    (veiled, powers)
}

fn stamps_unread(case: &Case<'_>) -> BTreeSet<TenantId> {
    let unread = case
        .stamps
        .iter()
        .filter(|it| matches!(it.verdict, StampVerdict::Withheld | StampVerdict::Unverifiable));
    unread
        .filter_map(|it| case.tenants.get(it.target.tenant as usize))
        .map(|it| it.id.clone())
        .collect()
}

/// Whether the finding is about signed stamps: one about equal texts needs no key to be taken back.
fn says_whose(finding: &Claim) -> bool {
    finding.kind == Kind::StampMissing || finding.evidence.0.contains_key(STAMPED_FOR)
}

/// Whether a part that was known before is not told now.
fn veils(before: &Identity, now: &Fingerprint) -> bool {
    before.system_identifier.is_some() && now.system_identifier.is_none()
        || before.database_oid.is_some() && now.database_oid.is_none()
        || before.timeline.is_some() && now.timeline.is_none()
}

/// The kinds that `detect` claims. The others are found elsewhere, or not yet.
pub const fn judged(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SharedDatabase
            | Kind::SharedReplication
            | Kind::SharedCluster
            | Kind::SharedProject
            | Kind::ForeignStamp
            | Kind::StampMissing
            | Kind::WrongDatabase
            | Kind::RegistryConflict
            | Kind::FingerprintDrift
            | Kind::SharedCredentials
            | Kind::DatabaseHandedOutTwice
            | Kind::OperationStuck
            | Kind::MonitorSuspect
            | Kind::ClonedLineage
            | Kind::OverPrivilegedRole
            | Kind::InsecureTransport
            | Kind::SharedHost
            | Kind::Unhealthy
            | Kind::Degraded
            | Kind::OffboardedReachable
            | Kind::OrphanedProject
            | Kind::MissingProject
    )
}

/// The findings after this scan: those that hold, and those that it resolved. `previous` may contain resolved ones;
/// they give their id and their issue to a claim that returns, and are otherwise left out.
pub fn advance(
    previous: Vec<Finding>,
    claims: Vec<Claim>,
    examined: &Examined,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Finding> {
    let (resolved, standing): (Vec<_>, Vec<_>) =
        previous.into_iter().partition(|it| it.state == State::Resolved);
    let resolved: BTreeMap<FindingId, Finding> =
        resolved.into_iter().map(|it| (it.id, it)).collect();
    let mut heirs = inherit(&standing, &claims);
    let mut used: BTreeSet<FindingId> = standing.iter().map(|it| it.id).collect();
    let mut findings = Vec::new();
    for (number, claim) in claims.into_iter().enumerate() {
        let finding = if let Some(before) = heirs.remove(&number) {
            continued(&standing[before], claim, examined, policy, now)
        } else {
            let id = fresh_id(&claim, &used);
            used.insert(id);
            opened(id, claim, resolved.get(&id), policy, now)
        };
        findings.push(finding);
    }
    let told: BTreeSet<FindingId> = findings.iter().map(|it| it.id).collect();
    let standing = standing.into_iter().filter(|it| !told.contains(&it.id));
    let by_member = by_member(&findings);
    let left: Vec<Finding> = standing
        .map(|before| {
            let absorbed = absorbed(&before, &findings, &by_member);
            unclaimed(before, absorbed, examined, policy, now)
        })
        .collect();
    findings.extend(left);
    findings.sort_by(|one, other| one.order().cmp(&other.order()));
    findings
}

/// Which standing finding goes on in which claim; each at most once.
fn inherit(standing: &[Finding], claims: &[Claim]) -> BTreeMap<usize, usize> {
    let by_member = by_member(standing);
    let mut kinship = Vec::new();
    for (number, claim) in claims.iter().enumerate() {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for member in members(claim) {
            for before in by_member.get(&(claim.kind, member)).into_iter().flatten() {
                *shared.entry(*before).or_default() += 1;
            }
        }
        for (before, count) in shared {
            let age = (standing[before].first_seen, standing[before].id);
            kinship.push((std::cmp::Reverse(count), age, &claim.tenants, number, before));
        }
    }
    kinship.sort_unstable();
    let mut heirs = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (_, _, _, number, before) in kinship {
        if !heirs.contains_key(&number) && taken.insert(before) {
            heirs.insert(number, before);
        }
    }
    heirs
}

type ByMember<'a> = BTreeMap<(Kind, Option<&'a TenantId>), Vec<usize>>;

fn by_member(findings: &[Finding]) -> ByMember<'_> {
    let mut by_member = ByMember::new();
    for (number, finding) in findings.iter().enumerate() {
        for member in members(&finding.claim) {
            by_member.entry((finding.claim.kind, member)).or_default().push(number);
        }
    }
    by_member
}

/// Whether one of the findings tells all of its members.
fn absorbed(before: &Finding, findings: &[Finding], by_member: &ByMember<'_>) -> bool {
    let Some(smallest) = before.claim.tenants.first() else { return false };
    by_member
        .get(&(before.claim.kind, Some(smallest)))
        .into_iter()
        .flatten()
        .any(|it| before.claim.tenants.is_subset(&findings[*it].claim.tenants))
}

/// A fleet-wide claim has no member, and is its own kin.
fn members(claim: &Claim) -> impl Iterator<Item = Option<&TenantId>> {
    let nobody = claim.tenants.is_empty().then_some(None);
    claim.tenants.iter().map(Some).chain(nobody)
}

fn fresh_id(claim: &Claim, used: &BTreeSet<FindingId>) -> FindingId {
    let mut ids = members(claim).map(|it| FindingId::first(claim.kind, it));
    ids.find(|it| !used.contains(it)).unwrap_or_else(|| {
        let members: Vec<&str> = claim.tenants.iter().map(TenantId::as_str).collect();
        let canonical = format!(
            "watertight.finding/v1\n{}\n{}\n{}\n",
            claim.kind.label(),
            claim.certainty.label(),
            members.join("\n")
        );
        FindingId(Digest256::of(canonical.as_bytes()))
    })
}

fn opened(
    id: FindingId,
    claim: Claim,
    before: Option<&Finding>,
    policy: &Policy,
    now: Timestamp,
) -> Finding {
    Finding {
        id,
        state: unsilenced(claim.kind, 1, policy),
        claim,
        first_seen: now,
        last_seen: now,
        looks: 1,
        acknowledgement: None,
        issue_url: before.and_then(|it| it.issue_url.clone()),
    }
}

fn continued(
    before: &Finding,
    mut claim: Claim,
    examined: &Examined,
    policy: &Policy,
    now: Timestamp,
) -> Finding {
    let members = &before.claim.tenants;
    // One that goes on in the claim and was not seen whole may still hold those together that left it.
    let unseen = members.intersection(&claim.tenants).any(|it| !examined.apart.contains(it));
    let kept: Vec<TenantId> = members
        .difference(&claim.tenants)
        .filter(|it| unseen || !examined.apart.contains(*it))
        .cloned()
        .collect();
    if !kept.is_empty() {
        let names: Vec<Fact> = kept.iter().map(|it| it.as_str().into()).collect();
        claim.evidence = claim.evidence.with("not_verified_apart_since", Fact::List(names));
        claim.tenants.extend(kept);
    }
    let looks = before.looks.saturating_add(1);
    let grown = !claim.tenants.is_subset(&before.claim.tenants) && Severity::High <= claim.severity;
    let worse = before.claim.severity < claim.severity;
    let acknowledgement =
        before.acknowledgement.clone().filter(|it| now < it.until && !grown && !worse);
    let state = match (&acknowledgement, before.state) {
        (Some(_), _) => State::Acknowledged,
        // Once open, it is not pending again because the policy became more patient.
        (None, State::Open) => State::Open,
        (None, _) => unsilenced(claim.kind, looks, policy),
    };
    Finding { claim, state, last_seen: now, looks, acknowledgement, ..before.clone() }
}

fn unsilenced(kind: Kind, looks: u32, policy: &Policy) -> State {
    let patient = kind.is_health() && looks < policy.unhealthy_after.get();
    if patient { State::Pending } else { State::Open }
}

/// A finding that no claim repeats.
fn unclaimed(
    before: Finding,
    absorbed: bool,
    examined: &Examined,
    policy: &Policy,
    now: Timestamp,
) -> Finding {
    if absorbed || examined.clears(&before.claim) {
        return Finding { state: State::Resolved, acknowledgement: None, ..before };
    }
    let expired = before.acknowledgement.as_ref().is_some_and(|it| it.until <= now);
    if expired {
        let state = unsilenced(before.claim.kind, before.looks, policy);
        return Finding { state, acknowledgement: None, ..before };
    }
    before
}

#[cfg(test)]
mod tests;
