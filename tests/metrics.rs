//! What Prometheus is told: never more than was seen, never less than is known, in a form that it can read.

#[path = "metrics/detail.rs"]
mod detail;
#[path = "metrics/events.rs"]
mod events;
#[path = "metrics/exposition.rs"]
mod exposition;
#[path = "metrics/fleet.rs"]
mod fleet;
#[path = "metrics/promtool.rs"]
mod promtool;
#[path = "report/sample.rs"]
mod sample;
#[path = "support/standing.rs"]
mod standing;
#[path = "metrics/table.rs"]
mod table;
