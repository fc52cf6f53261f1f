//! Workflow commands: each finding becomes an annotation at the tenant's line in the registry.
//!
//! Why every line is a command of ours: the runner obeys any line that begins with `::`, so text from a tenant's server
//! stands only inside a command's message, escaped, and never begins a line.

use std::borrow::Cow;
use std::io::{self, Write};

use super::visible::{clipped, visible};
use super::{Origins, name_some};
use crate::model::finding::{Finding, Severity};
use crate::model::report::Report;
use crate::model::tenant::Origin;

/// The runner shows ten annotations of a level for a step; further ones are lines of the log.
const MOST: usize = 1000;
const MOST_MEMBERS: usize = 20;
const LONGEST: usize = 1000;

pub(super) fn write(report: &Report, origins: &Origins<'_>, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.standing().take(MOST) {
        annotate(finding, origins, out)?;
    }
    let standing = report.standing().count();
    if MOST < standing {
        let text = format!("{} more findings are in the report", standing - MOST);
        command("warning", None, "watertight", &text, out)?;
    }
    unverified(report, origins, out)?;
    for warning in &report.warnings {
        command("warning", None, "the registry is not whole", &clipped(warning, LONGEST), out)?;
    }
    let summary = report.summary();
    writeln!(
        out,
        "watertight: {}; {} tenants: {} isolated, {} breached, {} unverified; {} unhealthy",
        report.verdict(),
        summary.tenants,
        summary.isolated,
        summary.breached,
        summary.unverified,
        summary.unhealthy
    )
}

fn annotate(finding: &Finding, origins: &Origins<'_>, out: &mut dyn Write) -> io::Result<()> {
    let claim = &finding.claim;
    let level = match claim.severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "notice",
    };
    let title = format!("{}: {}", claim.kind, name_some(claim.tenants.iter(), MOST_MEMBERS));
    let mut text = clipped(&claim.summary, LONGEST).into_owned();
    for step in &claim.remediation {
        text.push_str(&format!("\n→ {}", clipped(step, LONGEST)));
    }
    let origin = claim.tenants.iter().find_map(|it| origins.get(it));
    command(level, origin, title.trim_end_matches(": "), &text, out)
}

/// Tenants of which nothing is proven are no findings, and must not pass in silence.
fn unverified(report: &Report, origins: &Origins<'_>, out: &mut dyn Write) -> io::Result<()> {
    let ids = report.unverified();
    let Some(first) = ids.first() else { return Ok(()) };
    let text = format!("not verified: {}", name_some(ids.iter().copied(), MOST_MEMBERS));
    command("warning", origins.get(first), "unverified tenants", &text, out)
}

/// `title` and `text` have gone through `visible` but for our own line breaks.
fn command(
    level: &str,
    origin: Option<&Origin>,
    title: &str,
    text: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "::{level} ")?;
    if let Some(Origin { source, line: Some(line) }) = origin {
        write!(out, "file={},line={line},", property(&visible(source)))?;
    }
    writeln!(out, "title={}::{}", property(title), message(text))
}

fn message(text: &str) -> Cow<'_, str> {
    escaped(text, &['%', '\r', '\n'])
}

fn property(text: &str) -> Cow<'_, str> {
    escaped(text, &['%', '\r', '\n', ':', ','])
}

fn escaped<'a>(text: &'a str, special: &[char]) -> Cow<'a, str> {
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if special.contains(&c) {
            shown.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_start_a_command_of_its_own_nor_a_property_end_early() {
        let mut out = Vec::new();
        let origin = Origin { source: "a,b:c%.toml".into(), line: Some(7) };
        command("error", Some(&origin), "x::y,z", "a\n::error::b\r100%", &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "::error file=a%2Cb%3Ac%25.toml,line=7,title=x%3A%3Ay%2Cz::a%0A::error::b%0D100%25\n"
        );
    }
}
