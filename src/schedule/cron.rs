//! Moments that come back: cron with seconds, in a time zone.
//!
//! Why the scheduler's job does nothing but say that it is due: a job of tokio-cron-scheduler that takes longer than its
//! interval can stop coming back for ever, and nobody would notice a scan that is no longer made. Why we also wait for
//! the moment ourselves: so that a scheduler that has stopped is noticed, and started anew. Why each scheduler has a runtime
//! of its own: a dozen of its tasks outlive its shutdown, and they end only with what they run on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::clock;

/// The scheduler looks every half second, so a moment that is so much late was missed.
const MISSED_AFTER: Duration = Duration::from_secs(10);

/// How far ahead the longest gap between two moments is looked for, in moments.
const LOOKED_AHEAD: usize = 50;

/// When something falls due.
#[derive(Clone, Debug)]
pub struct Moments {
    text: Box<str>,
    cron: Box<Cron>,
    zone: chrono_tz::Tz,
}

#[derive(Debug, thiserror::Error)]
pub enum MomentsError {
    #[error("{text:?} is no cron expression with seconds")]
    Cron { text: String, source: CronError },
    #[error("{0:?} is no IANA time zone")]
    Zone(String),
    #[error("{0:?} never falls due")]
    Never(String),
}

/// By what the operator wrote: the rest is made from it.
impl PartialEq for Moments {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.zone == other.zone
    }
}

/// Why a schedule cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error("start a thread for the schedule {text:?}")]
    Thread { text: Box<str>, source: std::io::Error },
    /// What the scheduler's library could not do.
    #[error("{operation} the schedule {text:?}")]
    Library { operation: &'static str, text: Box<str>, source: JobSchedulerError },
    #[error("the scheduler of {text:?} panicked at its start")]
    Panicked { text: Box<str>, source: tokio::task::JoinError },
}

impl Moments {
    /// `cron` has six fields, seconds first; `zone` is an IANA name.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, MomentsError> {
        let zone = zone.parse().map_err(|_| MomentsError::Zone(zone.to_owned()))?;
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let parsed = parser
            .parse(cron)
            .map_err(|source| MomentsError::Cron { text: cron.to_owned(), source })?;
        let moments = Self { text: cron.into(), cron: Box::new(parsed), zone };
        match moments.after(clock::now()) {
            Some(_) => Ok(moments),
            None => Err(MomentsError::Never(cron.to_owned())),
        }
    }

    /// The first one later than `time`.
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = whole(time)?;
        let next = self.cron.find_next_occurrence(&time.with_timezone(&self.zone), false).ok()?;
        Timestamp::from_microsecond(next.timestamp_micros()).ok()
    }

    /// The last one that is not later than `time`: what fell due while nobody listened.
    pub fn last(&self, time: Timestamp) -> Option<Timestamp> {
        let time = whole(time)?;
        let last =
            self.cron.find_previous_occurrence(&time.with_timezone(&self.zone), true).ok()?;
        Timestamp::from_microsecond(last.timestamp_micros()).ok()
    }

    /// The longest time between two of the coming moments: what a reader may expect to wait. Zero where there is only
    /// one more.
    pub fn interval(&self, now: Timestamp) -> Duration {
        let coming = std::iter::successors(self.after(now), |it| self.after(*it));
        let coming: Vec<Timestamp> = coming.take(LOOKED_AHEAD).collect();
        let gaps = coming.windows(2).map(|it| it[1].duration_since(it[0]));
        gaps.max().and_then(|it| it.try_into().ok()).unwrap_or_default()
    }

    /// Says that it is due at each of the moments, until it is dropped. A moment that nobody has taken up yet is not
    /// said twice. A scheduler that misses a moment is replaced, and the moment is said late.
    pub async fn run(&self, due: &mpsc::Sender<()>) -> Result<(), ScheduleError> {
        loop {
            let (told, mut tick) = mpsc::channel(1);
            let (scheduler, library) = self.scheduler(told).await?;
            let missed = self.follow(&mut tick, due).await;
            drop((scheduler, library));
            match missed {
                Follow::Missed => tracing::warn!("the scheduler missed a moment of {}", self.text),
                Follow::Unheard => return Ok(()),
            }
        }
    }

    async fn scheduler(
        &self,
        told: mpsc::Sender<()>,
    ) -> Result<(Scheduler, JobScheduler), ScheduleError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("schedule")
            .enable_time()
            .build()
            .map_err(|source| ScheduleError::Thread { text: self.text.clone(), source })?;
        let scheduler = Scheduler(Some(runtime));
        let moments = self.clone();
        let started = scheduler.spawn(async move { moments.start(told).await }).await;
        started
            .map_err(|source| ScheduleError::Panicked { text: self.text.clone(), source })?
            .map(|library| (scheduler, library))
    }

    async fn start(&self, told: mpsc::Sender<()>) -> Result<JobScheduler, ScheduleError> {
        let scheduler = self.did("start", JobScheduler::new().await)?;
        let tell = move |_, _| {
            let told = told.clone();
            Box::pin(async move {
                // Where it is full, it was said already.
                told.try_send(()).ok();
            }) as std::pin::Pin<Box<dyn Future<Output = ()> + Send>>
        };
        let job = self.did("read", Job::new_async_tz(&*self.text, self.zone, tell))?;
        self.did("keep", scheduler.add(job).await)?;
        self.did("start", scheduler.start().await)?;
        Ok(scheduler)
    }

    fn did<T>(
        &self,
        operation: &'static str,
        done: Result<T, JobSchedulerError>,
    ) -> Result<T, ScheduleError> {
        let text = || self.text.clone();
        done.map_err(|source| ScheduleError::Library { operation, text: text(), source })
    }

    async fn follow(&self, tick: &mut mpsc::Receiver<()>, due: &mpsc::Sender<()>) -> Follow {
        loop {
            let now = clock::now();
            let wait: Duration = self
                .after(now)
                .and_then(|it| it.duration_since(now).try_into().ok())
                .unwrap_or(Duration::MAX)
                .saturating_add(MISSED_AFTER);
            let ticked = tokio::select! {
                () = due.closed() => return Follow::Unheard,
                ticked = tokio::time::timeout(wait, tick.recv()) => ticked,
            };
            due.try_send(()).ok();
            // A clock that was set back makes the next moment late, and no scheduler the worse for it.
            let late = ticked.is_err() && clock::now().duration_since(now).unsigned_abs() >= wait;
            if late || ticked == Ok(None) {
                return Follow::Missed;
            }
        }
    }
}

/// Moments have whole seconds, and the fraction of one that is given would be given back.
fn whole(time: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::<Utc>::from_timestamp(time.as_second(), 0)
}

/// A scheduler's runtime; with it end all of the scheduler's tasks.
struct Scheduler(Option<Runtime>);

impl Scheduler {
    fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.0.as_ref().expect("it is there until it is dropped").spawn(task)
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Not waited for: whoever drops it is a task itself.
            runtime.shutdown_background();
        }
    }
}

enum Follow {
    Missed,
    /// Nobody listens any more.
    Unheard,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cron: &str, zone: &str, after: &str, expected: &str) {
        let moments = Moments::parse(cron, zone).unwrap();
        let next = moments.after(after.parse().unwrap()).unwrap();
        assert_eq!(next.to_string(), expected);
    }

    #[test]
    fn the_next_moment_is_later_than_the_time() {
        check("0 */5 * * * *", "UTC", "2026-11-26T10:04:59Z", "2026-11-26T10:05:00Z");
        check("0 */5 * * * *", "UTC", "2026-11-26T10:05:00Z", "2026-11-26T10:10:00Z");
        check("* * * * * *", "UTC", "2026-11-26T10:05:00.7Z", "2026-11-26T10:05:01Z");
    }

    #[test]
    fn the_last_moment_is_not_later_than_the_time() {
        let check = |zone: &str, time: &str, expected: &str| {
            let moments = Moments::parse("0 0 10 * * *", zone).unwrap();
            let last = moments.last(time.parse().unwrap()).unwrap();
            assert_eq!(last.to_string(), expected);
        };
        check("UTC", "2026-11-26T10:00:00Z", "2026-11-26T10:00:00Z");
        check("UTC", "2026-11-26T10:00:00.5Z", "2026-11-26T10:00:00Z");
        check("UTC", "2026-11-26T09:59:59.999999Z", "2026-11-25T10:00:00Z");
        check("Europe/Stockholm", "2026-03-29T07:59:59Z", "2026-03-28T09:00:00Z");
        check("Europe/Stockholm", "2026-03-29T08:00:00Z", "2026-03-29T08:00:00Z");
        check("Europe/Stockholm", "2026-10-25T09:30:00Z", "2026-10-25T09:00:00Z");
    }

    #[test]
    fn an_hour_is_the_hour_of_the_zone_in_summer_and_in_winter() {
        check("0 0 10 * * *", "Europe/Stockholm", "2026-11-26T00:00:00Z", "2026-11-26T09:00:00Z");
        check("0 0 10 * * *", "Europe/Stockholm", "2026-07-01T00:00:00Z", "2026-07-01T08:00:00Z");
    }

    /// On that night the clocks go from two to three.
    #[test]
    fn an_hour_that_a_zone_leaves_out_delays_nothing_to_the_next_day() {
        let moments = Moments::parse("0 30 * * * *", "Europe/Stockholm").unwrap();
        let mut time: Timestamp = "2026-03-29T00:00:00Z".parse().unwrap();
        for _ in 0..4 {
            let next = moments.after(time).unwrap();
            assert!(next.duration_since(time).as_hours() <= 1, "{time} {next}");
            time = next;
        }
    }

    #[test]
    fn what_never_comes_or_cannot_be_read_is_an_error_that_says_so() {
        let error = |cron: &str, zone: &str| Moments::parse(cron, zone).unwrap_err().to_string();
        assert_eq!(
            error("*/5 * * * *", "UTC"),
            "\"*/5 * * * *\" is no cron expression with seconds"
        );
        assert_eq!(error("0 0 0 30 2 *", "UTC"), "\"0 0 0 30 2 *\" never falls due");
        assert_eq!(error("0 * * * * *", "Mars/Olympus"), "\"Mars/Olympus\" is no IANA time zone");
    }

    #[test]
    fn the_interval_is_the_longest_wait() {
        let interval = |cron: &str| {
            let moments = Moments::parse(cron, "UTC").unwrap();
            moments.interval("2026-11-26T00:00:00Z".parse().unwrap()).as_secs()
        };
        assert_eq!(interval("0 */5 * * * *"), 300);
        assert_eq!(interval("0 0 10 * * *"), 24 * 60 * 60);
        assert_eq!(interval("0 0 9,17 * * *"), 16 * 60 * 60);
    }

    /// As often as a configuration may be reloaded.
    #[tokio::test]
    async fn nothing_of_a_schedule_that_has_ended_runs_on() {
        let moments = Moments::parse("0 0 0 1 1 *", "UTC").unwrap();
        let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        for _ in 0..20 {
            let (due, heard) = mpsc::channel(1);
            drop(heard);
            moments.run(&due).await.unwrap();
        }
        let after = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(after, before);
        let named = |thread: &std::fs::DirEntry| {
            let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            name.trim() == "schedule"
        };
        let gone = async {
            while std::fs::read_dir("/proc/self/task").unwrap().flatten().any(|it| named(&it)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
    }

    #[tokio::test]
    async fn it_says_that_it_is_due_and_ends_when_nobody_listens() {
        let moments = Moments::parse("* * * * * *", "UTC").unwrap();
        let (due, mut heard) = mpsc::channel(1);
        let listen = async {
            for _ in 0..2 {
                heard.recv().await.unwrap();
            }
            drop(heard);
        };
        let both = async { tokio::join!(moments.run(&due), listen) };
        let (ran, ()) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
        ran.unwrap();
    }
}
