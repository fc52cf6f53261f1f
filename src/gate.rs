//! May a deployment go ahead? Decided from how the fleet stands.
//!
//! Why isolation alone: a tenant whose database is down is no reason to hold back the fix for it. Why a full scan for
//! age and coverage: a partial one proves nothing of the tenants that it did not visit.
//!
//! The order: a breach forbids, however old or thin the last scan is, because a known fault is not hidden behind an
//! unknown one. Then whatever is unknown is no permission. A person's override beats both, on record.
//!
//! Invariants:
//! - allowed needs a scan of the whole fleet that began and ended within `max_age`, and enough verified tenants;
//! - an acknowledged finding forbids like an open one, an excepted one does not;
//! - a tenant that is registered and was not in the scan counts as unverified, and so does one of which a later look
//!   knows less;
//! - a finding forbids in every environment in which it has a member. A member that the registry no longer names may
//!   have belonged to any of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::model::finding::{Claim, Finding, State, Verdict};
use crate::model::gate::Override;
use crate::model::policy::Exception;
use crate::model::report::{Coverage, Report, TenantReport};
use crate::model::tenant::TenantId;
use crate::standing::Standing;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateOptions {
    /// Of the last scan of the whole fleet, counted from its start: what it saw first is that old.
    pub max_age: SignedDuration,
    /// Share of the tenants that must have been verified, 0 to 1.
    pub min_coverage: f64,
}

/// Everything that the decision may look at.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub standing: Option<&'a Standing>,
    /// `None` for the whole fleet.
    pub environment: Option<&'a str>,
    pub options: GateOptions,
    /// Of the policy in effect.
    pub exceptions: &'a [Exception],
    /// In any order. The one that was given last counts: a short one takes back a long one.
    pub overrides: &'a [Override],
    pub now: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'a> {
    pub outcome: Outcome<'a>,
    /// `None` before the first scan.
    pub look: Option<Look>,
}

/// What the decision rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The last scan of the whole fleet.
    pub scan: Box<str>,
    pub age: SignedDuration,
    /// Of the environment that was asked about.
    pub coverage: Coverage,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    Allowed,
    /// Allowed in spite of the refusal.
    Overridden(&'a Override, Refusal<'a>),
    Refused(Refusal<'a>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Refusal<'a> {
    /// Isolation is broken. Worst first, never empty.
    Forbidden(Vec<&'a Finding>),
    Unknown(Unknown),
}

/// Why nobody can say.
#[derive(Clone, Debug, PartialEq)]
pub enum Unknown {
    NoScan,
    /// No registered tenant is of this environment: a misspelt one must not pass for a clean one.
    UnknownEnvironment {
        known: BTreeSet<Arc<str>>,
    },
    /// The scan ended in the future: the clock was set back, so its age is anybody's guess.
    FromTheFuture {
        by: SignedDuration,
    },
    TooOld {
        age: SignedDuration,
        max_age: SignedDuration,
    },
    TooLittle {
        coverage: Coverage,
        min_coverage: f64,
    },
    /// All that was counted is verified, but the registry could not be read whole, and all of it is asked for.
    RegistryNotWhole,
}

impl<'a> Decision<'a> {
    pub const fn allows(&self) -> bool {
        matches!(self.outcome, Outcome::Allowed | Outcome::Overridden(..))
    }

    /// What stands against it, overridden or not.
    pub const fn refusal(&self) -> Option<&Refusal<'a>> {
        match &self.outcome {
            Outcome::Allowed => None,
            Outcome::Overridden(_, refusal) | Outcome::Refused(refusal) => Some(refusal),
        }
    }
}

pub fn judge<'a>(question: &Question<'a>) -> Decision<'a> {
    let look = question.standing.map(|it| look(question, it));
    let refusal = match (question.standing, &look) {
        (Some(standing), Some(look)) => refusal(question, standing, look),
        _ => Some(Refusal::Unknown(Unknown::NoScan)),
    };
    let outcome = match (refusal, overriding(question)) {
        (None, _) => Outcome::Allowed,
        (Some(refusal), Some(given)) => Outcome::Overridden(given, refusal),
        (Some(refusal), None) => Outcome::Refused(refusal),
    };
    Decision { outcome, look }
}

fn overriding<'a>(question: &Question<'a>) -> Option<&'a Override> {
    let given = question.overrides.iter().filter(|it| it.at <= question.now);
    given.max_by_key(|it| (it.at, it.until)).filter(|it| it.holds(question.now))
}

fn look(question: &Question<'_>, standing: &Standing) -> Look {
    let full = &standing.full;
    let began = full.started_at.min(full.finished_at);
    let asked = asked(question, standing);
    let clouded = clouded(question, standing);
    let verified = asked.iter().filter(|id| {
        let sure = |report: &Report| report_of(report, id).is_some_and(is_verified);
        sure(&standing.full) && sure(&standing.now) && !clouded.contains(*id)
    });
    Look {
        scan: full.id.clone(),
        age: question.now.duration_since(began),
        coverage: Coverage { verified: verified.count(), tenants: asked.len() },
    }
}

fn refusal<'a>(
    question: &Question<'_>,
    standing: &'a Standing,
    look: &Look,
) -> Option<Refusal<'a>> {
    let unknown = |it| Some(Refusal::Unknown(it));
    let GateOptions { max_age, min_coverage } = question.options;
    if question.environment.is_some() && look.coverage.tenants == 0 {
        let known = standing.tenants.iter().map(|it| Arc::clone(&it.environment)).collect();
        return unknown(Unknown::UnknownEnvironment { known });
    }
    let forbidding = forbidding(question, standing);
    if !forbidding.is_empty() {
        return Some(Refusal::Forbidden(forbidding));
    }
    let full = &standing.full;
    let ahead = full.started_at.max(full.finished_at).duration_since(question.now);
    if ahead.is_positive() {
        return unknown(Unknown::FromTheFuture { by: ahead });
    }
    if max_age < look.age {
        return unknown(Unknown::TooOld { age: look.age, max_age });
    }
    if !look.coverage.meets(min_coverage) {
        return unknown(Unknown::TooLittle { coverage: look.coverage, min_coverage });
    }
    // Rows that the registry could not tell make the fleet larger than was counted.
    if 1.0 <= min_coverage && !full.warnings.is_empty() {
        return unknown(Unknown::RegistryNotWhole);
    }
    None
}

/// The tenants that have to be verified. Of the whole fleet, those of the scan too: the registry may have been out of
/// reach when it was read last.
fn asked<'a>(question: &Question<'_>, standing: &'a Standing) -> BTreeSet<&'a TenantId> {
    let registered = standing.tenants.iter();
    match question.environment {
        Some(environment) => {
            registered.filter(|it| &*it.environment == environment).map(|it| &it.id).collect()
        }
        None => registered
            .map(|it| &it.id)
            .chain(standing.full.tenants.iter().map(|it| &it.id))
            .collect(),
    }
}

fn report_of<'a>(report: &'a Report, id: &TenantId) -> Option<&'a TenantReport> {
    let place = report.tenants.binary_search_by(|it| it.id.cmp(id)).ok()?;
    report.tenants.get(place)
}

fn is_verified(tenant: &TenantReport) -> bool {
    tenant.isolation != Verdict::Unverified
}

/// Members of findings that leave open whose database it is.
fn clouded<'a>(question: &Question<'_>, standing: &'a Standing) -> BTreeSet<&'a TenantId> {
    let findings = standing.now.findings.iter().filter(|it| {
        it.state != State::Resolved && it.claim.kind.clouds() && !excepted(question, &it.claim)
    });
    findings.flat_map(|it| &it.claim.tenants).collect()
}

/// In the order in which findings stand: worst first.
fn forbidding<'a>(question: &Question<'_>, standing: &'a Standing) -> Vec<&'a Finding> {
    let breaches = standing.now.findings.iter().filter(|it| {
        it.breaches() && !excepted(question, &it.claim) && concerns(question, standing, &it.claim)
    });
    breaches.collect()
}

fn excepted(question: &Question<'_>, claim: &Claim) -> bool {
    question.exceptions.iter().any(|it| it.covers(claim.kind, claim.tenants.iter(), question.now))
}

fn concerns(question: &Question<'_>, standing: &Standing, claim: &Claim) -> bool {
    let Some(environment) = question.environment else { return true };
    let may_belong = |id: &TenantId| {
        // Several where the registry contradicts itself.
        let first = standing.tenants.partition_point(|it| it.id < *id);
        let mut rows = standing.tenants[first..].iter().take_while(|it| it.id == *id).peekable();
        rows.peek().is_none() || rows.any(|it| &*it.environment == environment)
    };
    claim.tenants.is_empty() || claim.tenants.iter().any(may_belong)
}
