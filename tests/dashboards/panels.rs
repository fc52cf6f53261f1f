//! The shipped dashboards as values: panels with their targets, and variables put in as Grafana does.

use serde_json::Value;

pub(crate) const NAMES: [&str; 3] = ["fleet", "tenant", "daemon"];

pub(crate) fn dashboard(name: &str) -> Value {
    let path = format!("{}/dashboards/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All of them but the rows, those within folded rows included.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    let all = list(&dashboard["panels"]).iter();
    let all = all.flat_map(|it| std::iter::once(it).chain(list(&it["panels"])));
    all.filter(|it| it["type"] != "row").collect()
}

/// An expression as Prometheus gets it: everything chosen, and one tenant.
pub(crate) fn expanded(expression: &str, tenant: &str) -> String {
    expression
        .replace("$job", ".+")
        .replace("$instance", ".+")
        .replace("$tenant", tenant)
        .replace("$__rate_interval", "15s")
}
