//! Which issues there should be, and about what.
//!
//! Why a number stands against the flood: when two hundred tenants turn out to be in one database, two hundred issues in
//! an afternoon help nobody. The worst come one by one, and the rest under one umbrella.
//!
//! Invariant: a finding has an issue of its own, or a place in the summary or under the umbrella, never two of these.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::daily::Edition;
use super::options::{IssueOptions, Mode};
use crate::model::finding::{Finding, Kind, Severity, State};
use crate::model::issue::{Entry, News, Subject};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub subject: Subject,
    /// Where a new one is filed.
    pub repository: &'a str,
    pub news: News,
    /// A scan saw it then.
    pub last_seen: Timestamp,
    pub content: Content<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    Finding(&'a Finding),
    /// Worst first.
    Summary(Vec<&'a Finding>),
    /// Worst first.
    Umbrella(Vec<&'a Finding>),
    Daily(&'a Edition),
}

impl Wanted<'_> {
    /// Nobody is told anew: a person has silenced it.
    pub fn is_quiet(&self) -> bool {
        self.news.acknowledged.is_some()
    }

    pub fn finding(&self) -> Option<&Finding> {
        match &self.content {
            Content::Finding(finding) => Some(finding),
            Content::Summary(_) | Content::Umbrella(_) | Content::Daily(_) => None,
        }
    }
}

/// By subject, so that every subject is asked about once.
pub fn wanted<'a>(
    findings: &'a [Finding],
    entries: &[Entry],
    options: &'a IssueOptions,
) -> BTreeMap<Subject, Wanted<'a>> {
    let mut standing: Vec<&Finding> = findings
        .iter()
        .filter(|it| matches!(it.state, State::Open | State::Acknowledged))
        .collect();
    standing.sort_by(|one, other| one.order().cmp(&other.order()));
    let open: BTreeSet<Subject> =
        entries.iter().filter(|it| it.is_open()).map(|it| it.subject).collect();
    let has_issue = |it: &Finding| open.contains(&Subject::Finding(it.id));
    let suspect = standing.iter().any(|it| it.claim.kind == Kind::MonitorSuspect);
    let (alone, rest): (Vec<&Finding>, Vec<&Finding>) = standing
        .into_iter()
        .partition(|it| has_issue(it) || options.mode == Mode::File || is_urgent(it));
    let umbrella_is_open = open.contains(&Subject::Umbrella);
    let counted = alone.iter().filter(|it| it.state == State::Open).count();
    let kept = alone.iter().filter(|it| it.state == State::Open && has_issue(it)).count();
    // Under an open umbrella nothing moves out before all of it fits again.
    let crowded = options.umbrella_above < counted;
    let mut room = match (crowded, umbrella_is_open) {
        (false, _) => usize::MAX,
        (true, true) => 0,
        (true, false) => options.umbrella_above.saturating_sub(kept),
    };
    let mut wanted = BTreeMap::new();
    let mut under = Vec::new();
    for finding in alone {
        // While our own side is suspected, what is wrong with tenants' health is one trouble.
        let held = suspect && finding.claim.kind.is_health();
        if has_issue(finding) || finding.state == State::Acknowledged {
            put(&mut wanted, finding, options);
        } else if held || room == 0 {
            under.push(finding);
        } else {
            room -= 1;
            put(&mut wanted, finding, options);
        }
    }
    let waiting: Vec<&Finding> = rest.into_iter().filter(|it| it.state == State::Open).collect();
    gather(&mut wanted, Subject::Summary, waiting, options);
    gather(&mut wanted, Subject::Umbrella, under, options);
    wanted
}

/// What cannot wait for an operator to make up their mind.
fn is_urgent(finding: &Finding) -> bool {
    finding.claim.severity == Severity::Critical && finding.claim.kind.breaches()
}

fn put<'a>(
    wanted: &mut BTreeMap<Subject, Wanted<'a>>,
    finding: &'a Finding,
    options: &'a IssueOptions,
) {
    let subject = Subject::Finding(finding.id);
    wanted.insert(
        subject,
        Wanted {
            subject,
            repository: options.repository_of(finding),
            news: News::of(finding),
            last_seen: finding.last_seen,
            content: Content::Finding(finding),
        },
    );
}

/// All of them in one issue. What stands in it is its evidence, by id.
fn gather<'a>(
    wanted: &mut BTreeMap<Subject, Wanted<'a>>,
    subject: Subject,
    findings: Vec<&'a Finding>,
    options: &'a IssueOptions,
) {
    let Some(severity) = findings.iter().map(|it| it.claim.severity).max() else { return };
    let last_seen = findings.iter().map(|it| it.last_seen).max().unwrap_or_default();
    let named = findings.iter().map(|it| format!("{} {}", it.id, it.claim.severity));
    let news =
        News { severity, tenants: BTreeSet::new(), evidence: named.collect(), acknowledged: None };
    let content = match subject {
        Subject::Umbrella => Content::Umbrella(findings),
        _ => Content::Summary(findings),
    };
    let repository = &*options.repository;
    wanted.insert(subject, Wanted { subject, repository, news, last_seen, content });
}
