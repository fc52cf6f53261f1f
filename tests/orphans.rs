//! What stands at a provider without a tenant, and tenants whose projects are gone, by the real program: against a fake
//! Supabase that remembers, and against clusters of this machine.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/fake_supabase.rs"]
mod fake_supabase;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/program.rs"]
mod program;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/running.rs"]
mod running;

#[path = "orphans/commands.rs"]
mod commands;
#[path = "orphans/here.rs"]
mod here;
#[path = "orphans/organization.rs"]
mod organization;
#[path = "orphans/scans.rs"]
mod scans;
