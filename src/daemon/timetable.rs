//! What the daemon does at its hours: the scan of the schedule, and the daily report.
//!
//! Why here and not in `schedule`: that module knows when a moment comes; what is due then is the daemon's business.
//!
//! Invariant: a moment that comes while a scan of the fleet still runs is counted as an overrun and starts nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Daemon;
use crate::clock;
use crate::model::report::Trigger;
use crate::monitor::day::Day;
use crate::schedule::cron::Moments;
use crate::schedule::queue::Scope;

/// The daemon's hours. Replaced whole when the configuration is reloaded.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub scan: Moments,
    pub report: Moments,
    /// A scan waits at random up to so long.
    pub jitter: Duration,
}

/// What the daily report tells of.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Keeps the hours until it is stopped.
pub async fn keep(
    daemon: &Daemon,
    mut timetable: watch::Receiver<Timetable>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        let now = timetable.borrow_and_update().clone();
        daemon.metrics.scan_interval(now.scan.interval(clock::now()));
        let (scan, mut scans) = mpsc::channel(1);
        let (report, mut reports) = mpsc::channel(1);
        let attend = async {
            tokio::select! {
                () = stop.cancelled() => (),
                _ = timetable.changed() => (),
                () = attend(daemon, &now, &mut scans) => (),
                () = tell(daemon, &mut reports) => (),
            }
            // Nobody listens any more: the schedulers are shut down in order.
            drop((scans, reports));
            Ok(())
        };
        // One that fails ends the task at once, and with it the daemon.
        tokio::try_join!(now.scan.run(&scan), now.report.run(&report), attend)?;
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

/// The log is where a daily line is looked for; API and command line give the whole report at any time.
async fn tell(daemon: &Daemon, due: &mut mpsc::Receiver<()>) {
    while due.recv().await.is_some() {
        let now = clock::now();
        let since = now.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
        let read = daemon.stored("read the day", move |store| {
            let day = Day::read(store, since)?;
            Ok(day.daily(now).headline())
        });
        match read.await {
            Ok(headline) => tracing::info!("daily report: {headline}"),
            Err(error) => tracing::error!("there is no daily report: {error:#}"),
        }
    }
}
