//! The deadline of a visit, which does not run while the visit waits for us.
//!
//! Why a clock of its own: logging in costs about a millisecond of our processor (the password is stretched here, not
//! in the server), so with a thousand visits at once the last one waits a second for its turn. A plain deadline would
//! call a healthy database slow because this machine is busy.
//!
//! Why among the plumbing: the engine that starts a visit and the visit itself keep one time, and neither knows the
//! other.
//!
//! Invariants:
//! - only waiting that was announced through `Patience` is forgiven; a silent server never gains time;
//! - while an announced wait lasts the deadline stands still, so it cannot fire in the middle of one.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The shortest nap before looking again: while a wait of our own stands still the remaining time does not shrink, and
/// a timer armed for almost nothing would spin.
const SHORTEST_NAP: Duration = Duration::from_millis(5);

/// No wait is going on.
const NONE: u64 = u64::MAX;

/// How much of a visit's time was our own. Shared by the visit and by whoever watches it.
#[derive(Debug)]
pub struct Patience {
    born: Instant,
    /// Nanoseconds of finished waits.
    allowed: AtomicU64,
    /// When the wait that goes on began, in nanoseconds since `born`; `NONE` without one.
    waiting_since: AtomicU64,
    /// The server has sent something.
    heard: AtomicBool,
    sees_off: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline has passed")]
pub struct Elapsed;

impl Default for Patience {
    fn default() -> Self {
        Self::new()
    }
}

impl Patience {
    pub fn new() -> Self {
        Self {
            born: Instant::now(),
            allowed: AtomicU64::new(0),
            waiting_since: AtomicU64::new(NONE),
            heard: AtomicBool::new(false),
            sees_off: AtomicBool::new(false),
        }
    }

    /// The server has sent its first byte: whatever this visit still waits for, the server is not frozen.
    pub fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    pub fn heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Leaving ends when the server has hung up, one round trip later. A server process still counts against its
    /// server's limit for a moment after its client has left, and on a busy machine the moment is long: where the next
    /// visit goes to the same server, it would come while this one's process still stands.
    pub fn see_off(&self) {
        self.sees_off.store(true, Ordering::Relaxed);
    }

    pub fn sees_off(&self) -> bool {
        self.sees_off.load(Ordering::Relaxed)
    }

    /// Forgives `waited`: it was our own doing.
    pub fn allow(&self, waited: Duration) {
        self.allowed.fetch_add(nanos(waited), Ordering::Relaxed);
    }

    /// Begins a wait of our own; a second call before `end_wait` changes nothing.
    pub fn begin_wait(&self) {
        let now = nanos(self.born.elapsed());
        // A failed exchange means that the wait goes on already.
        self.waiting_since
            .compare_exchange(NONE, now, Ordering::Relaxed, Ordering::Relaxed)
            .unwrap_or_default();
    }

    /// Ends the wait and forgives it.
    pub fn end_wait(&self) {
        let since = self.waiting_since.swap(NONE, Ordering::Relaxed);
        if since != NONE {
            self.allow(self.born.elapsed().saturating_sub(Duration::from_nanos(since)));
        }
    }

    /// All time forgiven so far, the wait that goes on included.
    pub fn allowed(&self) -> Duration {
        let finished = Duration::from_nanos(self.allowed.load(Ordering::Relaxed));
        match self.waiting_since.load(Ordering::Relaxed) {
            NONE => finished,
            since => finished + self.born.elapsed().saturating_sub(Duration::from_nanos(since)),
        }
    }

    /// Runs `future` for at most `limit` of its own time. A large one is pinned by the caller and handed over by
    /// reference: whatever is awaited by value stands in memory twice.
    pub async fn within<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::select! {
            biased;
            output = future => Ok(output),
            () = self.spent(limit) => Err(Elapsed),
        }
    }

    /// Returns when `after` has been spent from now on, not counting what is forgiven meanwhile.
    pub async fn spent(&self, after: Duration) {
        let start = Instant::now();
        let before = self.allowed();
        let mut sleep = pin!(tokio::time::sleep_until(start + after));
        loop {
            sleep.as_mut().await;
            let counted = start.elapsed().saturating_sub(self.allowed().saturating_sub(before));
            let Some(left) = after.checked_sub(counted).filter(|it| !it.is_zero()) else {
                return;
            };
            sleep.as_mut().reset(Instant::now() + left.max(SHORTEST_NAP));
        }
    }
}

/// Five hundred years fit, so saturating never shows.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;

    const LIMIT: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn without_waits_it_is_a_plain_deadline() {
        let start = Instant::now();
        assert_eq!(Patience::new().within(LIMIT, pending::<()>()).await, Err(Elapsed));
        assert_eq!(start.elapsed().as_secs(), 2);
        assert_eq!(Patience::new().within(LIMIT, async { 7 }).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn our_own_waiting_moves_the_deadline() {
        let patience = Patience::new();
        let start = Instant::now();
        let visit = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            patience.allow(Duration::from_secs(3));
            pending::<()>().await;
        };
        assert_eq!(patience.within(LIMIT, visit).await, Err(Elapsed));
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_cannot_fire_in_the_middle_of_a_wait_of_ours() {
        let patience = Arc::new(Patience::new());
        let start = Instant::now();
        let visit = async {
            patience.begin_wait();
            patience.begin_wait();
            tokio::time::sleep(Duration::from_mins(1)).await;
            patience.end_wait();
            tokio::time::sleep(Duration::from_millis(1_900)).await;
        };
        assert_eq!(patience.within(LIMIT, visit).await, Ok(()));
        assert_eq!(start.elapsed().as_millis(), 61_900);
        assert_eq!(patience.allowed().as_secs(), 60);
        patience.end_wait();
        assert_eq!(patience.allowed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_forgiven_before_is_not_forgiven_twice() {
        let patience = Patience::new();
        patience.allow(Duration::from_secs(100));
        let start = Instant::now();
        patience.spent(LIMIT).await;
        assert_eq!(start.elapsed().as_secs(), 2);
    }
}
