//! The daemon as a service manager and an operator meet it: start, scans, reload, stop, and the ways in which it fails.

#[path = "../support/fake_postgres.rs"]
mod fake_postgres;
mod life;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/running.rs"]
mod running;
mod store_trouble;
mod strain;
