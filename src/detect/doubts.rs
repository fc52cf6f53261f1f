//! Why a tenant cannot be called isolated, in sentences for a person.
//!
//! Why sentences from sets: a role that may not take locks leaves a whole group undecided, and five hundred
//! sentences in each of five hundred tenants would hide the one that matters.
//!
//! Invariants:
//! - each side of an undecided pair has a sentence that names the other, or counts it;
//! - a tenant that was not reached is a doubt of its own, not of its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::servers::{Huddle, Why};
use super::wording::names;
use crate::model::observation::Outcome;
use crate::model::relation::Doubt;
use crate::model::tenant::TenantId;

/// By tenant; sorted and without repetition.
pub(super) struct Doubts(BTreeMap<u32, BTreeSet<String>>);

impl Doubts {
    pub(super) fn of(index: &Index<'_>, huddles: &[Huddle]) -> Self {
        let mut doubts = Self(BTreeMap::new());
        for (target, outcome) in &index.observed {
            let name = match target.target {
                0 => "it".to_owned(),
                _ => index.row(*target).name.to_string(),
            };
            match outcome {
                Outcome::Seen(_) => (),
                Outcome::Failed(failure) => doubts.add(
                    target.tenant,
                    format!("{name} was not reached: {}", failure.cause.label()),
                ),
                Outcome::NotTried(reason) => {
                    doubts.add(target.tenant, format!("{name} was not visited: {}", reason.text()));
                }
            }
        }
        for huddle in huddles {
            doubts.tell(index, huddle);
        }
        doubts
    }

    pub(super) fn add(&mut self, tenant: u32, sentence: String) {
        self.0.entry(tenant).or_default().insert(sentence);
    }

    pub(super) fn take(&mut self, tenant: u32) -> Vec<String> {
        self.0.remove(&tenant).unwrap_or_default().into_iter().collect()
    }

    pub(super) fn any(&self, tenant: u32) -> bool {
        self.0.contains_key(&tenant)
    }

    fn tell(&mut self, index: &Index<'_>, huddle: &Huddle) {
        let Huddle { ones, others, reason } = huddle;
        self.side(index, ones, others, *reason);
        // Where the ones are among the others, the first side has said it all for them.
        let said = ones.is_subset(others);
        let rest: BTreeSet<u32> =
            others.iter().filter(|it| !said || !ones.contains(it)).copied().collect();
        let reason = match reason {
            Why::Blind(Doubt::NotTried) => Why::Pair(Doubt::NotTried),
            Why::Blind(doubt) => Why::Partner(*doubt),
            other => *other,
        };
        self.side(index, &rest, ones, reason);
    }

    fn side(
        &mut self,
        index: &Index<'_>,
        tenants: &BTreeSet<u32>,
        partners: &BTreeSet<u32>,
        reason: Why,
    ) {
        let mut sorted: Vec<(&TenantId, u32)> =
            partners.iter().map(|it| (index.id(*it), *it)).collect();
        sorted.sort_unstable();
        for tenant in tenants {
            let others = partners.len() - usize::from(partners.contains(tenant));
            if others != 0 {
                let named = sorted.iter().filter(|it| it.1 != *tenant).map(|it| it.0);
                self.add(*tenant, sentence(reason, &names(others, named)));
            }
        }
    }
}

fn sentence(reason: Why, named: &str) -> String {
    match reason {
        Why::Partner(doubt) => format!(
            "it cannot be told apart from {named}, whose second look failed: {}",
            doubt.text()
        ),
        Why::Blind(doubt) | Why::Pair(doubt) => {
            format!("it cannot be told apart from {named}: {}", doubt.text())
        }
        Why::Stream => format!(
            "it may read the same live data as {named} by replication: they share a system identifier, at least one is a standby, and who feeds it could not be told"
        ),
    }
}
