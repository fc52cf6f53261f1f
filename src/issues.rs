//! Which issues there should be for what stands now, what each should say, and the next step towards that.
//!
//! Why levels and no events: what should be is compared with what the ledger says that is, again and again. An outage, a
//! restart or a lost answer then loses nothing and repeats nothing; there is no queue that could be out of step.
//!
//! Invariants:
//! - pure: equal findings, entries and options give equal steps;
//! - at most one step at a time for each subject, and each is safe to die after;
//! - what comes from tenants' servers, the registry or people is shown and never obeyed: no mention, no markup, no marker.

pub mod daily;
pub mod label;
pub mod look;
pub mod marker;
pub mod options;
pub mod overview;
pub mod plan;
pub mod preview;
pub mod remark;
pub mod remedy;
pub mod survey;
pub mod text;
pub mod title;
pub mod wanted;
