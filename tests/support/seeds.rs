//! The worlds of chance that a rehearsal is run in, and which of them went wrong.
//!
//! Why a failure does not end the rehearsal: the next seeds say whether it is one fault or many. Each is told when it
//! comes, and all of them at the end.
//!
//! Why a range: two thousand worlds take longer than somebody may have at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use crate::form::{Form, say};

/// Between two words of how far it is.
const TOLD_EVERY: usize = 50;

pub(crate) struct Seeds {
    pub(crate) all: Vec<u64>,
    begun: Instant,
    ended: AtomicUsize,
    failed: Mutex<Vec<u64>>,
}

impl Seeds {
    /// So many as a test has, or as a long rehearsal has; or the one, or those of the range, that somebody asks for.
    pub(crate) fn choose(short: u64, long: u64) -> Self {
        let all = match std::env::var("WATERTIGHT_SOAK_SEED") {
            Ok(asked) => read(&asked)
                .unwrap_or_else(|| panic!("WATERTIGHT_SOAK_SEED={asked} is neither 48 nor 0..48")),
            Err(_) => (0..Form::asked().of(short, long)).collect(),
        };
        Self { all, begun: Instant::now(), ended: AtomicUsize::new(0), failed: Mutex::default() }
    }

    /// One of them has ended.
    pub(crate) fn ended(&self, seed: u64, went_well: bool) {
        if !went_well {
            say(&format!("WATERTIGHT_SOAK_SEED={seed} starts it again"));
            self.failed.lock().unwrap().push(seed);
        }
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if ended.is_multiple_of(TOLD_EVERY) || ended == self.all.len() {
            say(&format!("{ended} of {} after {:.0?}", self.all.len(), self.begun.elapsed()));
        }
    }

    /// Fails where one of them failed.
    pub(crate) fn judge(self) {
        let failed = self.failed.into_inner().unwrap();
        assert!(failed.is_empty(), "WATERTIGHT_SOAK_SEED of those that failed: {failed:?}");
    }
}

fn read(asked: &str) -> Option<Vec<u64>> {
    let Some((first, end)) = asked.split_once("..") else { return Some(vec![asked.parse().ok()?]) };
    let all: Vec<u64> = (first.parse().ok()?..end.parse().ok()?).collect();
    Some(all).filter(|it| !it.is_empty())
}
