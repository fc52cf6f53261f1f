//! How claims are worded, so that all of them name tenants and targets alike.
//!
//! Why lists are cut: a family of five hundred copies is one line for a person, and its evidence must stay small
//! enough for an issue and a terminal.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::index::Index;
use crate::model::finding::Fact;
use crate::model::tenant::TenantId;

/// Names written out before the rest is counted.
const NAMED: usize = 5;

/// Targets described in the evidence of one claim.
const DESCRIBED: usize = 50;

/// `a`, `a and b`, `a, b, c, d, e and 7 more`. The first are the smallest in the order given.
pub(super) fn names<'a>(count: usize, ids: impl Iterator<Item = &'a TenantId>) -> String {
    let mut named: Vec<&str> = ids.take(NAMED).map(TenantId::as_str).collect();
    if named.len() < count {
        return format!("{} and {} more", named.join(", "), count - named.len());
    }
    match named.pop() {
        Some(last) if !named.is_empty() => format!("{} and {last}", named.join(", ")),
        Some(only) => only.to_owned(),
        None => "no tenant".to_owned(),
    }
}

/// The members of a claim, by name.
pub(super) fn named(tenants: &BTreeSet<TenantId>) -> String {
    names(tenants.len(), tenants.iter())
}

/// How to look at the members of a claim. More than two are compared by eye no better than two.
pub(super) fn checks(tenants: &BTreeSet<TenantId>) -> String {
    let checks = tenants.iter().take(2).map(|it| format!("`watertight check {it}`"));
    checks.collect::<Vec<_>>().join(" and ")
}

/// How to see what moving a member would do. Which of them is misplaced, a person finds out.
pub(super) fn rehomes(tenants: &BTreeSet<TenantId>) -> String {
    let plans = tenants.iter().take(2).map(|it| format!("`watertight rehome {it} --dry-run`"));
    plans.collect::<Vec<_>>().join(" or ")
}

/// A moment in microseconds since 1970, as RFC 3339.
pub(super) fn moment(micros: i64) -> String {
    Timestamp::from_microsecond(micros)
        .map_or_else(|_| format!("{micros} microseconds since 1970"), |it| it.to_string())
}

/// Each target with what it said of its identity, by name, so that the order of the registry does not show.
pub(super) fn targets(index: &Index<'_>, places: &[usize]) -> Fact {
    let mut places = places.to_vec();
    places.sort_by_key(|it| (index.id(index.looks[*it].tenant()), index.looks[*it].target.target));
    Fact::List(places.into_iter().take(DESCRIBED).map(|it| target(index, it)).collect())
}

fn target(index: &Index<'_>, place: usize) -> Fact {
    let look = &index.looks[place];
    let row = index.row(look.target);
    let fingerprint = look.fingerprint();
    let mut facts: BTreeMap<String, Fact> = BTreeMap::new();
    let mut fact = |name: &str, value: Option<Fact>| {
        facts.extend(value.map(|it| (name.to_owned(), it)));
    };
    fact("tenant", Some(index.id(look.tenant()).as_str().into()));
    fact("target", Some(row.name.to_string().into()));
    fact("host", Some((&*row.address.host).into()));
    fact("port", Some(u32::from(row.address.port).into()));
    fact("database", Some((&*fingerprint.database).into()));
    fact("database_oid", fingerprint.database_oid.map(Fact::from));
    fact("system_identifier", fingerprint.system_identifier.map(|it| it.to_string().into()));
    fact("timeline", fingerprint.timeline.map(Fact::from));
    fact("in_recovery", fingerprint.in_recovery.map(Fact::from));
    fact("started_at", fingerprint.started_at.map(|it| moment(it).into()));
    fact("server_address", fingerprint.server_address.map(|it| it.to_string().into()));
    fact("server_port", fingerprint.server_port.map(|it| u32::from(it).into()));
    Fact::Map(facts)
}

/// A count as a fact.
pub(super) fn count(count: usize) -> Fact {
    Fact::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Remediation steps.
pub(super) fn steps(steps: &[&str]) -> Vec<String> {
    steps.iter().map(|it| (*it).to_owned()).collect()
}
