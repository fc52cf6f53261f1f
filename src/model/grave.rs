//! The databases of tenants that left: what is kept of each, and what a look at it found.
//!
//! Why apart from the fleet's observations: whoever left is no tenant any more. It has no verdict, shares with nobody, and
//! is asked one thing: whether its database still answers.

use std::sync::Arc;

use jiff::Timestamp;

use super::address::Address;
use super::change::Identity;
use super::observation::Outcome;
use super::operation::OperationId;
use super::tenant::{TargetName, TenantId};

/// One look at one of its databases. What was not visited has one too: `NotTried`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraveLook {
    pub tenant: TenantId,
    /// The one that took the tenant away.
    pub operation: OperationId,
    pub left_at: Timestamp,
    pub target: TargetName,
    pub address: Arc<Address>,
    /// What the database showed of itself while the tenant was there, where that is known.
    pub known: Option<Identity>,
    pub outcome: Outcome,
}
