//! What is and was done with tenants, the latest first.
//!
//! Why only its page is read: operations are kept for a year, and each comes with its log.

use askama::Template;

use super::choice::{Choice, choices};
use super::course;
use super::frame::{Frame, Section};
use super::moment::Moment;
use super::paging::{self, Paging};
use super::query::Query;
use super::{vocabulary, words};
use crate::model::operation::{Operation, OperationKind, OperationState};

const PATH: &str = "/operations";

/// Of one page.
pub const ROWS: usize = paging::ROWS;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    pub query: &'a Query,
    /// Those of the page that is asked for, the latest first.
    pub operations: &'a [Operation],
    /// How many fit the query in all.
    pub total: usize,
}

pub(super) struct OperationRow<'a> {
    pub operation: &'a Operation,
    pub kind: &'static str,
    pub sentence: String,
    pub began: Moment,
    pub took: String,
}

#[derive(Template)]
#[template(path = "operations.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    query: &'a Query,
    operations: Vec<OperationRow<'a>>,
    caption: &'static str,
    paging: Paging,
    kinds: Vec<Choice<'a>>,
    states: Vec<Choice<'a>>,
}

/// How many of so many rows come before the page that is asked for.
pub fn before(total: usize, query: &Query) -> usize {
    paging::before(total, query)
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let (frame, query) = (&view.frame, view.query);
    let html = Html {
        frame,
        section: Section::Operations,
        query,
        operations: rows(view.operations, frame),
        caption: "Operations, the latest first",
        paging: paging::of(view.total, query, |it| it.link(PATH)),
        kinds: choices(&OperationKind::ALL, query.operation_kind, OperationKind::label, |it| {
            vocabulary::kind(it).to_owned()
        }),
        states: choices(&OperationState::ALL, query.operation_state, OperationState::label, |it| {
            vocabulary::state(it).to_owned()
        }),
    };
    html.render()
}

pub(super) fn rows<'a>(operations: &'a [Operation], frame: &Frame<'_>) -> Vec<OperationRow<'a>> {
    let row = |operation: &'a Operation| OperationRow {
        operation,
        kind: vocabulary::kind(operation.kind),
        sentence: course::sentence(operation),
        began: frame.moment(operation.started_at),
        took: course::took_in_all(operation),
    };
    operations.iter().map(row).collect()
}
