//! What every view has around its own part: who looks, where one can go, and what a running scan does.
//!
//! Why the standing is here: the fleet's verdict stands in the head of every view, so that nobody reads a tenant's page
//! and misses that the whole is too old to be believed.

use jiff::{SignedDuration, Timestamp};

use super::moment::Moment;
use super::{verdict, words};
use crate::model::finding::Verdict;
use crate::standing::Standing;

/// The longest path that a form carries back.
const LONGEST_PATH: usize = 1_000;

#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub now: Timestamp,
    /// `None` before the first scan of the whole fleet, and for whoever may not read.
    pub standing: Option<&'a Standing>,
    /// A scan of the whole fleet that is older proves nothing any more.
    pub stale_after: SignedDuration,
    /// `None` for whoever has not logged in.
    pub viewer: Option<Viewer<'a>>,
    /// Goes into every form.
    pub csrf: &'a str,
    pub progress: Progress<'a>,
    /// Names what is shown. `live::event` carries the same text until something has changed.
    pub version: &'a str,
    /// As a redirect carries it: `?notice=` and its label.
    pub notice: Option<Notice>,
    /// Path and query of this view: where a form leads back to.
    pub here: &'a str,
    pub provisioning: Provisioning,
}

/// Whether tenants can be made here: without `[provision]` nobody can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    Absent,
    Configured,
}

#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// The token's name. `None` where nobody needs one: there is nothing to log out of.
    pub name: Option<&'a str>,
    pub reach: Reach,
}

/// What the viewer may do beside reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Reads,
    /// Asks for scans.
    Scans,
    /// Asks for scans and acknowledges findings.
    Operates,
    /// Makes tenants, and turns back or settles what is done with them.
    Provisions,
}

/// What the schedule does now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress<'a> {
    pub running: Option<Running<'a>>,
    /// Another scan follows the running one.
    pub waiting: bool,
    /// When the schedule falls due.
    pub next_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// The label of the schedule's stage.
    pub stage: &'a str,
    pub done: usize,
    /// 0 until it is known.
    pub total: usize,
    /// Of only some tenants.
    pub partial: bool,
}

/// What the viewer's last action led to. A closed list, so that a redirect can carry its label and nobody can put words
/// into the page's mouth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    ScanAsked,
    Acknowledged,
    LoggedIn,
    LoggedOut,
    TenantAsked,
    TurnedBack,
    TooLate,
    Settled,
    FormExpired,
    NotAllowed,
}

impl Notice {
    pub const ALL: [Self; 10] = [
        Self::ScanAsked,
        Self::Acknowledged,
        Self::LoggedIn,
        Self::LoggedOut,
        Self::TenantAsked,
        Self::TurnedBack,
        Self::TooLate,
        Self::Settled,
        Self::FormExpired,
        Self::NotAllowed,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::ScanAsked => "scan-asked",
            Self::Acknowledged => "acknowledged",
            Self::LoggedIn => "logged-in",
            Self::LoggedOut => "logged-out",
            Self::TenantAsked => "tenant-asked",
            Self::TurnedBack => "turned-back",
            Self::TooLate => "too-late",
            Self::Settled => "settled",
            Self::FormExpired => "form-expired",
            Self::NotAllowed => "not-allowed",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::ScanAsked => {
                "The scan is queued. It joins no scan that has already begun, so it may wait for one to end."
            }
            Self::Acknowledged => {
                "Acknowledged. Messages about this finding are silent until the date; the verdict stays what it is."
            }
            Self::LoggedIn => "You are logged in.",
            Self::LoggedOut => "You are logged out.",
            Self::TenantAsked => {
                "The tenant is being made. It is whole at the end, or there is nothing left of it."
            }
            Self::TurnedBack => "It is being undone, newest first.",
            Self::TooLate => {
                "Nothing was changed: the operation is not at a point at which that can be done."
            }
            Self::Settled => {
                "Settled. Its finding is resolved by the next scan of the whole fleet."
            }
            Self::FormExpired => "Nothing was changed: the form was too old. Please try again.",
            Self::NotAllowed => "Nothing was changed: your token's role does not allow it.",
        }
    }

    pub(super) const fn is_refusal(self) -> bool {
        matches!(self, Self::TooLate | Self::FormExpired | Self::NotAllowed)
    }
}

/// Where in the page one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Map,
    Findings,
    Operations,
    Reference,
    /// None of those that the navigation names.
    Elsewhere,
}

/// The path itself where it leads to a place of ours, otherwise `/`: a form must not send anybody to another site.
pub fn own_path(raw: &str) -> &str {
    let leads_away = raw.starts_with("//") || raw.contains('\\') || LONGEST_PATH < raw.len();
    let plain = raw.bytes().all(|it| (b'!'..=b'~').contains(&it));
    if raw.starts_with('/') && !leads_away && plain { raw } else { "/" }
}

impl<'a> Frame<'a> {
    /// Where a form leads back to: here, without what the last action led to.
    pub(super) fn back(&self) -> String {
        let here = own_path(self.here);
        let Some((path, query)) = here.split_once('?') else { return here.to_owned() };
        let rest: Vec<&str> = query.split('&').filter(|it| !it.starts_with("notice=")).collect();
        if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) }
    }

    pub(super) fn verdict(&self) -> Verdict {
        verdict::of_fleet(self.standing, self.now, self.stale_after)
    }

    pub(super) fn is_stale(&self) -> bool {
        self.standing.is_some_and(|it| verdict::is_stale(it, self.now, self.stale_after))
    }

    pub(super) fn scanned(&self) -> Option<Moment> {
        self.standing.map(|it| self.moment(it.full.finished_at))
    }

    pub(super) fn moment(&self, at: Timestamp) -> Moment {
        Moment::of(at, self.now)
    }

    pub(super) fn next_at(&self) -> Option<Moment> {
        self.progress.next_at.map(|it| self.moment(it))
    }

    pub(super) fn progress_text(&self) -> String {
        self.progress.running.map_or_else(String::new, |it| words::progress(&it))
    }

    fn reach(&self) -> Option<Reach> {
        self.viewer.map(|it| it.reach)
    }

    pub(super) fn may_scan(&self) -> bool {
        matches!(self.reach(), Some(Reach::Scans | Reach::Operates))
    }

    pub(super) fn may_operate(&self) -> bool {
        self.reach() == Some(Reach::Operates)
    }

    pub(super) fn may_provision(&self) -> bool {
        self.reach() == Some(Reach::Provisions)
    }

    pub(super) fn may_create(&self) -> bool {
        self.may_provision() && self.provisioning == Provisioning::Configured
    }

    pub(super) fn who(&self) -> Option<&'a str> {
        self.viewer.and_then(|it| it.name)
    }
}
