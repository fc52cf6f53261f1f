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
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn those_whom_the_first_visits_told_apart_need_not_meet() {
        let target = |tenant| TargetRef { tenant, target: 0 };
        let known = |started| Facts { started, ..Facts::default() };
        let facts = [(1, Some(1)), (2, Some(2)), (3, None)].map(|(it, at)| (target(it), known(at)));
        let mut rounds = Rounds::knowing(BTreeMap::from(facts));
        // The two that are known came by in rounds of their own, the one that withholds in both.
        rounds.add(&round("1 sees=1 start=1\n 3 sees=3 start=1"));
        rounds.add(&round("2 sees=2 start=2\n 3 sees=3 start=2"));
        assert_eq!(rounds.finish().undecided, []);
        let mut unknowing = Rounds::default();
        unknowing.add(&round("1 sees=1"));
        unknowing.add(&round("2 sees=2"));
        assert_eq!(unknowing.finish().undecided, [(target(1), target(2), Doubt::NotCovered)]);
    }

    /// One line per member: `1 sees=1,2`, with `at=` when it was sent, `hold=` how long it held, `delay=`, `start=`,
    /// `sys=`, `oid=`, `pid=` of its own process, `lie=2` for a key that it sees held by another process; or `1 !`.
    fn round(text: &str) -> Vec<Result<Answer, Blank>> {
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
        lines.map(|line| member(&line.split_whitespace().collect::<Vec<_>>())).collect()
    }

    fn member(words: &[&str]) -> Result<Answer, Blank> {
        let number: u32 = words[0].parse().unwrap();
        let reader = TargetRef { tenant: number, target: 0 };
        if words.contains(&"!") {
            return Err((reader, Doubt::Denied));
        }
        let text =
            |name: &str| words.iter().find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        let given = |name: &str, default: i64| text(name).map_or(default, |it| it.parse().unwrap());
        let keys = |name: &str| -> Vec<i64> {
            text(name)
                .into_iter()
                .flat_map(|it| it.split(','))
                .map(|it| it.parse().unwrap())
                .collect()
        };
        let row = |key: i64, pid: i64| SeenKey {
            key,
            database_oid: u32::try_from(500 + key).unwrap(),
            pid: i32::try_from(pid).unwrap(),
        };
        let seen = keys("sees")
            .into_iter()
            .map(|it| row(it, it))
            .chain(keys("lie").into_iter().map(|it| row(it, 99)));
        let (sent, hold, delay) = (given("at", 0), given("hold", 200), given("delay", 100));
        Ok(Answer {
            reader,
            sent,
            returned: sent + given("took", 210),
            locked: 5,
            read: 5 + delay,
            released: 5 + hold,
            delay,
            key: number.into(),
            seen: seen.collect(),
            pid: i32::try_from(given("pid", number.into())).unwrap(),
            started_at: Some(given("start", 1)),
            in_recovery: Some(false),
            database_oid: None,
            system_identifier: Some(u64::try_from(given("sys", 1)).unwrap()),
        })
    }

    fn render(witnessed: &Witnessed) -> String {
        let mut lines = String::new();
        for server in &witnessed.servers {
            let seats: Vec<String> = server
                .iter()
                .map(|it| format!("{}:{}", it.target.tenant, it.database_oid))
                .collect();
            lines.push_str(&format!("server {}\n", seats.join(" ")));
        }
        for (one, other, doubt) in &witnessed.undecided {
            lines.push_str(&format!("open {} {} {doubt:?}\n", one.tenant, other.tenant));
        }
        for (target, doubt) in &witnessed.blind {
            lines.push_str(&format!("blind {} {doubt:?}\n", target.tenant));
        }
        lines
    }

    #[track_caller]
    fn check(rounds: &[&str], expected: &Expect) {
        let mut all = Rounds::default();
        for text in rounds {
            all.add(&round(text));
        }
        expected.assert_eq(&render(&all.finish()));
    }

    #[test]
    fn members_that_see_each_other_are_one_server() {
        check(
            &["1 sees=1,2\n2 sees=1,2"],
            &expect![[r#"
            server 1:501 2:502
        "#]],
        );
    }

    #[test]
    fn being_one_server_is_transitive() {
        check(
            &["1 sees=1,2\n2 sees=1,2,3 at=75\n3 sees=2,3 at=150"],
            &expect![[r#"
                server 1:501 2:502 3:503
            "#]],
        );
    }

    #[test]
    fn members_that_provably_do_not_see_each_other_are_apart() {
        check(&["1 sees=1\n2 sees=2"], &expect![[""]]);
    }

    #[test]
    fn a_lock_that_was_not_held_throughout_the_read_proves_no_absence() {
        check(
            &["1 sees=1\n2 sees=2 at=300"],
            &expect![[r#"
            open 1 2 NotCovered
        "#]],
        );
        check(
            &["1 sees=1\n2 sees=2 hold=40 took=1000 delay=20"],
            &expect![[r#"
            open 1 2 NotCovered
        "#]],
        );
    }

    #[test]
    fn the_holding_must_cover_the_reading_at_both_ends() {
        // Reads within [100, 110], is held within [10, 200].
        check(&["1 sees=1 hold=200\n2 sees=2 at=90"], &expect![[""]]);
        check(
            &["1 sees=1\n2 sees=2 at=91"],
            &expect![[r#"
            open 1 2 NotCovered
        "#]],
        );
        check(&["1 sees=1 at=-90\n2 sees=2"], &expect![[""]]);
    }

    #[test]
    fn a_reader_that_does_not_see_its_own_lock_has_seen_nothing() {
        check(
            &["1 sees=2\n2 sees=2"],
            &expect![[r#"
            blind 1 ControlMissing
        "#]],
        );
        check(
            &["1 sees=1 pid=7\n2 sees=2"],
            &expect![[r#"
            blind 1 ControlMissing
        "#]],
        );
        check(
            &["1 sees=1,2\n2"],
            &expect![[r#"
            server 1:501 2:502
        "#]],
        );
    }

    #[test]
    fn a_key_held_by_another_process_is_no_sighting() {
        check(
            &["1 sees=1 lie=2\n2 sees=2"],
            &expect![[r#"
            open 1 2 ServerChanged
        "#]],
        );
        // Nothing else contradicts it: the reads of the other are not covered.
        check(
            &["1 sees=1 lie=2\n2 sees=2 at=300"],
            &expect![[r#"
            open 1 2 ServerChanged
        "#]],
        );
    }

    #[test]
    fn a_sighting_between_members_whose_facts_differ_is_impossible() {
        check(
            &["1 sees=1,2 start=1\n2 sees=2 start=2"],
            &expect![[r#"
            open 1 2 ServerChanged
        "#]],
        );
        check(
            &["1 sees=1,2 sys=1\n2 sees=2 sys=2"],
            &expect![[r#"
            open 1 2 ServerChanged
        "#]],
        );
    }

    #[test]
    fn a_sighting_against_a_proven_absence_decides_nothing() {
        check(
            &["1 sees=1,2\n2 sees=2"],
            &expect![[r#"
            open 1 2 ServerChanged
        "#]],
        );
    }

    #[test]
    fn members_whose_facts_differ_now_are_apart_however_long_they_held() {
        check(&["1 sees=1 start=1\n2 sees=2 start=2 at=900"], &expect![[""]]);
    }

    #[test]
    fn a_clock_that_says_more_than_passed_covers_nothing() {
        check(
            &["1 sees=1 hold=5000\n2 sees=2 hold=5000"],
            &expect![[r#"
            open 1 2 NotCovered
        "#]],
        );
    }

    #[test]
    fn a_member_without_an_answer_is_blind_and_the_others_are_judged() {
        check(
            &["1 sees=1,2\n2 sees=1,2\n3 !\n4 sees=4"],
            &expect![[r#"
            server 1:501 2:502
            blind 3 Denied
        "#]],
        );
    }

    #[test]
    fn a_later_round_settles_what_was_left_open_and_takes_nothing_back() {
        check(
            &["1 sees=1\n2 sees=2 at=300\n3 !", "1 sees=1,3\n2 sees=2\n3 sees=1,3"],
            &expect![[r#"
                server 1:501 3:503
            "#]],
        );
        check(
            &["1 sees=1,2\n2 sees=1,2\n3 sees=3", "1 !\n2 sees=2\n3 sees=3 at=300"],
            &expect![[r#"
                server 1:501 2:502
            "#]],
        );
    }

    #[test]
    fn a_contradiction_is_settled_by_a_later_round_without_one() {
        check(&["1 sees=1 lie=2\n2 sees=2", "1 sees=1\n2 sees=2"], &expect![[""]]);
        check(
            &["1 sees=1 lie=2\n2 sees=2", "1 sees=1,2\n2 sees=1,2"],
            &expect![[r#"
            server 1:501 2:502
        "#]],
        );
    }

    #[test]
    fn keys_of_different_rounds_prove_nothing_of_each_other() {
        check(
            &["1 sees=1", "2 sees=2"],
            &expect![[r#"
            open 1 2 NotCovered
        "#]],
        );
    }

    #[test]
    fn one_absence_between_two_servers_is_enough_for_all_their_members() {
        check(
            &["1 sees=1,2\n2 sees=1,2\n3 sees=3,4\n4 sees=3,4 at=150"],
            &expect![[r#"
            server 1:501 2:502
            server 3:503 4:504
        "#]],
        );
    }

    #[test]
    fn who_is_unsettled_is_asked_again() {
        check_unsettled("1 sees=1\n2 sees=2 at=300\n3 !\n4 sees=4 start=9", 0, "1 2 3", "4");
        check_unsettled("1 sees=1\n2 sees=2\n3 sees=3", 0, "", "");
        check_unsettled("1 sees=1\n2 sees=2\n3 !", 0, "3", "1 2");
        check_unsettled("1 !\n2 !", 0, "1 2", "");
    }

    #[test]
    fn one_member_speaks_for_its_server_and_each_time_another() {
        let scan = "1 sees=1,2\n2 sees=1,2\n3 sees=3 at=300";
        check_unsettled(scan, 0, "1 3", "");
        check_unsettled(scan, 1, "2 3", "");
        check_unsettled(scan, 2, "1 3", "");
        check_unsettled("1 sees=1,2\n2 sees=1,2\n3 !", 1, "3", "2");
    }

    #[track_caller]
    fn check_unsettled(scan: &str, turn: usize, restless: &str, partners: &str) {
        let mut rounds = Rounds::default();
        rounds.add(&round(scan));
        let open = rounds.unsettled(turn);
        let names = |them: &BTreeSet<TargetRef>| {
            them.iter().map(|it| it.tenant.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            (names(&open.restless), names(&open.partners)),
            (restless.into(), partners.into())
        );
    }

    #[test]
    fn a_reader_is_settled_when_nothing_is_open_towards_those_who_held() {
        let mut rounds = Rounds::default();
        rounds.add(&round("1 sees=1,2\n2 sees=1,2\n3 sees=3\n4 sees=4 at=300\n5 !"));
        let at = |tenant| TargetRef { tenant, target: 0 };
        assert!(rounds.settled(at(2), &[at(1)]), "one server");
        assert!(rounds.settled(at(3), &[at(1)]), "apart");
        assert!(!rounds.settled(at(4), &[at(1)]), "not covered");
        assert!(
            rounds.settled(at(4), &[at(5)]),
            "a holder of whom nothing was heard settles nothing more"
        );
    }

    #[test]
    fn a_single_round_is_judged_like_the_first_of_many() {
        let answers = round("1 sees=1,2\n2 sees=1,2");
        let mut rounds = Rounds::default();
        rounds.add(&answers);
        assert_eq!(judge(&answers), rounds.finish());
    }
}
