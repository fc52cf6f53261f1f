//! The two issues that are about many findings: what would be filed, and what is too much to be filed one by one.

use super::options::IssueOptions;
use super::text::{Scene, capital, exact, sentence};
use super::title::counted;
use crate::model::finding::{Finding, Kind};

/// Findings with a line of their own. A line has at most some 500 characters.
const LISTED: usize = 60;
/// Characters of one line, of which ids may have 253.
const MEMBERS: usize = 3;

pub(super) fn summary(findings: &[&Finding], scene: Scene<'_>) -> String {
    format!(
        "Watertight observes this fleet and files critical breaches of isolation only. {} beside those {} here, kept up to \
        date and without comments, until the operator decides.\n\n\
        To see what filing would do, run `watertight issues plan --mode file`. To have each filed on its own, set \
        `github.mode = \"file\"`; this issue is closed then.\n\n{}{}",
        sentence_case(&counted(findings.len())),
        if findings.len() == 1 { "waits" } else { "wait" },
        list(findings),
        links(scene.options),
    )
}

pub(super) fn umbrella(findings: &[&Finding], scene: Scene<'_>) -> String {
    let health = findings.iter().filter(|it| it.claim.kind.is_health()).count();
    let why = if 0 < health && health == findings.len() {
        "So much of the fleet failed at once that the monitor's own side is the likelier cause; the issue of the kind \
        `monitor_suspect` says what to look at first."
            .to_owned()
    } else {
        format!(
            "More than {} findings stand at once, so those that have no issue yet are gathered here, worst first. So many \
            usually have one cause: look for what they have in common (a server, a project, a restore, a deployment) before \
            you mend them one by one.",
            scene.options.umbrella_above
        )
    };
    format!("{why}\n\n{}{}", list(findings), links(scene.options))
}

fn list(findings: &[&Finding]) -> String {
    let mut text =
        "| severity | kind | tenants | since | what |\n|---|---|---|---|---|\n".to_owned();
    for finding in findings.iter().take(LISTED) {
        let claim = &finding.claim;
        text.push_str(&format!(
            "| {} | `{}` | {} | {} | {} |\n",
            capital(claim.severity),
            claim.kind,
            members(finding),
            exact(finding.first_seen),
            sentence(&crate::report::visible::clipped(&claim.summary, 160)),
        ));
    }
    if LISTED < findings.len() {
        let left_out = &findings[LISTED..];
        text.push_str(&format!("\nand {} more: {}\n", left_out.len(), kinds(left_out)));
    }
    text
}

fn members(finding: &Finding) -> String {
    let tenants = &finding.claim.tenants;
    let named: Vec<String> = tenants.iter().take(MEMBERS).map(|it| format!("`{it}`")).collect();
    match tenants.len().saturating_sub(MEMBERS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn kinds(findings: &[&Finding]) -> String {
    let count = |kind: Kind| findings.iter().filter(|it| it.claim.kind == kind).count();
    let counts = Kind::ALL.iter().map(|it| (it, count(*it))).filter(|(_, it)| 0 < *it);
    counts.map(|(kind, it)| format!("{it} `{kind}`")).collect::<Vec<_>>().join(", ")
}

fn links(options: &IssueOptions) -> String {
    match &options.status_url {
        Some(url) => format!("\n---\n[All findings]({url}/findings)\n"),
        None => "\n---\nAll of them: `watertight report`\n".to_owned(),
    }
}

fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |it| it.to_uppercase().chain(letters).collect())
}
