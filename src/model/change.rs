//! What was known before this scan: the identity registered for each target, and the changes that people announced.
//!
//! Why beside the fingerprint and not within it: a fingerprint is one look and holds what changes by itself (start,
//! position, address). What must not change unannounced is the smaller part that stands here.

use std::sync::Arc;

use jiff::Timestamp;

use super::fingerprint::Fingerprint;
use super::tenant::{TargetName, TenantId};

/// The identity that a target is expected to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    pub tenant: TenantId,
    pub target: TargetName,
    pub identity: Identity,
    /// When it was taken as the target's own.
    pub since: Timestamp,
}

/// The lasting part of a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub system_identifier: Option<u64>,
    pub database_oid: Option<u32>,
    pub database: Arc<str>,
    pub timeline: Option<u32>,
    pub project_id: Option<Box<str>>,
}

impl Identity {
    pub fn of(fingerprint: &Fingerprint, project_id: Option<&str>) -> Self {
        Self {
            system_identifier: fingerprint.system_identifier,
            database_oid: fingerprint.database_oid,
            database: fingerprint.database.clone(),
            timeline: fingerprint.timeline,
            project_id: project_id.map(Into::into),
        }
    }
}

/// A planned change, announced or accepted by a person. It never covers live sharing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub tenants: Vec<TenantId>,
    pub reason: Box<str>,
    pub ticket: Option<Box<str>>,
    pub by: Arc<str>,
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Change {
    pub fn covers(&self, tenant: &TenantId, now: Timestamp) -> bool {
        self.from <= now && now < self.until && self.tenants.contains(tenant)
    }
}
