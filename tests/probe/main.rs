//! One visit, against real PostgreSQL, real PgBouncer, and servers that misbehave.
//!
//! Why real ones: what a server says at which stage is the very thing under test. Every visit stands under a deadline
//! of its own, longer than the prober's, so that a visit that never ends is a failing test and not a hanging one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod certificates;
mod cluster;
mod hostile;
mod pools;
mod servers;
mod tls;
mod visitor;
