//! From a planted fault to the message that wakes somebody: a real daemon, Prometheus and Alertmanager with the shipped
//! files, and a receiver in this test.
//!
//! Why the shipped files and no others: of each file only times, addresses and places are changed, by rules that stand
//! below, so that what is tried here is what runs elsewhere.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "../support/program.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod program;
#[path = "../support/prometheus.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod prometheus;
mod receiver;
#[path = "../support/running.rs"]
#[expect(dead_code, reason = "not every test needs all of it")]
mod running;
mod shipped;

use rustix::process::Signal;
use serde_json::Value;
use watertight::local::ground::Ground;

use program::{Program, own_database, server, tenant};
use prometheus::{Server, free_port, until};
use receiver::{Message, Receiver};
use running::Running;
use shipped::{Alerting, Waits};

const SETTINGS: &str = "schedule.scan = \"* * * * * *\"\nschedule.jitter = \"0s\"\nprobe.timeout = \"2s\"\npolicy.unhealthy_after = 1\n";
const BREACHED: &str = "WatertightTenantBreached";

fn reload(daemon: &Running, program: &Program, configuration: &str) {
    program.configure(configuration);
    daemon.signal(Signal::HUP);
}

/// When a series had this value first.
async fn first(prometheus: &Server, series: &str, value: &str) -> Option<f64> {
    samples(prometheus, series).await.into_iter().find(|it| it.1 == value).map(|it| it.0)
}

async fn samples(prometheus: &Server, series: &str) -> Vec<(f64, String)> {
    let answer = prometheus.get("/api/v1/query", &[("query", &format!("{series}[15m]"))]).await;
    let values = answer.unwrap()["data"]["result"][0]["values"].take();
    let values = values.as_array().cloned().unwrap_or_default();
    values.iter().map(|it| (it[0].as_f64().unwrap(), it[1].as_str().unwrap().to_owned())).collect()
}

/// Between the scrape that brought the fault and the alert's first sample there is no evaluation that saw it and kept
/// quiet. Counted, and not timed, because a machine that does a dozen other things is late with everything.
async fn told_by_the_next_evaluation(prometheus: &Server) {
    let scraped = first(prometheus, "watertight_fleet_tenants{verdict=\"breached\"}", "2").await;
    let told = format!("ALERTS{{alertname=\"{BREACHED}\",tenant=\"acme\",alertstate=\"firing\"}}");
    let (scraped, told) = (scraped.unwrap(), first(prometheus, &told, "1").await.unwrap());
    let evaluated = samples(prometheus, "ALERTS{alertname=\"Watchdog\"}").await;
    let between = evaluated.iter().filter(|it| scraped < it.0 && it.0 < told).count();
    assert!(scraped <= told && between <= 1, "scraped {scraped}, told {told}: {evaluated:?}");
}

/// Where the message sends its reader.
async fn links_lead_somewhere(prometheus: &Server, alert: &Value) {
    let annotation = |name: &str| alert["annotations"][name].as_str().unwrap().to_owned();
    let runbook = annotation("runbook_url");
    let page = runbook.strip_prefix("http://localhost:9090").unwrap();
    assert!(prometheus.serves(page).await, "{runbook}");
    assert!(!prometheus.serves("/user/runbooks/Nothing.md").await, "what is not there is told");
    let tenant = alert["labels"]["tenant"].as_str().unwrap();
    assert_eq!(
        annotation("dashboard_url"),
        format!("http://localhost:3000/d/watertight-tenant?var-tenant={tenant}&var-job=watertight")
    );
    let dashboard = format!("{}/dashboards/tenant.json", env!("CARGO_MANIFEST_DIR"));
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(dashboard).unwrap()).unwrap();
    assert_eq!(dashboard["uid"], "watertight-tenant");
    assert!(annotation("description").contains(&format!("watertight verify --tenant {tenant}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_database_pages_once_with_links_that_lead_somewhere_and_is_resolved_by_its_repair()
{
    let Some(alerting) = Alerting::installed() else {
        eprintln!("left out: prometheus or alertmanager is not installed");
        return;
    };
    let ground = Ground::create().unwrap();
    let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let acme = own_database(&one, "acme").await;
    let globex = own_database(&two, "globex").await;
    let sound = [SETTINGS, &tenant("acme", &acme, ""), &tenant("globex", &globex, "")].concat();
    let faulty = [SETTINGS, &tenant("acme", &acme, ""), &tenant("globex", &acme, "")].concat();
    let program = Program::new(&sound);
    let mut daemon = Running::start(&program).await;
    let receiver = Receiver::start().await;
    let alertmanager = alerting.alertmanager(&receiver).await;
    let prometheus = alerting.prometheus(&daemon, &alertmanager, Waits::AsShipped).await;
    until("the heartbeat", || async { !receiver.of("deadman", "Watchdog").is_empty() }).await;
    assert_eq!(receiver.of("page", BREACHED).len(), 0, "nothing is wrong yet");

    reload(&daemon, &program, &faulty);
    let both = |status: &'static str| {
        let receiver = &receiver;
        move || async move {
            let last = receiver.of("page", BREACHED).pop();
            last.is_some_and(|it| it.status == status && it.tenants() == ["acme", "globex"])
        }
    };
    until("a page about both", both("firing")).await;
    told_by_the_next_evaluation(&prometheus).await;
    let pages = receiver.of("page", BREACHED);
    let Message { alerts, .. } = pages.last().unwrap();
    for alert in alerts {
        links_lead_somewhere(&prometheus, alert).await;
    }
    assert_eq!(pages.len(), 1, "one message for one trouble");

    reload(&daemon, &program, &sound);
    until("the end is told", both("resolved")).await;
    assert_eq!(receiver.of("ticket", BREACHED).len(), 0);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tenants_that_are_down_are_one_page_and_no_hundred_tickets() {
    let Some(alerting) = Alerting::installed() else {
        eprintln!("left out: prometheus or alertmanager is not installed");
        return;
    };
    let row = |number: usize| {
        let url = format!("postgres://u{number}:p{number}@127.0.0.1:{}/app", free_port());
        tenant(&format!("tenant-{number}"), &url, "")
    };
    let rows: String = (0..100).map(row).collect();
    let program = Program::new(&[SETTINGS, &rows].concat());
    let mut daemon = Running::start(&program).await;
    let receiver = Receiver::start().await;
    let alertmanager = alerting.alertmanager(&receiver).await;
    let prometheus = alerting.prometheus(&daemon, &alertmanager, Waits::SecondsForMinutes).await;

    let many = "WatertightTenantUnreachableMany";
    until("the page about many", || async { !receiver.of("page", many).is_empty() }).await;
    let (single, held) = ("WatertightTenantUnreachable", [100, 100]);
    until("all hundred are held back", || async { states(&alertmanager, single).await == held })
        .await;
    until("coverage too", || async {
        states(&alertmanager, "WatertightCoverageLow").await == [1, 1]
    })
    .await;
    for alert in [single, "WatertightCoverageLow"] {
        assert_eq!(receiver.of("ticket", alert).len(), 0, "{alert} is held back");
    }
    assert_eq!(receiver.of("page", many).len(), 1, "one message for one trouble");
    let firing = format!("ALERTS{{alertname=\"{single}\",alertstate=\"firing\"}}");
    assert_eq!(prometheus.query(&firing).await.unwrap().len(), 100);
    assert_eq!(daemon.stop().await, Some(0));
}

/// How many of these alerts Alertmanager has, and how many of them it holds back for another's sake.
async fn states(alertmanager: &Server, alert: &str) -> [usize; 2] {
    let filter = format!("alertname=\"{alert}\"");
    let answer = alertmanager.get("/api/v2/alerts", &[("filter", &filter)]).await;
    let alerts = answer.and_then(|it| it.as_array().cloned()).unwrap_or_default();
    let held = |it: &&Value| {
        it["status"]["state"] == "suppressed"
            && it["status"]["inhibitedBy"] != serde_json::json!([])
    };
    [alerts.len(), alerts.iter().filter(held).count()]
}
