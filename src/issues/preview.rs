//! What would be done, for whoever wants to know before it is.
//!
//! Why the first step of each subject and no more: a later one depends on what GitHub answers to the one before.

use jiff::Timestamp;

use super::daily::{self, Edition};
use super::options::IssueOptions;
use super::plan::{self, Case};
use super::title::title;
use super::wanted::{Wanted, wanted};
use crate::model::finding::{Finding, Severity};
use crate::model::issue::{Entry, Standing, Subject};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// `create`, `comment`, `update`, `close`, `reopen` or `acknowledge`; `wait` where an answer was lost.
    pub action: &'static str,
    pub repository: Box<str>,
    pub issue: Option<u64>,
    pub subject: Subject,
    pub severity: Option<Severity>,
    pub title: String,
}

/// Worst first. `standing` are the findings that stand, pending ones too: what is not among them is over.
pub fn preview(
    standing: &[Finding],
    daily: Option<&Edition>,
    entries: &[Entry],
    options: &IssueOptions,
    now: Timestamp,
) -> Vec<Planned> {
    let mut wanted = wanted(standing, entries, options);
    daily::join(&mut wanted, daily, options);
    let mut planned: Vec<Planned> = Vec::new();
    for (subject, wanted) in &wanted {
        let entry = entries.iter().find(|it| it.subject == *subject);
        planned.extend(first(*subject, entry, Some(wanted), options, now));
    }
    let over = |it: &&Entry| {
        let stands = |id| standing.iter().any(|it| Subject::Finding(it.id) == id);
        !wanted.contains_key(&it.subject) && !stands(it.subject)
    };
    for entry in entries.iter().filter(over) {
        planned.extend(first(entry.subject, Some(entry), None, options, now));
    }
    planned.sort_by(|one, other| {
        (other.severity, &one.title, one.subject).cmp(&(one.severity, &other.title, other.subject))
    });
    planned
}

fn first(
    subject: Subject,
    entry: Option<&Entry>,
    wanted: Option<&Wanted<'_>>,
    options: &IssueOptions,
    now: Timestamp,
) -> Option<Planned> {
    let step = plan::next(Case { entry, wanted, labelled: false }, options, now);
    let waits = entry.is_some_and(|it| it.standing == Standing::Intended);
    let action = match &step {
        Some(step) => step.label(),
        None if waits => "wait",
        None => return None,
    };
    let said = entry.and_then(|it| it.said.as_ref());
    let news = wanted.map(|it| &it.news).or(said);
    let place = entry.map(|it| &*it.repository).or(wanted.map(|it| it.repository));
    Some(Planned {
        action,
        repository: place.unwrap_or(&options.repository).into(),
        issue: entry.and_then(|it| it.issue.as_ref()).map(|it| it.number),
        subject,
        severity: news.filter(|_| subject != Subject::Daily).map(|it| it.severity),
        title: wanted.map_or_else(|| "no longer stands".to_owned(), title),
    })
}
