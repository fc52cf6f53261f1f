//! The daemon as a service manager and an operator meet it: start, scans, reload, stop, and the ways in which it fails.

mod life;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/running.rs"]
mod running;
