//! What is told of stamps, case by case, and how long it stays told.
//!
//! Why through the whole detector: a stamp must hold beside all other checks, and the same data that two tenants read
//! together is told by their relation alone.

#![cfg(test)]

use expect_test::{Expect, expect};

use super::detect;
use super::lifecycle::{Examined, advance};
use super::notation::{World, now, told};
use crate::model::finding::State;
use crate::model::stamp::STAMPED_FOR;
use crate::model::tenant::TenantId;

#[track_caller]
fn check(scan: &str, expected: &Expect) {
    expected.assert_eq(&told(scan));
}

#[test]
fn who_bears_anothers_stamp_is_told_and_never_its_owner() {
    check(
        "acme stamp=s\nglobex stamp=s\nstamp acme own\nstamp globex for=acme",
        &expect![[r#"
        critical proven foreign_stamp: globex
    "#]],
    );
    check(
        "acme failed=timeout\nglobex stamp=s\nstamp globex unstamped for=acme",
        &expect![[r#"
            critical proven foreign_stamp: globex
            high proven unhealthy: acme
            acme ? it was not reached: timeout
        "#]],
    );
    check(
        "globex stamp=s\nglobex/endpoints.x sys=1000 start=1000 stamp=s\nstamp globex for=gone\nstamp globex/endpoints.x for=gone",
        &expect![[r#"
        critical proven foreign_stamp: globex
    "#]],
    );
    check(
        "acme\nglobex\nstamp acme for=globex\nstamp globex for=acme",
        &expect![[r#"
        critical proven foreign_stamp: acme
        critical proven foreign_stamp: globex
    "#]],
    );
}

#[test]
fn a_deliberate_copy_may_bear_the_stamp_of_its_original_and_not_the_other_way_round() {
    check(
        "acme stamp=s\nglobex stamp=s clone_of=acme\nstamp acme own\nstamp globex for=acme",
        &expect![[r#"
        low proven foreign_stamp: globex
    "#]],
    );
    check(
        "acme stamp=s\nglobex stamp=s clone_of=acme\nstamp acme for=globex\nstamp globex own",
        &expect![[r#"
        critical proven foreign_stamp: acme
    "#]],
    );
}

#[test]
fn one_database_of_two_tenants_is_told_by_their_relation() {
    check(
        "acme sys=1 start=1 stamp=s\nglobex sys=1 start=1 stamp=s\nwitness server=acme:5,globex:5\n\
         stamp acme own\nstamp globex for=acme",
        &expect![[r#"
        critical proven shared_database: acme globex
    "#]],
    );
    check(
        "acme sys=1 start=1 oid=5 stamp=s\nglobex sys=1 start=1 oid=6 stamp=s\nwitness server=acme:5,globex:6\n\
         stamp acme own\nstamp globex for=acme",
        &expect![[r#"
            critical proven shared_cluster: acme globex
            critical proven foreign_stamp: globex
        "#]],
    );
    check(
        "acme sys=1 senders=1 stamp=s\nglobex sys=1 rec=t receiver=t stamp=s\n\
         stream globex received=90 tl=1\nstream acme insert=100 tl=1\nstamp acme own\nstamp globex for=acme",
        &expect![[r#"
        high probable shared_replication: acme globex
    "#]],
    );
}

#[test]
fn a_stamp_that_is_not_the_one_that_was_written_is_missing() {
    for fault in ["absent", "moved", "replaced", "unsigned"] {
        check(
            &format!("acme\nglobex\nstamp acme {fault}"),
            &expect![[r#"
            medium proven stamp_missing: acme
        "#]],
        );
        check(&format!("acme\nglobex\nstamp acme unstamped {fault}"), &expect![[""]]);
    }
    check("acme\nstamp acme own", &expect![[""]]);
    check("acme\nstamp acme unverifiable", &expect![[""]]);
}

#[test]
fn nothing_is_missed_where_nobody_looked() {
    check(
        "acme failed=timeout\nglobex\nstamp acme absent",
        &expect![[r#"
        high proven unhealthy: acme
        acme ? it was not reached: timeout
    "#]],
    );
    check(
        "acme\nglobex\nstamp acme withheld\nstamp globex unstamped withheld",
        &expect![[r#"
        acme ? its role may not read the stamp of database_url
    "#]],
    );
}

#[test]
fn equal_texts_that_nobody_signed_are_foreign_to_both() {
    check(
        "acme stamp=s\nglobex stamp=s\nstamp acme unsigned\nstamp globex unsigned",
        &expect![[r#"
            critical proven foreign_stamp: acme globex
            medium proven stamp_missing: acme
            medium proven stamp_missing: globex
        "#]],
    );
}

/// What stands after each scan of a life.
#[track_caller]
fn check_life(scans: &[&str], expected: &Expect) {
    let (mut findings, mut lines) = (Vec::new(), String::new());
    for scan in scans {
        let world = World::parse(scan);
        let case = world.case();
        let detection = detect(&case);
        let examined = Examined::of(&case, &detection);
        findings = advance(findings, detection.claims, &examined, case.policy, now());
        lines.push_str("scan\n");
        for finding in findings.iter().filter(|it| it.state != State::Resolved) {
            let members: Vec<&str> = finding.claim.tenants.iter().map(TenantId::as_str).collect();
            let signed = finding.claim.evidence.0.contains_key(STAMPED_FOR);
            let whose = if signed { " of a known owner" } else { "" };
            lines.push_str(&format!("{} {}{whose}\n", finding.claim.kind, members.join(" ")));
        }
    }
    expected.assert_eq(&lines);
}

#[test]
fn what_a_signature_told_is_taken_back_only_by_a_look_that_could_tell_it() {
    let foreign = "acme\nglobex stamp=s\nstamp globex for=acme";
    check_life(
        &[
            foreign,
            "acme\nglobex stamp=s\nstamp globex unverifiable",
            "acme\nglobex failed=timeout",
            "acme\nglobex stamp=t\nstamp globex own",
        ],
        &expect![[r#"
            scan
            foreign_stamp globex of a known owner
            scan
            foreign_stamp globex of a known owner
            scan
            foreign_stamp globex of a known owner
            unhealthy globex
            scan
        "#]],
    );
    check_life(
        &[
            "acme\nstamp acme absent",
            "acme stamp=s\nstamp acme unverifiable",
            "acme\nstamp acme own",
        ],
        &expect![[r#"
            scan
            stamp_missing acme
            scan
            stamp_missing acme
            scan
        "#]],
    );
}

#[test]
fn equal_texts_are_taken_back_without_a_key_and_narrowed_by_one() {
    let twins = "acme stamp=s\nglobex stamp=s\nstamp acme unverifiable\nstamp globex unverifiable";
    check_life(
        &[
            twins,
            "acme stamp=s\nglobex stamp=t\nstamp acme unverifiable\nstamp globex unverifiable",
        ],
        &expect![[r#"
            scan
            foreign_stamp acme globex
            scan
        "#]],
    );
    check_life(
        &[twins, "acme stamp=s\nglobex stamp=s\nstamp acme own\nstamp globex for=acme"],
        &expect![[r#"
            scan
            foreign_stamp acme globex
            scan
            foreign_stamp globex of a known owner
        "#]],
    );
}
