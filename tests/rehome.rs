//! Tenants that share one database, moved apart by the real program: every kind of object, real clusters, and a daemon that
//! is killed on the way.
//!
//! How much is moved is `WATERTIGHT_REHOME_MEGABYTES` (2).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so")]

#[path = "rehome/killed.rs"]
mod killed;
#[path = "rehome/moved.rs"]
mod moved;
#[path = "rehome/pair.rs"]
mod pair;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/program.rs"]
mod program;
#[path = "rehome/refused.rs"]
mod refused;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/running.rs"]
mod running;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "provision/site.rs"]
mod site;
