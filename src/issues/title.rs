//! One line that says what and whom.
//!
//! Why ids and no names of tenants: an id's alphabet needs no escaping, and it is what every command takes.

use super::wanted::{Content, Wanted};
use crate::model::finding::Finding;
use crate::report::explain;

/// GitHub cuts or refuses what is longer than 256 characters.
const LONGEST: usize = 240;

pub fn title(wanted: &Wanted<'_>) -> String {
    match &wanted.content {
        Content::Finding(finding) => of(finding),
        Content::Summary(findings) => {
            format!("Watertight: {} would be filed", counted(findings.len()))
        }
        Content::Umbrella(findings) => {
            format!(
                "Watertight: {} more, too many for issues of their own",
                counted(findings.len())
            )
        }
        // The same every day: a new title is a line in the history.
        Content::Daily(_) => "Watertight: the daily report".to_owned(),
    }
}

fn of(finding: &Finding) -> String {
    let mut title = explain::plain(finding.claim.kind.label());
    let tenants = &finding.claim.tenants;
    let mut before = ": ";
    for (named, tenant) in tenants.iter().enumerate() {
        let left_out = tenants.len() - named;
        let more = format!(" and {left_out} more");
        let longer = title.chars().count() + before.len() + tenant.as_str().len();
        if LONGEST < longer + more.len() || 5 <= named && 1 < left_out {
            // A single id of 253 characters is cut too, and said to be.
            title.push_str(if named == 0 { ": " } else { "" });
            title.push_str(if named == 0 { more.trim_start_matches(" and ") } else { &more });
            return title;
        }
        title.push_str(before);
        title.push_str(tenant.as_str());
        before = ", ";
    }
    title
}

pub(super) fn counted(findings: usize) -> String {
    if findings == 1 { "1 finding".to_owned() } else { format!("{findings} findings") }
}
