//! One operation: how far it is, what each step took, and what is undone of it.
//!
//! Why it is the same page while it runs and a year later: whoever is paged for a stuck one reads it as whoever watched
//! it, and with no script it is as true at the moment of its drawing.

use askama::Template;

use super::course::{self, Row};
use super::frame::{Frame, Section};
use super::moment::Moment;
use super::rows::LONGEST;
use super::{vocabulary, words};
use crate::model::operation::{Happened, Operation, OperationState};
use crate::report::visible::clipped;
use crate::saga;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    pub operation: &'a Operation,
    /// What was sent and refused, so that nobody types a reason twice.
    pub attempt: Option<Attempt<'a>>,
}

/// A settlement that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    pub reason: &'a str,
    /// One sentence.
    pub problem: &'a str,
}

#[derive(Template)]
#[template(path = "operation.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    operation: &'a Operation,
    kind: &'static str,
    tenant: String,
    /// `None` while no scan and no registry knows the tenant.
    link: Option<String>,
    sentence: String,
    began: Moment,
    took: String,
    /// Where its changes are told, while it runs.
    follow: Option<String>,
    remarks: Vec<String>,
    steps: Vec<Row>,
    undone: Vec<Row>,
    turn_back: Option<&'static str>,
    settle: Option<Attempt<'a>>,
    is_stuck: bool,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let (frame, operation) = (&view.frame, view.operation);
    let runs = operation.state == OperationState::Running;
    let is_stuck = operation.stuck_at().is_some();
    let known = frame.standing.is_some_and(|it| {
        it.tenant(&operation.tenant).is_some() || it.registered(&operation.tenant).is_some()
    });
    let turn_back = frame.may_provision() && saga::can_turn_back(operation.kind, &operation.log);
    let html = Html {
        frame,
        section: Section::Operations,
        operation,
        kind: vocabulary::kind(operation.kind),
        tenant: clipped(operation.tenant.as_str(), LONGEST).into_owned(),
        link: known.then(|| format!("/tenants/{}", operation.tenant)),
        sentence: course::sentence(operation),
        began: frame.moment(operation.started_at),
        took: course::took_in_all(operation),
        follow: runs.then(|| format!("/api/v1/operations/{}", operation.id)),
        remarks: remarks(operation, frame),
        steps: course::forwards(operation, frame),
        undone: course::backwards(operation, frame),
        turn_back: turn_back.then(|| vocabulary::turn_back(operation.kind)),
        settle: (is_stuck && frame.may_provision())
            .then(|| view.attempt.unwrap_or(Attempt { reason: "", problem: "" })),
        is_stuck,
    };
    html.render()
}

/// What people did about it.
fn remarks(operation: &Operation, frame: &Frame<'_>) -> Vec<String> {
    let remark = |happened: &Happened, at: Moment| match happened {
        Happened::Cancelled => Some(format!("A person turned it back: {}.", at.exact)),
        Happened::Settled(what) => {
            Some(format!("Settled on {} by {}", at.exact, clipped(what, 2 * LONGEST)))
        }
        _ => None,
    };
    operation.log.iter().filter_map(|it| remark(&it.happened, frame.moment(it.at))).collect()
}
