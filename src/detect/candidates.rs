//! Which targets could be one running server, and which could stream from each other: those get a second visit.
//!
//! Why three facts: one running server has one system identifier, one postmaster start to the microsecond and one
//! recovery state, so targets that differ in any of them are apart without a second visit. This keeps the groups
//! small even where every project was born of one image and shares its identifier.
//!
//! Invariants:
//! - a withheld fact agrees with every value: what is not known excludes nothing;
//! - a server that was started after our scan began may have been seen before and after, so only its identifier counts;
//! - linear in the targets but for sorting, whatever is withheld.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::classes::{Classes, by_root};
use crate::model::fingerprint::Fingerprint;
use crate::model::observation::{Observation, Sighting};
use crate::model::tenant::{TargetRef, Tenant};

/// Who needs a second visit. Groups and members are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// To be put before the witness: the members of one group could be one running server, and are of several tenants.
    pub groups: Vec<Vec<TargetRef>>,
    /// To be looked at as streams: the standbys of one system identifier, and what could feed them.
    pub families: Vec<Vec<TargetRef>>,
}

/// `scan_started` is by our own clock; a server's start is brought to it by the skew that was measured.
pub fn candidates(
    tenants: &[Tenant],
    observations: &[Observation],
    scan_started: Timestamp,
) -> Candidates {
    let mut seen: Vec<(TargetRef, &Sighting)> = observations
        .iter()
        .filter(|it| (it.target.tenant as usize) < tenants.len())
        .filter_map(|it| Some((it.target, it.outcome.sighting()?)))
        .collect();
    seen.sort_by_key(|(target, _)| *target);
    let facts: Vec<Facts> = seen.iter().map(|(_, it)| Facts::lasting(it, scan_started)).collect();
    let mut classes = Classes::new(seen.len());
    meet(&facts, |ones, others| {
        for other in ones.iter().chain(others) {
            classes.join(ones[0], *other);
        }
    });
    let mut groups: Vec<Vec<TargetRef>> = by_root(&classes.roots())
        .into_iter()
        .map(|group| group.into_iter().map(|it| seen[it].0).collect())
        .filter(|group: &Vec<TargetRef>| several_tenants(group))
        .collect();
    groups.sort_unstable();
    Candidates { groups, families: families(&seen) }
}

fn families(seen: &[(TargetRef, &Sighting)]) -> Vec<Vec<TargetRef>> {
    let mut order: Vec<(u64, TargetRef, &Fingerprint)> = seen
        .iter()
        .filter_map(|(target, it)| {
            Some((it.fingerprint.system_identifier?, *target, &*it.fingerprint))
        })
        .collect();
    order.sort_by_key(|(system, target, _)| (*system, *target));
    let mut families: Vec<Vec<TargetRef>> =
        order.chunk_by(|one, other| one.0 == other.0).filter_map(family).collect();
    families.sort_unstable();
    families
}

fn family(members: &[(u64, TargetRef, &Fingerprint)]) -> Option<Vec<TargetRef>> {
    let standby = |it: &Fingerprint| it.in_recovery != Some(false);
    if !members.iter().any(|(_, _, it)| standby(it)) {
        return None;
    }
    // A standby that streams from nobody may still replay an archive, which any primary may have written.
    let detached = members.iter().any(|(_, _, it)| standby(it) && it.wal_receiver == Some(false));
    let family: Vec<TargetRef> = members
        .iter()
        .filter(|(_, _, it)| detached || standby(it) || it.wal_senders != Some(0))
        .map(|(_, target, _)| *target)
        .collect();
    several_tenants(&family).then_some(family)
}

/// Those that could still be one server with a target of another tenant among them.
///
/// Why: one target that withholds its facts could be any server and draws a whole fleet into its group. Once it was
/// met by all, the others need not meet each other.
pub fn with_partner(members: &[(TargetRef, Facts)]) -> BTreeSet<TargetRef> {
    let facts: Vec<Facts> = members.iter().map(|(_, facts)| *facts).collect();
    let mut kept = BTreeSet::new();
    meet(&facts, |ones, others| {
        let mut together: Vec<TargetRef> = ones.iter().map(|it| members[*it].0).collect();
        together.extend(others.iter().map(|it| members[*it].0));
        if several_tenants(&together) {
            kept.extend(together);
        }
    });
    kept
}

fn several_tenants(group: &[TargetRef]) -> bool {
    group.iter().any(|it| it.tenant != group[0].tenant)
}

/// What one running server has one of. `None` agrees with every value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    pub(super) system: Option<u64>,
    pub(super) started: Option<i64>,
    pub(super) recovery: Option<bool>,
}

impl Facts {
    pub(super) fn of(fingerprint: &Fingerprint) -> Self {
        Self {
            system: fingerprint.system_identifier,
            started: fingerprint.started_at,
            recovery: fingerprint.in_recovery,
        }
    }

    /// As far as they last through a scan that began at `scan_started`.
    pub fn lasting(sighting: &Sighting, scan_started: Timestamp) -> Self {
        let facts = Self::of(&sighting.fingerprint);
        let skew = sighting.vitals.clock_skew_millis.unwrap_or(0).saturating_mul(1000);
        let restarted =
            facts.started.is_some_and(|it| scan_started.as_microsecond() < it.saturating_sub(skew));
        if restarted { Self { started: None, recovery: None, ..facts } } else { facts }
    }

    /// Which facts are known, one bit each.
    fn known(self) -> usize {
        usize::from(self.system.is_some())
            | usize::from(self.started.is_some()) << 1
            | usize::from(self.recovery.is_some()) << 2
    }

    /// Whether nothing is withheld.
    pub fn complete(self) -> bool {
        self.known() == PATTERNS - 1
    }

    fn only(self, known: usize) -> Self {
        Self {
            system: self.system.filter(|_| known & 1 != 0),
            started: self.started.filter(|_| known & 2 != 0),
            recovery: self.recovery.filter(|_| known & 4 != 0),
        }
    }

    pub(super) fn agree(self, other: Self) -> bool {
        let common = self.known() & other.known();
        self.only(common) == other.only(common)
    }
}

const PATTERNS: usize = 8;

/// Calls `visit` with sets of which every member of the one agrees with every member of the other. Each agreeing
/// pair is in exactly one call; a set that agrees within itself comes as both arguments.
///
/// Why not pair by pair: facts are told apart by which of them are known, and within two such patterns agreeing is
/// plain equality of what both know, which sorting finds.
pub(super) fn meet(facts: &[Facts], mut visit: impl FnMut(&[usize], &[usize])) {
    let mut patterns: [Vec<usize>; PATTERNS] = Default::default();
    for (place, it) in facts.iter().enumerate() {
        patterns[it.known()].push(place);
    }
    for one in 0..PATTERNS {
        for other in one..PATTERNS {
            let key = |place: &usize| facts[*place].only(one & other);
            let ones = runs(&patterns[one], key);
            if one == other {
                ones.iter().filter(|it| 1 < it.len()).for_each(|it| visit(it, it));
            } else if !patterns[other].is_empty() {
                let others = runs(&patterns[other], key);
                for run in &ones {
                    let same = others.binary_search_by_key(&key(&run[0]), |it| key(&it[0]));
                    if let Ok(same) = same {
                        visit(run, &others[same]);
                    }
                }
            }
        }
    }
}

/// The places with equal keys, in the order of the keys.
fn runs(places: &[usize], key: impl Fn(&usize) -> Facts) -> Vec<Vec<usize>> {
    let mut order = places.to_vec();
    order.sort_by_key(&key);
    order.chunk_by(|one, other| key(one) == key(other)).map(<[usize]>::to_vec).collect()
}

/// The tenants of some targets.
pub(super) fn tenants_of(targets: impl IntoIterator<Item = TargetRef>) -> BTreeSet<u32> {
    targets.into_iter().map(|it| it.tenant).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::notation::World;
    use super::*;

    #[test]
    fn once_the_withholding_are_gone_only_those_of_one_kind_need_to_meet() {
        #[track_caller]
        fn check(members: &[(u32, Option<i64>)], expected: &[u32]) {
            let target = |tenant| TargetRef { tenant, target: 0 };
            let facts = |started| Facts { started, ..Facts::default() };
            let members: Vec<_> =
                members.iter().map(|(it, at)| (target(*it), facts(*at))).collect();
            let kept: Vec<u32> = with_partner(&members).iter().map(|it| it.tenant).collect();
            assert_eq!(kept, expected);
        }
        check(&[(1, Some(1)), (2, Some(2)), (3, None)], &[1, 2, 3]);
        check(&[(1, Some(1)), (2, Some(2)), (3, Some(1))], &[1, 3]);
        check(&[(1, Some(1)), (2, Some(2))], &[]);
        check(&[(1, None)], &[]);
    }

    #[track_caller]
    fn check(scan: &str, expected: &Expect) {
        let world = World::parse(scan);
        // Servers of the notation start in the first seconds of 1970.
        let started = Timestamp::from_microsecond(5000).unwrap();
        let found = candidates(&world.tenants, &world.observations, started);
        let mut lines = String::new();
        for (word, groups) in [("group", &found.groups), ("family", &found.families)] {
            for group in groups {
                let names: Vec<String> = group
                    .iter()
                    .map(|it| format!("{}.{}", world.tenants[it.tenant as usize].id, it.target))
                    .collect();
                lines.push_str(&format!("{word} {}\n", names.join(" ")));
            }
        }
        expected.assert_eq(&lines);
    }

    #[test]
    fn only_targets_that_agree_in_all_three_facts_are_candidates() {
        check(
            "a sys=1 start=1\nb sys=1 start=1\nc sys=2 start=1\nd sys=1 start=2\ne sys=1 start=1 rec=t",
            &expect![[r#"
                group a.0 b.0
                family a.0 b.0 d.0 e.0
            "#]],
        );
    }

    #[test]
    fn targets_of_one_tenant_need_no_witness_among_themselves() {
        check("a sys=1 start=1\na/endpoints.x sys=1 start=1", &expect![[""]]);
        check(
            "a sys=1 start=1\na/endpoints.x sys=1 start=1\nb sys=1 start=1",
            &expect![[r#"
            group a.0 a.1 b.0
        "#]],
        );
    }

    #[test]
    fn what_is_withheld_agrees_with_everything() {
        check(
            "a sys=? start=1\nb sys=2 start=1\nc sys=3 start=2",
            &expect![[r#"
            group a.0 b.0
        "#]],
        );
        check(
            "a sys=? start=? rec=?\nb\nc",
            &expect![[r#"
            group a.0 b.0 c.0
        "#]],
        );
        check(
            "a sys=? start=1\nb sys=2 start=?\nc sys=3 start=2",
            &expect![[r#"
            group a.0 b.0
        "#]],
        );
        check("a sys=? start=1\nb sys=? start=2", &expect![[""]]);
        check("a sys=1 start=? rec=f\nb sys=? start=3 rec=t", &expect![[""]]);
    }

    #[test]
    fn a_server_restarted_in_mid_scan_is_compared_by_its_identifier() {
        check(
            "a sys=1 start=1\nb sys=1 start=5001\nc sys=2 start=1",
            &expect![[r#"
            group a.0 b.0
        "#]],
        );
        check("a sys=1 start=1\nb sys=1 start=5000", &expect![[""]]);
        check("a sys=1 start=1\nb sys=1 start=9000 skew=4", &expect![[""]]);
        check(
            "a sys=1 start=1\nb sys=1 start=9001 skew=4",
            &expect![[r#"
            group a.0 b.0
        "#]],
        );
    }

    #[test]
    fn a_standby_and_what_could_feed_it_are_a_family() {
        check(
            "a sys=1 senders=1\nb sys=1 rec=t receiver=t\nc sys=1\nd sys=2 senders=1",
            &expect![[r#"
                family a.0 b.0
            "#]],
        );
        check(
            "a sys=1 senders=?\nb sys=1 rec=t receiver=t",
            &expect![[r#"
            family a.0 b.0
        "#]],
        );
        check("a sys=1\nb sys=1 rec=t receiver=t", &expect![[""]]);
        check(
            "a sys=1\nb sys=1 rec=t",
            &expect![[r#"
            family a.0 b.0
        "#]],
        );
        check(
            "a sys=1 rec=t receiver=t\nb sys=1 rec=t receiver=t",
            &expect![[r#"
            family a.0 b.0
        "#]],
        );
        check("a sys=1 senders=1\na/endpoints.x sys=1 rec=t receiver=t", &expect![[""]]);
    }

    /// Every pair that agrees is met exactly once, and no other.
    #[test]
    fn meeting_finds_every_agreeing_pair_once() {
        let options = [None, Some(1), Some(2)];
        let mut facts = Vec::new();
        for system in options {
            for started in options {
                for recovery in [None, Some(false), Some(true)] {
                    let started = started.map(|it: u64| i64::try_from(it).unwrap());
                    facts.extend([Facts { system, started, recovery }; 2]);
                }
            }
        }
        let mut met = std::collections::BTreeMap::new();
        meet(&facts, |ones, others| {
            for one in ones {
                for other in others.iter().filter(|it| ones != others || one < *it) {
                    *met.entry((*one.min(other), *one.max(other))).or_insert(0) += 1;
                }
            }
        });
        for one in 0..facts.len() {
            for other in one + 1..facts.len() {
                let expected = facts[one].agree(facts[other]).then_some(&1);
                assert_eq!(met.get(&(one, other)), expected, "{:?} {:?}", facts[one], facts[other]);
            }
        }
    }
}
