//! Long rehearsals of the running daemon: a day's worth of scans at a stretch, and a thousand ends by `kill -9`.
//!
//! `tests/soak` runs the full form, `tests/run` a shorter one; both print the seed of a run that failed, and
//! `WATERTIGHT_SOAK_SEED` starts it again.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "../benches/fleet/answer.rs"]
mod answer;
#[path = "../support/fake_postgres.rs"]
mod fake_postgres;
mod faults;
#[path = "../support/form.rs"]
mod form;
mod killed;
mod ledger;
mod level;
mod life;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod program;
#[path = "../support/running.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod running;
mod steady;
mod town;
mod truth;
