//! All findings that stand, and those that the last scan resolved.
//!
//! Why worst first and not newest: the newest finding of a bad night is rarely the one to begin with. The other order is
//! one link away.

use std::collections::BTreeSet;

use askama::Template;

use super::choice::{Choice, choices};
use super::frame::{Frame, Section};
use super::paging::{self, Paging};
use super::query::{Query, Sort};
use super::rows::{self, FindingRow};
use super::words;
use crate::model::finding::{Finding, Kind, Severity, State};
use crate::report::explain;

const PATH: &str = "/findings";
/// Orders that say something of findings.
const ORDERS: [Sort; 2] = [Sort::Worst, Sort::Newest];

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    pub query: &'a Query,
}

#[derive(Template)]
#[template(path = "findings.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    query: &'a Query,
    findings: Vec<FindingRow<'a>>,
    caption: &'static str,
    paging: Paging,
    kinds: Vec<Choice<'a>>,
    severities: Vec<Choice<'a>>,
    states: Vec<Choice<'a>>,
    orders: Vec<Choice<'a>>,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let (frame, query) = (&view.frame, view.query);
    let all: &[Finding] = frame.standing.map_or(&[], |it| &it.now.findings);
    let part = query.q.to_lowercase();
    let mut chosen: Vec<&Finding> = all.iter().filter(|it| fits(it, query, &part)).collect();
    match query.sort {
        Sort::Newest => rows::newest_first(&mut chosen),
        Sort::Worst | Sort::Tenant | Sort::Slowest => rows::worst_first(&mut chosen),
    }
    let paging = paging::cut(&chosen, query, |it| it.link(PATH));
    let shown = paging.rows(&chosen);
    let html = Html {
        frame,
        section: Section::Findings,
        query,
        findings: shown.iter().map(|it| FindingRow::of(it, frame.now)).collect(),
        caption: "Findings",
        paging,
        kinds: choices(&kinds(all), query.kind, Kind::label, |it| explain::plain(it.label())),
        severities: choices(Severity::ALL, query.severity, Severity::label, |it| {
            words::severity(it).to_owned()
        }),
        states: choices(State::ALL, query.state, State::label, |it| words::state(it).to_owned()),
        orders: choices(&ORDERS, Some(query.sort), Sort::label, |it| it.text().to_owned()),
    };
    html.render()
}

fn fits(finding: &Finding, query: &Query, part: &str) -> bool {
    let claim = &finding.claim;
    // Without a state asked for, what stands: a resolved finding is no news a scan later.
    let state = match query.state {
        Some(state) => finding.state == state,
        None => finding.state != State::Resolved,
    };
    state
        && query.kind.is_none_or(|it| it == claim.kind)
        && query.severity.is_none_or(|it| it == claim.severity)
        && (part.is_empty()
            || claim.tenants.iter().any(|it| it.as_str().contains(part))
            || claim.summary.to_lowercase().contains(part))
}

/// Kinds that are there now, so that a filter offers nothing that is empty.
fn kinds(all: &[Finding]) -> Vec<Kind> {
    let there: BTreeSet<Kind> = all.iter().map(|it| it.claim.kind).collect();
    there.into_iter().collect()
}
