//! Bars on standard error for a person who waits.
//!
//! Why every method does nothing when disabled: the scan tells its progress always, and only this file knows whether
//! somebody watches. Results never pass through here.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Often enough to show that the program lives.
const TICK: Duration = Duration::from_millis(200);

/// One bar at a time. Cleared when dropped, so that an error is not printed behind half a bar.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `enabled` as `Surroundings::shows_progress` says.
    pub fn new(enabled: bool) -> Self {
        let bar = enabled.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(bar_style("{spinner} {msg} {elapsed}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar }
    }

    /// What is being done now, in a word or two.
    pub fn stage(&self, name: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_message(name);
        }
    }

    /// The present stage has so many steps.
    pub fn started(&self, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total.try_into().unwrap_or(u64::MAX));
            bar.set_position(0);
            bar.set_style(bar_style("{spinner} {msg} [{wide_bar}] {pos}/{len} {elapsed}"));
        }
    }

    /// So many of them are done.
    pub fn advanced(&self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done.try_into().unwrap_or(u64::MAX));
        }
    }

    /// Nothing of it is left on the screen.
    pub fn finished(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finished();
    }
}

fn bar_style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; were one wrong, the plain bar would do.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
