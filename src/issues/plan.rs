//! The next step for one subject: from what its issue should be and what the ledger says that it is.
//!
//! Why one step and not a list: after each the world is asked again, because it may have changed, and the process may have
//! died in between. A list that was made before would be out of date at its second entry.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::daily;
use super::options::{IssueOptions, Reminders};
use super::wanted::{Content, Wanted};
use crate::model::issue::{Entry, News, Remark, Standing, Subject};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new issue, which names the one before.
    Create {
        after: Option<u64>,
    },
    Remark {
        key: Box<str>,
        about: About,
    },
    /// Title, body, labels.
    Update,
    Close,
    Reopen,
    /// A person's word on the issue becomes the finding's acknowledgement.
    Acknowledge {
        by: Word,
    },
}

/// What a comment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Changed,
    Resolved,
    Returned,
    /// A person closed the issue as done, and a scan since has seen it again.
    StillThere,
    /// A person's word that silenced it has ended.
    NoLongerSilenced,
    Reminder,
}

/// How a person said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    ClosedAsNotPlanned,
    Label,
}

impl Step {
    /// In a word, for a list of what would be done.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Remark { .. } => "comment",
            Self::Update => "update",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::Acknowledge { .. } => "acknowledge",
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Changed => "changed",
            Self::Resolved => "resolved",
            Self::Returned => "returned",
            Self::StillThere => "still-there",
            Self::NoLongerSilenced => "no-longer-silenced",
            Self::Reminder => "reminder",
        })
    }
}

/// One subject, as it stands on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub entry: Option<&'a Entry>,
    pub wanted: Option<&'a Wanted<'a>>,
    /// The issue bears the label with which a person acknowledges, put there by one who may.
    pub labelled: bool,
}

/// `None` where nothing is to be done, or only a list of our issues can tell what.
pub fn next(case: Case<'_>, options: &IssueOptions, now: Timestamp) -> Option<Step> {
    let loud = case.wanted.filter(|it| !it.is_quiet());
    let Some(entry) = case.entry else { return loud.map(|_| Step::Create { after: None }) };
    if entry.subject == Subject::Daily {
        return daily::next(entry, case.wanted);
    }
    match (entry.standing, case.wanted) {
        (Standing::Intended, _) => None,
        (Standing::Lost, _) => loud.map(|_| Step::Create { after: number(entry) }),
        (Standing::Open, Some(wanted)) => open(entry, wanted, case.labelled, options, now),
        (Standing::Open, None) => Some(after_remark(entry, About::Resolved, Step::Close)),
        (Standing::Closed, _) => {
            let soon = now.duration_since(entry.since) <= options.reopen_within;
            loud.map(|_| {
                if soon {
                    after_remark(entry, About::Returned, Step::Reopen)
                } else {
                    Step::Create { after: number(entry) }
                }
            })
        }
        (Standing::Done, _) => loud
            .filter(|it| is_news_since(entry, it))
            .map(|_| after_remark(entry, About::StillThere, Step::Reopen)),
        (Standing::Declined, _) => declined(entry, loud?),
    }
}

fn number(entry: &Entry) -> Option<u64> {
    entry.issue.as_ref().map(|it| it.number)
}

/// A scan has seen it since a person called it done.
fn is_news_since(entry: &Entry, wanted: &Wanted<'_>) -> bool {
    match wanted.content {
        Content::Finding(_) => entry.since < wanted.last_seen,
        Content::Summary(_) | Content::Umbrella(_) | Content::Daily(_) => {
            has_grown(entry, &wanted.news)
        }
    }
}

/// The person's word is taken over first. When that has ended and the trouble has not, the issue is opened again.
fn declined(entry: &Entry, wanted: &Wanted<'_>) -> Option<Step> {
    let silenced = entry.said.as_ref().is_some_and(|it| it.acknowledged.is_some());
    match wanted.content {
        Content::Finding(_) if !silenced => {
            Some(Step::Acknowledge { by: Word::ClosedAsNotPlanned })
        }
        Content::Finding(_) => Some(after_remark(entry, About::NoLongerSilenced, Step::Reopen)),
        Content::Summary(_) | Content::Umbrella(_) | Content::Daily(_) => {
            has_grown(entry, &wanted.news).then_some(Step::Reopen)
        }
    }
}

fn open(
    entry: &Entry,
    wanted: &Wanted<'_>,
    labelled: bool,
    options: &IssueOptions,
    now: Timestamp,
) -> Option<Step> {
    let Some(said) = &entry.said else { return Some(Step::Update) };
    let is_finding = wanted.finding().is_some();
    if is_finding && labelled && said.acknowledged.is_none() && !wanted.is_quiet() {
        return Some(Step::Acknowledge { by: Word::Label });
    }
    if *said != wanted.news {
        let told = match wanted.content {
            Content::Finding(_) => true,
            Content::Summary(_) | Content::Daily(_) => false,
            Content::Umbrella(_) => has_grown(entry, &wanted.news),
        };
        let key = changed_key(entry, &wanted.news);
        return Some(if told && !entry.has_remarked(&key) {
            Step::Remark { key, about: About::Changed }
        } else {
            Step::Update
        });
    }
    let every = options.remind.every(said.severity).filter(|_| is_finding && !wanted.is_quiet())?;
    let last = entry.reminded.unwrap_or(entry.since).max(entry.since);
    let due = entry.reminders < Reminders::AT_MOST && every <= now.duration_since(last);
    let key = format!("{}:{}:{}", entry.turn, About::Reminder, entry.reminders).into();
    due.then_some(Step::Remark { key, about: About::Reminder })
}

fn has_grown(entry: &Entry, news: &News) -> bool {
    let known = entry.said.as_ref().map(|it| &it.evidence);
    known.is_none_or(|it| !news.evidence.is_subset(it))
}

fn after_remark(entry: &Entry, about: About, step: Step) -> Step {
    let key: Box<str> = format!("{}:{about}", entry.turn).into();
    if entry.has_remarked(&key) { step } else { Step::Remark { key, about } }
}

/// Each change has a comment of its own, and the same change none twice.
fn changed_key(entry: &Entry, news: &News) -> Box<str> {
    let mut told = format!("{}\n{:?}\n", news.severity, news.acknowledged);
    news.tenants.iter().for_each(|it| told.push_str(&format!("{it}\n")));
    news.evidence.iter().for_each(|it| told.push_str(&format!("{it}\n")));
    let digest = crate::model::fingerprint::Digest256::of(told.as_bytes()).to_string();
    let digest = digest.get(..16).unwrap_or(&digest);
    format!("{}:{}:{digest}", entry.turn, About::Changed).into()
}

/// The entry once GitHub has taken the step.
#[must_use]
pub fn taken(entry: &Entry, step: &Step, wanted: Option<&Wanted<'_>>, now: Timestamp) -> Entry {
    let mut entry = entry.clone();
    let news = wanted.map(|it| it.news.clone());
    match step {
        Step::Create { .. } | Step::Reopen => {
            entry.standing = Standing::Open;
            entry.since = now;
            entry.turn += 1;
            entry.said = news;
            (entry.reminders, entry.reminded) = (0, None);
        }
        Step::Update => entry.said = news.or(entry.said),
        Step::Close => {
            entry.standing = Standing::Closed;
            entry.since = now;
            entry.turn += 1;
        }
        Step::Remark { key, about } => {
            entry.remark = Some(Remark { key: key.clone(), confirmed: true });
            if *about == About::Reminder {
                entry.reminders += 1;
                entry.reminded = Some(now);
            }
        }
        // What was said on the issue need not be said there again.
        Step::Acknowledge { .. } => {}
    }
    entry
}

/// As `taken`, for a word of a person that silences the finding until then.
#[must_use]
pub fn silenced(entry: &Entry, wanted: &Wanted<'_>, until: Timestamp) -> Entry {
    let known = entry.said.clone().unwrap_or_else(|| wanted.news.clone());
    let said = News { acknowledged: Some(until), ..known };
    Entry { said: Some(said), ..entry.clone() }
}

/// The entry of an issue that a person declined, where its finding is silenced already and the entry does not say so: by
/// GitHub's own message, or by a process that died before it could note it. Otherwise that word would be taken twice.
#[must_use]
pub fn heard(entry: &Entry, wanted: &Wanted<'_>) -> Option<Entry> {
    let until = wanted.news.acknowledged?;
    let known = entry.said.as_ref().is_some_and(|it| it.acknowledged.is_some());
    (entry.standing == Standing::Declined && !known).then(|| silenced(entry, wanted, until))
}

/// How long a person's word holds.
pub fn until(now: Timestamp, holds: SignedDuration) -> Timestamp {
    now.saturating_add(holds).unwrap_or(Timestamp::MAX)
}

/// What joined and what left, in words of the news.
pub fn difference<'a, T: Ord>(
    before: &'a BTreeSet<T>,
    after: &'a BTreeSet<T>,
) -> (Vec<&'a T>, Vec<&'a T>) {
    (after.difference(before).collect(), before.difference(after).collect())
}
