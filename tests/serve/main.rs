//! The daemon as a service manager and an operator meet it: start, scans, reload, stop, and the ways in which it fails.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]
#![expect(clippy::disallowed_methods, reason = "servers that end with their test's runtime")]

#[path = "../support/fake_postgres.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod fake_postgres;
mod life;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod program;
#[path = "../support/running.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod running;
mod store_trouble;
mod strain;
