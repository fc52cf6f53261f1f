//! What every kind of store must keep of issues: the ledger that is the truth about them. As in `suite`, each function gets
//! a store that was just made.

use std::collections::BTreeSet;

use watertight::model::finding::{Severity, State};
use watertight::model::issue::{Entry, News, Place, Remark, Standing, Subject};
use watertight::store::Store;

use super::example::{at, days, finding, finish, id, report};

fn place(number: u64) -> Place {
    Place { number, url: format!("https://github.com/acme/ops/issues/{number}").into() }
}

fn entry(subject: Subject) -> Entry {
    Entry {
        issue: Some(place(7)),
        standing: Standing::Open,
        said: Some(News {
            severity: Severity::High,
            tenants: [id("acme"), id("globex")].into(),
            evidence: BTreeSet::from(["witness".to_owned()]),
            acknowledged: Some(at(90)),
        }),
        turn: 3,
        remark: Some(Remark { key: "3:changed".into(), confirmed: false }),
        reminders: 2,
        reminded: Some(at(50)),
        misses: 1,
        follows: Some(4),
        ..Entry::intended(subject, "acme/ops", at(0))
    }
}

pub(crate) fn an_entry_comes_back_as_it_was(store: &Store) {
    let subject = Subject::Finding(finding(&["acme"], State::Open, 1, 0).id);
    for given in [entry(subject), Entry::intended(Subject::Summary, "acme/ops", at(1))] {
        let begun = store.begin_issue(&given).unwrap();
        assert_eq!(Entry { row: 0, ..begun.clone() }, Entry { row: 0, ..given });
        assert!(store.issues().unwrap().contains(&begun));
        let closed = Entry { standing: Standing::Closed, turn: 4, ..begun };
        store.put_issue(&closed).unwrap();
        assert!(store.issues().unwrap().contains(&closed));
    }
    assert_eq!(store.issue_subject("ACME/ops", 7).unwrap(), Some(subject));
    assert_eq!(store.issue_subject("acme/other", 7).unwrap(), None);
}

pub(crate) fn of_a_subject_the_last_entry_counts(store: &Store) {
    let first = store.begin_issue(&entry(Subject::Summary)).unwrap();
    let second = store.begin_issue(&Entry::intended(Subject::Summary, "acme/ops", at(1))).unwrap();
    assert_eq!(store.issues().unwrap(), std::slice::from_ref(&second));
    // Only an intention can be taken back; then the one before counts again.
    store.drop_issue(first.row).unwrap();
    store.drop_issue(second.row).unwrap();
    assert_eq!(store.issues().unwrap(), [first]);
}

pub(crate) fn a_finding_tells_the_page_of_its_issue(store: &Store) {
    let finding = finding(&["acme", "globex"], State::Open, 1, 0);
    let begun = store.begin_issue(&entry(Subject::Finding(finding.id))).unwrap();
    // A scan that began before the issue was filed knows no page of it.
    finish(store, &report("one", 0, Vec::new()), std::slice::from_ref(&finding));
    let told = || store.finding(finding.id).unwrap().unwrap().issue_url;
    assert_eq!(told().as_deref(), Some("https://github.com/acme/ops/issues/7"));
    store.put_issue(&Entry { standing: Standing::Lost, ..begun }).unwrap();
    assert_eq!(told(), None);
}

pub(crate) fn writes_and_waits_are_remembered(store: &Store) {
    for second in [1, 2, 3] {
        store.note_issue_write(at(second)).unwrap();
    }
    let mut since = store.issue_writes(at(2)).unwrap();
    since.sort_unstable();
    assert_eq!(since, [at(2), at(3)]);
    assert_eq!(store.issues_held().unwrap(), None);
    store.put_issues_held(at(9)).unwrap();
    assert_eq!(store.issues_held().unwrap(), Some(at(9)));
}

pub(crate) fn what_is_long_over_makes_room(store: &Store) {
    let closed = Entry { standing: Standing::Closed, ..entry(Subject::Umbrella) };
    store.begin_issue(&closed).unwrap();
    let open = store.begin_issue(&entry(Subject::Summary)).unwrap();
    let subject = Subject::Finding(finding(&["acme"], State::Open, 1, 0).id);
    let late = Entry { since: at(days(400)), ..entry(subject) };
    let late = store.begin_issue(&late).unwrap();
    assert_eq!(store.issues().unwrap(), [open, late]);
}
