//! What the daemon acknowledged, and what it may have done without being able to say so.
//!
//! Why both: a write whose answer was cut off by the end may be there or not. One that was answered must be, unless a later
//! one took its place.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watertight::model::finding::{FindingId, State};
use watertight::model::report::Report;
use watertight::registry::row::RawRow;
use watertight::report::json;
use watertight::store::Store;

use crate::truth::{Timeline, Truth};

/// Records that are read back. The store keeps at least so many of each kind.
const RECORDS: u32 = 900;

/// Reports that must still be there: the store keeps twenty.
const REPORTS: usize = 15;

/// Of one thing that is written over and over.
#[derive(Debug)]
struct Attempt<T> {
    value: T,
    /// Since when what is true must not have changed for it to count.
    since: Timestamp,
    answered: bool,
}

#[derive(Debug)]
pub(crate) struct Writes<T>(Vec<Attempt<T>>);

impl<T> Default for Writes<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq + std::fmt::Debug> Writes<T> {
    /// This stands there before the first write.
    fn starting_with(value: T) -> Self {
        Self(vec![Attempt { value, since: Timestamp::MIN, answered: true }])
    }

    /// Before it is asked for; the place is for `answered`.
    pub(crate) fn attempt(&mut self, value: T, since: Timestamp) -> usize {
        self.0.push(Attempt { value, since, answered: false });
        self.0.len() - 1
    }

    pub(crate) fn answered(&mut self, place: usize) {
        self.0[place].answered = true;
    }

    fn last_answered(&self) -> Option<usize> {
        self.0.iter().rposition(|it| it.answered)
    }

    /// Whether this may be what stands there: the last that was answered, or any that was tried after it.
    fn may_stand(&self, value: &T) -> bool {
        let last = self.last_answered().unwrap_or(0);
        self.0[last..].iter().any(|it| it.value == *value)
    }

    /// What was answered and not checked yet; from now on it counts as checked.
    fn take_answered(&mut self) -> Vec<T> {
        let answered = std::mem::take(&mut self.0).into_iter().filter(|it| it.answered);
        answered.map(|it| it.value).collect()
    }
}

/// How many writes of each sort were answered and found again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) acknowledgements: usize,
    pub(crate) changes: usize,
    pub(crate) overrides: usize,
    pub(crate) edits: usize,
    pub(crate) reports: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Their reasons.
    pub(crate) acknowledgements: BTreeMap<FindingId, Writes<String>>,
    pub(crate) changes: Writes<String>,
    pub(crate) overrides: Writes<String>,
    /// The name in the row of `initech`; `None` where the row was removed.
    pub(crate) edits: Writes<Option<String>>,
    /// Finished scans, the latest last.
    pub(crate) reports: Vec<Report>,
    pub(crate) found: Found,
}

impl Ledger {
    /// Of a store that has just been founded.
    pub(crate) fn new() -> Self {
        Self { edits: Writes::starting_with(Some(String::new())), ..Self::default() }
    }

    /// Everything that was answered is in the store, as it was opened again.
    pub(crate) fn check(&mut self, store: &Store, timeline: &Timeline, now: Timestamp) {
        let changes = store.changes(RECORDS).expect("it opens without repair");
        let changes: Vec<&str> = changes.iter().map(|it| &*it.reason).collect();
        for reason in self.changes.take_answered() {
            assert!(changes.contains(&reason.as_str()), "the change {reason:?} is lost");
            self.found.changes += 1;
        }
        let overrides = store.overrides(RECORDS).expect("it opens without repair");
        for reason in self.overrides.take_answered() {
            let is_there = overrides.iter().any(|it| *it.reason == *reason);
            assert!(is_there, "the override {reason:?} is lost");
            self.found.overrides += 1;
        }
        self.check_edits(store);
        self.check_acknowledgements(store, timeline, now);
        self.check_reports(store);
    }

    fn check_edits(&mut self, store: &Store) {
        let rows = store.tenants::<RawRow>().expect("it opens without repair");
        let row = rows.into_iter().find(|(id, _)| id.as_str() == "initech");
        let name = row.map(|(_, row)| row.name.unwrap_or_default().into());
        let edits = &self.edits;
        assert!(edits.may_stand(&name), "the row says {name:?}, after {edits:?}");
        self.found.edits += self.edits.0.iter().skip(1).filter(|it| it.answered).count();
        self.edits = Writes::starting_with(name);
    }

    /// A word about a finding stands as long as what it was said of. Since that finding was seen last, nothing else may have
    /// been true: a scan that was under way then saw what the finding says, and so did every later one.
    fn check_acknowledgements(&mut self, store: &Store, timeline: &Timeline, now: Timestamp) {
        for (id, writes) in std::mem::take(&mut self.acknowledgements) {
            let Some(last) = writes.last_answered() else { continue };
            let finding = store.finding(id).expect("it opens without repair");
            let finding = finding.expect("what was acknowledged is there");
            let Some(truth) = Truth::told_by(finding.claim.kind) else { continue };
            let since = writes.0[last].since;
            if timeline.during(since, now).iter().all(|it| *it == truth) {
                assert_eq!(
                    finding.state,
                    State::Acknowledged,
                    "{writes:?}\n{finding:?}\n{timeline:?}\n{:?}",
                    store.scans(5)
                );
                let said = finding.acknowledgement.expect("it is acknowledged");
                assert!(writes.may_stand(&said.reason.to_string()), "{said:?} after {writes:?}");
                self.found.acknowledgements += 1;
            }
        }
    }

    fn check_reports(&mut self, store: &Store) {
        let kept = store.scans(RECORDS).expect("it opens without repair");
        let young: Vec<&str> = kept.iter().take(REPORTS).map(|it| &*it.id).collect();
        for report in self.reports.drain(..) {
            let is_kept = kept.iter().any(|it| it.id == report.id) || kept.len() == 500;
            assert!(is_kept, "the scan {} is lost", report.id);
            if young.contains(&&*report.id) {
                let text = store.scan_report_json(&report.id).expect("it opens without repair");
                let text = text.expect("a young report is there");
                assert_eq!(json::parse(&text).expect("whole"), report);
                self.found.reports += 1;
            }
        }
    }
}
