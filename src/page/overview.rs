//! The first view: is every tenant apart, how old is that answer, and what is wrong.
//!
//! Why one sentence on top: whoever opens the page from a telephone reads one line, and it must be the right one.

use askama::Template;

use super::frame::{Frame, Section};
use super::query::Query;
use super::rows::{self, FindingRow, LONGEST};
use super::table::{self, Table};
use super::trend::{self, Point, Trend};
use super::verdict;
use super::words;
use crate::model::finding::{Finding, Verdict};
use crate::model::report::{Report, Summary};
use crate::report::visible::clipped;
use crate::standing::Standing;

/// Findings shown before the rest is counted.
const FINDINGS: usize = 6;
/// Warnings of the registry.
const WARNINGS: usize = 10;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    /// Scans of the whole fleet, the latest first. The first sixty are drawn.
    pub trend: &'a [Point],
    pub query: &'a Query,
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    verdict: Verdict,
    sentence: String,
    scan: Option<ScanLine>,
    isolation: Vec<Tile>,
    health: Vec<Tile>,
    findings: Vec<FindingRow<'a>>,
    caption: &'static str,
    /// Findings that stand, shown or not.
    standing: usize,
    trend: Option<Trend>,
    warnings: Vec<String>,
    table: Option<Table<'a>>,
}

/// The last scan of the whole fleet.
struct ScanLine {
    took: String,
    trigger: &'static str,
}

/// A number with a way to whom it counts.
struct Tile {
    name: &'static str,
    count: usize,
    /// A verdict's or a health's label.
    label: &'static str,
    link: String,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let frame = &view.frame;
    let standing = frame.standing;
    let report = standing.map(|it| &*it.now);
    let mut findings: Vec<&Finding> = report.into_iter().flat_map(Report::standing).collect();
    rows::worst_first(&mut findings);
    let counted = report.map(|it| counts(it, frame));
    let html = Html {
        frame,
        section: Section::Overview,
        verdict: frame.verdict(),
        sentence: sentence(frame),
        scan: standing.map(scan_line),
        isolation: counted.as_ref().map_or_else(Vec::new, isolation),
        health: counted.as_ref().map_or_else(Vec::new, health),
        standing: findings.len(),
        findings: findings.iter().take(FINDINGS).map(|it| FindingRow::of(it, frame.now)).collect(),
        caption: "Worst and newest findings",
        trend: trend::draw(view.trend),
        warnings: report.map_or_else(Vec::new, warnings),
        table: standing.map(|it| table::table(frame, it, view.query)),
    };
    html.render()
}

/// A stale scan proves nothing: who was isolated counts as unverified, and who was healthy as unknown.
fn counts(report: &Report, frame: &Frame<'_>) -> Summary {
    let summary = report.summary();
    if frame.is_stale() {
        let unverified = summary.unverified + summary.isolated;
        return Summary { isolated: 0, unverified, healthy: 0, ..summary };
    }
    summary
}

/// The verdict of the fleet.
fn sentence(frame: &Frame<'_>) -> String {
    let Some(standing) = frame.standing else {
        return "Unverified: no scan of the whole fleet has finished yet.".to_owned();
    };
    let summary = counts(&standing.now, frame);
    let all = summary.tenants;
    match frame.verdict() {
        Verdict::Breached if summary.breached == 1 => {
            format!("Breached: 1 of {all} tenants is not apart from others.")
        }
        Verdict::Breached => {
            format!("Breached: {} of {all} tenants are not apart from others.", summary.breached)
        }
        Verdict::Unverified if all == 0 => {
            "Unverified: the registry names no tenant, and an empty fleet proves nothing."
                .to_owned()
        }
        Verdict::Unverified if frame.is_stale() => format!("Unverified: {}.", verdict::STALE_FLEET),
        Verdict::Unverified if summary.unverified == 1 => {
            format!("Unverified: 1 of {all} tenants could not be proven apart.")
        }
        Verdict::Unverified => {
            format!(
                "Unverified: {} of {all} tenants could not be proven apart.",
                summary.unverified
            )
        }
        Verdict::Isolated if all == 1 => {
            "Isolated: the one tenant has a database of its own.".to_owned()
        }
        Verdict::Isolated => format!("Isolated: all {all} tenants are proven apart."),
    }
}

fn scan_line(standing: &Standing) -> ScanLine {
    let took = standing.full.took().as_secs_f64();
    ScanLine { took: format!("{took:.1} s"), trigger: words::trigger(standing.full.trigger) }
}

fn isolation(summary: &Summary) -> Vec<Tile> {
    let tile = |label, name, count| tile("verdict", label, name, count);
    vec![
        tile("breached", "Breached", summary.breached),
        tile("unverified", "Unverified", summary.unverified),
        tile("isolated", "Isolated", summary.isolated),
    ]
}

fn health(summary: &Summary) -> Vec<Tile> {
    let known = summary.healthy + summary.degraded + summary.unhealthy;
    let tile = |label, name, count| tile("health", label, name, count);
    vec![
        tile("unhealthy", "Unhealthy", summary.unhealthy),
        tile("unknown", "Unknown", summary.tenants.saturating_sub(known)),
        tile("degraded", "Degraded", summary.degraded),
        tile("healthy", "Healthy", summary.healthy),
    ]
}

fn tile(filter: &str, label: &'static str, name: &'static str, count: usize) -> Tile {
    Tile { name, count, label, link: table::link(&Query::parse([(filter, label)])) }
}

fn warnings(report: &Report) -> Vec<String> {
    report.warnings.iter().take(WARNINGS).map(|it| clipped(it, LONGEST).into_owned()).collect()
}
