//! Each tenant's verdict and health, from what this scan saw and from the findings that still stand.
//!
//! Why from findings and not from claims: sharing that was proven last time and could not be looked at now is still
//! a breach, and an acknowledgement silences it without making it green.
//!
//! Invariants:
//! - `isolated` needs that the tenant was seen, that nothing about it is in doubt, and that no finding says otherwise;
//! - a tenant of which nothing was asked has no report: it is not part of this scan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::index::Index;
use super::{Case, Condition, Judged, excepted};
use crate::model::finding::{Finding, Health, State, Verdict};
use crate::model::observation::{Cause, Outcome};
use crate::model::report::{TargetReport, TenantReport};
use crate::model::tenant::{TargetRef, TenantId};

/// Sorted by id. `judged` is the detection's, one for each of the case's tenants.
pub fn assemble(case: &Case<'_>, judged: &[Judged], findings: &[Finding]) -> Vec<TenantReport> {
    let index = Index::new(case);
    let took: BTreeMap<TargetRef, _> =
        case.observations.iter().map(|it| (it.target, it.took)).collect();
    let (breached, clouded) = standing(case, findings);
    let mut reports: Vec<TenantReport> = Vec::with_capacity(case.tenants.len());
    for visits in index.observed.chunk_by(|one, other| one.0.tenant == other.0.tenant) {
        let tenant = visits[0].0.tenant;
        let Some(judged) = judged.get(tenant as usize) else { continue };
        let id = index.id(tenant).clone();
        let mut doubts = judged.doubts.clone();
        doubts.extend(clouded.get(&id).into_iter().flatten().map(|it| (*it).to_owned()));
        let isolation = if breached.contains(&id) {
            Verdict::Breached
        } else if doubts.is_empty() {
            Verdict::Isolated
        } else {
            Verdict::Unverified
        };
        if isolation != Verdict::Unverified {
            doubts.clear();
        }
        let targets: Vec<TargetReport> = visits
            .iter()
            .map(|(target, outcome)| report(&index, judged, *target, outcome))
            .collect();
        let (health, trouble) = worst(&targets);
        let main = TargetRef { tenant, target: 0 };
        let tried = visits
            .iter()
            .any(|(it, outcome)| *it == main && !matches!(outcome, Outcome::NotTried(_)));
        let probe = took.get(&main).copied().filter(|_| tried);
        reports.push(TenantReport {
            id,
            health,
            cause: trouble,
            isolation,
            doubts,
            probe,
            targets,
        });
    }
    // In place: each id is there once, and a large fleet has no room for a second list.
    reports.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    reports
}

/// The tenants under a finding that breaks isolation, and those under one that clouds it, with its sentences.
/// A finding kept from an earlier scan is excepted like a new one.
fn standing<'a>(
    case: &Case<'_>,
    findings: &'a [Finding],
) -> (BTreeSet<&'a TenantId>, BTreeMap<&'a TenantId, Vec<&'a str>>) {
    let mut breached = BTreeSet::new();
    let mut clouded: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for finding in findings.iter().filter(|it| it.state != State::Resolved) {
        let claim = &finding.claim;
        if excepted(case, claim) {
            continue;
        }
        if finding.breaches() {
            breached.extend(&claim.tenants);
        }
        if claim.kind.clouds() {
            for tenant in &claim.tenants {
                clouded.entry(tenant).or_default().push(&claim.summary);
            }
        }
    }
    (breached, clouded)
}

fn report(
    index: &Index<'_>,
    judged: &Judged,
    target: TargetRef,
    outcome: &Outcome,
) -> TargetReport {
    let row = index.row(target);
    let unknown = Condition { health: Health::Unknown, cause: None };
    let condition = judged.targets.get(target.target as usize).copied().unwrap_or(unknown);
    let detail = match outcome {
        Outcome::Seen(_) => None,
        Outcome::Failed(failure) => Some(failure.detail.clone()),
        Outcome::NotTried(reason) => Some(reason.text().into()),
    };
    TargetReport {
        name: row.name.clone(),
        address: Arc::clone(&row.address),
        health: condition.health,
        cause: condition.cause,
        detail,
        fingerprint: outcome.sighting().map(|it| Arc::clone(&it.fingerprint)),
    }
}

/// The worst of the targets; of equally bad ones the first tells the cause.
fn worst(targets: &[TargetReport]) -> (Health, Option<Cause>) {
    let health = targets.iter().map(|it| it.health).max().unwrap_or(Health::Unknown);
    let cause = targets.iter().find(|it| it.health == health).and_then(|it| it.cause);
    (health, cause)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::detect;
    use super::super::lifecycle::{Examined, advance};
    use super::super::notation::{World, now};
    use super::*;

    /// Each scan of a life, judged with the findings that the ones before left.
    #[track_caller]
    fn check(scans: &[&str], expected: &Expect) {
        let mut findings = Vec::new();
        let mut lines = String::new();
        for scan in scans {
            let world = World::parse(scan);
            let case = world.case();
            let detection = detect(&case);
            let examined = Examined::of(&case, &detection);
            findings = advance(findings, detection.claims, &examined, case.policy, now());
            lines.push_str("scan\n");
            for tenant in assemble(&case, &detection.tenants, &findings) {
                let trouble =
                    tenant.cause.map(|it| format!(" ({})", it.label())).unwrap_or_default();
                lines.push_str(&format!(
                    "{} {} {}{trouble}\n",
                    tenant.id, tenant.isolation, tenant.health
                ));
                tenant.doubts.iter().for_each(|it| lines.push_str(&format!("  {it}\n")));
            }
        }
        expected.assert_eq(&lines);
    }

    const SHARED: &str = "a sys=1 start=1\nb sys=1 start=1\nc\nwitness server=a:5,b:5";

    #[test]
    fn sharing_breaches_its_members_and_nobody_else() {
        check(
            &[SHARED],
            &expect![[r#"
            scan
            a breached healthy
            b breached healthy
            c isolated healthy
        "#]],
        );
    }

    #[test]
    fn sharing_that_cannot_be_looked_at_again_is_still_a_breach() {
        check(
            &[SHARED, "a sys=1 start=1\nb failed=timeout\nc"],
            &expect![[r#"
            scan
            a breached healthy
            b breached healthy
            c isolated healthy
            scan
            a breached healthy
            b breached unhealthy (timeout)
            c isolated healthy
        "#]],
        );
        check(
            &[SHARED, "a sys=1 start=1\nb\nc"],
            &expect![[r#"
            scan
            a breached healthy
            b breached healthy
            c isolated healthy
            scan
            a isolated healthy
            b isolated healthy
            c isolated healthy
        "#]],
        );
    }

    #[test]
    fn an_exception_takes_effect_on_what_was_found_before() {
        check(
            &[SHARED, "a\nb failed=timeout\nexception shared_database a b"],
            &expect![[r#"
            scan
            a breached healthy
            b breached healthy
            c isolated healthy
            scan
            a isolated healthy
            b unverified unhealthy (timeout)
              it was not reached: timeout
        "#]],
        );
    }

    #[test]
    fn what_was_not_seen_is_unverified_and_what_was_not_asked_has_no_report() {
        check(
            &["a\nb failed=timeout\nc untried\nd unasked"],
            &expect![[r#"
            scan
            a isolated healthy
            b unverified unhealthy (timeout)
              it was not reached: timeout
            c unverified unknown
              it was not visited: the scan was stopped before its turn
        "#]],
        );
    }

    #[test]
    fn a_conflict_of_the_registry_and_drift_cloud_the_verdict() {
        check(
            &["a project=host:x project=user:y\nb\nbaseline b sys=7"],
            &expect![[r#"
            scan
            a unverified healthy
              the registry contradicts itself about a
            b unverified healthy
              the database behind b is not the one that was seen before: database_url: the system identifier was 7 and is 1001
        "#]],
        );
    }

    #[test]
    fn health_is_the_worst_of_the_targets() {
        check(
            &["a\na/databases.x failed=timeout\nb connections=90\nc readonly"],
            &expect![[r#"
            scan
            a unverified unhealthy (timeout)
              databases.x was not reached: timeout
            b isolated degraded
            c isolated unhealthy (read_only)
        "#]],
        );
    }

    #[test]
    fn copies_and_plain_text_are_no_breach() {
        check(
            &["a sys=1 tls=none\nb sys=1"],
            &expect![[r#"
            scan
            a isolated healthy
            b isolated healthy
        "#]],
        );
    }
}
