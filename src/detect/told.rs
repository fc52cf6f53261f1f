//! Which pairs of tenants are told already, and of which nobody can say.
//!
//! Why sets and not pairs: a family of copies with some thousand members has a million pairs, and is told in one claim.

use std::collections::{BTreeMap, BTreeSet};

use super::servers::Huddle;

/// Pairs of tenants whose relation is settled, as sets.
#[derive(Default)]
pub(super) struct Told {
    groups: Vec<BTreeSet<u32>>,
    of: BTreeMap<u32, Vec<usize>>,
    undecided: Vec<Huddle>,
    doubtful: BTreeMap<u32, Vec<usize>>,
}

impl Told {
    pub(super) fn add(&mut self, group: &BTreeSet<u32>) {
        for tenant in group {
            self.of.entry(*tenant).or_default().push(self.groups.len());
        }
        self.groups.push(group.clone());
    }

    pub(super) fn doubt(&mut self, huddles: &[Huddle]) {
        for huddle in huddles {
            for tenant in huddle.ones.union(&huddle.others) {
                self.doubtful.entry(*tenant).or_default().push(self.undecided.len());
            }
            self.undecided.push(huddle.clone());
        }
    }

    /// Those of `members` that have a partner among them with which nothing is settled yet.
    pub(super) fn open_members(&self, members: &BTreeSet<u32>) -> BTreeSet<u32> {
        if self.together(members) {
            return BTreeSet::new();
        }
        members.iter().copied().filter(|it| self.has_open_partner(*it, members)).collect()
    }

    fn has_open_partner(&self, tenant: u32, members: &BTreeSet<u32>) -> bool {
        let groups = self.of.get(&tenant).into_iter().flatten().map(|it| &self.groups[*it]);
        let doubts =
            self.doubtful.get(&tenant).into_iter().flatten().map(|it| &self.undecided[*it]);
        let partners = doubts.flat_map(|it| {
            let ones = it.others.contains(&tenant).then_some(&it.ones);
            let others = it.ones.contains(&tenant).then_some(&it.others);
            ones.into_iter().chain(others)
        });
        let settled: Vec<&BTreeSet<u32>> = groups.chain(partners).collect();
        // The cheap answers first: large groups are one set, or far from all of the members.
        if settled.iter().map(|it| it.len()).sum::<usize>() + 1 < members.len() {
            return true;
        }
        let known = |it: &u32| *it == tenant || settled.iter().any(|group| group.contains(it));
        !settled.iter().any(|it| members.is_subset(it)) && !members.iter().all(known)
    }

    /// Whether one set settles them all.
    fn together(&self, members: &BTreeSet<u32>) -> bool {
        let first = members.first().and_then(|it| self.of.get(it));
        first.into_iter().flatten().any(|it| members.is_subset(&self.groups[*it]))
    }

    /// Whether every pair of `members` is settled.
    pub(super) fn all(&self, members: &BTreeSet<u32>) -> bool {
        self.together(members) || !members.iter().any(|it| self.has_open_partner(*it, members))
    }
}
