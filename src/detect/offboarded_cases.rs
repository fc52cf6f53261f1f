//! Databases of tenants that left, case by case, and how long one that answers stays told.

#![cfg(test)]

use expect_test::{Expect, expect};

use super::detect;
use super::lifecycle::{Examined, advance};
use super::notation::{World, now, told};
use super::offboarded::seen;
use crate::model::finding::{Fact, Finding, Kind};
use crate::model::tenant::TenantId;

#[track_caller]
fn check(scan: &str, expected: &Expect) {
    expected.assert_eq(&told(scan));
}

/// One scan after another: where the finding stands after each.
#[track_caller]
fn check_life(scans: &[&str], expected: &[&str]) {
    let mut findings: Vec<Finding> = Vec::new();
    let mut lines = Vec::new();
    for scan in scans {
        let world = World::parse(scan);
        let detection = detect(&world.case());
        let examined = Examined::of(&world.case(), &detection);
        findings = advance(findings, detection.claims, &examined, &world.policy, now());
        let told = findings.iter().filter(|it| it.claim.kind == Kind::OffboardedReachable);
        let told: Vec<_> = told.map(|it| format!("{} {:?}", it.state, it.claim.tenants)).collect();
        lines.push(told.join("; "));
    }
    assert_eq!(lines, expected);
}

/// Who is there, and who is known to be gone.
#[track_caller]
fn check_seen(scan: &str, there: &str, gone: &str) {
    let world = World::parse(scan);
    let detection = detect(&world.case());
    let seen = seen(&world.case(), &detection.claims);
    let names = |it: &std::collections::BTreeSet<TenantId>| {
        it.iter().map(TenantId::as_str).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((&*names(&seen.there), &*names(&seen.gone)), (there, gone), "{scan}");
}

#[test]
fn only_whoever_was_looked_at_whole_is_gone() {
    check_seen("acme\ngrave globex known=7 sys=7", "globex", "");
    check_seen("acme\ngrave globex known=7 failed=connection_refused", "", "globex");
    check_seen("acme\ngrave globex known=7 failed=timeout", "", "");
    check_seen(
        "acme\ngrave globex failed=connection_refused\ngrave globex/databases.x failed=timeout",
        "",
        "",
    );
    check_seen("acme", "", "");
}

const THERE: &str = "acme\ngrave globex known=7 sys=7";

#[test]
fn a_database_that_shows_the_identity_that_it_had_is_still_there() {
    check(
        THERE,
        &expect![[r#"
            medium proven offboarded_reachable: globex
        "#]],
    );
    check(
        "acme\ngrave globex known=7 sys=?",
        &expect![[r#"
            medium probable offboarded_reachable: globex
        "#]],
    );
    check("acme\ngrave globex known=7 sys=8", &expect![""]);
    check("acme\ngrave globex known=7 sys=7 oid=5", &expect![""]);
    check("acme\ngrave globex known=7 sys=7 db=other", &expect![""]);
}

#[test]
fn one_that_nobody_knew_is_told_by_the_login_that_it_takes() {
    check(
        "acme\ngrave globex sys=7",
        &expect![[r#"
            medium probable offboarded_reachable: globex
        "#]],
    );
}

#[test]
fn whoever_left_shares_with_nobody_and_has_no_verdict() {
    let world = World::parse(THERE);
    let detection = detect(&world.case());
    assert_eq!(detection.tenants.len(), 1);
    assert_eq!(detection.tenants[0].doubts, [""; 0]);
    let claim = &detection.claims[0];
    assert!(claim.evidence.0.contains_key("left_at"));
    let Fact::List(databases) = &claim.evidence.0["databases"] else { panic!("{claim:?}") };
    assert_eq!(databases.len(), 1);
}

#[test]
fn all_databases_of_a_tenant_are_one_finding() {
    check(
        "acme\ngrave globex known=7 sys=7\ngrave globex/databases.x known=8 sys=8\ngrave initech sys=9",
        &expect![[r#"
            medium proven offboarded_reachable: globex
            medium probable offboarded_reachable: initech
        "#]],
    );
}

#[test]
fn a_database_that_a_present_tenant_uses_is_that_tenants() {
    check("acme sys=7 start=5\ngrave globex known=7 sys=7 start=5", &expect![""]);
    check("acme sys=? start=5\ngrave globex known=7 sys=7 start=5", &expect![""]);
    check("acme sys=7 start=5 rec=t\ngrave globex known=7 sys=7 start=6", &expect![""]);
    check(
        "acme sys=7 start=5 oid=9\ngrave globex known=7 sys=7 start=5",
        &expect![[r#"
            medium proven offboarded_reachable: globex
        "#]],
    );
}

#[test]
fn a_copy_of_a_present_tenants_database_is_another() {
    check(
        "acme sys=7 start=5\ngrave globex known=7 sys=7 start=6",
        &expect![[r#"
            medium proven offboarded_reachable: globex
        "#]],
    );
}

#[test]
fn one_that_may_be_an_unseen_tenants_is_not_told() {
    let ill = "acme failed=timeout\nglobex sys=1";
    let quiet = |grave: &str| {
        let world = World::parse(&format!("{ill}\n{grave}"));
        let claims = detect(&world.case()).claims;
        assert!(claims.iter().all(|it| it.kind == Kind::Unhealthy), "{grave}: {claims:?}");
    };
    quiet("grave initech known=7 sys=7 at=0");
    quiet("baseline acme sys=7 oid=16384\ngrave initech known=7 sys=7");
}

#[test]
fn it_is_resolved_by_a_visit_that_can_tell_and_by_no_other() {
    for gone in ["connection_refused", "dns_failed", "database_missing", "auth_failed"] {
        check_life(
            &[THERE, &format!("acme\ngrave globex known=7 failed={gone}")],
            &["open {globex}", "resolved {globex}"],
        );
    }
    check_life(
        &[THERE, "acme\ngrave globex known=7 sys=8"],
        &["open {globex}", "resolved {globex}"],
    );
    for unknown in ["timeout", "unreachable", "access_denied", "starting_up", "tls_failed"] {
        check_life(
            &[THERE, &format!("acme\ngrave globex known=7 failed={unknown}")],
            &["open {globex}", "open {globex}"],
        );
    }
    check_life(
        &[THERE, "acme\ngrave globex known=7 untried", "acme"],
        &["open {globex}", "open {globex}", "open {globex}"],
    );
}

#[test]
fn one_database_of_two_that_is_gone_does_not_resolve_it() {
    let two =
        "acme\ngrave globex known=7 sys=7\ngrave globex/databases.x failed=connection_refused";
    let none =
        "acme\ngrave globex failed=timeout\ngrave globex/databases.x failed=connection_refused";
    check_life(&[two, none], &["open {globex}", "open {globex}"]);
}

#[test]
fn a_name_that_does_not_resolve_proves_nothing_where_nobody_was_reached() {
    let alone = "acme failed=dns_failed\ngrave globex known=7 failed=dns_failed";
    check_life(&[THERE, alone], &["open {globex}", "open {globex}"]);
}

#[test]
fn a_grave_that_is_closed_takes_its_finding_along() {
    check_life(
        &[THERE, "acme\ngrave initech failed=connection_refused"],
        &["open {globex}", "resolved {globex}"],
    );
}

#[test]
fn whoever_comes_back_to_its_database_is_there_again() {
    check_life(
        &[THERE, "acme\nglobex sys=7 start=5\ngrave globex known=7 sys=7 start=5"],
        &["open {globex}", "resolved {globex}"],
    );
}
