//! How late we are ourselves: a heartbeat that should come at fixed times, and by how much it comes too late.
//!
//! Why: on a busy machine an answer that has long arrived waits for its visit to be woken. A database must never be
//! called slow, let alone dead, for our own lack of processor. What delays the heartbeat delays every visit alike, so
//! its delay is what they are all forgiven.

use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// As often as a quick server answers: what comes late in between is seen by the visits and by us alike.
const BEAT: Duration = Duration::from_millis(20);

/// Timers are rounded up to whole milliseconds, and a wake takes some time on an idle machine too.
const USUAL: Duration = Duration::from_millis(2);

pub(super) struct Heartbeat {
    /// Pinned by the heap, so that the heartbeat may be moved.
    beat: std::pin::Pin<Box<Sleep>>,
}

impl Heartbeat {
    pub(super) fn new() -> Self {
        Self { beat: Box::pin(sleep_until(Instant::now() + BEAT)) }
    }

    /// Waits for the next beat and tells by how much it came too late; zero on a machine that keeps up. Nothing is lost
    /// where the future is dropped.
    pub(super) async fn late(&mut self) -> Duration {
        self.beat.as_mut().await;
        let now = Instant::now();
        let late = now.saturating_duration_since(self.beat.deadline());
        self.beat.as_mut().reset(now + BEAT);
        if late <= USUAL { Duration::ZERO } else { late }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_beat_is_as_late_as_we_are_and_the_next_one_starts_afresh() {
        let mut heartbeat = Heartbeat::new();
        let mut late = Vec::new();
        for busy in [0, 20, 22, 120, 0, 40] {
            tokio::time::advance(Duration::from_millis(busy)).await;
            late.push(heartbeat.late().await.as_millis());
        }
        assert_eq!(late, [0, 0, 0, 100, 0, 20]);
    }
}
