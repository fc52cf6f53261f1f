//! How long a rehearsal is, and what its chances are drawn from.

use std::io::Write;

use rand::SeedableRng;
use rand::rngs::StdRng;
use watertight::clock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Short,
    Full,
}

impl Form {
    /// As `WATERTIGHT_SOAK` says.
    pub(crate) fn asked() -> Self {
        match std::env::var("WATERTIGHT_SOAK").as_deref() {
            Ok("full") => Self::Full,
            _ => Self::Short,
        }
    }

    pub(crate) fn of<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }
}

/// Told when the test that holds it fails, so that the same chances can be drawn again.
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn choose() -> Self {
        let asked = std::env::var("WATERTIGHT_SOAK_SEED").ok().and_then(|it| it.parse().ok());
        Self(asked.unwrap_or_else(|| clock::now().as_microsecond().unsigned_abs()))
    }

    pub(crate) fn random(&self) -> StdRng {
        StdRng::seed_from_u64(self.0)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("once more with the same chances: WATERTIGHT_SOAK_SEED={}", self.0));
        }
    }
}

/// To whoever watches a long rehearsal.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("write to standard error");
}
