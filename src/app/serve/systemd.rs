//! What systemd is told: that we are ready, that we reload, that we are alive, that we stop.
//!
//! Why the sign of life comes from a task of its own on the same runtime: where every thread hangs in a call that
//! never returns, it stays away, and systemd does what a person would do. Outside systemd all of this does nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

pub(super) fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("systemd could not be told: {error}");
    }
}

/// How often a sign of life is due: twice in the time after which systemd gives us up. `None` where it does not watch.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|it| it / 2)
}

pub(super) async fn give_signs_of_life(
    every: Duration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => tell(&[NotifyState::Watchdog]),
        }
    }
}

/// With the time of the monotonic clock, by which systemd tells this reload from an earlier one.
pub(super) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!("systemd could not be told of the reload: {error}"),
    }
}
