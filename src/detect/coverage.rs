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

use std::collections::{BTreeMap, BTreeSet};

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
    /// Pairs whose answers contradict each other.
    tainted: BTreeSet<(usize, usize)>,
}

#[derive(Clone, Debug)]
struct Member {
    target: TargetRef,
    seat: Option<u32>,
    /// Why its last visit proved nothing.
    doubt: Doubt,
    stays: Vec<Stay>,
}

/// What is kept of an answer that passed the control rule.
#[derive(Clone, Copy, Debug)]
struct Stay {
    round: usize,
    /// When the read happened, by our clock.
    reading: (i64, i64),
    /// When the lock was certainly held, by our clock; empty where the first is after the second.
    holding: (i64, i64),
    started_at: Option<i64>,
    system_identifier: Option<u64>,
}

impl Stay {
    /// `None` where the server's clock contradicts ours: such an answer covers nothing.
    fn of(answer: &Answer, round: usize) -> Self {
        let held = answer.released.saturating_sub(answer.locked);
        let after = answer.released.saturating_sub(answer.read);
        let ordered = answer.locked <= answer.read && answer.read <= answer.released;
        let possible = ordered && held <= answer.returned.saturating_sub(answer.sent);
        let (reading, holding) = if possible {
            (
                (answer.sent.saturating_add(answer.delay), answer.returned.saturating_sub(after)),
                (answer.returned.saturating_sub(held), answer.sent.saturating_add(held)),
            )
        } else {
            ((i64::MIN, i64::MAX), (i64::MAX, i64::MIN))
        };
        Self {
            round,
            reading,
            holding,
            started_at: answer.started_at,
            system_identifier: answer.system_identifier,
        }
    }

    /// Whether not seeing the holder's key proves that this reader is another server.
    fn covered_by(&self, holder: &Self) -> bool {
        self.round == holder.round
            && holder.holding.0 <= self.reading.0
            && self.reading.1 <= holder.holding.1
    }

    fn apart_by_facts(&self, other: &Self) -> bool {
        differ(self.started_at, other.started_at)
            || differ(self.system_identifier, other.system_identifier)
    }
}

impl Rounds {
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
                self.tainted.insert((place.min(other), place.max(other)));
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

    /// The members for which a further round could settle something: longer, with fresh keys.
    pub fn unsettled(&self) -> Vec<TargetRef> {
        let witnessed = self.finish();
        let pairs = witnessed.undecided.iter().flat_map(|(one, other, _)| [*one, *other]);
        let unsettled: BTreeSet<TargetRef> =
            pairs.chain(witnessed.blind.iter().map(|(target, _)| *target)).collect();
        unsettled.into_iter().collect()
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
        for (at, one) in sighted.iter().enumerate() {
            for other in &sighted[at + 1..] {
                if !self.apart(one, other) {
                    self.leave_open(one, other, &mut witnessed.undecided);
                }
            }
        }
        witnessed.servers.sort_unstable();
        witnessed.undecided.sort_unstable();
        witnessed.blind.sort_unstable();
        witnessed
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
                let clean = !self.tainted.contains(&(*one.min(other), *one.max(other)));
                clean && self.members[*one].apart_from(&self.members[*other])
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
                let tainted = self.tainted.contains(&(*one.min(other), *one.max(other)));
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
    fn apart_from(&self, other: &Self) -> bool {
        self.stays.iter().any(|one| {
            other.stays.iter().any(|other| {
                let together = one.round == other.round && one.apart_by_facts(other);
                together || one.covered_by(other) || other.covered_by(one)
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

fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}
