//! A day's worth of scans at a stretch: nothing grows, and every target is looked at once in each.
//!
//! Every five minutes, eight hours are ninety-six scans; here they are thousands, back to back, while faults come and
//! go, the configuration is reloaded and the daemon restarted. Judged is each life of the process apart (see `level`):
//! resident memory, file descriptors, threads and tasks; and the database over the whole run.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::Signal;
use tokio::time::Instant;
use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;
use watertight::model::report::Report;

use crate::faults::{self, Faulty};
use crate::form::{Form, Seed, say};
use crate::level::{Tolerance, is_level, thirds};
use crate::program::{Program, own_database, server, tenant};
use crate::running::Running;

const FAKES: u32 = 24;

/// Scans between two reloads.
const RELOADED_EVERY: u32 = 20;

/// What people and scrapers read between two scans, in turn.
const READS: [&str; 7] =
    ["/metrics", "/", "/api/v1/tenants", "/api/v1/gate", "/map", "/api/v1/findings", "/badge.svg"];

/// In a life of 1 500 scans a leak of some ten kilobytes for each is found.
const MEMORY_KB: Tolerance = Tolerance { share: 0.05, units: 6.0 * 1024.0 };
const DESCRIPTORS: Tolerance = Tolerance { share: 0.0, units: 6.0 };
const THREADS: Tolerance = Tolerance { share: 0.0, units: 6.0 };
const TASKS: Tolerance = Tolerance { share: 0.0, units: 6.0 };
/// Its parts reach their bounds in the first third of a full run: five hundred scans, and a thousand changes of each
/// tenant.
const DATABASE: Tolerance = Tolerance { share: 0.1, units: 0.0 };
/// In bytes; a short run is over before the bounds are reached.
const DATABASE_AT_MOST: f64 = 32.0 * 1024.0 * 1024.0;

/// Tenants that own a server, and the whole registry as it is configured.
struct House {
    _ground: Ground,
    _servers: Vec<Cluster>,
    acme: String,
    globex: String,
    faulty: Faulty,
}

impl House {
    async fn build() -> Self {
        let ground = Ground::create().unwrap();
        let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
        let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
        let faulty = Faulty::start(FAKES);
        Self { _ground: ground, _servers: vec![one, two], acme, globex, faulty }
    }

    /// The `turn`-th configuration: in every second one two tenants share, in every third one of them is gone.
    fn configuration(&self, turn: u32) -> (String, Vec<String>) {
        let globex = if turn % 2 == 1 { &self.acme } else { &self.globex };
        let mut ids = vec!["acme".to_owned()];
        let mut rows = tenant("acme", &self.acme, "");
        if turn % 3 != 2 {
            rows.push_str(&tenant("globex", globex, ""));
            ids.push("globex".to_owned());
        }
        ids.splice(1..1, (0..FAKES).map(faults::name));
        let concurrency = 16 + turn % 5 * 16;
        let text = format!(
            "schedule.scan = \"*/7 * * * * *\"\nprobe.timeout = \"1s\"\nprobe.concurrency = {concurrency}\n{rows}{}",
            self.faulty.rows()
        );
        (text, ids)
    }
}

/// By measure; a sample for each scan.
type Samples = BTreeMap<&'static str, Vec<f64>>;

fn sample(daemon: &Running, program: &Program, samples: &mut Samples) {
    let proc = format!("/proc/{}", daemon.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(format!("{proc}/status")).expect("it runs");
    let field = |name: &str| -> f64 {
        let line = status.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(':'));
        let word = line.and_then(|it| it.split_whitespace().next());
        word.and_then(|it| it.parse().ok()).expect("the kernel tells it")
    };
    let files = std::fs::read_dir(format!("{proc}/fd")).expect("it runs").count();
    let size = |name: &str| std::fs::metadata(program.path(name)).map_or(0, |it| it.len());
    let database = size("watertight.db") + size("watertight.db-wal");
    let tasks = daemon.last("the scan ended", "tasks").and_then(|it| it.as_f64());
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let told = [
        ("memory_kb", field("VmRSS")),
        ("descriptors", files as f64),
        ("threads", field("Threads")),
        ("tasks", tasks.expect("the log tells it")),
        ("database", database as f64),
    ];
    for (name, value) in told {
        samples.entry(name).or_default().push(value);
    }
}

/// Exactly one observation of each target.
fn whole(report: &Report, ids: &[String]) {
    let told: Vec<&str> = report.tenants.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(told, ids, "{}", report.id);
    assert!(!report.partial, "{}", report.id);
    for tenant in &report.tenants {
        assert_eq!(tenant.targets.len(), 1, "{}: {tenant:?}", report.id);
        let target = &tenant.targets[0];
        let seen = target.fingerprint.is_some() || target.cause.is_some();
        assert!(seen, "{}: nobody looked at {tenant:?}", report.id);
    }
}

/// One life of the process; gives back what it held after each scan.
async fn live(house: &House, program: &Program, scans: u32, random: &mut StdRng) -> Samples {
    let mut turn = random.random_range(0..6);
    let (text, mut ids) = house.configuration(turn);
    program.configure(&text);
    let mut daemon = Running::start(program).await;
    daemon.latest().await;
    let mut samples = Samples::new();
    for scan in 1..=scans {
        house.faulty.pass(random);
        whole(&daemon.scan().await, &ids);
        sample(&daemon, program, &mut samples);
        let path = READS[scan as usize % READS.len()];
        let status = daemon.get(path).await.status;
        assert!(matches!(status, 200 | 409 | 503), "{path}: {status}");
        if scan % RELOADED_EVERY == 0 {
            turn += 1;
            let (text, wanted) = house.configuration(turn);
            program.configure(&text);
            let before = daemon.messages().len();
            daemon.signal(Signal::HUP);
            daemon.logged_since(before, "the configuration was reloaded").await;
            ids = wanted;
            // A scan of the schedule may have begun with the old one; the next does not join it.
        }
    }
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages().last());
    samples
}

fn judge(life: u32, samples: &Samples) {
    let bounds = [
        ("memory_kb", MEMORY_KB),
        ("descriptors", DESCRIPTORS),
        ("threads", THREADS),
        ("tasks", TASKS),
    ];
    for (name, tolerance) in bounds {
        let (middle, last) = thirds(&samples[name]);
        say(&format!("life {life}: {name}: {middle} in the middle third, {last} in the last"));
        assert!(is_level(&samples[name], tolerance), "{name} grew from {middle} to {last}");
    }
}

#[tokio::test]
async fn a_day_of_scans_with_faults_reloads_and_restarts_leaves_nothing_behind_that_grows() {
    let form = Form::asked();
    let (lives, scans) = form.of((2, 60), (4, 1_500));
    let (seed, house) = (Seed::choose(), House::build().await);
    let mut random = seed.random();
    let program = Program::new("");
    let (began, mut database) = (Instant::now(), Vec::new());
    for life in 1..=lives {
        let samples = live(&house, &program, scans, &mut random).await;
        judge(life, &samples);
        database.extend_from_slice(&samples["database"]);
    }
    let (middle, last) = thirds(&database);
    let took = began.elapsed();
    say(&format!(
        "{} scans in {took:.0?}; the database: {middle} bytes, then {last}",
        lives * scans
    ));
    let most = database.iter().copied().fold(0.0, f64::max);
    assert!(most <= DATABASE_AT_MOST, "the database grew to {most} bytes");
    if form == Form::Full {
        assert!(is_level(&database, DATABASE), "the database grew from {middle} to {last} bytes");
    }
}
