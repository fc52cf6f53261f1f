//! Decides from one scan which tenants share what they must not share, and what else is wrong with them.
//!
//! Why a function over a whole scan: sharing is a property of a set of tenants, so no observation can be judged alone.
//!
//! Invariants:
//! - pure: no I/O, no clock; equal scans give equal detections, byte for byte, in whatever order they were observed;
//! - total: a tenant that was not seen is a doubt, not an error;
//! - the narrowest relation tells a pair: tenants in one database are not told again for the server around it.

pub mod lifecycle;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::change::{Baseline, Change};
use crate::model::finding::{Claim, Health};
use crate::model::fingerprint::Digest256;
use crate::model::observation::{Cause, Observation};
use crate::model::policy::Policy;
use crate::model::relation::{StreamLook, Witnessed};
use crate::model::tenant::{Duplicate, TargetRef, Tenant, TenantId};

/// Everything that the detector may look at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// `TargetRef` points into these.
    pub tenants: &'a [Tenant],
    /// In any order. A target without one was not asked for: it raises neither claim nor doubt.
    pub observations: &'a [Observation],
    pub witnessed: &'a [Witnessed],
    pub streams: &'a [StreamLook],
    /// A keyed digest of user and password for each target whose URL carries both; the key lives for one scan.
    pub credentials: &'a [(TargetRef, Digest256)],
    pub duplicates: &'a [Duplicate],
    pub baselines: &'a [Baseline],
    pub changes: &'a [Change],
    /// Tenants whose previous visit succeeded.
    pub answered_before: &'a BTreeSet<TenantId>,
    pub policy: &'a Policy,
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Sorted by severity (worst first), kind and members.
    pub claims: Vec<Claim>,
    /// One for each of the case's tenants, in their order.
    pub tenants: Vec<Judged>,
    /// What the store is to remember as each target's identity from now on: first sightings and accepted changes.
    pub baselines: Vec<Baseline>,
}

/// What is known of one tenant, before the findings' life decides its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Why it cannot be called isolated, in sentences; empty if it was proven apart from every tenant seen.
    pub doubts: Vec<String>,
    pub targets: Vec<Condition>,
}

/// A target's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub health: Health,
    pub cause: Option<Cause>,
}
