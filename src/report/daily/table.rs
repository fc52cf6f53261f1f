//! The daily report for a person at a terminal: the verdict, how it was come by, what is new, what is over, what stays.

use std::io::{self, Write};

use comfy_table::Color;

use super::{Daily, covered, looked};
use crate::model::change::Change;
use crate::model::finding::{Finding, Kind, State};
use crate::model::gate::Override;
use crate::model::report::TenantReport;
use crate::report::layout::{block, counted, verdict_colour};
use crate::report::reasons::Reasons;
use crate::report::visible::{clipped, visible};
use crate::report::{Style, name_some, table};

/// Without `--verbose`, of each list.
const MOST: usize = 20;
const MOST_MEMBERS: usize = 12;
/// Characters of one sentence.
const LONGEST: usize = 300;

pub(super) fn write(daily: &Daily<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    headline(daily, style, out)?;
    let opened: Vec<_> = daily.opened.iter().map(|it| told(it)).collect();
    list(style, ("new", Color::Red), &opened, out)?;
    let resolved: Vec<_> =
        daily.resolved.iter().map(|(it, at)| format!("{}, at {at}", named(it))).collect();
    list(style, ("resolved", Color::Green), &resolved, out)?;
    let standing: Vec<_> = daily.standing.iter().map(|it| told(it)).collect();
    list(style, ("standing", Color::Yellow), &standing, out)?;
    let reasons = daily.report.map(Reasons::of).unwrap_or_default();
    let unverified: Vec<_> = daily.unverified.iter().map(|it| doubt(it, &reasons)).collect();
    list(style, ("unverified", Color::Yellow), &unverified, out)?;
    let changes: Vec<_> = daily.changes.iter().map(|it| planned(it)).collect();
    list(style, ("planned", Color::Cyan), &changes, out)?;
    let overrides: Vec<_> = daily.overrides.iter().map(|it| overridden(it)).collect();
    list(style, ("overridden", Color::Yellow), &overrides, out)?;
    if daily.is_quiet() { writeln!(out, "\nNothing changed.") } else { Ok(()) }
}

/// The verdict, and what it rests on.
fn headline(daily: &Daily<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if let Some(report) = daily.report {
        table::headline(report, style, out)?;
    } else {
        let verdict = daily.verdict();
        block(style, (verdict.label(), verdict_colour(verdict)), "nothing was proven yet", out)?;
    }
    let text = format!(
        "{}\nfrom {} until {}: {}",
        covered(daily),
        daily.since,
        daily.now,
        looked(daily).join("; ")
    );
    writeln!(out)?;
    block(style, ("looked", Color::Reset), &text, out)
}

/// One block for all of a kind, with a line for each.
fn list(
    style: Style,
    word: (&str, Color),
    lines: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let most = if style.verbose { lines.len() } else { MOST };
    let shown = lines.iter().take(most).map(|it| format!("- {it}"));
    let mut text = shown.collect::<Vec<_>>().join("\n");
    if most < lines.len() {
        text.push_str(&format!("\n… and {} more: see --verbose.", lines.len() - most));
    }
    writeln!(out)?;
    block(style, word, &text, out)
}

fn named(finding: &Finding) -> String {
    let claim = &finding.claim;
    let tenants = name_some(claim.tenants.iter(), MOST_MEMBERS);
    format!("{} {} {tenants}", claim.severity, claim.kind).trim_end().to_owned()
}

fn told(finding: &Finding) -> String {
    let state = match finding.state {
        State::Open => String::new(),
        other => format!(", {other}"),
    };
    let silence = finding.acknowledgement.as_ref().map(|it| {
        let (by, reason) = (clipped(&it.by, LONGEST), clipped(&it.reason, LONGEST));
        format!(" until {} by {by}: {reason}", it.until)
    });
    let summary = clipped(&finding.claim.summary, LONGEST);
    let since = finding.first_seen;
    format!("{}{state}{}, since {since}: {summary}", named(finding), silence.unwrap_or_default())
}

fn doubt(tenant: &TenantReport, reasons: &Reasons<'_>) -> String {
    format!("{}: {}", tenant.id, reasons.why(tenant).join("; "))
}

fn planned(change: &Change) -> String {
    let tenants = counted(change.tenants.len(), "tenant");
    let names = name_some(change.tenants.iter(), MOST_MEMBERS);
    let ticket = change.ticket.as_deref().map(|it| format!(" ({})", clipped(it, LONGEST)));
    let kinds: Vec<&str> = change.kinds.iter().map(Kind::label).collect();
    format!(
        "{} of {tenants} ({names}) from {} until {}, by {}{}: {}",
        kinds.join(", "),
        change.from,
        change.until,
        visible(&change.by),
        ticket.unwrap_or_default(),
        clipped(&change.reason, LONGEST)
    )
}

fn overridden(given: &Override) -> String {
    let (by, reason) = (clipped(&given.by, LONGEST), clipped(&given.reason, LONGEST));
    format!("the gate, from {} until {}, by {by}: {reason}", given.at, given.until)
}
