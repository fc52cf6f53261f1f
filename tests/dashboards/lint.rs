//! The rules of Grafana's own linter for dashboards, those for Prometheus, and a few that are ours.
//!
//! Why here: the linter is a program of another language that has to be fetched, and its rules are short. They are named
//! as it names them.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};

use crate::panels::{NAMES, dashboard, list, panels, text};

/// Those of Grafana's units that we use. A word that is none of Grafana's is drawn behind the number.
const UNITS: [&str; 5] = ["short", "s", "bytes", "percentunit", "reqps"];

/// What a dashboard does wrong, in sentences.
fn faults(dashboard: &Value) -> Vec<String> {
    let mut faults = variables(dashboard);
    if dashboard["editable"] != false {
        faults.push("uneditable-dashboard".to_owned());
    }
    let mut ids = BTreeSet::new();
    for panel in panels(dashboard) {
        let title = text(&panel["title"]);
        let found = self::panel(panel)
            .into_iter()
            .chain(list(&panel["targets"]).iter().flat_map(|it| target(text(&it["expr"]))));
        faults.extend(found.map(|it| format!("{title}: {it}")));
        if !ids.insert(panel["id"].as_u64()) {
            faults.push(format!("{title}: its id is another panel's too"));
        }
    }
    faults
}

fn variables(dashboard: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let variables = list(&dashboard["templating"]["list"]);
    let find = |name: &str| variables.iter().find(|it| it["name"] == name);
    match find("datasource") {
        Some(it) if it["type"] == "datasource" && it["label"] == "Data source" => (),
        _ => faults.push("template-datasource-rule".to_owned()),
    }
    for (name, label) in [("job", "Job"), ("instance", "Instance")] {
        let right = find(name).is_some_and(|it| {
            it["type"] == "query"
                && it["datasource"]["uid"] == "${datasource}"
                && it["multi"] == true
                && it["allValue"] == ".+"
                && it["label"] == label
        });
        if !right {
            faults.push(format!("template-{name}-rule"));
        }
    }
    let whole = dashboard["panels"].to_string();
    for variable in variables.iter().filter(|it| it["type"] == "query") {
        let name = text(&variable["name"]);
        if variable["refresh"] != 2 {
            faults.push(format!("template-on-time-change-reload-rule: {name}"));
        }
        if !whole.contains(&format!("${name}")) {
            faults.push(format!("the variable {name} is not used"));
        }
    }
    faults
}

fn panel(panel: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if text(&panel["title"]).is_empty() || text(&panel["description"]).is_empty() {
        faults.push("panel-title-description-rule".to_owned());
    }
    if list(&panel["targets"]).is_empty() {
        faults.push("panel-no-targets-rule".to_owned());
    }
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let sources = std::iter::once(panel).chain(list(&panel["targets"]));
    if sources.into_iter().any(|it| it["datasource"] != source) {
        faults.push("panel-datasource-rule".to_owned());
    }
    let unit = text(&panel["fieldConfig"]["defaults"]["unit"]);
    if !UNITS.contains(&unit) {
        faults.push(format!("panel-units-rule: {unit:?}"));
    }
    faults
}

/// `own` metrics are those of every program: without company they are everybody's.
fn target(expression: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let pattern = |it: &str| Regex::new(it).expect("a pattern of our own");
    let selector = pattern(r"\b((?:watertight|process)_\w+|up)\b(\{[^}]*\})?");
    for found in selector.captures_iter(expression) {
        let (name, matchers) = (&found[1], found.get(2).map_or("", |it| it.as_str()));
        for label in ["job", "instance"] {
            if !matchers.contains(&format!("{label}=~\"${label}\"")) {
                faults.push(format!("target-{label}-rule: {name}"));
            }
        }
        let before = &expression[..found.get(0).map_or(0, |it| it.start())];
        let counted = ["rate(", "increase("].iter().any(|it| before.ends_with(it));
        if (name.ends_with("_total") || name.ends_with("_bucket")) && !counted {
            faults.push(format!("target-counter-agg-rule: {name}"));
        }
        let among_ours = expression.contains("and on (job, instance) watertight_build_info");
        if !name.starts_with("watertight_") && !among_ours {
            faults.push(format!("{name} is every program's"));
        }
    }
    for found in pattern(r"\brate\([^\[]*\[([^\]]+)\]").captures_iter(expression) {
        if &found[1] != "$__rate_interval" {
            faults.push(format!("target-rate-interval-rule: {}", &found[1]));
        }
    }
    faults
}

#[test]
fn grafanas_linter_would_find_nothing() {
    for name in NAMES {
        assert_eq!(faults(&dashboard(name)), [""; 0], "{name}");
    }
}

/// The dashboard of the fleet, with a fault at a place.
#[track_caller]
fn check(place: &str, fault: Value, expected: &str) {
    let mut broken = dashboard("fleet");
    *broken.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place}")) = fault;
    let faults = faults(&broken);
    assert!(faults.iter().any(|it| it.contains(expected)), "{place}: {expected}: {faults:?}");
}

#[test]
fn each_rule_finds_what_it_is_for() {
    check("/editable", json!(true), "uneditable-dashboard");
    check("/templating/list/0/label", json!("Source"), "template-datasource-rule");
    check("/templating/list/1/multi", json!(false), "template-job-rule");
    check("/templating/list/2/allValue", json!(".*"), "template-instance-rule");
    check("/templating/list/2/refresh", json!(1), "template-on-time-change-reload-rule");
    check("/templating/list/2/name", json!("host"), "is not used");
    check("/panels/1/description", json!(""), "panel-title-description-rule");
    check("/panels/1/targets", json!([]), "panel-no-targets-rule");
    check("/panels/1/datasource/uid", json!("prometheus"), "panel-datasource-rule");
    check("/panels/1/fieldConfig/defaults/unit", json!("tenants"), "panel-units-rule");
    check("/panels/1/id", json!(3), "another panel's too");
    let expression = "/panels/1/targets/0/expr";
    check(expression, json!("watertight_leader{job=~\"$job\"}"), "target-instance-rule");
    check(expression, json!("watertight_leader{instance=~\"$instance\"}"), "target-job-rule");
    check(expression, json!("sum(watertight_probes_total)"), "target-counter-agg-rule");
    check(expression, json!("rate(watertight_probes_total[5m])"), "target-rate-interval-rule");
    check(expression, json!("up{job=~\"$job\",instance=~\"$instance\"}"), "every program's");
}
