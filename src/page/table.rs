//! The table of tenants: who is asked for, in which order, and what one row says.
//!
//! Why only the rows of one page are made: choosing among ten thousand compares labels and numbers, and words are made
//! for the fifty that are shown.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::choice::{Choice, choices};
use super::frame::Frame;
use super::paging::{self, Paging};
use super::query::{Query, Sort};
use super::rows::{LONGEST, sentence};
use super::{verdict, words};
use crate::model::finding::{Finding, Health, Kind, Verdict};
use crate::model::report::TenantReport;
use crate::model::tenant::{Tenant, TenantId};
use crate::report::explain;
use crate::report::visible::clipped;
use crate::standing::Standing;

/// Environments that a filter offers. A registry with more has put something else there.
const ENVIRONMENTS: usize = 50;
/// Orders that say something of tenants.
const ORDERS: [Sort; 3] = [Sort::Worst, Sort::Tenant, Sort::Slowest];
const PATH: &str = "/";
const ANCHOR: &str = "#tenants";

pub(super) struct Table<'a> {
    pub query: &'a Query,
    pub rows: Vec<TenantRow<'a>>,
    pub paging: Paging,
    pub verdicts: Vec<Choice<'a>>,
    pub healths: Vec<Choice<'a>>,
    pub environments: Vec<Choice<'a>>,
    pub kinds: Vec<Choice<'a>>,
    pub orders: Vec<Choice<'a>>,
}

pub(super) struct TenantRow<'a> {
    pub id: &'a TenantId,
    pub name: String,
    pub environment: &'a str,
    pub verdict: Verdict,
    pub health: Health,
    /// Why it is not isolated.
    pub why: String,
    /// Why it is not healthy.
    pub ails: &'static str,
    pub findings: usize,
    pub probe: Option<String>,
}

/// A tenant with what the table chooses by.
struct Candidate<'a> {
    tenant: &'a TenantReport,
    registered: Option<&'a Tenant>,
    verdict: Verdict,
    health: Health,
}

pub(super) fn link(query: &Query) -> String {
    query.link(PATH) + ANCHOR
}

pub(super) fn table<'a>(frame: &Frame<'a>, standing: &'a Standing, query: &'a Query) -> Table<'a> {
    let findings = by_tenant(standing);
    let part = query.q.to_lowercase();
    let mut chosen: Vec<Candidate<'a>> = standing
        .now
        .tenants
        .iter()
        .map(|tenant| Candidate {
            tenant,
            registered: standing.registered(&tenant.id),
            verdict: verdict::aged(tenant.isolation, frame.is_stale()),
            health: verdict::aged_health(tenant.health, frame.is_stale()),
        })
        .filter(|it| fits(it, findings.get(&it.tenant.id), query, &part))
        .collect();
    sort(&mut chosen, query.sort);
    let paging = paging::cut(&chosen, query, link);
    let rows = paging.rows(&chosen).iter();
    Table {
        rows: rows.map(|it| row(it, findings.get(&it.tenant.id), frame)).collect(),
        paging,
        verdicts: choices(Verdict::ALL, query.verdict, Verdict::label, |it| {
            words::verdict(it).to_owned()
        }),
        healths: choices(Health::ALL, query.health, Health::label, |it| {
            words::health(it).to_owned()
        }),
        environments: environments(standing, &query.environment),
        kinds: choices(Kind::ALL, query.kind, Kind::label, |it| explain::plain(it.label())),
        orders: choices(&ORDERS, Some(query.sort), Sort::label, |it| it.text().to_owned()),
        query,
    }
}

fn by_tenant(standing: &Standing) -> BTreeMap<&TenantId, Vec<&Finding>> {
    let mut found: BTreeMap<&TenantId, Vec<&Finding>> = BTreeMap::new();
    for finding in standing.now.standing() {
        for tenant in &finding.claim.tenants {
            found.entry(tenant).or_default().push(finding);
        }
    }
    found
}

fn environments<'a>(standing: &'a Standing, chosen: &str) -> Vec<Choice<'a>> {
    let all: BTreeSet<&str> = standing.tenants.iter().map(|it| &*it.environment).collect();
    all.into_iter()
        .take(ENVIRONMENTS)
        .map(|it| Choice {
            value: it,
            text: clipped(it, LONGEST).into_owned(),
            chosen: it == chosen,
        })
        .collect()
}

fn fits(
    candidate: &Candidate<'_>,
    findings: Option<&Vec<&Finding>>,
    query: &Query,
    part: &str,
) -> bool {
    let findings = findings.map(Vec::as_slice).unwrap_or_default();
    let environment = candidate.registered.map_or("", |it| &it.environment);
    query.verdict.is_none_or(|it| it == candidate.verdict)
        && query.health.is_none_or(|it| it == candidate.health)
        && query.kind.is_none_or(|kind| findings.iter().any(|it| it.claim.kind == kind))
        && query.severity.is_none_or(|it| findings.iter().any(|one| one.claim.severity == it))
        && (query.environment.is_empty() || query.environment == environment)
        && named(candidate, part)
}

fn named(candidate: &Candidate<'_>, part: &str) -> bool {
    let contains = |it: Option<&str>| it.is_some_and(|it| it.to_lowercase().contains(part));
    let registered = candidate.registered;
    part.is_empty()
        || candidate.tenant.id.as_str().contains(part)
        || contains(registered.and_then(|it| it.name.as_deref()))
        || contains(registered.and_then(|it| it.subdomain.as_deref()))
}

/// The report is sorted by id, and every order keeps that among equals.
fn sort(chosen: &mut [Candidate<'_>], sort: Sort) {
    match sort {
        Sort::Tenant => {}
        Sort::Slowest => chosen.sort_by_key(|it| Reverse(it.tenant.probe)),
        Sort::Worst | Sort::Newest => {
            chosen.sort_by_key(|it| (Reverse(it.verdict), Reverse(it.health)));
        }
    }
}

fn row<'a>(
    candidate: &Candidate<'a>,
    findings: Option<&Vec<&'a Finding>>,
    frame: &Frame<'_>,
) -> TenantRow<'a> {
    let tenant = candidate.tenant;
    let findings = findings.map(Vec::as_slice).unwrap_or_default();
    TenantRow {
        id: &tenant.id,
        name: name(candidate.registered),
        environment: candidate.registered.map_or("", |it| &it.environment),
        verdict: candidate.verdict,
        health: candidate.health,
        why: why(tenant, findings, frame),
        ails: tenant.cause.map_or("", words::cause),
        findings: findings.len(),
        probe: tenant.probe.map(|it| format!("{:.1} ms", it.as_secs_f64() * 1e3)),
    }
}

/// The tenant's name in the registry; empty where it has none.
pub(super) fn name(registered: Option<&Tenant>) -> String {
    let name = registered.and_then(|it| it.name.as_deref());
    name.map_or_else(String::new, |it| clipped(it, LONGEST).into_owned())
}

fn why(tenant: &TenantReport, findings: &[&Finding], frame: &Frame<'_>) -> String {
    let kinds: BTreeSet<Kind> =
        findings.iter().filter(|it| it.breaches()).map(|it| it.claim.kind).collect();
    match tenant.isolation {
        Verdict::Breached => {
            let kinds: Vec<String> = kinds.iter().map(|it| explain::plain(it.label())).collect();
            kinds.join(", ")
        }
        Verdict::Unverified => tenant.doubts.first().map_or_else(String::new, |it| sentence(it)),
        Verdict::Isolated if frame.is_stale() => verdict::STALE.to_owned(),
        Verdict::Isolated => String::new(),
    }
}
