//! What an issue says: what it means, since when, whom it touches, what shows it, and what to do.
//!
//! Why in this order: whoever is assigned asks first how bad it is, then whether it is true, then what to do now.
//!
//! Why sections have budgets: a body of more than 65 536 characters is refused whole. Each section is cut at the end of a
//! line and says so, so that the remedy is never lost to a long list of evidence.
//!
//! Why nothing here changes with time alone: a text that names the last scan would have to be written anew after each.

use jiff::{SignedDuration, Timestamp};

use super::daily;
use super::label;
use super::marker;
use super::options::IssueOptions;
use super::overview;
use super::wanted::{Content, Wanted};
use crate::model::finding::{Certainty, Finding, Kind, Severity};
use crate::report::commands::{self, Piece};
use crate::report::evidence::{self, Grid, Lines};
use crate::report::explain;
use crate::report::markdown::escaped;
use crate::report::visible::clipped;
use crate::standing::Standing;

/// Characters of one sentence.
const LONGEST: usize = 1_000;
/// Members with a line of their own.
const MEMBERS: usize = 50;
/// Steps of a remedy.
const STEPS: usize = 20;

/// Characters of each section. Together with what is bounded by itself less than GitHub takes, counted twice over for
/// letters beyond the basic plane.
const WHOM: usize = 8_000;
const EVIDENCE: usize = 12_000;
const REMEDY: usize = 8_000;

/// What the text is written with.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub options: &'a IssueOptions,
    /// Who the tenants are.
    pub standing: Option<&'a Standing>,
}

/// The body of an issue. `after` is the number of the one that it follows.
pub fn body(wanted: &Wanted<'_>, scene: Scene<'_>, after: Option<u64>) -> String {
    let told = match &wanted.content {
        Content::Finding(finding) => of(finding, scene, after),
        Content::Summary(findings) => overview::summary(findings, scene),
        Content::Umbrella(findings) => overview::umbrella(findings, scene),
        Content::Daily(edition) => daily::text(edition, scene),
    };
    format!("{told}\n{}\n", marker::of_issue(wanted.subject, &scene.options.instance))
}

fn of(finding: &Finding, scene: Scene<'_>, after: Option<u64>) -> String {
    let claim = &finding.claim;
    let mut text = format!(
        "**{}** · `{}` · {} · since {}\n\n{}\n\n> {}\n",
        capital(claim.severity),
        claim.kind,
        certainty(claim.certainty),
        exact(finding.first_seen),
        sentence(&claim.summary),
        explain::meaning(claim.kind),
    );
    if let Some(given) = &finding.acknowledgement {
        text.push_str(&format!(
            "\nAcknowledged until {} by {}: {}\n",
            exact(given.until),
            sentence(&given.by),
            sentence(&given.reason),
        ));
    }
    if let Some(number) = after {
        text.push_str(&format!("\nThe same trouble was here before: #{number}.\n"));
    }
    text.push_str(&section("Whom it touches", &whom(finding, scene.standing), WHOM));
    text.push_str(&section("What shows it", &shown(finding), EVIDENCE));
    text.push_str(&by_hand(finding));
    text.push_str(&section("What to do", &remedy(finding), REMEDY));
    text.push_str(&links(finding, scene.options));
    text
}

fn whom(finding: &Finding, standing: Option<&Standing>) -> String {
    let tenants = &finding.claim.tenants;
    if tenants.is_empty() {
        return "The whole fleet: it is about no single tenant.\n".to_owned();
    }
    let mut text = "| tenant | name | environment |\n|---|---|---|\n".to_owned();
    for id in tenants.iter().take(MEMBERS) {
        let registered = standing.and_then(|it| it.registered(id));
        let name = registered.and_then(|it| it.name.as_deref()).unwrap_or("–");
        let environment = registered.map_or("–", |it| &*it.environment);
        let cells = [name, environment].map(|it| escaped(&clipped(it, 80)));
        text.push_str(&format!("| `{id}` | {} | {} |\n", cells[0], cells[1]));
    }
    if MEMBERS < tenants.len() {
        text.push_str(&format!("\nand {} more\n", tenants.len() - MEMBERS));
    }
    text
}

fn shown(finding: &Finding) -> String {
    let shown = evidence::show(&finding.claim.evidence);
    let facts: String = shown.facts.iter().map(fact).collect();
    let grids: String = shown.grids.iter().map(grid).collect();
    format!("{facts}{grids}")
}

fn fact(lines: &Lines) -> String {
    let mut text = format!("- **{}**: {}", escaped(&lines.name), told(&lines.text, "; "));
    if 0 < lines.left_out {
        text.push_str(&format!(" and {} more", lines.left_out));
    }
    text + "\n"
}

/// Each thing is a column, so that equal values stand side by side.
fn grid(grid: &Grid) -> String {
    let columns = grid.rows.iter().map(|it| it.cells.len()).max().unwrap_or(0);
    let mut text = format!("\n**{}**\n\n|", escaped(&grid.name));
    // The first row is the head of the table.
    for (place, row) in grid.rows.iter().enumerate() {
        let cells = row.cells.iter().map(|it| escaped(it)).collect::<Vec<_>>().join(" | ");
        let same = if row.same { " (the same)" } else { "" };
        let margin = if place == 0 { "" } else { "|" };
        text.push_str(&format!("{margin} {}{same} | {cells} |\n", escaped(&row.name)));
        if place == 0 {
            text.push_str(&format!("|---|{}\n", "---|".repeat(columns)));
        }
    }
    if 0 < grid.left_out {
        text.push_str(&format!("\nand {} more\n", grid.left_out));
    }
    text
}

fn told(lines: &[String], between: &str) -> String {
    lines.iter().map(|it| escaped(it)).collect::<Vec<_>>().join(between)
}

/// Our own commands and fixed SQL; see `report::commands`.
fn by_hand(finding: &Finding) -> String {
    let commands = commands::commands(finding);
    if commands.is_empty() {
        return String::new();
    }
    let mut text = "\n### See for yourself\n\n```sh\n".to_owned();
    let mut before = "";
    for command in &commands {
        if command.shows != before {
            text.push_str(&format!("# {}\n", command.shows));
            before = command.shows;
        }
        text.push_str(&format!("{}\n", command.text));
    }
    text + "```\n"
}

fn remedy(finding: &Finding) -> String {
    let told = super::remedy::steps(finding);
    let steps = told.iter().take(STEPS).enumerate();
    let steps: Vec<String> =
        steps.map(|(place, it)| format!("{}. {}\n", place + 1, step(it))).collect();
    steps.concat()
}

/// What stands between backticks stays code; everything else is shown as it is.
pub(super) fn step(text: &str) -> String {
    let shown = |it: &Piece| {
        let text = &*it.text;
        if it.code { format!("`{text}`") } else { spaced(text) }
    };
    commands::pieces(text).iter().map(shown).collect()
}

/// `escaped` takes the spaces at the ends away, and here they stand between words and code.
fn spaced(text: &str) -> String {
    let inner = text.trim_matches(' ');
    if inner.is_empty() {
        return " ".to_owned();
    }
    let before = if text.starts_with(' ') { " " } else { "" };
    let after = if text.ends_with(' ') { " " } else { "" };
    format!("{before}{}{after}", escaped(inner))
}

fn links(finding: &Finding, options: &IssueOptions) -> String {
    let mut text = "\n---\n".to_owned();
    if let Some(url) = &options.status_url {
        text.push_str(&format!("[Status page]({url}/findings/{}) · ", finding.id));
    }
    if let Some(url) = &options.runbook_url {
        text.push_str(&format!("[Runbook]({url}/{}.md) · ", runbook(finding.claim.kind)));
    }
    text.push_str(&format!(
        "finding `{}`\n\n\
        Watertight keeps this text and comments when the finding changes. It closes the issue when a scan has verified \
        all of its members and found it gone. To silence it for {}, close the issue as *not planned* or add the label \
        `{}`; it stays true meanwhile, and no verdict is better for it.\n",
        finding.id,
        span(options.acknowledge_for),
        label::ACKNOWLEDGED,
    ));
    text
}

/// The alert that a person would have been paged by.
pub const fn runbook(kind: Kind) -> &'static str {
    match kind {
        Kind::Unhealthy => "WatertightTenantUnreachable",
        Kind::MonitorSuspect => "WatertightTenantUnreachableMany",
        Kind::OperationStuck => "WatertightOperationStuck",
        Kind::FingerprintDrift => "WatertightFingerprintDrift",
        kind if kind.breaches() => "WatertightTenantBreached",
        _ => "WatertightFindingOpen",
    }
}

fn section(heading: &str, text: &str, most: usize) -> String {
    if text.is_empty() { String::new() } else { format!("\n### {heading}\n\n{}", cut(text, most)) }
}

/// Cut at the end of a line, and said to be.
pub(super) fn cut(text: &str, most: usize) -> String {
    let mut kept = String::new();
    let mut left = most;
    for line in text.split_inclusive('\n') {
        let length = line.chars().count();
        if left < length {
            kept.push_str("\nThe rest is cut here; the status page has all of it.\n");
            break;
        }
        left -= length;
        kept.push_str(line);
    }
    kept
}

/// Text that came from anywhere.
pub(super) fn sentence(text: &str) -> String {
    escaped(&clipped(text, LONGEST))
}

pub(super) fn capital(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
    }
}

const fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Proven => "proven: observed directly",
        Certainty::Probable => "probable: the signs fit, and no live proof was possible",
    }
}

pub(super) fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// In the largest unit that fits.
pub(super) fn span(duration: SignedDuration) -> String {
    let (hours, minutes) = (duration.as_hours(), duration.as_mins());
    let (count, unit) = match (hours / 24, hours, minutes) {
        (1.., _, _) => (hours / 24, "day"),
        (_, 1.., _) => (hours, "hour"),
        _ => (minutes.max(1), "minute"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}
