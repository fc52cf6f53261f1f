//! The issue of the daily report: one, made once, whose text is replaced at its hour.
//!
//! Why the edition is the news: a text that is written anew says something else each time, and only that another hour has
//! come is a reason to write it. A process that starts after the hour finds in the ledger whether that edition was told.
//!
//! Invariants:
//! - it is never commented, so that nobody is told by mail what they did not ask for;
//! - it is no finding's issue: it counts in no severity, and nobody silences anything by it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::options::IssueOptions;
use super::plan::Step;
use super::text::{Scene, cut};
use super::wanted::{Content, Wanted};
use crate::model::finding::Severity;
use crate::model::issue::{Entry, News, Standing, Subject};

/// Characters of the report. Half of what GitHub takes, which counts letters beyond the basic plane twice.
const LONGEST: usize = 30_000;

/// What is told at one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The hour.
    pub due: Timestamp,
    /// In Markdown, with whatever names could do there taken from them.
    pub report: String,
}

/// Puts the issue of the daily report beside those that are wanted of findings.
pub fn join<'a>(
    wanted: &mut BTreeMap<Subject, Wanted<'a>>,
    edition: Option<&'a Edition>,
    options: &'a IssueOptions,
) {
    wanted.extend(edition.map(|it| (Subject::Daily, self::wanted(it, options))));
}

pub fn wanted<'a>(edition: &'a Edition, options: &'a IssueOptions) -> Wanted<'a> {
    let news = News {
        // After everything else: it tells nothing that has no issue of its own.
        severity: Severity::Low,
        tenants: BTreeSet::new(),
        evidence: BTreeSet::from([edition.due.to_string()]),
        acknowledged: None,
    };
    Wanted {
        subject: Subject::Daily,
        repository: &options.repository,
        news,
        last_seen: edition.due,
        content: Content::Daily(edition),
    }
}

/// A person who closed it is not asked again each day: it stays closed until a person opens it.
pub(super) fn next(entry: &Entry, wanted: Option<&Wanted<'_>>) -> Option<Step> {
    match (entry.standing, wanted) {
        (Standing::Open, Some(wanted)) => {
            (entry.said.as_ref() != Some(&wanted.news)).then_some(Step::Update)
        }
        (Standing::Open, None) => Some(Step::Close),
        (Standing::Closed, Some(_)) => Some(Step::Reopen),
        (Standing::Lost, Some(_)) => Some(Step::Create { after: None }),
        (Standing::Intended | Standing::Done | Standing::Declined, _)
        | (Standing::Closed | Standing::Lost, None) => None,
    }
}

pub(super) fn text(edition: &Edition, scene: Scene<'_>) -> String {
    let page = match &scene.options.status_url {
        Some(url) => format!("[Status page]({url}) · "),
        None => String::new(),
    };
    format!(
        "{}\n---\n{page}at any time: `watertight report`\n\n\
        Watertight writes this text anew at the hour of `schedule.report` and never comments on it. Whoever does not want \
        it closes the issue: it stays closed until a person opens it again. With `github.daily_report = false` there is \
        none.\n",
        cut(&edition.report, LONGEST),
    )
}
