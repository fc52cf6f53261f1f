//! What every kind of store must keep of a fleet's life: pages of scans and history, latencies, planned changes, overrides
//! of the gate. As in `suite`, each function gets a store that was just made.

use std::time::Duration;

use watertight::model::change::{Change, PlannedKinds};
use watertight::model::finding::{Finding, Kind, State};
use watertight::model::gate::Override;
use watertight::model::observation::Cause;
use watertight::model::report::TenantReport;
use watertight::store::Store;
use watertight::store::latencies::Latency;

use super::example::{at, days, finding, fingerprint, finish, id, report, tenant};

/// A whole number of periods after the epoch, so that the cases can speak of minutes.
const START: i64 = 0;

pub(crate) fn scans_are_told_page_by_page(store: &Store) {
    for number in 0..7 {
        finish(store, &report(&number.to_string(), number, Vec::new()), &[]);
    }
    let page = |before| {
        let scans = store.scans_page(before, 3).unwrap();
        scans.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(None), ["6", "5", "4"]);
    assert_eq!(page(Some("4")), ["3", "2", "1"]);
    assert_eq!(page(Some("1")), ["0"]);
    assert_eq!(page(Some("0")), [""; 0]);
    assert_eq!(page(Some("nobody's")), [""; 0]);
}

pub(crate) fn history_is_told_page_by_page(store: &Store) {
    for number in 0_u32..7 {
        let tenant = tenant("acme", Some(fingerprint(number.into())));
        finish(store, &report(&number.to_string(), number.into(), vec![tenant]), &[]);
    }
    let page = |before| {
        let entries = store.history_page(&id("acme"), before, 3).unwrap();
        entries.iter().map(|it| (it.number, it.scan.to_string())).collect::<Vec<_>>()
    };
    let entry = |number: u64| (number, (number - 1).to_string());
    assert_eq!(page(None), [7, 6, 5].map(entry));
    assert_eq!(page(Some(5)), [4, 3, 2].map(entry));
    assert_eq!(page(Some(2)), [1].map(entry));
    assert_eq!(page(Some(1)), []);
    assert_eq!(page(Some(u64::MAX)).len(), 3);
}

fn took(name: &str, micros: u64) -> TenantReport {
    TenantReport {
        probe: Some(Duration::from_micros(micros)),
        ..tenant(name, Some(fingerprint(1)))
    }
}

/// Scans that end at these seconds; each visit takes as many microseconds as its scan's number.
fn visit(store: &Store, seconds: impl IntoIterator<Item = i64>) {
    for (number, second) in (0..).zip(seconds) {
        let report = report(&format!("{second} {number}"), second - 10, vec![took("acme", number)]);
        finish(store, &report, &[]);
    }
}

fn latencies(store: &Store, at_most: u32) -> Vec<(i64, u64)> {
    let found = store.latencies(&id("acme"), at_most).unwrap();
    let micros = |it: &Latency| u64::try_from(it.took.as_micros()).unwrap();
    found.iter().map(|it| (it.at.as_second() - at(0).as_second(), micros(it))).collect()
}

pub(crate) fn latencies_are_kept_for_each_tenant_the_latest_first(store: &Store) {
    let mut failed = tenant("globex", None);
    failed.targets[0].cause = Some(Cause::Timeout);
    failed.probe = Some(Duration::from_hours(1));
    let mut untried = tenant("initech", None);
    untried.probe = None;
    let tenants = vec![took("acme", 0), failed, untried];
    finish(store, &report("1", 590, tenants), &[]);
    finish(store, &report("2", 890, vec![took("acme", 256)]), &[]);
    assert_eq!(latencies(store, 10), [(900, 256), (600, 0)]);
    assert_eq!(latencies(store, 1), [(900, 256)]);
    let hour = Latency { at: at(600), took: Duration::from_secs(2_147), answered: false };
    let found = store.latencies(&id("globex"), 10).unwrap();
    assert_eq!((found.len(), found[0].at, found[0].answered), (1, hour.at, false));
    assert_eq!(found[0].took.as_secs(), hour.took.as_secs(), "no visit may take so long");
    assert_eq!(store.latencies(&id("initech"), 10).unwrap(), []);
}

pub(crate) fn of_each_five_minutes_one_latency_is_kept(store: &Store) {
    visit(store, [0, 60, 120, 299, 300, 301, 900, 1_199].map(|it| START + it));
    assert_eq!(latencies(store, 10), [(900, 6), (300, 4), (0, 0)]);
}

pub(crate) fn latencies_are_kept_for_a_day(store: &Store) {
    // Every two and a half minutes for thirty hours.
    visit(store, (0..30 * 24).map(|it| START + it * 150));
    let kept = latencies(store, 10_000);
    assert!((24 * 12..=26 * 12).contains(&kept.len()), "{}", kept.len());
    let gaps = kept.windows(2).map(|it| it[0].0 - it[1].0);
    assert!(gaps.into_iter().all(|it| it == 300));
}

pub(crate) fn a_clock_that_was_wrong_for_one_scan_leaves_no_latency(store: &Store) {
    visit(store, [START, START + days(400)]);
    visit(store, [START + 300]);
    assert_eq!(latencies(store, 10), [(START + 300, 0)]);
}

fn change(tenant: &str, reason: &str) -> Change {
    Change {
        tenants: vec![id(tenant), id("globex")],
        kinds: PlannedKinds::of([Kind::Unhealthy, Kind::FingerprintDrift]).unwrap(),
        reason: reason.into(),
        ticket: Some("OPS-1".into()),
        by: "ada".into(),
        from: at(0),
        until: at(10),
    }
}

pub(crate) fn changes_are_on_record_with_name_and_ticket(store: &Store) {
    let changes = [change("acme", "a"), change("initech", "b"), change("acme", "c")];
    for change in &changes {
        store.add_change(change).unwrap();
    }
    let [first, second, third] = changes;
    assert_eq!(store.changes(10).unwrap(), [third.clone(), second.clone(), first.clone()]);
    assert_eq!(store.changes(1).unwrap(), std::slice::from_ref(&third));
    let of = |tenant: &str, at_most| store.changes_of(&id(tenant), at_most).unwrap();
    assert_eq!(of("acme", 10), [third.clone(), first]);
    assert_eq!(of("globex", 2), [third, second]);
    assert_eq!(of("acm", 10), []);
}

pub(crate) fn overrides_are_on_record_the_latest_first(store: &Store) {
    let given =
        |reason: &str, second| Override::given(reason, "ada", at(second), at(second + 60)).unwrap();
    let overrides = [given("a", 0), given("b", 100), given("c", 50)];
    for given in &overrides {
        store.put_override(given).unwrap();
    }
    let [first, second, third] = overrides;
    assert_eq!(store.overrides(10).unwrap(), [third.clone(), second, first]);
    assert_eq!(store.overrides(1).unwrap(), [third]);
}

pub(crate) fn failures_under_the_suspicion_of_ourselves_leave_who_answered_as_it_was(
    store: &Store,
) {
    let mut failed = tenant("acme", None);
    failed.targets[0].cause = Some(Cause::Timeout);
    let mut suspect = finding(&[], State::Open, 1, 30);
    suspect.claim.kind = Kind::MonitorSuspect;
    let answered = || store.answered_before().unwrap().contains(&id("acme"));
    finish(store, &report("1", 0, vec![tenant("acme", Some(fingerprint(1)))]), &[]);
    finish(store, &report("2", 20, vec![failed.clone()]), std::slice::from_ref(&suspect));
    assert!(answered());
    // The suspicion still stands, and this scan is not the one that had it.
    finish(store, &report("3", 40, vec![failed.clone()]), std::slice::from_ref(&suspect));
    assert!(!answered());
    finish(store, &report("4", 60, vec![tenant("acme", Some(fingerprint(1)))]), &[]);
    let resolved = Finding { state: State::Resolved, last_seen: at(90), ..suspect };
    finish(store, &report("5", 80, vec![failed]), &[resolved]);
    assert!(!answered());
}
