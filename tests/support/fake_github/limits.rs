//! GitHub's limits: what it grants an hour, and what it holds against a client that hurries.
//!
//! Why every breach is recorded: a client is to stay below what is published, not to find out where it is stopped.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::{Answer, Request};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Published by GitHub.
const CREATED_A_MINUTE: usize = 80;
const CREATED_AN_HOUR: usize = 500;
const POINTS_A_MINUTE: u32 = 900;
const AT_ONCE: usize = 100;
const WRITE_POINTS: u32 = 5;

/// What is said when nothing more precise is known.
const WAIT: u64 = 60;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Of every window and every wait; 1 is GitHub's own time.
    pub(crate) scale: f64,
    /// Requests an hour.
    pub(crate) primary: u64,
}

pub(crate) struct Limits {
    pub(crate) rules: Rules,
    /// Of an hour.
    seen: VecDeque<Seen>,
    hour: Option<Instant>,
    used: u64,
    silent_until: Option<Instant>,
    at_once: usize,
    /// Since the start, one line each.
    pub(crate) breaches: Vec<String>,
    /// The shortest time from one write to the next.
    pub(crate) closest_writes: Option<Duration>,
    last_write: Option<Instant>,
}

struct Seen {
    at: Instant,
    points: u32,
    creates: bool,
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self {
            rules: Rules { scale: 1.0, primary: 5_000 },
            seen: VecDeque::new(),
            hour: None,
            used: 0,
            silent_until: None,
            at_once: 0,
            breaches: Vec::new(),
            closest_writes: None,
            last_write: None,
        }
    }

    pub(crate) fn began(&mut self) {
        self.at_once += 1;
        if AT_ONCE < self.at_once {
            self.breaches.push(format!("{} requests at once", self.at_once));
        }
    }

    pub(crate) fn ended(&mut self) {
        self.at_once -= 1;
    }

    /// Nothing is answered for so long, in GitHub's seconds.
    pub(crate) fn silence(&mut self, seconds: u64) {
        self.silent_until = Some(Instant::now() + self.scaled(Duration::from_secs(seconds)));
    }

    fn scaled(&self, time: Duration) -> Duration {
        time.mul_f64(self.rules.scale)
    }

    /// In GitHub's seconds, at least one.
    fn said(&self, time: Duration) -> u64 {
        let seconds = Duration::from_secs_f64(time.as_secs_f64() / self.rules.scale);
        seconds.as_secs() + 1
    }

    /// Refused where a limit is reached; counted either way.
    pub(crate) fn admit(&mut self, request: &Request) -> Result<(), Answer> {
        let now = Instant::now();
        self.pace(request, now);
        if let Some(until) = self.silent_until {
            if now < until {
                self.breaches.push(format!("{} came while we were told to wait", told(request)));
                return Err(secondary(403, Some(self.said(until - now))));
            }
            self.silent_until = None;
        }
        self.spend(now)?;
        let creates = is_creation(request);
        let points = if request.is_write() { WRITE_POINTS } else { 1 };
        self.seen.push_back(Seen { at: now, points, creates });
        let (minute, hour) = (self.scaled(MINUTE), self.scaled(HOUR));
        while self.seen.front().is_some_and(|it| hour < now - it.at) {
            self.seen.pop_front();
        }
        let lately = || self.seen.iter().filter(|it| now - it.at <= minute);
        let a_minute = lately().filter(|it| it.creates).count();
        let an_hour = self.seen.iter().filter(|it| it.creates).count();
        let points: u32 = lately().map(|it| it.points).sum();
        let breach = if creates && CREATED_A_MINUTE < a_minute {
            format!("{a_minute} creations in a minute")
        } else if creates && CREATED_AN_HOUR < an_hour {
            format!("{an_hour} creations in an hour")
        } else if POINTS_A_MINUTE < points {
            format!("{points} points in a minute")
        } else {
            return Ok(());
        };
        self.breaches.push(breach);
        self.silence(WAIT);
        Err(secondary(403, Some(WAIT)))
    }

    fn pace(&mut self, request: &Request, now: Instant) {
        if !request.is_write() {
            return;
        }
        if let Some(last) = self.last_write.replace(now) {
            let gap = now - last;
            self.closest_writes = Some(self.closest_writes.map_or(gap, |it| it.min(gap)));
        }
    }

    fn spend(&mut self, now: Instant) -> Result<(), Answer> {
        let hour = self.scaled(HOUR);
        if self.hour.is_none_or(|it| hour < now - it) {
            (self.hour, self.used) = (Some(now), 0);
        }
        self.used += 1;
        if self.used <= self.rules.primary {
            return Ok(());
        }
        self.breaches.push(format!("{} requests in an hour", self.used));
        Err(Answer::refusal(403, "API rate limit exceeded for user ID 1."))
    }

    /// In the order limit, remaining, used, and the seconds until they begin anew.
    pub(crate) fn primary(&self) -> (u64, u64, u64, u64) {
        let begun = self.hour.map_or(Duration::ZERO, |it| it.elapsed());
        let left = self.said(self.scaled(HOUR).saturating_sub(begun));
        let used = self.used.min(self.rules.primary);
        (self.rules.primary, self.rules.primary - used, used, left)
    }

    /// Of the busiest of GitHub's minutes that lie within the last hour.
    pub(crate) fn busiest_minute(&self) -> usize {
        let minute = self.scaled(MINUTE);
        let writes: Vec<Instant> =
            self.seen.iter().filter(|it| it.points == WRITE_POINTS).map(|it| it.at).collect();
        let from = |start: &Instant| {
            writes.iter().filter(|it| *start <= **it && **it - *start <= minute).count()
        };
        writes.iter().map(from).max().unwrap_or(0)
    }
}

pub(crate) fn secondary(status: u16, retry_after: Option<u64>) -> Answer {
    let answer = Answer::refusal(
        status,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    );
    match retry_after {
        Some(seconds) => answer.with("retry-after", seconds),
        None => answer,
    }
}

/// What GitHub calls content: what people are told of.
fn is_creation(request: &Request) -> bool {
    let last = request.path.last().map(String::as_str);
    request.method == "POST" && matches!(last, Some("issues" | "comments"))
}

fn told(request: &Request) -> String {
    format!("{} {}", request.method, request.whole_path())
}
