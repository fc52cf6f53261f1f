//! Supabase's limits: so many requests of one sort in a minute.
//!
//! Why every breach is recorded: a client is to stay below what is published, not to find out where it is stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::{Answer, Request};

const MINUTE: Duration = Duration::from_mins(1);

/// Published by Supabase, for each operation, and project or organisation.
const A_MINUTE: u32 = 120;

#[derive(Default)]
pub(crate) struct Limits {
    sorts: BTreeMap<String, Sort>,
    /// Since the start, one line each.
    pub(crate) breaches: Vec<String>,
}

#[derive(Clone, Copy)]
struct Sort {
    window: Instant,
    used: u32,
    silent_until: Option<Instant>,
}

/// What an answer says of its sort: what is left, and seconds until the window's end.
pub(crate) struct Left {
    pub(crate) remaining: u32,
    pub(crate) reset: u64,
}

impl Limits {
    /// Refused where the limit is reached, or was said to be; counted either way.
    pub(crate) fn admit(&mut self, request: &Request, scale: f64) -> (Left, Result<(), Answer>) {
        let (now, minute) = (Instant::now(), MINUTE.mul_f64(scale));
        let key = sort(request);
        let new = Sort { window: now, used: 0, silent_until: None };
        let sort = self.sorts.entry(key.clone()).or_insert(new);
        if minute <= now - sort.window {
            (sort.window, sort.used) = (now, 0);
        }
        sort.used += 1;
        let end = sort.silent_until.filter(|it| now < *it).unwrap_or(sort.window + minute);
        let left = Left {
            remaining: A_MINUTE.saturating_sub(sort.used),
            reset: said(end.saturating_duration_since(now), scale),
        };
        if sort.silent_until.is_some_and(|it| now < it) {
            self.breaches.push(format!("{key} came while it was to wait"));
            return (Left { remaining: 0, ..left }, Err(refusal()));
        }
        if A_MINUTE < sort.used {
            self.breaches.push(format!("{key} came {} times in a minute", sort.used));
            return (left, Err(refusal()));
        }
        (left, Ok(()))
    }

    /// Nothing of this sort is answered for so long, in Supabase's seconds.
    pub(crate) fn silence(&mut self, request: &Request, seconds: u64, scale: f64) {
        let now = Instant::now();
        let until = now + Duration::from_secs(seconds).mul_f64(scale);
        let new = Sort { window: now, used: 0, silent_until: None };
        self.sorts.entry(sort(request)).or_insert(new).silent_until = Some(until);
    }
}

pub(crate) fn refusal() -> Answer {
    Answer::refusal(429, "ThrottlerException: Too Many Requests")
}

/// In Supabase's seconds, rounded up.
fn said(time: Duration, scale: f64) -> u64 {
    Duration::from_secs_f64(time.as_secs_f64() / scale).as_secs() + 1
}

/// The whole path is operation and subject in one; what is asked of the organisation stands in its query.
fn sort(request: &Request) -> String {
    format!("{} {}", request.method, request.whole_path())
}
