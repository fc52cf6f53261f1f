//! An operation: a tenant that is being made, moved or taken away, step by step.
//!
//! Why the steps are a closed list and the log is the state: whoever reads an operation, the daemon after a crash
//! included, sees the same thing from the same events, and nothing else is believed.
//!
//! Invariants:
//! - an operation's id is never used again, and everything that it makes outside carries it in its name;
//! - no event holds a password or a URL.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::tenant::TenantId;

/// 32 hexadecimal digits, drawn at random.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(Arc<str>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operation's id is 32 hexadecimal digits")]
pub struct InvalidOperationId;

/// In characters.
const ID_LENGTH: usize = 32;
/// Of the tenant's id in a project's name, in characters, so that the whole fits PostgreSQL's 63 bytes.
const TENANT_IN_NAME: usize = 24;
/// What every project's name that we give begins with.
const OURS: &str = "wt-";

impl OperationId {
    pub fn parse(text: &str) -> Result<Self, InvalidOperationId> {
        let digit = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        if text.len() == ID_LENGTH && text.bytes().all(digit) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidOperationId)
        }
    }

    /// From 16 random bytes.
    pub fn of(random: u128) -> Self {
        Self(format!("{random:032x}").into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What this operation calls the project that it makes for the tenant: nobody else's, and the same after a crash.
    pub fn project_name(&self, tenant: &TenantId) -> Box<str> {
        let allowed = |it: char| if it.is_ascii_alphanumeric() { it } else { '-' };
        let short: String = tenant.as_str().chars().map(allowed).take(TENANT_IN_NAME).collect();
        format!("{OURS}{short}-{self}").into()
    }

    /// The operation that a project's name carries, where one of some store gave it.
    pub fn in_name(name: &str) -> Option<Self> {
        let id = name.strip_prefix(OURS)?.rsplit_once('-')?.1;
        Self::parse(id).ok()
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    Provision,
    Deprovision,
    Rehome,
}

impl OperationKind {
    pub const ALL: [Self; 3] = [Self::Provision, Self::Deprovision, Self::Rehome];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Deprovision => "deprovision",
            Self::Rehome => "rehome",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    /// In the order in which they are done.
    pub const fn steps(self) -> &'static [Step] {
        match self {
            Self::Provision => &Step::PROVISION,
            Self::Deprovision => &Step::DEPROVISION,
            Self::Rehome => &Step::REHOME,
        }
    }
}

/// One thing that is done, and undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    Reserve,
    CreateProject,
    AwaitReady,
    Connect,
    Stamp,
    VerifyUnique,
    HealthCheck,
    Setup,
    Activate,
    /// What the tenant has, into the new database.
    Copy,
    /// Whether it arrived whole.
    Compare,
    /// The registry leads to the new database.
    Switch,
    /// The tenant is led nowhere any more.
    Suspend,
    /// It can still be called back.
    Grace,
    /// Its data are kept, where somebody wants them.
    Backup,
    DeleteProject,
    /// What remains of the tenant is that it was there.
    Bury,
}

impl Step {
    pub const PROVISION: [Self; 9] = [
        Self::Reserve,
        Self::CreateProject,
        Self::AwaitReady,
        Self::Connect,
        Self::Stamp,
        Self::VerifyUnique,
        Self::HealthCheck,
        Self::Setup,
        Self::Activate,
    ];
    pub const DEPROVISION: [Self; 5] =
        [Self::Suspend, Self::Grace, Self::Backup, Self::DeleteProject, Self::Bury];
    /// Without the platform's setup: what it makes is among what is copied.
    pub const REHOME: [Self; 10] = [
        Self::Reserve,
        Self::CreateProject,
        Self::AwaitReady,
        Self::Connect,
        Self::Stamp,
        Self::VerifyUnique,
        Self::HealthCheck,
        Self::Copy,
        Self::Compare,
        Self::Switch,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::CreateProject => "create_project",
            Self::AwaitReady => "await_ready",
            Self::Connect => "connect",
            Self::Stamp => "stamp",
            Self::VerifyUnique => "verify_unique",
            Self::HealthCheck => "health_check",
            Self::Setup => "setup",
            Self::Activate => "activate",
            Self::Copy => "copy",
            Self::Compare => "compare",
            Self::Switch => "switch",
            Self::Suspend => "suspend",
            Self::Grace => "grace",
            Self::Backup => "backup",
            Self::DeleteProject => "delete_project",
            Self::Bury => "bury",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        let mut all = Self::PROVISION.into_iter().chain(Self::DEPROVISION).chain(Self::REHOME);
        all.find(|it| it.label() == label)
    }

    /// Whether what it does can be undone. What follows on a step that cannot is tried until it is done.
    pub const fn is_undone(self) -> bool {
        !matches!(self, Self::DeleteProject | Self::Bury)
    }
}

/// An operation with all that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub id: OperationId,
    pub kind: OperationKind,
    pub tenant: TenantId,
    /// What the log amounts to.
    pub state: OperationState,
    pub started_at: Timestamp,
    /// While it runs, none.
    pub finished_at: Option<Timestamp>,
    /// In order.
    pub log: Vec<Event>,
}

/// What an operation could neither finish nor take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    pub operation: OperationId,
    pub kind: OperationKind,
    pub tenant: TenantId,
    /// The step that is neither done nor undone.
    pub step: Step,
    /// For people.
    pub why: Box<str>,
    /// Tenants whose data were found in its database.
    pub tied: BTreeSet<TenantId>,
    /// What it was given at its provider and is still there.
    pub projects: Vec<Box<str>>,
}

/// What the log says, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Timestamp,
    pub happened: Happened,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    Started(Step),
    Succeeded(Step),
    /// What it made, for people.
    Noted(Step, Box<str>),
    /// With why, for people.
    Failed(Step, Box<str>),
    /// A person wants it undone.
    Cancelled,
    UndoStarted(Step),
    Undone(Step),
    /// What it did is left as it is; with why, for people.
    UndoFailed(Step, Box<str>),
    /// A person has seen to what was left; with what they say.
    Settled(Box<str>),
}

impl Operation {
    /// The step at which it stuck, and why; `None` where it did not, or a person has seen to it.
    pub fn stuck_at(&self) -> Option<(Step, &str)> {
        if self.state != OperationState::Stuck {
            return None;
        }
        let mut stuck = None;
        for event in &self.log {
            match &event.happened {
                Happened::UndoFailed(step, why) => stuck = stuck.or(Some((*step, &**why))),
                Happened::Failed(step, why) if !step.is_undone() => stuck = Some((*step, &**why)),
                Happened::Settled(_) => return None,
                _ => {}
            }
        }
        stuck
    }
}

/// Where an operation stands, as its log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperationState {
    Running,
    Succeeded,
    RolledBack,
    /// Something is left that nobody but a person may take away.
    Stuck,
}

impl OperationState {
    pub const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::RolledBack, Self::Stuck];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// Where one step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepState {
    Pending,
    Running,
    Succeeded,
    Failed,
    Undone,
    UndoFailed,
}

impl StepState {
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Undone,
        Self::UndoFailed,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::UndoFailed => "undo_failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_name(tenant: &str, expected: &str) {
        let id = OperationId::of(0xabc);
        let name = id.project_name(&TenantId::parse(tenant).unwrap());
        assert_eq!(&*name, expected);
        assert!(name.len() <= 63);
        assert_eq!(OperationId::in_name(&name), Some(id));
    }

    #[test]
    fn a_project_carries_its_operation_in_its_name() {
        check_name("acme", "wt-acme-00000000000000000000000000000abc");
        check_name("a_b.c", "wt-a-b-c-00000000000000000000000000000abc");
        check_name(
            &"long".repeat(20),
            "wt-longlonglonglonglonglong-00000000000000000000000000000abc",
        );
    }

    #[test]
    fn other_names_carry_none() {
        for name in
            ["acme", "wt-", "wt-acme", "wt-acme-0abc", "xt-acme-00000000000000000000000000000abc"]
        {
            assert_eq!(OperationId::in_name(name), None, "{name}");
        }
    }

    #[test]
    fn every_label_is_read_back() {
        for kind in OperationKind::ALL {
            assert_eq!(OperationKind::parse(kind.label()), Some(kind));
            for step in kind.steps() {
                assert_eq!(Step::parse(step.label()), Some(*step));
            }
        }
        for state in OperationState::ALL {
            assert_eq!(OperationState::parse(state.label()), Some(state));
        }
    }
}
