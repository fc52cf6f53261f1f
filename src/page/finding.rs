//! One finding: what it means, who is hit since when, what shows it, and what to do.
//!
//! Why in this order: whoever is paged first asks how bad it is, then whether it is true, then what to do now.

use std::collections::BTreeMap;

use askama::Template;
use jiff::Timestamp;

use super::blast::{self, Blast};
use super::frame::{Frame, Section};
use super::moment::Moment;
use super::rows::{self, LONGEST};
use super::words;
use crate::model::finding::{Finding, State};
use crate::model::tenant::TenantId;
use crate::report::commands::{self, Command, Piece};
use crate::report::evidence::{self, Shown};
use crate::report::explain;
use crate::report::visible::clipped;

/// Steps of a remedy.
const STEPS: usize = 20;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    pub finding: &'a Finding,
    /// Since when each member is as it is, as its history tells; who is not there is told since the finding was first
    /// seen.
    pub since: &'a BTreeMap<TenantId, Timestamp>,
    /// What was sent and refused, so that nobody types a reason twice.
    pub attempt: Option<Attempt<'a>>,
}

/// An acknowledgement that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    pub reason: &'a str,
    pub until: &'a str,
    /// One sentence.
    pub problem: &'a str,
}

#[derive(Template)]
#[template(path = "finding.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    finding: &'a Finding,
    title: String,
    summary: String,
    meaning: &'static str,
    first_seen: Moment,
    last_seen: Moment,
    looks: String,
    silenced: Option<Silenced>,
    issue: Option<&'a str>,
    evidence: Shown,
    commands: Vec<Command>,
    blast: Blast<'a>,
    steps: Vec<Vec<Piece>>,
    form: Option<Form>,
}

/// Who silenced it, why and until when.
struct Silenced {
    by: String,
    reason: String,
    until: Moment,
}

struct Form {
    reason: String,
    /// As the browser's field for a date wants it.
    until: String,
    soonest: String,
    problem: String,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let (frame, finding) = (&view.frame, view.finding);
    let html = Html {
        frame,
        section: Section::Findings,
        finding,
        title: explain::plain(finding.claim.kind.label()),
        summary: rows::sentence(&finding.claim.summary),
        meaning: explain::meaning(finding.claim.kind),
        first_seen: frame.moment(finding.first_seen),
        last_seen: frame.moment(finding.last_seen),
        looks: words::count(finding.looks as usize, "scan"),
        silenced: silenced(frame, finding),
        issue: rows::issue(finding),
        evidence: evidence::show(&finding.claim.evidence),
        commands: commands::commands(finding),
        blast: blast::radius(frame, finding, view.since),
        steps: finding
            .claim
            .remediation
            .iter()
            .take(STEPS)
            .map(|it| commands::pieces(it))
            .collect(),
        form: form(view),
    };
    html.render()
}

fn silenced(frame: &Frame<'_>, finding: &Finding) -> Option<Silenced> {
    let it = finding.acknowledgement.as_ref()?;
    Some(Silenced {
        by: clipped(&it.by, LONGEST).into_owned(),
        reason: clipped(&it.reason, LONGEST).into_owned(),
        until: frame.moment(it.until),
    })
}

/// Only for whoever may send it, and only while there is something to silence.
fn form(view: &View<'_>) -> Option<Form> {
    if !view.frame.may_operate() || view.finding.state == State::Resolved {
        return None;
    }
    let day = |hours: i64| {
        let at = view.frame.now + jiff::SignedDuration::from_hours(hours);
        at.strftime("%Y-%m-%d").to_string()
    };
    let attempt = view.attempt.unwrap_or(Attempt { reason: "", until: "", problem: "" });
    let until = if attempt.until.is_empty() { day(7 * 24) } else { attempt.until.to_owned() };
    Some(Form {
        reason: attempt.reason.to_owned(),
        until,
        soonest: day(24),
        problem: attempt.problem.to_owned(),
    })
}
