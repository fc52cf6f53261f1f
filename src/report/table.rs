//! The report for a person: the verdict, then what to do, then who is affected, then the numbers.
//!
//! Why in this order: somebody who is woken by it reads the first lines. What is well is counted, not listed, unless
//! the fleet is small or the reader asks for all.
//!
//! Each finding is laid out and written on its own, so that ten thousand of them need no more memory than one.

use std::io::{self, Write};

use comfy_table::{Cell, Color, Row};

use super::layout::{
    block, columns, counted, health_colour, keep_whole, lay_out, severity_colour, verdict_colour,
};
use super::reasons::Reasons;
use super::visible::{clipped, visible};
use super::{Style, name_some};
use crate::model::finding::{Certainty, Finding, Health, Severity, State, Verdict};
use crate::model::report::{Report, TenantReport};

/// Up to so many tenants, the clean ones are listed too.
const SMALL_FLEET: usize = 40;
/// Without `--verbose`: what a person reads before giving up.
const MOST_FINDINGS: usize = 50;
const MOST_TENANTS: usize = 100;
const MOST_MEMBERS: usize = 12;
/// Characters of one sentence; a server may send a megabyte.
const LONGEST: usize = 600;

pub fn write(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    headline(report, style, out)?;
    findings(report, style, out)?;
    tenants(report, style, out)?;
    for warning in &report.warnings {
        let text = format!("The registry is not whole: {}", clipped(warning, LONGEST));
        writeln!(out)?;
        block(style, ("warning", Color::Yellow), &text, out)?;
    }
    closing(report, out)
}

pub(super) fn headline(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let verdict = report.verdict();
    let summary = report.summary();
    let total = counted(summary.tenants, "tenant");
    let mut text = match verdict {
        Verdict::Breached => format!("{} of {total} are not isolated", summary.breached),
        Verdict::Unverified if summary.tenants == 0 => {
            "the registry names no tenant, so nothing was proven".to_owned()
        }
        Verdict::Unverified => "no breach was found, but not all is proven".to_owned(),
        Verdict::Isolated => format!("{total}, each with a database of its own"),
    };
    for (count, what) in
        [(summary.unverified, "could not be verified"), (summary.unhealthy, "cannot serve")]
    {
        if 0 < count {
            text.push_str(&format!("; {count} {what}"));
        }
    }
    block(style, (verdict.label(), verdict_colour(verdict)), &text, out)
}

fn findings(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let standing = report.standing().count();
    let most = if style.verbose { standing } else { MOST_FINDINGS };
    for severity in Severity::ALL.iter().rev() {
        // The report is sorted already; a reader of somebody else's report must not depend on it.
        let of_severity = report.standing().filter(|it| it.claim.severity == *severity);
        let before = report.standing().filter(|it| *severity < it.claim.severity).count();
        for finding in of_severity.take(most.saturating_sub(before)) {
            writeln!(out)?;
            let word = (severity.label(), severity_colour(*severity));
            block(style, word, &told(finding, style), out)?;
        }
    }
    if most < standing {
        writeln!(
            out,
            "\n… and {} more findings: see --verbose or --format json.",
            standing - most
        )?;
    }
    resolved(report, style, out)
}

fn told(finding: &Finding, style: Style) -> String {
    let claim = &finding.claim;
    let mut text = claim.kind.label().to_owned();
    if claim.certainty == Certainty::Probable {
        text.push_str(" (probable)");
    }
    if let State::Pending | State::Acknowledged = finding.state {
        text.push_str(&format!(", {}", finding.state));
    }
    let most = if style.verbose { claim.tenants.len() } else { MOST_MEMBERS };
    if !claim.tenants.is_empty() {
        text.push_str(&format!("\n{}", name_some(claim.tenants.iter(), most)));
    }
    text.push_str(&format!("\n{}", clipped(&claim.summary, LONGEST)));
    let steps = if style.verbose { claim.remediation.len() } else { 1 };
    for step in claim.remediation.iter().take(steps) {
        text.push_str(&format!("\n→ {}", clipped(step, LONGEST)));
    }
    text
}

fn resolved(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.findings.iter().filter(|it| it.state == State::Resolved) {
        let tenants = name_some(finding.claim.tenants.iter(), MOST_MEMBERS);
        writeln!(out)?;
        let text = format!("{} {tenants}", finding.claim.kind);
        block(style, ("resolved", Color::Green), text.trim_end(), out)?;
    }
    Ok(())
}

fn tenants(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let is_well =
        |it: &TenantReport| it.isolation == Verdict::Isolated && it.health == Health::Healthy;
    let all = style.verbose || report.tenants.len() <= SMALL_FLEET;
    let wanted = |it: &&TenantReport| all || !is_well(it);
    let unlisted = report.tenants.iter().filter(|it| !wanted(it)).count();
    let listed = report.tenants.len() - unlisted;
    let most = if style.verbose { listed } else { MOST_TENANTS };
    if 0 < listed {
        let reasons = Reasons::of(report);
        let mut table = columns(style, ["tenant", "isolation", "health", "why"]);
        table.add_rows(report.tenants.iter().filter(wanted).take(most).map(|it| row(it, &reasons)));
        keep_whole(&mut table, 1);
        keep_whole(&mut table, 2);
        writeln!(out)?;
        lay_out(&table, out)?;
    }
    if most < listed {
        writeln!(out, "… and {} more that are not well: see --verbose.", listed - most)?;
    }
    if 0 < unlisted {
        writeln!(out, "\n{} isolated and healthy: see --verbose.", counted(unlisted, "tenant"))?;
    }
    Ok(())
}

fn row(tenant: &TenantReport, reasons: &Reasons<'_>) -> Row {
    let isolation = Cell::new(tenant.isolation).fg(verdict_colour(tenant.isolation));
    let health = Cell::new(tenant.health).fg(health_colour(tenant.health));
    Row::from(vec![
        Cell::new(&tenant.id),
        isolation,
        health,
        Cell::new(reasons.why(tenant).join("\n")),
    ])
}

fn closing(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let summary = report.summary();
    let unknown = report.tenants.iter().filter(|it| it.health == Health::Unknown).count();
    let seconds = report.took().as_secs_f64();
    writeln!(
        out,
        "\n{}: {} isolated, {} breached, {} unverified",
        counted(summary.tenants, "tenant"),
        summary.isolated,
        summary.breached,
        summary.unverified
    )?;
    writeln!(
        out,
        "health: {} healthy, {} degraded, {} unhealthy, {unknown} unknown",
        summary.healthy, summary.degraded, summary.unhealthy
    )?;
    let part = if report.partial { "of part of the fleet " } else { "" };
    writeln!(out, "scan {} {part}took {seconds:.2} s", visible(&report.id))
}
