//! What the answers of a witness prove: which members are one running server, and which are provably not.
//!
//! Why two rules, and both needed: a reader that does not see its own lock has seen nothing (control), and a lock
//! that was not seen proves absence only if it was provably held during the whole read (coverage). Without coverage
//! 676 of 10 800 pairs were missed in trials; with both rules none of 36 072 was wrong.
//!
//! Times: a statement ran within `[sent, returned]` of our own monotonic clock, and the server says that it held its
//! lock for `h`. So it certainly held it during `[returned - h, sent + h]`, and it read within
//! `[sent + delay, returned - (released - read)]`. No two clocks are ever compared.
//!
//! Invariants:
//! - what a round has proven, no later round takes back; what it left open, a later round may settle;
//! - one proof of absence between two servers is enough for all their members: being one server is transitive.

mod stay;

use std::collections::{BTreeMap, BTreeSet};

use self::stay::Stay;
use super::candidates::{Facts, meet};
use super::classes::{Classes, by_root};
use crate::model::relation::{Doubt, Seat, Witnessed};
use crate::model::tenant::TargetRef;

/// What one member's statement brought home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub reader: TargetRef,
    /// By our own monotonic clock, in microseconds: just before the statement was sent.
    pub sent: i64,
    /// By the same clock: just after its answer was read.
    pub returned: i64,
    /// By the server's clock, in microseconds: after the lock was taken, after the read, before the lock was let go.
    pub locked: i64,
    pub read: i64,
    pub released: i64,
    /// How long the statement slept between lock and read, in microseconds.
    pub delay: i64,
    /// The key that this member locked.
    pub key: i64,
    pub seen: Vec<SeenKey>,
    pub pid: i32,
    /// In microseconds since 1970.
    pub started_at: Option<i64>,
    pub in_recovery: Option<bool>,
    pub database_oid: Option<u32>,
    pub system_identifier: Option<u64>,
}

/// A row of the lock table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenKey {
    pub key: i64,
    pub database_oid: u32,
    /// Of the process that holds it.
    pub pid: i32,
}

/// A member that gave no answer. A visit that met another server than the first one did is `ServerChanged`; the
/// caller compares the two.
pub type Blank = (TargetRef, Doubt);

/// The judgement of a single round.
pub fn judge(answers: &[Result<Answer, Blank>]) -> Witnessed {
    let mut rounds = Rounds::default();
    rounds.add(answers);
    rounds.finish()
}

/// Rounds over one group of candidates.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    places: BTreeMap<TargetRef, usize>,
    members: Vec<Member>,
    classes: Classes,
    /// How many rounds were added.
    count: usize,
    /// What the first visits saw. Those that differ in it are apart without meeting each other here.
    facts: BTreeMap<TargetRef, Facts>,
    /// Pairs whose answers contradict each other, with the round: the one of smaller place first.
    tainted: BTreeSet<(usize, usize, usize)>,
}

/// Members for whom a further round is needed. Sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// Something between two of them is open, or nothing was heard of them.
    pub restless: BTreeSet<TargetRef>,
    /// With whom those that were never heard of must be compared. Nothing is open among these.
    pub partners: BTreeSet<TargetRef>,
}

#[derive(Clone, Debug)]
struct Member {
    target: TargetRef,
    seat: Option<u32>,
    /// Why its last visit proved nothing.
    doubt: Doubt,
    stays: Vec<Stay>,
}

impl Rounds {
    /// Over targets of which these facts are known.
    pub fn knowing(facts: BTreeMap<TargetRef, Facts>) -> Self {
        Self { facts, ..Self::default() }
    }

    /// One round: members that were visited at the same time, with fresh keys.
    pub fn add(&mut self, answers: &[Result<Answer, Blank>]) {
        self.count += 1;
        let mut holders: BTreeMap<i64, Holder<'_>> = BTreeMap::new();
        let mut readers: Vec<(usize, &Answer)> = Vec::new();
        for answer in answers {
            match answer {
                Err((target, doubt)) => {
                    let place = self.place(*target);
                    self.members[place].doubt = *doubt;
                }
                Ok(answer) => {
                    let place = self.place(answer.reader);
                    holders.insert(answer.key, Holder::new(place, answer));
                    readers.push((place, answer));
                }
            }
        }
        for (place, answer) in readers {
            self.read(place, answer, &holders);
        }
    }

    fn read(&mut self, place: usize, answer: &Answer, holders: &BTreeMap<i64, Holder<'_>>) {
        let own = answer.seen.iter().find(|it| it.key == answer.key && it.pid == answer.pid);
        let Some(own) = own else {
            self.members[place].doubt = Doubt::ControlMissing;
            return;
        };
        self.members[place].seat = Some(own.database_oid);
        self.members[place].doubt = Doubt::NotCovered;
        let stay = Stay::of(answer, self.count);
        self.members[place].stays.push(stay);
        for row in answer.seen.iter().filter(|it| it.key != answer.key) {
            let Some(holder) = holders.get(&row.key) else { continue };
            let other = holder.place;
            let impossible = row.pid != holder.answer.pid
                || differ(answer.started_at, holder.answer.started_at)
                || differ(answer.system_identifier, holder.answer.system_identifier)
                || holder.contradicts(answer, self.count);
            if impossible {
                self.tainted.insert((place.min(other), place.max(other), self.count));
            } else {
                self.classes.join(place, other);
                self.members[other].seat.get_or_insert(row.database_oid);
            }
        }
    }

    fn place(&mut self, target: TargetRef) -> usize {
        *self.places.entry(target).or_insert_with(|| {
            self.members.push(Member {
                target,
                seat: None,
                doubt: Doubt::NotTried,
                stays: Vec::new(),
            });
            self.classes.push()
        })
    }

    /// Whether `target` was proven to be one server with any of `others`.
    pub fn met(&mut self, target: TargetRef, others: &[TargetRef]) -> bool {
        let Some(place) = self.places.get(&target).copied() else { return false };
        let mut others = others.iter().filter_map(|it| self.places.get(it).copied());
        others.any(|it| self.classes.root(it) == self.classes.root(place))
    }

    /// Whether nothing is open any more between `target` and those who held their locks: it is one
    /// server with one of them, or apart from each of them that was heard of.
    pub fn settled(&mut self, target: TargetRef, holders: &[TargetRef]) -> bool {
        if self.met(target, holders) {
            return true;
        }
        let Some(place) = self.places.get(&target).copied() else { return false };
        let heard = holders.iter().filter_map(|it| self.places.get(it).copied());
        heard.filter(|it| !self.members[*it].stays.is_empty()).all(|it| self.apart(&[place], &[it]))
    }

    /// Who is to be asked again so that a further round could settle what is open.
    ///
    /// One member speaks for its whole server; in each `turn` another one, since the way to it may be the trouble.
    pub fn unsettled(&self, turn: usize) -> Unsettled {
        let mut open = Unsettled::default();
        let mut sighted: Vec<Vec<usize>> = Vec::new();
        for class in by_root(&self.classes.clone().roots()) {
            match class.as_slice() {
                [only] if self.members[*only].stays.is_empty() => {
                    open.restless.insert(self.members[*only].target);
                }
                _ => sighted.push(class),
            }
        }
        let speaker = |class: &[usize]| self.members[class[turn % class.len()]].target;
        if !open.restless.is_empty() {
            open.partners.extend(sighted.iter().map(|it| speaker(it)));
        }
        for (at, one) in sighted.iter().enumerate() {
            for other in &sighted[at + 1..] {
                if !self.apart(one, other) && self.of_several_tenants(one, other) {
                    open.restless.extend([speaker(one), speaker(other)]);
                }
            }
        }
        open.partners.retain(|it| !open.restless.contains(it));
        open
    }

    fn of_several_tenants(&self, ones: &[usize], others: &[usize]) -> bool {
        let tenant = |place: usize| self.members[place].target.tenant;
        let first = tenant(ones[0]);
        ones.iter().chain(others).any(|it| tenant(*it) != first)
    }

    /// What all rounds together prove.
    pub fn finish(&self) -> Witnessed {
        let classes = by_root(&self.classes.clone().roots());
        let mut witnessed =
            Witnessed { members: self.places.keys().copied().collect(), ..Witnessed::default() };
        let mut sighted: Vec<&Vec<usize>> = Vec::new();
        for class in &classes {
            match class.as_slice() {
                [only] if self.members[*only].stays.is_empty() => {
                    let member = &self.members[*only];
                    witnessed.blind.push((member.target, member.doubt));
                }
                _ => sighted.push(class),
            }
            if 1 < class.len() {
                witnessed.servers.push(self.server(class));
            }
        }
        for (one, other) in self.comparable(&sighted) {
            let (one, other) = (sighted[one], sighted[other]);
            if !self.apart(one, other) {
                self.leave_open(one, other, &mut witnessed.undecided);
            }
        }
        witnessed.servers.sort_unstable();
        witnessed.undecided.sort_unstable();
        witnessed.blind.sort_unstable();
        witnessed
    }

    /// The pairs of classes that the first visits could not tell apart, each once.
    fn comparable(&self, classes: &[&Vec<usize>]) -> BTreeSet<(usize, usize)> {
        let class_of: Vec<usize> = classes
            .iter()
            .enumerate()
            .flat_map(|(class, members)| std::iter::repeat_n(class, members.len()))
            .collect();
        let targets = classes.iter().flat_map(|it| it.iter()).map(|it| self.members[*it].target);
        let facts: Vec<Facts> =
            targets.map(|it| self.facts.get(&it).copied().unwrap_or_default()).collect();
        let mut pairs = BTreeSet::new();
        meet(&facts, |ones, others| {
            // A class of hundreds that agree within themselves is one class here.
            let distinct =
                |places: &[usize]| places.iter().map(|it| class_of[*it]).collect::<BTreeSet<_>>();
            let (ones, others) = (distinct(ones), distinct(others));
            for one in &ones {
                let pairs_of_one = others.iter().filter(|it| *it != one);
                pairs.extend(pairs_of_one.map(|it| (*one.min(it), *one.max(it))));
            }
        });
        pairs
    }

    fn server(&self, class: &[usize]) -> Vec<Seat> {
        let mut seats: Vec<Seat> = class
            .iter()
            .filter_map(|it| {
                let member = &self.members[*it];
                Some(Seat { target: member.target, database_oid: member.seat? })
            })
            .collect();
        seats.sort_unstable();
        seats
    }

    /// Whether some pair of members proves that the two are different servers. Both must have seen their own key:
    /// of a holder that does not, nobody knows where its lock went.
    fn apart(&self, ones: &[usize], others: &[usize]) -> bool {
        ones.iter().any(|one| {
            others.iter().any(|other| {
                let clean = |round: usize| {
                    !self.tainted.contains(&(*one.min(other), *one.max(other), round))
                };
                self.members[*one].apart_from(&self.members[*other], clean)
            })
        })
    }

    fn leave_open(
        &self,
        ones: &[usize],
        others: &[usize],
        undecided: &mut Vec<(TargetRef, TargetRef, Doubt)>,
    ) {
        for one in ones {
            for other in others {
                let (low, high) = (*one.min(other), *one.max(other));
                let tainted =
                    self.tainted.range((low, high, 0)..=(low, high, self.count)).next().is_some();
                let doubt = if tainted { Doubt::ServerChanged } else { Doubt::NotCovered };
                let (one, other) = (self.members[*one].target, self.members[*other].target);
                if one.tenant != other.tenant {
                    undecided.push((one.min(other), one.max(other), doubt));
                }
            }
        }
    }
}

impl Member {
    /// `clean` says of a round that the two did not contradict each other in it.
    fn apart_from(&self, other: &Self, clean: impl Fn(usize) -> bool) -> bool {
        self.stays.iter().any(|one| {
            let same_round = other.stays.iter().filter(|it| it.round == one.round);
            clean(one.round)
                && same_round.into_iter().any(|other| {
                    one.apart_by_facts(other) || one.covered_by(other) || other.covered_by(one)
                })
        })
    }
}

/// Who holds a key, and which keys it saw itself.
struct Holder<'a> {
    place: usize,
    answer: &'a Answer,
    /// Sorted: in a group of thousands on one server each of them is looked up by each reader.
    saw: Vec<i64>,
}

impl<'a> Holder<'a> {
    fn new(place: usize, answer: &'a Answer) -> Self {
        let mut saw: Vec<i64> = answer.seen.iter().map(|it| it.key).collect();
        saw.sort_unstable();
        Self { place, answer, saw }
    }

    /// Whether it passed the control, read while `reader` provably held its lock, and yet did not see it.
    fn contradicts(&self, reader: &Answer, round: usize) -> bool {
        let sees = |key: i64| self.saw.binary_search(&key).is_ok();
        !sees(reader.key)
            && sees(self.answer.key)
            && Stay::of(self.answer, round).covered_by(&Stay::of(reader, round))
    }
}

/// Whether both are known and not the same: what is withheld differs from nothing.
pub(super) fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests;
