//! What an expression of Prometheus names: metrics, and labels of each.
//!
//! Why no parser: what has to be found are names that start with our prefix and the words between braces and behind `by`.
//! Whether the whole is an expression is Prometheus's to say, and it does, in other tests.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use watertight::metrics::list::{ALL, Family, Kind};

/// What every series has from whoever scrapes it, and every histogram's bucket.
const EVERYWHERE: [&str; 3] = ["job", "instance", "le"];

static METRIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(^|[^:\w])(watertight_\w+)(?:\{([^}]*)\})?").expect("a pattern of our own")
});
static MATCHER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(\w+)(?:=~|!~|!=|=)"([^"]*)""#).expect("a pattern of our own"));
static GROUPED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:by|on|group_left) \(([^)]*)\)").expect("a pattern of our own")
});

/// A metric as an expression names it, with its matchers: label and value.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) metric: String,
    pub(crate) matchers: Vec<(String, String)>,
}

impl Named {
    /// As the table has it; parts of a histogram are the histogram.
    pub(crate) fn family(&self) -> Option<&'static Family> {
        ALL.iter().find(|it| {
            let rest = self.metric.strip_prefix(it.name);
            let of_histogram = ["_bucket", "_sum", "_count"];
            rest.is_some_and(|rest| {
                rest.is_empty()
                    || matches!(it.kind, Kind::Histogram(_)) && of_histogram.contains(&rest)
            })
        })
    }
}

pub(crate) fn named(expression: &str) -> Vec<Named> {
    let metrics = METRIC.captures_iter(expression);
    metrics
        .map(|it| Named {
            metric: it[2].to_owned(),
            matchers: MATCHER
                .captures_iter(it.get(3).map_or("", |it| it.as_str()))
                .map(|it| (it[1].to_owned(), it[2].to_owned()))
                .collect(),
        })
        .collect()
}

/// Whatever an expression names that the daemon does not tell, in sentences. `further` labels are none of ours.
pub(crate) fn unknown(expression: &str, further: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut labels: BTreeSet<&str> = EVERYWHERE.iter().chain(further).copied().collect();
    for it in named(expression) {
        let Some(family) = it.family() else {
            faults.push(format!("there is no metric {}", it.metric));
            continue;
        };
        labels.extend(family.labels);
        for (label, _) in &it.matchers {
            if !family.labels.contains(&label.as_str()) && !EVERYWHERE.contains(&label.as_str()) {
                faults.push(format!("{} has no label {label}", it.metric));
            }
        }
    }
    for grouped in GROUPED.captures_iter(expression) {
        for label in grouped[1].split(',').map(str::trim).filter(|it| !it.is_empty()) {
            if !labels.contains(label) {
                faults.push(format!("no metric here has a label {label}: {expression}"));
            }
        }
    }
    faults
}

#[test]
fn what_does_not_exist_is_found() {
    assert_eq!(unknown("sum by (job) (watertight_leader)", &[]), [""; 0]);
    for wrong in [
        "watertight_leaders",
        "rate(watertight_leader_bucket[5m])",
        "watertight_fleet_tenants{state=\"breached\"}",
        "sum by (tenant) (watertight_leader)",
    ] {
        assert_eq!(unknown(wrong, &[]).len(), 1, "{wrong}");
    }
}
