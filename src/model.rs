//! The words of the domain, as values.
//!
//! Why apart from everything that acts: what a tenant is, what a database says of itself and what a finding
//! claims must mean the same to the probe, the detector, the store and every report. So these types know no
//! async, clock, I/O or serialisation; the edges translate.

pub mod address;
pub mod change;
pub mod finding;
pub mod fingerprint;
pub mod gate;
pub mod grave;
pub mod inventory;
pub mod issue;
pub mod news;
pub mod observation;
pub mod operation;
pub mod policy;
pub mod preflight;
pub mod rehoming;
pub mod relation;
pub mod report;
pub mod stamp;
pub mod tenant;
