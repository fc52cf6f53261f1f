//! What readers wait while the daemon scans, and what the scans pay for it: a real daemon beside a fake fleet, 20 ms away.
//!
//! `cargo bench --bench serving -- [--targets 2000] [--rate 1000] [--seconds 20] [--rounds 3] [--many 10000]`
//!
//! Why an open loop: requests come at their own times, whether or not those before were answered, and each is measured from
//! the time at which it was due. A client that waits for its answers would ask less whenever the daemon is slow, and
//! never see it. Why scans without load between those with load: two machines never agree on seconds, and a noisy
//! minute falls upon both. It fails on wrong answers only.

#[path = "fleet/answer.rs"]
mod answer;
#[path = "../support/fake_postgres.rs"]
mod fake_postgres;
#[path = "../support/measure.rs"]
#[expect(dead_code, reason = "the other benchmarks use the rest")]
mod measure;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod program;
#[path = "../support/running.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod running;

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use watertight::clock;

use fake_postgres::{FakePostgres, Fleet, address};
use measure::{median, option, say, verdict};
use program::Program;
use running::Running;

const ROUND_TRIP: Duration = Duration::from_millis(20);

/// What is read, and how often among a hundred requests: pages of people, gates of pipelines, a few scrapers.
const MIX: [(&str, u32); 8] = [
    ("/api/v1/tenants/t-{}", 30),
    ("/api/v1/gate", 20),
    ("/api/v1/tenants", 15),
    ("/api/v1/findings", 15),
    ("/badge.svg", 10),
    ("/api/v1/tenants/t-{}/history", 5),
    ("/", 4),
    ("/metrics", 1),
];

/// A fleet, and how many statements it has answered.
struct Counted {
    fake: FakePostgres,
    answered: Arc<AtomicU64>,
}

impl Counted {
    fn start() -> Self {
        let answered = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&answered);
        let answers = move |target: u32, sql: &str| {
            count.fetch_add(1, Ordering::Relaxed);
            answer::answer(target, sql)
        };
        let fleet = Fleet { round_trip: ROUND_TRIP, ..Fleet::answering(answers) };
        Self { fake: FakePostgres::start(fleet), answered }
    }

    fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// A configuration of so many of its targets.
    fn configuration(&self, program: &Program, targets: u32, schedule: &str) -> String {
        let mut rows = String::new();
        for target in 0..targets {
            let place = address(target, self.fake.port());
            let url = format!("postgres://app@{place}/tenant?sslmode=disable");
            writeln!(rows, "{{\"id\":\"t-{target}\",\"database_url\":\"{url}\"}}").expect("memory");
        }
        let path = program.write("tenants.jsonl", &rows);
        format!(
            "schedule.scan = \"{schedule}\"\nschedule.jitter = \"0s\"\n[[sources]]\nkind = \"file\"\npath = {path:?}\n"
        )
    }
}

const WITHOUT_PAUSE: &str = "* * * * * *";
const NEVER: &str = "0 0 0 1 1 *";

fn path(number: u32, targets: u32) -> String {
    let mut place = number.wrapping_mul(61) % 100;
    for (path, share) in MIX {
        if place < share {
            return path.replace("{}", &(number % targets).to_string());
        }
        place -= share;
    }
    unreachable!("the shares of the mix are a hundred together")
}

/// How long each request took from the time at which it was due, in milliseconds, sorted; and what went wrong.
#[derive(Default)]
struct Waits {
    took: Vec<f64>,
    wrong: Vec<String>,
}

impl Waits {
    fn add(&mut self, more: Self) {
        self.took.extend(more.took);
        self.took.sort_by(f64::total_cmp);
        self.wrong.extend(more.wrong);
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among some ten thousand"
    )]
    fn share(&self, share: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        self.took.get((last as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Asks so often in a second, for so long.
async fn load(daemon: &Running, targets: u32, rate: u32, seconds: u32) -> Waits {
    let start = Instant::now();
    let mut asked = JoinSet::new();
    for number in 0..rate * seconds {
        let due = start + Duration::from_secs(1) / rate * number;
        sleep_until(due).await;
        let path = path(number, targets);
        let request = daemon.http.get(format!("{}{path}", daemon.base));
        asked.spawn(async move {
            let answered = async {
                let response = request.send().await?;
                let status = response.status().as_u16();
                response.bytes().await.map(|_| status)
            };
            let answered = answered.await;
            (due.elapsed(), path, answered)
        });
    }
    let mut waits = Waits::default();
    while let Some(ended) = asked.join_next().await {
        let (took, path, answered) = ended.expect("a request does not panic");
        waits.took.push(took.as_secs_f64() * 1e3);
        match answered {
            Ok(200) => (),
            Ok(status) => waits.wrong.push(format!("{path}: {status}")),
            Err(error) => waits.wrong.push(format!("{path}: {error}")),
        }
    }
    waits
}

/// How long each scan took that began and ended between the two, in seconds.
async fn scans(daemon: &Running, from: Timestamp, to: Timestamp) -> Vec<f64> {
    let told = daemon.get("/api/v1/scans?limit=100").await.json();
    let time = |it: &serde_json::Value| -> Timestamp {
        it.as_str().and_then(|it| it.parse().ok()).expect("a time")
    };
    let rows = told["scans"].as_array().expect("a list").iter();
    let times = rows.map(|it| (time(&it["started_at"]), time(&it["finished_at"])));
    let within = times.filter(|(began, ended)| from <= *began && *ended <= to);
    within.map(|(began, ended)| ended.duration_since(began).as_secs_f64()).collect()
}

/// The whole fleet is told as isolated: what is measured is the real thing.
async fn well(daemon: &Running, targets: u32, wrong: &mut Vec<String>) {
    let report = daemon.latest().await;
    let summary = report.summary();
    if [summary.isolated, summary.healthy] != [targets as usize; 2] {
        wrong.push(format!("of {targets} tenants: {summary:?}"));
    }
}

async fn readers_and_scans(fleet: &Counted, wrong: &mut Vec<String>) {
    let (targets, rate) = (option("--targets", 2_000), option("--rate", 1_000));
    let (seconds, rounds) = (option("--seconds", 20), option("--rounds", 3));
    say(format_args!(
        "{targets} tenants 20 ms away, scanned without a pause; {rate} requests a second, open loop"
    ));
    let program = Program::new("");
    program.configure(&fleet.configuration(&program, targets, WITHOUT_PAUSE));
    let mut daemon = Running::start(&program).await;
    well(&daemon, targets, wrong).await;
    let (mut idle, mut loaded, mut waits) = (Vec::new(), Vec::new(), Waits::default());
    for _ in 0..rounds {
        let began = clock::now();
        sleep(Duration::from_secs(seconds.into())).await;
        idle.extend(scans(&daemon, began, clock::now()).await);
        let began = clock::now();
        waits.add(load(&daemon, targets, rate, seconds).await);
        loaded.extend(scans(&daemon, began, clock::now()).await);
    }
    let [half, most, all] = [0.5, 0.99, 1.0].map(|it| waits.share(it));
    say(format_args!(
        "{} answers: p50 {half:.1} ms, p99 {most:.1} ms, longest {all:.1} ms; {} wrong",
        waits.took.len(),
        waits.wrong.len()
    ));
    wrong.append(&mut waits.wrong);
    let counts = (idle.len(), loaded.len());
    let (alone, beside) = (median(idle), median(loaded));
    say(format_args!("a scan takes {alone:.2} s alone, {beside:.2} s under load ({counts:?})"));
    verdict("p99 of an answer, milliseconds", most, 50.0);
    verdict("a scan under load / alone", beside / alone, 1.2);
    nobody_is_visited(fleet, &program, &mut daemon, wrong).await;
    daemon.stop().await;
}

async fn nobody_is_visited(
    fleet: &Counted,
    program: &Program,
    daemon: &mut Running,
    wrong: &mut Vec<String>,
) {
    let (targets, rate) = (option("--targets", 2_000), option("--rate", 1_000));
    program.configure(&fleet.configuration(program, targets, NEVER));
    let before = daemon.messages().len();
    daemon.signal(Signal::HUP);
    daemon.logged_since(before, "the configuration was reloaded").await;
    // The schedule's last scan ends.
    daemon.scan().await;
    let answered = fleet.answered();
    let mut waits = load(daemon, targets, rate, 5).await;
    wrong.append(&mut waits.wrong);
    let visits = fleet.answered() - answered;
    let took = waits.took.len();
    say(format_args!("without a scan, {took} requests: {visits} statements at tenants' servers"));
    if visits != 0 {
        wrong.push(format!("readers caused {visits} visits"));
    }
}

async fn scrapes_of_many(fleet: &Counted, wrong: &mut Vec<String>) {
    let many = option("--many", 10_000);
    let program = Program::new("");
    let configuration = fleet.configuration(&program, many, NEVER);
    program.configure(&format!("probe.concurrency = 256\n{configuration}"));
    let mut daemon = Running::start(&program).await;
    well(&daemon, many, wrong).await;
    let answered = fleet.answered();
    let (mut took, mut size) = (Vec::new(), 0);
    for _ in 0..50 {
        let start = Instant::now();
        size = daemon.get("/metrics").await.body.len();
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let longest = took.iter().copied().fold(0.0, f64::max);
    say(format_args!("/metrics of {many} tenants: {} kB, longest {longest:.1} ms", size / 1_000));
    verdict("a scrape of all of them, milliseconds", median(took), 50.0);
    if fleet.answered() != answered {
        wrong.push("a scrape visited a tenant".to_owned());
    }
    daemon.stop().await;
}

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let fleet = Counted::start();
    let mut wrong = Vec::new();
    runtime.block_on(async {
        readers_and_scans(&fleet, &mut wrong).await;
        scrapes_of_many(&fleet, &mut wrong).await;
    });
    for it in wrong.iter().take(20) {
        say(format_args!("WRONG: {it}"));
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
