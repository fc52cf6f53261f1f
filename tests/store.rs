//! The store, through its public interface: what every store must do, what is SQLite's own, and what `kill -9` may not do.
//!
//! Why the suite stands apart from the file: a second kind of store has to pass it unchanged. Each function of it gets
//! a store that was just made.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "store/crash.rs"]
mod crash;
#[path = "store/example.rs"]
mod example;
#[path = "store/file.rs"]
mod file;
#[path = "store/findings.rs"]
mod findings;
#[path = "store/first_shape.rs"]
mod first_shape;
#[path = "store/ledger.rs"]
mod ledger;
#[path = "store/life.rs"]
mod life;
#[path = "store/suite.rs"]
mod suite;

macro_rules! conformance {
    ($suite:ident: $($name:ident,)+) => {
        $(#[test]
        fn $name() {
            let directory = tempfile::tempdir().unwrap();
            $suite::$name(&example::open(directory.path()));
        })+
    };
}

conformance! { suite:
    a_new_store_knows_nothing,
    a_tenant_is_kept_replaced_and_removed,
    ten_thousand_tenants_are_kept_in_the_order_of_their_ids,
    a_kept_source_is_replaced_whole,
    a_kept_source_of_many_parts_comes_back_in_order,
    a_finished_scan_is_there_whole,
    a_scan_that_comes_twice_changes_nothing,
    a_partial_scan_is_not_the_latest,
    old_scans_and_reports_make_room,
    the_latest_full_report_outlives_any_number_of_partial_ones,
    history_is_written_on_change_only,
    history_is_bounded,
    who_was_not_visited_keeps_its_last_answer,
    an_identity_keeps_its_time_until_it_changes,
    changes_are_listed_until_they_end,
    baselines_are_replaced_by_target,
    refused_secrets_are_remembered_by_target_and_cleared,
    old_refusals_are_forgotten,
    a_secrets_digest_is_its_targets_own,
}

conformance! { findings:
    a_finding_that_a_scan_does_not_name_stays,
    a_resolved_finding_stands_no_more_and_is_forgotten_in_time,
    a_finding_that_stood_long_unseen_is_kept_from_its_resolution_on,
    what_was_resolved_since_a_time_is_told_with_when,
    the_oldest_of_too_many_resolved_findings_are_forgotten,
    an_acknowledgement_silences_an_open_finding,
    a_pending_finding_can_be_silenced_too,
    what_does_not_stand_cannot_be_acknowledged,
    an_acknowledgement_given_during_a_scan_outlives_it,
    an_acknowledgement_given_during_a_scan_covers_no_more_than_was_seen,
    an_acknowledgement_that_the_scan_knew_is_the_scans_to_end,
    a_finding_resolved_during_its_acknowledgement_is_resolved,
    an_acknowledgement_that_ended_during_the_scan_covers_nothing,
}

conformance! { life:
    scans_are_told_page_by_page,
    history_is_told_page_by_page,
    latencies_are_kept_for_each_tenant_the_latest_first,
    of_each_five_minutes_one_latency_is_kept,
    latencies_are_kept_for_a_day,
    a_clock_that_was_wrong_for_one_scan_leaves_no_latency,
    changes_are_on_record_with_name_and_ticket,
    overrides_are_on_record_the_latest_first,
    failures_under_the_suspicion_of_ourselves_leave_who_answered_as_it_was,
}

conformance! { ledger:
    an_entry_comes_back_as_it_was,
    of_a_subject_the_last_entry_counts,
    a_finding_tells_the_page_of_its_issue,
    writes_and_waits_are_remembered,
    what_is_long_over_makes_room,
}
