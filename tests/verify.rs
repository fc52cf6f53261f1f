//! The program on real clusters, as its users meet it: one configuration, scans over time, words and exit codes.

#[path = "verify/commands.rs"]
mod commands;
#[path = "verify/compose.rs"]
mod compose;
#[path = "verify/life.rs"]
mod life;
#[path = "support/program.rs"]
mod program;
#[path = "verify/registry.rs"]
mod registry;
#[path = "verify/sources.rs"]
mod sources;
