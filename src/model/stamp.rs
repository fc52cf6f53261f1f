//! A stamp: what was written into a tenant's database, and what a look makes of what stands there.
//!
//! Why a stamp at all: a dump that is restored under another tenant has a new identifier, a new oid and a new server. Only
//! what was written into the database goes along.
//!
//! Why verdicts are values of the core: whether a text is a stamp of ours is decided with a key, and the core has none.
//! It is told what each look bears, and concludes who is to be warned.
//!
//! Invariant: what was not looked at has no verdict: a stamp is missing only where somebody looked and it was not there.

use jiff::Timestamp;

use super::tenant::{TargetName, TargetRef, TenantId};

/// The name under which a finding's evidence says whose stamp a database bears. Only where its signature proves it.
pub const STAMPED_FOR: &str = "stamped_for";

/// What a stamp says, of whom and of which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub tenant: TenantId,
    /// The provider's project, where the tenant's URL names one; as `plain_project` writes it.
    pub project: Option<Box<str>>,
    pub system_identifier: Option<u64>,
    pub database_oid: Option<u32>,
    /// Drawn anew for each: an older stamp of the same database is told by it.
    pub nonce: Box<str>,
    pub at: Timestamp,
}

/// The longest project that a stamp says, in characters.
const LONGEST_PROJECT: usize = 100;

/// A project in the letters that need no quoting anywhere. Providers use no others.
pub fn plain_project(project: &str) -> Box<str> {
    let plain = |it: char| if it.is_ascii_alphanumeric() || "._-".contains(it) { it } else { '_' };
    project.chars().take(LONGEST_PROJECT).map(plain).collect::<String>().into()
}

/// What the store knows of the stamp in one of a tenant's databases. Texts, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    pub tenant: TenantId,
    /// Never an endpoint: that leads to one of the tenant's databases.
    pub target: TargetName,
    /// Written, or met there at first sight.
    pub current: Option<Box<str>>,
    /// On its way there: drawn and not yet known to be written.
    pub next: Option<Box<str>>,
}

/// A stamp that a look found to be the tenant's own: the store is to expect it from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenStamp {
    pub tenant: TenantId,
    pub target: TargetName,
    pub text: Box<str>,
}

/// Whether the store knows that the database was stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Stamp,
    Nothing,
}

/// What the look at one target says of its stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampLook {
    pub target: TargetRef,
    pub expected: Expected,
    pub verdict: StampVerdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StampVerdict {
    /// The tenant's, of this database, and the latest.
    Own,
    /// Signed by us for another tenant.
    Foreign(TenantId),
    /// Signed by us for another database of this tenant.
    Moved,
    /// Signed by us for this database, and another was written since.
    Replaced,
    /// Signed with none of our keys.
    Unsigned,
    Absent,
    /// The role may not read it.
    Withheld,
    /// There is no key to verify it with.
    Unverifiable,
}

impl StampVerdict {
    /// Why it is not the stamp that ought to be there, for people; `None` where it is, or nobody can say.
    pub const fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Own | Self::Withheld | Self::Unverifiable => None,
            Self::Foreign(_) => Some("another tenant's stamp stands there"),
            Self::Moved => Some("its stamp was written for another database"),
            Self::Replaced => Some("an older stamp stands there again"),
            Self::Unsigned => Some("what stands there is signed with none of our keys"),
            Self::Absent => Some("no stamp stands there"),
        }
    }
}
