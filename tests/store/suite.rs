//! What every kind of store must do. Each function gets one that was just made.

use serde::{Deserialize, Serialize};
use watertight::model::change::{Change, PlannedKinds};
use watertight::model::finding::{State, Verdict};
use watertight::model::observation::Cause;
use watertight::model::report::Summary;
use watertight::model::tenant::TargetName;
use watertight::secret::Secret;
use watertight::store::Store;
use watertight::store::memory::RefusedSecret;
use watertight::store::scans::{FinishedScan, ScanRecord};
use watertight::store::tenants::Kept;

use super::example::{
    at, baseline, days, finding, fingerprint, finish, id, identity, report, tenant,
};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Row {
    database_url: String,
    line: Option<u32>,
}

fn row(number: usize) -> Row {
    Row { database_url: format!("postgres://u:p{number}@h/d"), line: u32::try_from(number).ok() }
}

pub(crate) fn a_new_store_knows_nothing(store: &Store) {
    assert_eq!(store.tenants::<Row>().unwrap(), []);
    assert_eq!(store.kept_sources::<Row>().unwrap(), []);
    assert_eq!(store.baselines().unwrap(), []);
    assert_eq!(store.last_identities().unwrap(), []);
    assert_eq!(store.active_changes(at(0)).unwrap(), []);
    assert_eq!(store.standing_findings().unwrap(), []);
    assert_eq!(store.resolved_findings(10).unwrap(), []);
    assert_eq!(store.scans(10).unwrap(), []);
    assert_eq!(store.history(&id("acme"), 10).unwrap(), []);
    assert_eq!(store.latencies(&id("acme"), 10).unwrap(), []);
    assert_eq!(store.changes(10).unwrap(), []);
    assert_eq!(store.overrides(10).unwrap(), []);
    assert_eq!(store.resolved_since(at(0), 10).unwrap(), []);
    assert_eq!(store.refused().unwrap(), []);
    assert_eq!(store.latest_report_json().unwrap(), None);
    assert_eq!(store.scan_report_json("1").unwrap(), None);
    assert!(store.answered_before().unwrap().is_empty());
    assert!(store.last_successes().unwrap().is_empty());
}

pub(crate) fn a_tenant_is_kept_replaced_and_removed(store: &Store) {
    store.put_tenants(&[(id("globex"), row(1)), (id("acme"), row(2))]).unwrap();
    store.put_tenants(&[(id("acme"), row(3))]).unwrap();
    assert_eq!(store.tenants().unwrap(), [(id("acme"), row(3)), (id("globex"), row(1))]);
    let gone = [id("acme"), id("nobody")].into();
    assert_eq!(store.remove_tenants(&gone).unwrap(), 1);
    assert_eq!(store.remove_tenants(&gone).unwrap(), 0);
    assert_eq!(store.tenants().unwrap(), [(id("globex"), row(1))]);
}

pub(crate) fn ten_thousand_tenants_are_kept_in_the_order_of_their_ids(store: &Store) {
    let rows: Vec<_> = (0..10_000).map(|it| (id(&format!("t{it:05}")), row(it))).collect();
    let reversed: Vec<_> = rows.iter().rev().cloned().collect();
    store.put_tenants(&reversed).unwrap();
    assert!(store.tenants::<Row>().unwrap() == rows);
}

pub(crate) fn a_kept_source_is_replaced_whole(store: &Store) {
    store.keep_source("b", &[row(1), row(2)], at(1)).unwrap();
    store.keep_source("a", &[row(3)], at(2)).unwrap();
    store.keep_source("b", &[row(4)], at(3)).unwrap();
    let kept = |source: &str, number, second| Kept {
        source: source.to_owned(),
        rows: vec![row(number)],
        read_at: at(second),
    };
    assert_eq!(store.kept_sources().unwrap(), [kept("a", 3, 2), kept("b", 4, 3)]);
    store.keep_source::<Row>("a", &[], at(4)).unwrap();
    assert!(store.forget_source("b").unwrap());
    assert!(!store.forget_source("b").unwrap());
    let empty = Kept { source: "a".to_owned(), rows: Vec::<Row>::new(), read_at: at(4) };
    assert_eq!(store.kept_sources().unwrap(), [empty]);
}

pub(crate) fn a_kept_source_of_many_parts_comes_back_in_order(store: &Store) {
    for count in [999, 1_000, 1_001, 12_345] {
        let rows: Vec<_> = (0..count).map(row).collect();
        store.keep_source("a", &rows, at(1)).unwrap();
        assert!(
            store.kept_sources().unwrap() == [Kept { source: "a".into(), rows, read_at: at(1) }]
        );
    }
}

pub(crate) fn a_finished_scan_is_there_whole(store: &Store) {
    let mut down = tenant("globex", None);
    down.cause = Some(Cause::Timeout);
    down.targets[0].cause = Some(Cause::Timeout);
    let report = report("1", 5, vec![tenant("acme", Some(fingerprint(1))), down]);
    let findings = [finding(&["acme", "globex"], State::Open, 1, 15)];
    let baselines = [baseline("acme", 1)];
    let json = r#"{"å":1}"#;
    let scan = FinishedScan {
        report: &report,
        write_json: &|out| out.write_all(json.as_bytes()),
        findings: &findings,
        unreported: &[],
        baselines: &baselines,
    };
    store.finish_scan(&scan).unwrap();

    let record = ScanRecord {
        id: "1".into(),
        started_at: at(5),
        finished_at: at(15),
        trigger: report.trigger,
        partial: false,
        verdict: Verdict::Unverified,
        summary: report.summary(),
    };
    assert_eq!(
        record.summary,
        Summary { tenants: 2, isolated: 1, unverified: 1, healthy: 1, ..Summary::default() }
    );
    assert_eq!(store.scans(10).unwrap(), [record]);
    assert_eq!(store.latest_report_json().unwrap().as_deref(), Some(json));
    assert_eq!(store.scan_report_json("1").unwrap().as_deref(), Some(json));
    assert_eq!(store.standing_findings().unwrap(), findings);
    assert_eq!(store.finding(findings[0].id).unwrap().as_ref(), Some(&findings[0]));
    assert_eq!(store.baselines().unwrap(), baselines);
    let seen = watertight::model::change::Baseline { since: at(15), ..baseline("acme", 1) };
    assert_eq!(store.last_identities().unwrap(), [seen]);
    assert_eq!(store.answered_before().unwrap(), [id("acme")].into());
    assert_eq!(store.last_successes().unwrap(), [(id("acme"), at(15))].into());
    let history = store.history(&id("globex"), 10).unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!((&*history[0].scan, history[0].cause), ("1", Some(Cause::Timeout)));
    assert_eq!(history[0].probe, Some(std::time::Duration::from_micros(12_345)));
    let digest = fingerprint(1).sha256(None);
    assert_eq!(store.history(&id("acme"), 10).unwrap()[0].fingerprint, Some(digest));
}

pub(crate) fn a_scan_that_comes_twice_changes_nothing(store: &Store) {
    finish(store, &report("1", 0, vec![tenant("acme", Some(fingerprint(1)))]), &[]);
    let again = report("1", 100, vec![tenant("acme", Some(fingerprint(2)))]);
    finish(store, &again, &[finding(&["acme"], State::Open, 1, 100)]);
    assert_eq!(store.scans(10).unwrap().len(), 1);
    assert_eq!(store.last_identities().unwrap()[0].identity, identity(1));
    assert_eq!(store.standing_findings().unwrap(), []);
}

pub(crate) fn a_partial_scan_is_not_the_latest(store: &Store) {
    finish(store, &report("1", 0, Vec::new()), &[]);
    let mut partial = report("2", 20, Vec::new());
    partial.partial = true;
    finish(store, &partial, &[]);
    assert_eq!(store.latest_report_json().unwrap().as_deref(), Some(r#"{"id":"1"}"#));
    assert_eq!(store.scan_report_json("2").unwrap().as_deref(), Some(r#"{"id":"2"}"#));
}

pub(crate) fn old_scans_and_reports_make_room(store: &Store) {
    for number in 0..510 {
        finish(store, &report(&number.to_string(), number, Vec::new()), &[]);
    }
    let scans = store.scans(1_000).unwrap();
    assert_eq!((scans.len(), &*scans[0].id, &*scans[499].id), (500, "509", "10"));
    let kept = |number: i64| store.scan_report_json(&number.to_string()).unwrap().is_some();
    assert!((490..510).all(kept));
    assert!(!(0..490).any(kept));
}

pub(crate) fn the_latest_full_report_outlives_any_number_of_partial_ones(store: &Store) {
    finish(store, &report("full", 0, Vec::new()), &[]);
    for number in 0..505 {
        let mut partial = report(&number.to_string(), number, Vec::new());
        partial.partial = true;
        finish(store, &partial, &[]);
    }
    assert_eq!(store.latest_report_json().unwrap().as_deref(), Some(r#"{"id":"full"}"#));
    finish(store, &report("next", 600, Vec::new()), &[]);
    assert_eq!(store.latest_report_json().unwrap().as_deref(), Some(r#"{"id":"next"}"#));
    assert_eq!(store.scan_report_json("full").unwrap(), None);
    assert_eq!(store.scans(1_000).unwrap().len(), 500);
}

pub(crate) fn history_is_written_on_change_only(store: &Store) {
    for (number, print) in [1, 1, 2, 2, 1].into_iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        let tenant = tenant("acme", Some(fingerprint(print)));
        finish(store, &report(&number.to_string(), number, vec![tenant]), &[]);
    }
    let history = store.history(&id("acme"), 10).unwrap();
    let scans: Vec<_> = history.iter().map(|it| &*it.scan).collect();
    assert_eq!(scans, ["4", "2", "0"]);
    assert_eq!(store.history(&id("acme"), 1).unwrap().len(), 1);
}

pub(crate) fn history_is_bounded(store: &Store) {
    for number in 0_u32..1_005 {
        let tenant = tenant("acme", Some(fingerprint(number.into())));
        finish(store, &report(&number.to_string(), number.into(), vec![tenant]), &[]);
    }
    let history = store.history(&id("acme"), 2_000).unwrap();
    assert_eq!((history.len(), &*history[0].scan, &*history[999].scan), (1_000, "1004", "5"));
}

pub(crate) fn who_was_not_visited_keeps_its_last_answer(store: &Store) {
    let mut failed = tenant("globex", None);
    failed.targets[0].cause = Some(Cause::Timeout);
    finish(store, &report("1", 0, vec![tenant("acme", Some(fingerprint(1))), failed.clone()]), &[]);
    finish(store, &report("2", 20, vec![tenant("acme", None), tenant("globex", None)]), &[]);
    assert_eq!(store.answered_before().unwrap(), [id("acme")].into());
    assert_eq!(store.last_successes().unwrap(), [(id("acme"), at(10))].into());
    failed.id = id("acme");
    finish(store, &report("3", 40, vec![failed]), &[]);
    assert!(store.answered_before().unwrap().is_empty());
    assert_eq!(store.last_successes().unwrap(), [(id("acme"), at(10))].into());
}

pub(crate) fn an_identity_keeps_its_time_until_it_changes(store: &Store) {
    let scan = |number: i64, print| {
        let seen = tenant("acme", Some(fingerprint(print)));
        finish(store, &report(&number.to_string(), number, vec![seen]), &[]);
        let last = store.last_identities().unwrap().remove(0);
        (last.identity, last.since)
    };
    assert_eq!(scan(0, 1), (identity(1), at(10)));
    assert_eq!(scan(100, 1), (identity(1), at(10)));
    assert_eq!(scan(200, 2), (identity(2), at(210)));
}

pub(crate) fn changes_are_listed_until_they_end(store: &Store) {
    let change = |reason: &str, from, until| Change {
        tenants: vec![id("acme"), id("globex")],
        kinds: PlannedKinds::default(),
        reason: reason.into(),
        ticket: Some("OPS-1".into()),
        by: "ada".into(),
        from: at(from),
        until: at(until),
    };
    let changes = [change("b", 0, 10), change("a", 5, 20)];
    for change in &changes {
        store.add_change(change).unwrap();
    }
    assert_eq!(store.active_changes(at(9)).unwrap(), changes);
    assert_eq!(store.active_changes(at(10)).unwrap(), [changes[1].clone()]);
    assert_eq!(store.active_changes(at(20)).unwrap(), []);
}

pub(crate) fn baselines_are_replaced_by_target(store: &Store) {
    let mut replica = baseline("acme", 3);
    replica.target = TargetName::Endpoint("replica".into());
    store.put_baselines(&[baseline("globex", 2), baseline("acme", 1), replica.clone()]).unwrap();
    store.put_baselines(&[baseline("acme", 4)]).unwrap();
    assert_eq!(store.baselines().unwrap(), [baseline("acme", 4), replica, baseline("globex", 2)]);
}

fn refused(store: &Store, tenant: &str, secret: &str, second: i64) -> RefusedSecret {
    let (tenant, target) = (id(tenant), TargetName::DatabaseUrl);
    let digest = store.secret_digest(&tenant, &target, &Secret::new(secret));
    RefusedSecret { tenant, target, digest, at: at(second) }
}

pub(crate) fn refused_secrets_are_remembered_by_target_and_cleared(store: &Store) {
    let first = [refused(store, "acme", "a", 1), refused(store, "globex", "b", 1)];
    store.put_refused(&first).unwrap();
    let again = refused(store, "acme", "c", 2);
    store.put_refused(std::slice::from_ref(&again)).unwrap();
    assert_eq!(store.refused().unwrap(), [again, first[1].clone()]);
    store
        .clear_refused(&[
            (id("acme"), TargetName::DatabaseUrl),
            (id("none"), TargetName::DatabaseUrl),
        ])
        .unwrap();
    assert_eq!(store.refused().unwrap(), [first[1].clone()]);
}

pub(crate) fn old_refusals_are_forgotten(store: &Store) {
    let (old, new) = (refused(store, "acme", "a", 0), refused(store, "globex", "b", days(90) + 1));
    store.put_refused(&[old]).unwrap();
    store.put_refused(std::slice::from_ref(&new)).unwrap();
    assert_eq!(store.refused().unwrap(), [new]);
}

pub(crate) fn a_secrets_digest_is_its_targets_own(store: &Store) {
    let digest = |tenant: &str, target: &str, secret: &str| {
        let target = TargetName::parse(target).unwrap();
        store.secret_digest(&id(tenant), &target, &Secret::new(secret))
    };
    let first = digest("acme", "database_url", "hunter2");
    assert_eq!(digest("acme", "database_url", "hunter2"), first);
    assert_ne!(digest("acme", "endpoints.a", "hunter2"), first);
    assert_ne!(digest("globex", "database_url", "hunter2"), first);
    assert_ne!(digest("acme", "database_url", "hunter3"), first);
}
