//! What the daemon does at its hours: the scan of the schedule.
//!
//! Why here and not in `schedule`: that module knows when a moment comes; what is due then is the daemon's business.
//!
//! Invariant: a moment that comes while a scan of the fleet still runs is counted as an overrun and starts nothing.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Daemon;
use crate::clock;
use crate::model::report::Trigger;
use crate::schedule::cron::Moments;
use crate::schedule::queue::Scope;

/// The daemon's hours. Replaced whole when the configuration is reloaded.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub scan: Moments,
    /// A scan waits at random up to so long.
    pub jitter: Duration,
}

/// Keeps the hours until it is stopped.
pub async fn keep(
    daemon: &Daemon,
    mut timetable: watch::Receiver<Timetable>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let now = timetable.borrow_and_update().clone();
        daemon.metrics.scan_interval(now.scan.interval(clock::now()));
        let (due, mut heard) = mpsc::channel(1);
        let attend = async {
            tokio::select! {
                () = stop.cancelled() => (),
                _ = timetable.changed() => (),
                () = attend(daemon, &now, &mut heard) => (),
            }
            // Nobody listens any more: the scheduler is shut down in order.
            drop(heard);
        };
        let (kept, ()) = tokio::join!(now.scan.run(&due), attend);
        kept?;
    }
    Ok(())
}

async fn attend(daemon: &Daemon, timetable: &Timetable, due: &mut mpsc::Receiver<()>) {
    loop {
        daemon.desk().falls_due(timetable.scan.after(clock::now()));
        if due.recv().await.is_none() {
            return;
        }
        tokio::time::sleep(timetable.jitter.mul_f64(rand::random::<f64>())).await;
        if daemon.desk().ask(Scope::Fleet, Trigger::Schedule).is_none() {
            daemon.metrics.scan_overrun();
            tracing::warn!("a scan fell due while the one before still ran");
        }
    }
}
