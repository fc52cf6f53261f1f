//! Supabase as a provider, against a fake that remembers and whose projects are real clusters: what it makes, what it says
//! of what went wrong, and what it never does.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/fake_supabase.rs"]
mod fake_supabase;
#[path = "support/prism.rs"]
mod prism;

#[path = "supabase/creation.rs"]
mod creation;
#[path = "supabase/hostile.rs"]
mod hostile;
#[path = "supabase/life.rs"]
mod life;
#[path = "supabase/lists.rs"]
mod lists;
#[path = "supabase/pace.rs"]
mod pace;
#[path = "supabase/stage.rs"]
mod stage;
