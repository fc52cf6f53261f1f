//! One visit to one target.

pub mod cause;
pub mod guard;
pub mod patience;
pub mod progress;
