//! The program on real clusters, as its users meet it: one configuration, scans over time, words and exit codes.

#[path = "benches/fleet/answer.rs"]
mod answer;
#[path = "verify/commands.rs"]
mod commands;
#[path = "verify/compose.rs"]
mod compose;
#[expect(dead_code, reason = "its distance and its addresses are for others")]
#[path = "support/fake_postgres.rs"]
mod fake_postgres;
#[path = "verify/life.rs"]
mod life;
#[path = "verify/onboarding.rs"]
mod onboarding;
#[path = "support/program.rs"]
mod program;
#[path = "verify/registry.rs"]
mod registry;
#[path = "verify/sources.rs"]
mod sources;
