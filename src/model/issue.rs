//! What the ledger says of an issue: what it is about, where it stands, and what it was told last.
//!
//! Why a ledger is the truth and not the issues themselves: lists of issues lag and searches lag more, so whoever asks
//! GitHub what to do files everything twice. The ledger is written before each write to GitHub, and what GitHub says is
//! compared with it.
//!
//! Why the news and not the text is kept: a body changes whenever a sentence of it is improved, and no issue should be
//! touched for that.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use super::finding::{Finding, FindingId, Severity, State};
use super::fingerprint::Digest256;
use super::tenant::TenantId;

/// What an issue is about. At most one open issue for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Finding(FindingId),
    /// What is not filed on its own while the operator looks on.
    Summary,
    /// What is too many to be filed one by one.
    Umbrella,
    /// How the fleet stands, written anew at its hour.
    Daily,
}

impl Subject {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "summary" => Some(Self::Summary),
            "umbrella" => Some(Self::Umbrella),
            "daily" => Some(Self::Daily),
            id => Digest256::parse(id).map(FindingId).map(Self::Finding),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(id) => id.fmt(formatter),
            Self::Summary => formatter.write_str("summary"),
            Self::Umbrella => formatter.write_str("umbrella"),
            Self::Daily => formatter.write_str("daily"),
        }
    }
}

/// Where an issue stands, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// About to be created, or created by a request whose answer was lost.
    Intended,
    Open,
    /// By us.
    Closed,
    /// By a person, as done.
    Done,
    /// By a person, as not planned: that person's word silences the finding.
    Declined,
    /// Deleted or moved away. Whatever was there, it is not ours to write to.
    Lost,
}

impl Standing {
    pub const ALL: [Self; 6] =
        [Self::Intended, Self::Open, Self::Closed, Self::Done, Self::Declined, Self::Lost];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Lost => "lost",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// What an issue was told last, for comparison with what it should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub severity: Severity,
    pub tenants: BTreeSet<TenantId>,
    /// The names of the facts, and of a list what stands in it. Values change with every scan; another kind of evidence
    /// is news.
    pub evidence: BTreeSet<String>,
    /// Until when a person silenced it.
    pub acknowledged: Option<Timestamp>,
}

impl News {
    pub fn of(finding: &Finding) -> Self {
        let claim = &finding.claim;
        let mut evidence: BTreeSet<String> = claim.evidence.0.keys().cloned().collect();
        evidence.insert(claim.certainty.label().to_owned());
        let silenced = finding.acknowledgement.as_ref();
        Self {
            severity: claim.severity,
            tenants: claim.tenants.clone(),
            evidence,
            acknowledged: silenced
                .filter(|_| finding.state == State::Acknowledged)
                .map(|it| it.until),
        }
    }
}

/// A comment that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Says which one it is, within the issue.
    pub key: Box<str>,
    /// GitHub has it.
    pub confirmed: bool,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of the row, given by the ledger.
    pub row: i64,
    pub subject: Subject,
    /// `owner/name`. Where the issue is, whatever the routes say now.
    pub repository: Box<str>,
    /// Its number and page, once known.
    pub issue: Option<Place>,
    pub standing: Standing,
    /// Since when it stands so.
    pub since: Timestamp,
    /// `None` where it is not known, so that it must be told.
    pub said: Option<News>,
    /// Counts its openings and closings, so that no two comments have one key.
    pub turn: u32,
    pub remark: Option<Remark>,
    /// How many reminders were written, and when the last was.
    pub reminders: u32,
    pub reminded: Option<Timestamp>,
    /// Lists in a row in which an intended one was not found.
    pub misses: u32,
    /// The number of the issue that was about the same before.
    pub follows: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub number: u64,
    pub url: Box<str>,
}

impl Entry {
    /// Before anything is sent. The ledger gives the row.
    pub fn intended(subject: Subject, repository: &str, now: Timestamp) -> Self {
        Self {
            row: 0,
            subject,
            repository: repository.into(),
            issue: None,
            standing: Standing::Intended,
            since: now,
            said: None,
            turn: 0,
            remark: None,
            reminders: 0,
            reminded: None,
            misses: 0,
            follows: None,
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Open | Standing::Intended)
    }

    /// Whether that comment is there already.
    pub fn has_remarked(&self, key: &str) -> bool {
        self.remark.as_ref().is_some_and(|it| it.confirmed && *it.key == *key)
    }
}
