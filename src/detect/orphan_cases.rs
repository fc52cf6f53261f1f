//! What is told of a provider's projects, case by case, and how long it stays told.
//!
//! Why through the whole detector: a paused project is told by its tenant's health, and a provider that cannot be read
//! must change nothing of what was told before.

#![cfg(test)]

use expect_test::{Expect, expect};

use super::lifecycle::{Examined, advance};
use super::notation::{World, now, render, told};
use super::{Detection, detect};
use crate::model::finding::{Fact, Finding, Health, Kind};
use crate::model::inventory::unowned::{Excuse, unowned};
use crate::model::observation::Cause;

/// A project at Supabase, and another.
const REF: &str = "abcdefghijklmnopqrst";
const OTHER: &str = "zyxwvutsrqponmlkjihg";

#[track_caller]
fn check(scan: &str, expected: &Expect) {
    expected.assert_eq(&told(&spelt(scan)));
}

fn spelt(scan: &str) -> String {
    scan.replace("REF", REF).replace("OTHER", OTHER)
}

fn seen(scan: &str) -> (World, Detection) {
    let world = World::parse(&spelt(scan));
    let detection = detect(&world.case());
    (world, detection)
}

#[test]
fn a_project_that_no_row_names_is_an_orphan_and_all_are_one_finding() {
    check(
        "acme provider=supabase project=host:REF\nprovider supabase\nlisted REF\nlisted OTHER\nlisted x",
        &expect![[r#"
        medium proven orphaned_project: 
    "#]],
    );
    let (_, detection) = seen("acme\nprovider supabase\nlisted OTHER\nlisted REF name=x");
    let claim = detection.claims.iter().find(|it| it.kind == Kind::OrphanedProject).unwrap();
    assert_eq!(claim.evidence.0["orphans"], Fact::Number(2));
    assert!(format!("{:?}", claim.evidence.0["projects"]).contains(OTHER));
}

#[test]
fn a_row_owns_what_it_names_whatever_its_host_says() {
    check(
        "acme project=registry:REF\nacme/databases.x project=registry:OTHER\nprovider supabase\nlisted REF\nlisted OTHER",
        &expect![""],
    );
    check(
        "acme project=registry:c1\nprovider local\nlisted c1\nmade c1 op=1 for=acme",
        &expect![""],
    );
}

#[test]
fn branches_and_what_is_going_and_what_is_ignored_are_no_orphans() {
    check(
        "acme\nprovider supabase\nlisted a branch\nlisted b going\nlisted c name=infra-1\nlisted d\n\
         ignore infra-*\nignore d until=2027-01-01T00:00:00Z",
        &expect![""],
    );
    check(
        "acme\nprovider supabase\nlisted c name=infra-1\nignore infra-* until=2026-11-23T12:00:00Z",
        &expect![[r#"
            medium proven orphaned_project: 
        "#]],
    );
}

#[test]
fn a_young_project_is_given_an_hour() {
    check("acme\nprovider supabase\nlisted a since=2026-11-23T11:00:01Z", &expect![""]);
    check(
        "acme\nprovider supabase\nlisted a since=2026-11-23T11:00:00Z",
        &expect![[r#"
        medium proven orphaned_project: 
    "#]],
    );
}

#[test]
fn what_an_operation_is_at_is_its_own_affair() {
    let own = "listed a name=wt-acme-00000000000000000000000000000007";
    check(&format!("acme\nprovider supabase\n{own}\nbusy 7"), &expect![""]);
    check("acme\nprovider supabase\nlisted a\nmade a op=1 for=globex\nbusy 1", &expect![""]);
    check("acme\nprovider supabase\nlisted a\nmade a op=1 for=globex\nmoving globex", &expect![""]);
    check(
        &format!("acme\nprovider supabase\n{own}\nmade a op=7 for=globex"),
        &expect![[r#"
        medium proven orphaned_project: 
    "#]],
    );
}

#[test]
fn every_excuse_is_told_to_whoever_lists_them() {
    let (world, _) = seen(
        "acme\nprovider supabase\nlisted a\nlisted b since=2026-11-23T12:00:00Z\nlisted c\nlisted d branch\n\
         listed e name=infra-1\nmade c op=1 for=x\nbusy 1\nignore infra-*",
    );
    let inventory = world.inventory.as_ref().unwrap();
    let mut lines = String::new();
    for it in unowned(inventory, &world.tenants, now()) {
        let excuse = match it.excuse {
            None => "orphaned".to_owned(),
            Some(Excuse::Young) => "young".to_owned(),
            Some(Excuse::Operation(id)) => format!("of {id}"),
            Some(Excuse::Ignored(ignored)) => format!("ignored, {}", ignored.reason),
        };
        lines.push_str(&format!("{} {excuse}\n", it.project.reference));
    }
    expect![[r#"
        a orphaned
        b young
        c of 00000000000000000000000000000001
        e ignored, no tenant
    "#]]
    .assert_eq(&lines);
}

#[test]
fn a_project_that_the_provider_has_not_is_missing() {
    check(
        "acme provider=supabase project=host:REF failed=dns_failed\nprovider supabase\nabsent REF",
        &expect![[r#"
            critical proven missing_project: acme
            high proven unhealthy: acme
            acme ? it was not reached: dns_failed
        "#]],
    );
    check(
        "acme provider=supabase project=host:REF\nprovider supabase\nelsewhere REF",
        &expect![""],
    );
    check(
        "acme provider=supabase project=host:REF\nprovider supabase\nlisted REF branch",
        &expect![""],
    );
    check("acme provider=supabase project=host:REF\nprovider supabase", &expect![""]);
    check("acme provider=neon project=host:REF\nprovider supabase\nabsent REF", &expect![""]);
    check("acme project=registry:c1\nprovider local\nabsent c1", &expect![""]);
    check(
        "acme project=registry:c1\nprovider local\nabsent c1\nmade c1 op=1 for=acme",
        &expect![[r#"
            critical proven missing_project: acme
        "#]],
    );
    check(
        "acme project=registry:c1\nprovider local\nabsent c1\nmade c1 op=1 for=acme\nmoving acme",
        &expect![""],
    );
}

#[test]
fn a_paused_project_is_why_its_tenant_does_not_answer() {
    let scan = "acme provider=supabase project=host:REF failed=auth_failed\nglobex failed=timeout\n\
                provider supabase\nlisted REF paused";
    let (world, detection) = seen(scan);
    expect![[r#"
        high proven unhealthy: acme
        high proven unhealthy: globex
        acme ? it was not reached: auth_failed
        globex ? it was not reached: timeout
    "#]]
    .assert_eq(&render(&world, &detection));
    let causes: Vec<_> = detection.tenants.iter().map(|it| it.targets[0].cause).collect();
    assert_eq!(causes, [Some(Cause::ProjectInactive), Some(Cause::Timeout)]);
    let ill = detection.claims.iter().find(|it| it.kind == Kind::Unhealthy).unwrap();
    assert_eq!(ill.evidence.0["cause"], Fact::from("project_inactive"));
    // It was woken since.
    let (_, detection) =
        seen("acme provider=supabase project=host:REF\nprovider supabase\nlisted REF paused");
    assert_eq!(detection.tenants[0].targets[0].health, Health::Healthy);
}

#[test]
fn paused_projects_are_no_sign_that_we_fail_ourselves() {
    let mut scan = "provider supabase\n".to_owned();
    let mut before = "before".to_owned();
    for number in 0..12 {
        let reference = format!("{}{}", "a".repeat(19), char::from(b'a' + number));
        scan.push_str(&format!(
            "t{number} provider=supabase project=host:{reference} failed=timeout\nlisted {reference} paused\n"
        ));
        before.push_str(&format!(" t{number}"));
    }
    let (_, detection) = seen(&format!("{scan}{before}"));
    assert!(detection.claims.iter().all(|it| it.kind == Kind::Unhealthy));
}

/// One scan after another: what stands after the last one.
#[track_caller]
fn check_life(scans: &[&str], expected: &Expect) {
    let mut findings: Vec<Finding> = Vec::new();
    for scan in scans {
        let (world, detection) = seen(scan);
        let examined = Examined::of(&world.case(), &detection);
        findings = advance(findings, detection.claims, &examined, &world.policy, now());
        findings.retain(|it| matches!(it.claim.kind, Kind::OrphanedProject | Kind::MissingProject));
    }
    let mut lines = String::new();
    for it in &findings {
        let (kind, looks) = (it.claim.kind, it.looks);
        lines.push_str(&format!("{} {kind} {looks}x {:?}\n", it.state, it.claim.tenants));
    }
    expected.assert_eq(&lines);
}

const ORPHAN: &str = "acme\nprovider supabase\nlisted OTHER";
const MISSING: &str = "acme provider=supabase project=host:REF\nprovider supabase\nabsent REF";

#[test]
fn without_an_inventory_nothing_is_opened_and_nothing_taken_back() {
    let unread = "acme provider=supabase project=host:REF";
    check_life(&[unread], &expect![""]);
    check_life(
        &[ORPHAN, unread],
        &expect![[r#"
        open orphaned_project 1x {}
    "#]],
    );
    check_life(
        &[MISSING, unread],
        &expect![[r#"
        open missing_project 1x {acme}
    "#]],
    );
}

#[test]
fn what_was_read_whole_and_does_not_show_it_takes_it_back() {
    let well = "acme provider=supabase project=host:REF\nprovider supabase\nlisted REF";
    check_life(
        &[ORPHAN, well],
        &expect![[r#"
        resolved orphaned_project 1x {}
    "#]],
    );
    check_life(
        &[MISSING, well],
        &expect![[r#"
        resolved missing_project 1x {acme}
    "#]],
    );
    // A row that names another host names none of the provider's projects.
    check_life(
        &[MISSING, "acme\nprovider supabase"],
        &expect![[r#"
        resolved missing_project 1x {acme}
    "#]],
    );
    check_life(
        &[MISSING, "globex"],
        &expect![[r#"
        resolved missing_project 1x {acme}
    "#]],
    );
}

#[test]
fn a_project_that_could_not_be_asked_for_stays_missing() {
    let unasked = "acme provider=supabase project=host:REF\nprovider supabase";
    check_life(
        &[MISSING, unasked],
        &expect![[r#"
        open missing_project 1x {acme}
    "#]],
    );
}

#[test]
fn one_orphan_after_another_is_one_finding() {
    let two = "acme\nprovider supabase\nlisted OTHER\nlisted x";
    let another = "acme\nprovider supabase\nlisted y";
    check_life(
        &[ORPHAN, two, another],
        &expect![[r#"
        open orphaned_project 3x {}
    "#]],
    );
}
