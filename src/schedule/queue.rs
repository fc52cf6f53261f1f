//! Which scan comes next: the one that runs, and at most one that waits.
//!
//! Why at most one: whoever asks wants to know how things are *after* asking, and one scan that begins later serves all
//! who wait for it. A queue of scans would only let a burst of requests hold the fleet busy for hours.
//!
//! Invariants:
//! - a request joins only a scan that has not begun: what a running one has seen may be older than the request;
//! - the scan that waits covers everybody who was asked for;
//! - nobody who is asked for is forgotten, and nothing is scanned twice for one request.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::report::Trigger;
use crate::model::tenant::TenantId;

/// Whom a scan is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Fleet,
    /// These, and whoever could share with them.
    Tenants(BTreeSet<TenantId>),
}

impl Scope {
    fn widen(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Tenants(ours), Self::Tenants(theirs)) => ours.extend(theirs),
            (Self::Tenants(_), Self::Fleet) => *self = Self::Fleet,
            (Self::Fleet, _) => (),
        }
    }
}

/// A scan that waits or runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Of the report that it will give.
    pub id: Box<str>,
    pub scope: Scope,
    /// Of whoever asked first.
    pub trigger: Trigger,
    pub asked_at: Timestamp,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// In the scan of this id.
    Taken(Box<str>),
    /// The schedule fell due while a scan of the whole fleet still ran or waited.
    Overrun,
}

#[derive(Clone, Debug, Default)]
pub struct Queue {
    running: Option<Batch>,
    waiting: Option<Batch>,
    /// Of the last id, in microseconds: two scans asked for in one microsecond still differ.
    last: i64,
}

impl Queue {
    /// Takes a request into the scan that waits, or makes one that does.
    pub fn ask(&mut self, scope: Scope, trigger: Trigger, now: Timestamp) -> Answer {
        let fleet = |it: &Option<Batch>| it.as_ref().is_some_and(|it| it.scope == Scope::Fleet);
        if trigger == Trigger::Schedule && (fleet(&self.running) || fleet(&self.waiting)) {
            return Answer::Overrun;
        }
        if let Some(waiting) = &mut self.waiting {
            waiting.scope.widen(scope);
            return Answer::Taken(waiting.id.clone());
        }
        // A clock that was set back must not give an id twice.
        self.last = now.as_microsecond().max(self.last.saturating_add(1));
        let id: Box<str> = format!("{:016x}", self.last).into();
        self.waiting = Some(Batch { id: id.clone(), scope, trigger, asked_at: now });
        Answer::Taken(id)
    }

    /// The scan that is to run now. `None` while one runs, or where none is wanted.
    pub fn begin(&mut self) -> Option<Batch> {
        if self.running.is_none() {
            self.running = self.waiting.take();
            return self.running.clone();
        }
        None
    }

    /// The running scan has ended, in whatever way.
    pub fn end(&mut self) {
        self.running = None;
    }

    pub fn running(&self) -> Option<&Batch> {
        self.running.as_ref()
    }

    pub fn waiting(&self) -> Option<&Batch> {
        self.waiting.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step as `ask <who> <trigger> <second>`, `begin` or `end`; what each gives, line by line. `*` is the fleet.
    #[track_caller]
    fn check(steps: &str, expected: &[&str]) {
        let mut queue = Queue::default();
        let told: Vec<String> = steps.lines().map(|step| take(&mut queue, step.trim())).collect();
        assert_eq!(told, expected);
    }

    fn take(queue: &mut Queue, step: &str) -> String {
        match step.split(' ').collect::<Vec<_>>()[..] {
            ["ask", who, trigger, second] => {
                let scope = match who {
                    "*" => Scope::Fleet,
                    ids => Scope::Tenants(
                        ids.split('+').map(|id| TenantId::parse(id).unwrap()).collect(),
                    ),
                };
                let now = Timestamp::from_second(second.parse().unwrap()).unwrap();
                match queue.ask(scope, Trigger::parse(trigger).unwrap(), now) {
                    Answer::Taken(id) => number(&id),
                    Answer::Overrun => "overrun".to_owned(),
                }
            }
            ["begin"] => queue.begin().map_or("nothing".to_owned(), |it| {
                let who = match it.scope {
                    Scope::Fleet => "*".to_owned(),
                    Scope::Tenants(ids) => {
                        ids.iter().map(TenantId::as_str).collect::<Vec<_>>().join("+")
                    }
                };
                format!("{} {who} {}", number(&it.id), it.trigger.label())
            }),
            ["end"] => {
                queue.end();
                "ended".to_owned()
            }
            _ => panic!("no step: {step}"),
        }
    }

    /// An id as the microsecond that it stands for.
    fn number(id: &str) -> String {
        i64::from_str_radix(id, 16).unwrap().to_string()
    }

    #[test]
    fn a_request_joins_the_scan_that_waits_and_never_the_one_that_runs() {
        check(
            "ask acme api 1\nask globex cli 2\nbegin\nask acme api 3\nask initech api 4\nend\nbegin",
            &[
                "1000000",
                "1000000",
                "1000000 acme+globex api",
                "3000000",
                "3000000",
                "ended",
                "3000000 acme+initech api",
            ],
        );
    }

    #[test]
    fn two_scans_never_run_at_once() {
        check(
            "begin\nask * api 1\nbegin\nask * api 2\nbegin\nend\nbegin\nbegin",
            &[
                "nothing",
                "1000000",
                "1000000 * api",
                "2000000",
                "nothing",
                "ended",
                "2000000 * api",
                "nothing",
            ],
        );
    }

    #[test]
    fn the_fleet_takes_in_whoever_was_asked_for_apart() {
        check("ask acme api 1\nask * schedule 2\nbegin", &["1000000", "1000000", "1000000 * api"]);
        check("ask * api 1\nask acme api 2\nbegin", &["1000000", "1000000", "1000000 * api"]);
    }

    #[test]
    fn the_schedule_does_not_queue_behind_a_scan_of_the_fleet() {
        check(
            "ask * schedule 1\nbegin\nask * schedule 2\nend\nbegin",
            &["1000000", "1000000 * schedule", "overrun", "ended", "nothing"],
        );
        check("ask * api 1\nask * schedule 2", &["1000000", "overrun"]);
        // A scan of some tenants says nothing of the others.
        check(
            "ask acme api 1\nbegin\nask * schedule 2\nend\nbegin",
            &["1000000", "1000000 acme api", "2000000", "ended", "2000000 * schedule"],
        );
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_id_twice() {
        check(
            "ask * api 9\nbegin\nask * api 3\nend\nbegin\nask * api 9",
            &["9000000", "9000000 * api", "9000001", "ended", "9000001 * api", "9000002"],
        );
    }
}
