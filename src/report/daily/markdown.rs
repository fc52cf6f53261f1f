//! The daily report for a message or an issue, in GitHub-flavoured Markdown. What a name could do there is in
//! `report::markdown`, whose escapes these are.

use std::io::{self, Write};

use super::{Daily, covered, looked};
use crate::model::finding::{Finding, Kind, State};
use crate::report::markdown::{escaped, heading};
use crate::report::name_some;
use crate::report::reasons::Reasons;
use crate::report::visible::clipped;

/// Of each list.
const MOST: usize = 50;
const MOST_MEMBERS: usize = 20;
/// Characters of one sentence.
const LONGEST: usize = 300;

pub(super) fn write(daily: &Daily<'_>, out: &mut dyn Write) -> io::Result<()> {
    let summary = daily.report.map(crate::model::report::Report::summary).unwrap_or_default();
    heading(daily.verdict(), summary, out)?;
    writeln!(out, "\n- from {} until {}\n- {}", daily.since, daily.now, covered(daily))?;
    looked(daily).iter().try_for_each(|it| writeln!(out, "- {it}"))?;
    list("New", daily.opened.iter().map(|it| told(it)), out)?;
    let resolved = daily.resolved.iter().map(|(it, at)| format!("{}, at {at}", named(it)));
    list("Resolved", resolved, out)?;
    list("Standing", daily.standing.iter().map(|it| told(it)), out)?;
    let reasons = daily.report.map(Reasons::of).unwrap_or_default();
    let unverified = daily.unverified.iter().map(|it| {
        let why = reasons.why(it).join("; ");
        format!("{}: {}", escaped(it.id.as_str()), escaped(&clipped(&why, LONGEST)))
    });
    list("Unverified", unverified, out)?;
    said(daily, out)?;
    if daily.is_quiet() { writeln!(out, "\nNothing changed.") } else { Ok(()) }
}

/// What people planned, and what they let through.
fn said(daily: &Daily<'_>, out: &mut dyn Write) -> io::Result<()> {
    let changes = daily.changes.iter().map(|it| {
        let kinds: Vec<String> =
            it.kinds.iter().map(|it| format!("`{}`", Kind::label(it))).collect();
        let ticket =
            it.ticket.as_deref().map(|it| format!(" ({})", escaped(&clipped(it, LONGEST))));
        format!(
            "{} of {} from {} until {}, by {}{}: {}",
            kinds.join(", "),
            escaped(&name_some(it.tenants.iter(), MOST_MEMBERS)),
            it.from,
            it.until,
            escaped(&clipped(&it.by, LONGEST)),
            ticket.unwrap_or_default(),
            escaped(&clipped(&it.reason, LONGEST))
        )
    });
    list("Planned", changes, out)?;
    let overrides = daily.overrides.iter().map(|it| {
        let (by, reason) = (clipped(&it.by, LONGEST), clipped(&it.reason, LONGEST));
        format!("from {} until {}, by {}: {}", it.at, it.until, escaped(&by), escaped(&reason))
    });
    list("The gate was overridden", overrides, out)
}

fn list(
    heading: &str,
    lines: impl ExactSizeIterator<Item = String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let left_out = lines.len().saturating_sub(MOST);
    if lines.len() == 0 {
        return Ok(());
    }
    writeln!(out, "\n### {heading}\n")?;
    lines.take(MOST).try_for_each(|it| writeln!(out, "- {it}"))?;
    if 0 < left_out { writeln!(out, "\nand {left_out} more") } else { Ok(()) }
}

fn named(finding: &Finding) -> String {
    let claim = &finding.claim;
    let tenants = escaped(&name_some(claim.tenants.iter(), MOST_MEMBERS));
    format!("**{}** `{}` {tenants}", claim.severity, claim.kind).trim_end().to_owned()
}

fn told(finding: &Finding) -> String {
    let state = match finding.state {
        State::Open => String::new(),
        other => format!(", {other}"),
    };
    let summary = escaped(&clipped(&finding.claim.summary, LONGEST));
    format!("{}{state}, since {}  \n  {summary}", named(finding), finding.first_seen)
}
