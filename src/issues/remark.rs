//! What a comment says. One is written only where the finding itself changed, so each is worth the message that it sends.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::marker;
use super::plan::{About, difference};
use super::text::{Scene, capital, exact, sentence, span};
use super::wanted::{Content, Wanted};
use crate::model::finding::{Finding, Kind};
use crate::model::issue::{Entry, News, Subject};
use crate::model::tenant::TenantId;

/// Tenants and kinds of evidence by name.
const NAMED: usize = 30;

/// What the comment is written with.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    pub entry: &'a Entry,
    pub wanted: Option<&'a Wanted<'a>>,
    /// Of what was resolved, as the store knows it; `None` where nobody knows it any more.
    pub resolved: Option<&'a Finding>,
    pub now: Timestamp,
}

pub fn body(about: About, key: &str, on: Occasion<'_>, scene: Scene<'_>) -> String {
    let told = match about {
        About::Changed => changed(on),
        About::Resolved => resolved(on, scene),
        About::Returned => format!(
            "It is back: {}\n\nThe issue is open again, and its text is what the last scan says.\n",
            says(on.wanted)
        ),
        About::StillThere => format!(
            "A scan since this issue was closed still finds it: {}\n\nIt is open again. `watertight verify` looks at once \
            whether a repair has worked; the issue closes by itself when it has.\n",
            says(on.wanted)
        ),
        About::NoLongerSilenced => format!(
            "The acknowledgement has ended or no longer covers what the scan finds: {}\n\nThe issue is open again.\n",
            says(on.wanted)
        ),
        About::Reminder => reminder(on),
    };
    format!("{told}\n{}\n", marker::of_remark(key, &scene.options.instance))
}

fn says(wanted: Option<&Wanted<'_>>) -> String {
    let finding = wanted.and_then(Wanted::finding);
    finding.map_or_else(|| "see above.".to_owned(), |it| sentence(&it.claim.summary))
}

fn changed(on: Occasion<'_>) -> String {
    let (Some(wanted), Some(said)) = (on.wanted, &on.entry.said) else {
        return "It has changed; the text above is what the last scan says.\n".to_owned();
    };
    let news = &wanted.news;
    let mut lines = Vec::new();
    if said.severity != news.severity {
        let (before, after) = (capital(said.severity), capital(news.severity));
        lines.push(format!("Severity: {before}, now **{after}**"));
    }
    match &wanted.content {
        Content::Finding(finding) => {
            members(&said.tenants, &news.tenants, &mut lines);
            evidence(said, news, &mut lines);
            silence(said, news, finding, &mut lines);
        }
        Content::Summary(_) | Content::Umbrella(_) | Content::Daily(_) => {
            let (joined, left) = difference(&said.evidence, &news.evidence);
            lines.push(format!("{} more, {} fewer", joined.len(), left.len()));
        }
    }
    format!("{}\n\n- {}\n", says(on.wanted), lines.join("\n- "))
}

fn members(before: &BTreeSet<TenantId>, after: &BTreeSet<TenantId>, lines: &mut Vec<String>) {
    let (joined, left) = difference(before, after);
    for (what, tenants) in [("Joined", joined), ("No longer in it", left)] {
        if tenants.is_empty() {
            continue;
        }
        let named = tenants.iter().take(NAMED).map(|it| format!("`{it}`"));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = tenants.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        lines.push(format!("{what}: {named}{more}"));
    }
}

fn evidence(said: &News, news: &News, lines: &mut Vec<String>) {
    let (more, less) = difference(&said.evidence, &news.evidence);
    for (what, names) in [("New evidence", more), ("No longer seen", less)] {
        if !names.is_empty() {
            let named = names.iter().take(NAMED).map(|it| sentence(&it.replace('_', " ")));
            lines.push(format!("{what}: {}", named.collect::<Vec<_>>().join(", ")));
        }
    }
}

fn silence(said: &News, news: &News, finding: &Finding, lines: &mut Vec<String>) {
    match (said.acknowledged, news.acknowledged, &finding.acknowledgement) {
        (before, Some(after), Some(given)) if before != Some(after) => lines.push(format!(
            "Acknowledged until {} by {}: {}",
            exact(after),
            sentence(&given.by),
            sentence(&given.reason)
        )),
        (Some(_), None, _) => {
            lines.push("The acknowledgement has ended, or no longer covers it".to_owned());
        }
        _ => {}
    }
}

fn resolved(on: Occasion<'_>, scene: Scene<'_>) -> String {
    let scan = scene.standing.map(|it| &it.full);
    let looked = scan.map_or_else(String::new, |it| {
        let summary = it.summary();
        format!(
            " Scan `{}` ended at {} and looked at {} tenants, of which {} are verified as isolated.",
            it.id,
            exact(it.finished_at),
            summary.tenants,
            summary.isolated
        )
    });
    if !matches!(on.entry.subject, Subject::Finding(_)) {
        return "What stood here is over, or has an issue of its own now.\n".to_owned();
    }
    let Some(finding) = on.resolved else {
        return format!("Nothing of this stands any more.{looked}\n");
    };
    let asked = finding.claim.tenants.iter().take(3).map(|it| format!(" --tenant {it}"));
    let asked: Vec<String> = asked.collect();
    let lasted = finding.last_seen.duration_since(finding.first_seen);
    let proof = if finding.claim.kind.is_health() {
        "its members were visited since and serve again"
    } else if finding.claim.kind == Kind::MonitorSuspect {
        "most of the fleet answers again"
    } else {
        "all of its members were visited since, and what was claimed of them no longer holds"
    };
    format!(
        "Resolved: {proof}.{looked}\n\n- First seen {}, last seen {}: it stood for at least {}\n- To check it yourself: \
        `watertight verify{}`\n",
        exact(finding.first_seen),
        exact(finding.last_seen),
        span(lasted),
        asked.concat(),
    )
}

fn reminder(on: Occasion<'_>) -> String {
    let since = on.wanted.and_then(Wanted::finding).map(|it| it.first_seen);
    let stands = since.map_or_else(String::new, |it| {
        format!(" It has stood for {}.", span(on.now.duration_since(it)))
    });
    format!(
        "Still open: {}{stands}\n\nIf it is known and accepted for now, close the issue as *not planned*.\n",
        says(on.wanted)
    )
}
