//! Tenants made and taken away by the real program, each with a real cluster of its own.
//!
//! What a provider far away can do to an operation is rehearsed elsewhere; here it is the operation itself that is met as
//! its users meet it: by the API, by the shell, with a setup that fails, hangs or dies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so")]

#[path = "provision/backed_up.rs"]
mod backed_up;
#[path = "provision/brought.rs"]
mod brought;
#[path = "provision/commands.rs"]
mod commands;
#[path = "provision/left.rs"]
mod left;
#[path = "provision/made.rs"]
mod made;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/program.rs"]
mod program;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/running.rs"]
mod running;
#[path = "provision/site.rs"]
mod site;
#[path = "provision/turned_back.rs"]
mod turned_back;
