//! Where each project stands, written by its task and read by whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::Record;
use crate::provider::{Project, ProjectState};

#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<BTreeMap<Box<str>, Entry>>>);

#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// `None` where it cannot be read.
    pub(super) record: Option<Record>,
    pub(super) standing: Standing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// What is waited for, for people.
    Coming(&'static str),
    Ready,
    /// Why, for people.
    Failed(Box<str>),
    Going,
}

impl Board {
    pub(super) fn add(&self, reference: &str, entry: Entry) {
        self.lock().insert(reference.into(), entry);
    }

    pub(super) fn get(&self, reference: &str) -> Option<Entry> {
        self.lock().get(reference).cloned()
    }

    pub(super) fn remove(&self, reference: &str) {
        self.lock().remove(reference);
    }

    /// What is on its way out stays so.
    pub(super) fn stand(&self, reference: &str, standing: Standing) {
        if let Some(entry) = self.lock().get_mut(reference)
            && entry.standing != Standing::Going
        {
            entry.standing = standing;
        }
    }

    pub(super) fn note(&self, reference: &str, record: &Record) {
        if let Some(entry) = self.lock().get_mut(reference) {
            entry.record = Some(record.clone());
        }
    }

    pub(super) fn projects(&self) -> Vec<Project> {
        self.lock().iter().map(|(reference, entry)| project(reference, entry)).collect()
    }

    /// Whose servers may be down just now and will want them again.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.lock().values().filter_map(|it| Some(it.record.as_ref()?.port)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Entry>> {
        // Plain data: a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn project(reference: &str, entry: &Entry) -> Project {
    Project {
        reference: reference.into(),
        name: entry.record.as_ref().map_or(reference, |it| &it.name).into(),
        region: None,
        state: match entry.standing {
            Standing::Coming(_) => ProjectState::Coming,
            Standing::Ready => ProjectState::Active,
            Standing::Failed(_) => ProjectState::Failed,
            Standing::Going => ProjectState::Going,
        },
        created_at: entry.record.as_ref().map(|it| it.created_at),
        branch: false,
    }
}
