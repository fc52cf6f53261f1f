//! What every kind of store must do with findings, and with what people say of them. As in `suite`, each function gets
//! a store that was just made.

use watertight::model::finding::{Acknowledgement, Finding, State};
use watertight::store::Store;

use super::example::{at, days, finding, finish, report};

pub(crate) fn a_finding_that_a_scan_does_not_name_stays(store: &Store) {
    let (acme, globex) =
        (finding(&["acme"], State::Open, 1, 0), finding(&["globex"], State::Open, 1, 0));
    finish(store, &report("1", 0, Vec::new()), &[acme.clone(), globex.clone()]);
    let grown = finding(&["acme", "initech"], State::Open, 2, 20);
    finish(store, &report("2", 20, Vec::new()), std::slice::from_ref(&grown));
    assert_eq!(grown.id, acme.id);
    assert_eq!(sorted(store.standing_findings().unwrap()), sorted(vec![grown, globex]));
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|it| it.id);
    findings
}

pub(crate) fn a_resolved_finding_stands_no_more_and_is_forgotten_in_time(store: &Store) {
    let open = finding(&["acme"], State::Open, 1, 10);
    finish(store, &report("1", 0, Vec::new()), std::slice::from_ref(&open));
    let resolved = Finding { state: State::Resolved, ..open };
    finish(store, &report("2", 20, Vec::new()), std::slice::from_ref(&resolved));
    assert_eq!(store.standing_findings().unwrap(), []);
    assert_eq!(store.resolved_findings(10).unwrap(), std::slice::from_ref(&resolved));
    finish(store, &report("3", days(90) + 20, Vec::new()), &[]);
    assert_eq!(store.resolved_findings(10).unwrap(), std::slice::from_ref(&resolved));
    finish(store, &report("4", days(90) + 21, Vec::new()), &[]);
    assert_eq!(store.resolved_findings(10).unwrap(), []);
    assert_eq!(store.finding(resolved.id).unwrap(), None);
}

pub(crate) fn a_finding_that_stood_long_unseen_is_kept_from_its_resolution_on(store: &Store) {
    let open = finding(&["acme"], State::Open, 1, 10);
    finish(store, &report("1", 0, Vec::new()), std::slice::from_ref(&open));
    let resolved = Finding { state: State::Resolved, ..open };
    finish(store, &report("2", days(200), Vec::new()), std::slice::from_ref(&resolved));
    assert_eq!(store.resolved_findings(10).unwrap(), [resolved]);
}

pub(crate) fn what_was_resolved_since_a_time_is_told_with_when(store: &Store) {
    let names = ["acme", "globex", "initech"];
    let resolved = names.map(|it| finding(&[it], State::Resolved, 1, 0));
    for (second, finding) in [10, 20, 30].into_iter().zip(&resolved) {
        let report = report(&second.to_string(), second - 10, Vec::new());
        finish(store, &report, std::slice::from_ref(finding));
    }
    let [first, second, third] = [0, 1, 2].map(|it| resolved[it].clone());
    let expected = [(third.clone(), at(30)), (second.clone(), at(20))];
    assert_eq!(store.resolved_since(at(11), 10).unwrap(), expected);
    assert_eq!(store.resolved_since(at(20), 10).unwrap(), expected);
    assert_eq!(store.resolved_since(at(0), 1).unwrap(), expected[..1]);
    // Told once more, it keeps its time; one that stands again has none.
    let open = Finding { state: State::Open, ..second };
    finish(store, &report("4", 90, Vec::new()), &[first.clone(), open]);
    assert_eq!(store.resolved_since(at(0), 10).unwrap(), [(third, at(30)), (first, at(10))]);
}

pub(crate) fn the_oldest_of_too_many_resolved_findings_are_forgotten(store: &Store) {
    let findings: Vec<_> =
        (0..10_003).map(|it| finding(&[&format!("t{it}")], State::Resolved, 1, it)).collect();
    let standing = finding(&["standing"], State::Open, 1, -1);
    finish(store, &report("1", 20_000, Vec::new()), std::slice::from_ref(&standing));
    finish(store, &report("2", 20_000, Vec::new()), &findings);
    let kept = store.resolved_findings(20_000).unwrap();
    assert_eq!((kept.len(), kept[9_999].last_seen), (10_000, at(3)));
    assert_eq!(store.standing_findings().unwrap(), [standing]);
}

fn acknowledgement(reason: &str) -> Acknowledgement {
    Acknowledgement { by: "ada".into(), reason: reason.into(), until: at(1_000) }
}

/// Puts one finding into the store by a scan of the seconds 0 to 10.
fn found(store: &Store, state: State) -> Finding {
    let finding = finding(&["acme"], state, 1, 10);
    finish(store, &report("1", 0, Vec::new()), std::slice::from_ref(&finding));
    finding
}

pub(crate) fn an_acknowledgement_silences_an_open_finding(store: &Store) {
    let open = found(store, State::Open);
    let expected = Finding {
        state: State::Acknowledged,
        acknowledgement: Some(acknowledgement("known")),
        ..open.clone()
    };
    let given = store.acknowledge(open.id, &acknowledgement("known"), at(11)).unwrap();
    assert_eq!(given.as_ref(), Some(&expected));
    assert_eq!(store.standing_findings().unwrap(), [expected]);
}

pub(crate) fn a_pending_finding_can_be_silenced_too(store: &Store) {
    let pending = found(store, State::Pending);
    let given = store.acknowledge(pending.id, &acknowledgement("known"), at(11)).unwrap().unwrap();
    assert_eq!(given.state, State::Acknowledged);
}

pub(crate) fn what_does_not_stand_cannot_be_acknowledged(store: &Store) {
    let resolved = found(store, State::Resolved);
    assert_eq!(store.acknowledge(resolved.id, &acknowledgement("x"), at(11)).unwrap(), None);
    let unknown = finding(&["globex"], State::Open, 1, 0).id;
    assert_eq!(store.acknowledge(unknown, &acknowledgement("x"), at(11)).unwrap(), None);
    assert_eq!(store.finding(resolved.id).unwrap(), Some(resolved));
}

pub(crate) fn an_acknowledgement_given_during_a_scan_outlives_it(store: &Store) {
    let open = found(store, State::Open);
    store.acknowledge(open.id, &acknowledgement("first"), at(20)).unwrap();
    // The scan of 20 to 30 read the findings before that, and tells of the finding as it was.
    finish(store, &report("2", 20, Vec::new()), &[Finding { looks: 2, ..open.clone() }]);
    let standing = store.standing_findings().unwrap().remove(0);
    assert_eq!((standing.state, standing.looks), (State::Acknowledged, 2));
    assert_eq!(standing.acknowledgement, Some(acknowledgement("first")));
    // One that knew the first, while the second was given.
    store.acknowledge(open.id, &acknowledgement("second"), at(45)).unwrap();
    finish(store, &report("3", 40, Vec::new()), &[Finding { looks: 3, ..standing }]);
    let standing = store.standing_findings().unwrap().remove(0);
    assert_eq!((standing.state, standing.looks), (State::Acknowledged, 3));
    assert_eq!(standing.acknowledgement, Some(acknowledgement("second")));
}

pub(crate) fn an_acknowledgement_given_during_a_scan_covers_no_more_than_was_seen(store: &Store) {
    let open = found(store, State::Open);
    store.acknowledge(open.id, &acknowledgement("known"), at(25)).unwrap();
    let grown = Finding { id: open.id, ..finding(&["acme", "globex"], State::Open, 2, 30) };
    finish(store, &report("2", 20, Vec::new()), std::slice::from_ref(&grown));
    assert_eq!(store.standing_findings().unwrap(), [grown]);
}

pub(crate) fn an_acknowledgement_that_the_scan_knew_is_the_scans_to_end(store: &Store) {
    let open = found(store, State::Open);
    store.acknowledge(open.id, &acknowledgement("known"), at(15)).unwrap();
    finish(store, &report("2", 20, Vec::new()), std::slice::from_ref(&open));
    assert_eq!(store.standing_findings().unwrap(), [open]);
}

pub(crate) fn a_finding_resolved_during_its_acknowledgement_is_resolved(store: &Store) {
    let open = found(store, State::Open);
    store.acknowledge(open.id, &acknowledgement("known"), at(25)).unwrap();
    let resolved = Finding { state: State::Resolved, ..open };
    finish(store, &report("2", 20, Vec::new()), std::slice::from_ref(&resolved));
    assert_eq!(store.resolved_findings(1).unwrap(), [resolved]);
}

pub(crate) fn an_acknowledgement_that_ended_during_the_scan_covers_nothing(store: &Store) {
    let open = found(store, State::Open);
    let short = Acknowledgement { until: at(28), ..acknowledgement("known") };
    store.acknowledge(open.id, &short, at(25)).unwrap();
    finish(store, &report("2", 20, Vec::new()), std::slice::from_ref(&open));
    assert_eq!(store.standing_findings().unwrap(), [open]);
}
