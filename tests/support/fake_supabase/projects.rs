//! One project: what was asked for, what becomes of it, and what it is at a moment.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;
use watertight::local::cluster::Cluster;

use super::stock::Role;
use super::world::Times;

#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) reference: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) password: String,
    pub(crate) created_at: Timestamp,
    pub(crate) born: Instant,
    pub(crate) fate: Fate,
    pub(crate) branch: bool,
    /// When its deletion was asked for.
    pub(crate) deleted: Option<Instant>,
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// When it came to stand on its cluster.
    pub(crate) up: Option<Instant>,
    /// How often its health was asked for.
    pub(crate) looks: usize,
}

/// What becomes of a project that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    #[default]
    Well,
    /// `COMING_UP`, for ever.
    NeverUp,
    /// This status, for ever.
    Status(&'static str),
    /// It comes up, and its health is bad at every second look.
    Flapping,
    /// Its pooler is never heard of.
    NoPooler,
    /// It comes up, and its pooler's host is said to be this one. It has no database: nobody is to look.
    Host(&'static str),
    /// It comes up, and the user that its pooler names is another project's. It has no database either.
    OtherUser,
    /// It comes up on the database of the project with this reference.
    InUse(String),
}

/// What a project is put on.
pub(super) enum Base {
    /// A cluster that nobody had.
    New(Role),
    /// That of another project, beside it.
    Of(Role, Arc<Cluster>),
    /// Nothing, since nobody is to come there.
    Nowhere,
}

impl Project {
    pub(crate) fn user(&self) -> String {
        format!("postgres.{}", self.reference)
    }

    pub(super) fn role(&self, beside: Option<&Self>) -> Role {
        let beside = beside.map(Self::user);
        Role { name: self.user(), password: self.password.clone(), beside }
    }

    /// Whether it has left every list.
    pub(crate) fn is_removed(&self, times: &Times) -> bool {
        self.deleted.is_some_and(|it| times.going_down <= it.elapsed())
    }

    pub(crate) fn comes_up(&self) -> bool {
        !matches!(self.fate, Fate::NeverUp | Fate::Status(_)) && self.deleted.is_none()
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.deleted.is_some() {
            return "GOING_DOWN";
        }
        match (&self.fate, self.up) {
            (Fate::Status(status), _) => status,
            (Fate::NeverUp, _) | (_, None) => "COMING_UP",
            (_, Some(_)) => "ACTIVE_HEALTHY",
        }
    }

    /// Whether its pooler has heard of it.
    pub(crate) fn is_pooled(&self, times: &Times) -> bool {
        self.deleted.is_none()
            && self.fate != Fate::NoPooler
            && self.up.is_some_and(|it| times.pooler <= it.elapsed())
    }
}
