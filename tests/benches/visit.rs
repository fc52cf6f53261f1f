//! What a visit costs us and the servers: against the bare loop, asyncpg and psql, on one real PostgreSQL cluster.
//!
//! `cargo bench --bench visit -- [--targets 400] [--rounds 5]`; `PYTHON` names a Python that has asyncpg.
//!
//! Why processor time and not seconds: beside a real server on the same machine, nine tenths of the time are the
//! server's, and targets per second say next to nothing about the client. Rounds are interleaved, each contender is a
//! process of its own, and all send the same statement. It fails on wrong answers only.

#[path = "../support/bare_client.rs"]
#[expect(dead_code, reason = "the other benchmark uses the rest")]
mod bare_client;
#[path = "client.rs"]
mod client;
#[path = "visit/cluster.rs"]
mod cluster;
#[path = "../support/fake_postgres.rs"]
#[expect(
    dead_code,
    reason = "its addresses are shared with the other benchmark, its servers are not"
)]
mod fake_postgres;
#[path = "../support/measure.rs"]
#[expect(dead_code, reason = "the other benchmark uses the rest")]
mod measure;

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use client::Run;
use cluster::Cluster;
use measure::{Figures, Myself, figure, median, option, say, verdict, verdict_at_least};
use watertight::probe::statement;

/// Enough that no database's caches are warmer than another's, and few enough to be made in seconds.
const DATABASES: u32 = 40;
const CONCURRENCY: u32 = 8;
const TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|it| it == "scan") {
        client::run(&Run::read(&arguments[1..]));
        return ExitCode::SUCCESS;
    }
    let Some(cluster) = Cluster::start(DATABASES, client::PASSWORD) else {
        say("skipped: no PostgreSQL server programs were found");
        return ExitCode::SUCCESS;
    };
    compare(&cluster)
}

/// One way to ask every target.
struct Contender {
    name: &'static str,
    /// How many targets it visits: the dear ones fewer.
    targets: u32,
    run: fn(&Cluster, u32) -> Figures,
}

fn compare(cluster: &Cluster) -> ExitCode {
    let targets = option("--targets", 400);
    let mut contenders = vec![
        Contender { name: "bare", targets, run: |it, targets| ours("bare", it, targets) },
        Contender { name: "visit", targets, run: |it, targets| ours("visit", it, targets) },
    ];
    if has_asyncpg() {
        contenders.push(Contender { name: "asyncpg", targets, run: asyncpg });
    } else {
        say("asyncpg: skipped, this Python does not have it (set PYTHON)");
    }
    contenders.push(Contender { name: "psql loop", targets: targets.min(DATABASES), run: psql });

    let mut rounds = vec![Vec::new(); contenders.len()];
    let mut wrong = false;
    for _ in 0..option("--rounds", 5) {
        for (contender, rounds) in contenders.iter().zip(&mut rounds) {
            let figures = measured(cluster, contender);
            let seen = figure(&figures, "seen");
            if seen.to_bits() != f64::from(contender.targets).to_bits() {
                say(format_args!("WRONG: {} saw {seen} of {}", contender.name, contender.targets));
                wrong = true;
            }
            rounds.push(figures);
        }
    }
    let medians: Vec<Figures> =
        contenders.iter().zip(&rounds).map(|(it, rounds)| shown(it, rounds)).collect();
    judge(&contenders, &medians);
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A run with what the server paid for it, all for each target.
fn measured(cluster: &Cluster, contender: &Contender) -> Figures {
    let (cpu, sessions) = (cluster.cpu(), cluster.sessions());
    let mut figures = (contender.run)(cluster, contender.targets);
    let each = f64::from(contender.targets);
    let server = cluster.cpu().saturating_sub(cpu).as_secs_f64() * 1e6;
    figures.insert("server_us".into(), server / each);
    figures.insert("connections".into(), (cluster.sessions() - sessions) / each);
    let rate = each / (figure(&figures, "wall_ms") / 1e3);
    figures.insert("rate".into(), rate);
    figures.insert("client_us".into(), figure(&figures, "cpu_us") / each);
    figures
}

fn shown(contender: &Contender, rounds: &[Figures]) -> Figures {
    let names = ["client_us", "server_us", "rate", "connections"];
    let median_of = |name: &str| median(rounds.iter().map(|it| figure(it, name)));
    let medians = Figures::from(names.map(|it| (it.to_owned(), median_of(it))));
    let [client, server, rate, connections] = names.map(|it| figure(&medians, it));
    say(format_args!(
        "{:10} client {client:8.1} us  server {server:7.0} us  {rate:5.0}/s  {connections:.3} connections",
        contender.name,
    ));
    medians
}

fn judge(contenders: &[Contender], medians: &[Figures]) {
    let of =
        |name: &str| contenders.iter().zip(medians).find(|it| it.0.name == name).map(|it| it.1);
    let (Some(bare), Some(visit)) = (of("bare"), of("visit")) else { return };
    let ratio = |name, of, by| figure(of, name) / figure(by, name);
    verdict("client CPU, visit / bare", ratio("client_us", visit, bare), 1.15);
    verdict("server CPU, visit / bare", ratio("server_us", visit, bare), 1.1);
    verdict("connections per target", figure(visit, "connections"), 1.05);
    verdict_at_least("targets per second, visit / bare", ratio("rate", visit, bare), 0.9);
    if let Some(asyncpg) = of("asyncpg") {
        verdict_at_least("client CPU, asyncpg / visit", ratio("client_us", asyncpg, visit), 1.7);
    }
    if let Some(psql) = of("psql loop") {
        verdict_at_least("client CPU, psql loop / visit", ratio("client_us", psql, visit), 20.0);
    }
}

fn ours(client: &str, cluster: &Cluster, targets: u32) -> Figures {
    let run = Run {
        client: client.to_owned(),
        port: cluster.port(),
        login: "scram".to_owned(),
        targets,
        concurrency: CONCURRENCY,
        timeout: TIMEOUT,
        databases: DATABASES,
        ..Run::default()
    };
    Myself::start(&run.write()).figures()
}

/// The question without our settings: what somebody would type who only wants the answer.
fn question() -> String {
    let whole = statement::lean("tenant", TIMEOUT);
    whole.strip_prefix(&statement::preamble(TIMEOUT)).unwrap_or(&whole).to_owned()
}

fn python() -> Command {
    Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()))
}

fn has_asyncpg() -> bool {
    let tried = python().args(["-c", "import asyncpg"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|it| it.success())
}

fn asyncpg(cluster: &Cluster, targets: u32) -> Figures {
    const SCRIPT: &str = include_str!("visit/loop.py");
    let numbers = [u32::from(cluster.port()), DATABASES, targets, CONCURRENCY];
    let mut command = python();
    command.args(["-c", SCRIPT, client::PASSWORD, &question()]);
    Myself::of(command.args(numbers.map(|it| it.to_string()))).figures()
}

/// One process for each target, as cron jobs do it. Its processor time is that of our children that have ended.
fn psql(cluster: &Cluster, targets: u32) -> Figures {
    let myself = std::process::id();
    let start = tokio::time::Instant::now();
    let before = measure::cpu_with_children(myself);
    let mut seen = 0;
    for target in 0..targets {
        let database = format!("t{}", target % DATABASES);
        let mut command = cluster.psql_of_the_shell("tenant", &database, &question());
        seen += u32::from(command.output().is_ok_and(|it| it.status.success()));
    }
    let cpu = measure::cpu_with_children(myself).saturating_sub(before);
    Figures::from([
        ("seen".to_owned(), f64::from(seen)),
        ("wall_ms".to_owned(), start.elapsed().as_secs_f64() * 1e3),
        ("cpu_us".to_owned(), cpu.as_secs_f64() * 1e6),
    ])
}
