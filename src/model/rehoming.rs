//! What the move of a tenant into a database of its own would do.

use std::collections::BTreeSet;

use super::operation::Step;
use super::tenant::TenantId;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehoming {
    pub tenant: TenantId,
    /// The old database, without its password.
    pub from: String,
    /// As whom it is read.
    pub role: Box<str>,
    /// The major version there.
    pub server: u32,
    /// Of the programs that copy; `None` where there are none.
    pub programs: Option<u32>,
    /// Where the new database comes from.
    pub provider: &'static str,
    /// Who else is in the old one.
    pub others: BTreeSet<TenantId>,
    pub moved: Vec<Moved>,
    pub extensions: Vec<Box<str>>,
    pub large_objects: u64,
    /// Schemas that are not the application's, each with why.
    pub provider_schemas: Vec<(Box<str>, String)>,
    /// What of the tenant's row leads nowhere afterwards.
    pub dropped: Vec<String>,
    /// Why nothing can begin; one sentence for each.
    pub against: Vec<String>,
}

/// One thing with rows or a value of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub schema: Box<str>,
    pub name: Box<str>,
    pub kind: &'static str,
    pub owner: Box<str>,
    pub bytes: u64,
    /// As the server estimates them; `None` where it does not.
    pub rows: Option<u64>,
}

impl Rehoming {
    pub const STEPS: &'static [Step] = &Step::REHOME;
}
