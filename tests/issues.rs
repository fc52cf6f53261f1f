//! What issues say, of every kind of finding, and that nothing in a name is ever obeyed.
//!
//! Why whole texts: an issue is read by a person at night, and only a person can tell whether it reads well. A change of
//! wording shows here as a change of these files.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "issues/claims.rs"]
mod claims;
#[path = "issues/hostile.rs"]
mod hostile;
#[path = "issues/planning.rs"]
mod planning;
#[path = "issues/surveying.rs"]
mod surveying;
#[path = "issues/texts.rs"]
mod texts;
