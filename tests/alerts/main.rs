//! The shipped alerts, their runbooks and dashboards against the program and against each other.
//!
//! Why a test: an alert on a metric that was renamed is quiet for ever, and a link that leads nowhere is noticed at night.
//! What Prometheus's and Alertmanager's own tools say is asked by `tests/deploy/check`.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "expression.rs"]
mod expression;
mod runbooks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use watertight::model::finding::{Kind, Verdict};

use expression::{named, unknown};

/// Where links lead until somebody says where to.
pub(crate) const RUNBOOKS: &str = "http://localhost:9090/user/runbooks/";
pub(crate) const GRAFANA: &str = "http://localhost:3000/d/";

pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the files in a directory that end so, without that end.
pub(crate) fn files(directory: &str, end: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository(directory)).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter_map(|it| it.strip_suffix(end).map(str::to_owned)).collect()
}

/// A rule as it stands in the file, cut out of the text.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) alert: String,
    pub(crate) expression: String,
    pub(crate) severity: String,
    /// What is told, by its name.
    pub(crate) annotations: BTreeMap<String, String>,
}

fn cut<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("no {from:?} in {text}")).1;
    rest.split_once(to).map_or(rest, |it| it.0)
}

pub(crate) fn rules() -> Vec<Rule> {
    let text = read("alerts/watertight.rules.yml");
    let text: Vec<&str> = text.lines().filter(|it| !it.trim_start().starts_with('#')).collect();
    let text = text.join("\n");
    let rule = |block: &str| Rule {
        alert: block.lines().next().unwrap().trim().to_owned(),
        expression: cut(block, "expr:", "\n        labels:").to_owned(),
        severity: cut(block, "severity: ", "\n").to_owned(),
        annotations: cut(block, "annotations:\n", "\n  - name:")
            .lines()
            .filter_map(|it| it.trim().split_once(": "))
            .map(|(name, told)| (name.to_owned(), told.trim_matches('"').to_owned()))
            .collect(),
    };
    text.split("- alert: ").skip(1).map(rule).collect()
}

pub(crate) fn alerts() -> BTreeSet<String> {
    rules().into_iter().map(|it| it.alert).collect()
}

#[test]
fn every_alert_tells_what_and_where_to() {
    let rules = rules();
    // An empty file would pass every other check.
    assert_eq!(rules.len(), 29, "of which two alerts have two rules");
    for Rule { alert, severity, annotations, .. } in &rules {
        let told: Vec<&str> = annotations.keys().map(String::as_str).collect();
        assert_eq!(told, ["dashboard_url", "description", "runbook_url", "summary"], "{alert}");
        let known = ["critical", "warning", "info"].contains(&severity.as_str());
        assert!(known || alert == "Watchdog" && severity == "none", "{alert}: {severity}");
        let summary = &annotations["summary"];
        assert!(!summary.contains("{{") && summary.ends_with('.'), "{alert}: a summary is fixed");
        let acts = ["First ", "first "].iter().any(|it| annotations["description"].contains(it));
        assert!(acts || alert == "Watchdog", "{alert}: the description has no first step");
        assert!(alert == "Watchdog" || alert.starts_with("Watertight"), "{alert}");
        assert_eq!(annotations["runbook_url"], format!("{RUNBOOKS}{alert}.md"));
    }
}

#[test]
fn every_metric_and_label_of_a_rule_and_of_its_tests_is_told_by_the_daemon() {
    for Rule { alert, expression, .. } in rules() {
        let recorded = expression.contains("job:watertight_");
        let own = ["Watchdog", "WatertightAbsent", "WatertightDown"].contains(&alert.as_str());
        assert!(recorded || own || !named(&expression).is_empty(), "{alert}");
        assert_eq!(unknown(&expression, &[]), [""; 0], "{alert}");
    }
    for line in read("alerts/recording.rules.yml").lines().filter(|it| it.contains("expr:")) {
        assert_eq!(unknown(line, &[]), [""; 0]);
    }
    for name in files("alerts/tests", ".yml") {
        let text = read(&format!("alerts/tests/{name}.yml"));
        for line in text.lines().filter(|it| it.contains("{series:")) {
            assert_eq!(unknown(line, &[]), [""; 0], "{name}");
        }
    }
}

#[test]
fn every_recorded_series_is_used_and_every_used_one_is_recorded() {
    let recorded = Regex::new(r"record: (\S+)").unwrap();
    let used = Regex::new(r"\b(job:\w+:\w+)").unwrap();
    let names = |pattern: &Regex, text: &str| -> BTreeSet<String> {
        pattern.captures_iter(text).map(|it| it[1].to_owned()).collect()
    };
    let rules: String = rules().into_iter().map(|it| it.expression).collect();
    assert_eq!(
        names(&recorded, &read("alerts/recording.rules.yml")),
        names(&used, &rules),
        "recorded, and used"
    );
}

/// The kinds that a matcher takes, negated or not.
fn kinds(pattern: &str) -> Vec<Kind> {
    let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
    Kind::ALL.iter().copied().filter(|it| pattern.is_match(it.label())).collect()
}

#[test]
fn the_kinds_that_breach_are_those_of_the_detector_and_the_other_alerts_leave_no_gap() {
    let breaching: Vec<Kind> = Kind::ALL.iter().copied().filter(|it| it.breaches()).collect();
    let told_elsewhere =
        |it: &Kind| it.breaches() || matches!(it, Kind::FingerprintDrift | Kind::Unhealthy);
    let elsewhere: Vec<Kind> = Kind::ALL.iter().copied().filter(told_elsewhere).collect();
    let expected = BTreeMap::from([
        ("WatertightTenantBreached", &breaching),
        ("WatertightTenantsBreached", &breaching),
        ("WatertightFindingOpen", &elsewhere),
    ]);
    let pattern = Regex::new(r#"kind[!=]~"([^"]+)""#).unwrap();
    let mut seen = BTreeSet::new();
    for Rule { alert, expression, .. } in rules() {
        let Some(expected) = expected.get(alert.as_str()) else { continue };
        let found = pattern.captures(&expression).unwrap()[1].to_owned();
        assert_eq!(&&kinds(&found), expected, "{alert}");
        seen.insert(alert);
    }
    assert_eq!(seen.len(), expected.len());
}

#[test]
fn the_words_in_matchers_are_the_programs() {
    let of = |label: &str| -> Option<Vec<&str>> {
        Some(match label {
            "verdict" => Verdict::ALL.iter().map(|it| it.label()).collect(),
            "health" => vec!["healthy", "degraded", "unhealthy"],
            "state" => vec![
                "open",
                "acknowledged",
                "active",
                "provisioning",
                "suspended",
                "deleting",
                "stale",
            ],
            "severity" => vec!["low", "medium", "high", "critical"],
            _ => return None,
        })
    };
    let dashboards = ["fleet", "tenant", "daemon"].map(|it| read(&format!("dashboards/{it}.json")));
    let expressions = rules().into_iter().map(|it| it.expression);
    for expression in expressions.chain(dashboards.map(|it| it.replace("\\\"", "\""))) {
        for (label, value) in named(&expression).into_iter().flat_map(|it| it.matchers) {
            for word in value.split('|') {
                let known = of(&label).is_none_or(|it| it.contains(&word));
                assert!(known, "{label}={word} in {expression}");
            }
        }
    }
}

#[test]
fn every_dashboard_that_is_linked_exists() {
    let uid = |name: &String| -> String {
        let text = read(&format!("dashboards/{name}.json"));
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["uid"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let uids: BTreeSet<String> = files("dashboards", ".json").iter().map(uid).collect();
    assert_eq!(
        uids.iter().collect::<Vec<_>>(),
        ["watertight-daemon", "watertight-fleet", "watertight-tenant"]
    );
    let linked = Regex::new(r"watertight-\w+").unwrap();
    for Rule { alert, annotations, .. } in rules() {
        let url = annotations["dashboard_url"].strip_prefix(GRAFANA).unwrap();
        let names: Vec<&str> = linked.find_iter(url).map(|it| it.as_str()).collect();
        assert!(!names.is_empty() && names.iter().all(|it| uids.contains(*it)), "{alert}: {url}");
    }
}
