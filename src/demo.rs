//! A fleet of throwaway clusters with known faults, so that a newcomer sees the truth told before pointing the
//! program at anything of their own.
//!
//! Why real servers and named faults: a picture of what would be said convinces nobody. Each tenant comes with one
//! line on how it was built, so that the report can be judged without trusting us.
//!
//! Invariants:
//! - no fault is hidden: whatever could not be built here is said in `left_out`;
//! - dropping the fleet, or the end of this process in whatever way, ends every server and removes every file.

pub mod fleet;

use crate::local::LocalError;
use crate::local::cluster::Cluster;
use crate::local::ground::Ground;
use crate::local::pooler::Pooler;
use crate::secret::Secret;

/// The running fleet. Dropping it ends it.
#[derive(Debug)]
pub struct Fleet {
    /// What a registry would say of it.
    pub rows: Vec<Row>,
    /// How it was built, and so what a report must say. In the order of a story, not of ids.
    pub explanations: Vec<Explanation>,
    /// What could not be built on this machine, in sentences.
    pub left_out: Vec<String>,
    // What the fields below stand for is only to live as long as the fleet. Servers end before their ground goes.
    _clusters: Vec<Cluster>,
    _poolers: Vec<Pooler>,
    _ground: Ground,
}

/// A tenant as a registry knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub subdomain: String,
    pub database_url: Secret,
}

/// One line on some tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub tenants: Vec<String>,
    /// A sentence without an end stop, after the names.
    pub why: String,
}

impl Explanation {
    pub fn line(&self) -> String {
        format!("{}: {}", self.tenants.join(", "), self.why)
    }
}

/// Starts the fleet; `progress` is told in a few words what is being done. Takes about ten seconds on two cores.
///
/// # Errors
/// When PostgreSQL's server programs are missing or a server does not start; everything begun is then cleared away.
pub async fn start(progress: &(dyn Fn(&str) + Sync)) -> Result<Fleet, LocalError> {
    fleet::build(progress).await
}
