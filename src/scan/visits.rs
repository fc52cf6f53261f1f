//! The visits that run now: each a task of its own, and all of them joined.
//!
//! Why tasks: a panic stays in its visit, and handshakes use every core. Why one clock for all of them and not one
//! each: only the oldest visit can be the next that is overdue.
//!
//! Invariant: every visit that was started is told exactly once, as an ending, whatever became of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::queue::JobId;
use crate::model::observation::{Cause, Failure, Observation, Outcome, Reason};
use crate::model::tenant::TargetRef;
use crate::patience::Patience;

/// A visit ends itself at its deadline and can then say what it was waiting for. This much later it is ended from
/// outside, in case it does not.
const BACKSTOP: Duration = Duration::from_millis(500);

/// An aborted task ends when it next waits for something. One that never does is left behind after this time.
const STOP_GRACE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Visits {
    tasks: JoinSet<Observation>,
    running: HashMap<Id, Running, foldhash::fast::RandomState>,
    /// Those not yet overdue, by the start of what counts of their time.
    clock: BTreeMap<(Instant, JobId), Id>,
}

/// How a visit ended.
pub(crate) struct Ending {
    pub(crate) job: JobId,
    pub(crate) observation: Observation,
    /// Its time passed without a single byte from the server.
    pub(crate) silent: bool,
}

struct Running {
    job: JobId,
    target: TargetRef,
    counted_from: Instant,
    /// What of its allowance `counted_from` contains.
    allowed: Duration,
    patience: Arc<Patience>,
    /// Its allowance when all were last forgiven something.
    forgiven: Duration,
}

impl Visits {
    pub(crate) fn start<F>(
        &mut self,
        (job, target): (JobId, TargetRef),
        patience: Arc<Patience>,
        deadline: Duration,
        visit: F,
    ) where
        F: Future<Output = Observation> + Send + 'static,
    {
        let counted_from = Instant::now();
        let for_visit = Arc::clone(&patience);
        // Boxed, so that it is moved once, and stands in memory once.
        let visit = Box::pin(visit);
        let supervised = async move {
            match for_visit.within(deadline + BACKSTOP, visit).await {
                Ok(observation) => observation,
                Err(_elapsed) => Observation { target, took: deadline, outcome: hung(deadline) },
            }
        };
        let id = self.tasks.spawn(supervised).id();
        let (allowed, forgiven) = (Duration::ZERO, Duration::ZERO);
        let running = Running { job, target, counted_from, allowed, patience, forgiven };
        self.running.insert(id, running);
        self.clock.insert((counted_from, job), id);
    }

    /// The next visit that ends; `None` where none runs. Nothing is lost where the future is dropped.
    pub(crate) async fn ended(&mut self) -> Option<Ending> {
        let joined = self.tasks.join_next_with_id().await?;
        self.told(joined)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Whether any of these visits, still under way, was sent a byte.
    pub(crate) fn any_heard(&self, of: impl Fn(JobId) -> bool) -> bool {
        self.running.values().any(|it| it.patience.heard() && of(it.job))
    }

    /// When the oldest visit becomes overdue, if nothing changes.
    pub(crate) fn next_overdue(&self, after: Duration) -> Option<Instant> {
        self.clock.first_key_value().map(|((counted_from, _), _)| *counted_from + after)
    }

    /// The visits that have become overdue by now, each told once. What a visit was allowed for our own slowness
    /// moves its start.
    pub(crate) fn overdue(&mut self, after: Duration) -> Vec<JobId> {
        let now = Instant::now();
        let mut overdue = Vec::new();
        while let Some(entry) = self.clock.first_entry()
            && entry.key().0 + after <= now
        {
            let ((counted_from, job), id) = entry.remove_entry();
            let Some(running) = self.running.get_mut(&id) else { continue };
            let allowed = running.patience.allowed();
            let moved = counted_from + allowed.saturating_sub(running.allowed);
            if moved + after <= now {
                overdue.push(job);
            } else {
                (running.allowed, running.counted_from) = (allowed, moved);
                self.clock.insert((moved, job), id);
            }
        }
        overdue
    }

    /// We were late by so much, and every visit with us. What a visit has already been forgiven in that time, because
    /// it said itself that it waited for us, is not forgiven twice.
    pub(crate) fn forgive(&mut self, late: Duration) {
        for running in self.running.values_mut() {
            let told_itself = running.patience.allowed().saturating_sub(running.forgiven);
            running.patience.allow(late.saturating_sub(told_itself));
            running.forgiven = running.patience.allowed();
        }
    }

    /// Ends every visit. One that had ended by itself keeps its observation.
    pub(crate) async fn stop(&mut self) -> Vec<Ending> {
        self.tasks.abort_all();
        let patience_ends = Instant::now() + STOP_GRACE;
        let mut told = Vec::new();
        while let Ok(Some(joined)) = timeout_at(patience_ends, self.tasks.join_next_with_id()).await
        {
            told.extend(self.told(joined));
        }
        self.clock.clear();
        told.extend(self.running.drain().map(|(_, it)| Ending {
            job: it.job,
            observation: cancelled(it.target),
            silent: false,
        }));
        told
    }

    fn told(&mut self, joined: Result<(Id, Observation), JoinError>) -> Option<Ending> {
        let (id, ending) = match joined {
            Ok((id, observation)) => (id, Ok(observation)),
            Err(error) => (error.id(), Err(error)),
        };
        let Running { job, target, counted_from, patience, .. } = self.running.remove(&id)?;
        self.clock.remove(&(counted_from, job));
        let observation = match ending {
            Ok(observation) => Observation { target, ..observation },
            Err(error) if error.is_cancelled() => cancelled(target),
            Err(_panic) => not_tried(target, Reason::Panicked),
        };
        let timed_out = matches!(
            &observation.outcome,
            Outcome::Failed(failure) if failure.cause == Cause::Timeout
        );
        Some(Ending { job, observation, silent: timed_out && !patience.heard() })
    }
}

pub(crate) fn cancelled(target: TargetRef) -> Observation {
    not_tried(target, Reason::Cancelled)
}

fn not_tried(target: TargetRef, reason: Reason) -> Observation {
    Observation { target, took: Duration::ZERO, outcome: Outcome::NotTried(reason) }
}

fn hung(deadline: Duration) -> Outcome {
    let detail = format!("the visit had not ended after {deadline:?}").into();
    Outcome::Failed(Failure { cause: Cause::Timeout, detail })
}
