//! When a scan is wanted, and what becomes of whoever asked for one.
//!
//! Why the clock and the requests meet here: the schedule, the API, the page and the command line all ask for the same
//! thing, and only one place can see to it that scans never overlap, never burst and carry no more than names.
//!
//! Invariant: whoever was given a ticket hears how its scan ended, even where the daemon stops before it begins.

pub mod cron;
pub mod queue;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use crate::clock;
use crate::model::report::{Report, Trigger};

use self::queue::{Answer, Batch, Queue, Scope};

/// How a scan ended for those who waited for it: its report, or why there is none.
pub type Outcome = Result<Arc<Report>, Arc<str>>;

/// A place in a scan.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Of the scan and of its report.
    pub scan: Box<str>,
    ended: watch::Receiver<Option<Outcome>>,
}

impl Ticket {
    /// Waits for the end of the scan. The caller bounds how long.
    pub async fn outcome(mut self) -> Outcome {
        match self.ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or_else(|| Err(Arc::from(STOPPED))),
            Err(_) => Err(Arc::from(STOPPED)),
        }
    }
}

const STOPPED: &str = "the daemon stopped before the scan had ended";

/// What whoever watches may know of the running scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub running: Option<Running>,
    /// The id of the scan that follows.
    pub waiting: Option<Box<str>>,
    /// When the schedule falls due.
    pub next_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub scan: Box<str>,
    pub began_at: Timestamp,
    pub trigger: Trigger,
    /// Of only some tenants.
    pub partial: bool,
    pub stage: Stage,
    pub done: usize,
    /// 0 until it is known.
    pub total: usize,
}

/// What a running scan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reads the registry.
    Registry,
    /// Visits the targets.
    Visits,
    /// Puts candidates before the witness.
    Witness,
    /// Judges and stores.
    Conclusion,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Registry, Self::Visits, Self::Witness, Self::Conclusion];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Visits => "visits",
            Self::Witness => "witness",
            Self::Conclusion => "conclusion",
        }
    }
}

/// Where scans are asked for, and taken up one after the other.
#[derive(Debug)]
pub struct Desk {
    waiting: Mutex<Waiting>,
    wanted: Notify,
    status: watch::Sender<Status>,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: Queue,
    /// By scan, of those that wait or run: at most two.
    ends: BTreeMap<Box<str>, watch::Sender<Option<Outcome>>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { waiting: Mutex::default(), wanted: Notify::new(), status: watch::Sender::default() }
    }
}

impl Desk {
    /// Asks for a scan. `None` where the schedule fell due while a scan of the whole fleet was still to end.
    pub fn ask(&self, scope: Scope, trigger: Trigger) -> Option<Ticket> {
        let ticket = {
            let mut waiting = self.waiting();
            let Answer::Taken(scan) = waiting.queue.ask(scope, trigger, clock::now()) else {
                return None;
            };
            let end = waiting.ends.entry(scan.clone()).or_default();
            Ticket { ended: end.subscribe(), scan }
        };
        self.tell_waiting();
        self.wanted.notify_one();
        Some(ticket)
    }

    /// The ticket of a scan that waits or runs.
    pub fn ticket(&self, scan: &str) -> Option<Ticket> {
        let waiting = self.waiting();
        let (scan, end) = waiting.ends.get_key_value(scan)?;
        Some(Ticket { scan: scan.clone(), ended: end.subscribe() })
    }

    /// Waits for a scan that is wanted and makes it the running one. One caller takes them up, one after the other.
    pub async fn begin(&self) -> Batch {
        loop {
            // Before the look: a request that comes between the two is not missed.
            let wanted = self.wanted.notified();
            let begun = self.waiting().queue.begin();
            if let Some(batch) = begun {
                self.status.send_modify(|status| {
                    status.running = Some(Running {
                        scan: batch.id.clone(),
                        began_at: clock::now(),
                        trigger: batch.trigger,
                        partial: batch.scope != Scope::Fleet,
                        stage: Stage::Registry,
                        done: 0,
                        total: 0,
                    });
                });
                self.tell_waiting();
                return batch;
            }
            wanted.await;
        }
    }

    /// How far the running scan is.
    pub fn progress(&self, stage: Stage, done: usize, total: usize) {
        self.status.send_if_modified(|status| {
            let Some(running) = &mut status.running else { return false };
            (running.stage, running.done, running.total) = (stage, done, total);
            true
        });
    }

    /// The running scan has ended.
    pub fn end(&self, scan: &str, outcome: Outcome) {
        let end = {
            let mut waiting = self.waiting();
            waiting.queue.end();
            waiting.ends.remove(scan)
        };
        self.status.send_modify(|status| status.running = None);
        if let Some(end) = end {
            end.send_replace(Some(outcome));
        }
        self.wanted.notify_one();
    }

    pub fn falls_due(&self, at: Option<Timestamp>) {
        self.status.send_modify(|status| status.next_at = at);
    }

    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn tell_waiting(&self) {
        let id = self.waiting().queue.waiting().map(|it| it.id.clone());
        self.status.send_if_modified(|status| {
            let changed = status.waiting != id;
            status.waiting = id;
            changed
        });
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Plain data: a panic elsewhere leaves nothing half-written.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
