//! Counts the lines that are logged: a daemon that warns twice a second is in trouble even where nobody reads its log.

use prometheus::{IntCounter, Registry};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::list::LOG_MESSAGES;
use super::register::counters;

/// A layer of the log. Counts what passes the filters in front of it.
#[derive(Clone, Debug)]
pub struct LogCounter {
    errors: IntCounter,
    warnings: IntCounter,
}

impl LogCounter {
    pub(super) fn new(registry: &Registry) -> Self {
        let messages = counters(registry, &LOG_MESSAGES);
        Self {
            errors: messages.with_label_values(&["error"]),
            warnings: messages.with_label_values(&["warn"]),
        }
    }
}

impl<S: Subscriber> Layer<S> for LogCounter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        match *event.metadata().level() {
            Level::ERROR => self.errors.inc(),
            Level::WARN => self.warnings.inc(),
            _ => (),
        }
    }
}
