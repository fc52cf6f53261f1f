//! Tenants made and taken away while everything goes wrong at once: a Supabase that forgets, doubles and lies, setups that
//! fail, people who change their minds, and a daemon that is killed at any moment.
//!
//! Why from outside: what is left of an operation is asked of the provider's own world, of the store past the daemon, and
//! of the databases by a witness of the test's own. What the program says of itself proves nothing here.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/fake_supabase.rs"]
mod fake_supabase;
#[expect(dead_code, reason = "not every test draws a seed of its own")]
#[path = "support/form.rs"]
mod form;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/program.rs"]
mod program;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/running.rs"]
mod running;
#[path = "support/seeds.rs"]
mod seeds;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "provision/site.rs"]
mod site;

#[path = "provisioning/chance.rs"]
mod chance;
#[path = "provisioning/entries.rs"]
mod entries;
#[path = "provisioning/judge.rs"]
mod judge;
#[path = "provisioning/life.rs"]
mod life;
#[path = "provisioning/planted.rs"]
mod planted;
#[path = "provisioning/rehearsal.rs"]
mod rehearsal;
#[path = "provisioning/stage.rs"]
mod stage;
#[path = "provisioning/witness.rs"]
mod witness;
