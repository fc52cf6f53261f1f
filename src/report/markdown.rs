//! The report for a pull request's comment or a job's summary, in GitHub-flavoured Markdown.
//!
//! Why so much escaping: a database may be called `@everyone` or `<!--`. Such a name must neither notify a person, nor
//! hide the rest of the comment, nor become a link that somebody trusts because it stands in our report.
//!
//! A comment may hold 65 536 characters, so the lists are cut and say so.

use std::io::{self, Write};

use super::name_some;
use super::reasons::Reasons;
use super::visible::clipped;
use crate::model::finding::{Finding, Health, Verdict};
use crate::model::report::{Report, Summary, TenantReport};

const MOST_FINDINGS: usize = 50;
const MOST_TENANTS: usize = 100;
const MOST_MEMBERS: usize = 20;
/// Characters of one sentence.
const LONGEST: usize = 300;

/// Breaks a mention or a reference and shows nothing.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    heading(report.verdict(), report.summary(), out)?;
    findings(report, out)?;
    tenants(report, out)?;
    for warning in &report.warnings {
        writeln!(out, "\n> The registry is not whole: {}", escaped(&clipped(warning, LONGEST)))?;
    }
    Ok(())
}

/// The verdict, and how many tenants stand how.
pub(super) fn heading(verdict: Verdict, summary: Summary, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## Tenant isolation: {verdict}\n")?;
    writeln!(
        out,
        "| tenants | isolated | breached | unverified | healthy | degraded | unhealthy |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|")?;
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} |",
        summary.tenants,
        summary.isolated,
        summary.breached,
        summary.unverified,
        summary.healthy,
        summary.degraded,
        summary.unhealthy
    )
}

fn findings(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let standing = report.standing().count();
    if standing == 0 {
        return Ok(());
    }
    writeln!(out, "\n### Findings\n")?;
    report.standing().take(MOST_FINDINGS).try_for_each(|it| finding(it, out))?;
    if MOST_FINDINGS < standing {
        writeln!(out, "\nand {} more", standing - MOST_FINDINGS)?;
    }
    Ok(())
}

fn finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let claim = &finding.claim;
    write!(
        out,
        "- **{}** `{}` ({}, {})",
        claim.severity, claim.kind, claim.certainty, finding.state
    )?;
    if !claim.tenants.is_empty() {
        write!(out, " {}", escaped(&name_some(claim.tenants.iter(), MOST_MEMBERS)))?;
    }
    writeln!(out, "  \n  {}", escaped(&clipped(&claim.summary, LONGEST)))?;
    for (index, step) in claim.remediation.iter().enumerate() {
        writeln!(out, "  {}. {}", index + 1, escaped(&clipped(step, LONGEST)))?;
    }
    Ok(())
}

fn tenants(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let ill =
        |it: &&TenantReport| it.isolation != Verdict::Isolated || it.health != Health::Healthy;
    let count = report.tenants.iter().filter(ill).count();
    if count == 0 {
        return Ok(());
    }
    writeln!(out, "\n### Tenants that are not well\n")?;
    writeln!(out, "| tenant | isolation | health | why |\n|---|---|---|---|")?;
    let reasons = Reasons::of(report);
    for tenant in report.tenants.iter().filter(ill).take(MOST_TENANTS) {
        let why: Vec<_> = reasons.why(tenant).iter().map(|it| escaped(it)).collect();
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            escaped(tenant.id.as_str()),
            tenant.isolation,
            tenant.health,
            why.join("<br>")
        )?;
    }
    if MOST_TENANTS < count {
        writeln!(out, "\nand {} more", count - MOST_TENANTS)?;
    }
    Ok(())
}

/// Text that Markdown shows as it is. Takes what `visible` has passed: no line breaks are in it.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    // Four spaces at the start would make a block of code, in which nothing is escaped.
    for c in text.trim().chars() {
        // A backslash takes the meaning from punctuation in Markdown itself. Mentions and references are looked for
        // afterwards, in what is shown, so they are broken as well; so are addresses that would become links.
        if c.is_ascii_punctuation() && !matches!(c, ',' | '\'' | ';' | '/' | '"' | '?' | '%') {
            shown.push('\\');
        }
        shown.push(c);
        if matches!(c, '@' | '#') {
            shown.push(ZERO_WIDTH_SPACE);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(escaped(text).replace(ZERO_WIDTH_SPACE, "_"), expected);
    }

    #[test]
    fn nothing_in_a_name_is_obeyed() {
        check("@here", r"\@_here");
        check("<!-- a", r"\<\!\-\- a");
        check("a | b", r"a \| b");
        check("`rm`", r"\`rm\`");
        check("[a](b)", r"\[a\]\(b\)");
        check("acme#12", r"acme\#_12");
        check("https://example.com", r"https\://example\.com");
        check("www.example.com", r"www\.example\.com");
        check("a\\b", r"a\\b");
        check("&lt;", r"\&lt;");
        check("    code", "code");
    }
}
