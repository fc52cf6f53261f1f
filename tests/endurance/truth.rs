//! What was true and when, as far as the rehearsal that makes it so can know.
//!
//! Why a set of truths: between the file that was written and the daemon that has taken it up, both the old and the new may
//! be what it sees. A claim is wrong only where it is wrong under each truth that was possible meanwhile.

use jiff::Timestamp;
use watertight::model::finding::Kind;

/// How the tenants `acme` and `globex` hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    Apart,
    OneDatabase,
    OneServer,
}

impl Truth {
    pub(crate) const ALL: [Self; 3] = [Self::Apart, Self::OneDatabase, Self::OneServer];

    /// What is true where a finding of this kind is.
    pub(crate) fn told_by(kind: Kind) -> Option<Self> {
        match kind {
            Kind::SharedDatabase => Some(Self::OneDatabase),
            Kind::SharedCluster => Some(Self::OneServer),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Change {
    truth: Truth,
    began: Timestamp,
    /// From then on nothing else is possible. `None` until the daemon has taken it up.
    settled: Option<Timestamp>,
}

/// In the order of their times. The last is the one in force.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Vec<Change>);

impl Timeline {
    pub(crate) fn begin(&mut self, truth: Truth, at: Timestamp) {
        self.0.push(Change { truth, began: at, settled: None });
    }

    /// The daemon reads what was configured last.
    pub(crate) fn settle(&mut self, at: Timestamp) {
        if let Some(last) = self.0.last_mut().filter(|it| it.settled.is_none()) {
            last.settled = Some(at);
        }
    }

    /// What may have been true at some moment between the two.
    pub(crate) fn during(&self, from: Timestamp, to: Timestamp) -> Vec<Truth> {
        let ends = |place: usize| self.0[place + 1..].iter().find_map(|it| it.settled);
        let possible = self.0.iter().enumerate().filter(|(place, change)| {
            change.began <= to && ends(*place).is_none_or(|end| from <= end)
        });
        possible.map(|(_, change)| change.truth).collect()
    }

    /// Whether it was earned to call the fleet isolated by what was seen between the two.
    pub(crate) fn earns_green(&self, from: Timestamp, to: Timestamp) -> bool {
        self.during(from, to).contains(&Truth::Apart)
    }
}

#[track_caller]
fn check(from: i64, to: i64, expected: &[Truth]) {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut timeline = Timeline::default();
    timeline.begin(Truth::Apart, at(0));
    timeline.settle(at(1));
    timeline.begin(Truth::OneDatabase, at(10));
    // It was killed before it read that.
    timeline.begin(Truth::OneServer, at(12));
    timeline.settle(at(20));
    assert_eq!(timeline.during(at(from), at(to)), expected, "{from} to {to}");
    assert_eq!(timeline.earns_green(at(from), at(to)), expected.contains(&Truth::Apart));
}

#[test]
fn whatever_may_have_been_true_meanwhile_is_told() {
    use Truth::{Apart, OneDatabase, OneServer};
    check(2, 9, &[Apart]);
    check(2, 11, &[Apart, OneDatabase]);
    check(13, 14, &[Apart, OneDatabase, OneServer]);
    check(21, 30, &[OneServer]);
}
