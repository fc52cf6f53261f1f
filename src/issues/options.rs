//! What the operator decides of issues: which are filed, where, to whom, and for how long a word of theirs holds.

use jiff::SignedDuration;

use crate::model::finding::{Finding, Kind, Severity};
use crate::model::policy::Pattern;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Critical breaches of isolation are filed; all else waits in one summary.
    #[default]
    Observe,
    /// Every finding is filed.
    File,
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::Observe, Self::File];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::File => "file",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueOptions {
    /// `owner/name`: where whatever no route sends elsewhere is filed.
    pub repository: Box<str>,
    /// Tells daemons apart that file into one repository.
    pub instance: Box<str>,
    pub mode: Mode,
    /// May name tenants in a repository that everybody can read.
    pub allow_public: bool,
    /// The first that fits a finding counts.
    pub routes: Vec<Route>,
    /// Trouble that returns so soon opens its old issue again.
    pub reopen_within: SignedDuration,
    /// For how long a person's word on an issue silences its finding.
    pub acknowledge_for: SignedDuration,
    /// Issues of their own, at most.
    pub umbrella_above: usize,
    /// Between two reminders.
    pub remind: Reminders,
    /// Of the status page, without the slash at its end.
    pub status_url: Option<Box<str>>,
    /// Where the runbooks are, without the slash at its end.
    pub runbook_url: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reminders {
    pub critical: Option<SignedDuration>,
    pub high: Option<SignedDuration>,
}

impl Reminders {
    /// Of one issue. Whoever did not act on the third acts on no tenth.
    pub const AT_MOST: u32 = 3;

    pub const fn every(self, severity: Severity) -> Option<SignedDuration> {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium | Severity::Low => None,
        }
    }
}

/// Where findings of a sort go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Empty for all.
    pub kinds: Vec<Kind>,
    /// And worse. `None` for all.
    pub severity: Option<Severity>,
    /// One member that fits is enough. Empty for all.
    pub tenants: Vec<Pattern>,
    pub repository: Option<Box<str>>,
    pub assignees: Vec<Box<str>>,
    /// Beside our own.
    pub labels: Vec<Box<str>>,
}

impl Route {
    fn fits(&self, finding: &Finding) -> bool {
        let claim = &finding.claim;
        let kind = self.kinds.is_empty() || self.kinds.contains(&claim.kind);
        let severity = self.severity.is_none_or(|it| it <= claim.severity);
        let member = |it: &Pattern| claim.tenants.iter().any(|id| it.fits(id.as_str()));
        kind && severity && (self.tenants.is_empty() || self.tenants.iter().any(member))
    }
}

impl IssueOptions {
    pub fn route(&self, finding: &Finding) -> Option<&Route> {
        self.routes.iter().find(|it| it.fits(finding))
    }

    pub fn repository_of(&self, finding: &Finding) -> &str {
        let routed = self.route(finding).and_then(|it| it.repository.as_deref());
        routed.unwrap_or(&self.repository)
    }

    /// Every repository into which something may be filed, each once.
    pub fn repositories(&self) -> Vec<&str> {
        let routed = self.routes.iter().filter_map(|it| it.repository.as_deref());
        let mut all: Vec<&str> = routed.chain([&*self.repository]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
