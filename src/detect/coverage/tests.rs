//! Who is covered by what was looked at, in small fleets that are easy to draw.

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
    let text = |name: &str| words.iter().find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
    let given = |name: &str, default: i64| text(name).map_or(default, |it| it.parse().unwrap());
    let keys = |name: &str| -> Vec<i64> {
        text(name).into_iter().flat_map(|it| it.split(',')).map(|it| it.parse().unwrap()).collect()
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
        let seats: Vec<String> =
            server.iter().map(|it| format!("{}:{}", it.target.tenant, it.database_oid)).collect();
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
    assert_eq!((names(&open.restless), names(&open.partners)), (restless.into(), partners.into()));
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
