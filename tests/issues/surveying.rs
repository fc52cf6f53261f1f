//! What a list of our own issues proves, and what it does not.

use jiff::SignedDuration;
use watertight::issues::survey::{Listed, Surveyed, survey};
use watertight::model::finding::Kind;
use watertight::model::issue::{Entry, Place, Standing, Subject};

use crate::claims::{at, of};

const HERE: &str = "acme/operations";

fn subject() -> Subject {
    Subject::Finding(of(Kind::SharedDatabase).id)
}

fn place(number: u64) -> Place {
    Place { number, url: format!("https://github.com/acme/operations/issues/{number}").into() }
}

fn entry(standing: Standing, number: Option<u64>, misses: u32) -> Entry {
    Entry {
        row: 1,
        issue: number.map(place),
        standing,
        misses,
        ..Entry::intended(subject(), HERE, at(0))
    }
}

/// At second 100, with 60 s after which an absence counts.
fn surveyed(entries: &[Entry], numbers: &[u64]) -> Surveyed {
    let listed: Vec<Listed> =
        numbers.iter().map(|it| Listed { place: place(*it), subject: subject() }).collect();
    survey(entries, &listed, HERE, SignedDuration::from_secs(60), at(100))
}

fn adopted(surveyed: &Surveyed) -> Option<u64> {
    let entry = surveyed.changed.first().or(surveyed.found.first())?;
    assert_eq!((entry.standing, &entry.said), (Standing::Open, &None), "it must be told anew");
    Some(entry.issue.as_ref().unwrap().number)
}

#[test]
fn an_intended_issue_is_taken_over_where_it_is_found() {
    let found = surveyed(&[entry(Standing::Intended, None, 2)], &[5]);
    assert_eq!(adopted(&found), Some(5));
}

#[test]
fn three_lists_without_it_prove_that_it_was_not_created() {
    let missed = |misses| surveyed(&[entry(Standing::Intended, None, misses)], &[]);
    assert_eq!(missed(0).changed[0].misses, 1);
    assert_eq!(missed(1).changed[0].misses, 2);
    assert_eq!(missed(2).dropped, [1]);
    let young = Entry { since: at(50), ..entry(Standing::Intended, None, 2) };
    assert!(surveyed(&[young], &[]).dropped.is_empty(), "not within the minute");
}

#[test]
fn of_two_the_lower_number_stays() {
    let both = surveyed(&[entry(Standing::Open, Some(5), 0)], &[5, 9]);
    assert_eq!((adopted(&both), both.duplicates), (None, vec![(9, 5)]));
    let both = surveyed(&[entry(Standing::Open, Some(9), 0)], &[5, 9]);
    assert_eq!((adopted(&both), both.duplicates), (Some(5), vec![(9, 5)]));
}

#[test]
fn what_a_lost_ledger_knew_is_found_again() {
    let found = surveyed(&[], &[4, 6]);
    assert_eq!((adopted(&found), found.duplicates), (Some(4), vec![(6, 4)]));
}

#[test]
fn an_open_issue_that_no_list_shows_stays_what_it_is() {
    assert_eq!(surveyed(&[entry(Standing::Open, Some(5), 0)], &[]), Surveyed::default());
    assert_eq!(surveyed(&[entry(Standing::Closed, Some(5), 0)], &[]), Surveyed::default());
}

#[test]
fn another_repository_is_another_matter() {
    let elsewhere = Entry { repository: "acme/other".into(), ..entry(Standing::Open, Some(5), 0) };
    assert_eq!(surveyed(&[elsewhere], &[]), Surveyed::default());
}
