//! What is told of single tenants, of the registry and of the fleet's health, case by case.
//!
//! Why through the whole detector: each check must hold beside all others, and stay silent where it has no say.

#![cfg(test)]

use expect_test::{Expect, expect};

use super::detect;
use super::notation::{World, told};

#[track_caller]
fn check(scan: &str, expected: &Expect) {
    expected.assert_eq(&told(scan));
}

#[test]
fn a_tenant_that_was_not_reached_is_its_own_doubt() {
    check(
        "acme failed=timeout\nglobex\ninitech untried\nhooli unasked",
        &expect![[r#"
        high proven unhealthy: acme
        acme ? it was not reached: timeout
        initech ? it was not visited: the scan was stopped before its turn
    "#]],
    );
}

#[test]
fn one_project_in_two_rows_is_shared_and_two_in_one_row_contradict() {
    check(
        "acme project=host:abc\nglobex project=user:abc failed=timeout",
        &expect![[r#"
        critical proven shared_project: acme globex
        high proven unhealthy: globex
        globex ? it was not reached: timeout
    "#]],
    );
    check("acme project=host:abc\nacme/databases.more project=host:abc", &expect![[""]]);
    check(
        "acme project=host:abc project=user:def",
        &expect![[r#"
        high proven registry_conflict: acme
    "#]],
    );
    check("acme project=host:abc\nglobex project=host:abc unasked", &expect![[""]]);
    check(
        "acme project=host:a provider=neon\nglobex project=host:a provider=supabase",
        &expect![[""]],
    );
}

#[test]
fn duplicates_of_the_registry_are_told_where_they_were_asked_for() {
    check(
        "acme\nglobex\nduplicate shop acme globex",
        &expect![[r#"
        high proven registry_conflict: acme globex
    "#]],
    );
    check("acme\nglobex unasked\ninitech unasked\nduplicate shop globex initech", &expect![[""]]);
}

#[test]
fn a_direct_connection_that_ends_in_another_database_is_wrong() {
    check(
        "acme db=other",
        &expect![[r#"
        critical proven wrong_database: acme
    "#]],
    );
    check("acme db=other pooled", &expect![[""]]);
    check("acme db=other relayed", &expect![[""]]);
}

#[test]
fn a_poolers_alias_is_wrong_when_it_changes() {
    check(
        "acme db=new asks=alias pooled\nbaseline acme db=old",
        &expect![[r#"
        critical proven wrong_database: acme
        high proven fingerprint_drift: acme
    "#]],
    );
    check("acme db=new asks=alias pooled\nbaseline acme db=new", &expect![[""]]);
    check("acme db=new asks=alias pooled\nbaseline acme db=old\nchange acme", &expect![[""]]);
}

#[test]
fn an_endpoint_that_is_another_database_is_wrong() {
    check(
        "acme sys=1 start=1\nacme/endpoints.x sys=2 start=1",
        &expect![[r#"
        critical proven wrong_database: acme
    "#]],
    );
    check(
        "acme sys=1 start=1 oid=5\nacme/endpoints.x sys=1 start=1 oid=6",
        &expect![[r#"
        critical proven wrong_database: acme
    "#]],
    );
    check(
        "acme sys=1 start=1\nacme/endpoints.x sys=1 start=2",
        &expect![[r#"
        critical proven wrong_database: acme
    "#]],
    );
    check("acme sys=1 start=1\nacme/databases.x sys=1 start=2 oid=6", &expect![[""]]);
}

#[test]
fn a_replica_that_its_primary_does_not_feed_is_wrong() {
    check(
        "acme sys=1\nacme/endpoints.x sys=1 rec=t receiver=t",
        &expect![[r#"
        critical proven wrong_database: acme
    "#]],
    );
    check("acme sys=1 senders=1\nacme/endpoints.x sys=1 rec=t receiver=t", &expect![[""]]);
    check("acme sys=1\nacme/endpoints.x sys=1 rec=t", &expect![[""]]);
}

#[test]
fn a_server_restarted_between_two_looks_is_a_doubt() {
    check(
        "acme sys=1 start=1\nacme/endpoints.x sys=1 start=1795435100000000",
        &expect![[r#"
        acme ? endpoints.x and database_url show different server starts, one of them within the last minutes: restarted, or two servers
    "#]],
    );
}

#[test]
fn one_stamp_in_two_databases_is_foreign() {
    check(
        "acme stamp=s\nglobex stamp=s",
        &expect![[r#"
        critical proven foreign_stamp: acme globex
    "#]],
    );
    check(
        "acme stamp=s\nglobex stamp=s clone_of=acme",
        &expect![[r#"
        low proven foreign_stamp: acme globex
    "#]],
    );
    check("acme stamp=s\nacme/databases.x stamp=s\nglobex stamp=t", &expect![[""]]);
    check(
        "acme sys=1 start=1 stamp=s\nglobex sys=1 start=1 stamp=s\nwitness server=acme:5,globex:5",
        &expect![[r#"
            critical proven shared_database: acme globex
        "#]],
    );
    check(
        "acme sys=1 start=1 oid=5 stamp=s\nglobex sys=1 start=1 oid=6 stamp=s\nwitness server=acme:5,globex:6",
        &expect![[r#"
            critical proven shared_cluster: acme globex
            critical proven foreign_stamp: acme globex
        "#]],
    );
    check(
        "acme sys=1 senders=1 stamp=s\nglobex sys=1 rec=t receiver=t stamp=s\n\
         stream globex received=90 tl=1\nstream acme insert=100 tl=1",
        &expect![[r#"
            high probable shared_replication: acme globex
        "#]],
    );
}

#[test]
fn a_new_identity_is_drift_and_a_restart_or_a_failover_is_none() {
    check(
        "acme sys=2 tl=1\nbaseline acme sys=1 oid=16384 tl=1",
        &expect![[r#"
        high proven fingerprint_drift: acme
    "#]],
    );
    check(
        "acme sys=1 oid=7\nbaseline acme sys=1 oid=16384",
        &expect![[r#"
        high proven fingerprint_drift: acme
    "#]],
    );
    check(
        "acme sys=1 project=host:b\nbaseline acme sys=1 project=a",
        &expect![[r#"
        high proven fingerprint_drift: acme
    "#]],
    );
    check(
        "acme sys=1 tl=1\nbaseline acme sys=1 tl=2",
        &expect![[r#"
        high proven fingerprint_drift: acme
    "#]],
    );
    check("acme sys=1 tl=3\nbaseline acme sys=1 oid=16384 tl=2", &expect![[""]]);
    check("acme sys=?\nbaseline acme sys=1 oid=16384", &expect![[""]]);
    check("acme sys=2\nbaseline acme sys=1\nchange acme", &expect![[""]]);
}

#[test]
fn one_password_for_two_tenants_is_told() {
    check(
        "acme\nglobex\npassword x acme globex",
        &expect![[r#"
        high proven shared_credentials: acme globex
    "#]],
    );
    check("acme\nacme/databases.x\npassword x acme acme/databases.x", &expect![[""]]);
}

#[test]
fn plain_text_matters_where_somebody_can_listen() {
    check(
        "acme tls=none",
        &expect![[r#"
        medium proven insecure_transport: acme
    "#]],
    );
    check(
        "acme tls=none ip=127.0.0.1\nglobex tls=none ip=::1\ninitech tls=none socket",
        &expect![[""]],
    );
    check(
        "acme tls=unverified ip=127.0.0.1",
        &expect![[r#"
        medium proven insecure_transport: acme
    "#]],
    );
}

#[test]
fn powers_past_the_own_database_are_told() {
    check(
        "acme power=superuser power=replication",
        &expect![[r#"
        medium proven over_privileged_role: acme
    "#]],
    );
    check("acme power=replication provider=supabase", &expect![[""]]);
    check(
        "acme power=createrole version=150018\nglobex power=createrole version=160001",
        &expect![[r#"
        medium proven over_privileged_role: acme
    "#]],
    );
}

#[test]
fn one_host_matters_where_the_policy_promises_hosts() {
    let fleet = "acme ip=10.1.1.1\nglobex ip=10.1.1.1\ninitech ip=10.1.1.1 pooled\n";
    check(fleet, &expect![[""]]);
    check(
        &format!("policy host\n{fleet}"),
        &expect![[r#"
        high proven shared_host: acme globex
    "#]],
    );
    check(
        "policy project\nacme sys=1 start=1 ip=10.1.1.1\nglobex sys=1 start=1 ip=10.1.1.1\nwitness server=acme:5,globex:5",
        &expect![[r#"
            critical proven shared_database: acme globex
        "#]],
    );
}

#[test]
fn health_is_told_once_for_each_tenant() {
    check(
        "acme failed=timeout\nacme/databases.x failed=dns_failed",
        &expect![[r#"
        high proven unhealthy: acme
        acme ? databases.x was not reached: dns_failed
        acme ? it was not reached: timeout
    "#]],
    );
    check(
        "acme failed=timeout maintained",
        &expect![[r#"
        acme ? it was not reached: timeout
    "#]],
    );
    check(
        "acme readonly\nglobex readonly rec=t sys=?",
        &expect![[r#"
        high proven unhealthy: acme
    "#]],
    );
    check(
        "acme connections=80\nglobex connections=79",
        &expect![[r#"
        low proven degraded: acme
    "#]],
    );
    check(
        "acme age=1500000000\nglobex age=1499999999",
        &expect![[r#"
        low proven degraded: acme
    "#]],
    );
    check(
        "acme skew=300001\nglobex skew=-300001\ninitech skew=300000",
        &expect![[r#"
        low proven degraded: acme
        low proven degraded: globex
    "#]],
    );
    check(
        "acme version=140020\nglobex version=150015\ninitech version=990000",
        &expect![[r#"
        low proven degraded: acme
    "#]],
    );
}

#[test]
fn an_exception_drops_a_claim_only_if_it_covers_every_member_and_is_in_date() {
    let fleet =
        "acme sys=1 start=1 oid=5\nglobex sys=1 start=1 oid=6\nwitness server=acme:5,globex:6\n";
    check(&format!("{fleet}exception shared_cluster acme globex"), &expect![[""]]);
    check(
        &format!("{fleet}exception shared_cluster acme"),
        &expect![[r#"
        critical proven shared_cluster: acme globex
    "#]],
    );
    check(
        &format!("{fleet}exception shared_cluster * until=2026-11-23T12:00:00Z"),
        &expect![[r#"
        critical proven shared_cluster: acme globex
    "#]],
    );
}

#[test]
fn a_fleet_that_fails_at_once_makes_us_suspect_ourselves() {
    let ids: Vec<String> = (10..30).map(|it| format!("t{it}")).collect();
    let fleet = |failing: usize, before: usize| {
        let lines = ids.iter().enumerate().map(|(number, id)| {
            format!("{id}{}\n", if number < failing { " failed=timeout" } else { "" })
        });
        format!("{}before {}", lines.collect::<String>(), ids[..before].join(" "))
    };
    let health = |scan: &str| {
        let kinds = told(scan);
        let count = |kind: &str| kinds.matches(kind).count();
        (count("monitor_suspect"), count(" unhealthy"))
    };
    assert_eq!(health(&fleet(11, 20)), (1, 0));
    assert_eq!(health(&fleet(10, 20)), (0, 10), "half is not more than half");
    assert_eq!(health(&fleet(9, 9)), (0, 9), "nine are too few");
    assert_eq!(health(&fleet(12, 8)), (0, 12), "those that were down before count for nothing");
}

#[test]
fn the_steps_name_the_tenants_and_no_placeholder() {
    let shared = "acme sys=1 start=1\nglobex sys=1 start=1\nwitness server=acme:5,globex:5";
    for (scan, command) in [
        ("acme failed=timeout", "`watertight check acme`"),
        (shared, "`watertight check acme` and `watertight check globex`"),
        (shared, "`watertight rehome acme --dry-run` or `watertight rehome globex --dry-run`"),
        ("acme sys=2\nbaseline acme sys=1", "`watertight accept acme --reason TEXT"),
        ("acme db=other", "`watertight accept acme --reason TEXT`"),
    ] {
        let world = World::parse(scan);
        let claims = detect(&world.case()).claims;
        let steps: Vec<String> = claims.into_iter().flat_map(|it| it.remediation).collect();
        assert!(steps.iter().any(|it| it.contains(command)), "{command} is not in {steps:?}");
        assert!(!steps.iter().any(|it| it.contains("TENANT")), "{steps:?}");
    }
}
