//! The form for a new tenant, with what was checked beforehand.
//!
//! Why every check has its row before any was asked: a script fills them in as somebody types, and it writes text into
//! what the server drew. Why what was refused is drawn as the whole form: without a script that is the answer, and nobody
//! types anything twice.
//!
//! Invariant: a database's URL is never drawn. Whoever brought one and was refused types it again.

use std::collections::BTreeSet;
use std::fmt;

use askama::Template;

use super::frame::{Frame, Section};
use super::rows::LONGEST;
use super::{vocabulary, words};
use crate::model::operation::OperationId;
use crate::model::preflight::{Check, CheckName};
use crate::report::visible::clipped;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    /// Drawn at random with each form: however often it is sent, it begins one operation.
    pub nonce: &'a str,
    pub wanted: Wanted<'a>,
    pub refusal: Option<Refusal<'a>>,
}

/// What was typed, but for what is secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub subdomain: &'a str,
    pub name: &'a str,
    pub environment: &'a str,
    pub labels: &'a str,
    pub database: Database,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Database {
    #[default]
    New,
    /// Its URL was there, and is not shown.
    Brought,
}

/// Why nothing began.
#[derive(Clone, Copy, Debug)]
pub enum Refusal<'a> {
    /// With all that was checked.
    Preflight(&'a [Check]),
    /// In one sentence, with the operation that stands in the way.
    Sentence { text: &'a str, operation: Option<&'a OperationId> },
    /// A field whose text cannot be read.
    Field { field: Field, text: &'a str },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Subdomain,
    Labels,
    DatabaseUrl,
}

impl Field {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Subdomain => "subdomain",
            Self::Labels => "labels",
            Self::DatabaseUrl => "database_url",
        }
    }

    /// Whose text a check is about; `None` where it is about the platform.
    const fn of(name: CheckName) -> Option<Self> {
        match name {
            CheckName::SubdomainValid
            | CheckName::SubdomainAvailable
            | CheckName::NotInFlight
            | CheckName::NameFreeAtProvider => Some(Self::Subdomain),
            CheckName::DatabaseReachable
            | CheckName::DatabaseUnused
            | CheckName::NoForeignStamp => Some(Self::DatabaseUrl),
            CheckName::ProviderReachable
            | CheckName::ProviderQuota
            | CheckName::RegionAvailable
            | CheckName::SecretsWritable
            | CheckName::SetupReady
            | CheckName::NoExistingSharing => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

#[derive(Template)]
#[template(path = "newcomer.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    nonce: &'a str,
    wanted: Wanted<'a>,
    environments: Vec<String>,
    problem: String,
    operation: Option<&'a OperationId>,
    subdomain_problem: String,
    labels_problem: String,
    database_problem: String,
    summary: String,
    checks: Vec<CheckRow>,
}

struct CheckRow {
    name: &'static str,
    text: &'static str,
    /// Of the field that it is about; empty where it is about none.
    field: &'static str,
    /// `None` while it was not asked.
    ok: Option<bool>,
    detail: String,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let checks: &[Check] = match view.refusal {
        Some(Refusal::Preflight(checks)) => checks,
        _ => &[],
    };
    let (problem, operation) = match view.refusal {
        None => (String::new(), None),
        Some(Refusal::Preflight(_)) => {
            let text = "Nothing was begun: see below what stands against it.";
            (text.to_owned(), None)
        }
        Some(Refusal::Sentence { text, operation }) => (shown(text), operation),
        Some(Refusal::Field { .. }) => ("Nothing was begun: see below.".to_owned(), None),
    };
    let html = Html {
        frame: &view.frame,
        section: Section::Operations,
        nonce: view.nonce,
        wanted: view.wanted,
        environments: environments(&view.frame),
        problem,
        operation,
        subdomain_problem: field_problem(view, Field::Subdomain),
        labels_problem: field_problem(view, Field::Labels),
        database_problem: field_problem(view, Field::DatabaseUrl),
        summary: summary(checks),
        checks: CheckName::ALL.map(|it| row(it, checks)).into(),
    };
    html.render()
}

fn row(name: CheckName, checks: &[Check]) -> CheckRow {
    let answer = checks.iter().find(|it| it.name == name);
    CheckRow {
        name: name.label(),
        text: vocabulary::check(name),
        field: Field::of(name).map_or("", Field::label),
        ok: answer.map(|it| it.ok),
        detail: answer.map_or_else(String::new, |it| shown(&it.detail)),
    }
}

/// What is said below a field.
fn field_problem(view: &View<'_>, field: Field) -> String {
    match view.refusal {
        Some(Refusal::Preflight(checks)) => {
            let failed = checks.iter().filter(|it| !it.ok && Field::of(it.name) == Some(field));
            // Several checks may say the same of it.
            let told: BTreeSet<String> = failed.map(|it| shown(&it.detail)).collect();
            told.into_iter().collect::<Vec<_>>().join("; ")
        }
        Some(Refusal::Field { field: it, text }) if it == field => shown(text),
        _ => String::new(),
    }
}

/// As the script says it too.
fn summary(checks: &[Check]) -> String {
    let failed = checks.iter().filter(|it| !it.ok).count();
    match (checks.len(), failed) {
        (0, _) => String::new(),
        (all, 0) => format!("All {all} checks passed."),
        (all, failed) => format!("{failed} of {all} checks stand against it."),
    }
}

/// Those that tenants have now: a word that is typed anew is a policy that does not hold.
fn environments(frame: &Frame<'_>) -> Vec<String> {
    const MOST: usize = 20;
    let tenants = frame.standing.map_or(&[][..], |it| &it.tenants);
    let mut all: Vec<&str> = tenants.iter().map(|it| &*it.environment).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().take(MOST).map(shown).collect()
}

fn shown(text: &str) -> String {
    clipped(text, LONGEST).into_owned()
}
