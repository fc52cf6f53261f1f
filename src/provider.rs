//! Where databases come from: a project is made, looked up, waited for, and made absent.
//!
//! Why a trait: there are three real providers (Supabase's Management API, a database on a server of one's own, a cluster
//! on this machine), and what is built on them must hold for each. `tests/provider.rs` is the contract, run against all.
//!
//! Why no call repeats itself: a creation whose answer was lost may have happened. Only who knows the operation can look
//! it up by its name and adopt it, so a provider says truthfully what it knows and never tries a write twice.
//!
//! Invariants:
//! - `create` is given a name that no other operation ever uses: the name is what makes a lost answer findable;
//! - `delete` means "ensure absent": of what is not there it is done;
//! - no error, no `Debug` and no log holds a password, a token or a URL.

pub mod local;
pub mod postgres;
pub mod supabase;
mod verifier;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::secret::Secret;

/// What a provider answers, at some time.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

pub trait Provider: Send + Sync + fmt::Debug {
    fn kind(&self) -> ProviderKind;

    /// All projects that our credentials see, of all pages.
    fn inventory(&self) -> Answer<'_, Vec<Project>>;

    /// `None` where there is none of that reference, or it is being deleted.
    fn project<'a>(&'a self, reference: &'a str) -> Answer<'a, Option<Project>>;

    /// Every project of exactly that name. A provider's lists may lag behind its writes: none here is no proof that
    /// there will be none.
    fn named<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Project>>;

    /// Whether new projects can be made where the options say; `Err` where it could not be asked.
    fn region(&self) -> Answer<'_, Region>;

    /// Makes a project, once. Its database need not be there yet.
    fn create<'a>(&'a self, wanted: &'a NewProject) -> Answer<'a, Project>;

    /// How far a project is on its way to a database that can be used, its pooler included.
    fn readiness<'a>(&'a self, reference: &'a str) -> Answer<'a, Readiness>;

    /// The connection URL for the application, with the password in it, once the project is ready.
    fn url<'a>(&'a self, reference: &'a str, password: &'a Secret) -> Answer<'a, Secret>;

    /// Ensures that the project is not there. It may still be listed for a while as going down.
    fn delete<'a>(&'a self, reference: &'a str) -> Answer<'a, ()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProviderKind {
    Supabase,
    Postgres,
    Local,
}

impl ProviderKind {
    pub const ALL: [Self; 3] = [Self::Supabase, Self::Postgres, Self::Local];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Supabase => "supabase",
            Self::Postgres => "postgres",
            Self::Local => "local",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// A project as its provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The provider's own name for it, never used again for another.
    pub reference: Box<str>,
    /// What whoever made it called it. Not unique.
    pub name: Box<str>,
    pub region: Option<Box<str>>,
    pub state: ProjectState,
    /// `None` where the provider does not say.
    pub created_at: Option<Timestamp>,
    /// Whether it is a branch of another project: it belongs to its parent's tenant.
    pub branch: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectState {
    /// On its way up, or busy with something that ends.
    Coming,
    Active,
    /// It serves nobody until a person wakes it.
    Paused,
    /// On its way out.
    Going,
    /// It will not come up by itself.
    Failed,
    /// A word that this program does not know.
    Other(Box<str>),
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// 1 to 63 characters of a-z, 0-9 and `-`, and nobody else's.
    pub name: Box<str>,
    /// Of the database's application role: letters and digits.
    pub password: Secret,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// Not yet; what is waited for, for people.
    Coming(Box<str>),
    /// It will not become ready by waiting; why, for people.
    Failed(Box<str>),
    /// There is no such project.
    Absent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// This provider has none.
    None,
    Available(Box<str>),
    /// With those that there are.
    Unknown {
        wanted: Box<str>,
        offered: Vec<Box<str>>,
    },
}

/// How a call fails, in the words that decide what is done next.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It said no, and will say no again until a person has changed something. Nothing was done.
    #[error("{operation}: the provider refuses it ({}): {told}", .refusal.label())]
    Refused { operation: &'static str, refusal: Refusal, told: Box<str> },
    /// Not now. Nothing was done.
    #[error("{operation}: the provider asks us to wait{}", wait(*.after))]
    Busy { operation: &'static str, after: Option<Duration> },
    /// Nothing was done, or nothing that a second call would not do too.
    #[error("{operation}: the provider cannot be reached")]
    Unreachable { operation: &'static str, source: Trouble },
    /// A write that may have been done or not, now or a little later.
    #[error("{operation}: nobody knows whether the provider did it")]
    Unknown { operation: &'static str, source: Trouble },
    /// It names a place for the database that it must not lie at, and will name it again.
    #[error("{operation}: the provider leads elsewhere: {told}")]
    Untrusted { operation: &'static str, told: Box<str> },
    /// An answer that says nothing we understand, to a read.
    #[error("{operation}: the provider's answer cannot be read: {told}")]
    Unreadable { operation: &'static str, told: Box<str> },
}

/// What lies below, without a secret in it.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Why it will say no again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No more projects than there are.
    Quota,
    /// The credentials are wrong, or lack a permission.
    Denied,
    /// The plan or the bill stands against it.
    Plan,
    /// What was sent is not taken.
    Invalid,
}

impl Refusal {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Denied => "denied",
            Self::Plan => "plan",
            Self::Invalid => "invalid",
        }
    }
}

impl ProviderError {
    /// Whether the same call may go better later.
    pub const fn passes(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Untrusted { .. })
    }

    /// Before which another call is in vain.
    pub const fn after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => *after,
            _ => None,
        }
    }
}

fn wait(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |it| format!(" {} s", it.as_secs().max(1)))
}
