//! Issues on GitHub, against a fake that remembers: the whole life of a finding's issue, what people do to it, and a
//! process that is killed at any moment while answers are lost, doubled and late.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/fake_github.rs"]
mod fake_github;
#[expect(dead_code, reason = "not every test draws a seed of its own")]
#[path = "support/form.rs"]
mod form;
#[path = "support/prism.rs"]
mod prism;
#[path = "support/seeds.rs"]
mod seeds;

#[path = "github/app.rs"]
mod app;
#[path = "github/daily.rs"]
mod daily;
#[path = "github/document.rs"]
mod document;
#[path = "github/killed.rs"]
mod killed;
#[path = "github/life.rs"]
mod life;
#[path = "github/people.rs"]
mod people;
#[path = "github/rehearsal.rs"]
mod rehearsal;
#[path = "github/stage.rs"]
mod stage;
#[path = "github/truth.rs"]
mod truth;
