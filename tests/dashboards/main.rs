//! The shipped dashboards: to the linter's rules, and each query against a real Prometheus that scrapes a real daemon in
//! whose fleet faults are planted, with a GitHub and a Supabase to speak to.
//!
//! Why values and not only answers: a query that gives something may give the wrong thing, as a count of replicas does
//! that counts Prometheus too. So what each panel has to show is written down, for every panel there is.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]
#![expect(clippy::duplicate_mod, reason = "two fakes, each whole by itself")]

#[path = "../alerts/expression.rs"]
mod expression;
#[path = "../support/fake_github.rs"]
#[expect(dead_code, reason = "the issues' own tests use the rest")]
mod fake_github;
#[path = "../support/fake_supabase.rs"]
#[expect(dead_code, reason = "the provider's own tests use the rest")]
mod fake_supabase;
mod lint;
mod panels;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod program;
#[path = "../support/prometheus.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod prometheus;
#[path = "../support/running.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod running;
mod shown;

use std::collections::BTreeMap;
use std::path::PathBuf;

use regex::Regex;
use rustix::process::Signal;
use serde_json::{Value, json};
use watertight::local::ground::Ground;

use expression::unknown;
use fake_github::{FakeGithub, REPOSITORY, TOKEN};
use fake_supabase::stock::Stock;
use fake_supabase::{FakeSupabase, ORGANIZATION};
use panels::{NAMES, dashboard, expanded, list, panels, text};
use program::{Program, guest, own_database, server, tenant};
use prometheus::{Server, free_port, installed, until};
use running::Running;
use shown::{SHOWN, Shown};

/// The tenant whose dashboard is looked at.
const TENANT: &str = "acme";

/// Where to put what a picture is drawn from, as `tests/dashboards/draw` wants it.
const DRAWN: &str = "WATERTIGHT_DASHBOARD_DATA";

#[test]
fn every_metric_and_label_of_a_panel_is_told_by_the_daemon() {
    for name in NAMES {
        for panel in panels(&dashboard(name)) {
            for target in list(&panel["targets"]) {
                let faults = unknown(text(&target["expr"]), &[]);
                assert_eq!(faults, [""; 0], "{name}: {}", panel["title"]);
            }
        }
    }
}

#[test]
fn every_link_of_a_dashboard_leads_to_one_that_is_there() {
    let uids = NAMES.map(|it| text(&dashboard(it)["uid"]).to_owned());
    let linked = Regex::new(r"/d/([\w-]+)").unwrap();
    let mut links = 0;
    for dashboard in NAMES.map(dashboard) {
        assert_eq!(dashboard["links"][0]["tags"], dashboard["tags"], "the others are found by it");
        for found in linked.captures_iter(&dashboard["panels"].to_string()) {
            assert!(uids.contains(&found[1].to_owned()), "{}", &found[1]);
            links += 1;
        }
    }
    assert_ne!(links, 0, "a tenant's row leads to the tenant");
}

#[test]
fn what_is_written_down_is_there_once_and_every_panel_is_written_down() {
    let mut expected: Vec<(&str, String)> = Vec::new();
    for name in NAMES {
        for panel in panels(&dashboard(name)) {
            let count = list(&panel["targets"]).len();
            expected.extend((0..count).map(|_| (name, text(&panel["title"]).to_owned())));
        }
    }
    let written: Vec<(&str, String)> =
        SHOWN.iter().map(|(name, title, _)| (*name, (*title).to_owned())).collect();
    assert_eq!(written, expected);
}

/// Four tenants: `acme` and `hooli` in one database, `globex` by itself, and `initech` whose server is down.
struct Fleet {
    sound: String,
    faulty: String,
    /// Before the ground: what they stand on is there until they have ended.
    _clusters: [watertight::local::cluster::Cluster; 2],
    _ground: Ground,
}

impl Fleet {
    async fn start(github: &FakeGithub, supabase: &FakeSupabase) -> Self {
        let ground = Ground::create().unwrap();
        let clusters = [server(&ground, "one").await, server(&ground, "two").await];
        let acme = tenant("acme", &own_database(&clusters[0], "acme").await, "");
        let hooli = tenant("hooli", &guest(&clusters[0], "hooli", "acme").await, "");
        let globex = tenant("globex", &own_database(&clusters[1], "globex").await, "");
        let down = format!("postgres://initech:initech@127.0.0.1:{}/app", free_port());
        let outside = format!(
            "[github]\nrepository = '{REPOSITORY}'\napi_url = '{}'\ntoken = '{TOKEN}'\nmode = 'file'\n\
             [provider]\nkind = 'supabase'\napi_url = '{}'\norganization = '{ORGANIZATION}'\nread_token = '{}'\n",
            github.base(),
            supabase.base(),
            fake_supabase::TOKEN
        );
        let sound = format!("{}{outside}{acme}{globex}", Self::SETTINGS);
        let faulty = format!("{sound}{hooli}{}", tenant("initech", &down, ""));
        Self { sound, faulty, _clusters: clusters, _ground: ground }
    }

    const SETTINGS: &str = "schedule.scan = \"* * * * * *\"\nschedule.jitter = \"0s\"\nprobe.timeout = \"5s\"\npolicy.unhealthy_after = 1\n";
}

/// Also Prometheus itself, as everybody's does: what is chosen above a dashboard matches its job too.
fn scraping(daemon: &Running, own: u16) -> String {
    let target = daemon.base.trim_start_matches("http://");
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n- job_name: watertight\n  static_configs: [{{ targets: ['{target}'] }}]\n- job_name: prometheus\n  static_configs: [{{ targets: ['127.0.0.1:{own}'] }}]\n"
    )
}

/// A count, to the bit.
async fn gives(prometheus: &Server, expression: &str, value: f64) -> bool {
    prometheus
        .query(expression)
        .await
        .is_ok_and(|it| it.iter().any(|it| it.1.to_bits() == value.to_bits()))
}

/// The values of the labels but those of whoever scrapes, in the order of the labels' names.
fn key(labels: &Value) -> String {
    let labels: BTreeMap<String, String> = serde_json::from_value(labels.clone()).unwrap();
    let ours = labels
        .into_iter()
        .filter(|it| !["__name__", "job", "instance", "version"].contains(&it.0.as_str()));
    ours.map(|it| it.1).collect::<Vec<_>>().join(" ")
}

/// What a panel shows wrongly.
fn fault(
    expression: &str,
    target: &Value,
    expected: &Shown,
    found: &[(Value, f64)],
) -> Option<String> {
    let words = Regex::new(r"\{\{(\w+)\}\}").unwrap();
    for word in words.captures_iter(text(&target["legendFormat"])) {
        if found.iter().any(|it| it.0[&word[1]].is_null()) {
            return Some(format!("its legend names {}, which no series has", &word[1]));
        }
    }
    let right = match expected {
        Shown::Series(expected) => {
            let mut found: Vec<(String, f64)> = found.iter().map(|it| (key(&it.0), it.1)).collect();
            found.sort_by(|one, other| one.0.cmp(&other.0));
            let close = |one: f64, other: f64| (one - other).abs() < 1e-6;
            found.len() == expected.len()
                && found.iter().zip(*expected).all(|it| it.0.0 == it.1.0 && close(it.0.1, it.1.1))
        }
        Shown::Between(low, high) => {
            !found.is_empty() && found.iter().all(|it| *low <= it.1 && it.1 <= *high)
        }
    };
    (!right).then(|| format!("{expression} should give {expected:?} and gives {found:?}"))
}

async fn faults(prometheus: &Server) -> Vec<String> {
    let mut faults = Vec::new();
    let mut shown = SHOWN.iter();
    for name in NAMES {
        for panel in panels(&dashboard(name)) {
            for target in list(&panel["targets"]) {
                let (_, title, expected) = shown.next().unwrap();
                let expression = text(&target["expr"]);
                let fault = match prometheus.query(&expanded(expression, TENANT)).await {
                    Ok(found) => fault(expression, target, expected, &found),
                    Err(error) => Some(error),
                };
                faults.extend(fault.map(|it| format!("{name}: {title}: {it}")));
            }
        }
    }
    faults
}

/// What may be chosen above a dashboard.
async fn choices(prometheus: &Server, name: &str) -> BTreeMap<String, Value> {
    let asked = Regex::new(r"^label_values\((.+), (\w+)\)$").unwrap();
    let mut choices = BTreeMap::new();
    for variable in list(&dashboard(name)["templating"]["list"]) {
        let Some(found) = asked.captures(text(&variable["query"]["query"])) else { continue };
        let path = format!("/api/v1/label/{}/values", &found[2]);
        let selector = expanded(&found[1], TENANT);
        let answer = prometheus.get(&path, &[("match[]", &selector)]).await.unwrap();
        choices.insert(text(&variable["name"]).to_owned(), answer["data"].clone());
    }
    choices
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_what_is_planted() {
    let Some(binary) = installed(&["prometheus"]) else {
        eprintln!("left out: prometheus is not installed");
        return;
    };
    let github = FakeGithub::start();
    let supabase = FakeSupabase::start(&Stock::start(0), 1.0);
    let fleet = Fleet::start(&github, &supabase).await;
    let drawn = std::env::var_os(DRAWN).map(PathBuf::from);
    let program = Program::new(if drawn.is_some() { &fleet.sound } else { &fleet.faulty });
    let mut daemon = Running::start(&program).await;
    let configuration = scraping(&daemon, free_port());
    let prometheus = Server::start(&binary, &configuration, prometheus::prometheus).await;
    if drawn.is_some() {
        let sound =
            "count_over_time(watertight_fleet_tenants{verdict=\"isolated\"}[5m]) >= bool 40";
        until("a picture of the time before", || gives(&prometheus, sound, 1.0)).await;
        program.configure(&fleet.faulty);
        daemon.signal(Signal::HUP);
    }
    let breached = "watertight_fleet_tenants{verdict=\"breached\"} == 2";
    until("the fault is told", || gives(&prometheus, breached, 2.0)).await;
    let filed =
        "sum(watertight_github_open_issues) == 2 and on () watertight_github_queue_length == 0";
    until("both findings are filed", || gives(&prometheus, filed, 2.0)).await;
    // Enough of them for what looks back.
    let wanted = if drawn.is_some() { 90 } else { 8 };
    let since =
        format!("count_over_time(watertight_scan_last_duration_seconds[5m]) >= bool {wanted}");
    until("some scrapes", || gives(&prometheus, &since, 1.0)).await;
    if let Some(directory) = drawn {
        return draw(&prometheus, &directory).await;
    }
    assert_eq!(faults(&prometheus).await, [""; 0]);
    let chosen = choices(&prometheus, "tenant").await;
    assert_eq!(chosen["job"], json!(["watertight"]));
    assert_eq!(chosen["instance"].as_array().map(Vec::len), Some(1));
    assert_eq!(chosen["tenant"], json!(["acme", "globex", "hooli", "initech"]));
    assert_eq!(daemon.stop().await, Some(0));
}

/// Writes each dashboard with what its queries give, over the last two minutes.
async fn draw(prometheus: &Server, directory: &std::path::Path) {
    let end = watertight::clock::now().as_second();
    for name in NAMES {
        let mut data = serde_json::Map::new();
        for panel in panels(&dashboard(name)) {
            let mut results = Vec::new();
            for target in list(&panel["targets"]) {
                let expression = expanded(text(&target["expr"]), TENANT);
                let answer = if target["instant"] == true {
                    prometheus.get("/api/v1/query", &[("query", &expression)]).await
                } else {
                    let (start, end) = ((end - 120).to_string(), end.to_string());
                    let query = [
                        ("query", expression.as_str()),
                        ("start", &start),
                        ("end", &end),
                        ("step", "1"),
                    ];
                    prometheus.get("/api/v1/query_range", &query).await
                };
                let found = answer.unwrap()["data"].take();
                results.push(json!({ "target": target, "type": found["resultType"], "result": found["result"] }));
            }
            data.insert(panel["id"].to_string(), results.into());
        }
        let whole =
            json!({ "dashboard": dashboard(name), "data": data, "from": end - 120, "to": end });
        std::fs::write(directory.join(format!("{name}.json")), whole.to_string()).unwrap();
    }
}
