//! How tenants are related, case by case, in the notation beside this file.
//!
//! Why one file: the order of the relations is a property of the whole detector, so its cases are read together.

#![cfg(test)]

use expect_test::{Expect, expect};

use super::notation::told;

#[track_caller]
fn check(scan: &str, expected: &Expect) {
    expected.assert_eq(&told(scan));
}

#[test]
fn separate_servers_share_nothing() {
    check("acme\nglobex", &expect![[""]]);
    check("acme sys=1 start=1 oid=5\nglobex sys=2 start=1 oid=5", &expect![[""]]);
}

#[test]
fn one_database_is_told_once_and_not_again_as_a_server() {
    check(
        "acme sys=1 start=1 oid=5\nglobex sys=1 start=1 oid=5\nwitness server=acme:5,globex:5",
        &expect![[r#"
            critical proven shared_database: acme globex
        "#]],
    );
}

#[test]
fn two_databases_on_one_server_are_one_server() {
    check(
        "acme sys=1 start=1 oid=5\nglobex sys=1 start=1 oid=6\nwitness server=acme:5,globex:6",
        &expect![[r#"
            critical proven shared_cluster: acme globex
        "#]],
    );
}

#[test]
fn a_server_with_a_shared_database_is_told_for_the_pairs_that_are_left() {
    check(
        "acme sys=1 start=1 oid=5\nglobex sys=1 start=1 oid=5\ninitech sys=1 start=1 oid=6\n\
         witness server=acme:5,globex:5,initech:6",
        &expect![[r#"
            critical proven shared_database: acme globex
            critical proven shared_cluster: acme globex initech
        "#]],
    );
}

#[test]
fn the_oid_of_the_lock_table_decides_over_the_fingerprints() {
    check(
        "acme sys=1 start=1 oid=4\nglobex sys=1 start=1 oid=5\nwitness server=acme:5,globex:5",
        &expect![[r#"
            critical proven shared_database: acme globex
        "#]],
    );
    check(
        "acme sys=1 start=1 oid=?\nglobex sys=1 start=1 oid=5\nwitness server=acme:5,globex:5",
        &expect![[r#"
            critical proven shared_database: acme globex
        "#]],
    );
}

#[test]
fn a_policy_of_databases_reports_one_database_and_not_one_server() {
    let fleet = "policy database\nacme sys=1 start=1 oid=5\nglobex sys=1 start=1 oid=6\n";
    check(&format!("{fleet}witness server=acme:5,globex:6"), &expect![[""]]);
    check(
        &format!("{fleet}initech sys=1 start=1 oid=6\nwitness server=acme:5,globex:6,initech:6"),
        &expect![[r#"
            critical proven shared_database: globex initech
        "#]],
    );
}

#[test]
fn candidates_without_a_witness_are_doubted_and_not_claimed() {
    check(
        "acme sys=1 start=1\nglobex sys=1 start=1\ninitech sys=1 start=2",
        &expect![[r#"
            low proven cloned_lineage: acme globex initech
            acme ? it cannot be told apart from globex: the second visit was not made
            globex ? it cannot be told apart from acme: the second visit was not made
        "#]],
    );
}

#[test]
fn what_is_withheld_agrees_with_everything_until_the_witness_decides() {
    check(
        "acme sys=? start=? rec=?\nglobex\ninitech",
        &expect![[r#"
            acme ? it cannot be told apart from globex and initech: the second visit was not made
            globex ? it cannot be told apart from acme: the second visit was not made
            initech ? it cannot be told apart from acme: the second visit was not made
        "#]],
    );
    check("acme sys=? start=? rec=f\nglobex\nwitness acme globex", &expect![[""]]);
    check("acme sys=? start=7\nglobex start=8", &expect![[""]]);
}

#[test]
fn a_blind_member_is_doubted_with_all_that_it_could_be() {
    check(
        "acme sys=1 start=1\nglobex sys=1 start=1\ninitech sys=1 start=1\nwitness acme globex blind=initech",
        &expect![[r#"
            low proven cloned_lineage: acme globex
            acme ? it cannot be told apart from initech, whose second look failed: its role may not take or see advisory locks
            globex ? it cannot be told apart from initech, whose second look failed: its role may not take or see advisory locks
            initech ? it cannot be told apart from acme and globex: its role may not take or see advisory locks
        "#]],
    );
}

#[test]
fn an_undecided_pair_doubts_both_and_no_third() {
    check(
        "acme sys=1 start=1\nglobex sys=1 start=1\ninitech sys=1 start=1\nwitness initech open=acme,globex",
        &expect![[r#"
            low proven cloned_lineage: acme globex initech
            acme ? it cannot be told apart from globex: the locks were not provably held while they were looked for
            globex ? it cannot be told apart from acme: the locks were not provably held while they were looked for
        "#]],
    );
}

#[test]
fn a_blind_member_of_a_server_restarted_in_mid_scan_stays_in_doubt() {
    check(
        "acme sys=1 start=1\nglobex sys=1 start=9\nwitness acme blind=globex",
        &expect![[r#"
            acme ? it cannot be told apart from globex, whose second look failed: its role may not take or see advisory locks
            globex ? it cannot be told apart from acme: its role may not take or see advisory locks
        "#]],
    );
}

#[test]
fn copies_of_one_image_are_one_line_of_low_severity() {
    check(
        "acme sys=1\nglobex sys=1\ninitech sys=1",
        &expect![[r#"
        low proven cloned_lineage: acme globex initech
    "#]],
    );
}

#[test]
fn a_promoted_copy_is_of_medium_severity_unless_it_was_declared() {
    check(
        "acme sys=1\nglobex sys=1 tl=2",
        &expect![[r#"
        medium proven cloned_lineage: acme globex
    "#]],
    );
    check(
        "acme sys=1\nglobex sys=1 tl=2 clone_of=acme",
        &expect![[r#"
        low proven cloned_lineage: acme globex
    "#]],
    );
}

#[test]
fn a_family_of_which_all_pairs_are_told_is_not_told_again() {
    check(
        "acme sys=1 start=1\nglobex sys=1 start=1\nacme/databases.more sys=1 start=2\nwitness server=acme:5,globex:5",
        &expect![[r#"
            critical proven shared_database: acme globex
        "#]],
    );
}

#[test]
fn a_tenants_own_standby_pooler_and_databases_share_nothing_with_it() {
    check(
        "acme sys=1 start=1 senders=1\nacme/endpoints.pooler sys=1 start=1 pooled\n\
         acme/endpoints.replica sys=1 rec=t receiver=t\nacme/databases.more oid=9",
        &expect![[""]],
    );
}

const STANDBY: &str = "acme sys=1 senders=1\nglobex sys=1 rec=t receiver=t\n";

#[test]
fn one_fitting_primary_is_probable() {
    check(
        &format!("{STANDBY}stream globex received=90 tl=1\nstream acme insert=100 tl=1"),
        &expect![[r#"
            high probable shared_replication: acme globex
        "#]],
    );
}

#[test]
fn the_senders_address_and_slot_are_a_proof() {
    let standby = "stream globex received=90 tl=1 from=10.0.0.0:5432 slot=s1\n";
    check(
        &format!("{STANDBY}{standby}stream acme insert=100 tl=1 slots=s1"),
        &expect![[r#"
        critical proven shared_replication: acme globex
    "#]],
    );
    check(
        &format!("{STANDBY}{standby}stream acme insert=100 tl=1 slots=s2"),
        &expect![[r#"
        high probable shared_replication: acme globex
    "#]],
    );
}

#[test]
fn a_pattern_that_the_standby_read_back_tells_its_primary_from_the_twin() {
    let twins = "acme sys=1 senders=1\ncarol sys=1 senders=1\nglobex sys=1 rec=t receiver=t\n\
                 stream acme insert=100 tl=1\nstream carol insert=100 tl=1\n\
                 stream globex received=90 tl=1";
    check(
        &format!("{twins} fed=acme unfed=carol"),
        &expect![[r#"
        critical proven shared_replication: acme globex
        low proven cloned_lineage: acme carol globex
    "#]],
    );
    check(
        &format!("{twins} unfed=carol"),
        &expect![[r#"
        high probable shared_replication: acme globex
        low proven cloned_lineage: acme carol globex
    "#]],
    );
}

#[test]
fn a_primary_is_excluded_by_its_position_its_timeline_and_the_lack_of_a_sender() {
    let standby = "stream globex received=90 tl=1\n";
    check(
        &format!("{STANDBY}{standby}stream acme insert=89 tl=1"),
        &expect![[r#"
        low proven cloned_lineage: acme globex
    "#]],
    );
    check(
        &format!("{STANDBY}{standby}stream acme insert=90 tl=2"),
        &expect![[r#"
        low proven cloned_lineage: acme globex
    "#]],
    );
    check(
        &format!("acme sys=1\nglobex sys=1 rec=t receiver=t\n{standby}stream acme insert=90 tl=1"),
        &expect![[r#"
            low proven cloned_lineage: acme globex
        "#]],
    );
}

#[test]
fn several_fitting_primaries_are_a_doubt() {
    check(
        &format!(
            "{STANDBY}initech sys=1 senders=1\nstream globex received=90 tl=1\n\
             stream acme insert=100 tl=1\nstream initech insert=100 tl=1"
        ),
        &expect![[r#"
            low proven cloned_lineage: acme initech
            acme ? it may read the same live data as globex by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
            globex ? it may read the same live data as acme and initech by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
            initech ? it may read the same live data as globex by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
        "#]],
    );
}

#[test]
fn a_primary_that_is_far_ahead_is_possible_and_a_near_one_fits_better() {
    let standby = "stream globex received=90 tl=1\n";
    check(
        &format!("{STANDBY}{standby}stream acme insert=900000000 tl=1"),
        &expect![[r#"
        acme ? it may read the same live data as globex by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
        globex ? it may read the same live data as acme by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
    "#]],
    );
    check(
        &format!(
            "{STANDBY}initech sys=1 senders=1\n{standby}\
             stream acme insert=900000000 tl=1\nstream initech insert=100 tl=1"
        ),
        &expect![[r#"
            high probable shared_replication: globex initech
            low proven cloned_lineage: acme globex initech
        "#]],
    );
}

#[test]
fn a_near_primary_beside_one_of_unknown_position_is_a_doubt() {
    let scan = format!(
        "{STANDBY}initech sys=1 senders=1\nstream globex received=90 tl=1\nstream acme insert=100 tl=1"
    );
    let told = told(&scan);
    assert!(!told.contains("shared_replication"), "{told}");
    assert!(told.contains("globex ?"), "{told}");
}

#[test]
fn a_standby_that_was_not_looked_at_closely_is_a_doubt() {
    check(
        STANDBY,
        &expect![[r#"
        acme ? it may read the same live data as globex by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
        globex ? it may read the same live data as acme by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
    "#]],
    );
}

#[test]
fn a_standby_that_streams_from_nobody_may_replay_an_archive() {
    check(
        "acme sys=1\nglobex sys=1 rec=t\nstream globex received=90 tl=1 detached\nstream acme insert=90 tl=1",
        &expect![[r#"
            acme ? it may read the same live data as globex by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
            globex ? it may read the same live data as acme by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
        "#]],
    );
}

const SIBLINGS: &str = "acme sys=1 rec=t receiver=t\nglobex sys=1 rec=t receiver=t\n";

#[test]
fn two_receivers_at_one_position_are_probably_siblings() {
    let acme = "stream acme received=90 tl=1\n";
    check(
        &format!("{SIBLINGS}{acme}stream globex received=90 tl=1"),
        &expect![[r#"
        high probable shared_replication: acme globex
    "#]],
    );
    check(
        &format!("{SIBLINGS}{acme}stream globex received=95 tl=1"),
        &expect![[r#"
        acme ? it may read the same live data as globex by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
        globex ? it may read the same live data as acme by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told
    "#]],
    );
    check(
        &format!("{SIBLINGS}{acme}stream globex received=90 tl=2"),
        &expect![[r#"
        low proven cloned_lineage: acme globex
    "#]],
    );
}

#[test]
fn the_standbys_of_one_primary_are_told_with_it() {
    check(
        &format!(
            "{STANDBY}initech sys=1 rec=t receiver=t\nstream globex received=90 tl=1\n\
             stream initech received=80 tl=1\nstream acme insert=100 tl=1"
        ),
        &expect![[r#"
            high probable shared_replication: acme globex initech
        "#]],
    );
}

#[test]
fn a_policy_of_databases_reports_a_replica_of_the_same_database_alone() {
    let looks = "stream globex received=90 tl=1\nstream acme insert=100 tl=1";
    check(
        &format!("policy database\n{STANDBY}{looks}"),
        &expect![[r#"
        high probable shared_replication: acme globex
    "#]],
    );
    check(
        &format!(
            "policy database\nacme sys=1 senders=1 oid=5\nglobex sys=1 rec=t receiver=t oid=6 db=other asks=other\n{looks}"
        ),
        &expect![[""]],
    );
}
