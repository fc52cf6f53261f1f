//! The daemon's tasks: each with a name, one stop signal for all, and a bounded end.
//!
//! Why all end when one does: half a daemon is worse than none. A scan loop that died while the page goes on answering
//! would show yesterday's green for ever; a process that ends is restarted by whatever runs it.
//!
//! Invariant: whoever starts a task here hears of its end, whether it returned, failed or panicked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Tasks that did not end in time, or that failed.
#[derive(Debug, thiserror::Error)]
pub enum TasksError {
    #[error("these tasks did not end within {grace:?}: {}", left.join(", "))]
    NotEnded { left: Vec<&'static str>, grace: Duration },
    #[error("these tasks failed: {}", .0.join(", "))]
    Failed(Vec<&'static str>),
}

#[derive(Clone, Debug)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
    roll: Arc<Mutex<Roll>>,
}

#[derive(Debug, Default)]
struct Roll {
    running: BTreeMap<u64, &'static str>,
    started: u64,
    failed: Vec<&'static str>,
}

impl Tasks {
    /// `stop` ends them all; it is also raised as soon as one of them ends.
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, tracker: TaskTracker::new(), roll: Arc::default() }
    }

    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs `task` until it returns; its end, of whatever kind, ends all others.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop_all = self.stop.clone().drop_guard();
        let entry = Entry::new(Arc::clone(&self.roll), name);
        let supervised = async move {
            // Dropped on return, on error and on panic alike.
            let (_stop_all, mut entry) = (stop_all, entry);
            match task.await {
                Ok(()) => tracing::debug!("task ended"),
                Err(error) => {
                    tracing::error!("the task {name} failed: {error:#}");
                    entry.failed = true;
                    return;
                }
            }
            entry.failed = false;
        };
        let span = tracing::info_span!("task", name);
        self.tracker.spawn(supervised.instrument(span));
    }

    /// Waits for the stop signal, and then at most `grace` for every task to end.
    pub async fn join(self, grace: Duration) -> Result<(), TasksError> {
        self.stop.cancelled().await;
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait()).await.is_err() {
            let left = roll(&self.roll).running.values().copied().collect();
            return Err(TasksError::NotEnded { left, grace });
        }
        let failed = std::mem::take(&mut roll(&self.roll).failed);
        if failed.is_empty() { Ok(()) } else { Err(TasksError::Failed(failed)) }
    }
}

/// A task on the roll. Struck off when dropped.
struct Entry {
    roll: Arc<Mutex<Roll>>,
    number: u64,
    name: &'static str,
    /// Until it is known to have gone well: a panic says nothing more.
    failed: bool,
}

impl Entry {
    fn new(on: Arc<Mutex<Roll>>, name: &'static str) -> Self {
        let number = {
            let mut roll = roll(&on);
            roll.started += 1;
            let number = roll.started;
            roll.running.insert(number, name);
            number
        };
        Self { roll: on, number, name, failed: true }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut roll = roll(&self.roll);
        roll.running.remove(&self.number);
        if self.failed {
            roll.failed.push(self.name);
        }
    }
}

fn roll(roll: &Mutex<Roll>) -> std::sync::MutexGuard<'_, Roll> {
    // Plain data: a panic elsewhere leaves nothing half-written.
    roll.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    async fn ended(tasks: Tasks) -> Result<(), String> {
        let joined = tokio::time::timeout(Duration::from_mins(1), tasks.join(GRACE)).await;
        joined.expect("joining is bounded").map_err(|error| error.to_string())
    }

    fn waiting(tasks: &Tasks) {
        let stop = tasks.stop().clone();
        tasks.spawn("waiting", async move {
            stop.cancelled().await;
            Ok(())
        });
    }

    #[tokio::test(start_paused = true)]
    async fn the_stop_signal_ends_all_of_them_well() {
        let tasks = Tasks::new(CancellationToken::new());
        waiting(&tasks);
        tasks.stop().cancel();
        assert_eq!(ended(tasks).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_ends_ends_the_others() {
        let tasks = Tasks::new(CancellationToken::new());
        waiting(&tasks);
        tasks.spawn("short", async { Ok(()) });
        assert_eq!(ended(tasks).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_or_panics_ends_the_others_and_is_named() {
        let tasks = Tasks::new(CancellationToken::new());
        waiting(&tasks);
        tasks.spawn("failing", async { anyhow::bail!("no more") });
        assert_eq!(ended(tasks).await, Err("these tasks failed: failing".to_owned()));
        let tasks = Tasks::new(CancellationToken::new());
        waiting(&tasks);
        tasks.spawn("panicking", async { panic!("as planned") });
        assert_eq!(ended(tasks).await, Err("these tasks failed: panicking".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_is_named_after_the_grace() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("hanging", std::future::pending());
        tasks.stop().cancel();
        let told = "these tasks did not end within 5s: hanging";
        assert_eq!(ended(tasks).await, Err(told.to_owned()));
    }
}
