//! SARIF 2.1.0: findings on the code-scanning page, at the line of the registry that names the tenant.
//!
//! Why the registry's line: it is the only place in the repository that somebody can change to mend the finding. A
//! tenant from a source without lines is named by its source, since a result without any place is dropped by GitHub.
//!
//! Invariants:
//! - a result's partial fingerprint is the finding's id, so an alert lives as long as the finding;
//! - tenants that were not verified are one result of their own: a page without results would read as green;
//! - a fixed finding is left out, which is how an alert is closed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_sarif::sarif;
use serde_sarif::sarif::{ReportingConfigurationLevel, ResultLevel};

use super::explain::{meaning, usual_severity};
use super::visible::clipped;
use super::{Origins, name_some};
use crate::model::finding::{Finding, Kind, Severity, State};
use crate::model::report::Report;
use crate::model::tenant::{Origin, TenantId};

/// The rule of the one result that tells what was not verified.
const UNVERIFIED: &str = "unverified";
/// Where somebody starts who looks for a tenant that no row names, or for the fleet as a whole.
const CONFIGURATION: &str = "watertight.toml";
/// GitHub takes 25 000 results of a run, and shows 100 places of each.
const MOST_RESULTS: usize = 20_000;
const MOST_PLACES: usize = 100;
const MOST_MEMBERS: usize = 20;
const LONGEST: usize = 1000;

pub(super) fn write(report: &Report, origins: &Origins<'_>, out: &mut dyn Write) -> io::Result<()> {
    let driver = sarif::ToolComponent::builder()
        .name("watertight")
        .version(env!("CARGO_PKG_VERSION"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules())
        .build();
    let mut results: Vec<_> =
        report.standing().take(MOST_RESULTS).map(|it| result(it, origins)).collect();
    results.extend(unverified(report, origins));
    let notes = report.warnings.iter().map(|it| {
        sarif::Notification::builder()
            .message(message(&clipped(it, LONGEST)))
            .level(serde_json::json!("warning"))
            .build()
    });
    let invocation = sarif::Invocation::builder()
        .execution_successful(true)
        .start_time_utc(report.started_at.to_string())
        .end_time_utc(report.finished_at.to_string())
        .tool_execution_notifications(notes.collect::<Vec<_>>())
        .build();
    let run = sarif::Run::builder()
        .tool(sarif::Tool::builder().driver(driver).build())
        .invocations(vec![invocation])
        .results(results)
        .build();
    let document = sarif::Sarif::builder()
        .schema("https://json.schemastore.org/sarif-2.1.0.json")
        .version(serde_json::json!("2.1.0"))
        .runs(vec![run])
        .build();
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// The place of a kind in `Kind::ALL` is its rule's index.
fn rules() -> Vec<sarif::ReportingDescriptor> {
    let mut rules: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| rule(kind.label(), meaning(*kind), usual_severity(*kind)))
        .collect();
    rules.push(rule(
        UNVERIFIED,
        "The tenants were not examined, or something stands in the way of saying whose database they have.",
        Severity::Medium,
    ));
    rules
}

fn rule(id: &str, text: &str, severity: Severity) -> sarif::ReportingDescriptor {
    let tags = vec!["security".to_owned(), "isolation".to_owned()];
    // GitHub sorts by this number: above 9 is critical, above 7 high, above 4 medium.
    let weight = match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    };
    let level = match severity {
        Severity::Critical | Severity::High => ReportingConfigurationLevel::Error,
        Severity::Medium => ReportingConfigurationLevel::Warning,
        Severity::Low => ReportingConfigurationLevel::Note,
    };
    let described = || sarif::MultiformatMessageString::builder().text(text).build();
    sarif::ReportingDescriptor::builder()
        .id(id)
        .name(id)
        .short_description(described())
        .full_description(described())
        .help(described())
        .default_configuration(
            sarif::ReportingConfiguration::builder().level(serde_json::json!(level)).build(),
        )
        .properties(
            sarif::PropertyBag::builder()
                .tags(tags)
                .additional_properties(BTreeMap::from([(
                    "security-severity".to_owned(),
                    weight.into(),
                )]))
                .build(),
        )
        .build()
}

fn result(finding: &Finding, origins: &Origins<'_>) -> sarif::Result {
    let claim = &finding.claim;
    let mut text = clipped(&claim.summary, LONGEST).into_owned();
    for step in &claim.remediation {
        text.push_str(&format!("\n- {}", clipped(step, LONGEST)));
    }
    let level = match claim.severity {
        Severity::Critical | Severity::High => ResultLevel::Error,
        Severity::Medium => ResultLevel::Warning,
        Severity::Low => ResultLevel::Note,
    };
    let mut result = placed(claim.kind.label(), level, &text, claim.tenants.iter(), origins);
    result.rule_index =
        Kind::ALL.iter().position(|it| *it == claim.kind).and_then(|it| i64::try_from(it).ok());
    result.partial_fingerprints = Some(fingerprint(&finding.id.to_string()));
    result.properties = Some(properties(finding));
    if finding.state == State::Acknowledged {
        let reason = finding.acknowledgement.as_ref().map_or("acknowledged", |it| &it.reason);
        let suppression = sarif::Suppression::builder()
            .kind(serde_json::json!("external"))
            .status(serde_json::json!("accepted"))
            .justification(clipped(reason, LONGEST))
            .build();
        result.suppressions = Some(vec![suppression]);
    }
    result
}

fn properties(finding: &Finding) -> sarif::PropertyBag {
    let claim = &finding.claim;
    let words = [
        ("severity", claim.severity.label()),
        ("certainty", claim.certainty.label()),
        ("state", finding.state.label()),
    ];
    let words = words.map(|(name, word)| (name.to_owned(), word.into()));
    let tenants = name_some(claim.tenants.iter(), MOST_MEMBERS);
    let all = words.into_iter().chain([("tenants".to_owned(), tenants.into())]);
    sarif::PropertyBag::builder().additional_properties(all.collect::<BTreeMap<_, _>>()).build()
}

fn unverified(report: &Report, origins: &Origins<'_>) -> Option<sarif::Result> {
    let ids = report.unverified();
    if ids.is_empty() {
        return None;
    }
    let names = name_some(ids.iter().copied(), MOST_MEMBERS);
    let text = format!("Could not be verified, so nothing is proven of them: {names}.");
    let mut result = placed(UNVERIFIED, ResultLevel::Warning, &text, ids.iter().copied(), origins);
    result.rule_index = i64::try_from(Kind::ALL.len()).ok();
    result.partial_fingerprints = Some(fingerprint(UNVERIFIED));
    Some(result)
}

fn fingerprint(id: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("watertightFinding/v1".to_owned(), id.to_owned())])
}

fn placed<'a>(
    rule: &str,
    level: ResultLevel,
    text: &str,
    tenants: impl Iterator<Item = &'a TenantId>,
    origins: &Origins<'_>,
) -> sarif::Result {
    let mut places: Vec<_> =
        tenants.take(MOST_PLACES).map(|it| place(it.as_str(), origins.get(it))).collect();
    if places.is_empty() {
        places.push(place("fleet", None));
    }
    sarif::Result::builder()
        .rule_id(rule)
        .level(level)
        .message(message(text))
        .locations(places)
        .build()
}

fn message(text: &str) -> sarif::Message {
    sarif::Message::builder().text(text).build()
}

fn place(tenant: &str, origin: Option<&Origin>) -> sarif::Location {
    let source = origin.map_or(CONFIGURATION, |it| &it.source);
    let artifact = sarif::ArtifactLocation::builder().uri(uri(source)).build();
    let mut physical = sarif::PhysicalLocation::builder().artifact_location(artifact).build();
    physical.region = origin
        .and_then(|it| it.line)
        .map(|it| sarif::Region::builder().start_line(i64::from(it)).build());
    let logical = sarif::LogicalLocation::builder().name(tenant).kind("tenant").build();
    sarif::Location::builder().physical_location(physical).logical_locations(vec![logical]).build()
}

/// A path as a URI reference: relative ones stay relative, so that the page finds the file in the repository.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            it if it.is_ascii_alphanumeric() => uri.push(char::from(it)),
            it => uri.push_str(&format!("%{it:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_reference_that_no_name_can_turn_into_another() {
        assert_eq!(uri("deploy/tenants.toml"), "deploy/tenants.toml");
        assert_eq!(uri("./tenants.csv"), "tenants.csv");
        assert_eq!(uri("/etc/watertight/a b.toml"), "file:///etc/watertight/a%20b.toml");
        assert_eq!(uri("javascript:x?y#z"), "javascript%3Ax%3Fy%23z");
    }
}
