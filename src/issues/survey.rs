//! The ledger against a list of our own open issues: what was created and never confirmed, and what stands there twice.
//!
//! Why an empty list proves nothing at once: GitHub's lists lag. An issue that was intended is only held for not created
//! after several lists in a row without it, and not before some time has passed: a process that is killed and started
//! again and again lists without waiting.
//!
//! Why the lowest number wins: two daemons that see the same two issues must choose the same one.
//!
//! Invariant: an issue that no marker of ours names is not even looked at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::model::issue::{Entry, Place, Standing, Subject};

/// Lists without an intended issue, after which it certainly was not created.
pub const MISSES: u32 = 3;

/// An open issue that we wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub place: Place,
    pub subject: Subject,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// Entries that are other than the ledger said.
    pub changed: Vec<Entry>,
    /// Issues that the ledger did not know.
    pub found: Vec<Entry>,
    /// Rows of issues that were not created.
    pub dropped: Vec<i64>,
    /// Issues to close, each with the one that stays.
    pub duplicates: Vec<(u64, u64)>,
}

/// `listed` is one whole list of the open issues of that repository.
///
/// `absence` is how long after its intention an issue that no list shows may be held for not created.
pub fn survey(
    entries: &[Entry],
    listed: &[Listed],
    repository: &str,
    absence: SignedDuration,
    now: Timestamp,
) -> Surveyed {
    let mut open: BTreeMap<Subject, BTreeMap<u64, &Place>> = BTreeMap::new();
    for it in listed {
        open.entry(it.subject).or_default().insert(it.place.number, &it.place);
    }
    let mut surveyed = Surveyed::default();
    let here = entries.iter().filter(|it| it.repository.eq_ignore_ascii_case(repository));
    for entry in here {
        match open.get(&entry.subject) {
            Some(numbers) => known(entry, numbers, now, &mut surveyed),
            None if entry.standing == Standing::Intended => {
                let waited = absence <= now.duration_since(entry.since);
                missed(entry, waited, &mut surveyed);
            }
            None => {}
        }
    }
    let elsewhere: BTreeSet<Subject> = entries.iter().map(|it| it.subject).collect();
    for (subject, numbers) in open.iter().filter(|(subject, _)| !elsewhere.contains(subject)) {
        let Some(first) = numbers.values().next() else { continue };
        let intended = Entry::intended(*subject, repository, now);
        surveyed.found.push(adopted(&intended, first, now));
        duplicates(numbers, first.number, &mut surveyed);
    }
    surveyed
}

fn known(entry: &Entry, numbers: &BTreeMap<u64, &Place>, now: Timestamp, surveyed: &mut Surveyed) {
    let Some(first) = numbers.values().next() else { return };
    let ours = entry.issue.as_ref().map(|it| it.number);
    // An open one of a lower number than ours was there before.
    let stays = entry.standing == Standing::Open && ours.is_some_and(|it| it <= first.number);
    if stays {
        duplicates(numbers, ours.unwrap_or(first.number), surveyed);
        return;
    }
    surveyed.changed.push(adopted(entry, first, now));
    duplicates(numbers, first.number, surveyed);
}

/// What it says is unknown, so that it will be told.
fn adopted(entry: &Entry, place: &Place, now: Timestamp) -> Entry {
    Entry {
        issue: Some(place.clone()),
        standing: Standing::Open,
        since: now,
        said: None,
        misses: 0,
        turn: entry.turn + 1,
        ..entry.clone()
    }
}

fn missed(entry: &Entry, waited: bool, surveyed: &mut Surveyed) {
    let misses = entry.misses + 1;
    if misses < MISSES || !waited {
        surveyed.changed.push(Entry { misses, ..entry.clone() });
    } else {
        surveyed.dropped.push(entry.row);
    }
}

fn duplicates(numbers: &BTreeMap<u64, &Place>, stays: u64, surveyed: &mut Surveyed) {
    surveyed.duplicates.extend(numbers.keys().filter(|it| **it != stays).map(|it| (*it, stays)));
}
