//! Answers as servers give them, and as they should not.

use expect_test::{Expect, expect};

use super::*;

/// What a fresh PostgreSQL 15 answers to a plain role.
const PLAIN: [Option<&str>; COLUMNS] = [
    Some("7711392459154818718"),
    Some("16386"),
    Some("app"),
    Some("f"),
    Some("0000000A0000000100000001"),
    None,
    Some("1/1920AB8"),
    Some("2026-11-23 15:41:10.318889+00"),
    Some("150018"),
    Some("127.0.0.1"),
    Some("5432"),
    Some("40000"),
    Some("2"),
    Some("f"),
    None,
    Some("off"),
    Some("3"),
    Some("100"),
    Some("11"),
    Some("2026-11-23 15:41:35.355725+00"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
];

fn row(changes: &[(usize, Option<&str>)]) -> Vec<Option<String>> {
    let mut row = PLAIN;
    for (index, value) in changes {
        row[*index] = *value;
    }
    row.iter().map(|it| it.map(str::to_owned)).collect()
}

#[track_caller]
fn check(changes: &[(usize, Option<&str>)], expected: &Expect) {
    match read(&[row(changes)]) {
        Ok(answer) => expected.assert_debug_eq(&answer),
        Err(nonsense) => expected.assert_eq(&nonsense.to_string()),
    }
}

#[track_caller]
fn check_powers(changes: &[(usize, Option<&str>)], expected: Option<&[Power]>) {
    assert_eq!(read(&[row(changes)]).unwrap().powers.as_deref(), expected);
}

#[track_caller]
fn check_nonsense(index: usize, value: Option<&str>) {
    assert!(read(&[row(&[(index, value)])]).is_err(), "column {index} as {value:?} was believed");
}

#[test]
fn an_honest_answer_is_read_whole() {
    check(
        &[],
        &expect![[r#"
        Answer {
            fingerprint: Fingerprint {
                system_identifier: Some(
                    7711392459154818718,
                ),
                database_oid: Some(
                    16386,
                ),
                database: "app",
                timeline: Some(
                    10,
                ),
                in_recovery: Some(
                    false,
                ),
                started_at: Some(
                    1795448470318889,
                ),
                server_version: 150018,
                server_address: Some(
                    127.0.0.1,
                ),
                server_port: Some(
                    5432,
                ),
                wal_position: Some(
                    4321315512,
                ),
                wal_senders: Some(
                    2,
                ),
                wal_receiver: Some(
                    false,
                ),
                stamp: None,
            },
            client_port: Some(
                40000,
            ),
            read_only: Some(
                false,
            ),
            connections: Some(
                3,
            ),
            max_connections: Some(
                100,
            ),
            transaction_age: Some(
                11,
            ),
            clock: Some(
                1795448495355725,
            ),
            powers: Some(
                [],
            ),
        }
    "#]],
    );
}

#[test]
fn what_is_withheld_is_none_and_nothing_else_is_lost() {
    let withheld: Vec<_> =
        (0..COLUMNS).filter(|it| ![2, 8].contains(it)).map(|it| (it, None)).collect();
    check(
        &withheld,
        &expect![[r#"
        Answer {
            fingerprint: Fingerprint {
                system_identifier: None,
                database_oid: None,
                database: "app",
                timeline: None,
                in_recovery: None,
                started_at: None,
                server_version: 150018,
                server_address: None,
                server_port: None,
                wal_position: None,
                wal_senders: None,
                wal_receiver: None,
                stamp: None,
            },
            client_port: None,
            read_only: None,
            connections: None,
            max_connections: None,
            transaction_age: None,
            clock: None,
            powers: None,
        }
    "#]],
    );
}

#[test]
fn a_standby_is_read_only_and_has_its_timeline_from_recovery() {
    let changes = [(3, Some("true")), (4, None), (5, Some("2")), (6, Some("0/0"))];
    let answer = read(&[row(&changes)]).unwrap();
    assert_eq!((answer.read_only, answer.fingerprint.timeline), (Some(true), Some(2)));
    assert_eq!(answer.fingerprint.wal_position, Some(0));
}

#[test]
fn powers_are_those_that_reach_past_the_database() {
    check_powers(&[], Some(&[]));
    check_powers(&[(20, Some("t")), (22, Some("t"))], Some(&[Power::Superuser]));
    check_powers(
        &[(22, Some("true")), (25, Some("t"))],
        Some(&[Power::ReadAllData, Power::ServerPrograms]),
    );
    check_powers(&[(26, Some("t"))], Some(&[Power::CreateRole]));
    check_powers(&[(20, None)], None);
    check_powers(&[(24, None)], None);
}

#[test]
fn an_identifier_past_the_signed_range_is_kept() {
    let answer = read(&[row(&[(0, Some("-1"))])]).unwrap();
    assert_eq!(answer.fingerprint.system_identifier, Some(u64::MAX));
}

#[test]
fn nothing_that_is_not_what_it_must_be_is_believed() {
    let long = "x".repeat(256);
    for (index, value) in [
        (0, Some("1.5")),
        (1, Some("-1")),
        (2, None),
        (2, Some("")),
        (2, Some(long.as_str())),
        (3, Some("maybe")),
        (4, Some("0000000A")),
        (4, Some("ü00000A0000000100000001")),
        (6, Some("1")),
        (6, Some("1/2/3")),
        (7, Some("infinity")),
        (7, Some("yesterday")),
        (8, None),
        (8, Some("fifteen")),
        (9, Some("<script>")),
        (10, Some("65536")),
        (12, Some("-1")),
        (16, Some("")),
        (21, Some("perhaps")),
    ] {
        check_nonsense(index, value);
    }
    assert_eq!(read(&[]), Err(Nonsense::Rows(0)));
    assert_eq!(read(&[row(&[]), row(&[])]), Err(Nonsense::Rows(2)));
    assert_eq!(read(&[vec![]]), Err(Nonsense::Columns(0)));
}

#[test]
fn a_long_comment_is_cut() {
    let long = "ü".repeat(100_000);
    let stamp = read(&[row(&[(14, Some(&long))])]).unwrap().fingerprint.stamp.unwrap();
    assert_eq!(stamp.chars().count(), LONGEST_STAMP);
}
