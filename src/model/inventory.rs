//! What stands at a provider, beside what the store said of it at that time.
//!
//! Why a value of its own: a provider is read beside the scans, and whatever a scan concludes from it must hold although
//! the reading is some minutes old.
//!
//! Invariants:
//! - it is whole: where one page or the store could not be read, there is none;
//! - a project is absent only if a tenant named it before the reading began, and the provider, asked for it alone, had
//!   none: a list that lags behind proves nothing;
//! - what the store knows was read after the list: who made what is on the list is known.

pub mod unowned;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::address::{Address, Provider};
use super::operation::OperationId;
use super::policy::Pattern;
use super::tenant::{Tenant, TenantId};

/// What a scan is given of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stock {
    /// No provider is asked, or it has not answered yet.
    #[default]
    Nothing,
    /// It could not be read; why, for people.
    Unread(Box<str>),
    Read(Arc<Inventory>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// As in `supabase`.
    pub provider: Box<str>,
    /// When the reading began.
    pub began_at: Timestamp,
    /// Of all pages, by reference.
    pub projects: Vec<Listed>,
    /// Named by a tenant, and nowhere at the provider.
    pub absent: BTreeSet<Box<str>>,
    /// Named by a tenant, on no list, and there: another organisation's, or too new.
    pub elsewhere: BTreeSet<Box<str>>,
    /// What operations of this store were given and is not gone, as far as they know; by reference.
    pub made: Vec<Made>,
    /// Operations that run or are stuck: what is theirs, they answer for.
    pub busy: BTreeSet<OperationId>,
    /// Whom they make or take away.
    pub moving: BTreeSet<TenantId>,
    pub ignored: Vec<Ignored>,
}

/// A project on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub reference: Box<str>,
    /// What whoever made it called it: any text.
    pub name: Box<str>,
    pub condition: Condition,
    /// `None` where the provider does not say.
    pub created_at: Option<Timestamp>,
    /// Its creation, or where that is not known, when it was first on a list of ours.
    pub since: Timestamp,
    /// It belongs to its parent's tenant.
    pub branch: bool,
}

/// As far as it matters to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Up, or on its way, or in a state that says nothing.
    Standing,
    /// It serves nobody until a person wakes it.
    Paused,
    /// On its way out.
    Going,
}

/// What an operation of this store was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub reference: Box<str>,
    pub operation: OperationId,
    pub tenant: TenantId,
}

/// A project that is no tenant's and need not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Of its name or its reference.
    pub project: Pattern,
    pub reason: Box<str>,
    /// The first moment at which it no longer holds.
    pub until: Option<Timestamp>,
}

impl Ignored {
    pub fn covers(&self, project: &Listed, now: Timestamp) -> bool {
        self.until.is_none_or(|it| now < it)
            && (self.project.fits(&project.name) || self.project.fits(&project.reference))
    }
}

impl Inventory {
    /// With both lists in order.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.projects.sort_by(|one, other| one.reference.cmp(&other.reference));
        self.made.sort_by(|one, other| {
            (&one.reference, &one.operation).cmp(&(&other.reference, &other.operation))
        });
        self
    }

    pub fn listed(&self, reference: &str) -> Option<&Listed> {
        let place = self.projects.binary_search_by(|it| (*it.reference).cmp(reference)).ok()?;
        self.projects.get(place)
    }

    /// Every operation that was given the project: more than one, where the provider gave it twice.
    pub fn made(&self, reference: &str) -> &[Made] {
        let from = self.made.partition_point(|it| &*it.reference < reference);
        let to = self.made.partition_point(|it| &*it.reference <= reference);
        &self.made[from..to]
    }

    /// The projects of this provider that the address names. Only a provider's own host says for certain whose a name
    /// is; of a row that names its project apart, the shape of the name or the store does.
    pub fn named_by<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = &'a str> {
        let names = address.projects.iter().map(|it| &*it.id);
        names.filter(|it| match address.provider {
            Provider::Other => is_reference(&self.provider, it) || !self.made(it).is_empty(),
            provider => provider.label() == &*self.provider,
        })
    }

    /// Whether the provider has it, on its list or apart from it.
    pub fn has(&self, reference: &str) -> bool {
        self.elsewhere.contains(reference)
            || self.listed(reference).is_some_and(|it| it.condition != Condition::Going)
    }
}

/// Whether the text can only be a project of this provider.
fn is_reference(provider: &str, text: &str) -> bool {
    provider == Provider::Supabase.label()
        && text.len() == 20
        && text.bytes().all(|it| it.is_ascii_lowercase())
}

/// Every project that any row of the registry names.
pub fn named(tenants: &[Tenant]) -> BTreeSet<&str> {
    let targets = tenants.iter().flat_map(|it| &it.targets);
    targets.flat_map(|it| &it.address.projects).map(|it| &*it.id).collect()
}
