//! What a scan of ten thousand distant targets takes, some of them hung: against a fake fleet, 20 ms away.
//!
//! `cargo bench --bench fleet -- [--targets 10000] [--rounds 3] [--many 100000] [--parts 15]`
//!
//! Why ratios of one run: two machines never agree on seconds. Rounds are interleaved, so that a noisy minute falls
//! upon all alike. The fleet and each scan are processes of their own: neither's cost hides in the other's. It fails
//! on wrong answers only.

#[path = "fleet/answer.rs"]
mod answer;
#[path = "../support/bare_client.rs"]
mod bare_client;
#[path = "client.rs"]
mod client;
#[path = "../support/fake_postgres.rs"]
mod fake_postgres;
#[path = "../support/measure.rs"]
mod measure;
#[path = "program.rs"]
mod program;

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use client::Run;
use fake_postgres::{FakePostgres, Fleet};
use measure::{Figures, Myself, figure, median, option, say, verdict, verdict_at_least};
use program::Program;

const ROUND_TRIP: Duration = Duration::from_millis(20);
/// Of twenty targets one hangs.
const HUNG_EVERY: u32 = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => serve(&arguments[1], arguments[2].parse().expect("a number")),
        Some("scan") => client::run(&Run::read(&arguments[1..])),
        _ => return compare(),
    }
    ExitCode::SUCCESS
}

/// The fleet's process: tells its port and ends with its input.
fn serve(login: &str, hung_every: u32) {
    let password = (login != "trust").then(|| client::PASSWORD.to_owned());
    let (tls, certificate) = (login == "tls").then(bare_client::server_config).unzip();
    let fleet = Fleet::answering(answer::answer);
    let fake =
        FakePostgres::start(Fleet { round_trip: ROUND_TRIP, password, tls, hung_every, ..fleet });
    // One certificate for each process: whoever connects must be told which.
    let certificate = certificate.map(|it| BASE64.encode(it)).unwrap_or_default();
    say(format_args!("{} {certificate}", fake.port()));
    std::io::stdin().read_to_end(&mut Vec::new()).expect("wait for the end of the input");
}

struct Served {
    process: Myself,
    port: u16,
    certificate: String,
    login: &'static str,
    hung_every: u32,
}

impl Served {
    fn start(login: &'static str, hung_every: u32) -> Self {
        let mut process = Myself::start(&["serve".into(), login.into(), hung_every.to_string()]);
        let line = process.line();
        let (port, certificate) = line.split_once(' ').unwrap_or((&line, ""));
        let port = port.parse().expect("the fleet tells its port");
        Self { process, port, certificate: certificate.to_owned(), login, hung_every }
    }

    fn program(&self, run: &Run) -> Program {
        let run = Run { port: self.port, login: self.login.to_owned(), ..run.clone() };
        Program::new(&run).expect("write the program's configuration")
    }

    /// One scan of `run.targets` of this fleet; complains where an answer is wrong.
    fn scan(&self, run: &Run, wrong: &mut Vec<String>) -> Figures {
        let certificate = self.certificate.clone();
        let run = Run { port: self.port, login: self.login.to_owned(), certificate, ..run.clone() };
        let before = measure::cpu_with_children(self.process.id());
        let mut figures = Myself::start(&run.write()).figures();
        let server = measure::cpu_with_children(self.process.id()).saturating_sub(before);
        figures.insert("server_us".into(), server.as_secs_f64() * 1e6);
        let hung = run.targets.checked_div(self.hung_every).unwrap_or(0);
        let expected = [("seen", run.targets - hung), ("hung", hung), ("failed", 0)];
        for (what, expected) in expected {
            let told = figure(&figures, what);
            if told.to_bits() != f64::from(expected).to_bits() {
                wrong.push(format!("{run:?}: {what} is {told}, not {expected}"));
            }
        }
        figures
    }
}

fn compare() -> ExitCode {
    // 1: distance and hung targets; 2: a thousand at once; 4: memory; 8: the program itself against the bare loop.
    let parts = option("--parts", 15);
    let mut wrong = Vec::new();
    if parts & 1 != 0 {
        hung_targets_and_distance(&mut wrong);
    }
    if parts & 2 != 0 {
        many_at_once(&mut wrong);
    }
    if parts & 4 != 0 {
        memory(&mut wrong);
    }
    if parts & 8 != 0 {
        whole_program(&mut wrong);
    }
    for it in &wrong {
        say(format_args!("WRONG: {it}"));
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(client: &str, concurrency: u32) -> Run {
    Run {
        client: client.to_owned(),
        targets: option("--targets", 10_000),
        concurrency,
        timeout: Duration::from_secs(5),
        ..Run::default()
    }
}

/// The medians of one client against one fleet, over all rounds.
fn shown(what: &str, rounds: &[Figures], round_trips: f64, run: &Run) -> Figures {
    let names = rounds.first().into_iter().flat_map(|it| it.keys());
    let mut medians: Figures = names
        .map(|it| (it.clone(), median(rounds.iter().map(|round| figure(round, it)))))
        .collect();
    let rate = figure(&medians, "seen") / (figure(&medians, "last_seen_ms") / 1e3);
    let ideal = f64::from(run.concurrency) / (round_trips * ROUND_TRIP.as_secs_f64());
    medians.insert("rate".into(), rate);
    medians.insert("ideal".into(), rate / ideal);
    let [last, wall, cpu, server, peak, open] =
        ["last_seen_ms", "wall_ms", "cpu_us", "server_us", "peak_kib", "sockets"]
            .map(|it| figure(&medians, it));
    let each = f64::from(run.targets);
    say(format_args!(
        "{what:28} {rate:7.0}/s  last answer {last:6.0} ms  all {wall:6.0} ms  client {:6.1} us  fake {:6.1} us  \
         peak {:5.1} MB  sockets {open:4.0}",
        cpu / each,
        server / each,
        peak / 1024.0,
    ));
    medians
}

fn hung_targets_and_distance(wrong: &mut Vec<String>) {
    say("10 000 targets, 20 ms away, concurrency 256, deadline 5 s");
    let (trust, hung) = (Served::start("trust", 0), Served::start("trust", HUNG_EVERY));
    let (scram, tls) = (Served::start("scram", 0), Served::start("tls", 0));
    let cases = [
        ("bare, trust", &trust, run("bare", 256), 3.0),
        ("visit, trust", &trust, run("visit", 256), 3.0),
        ("visit, trust, 5 % hung", &hung, run("visit", 256), 3.0),
        ("bare, SCRAM", &scram, run("bare", 256), 5.0),
        ("visit, SCRAM", &scram, run("visit", 256), 5.0),
        ("visit, TLS and SCRAM", &tls, run("visit", 256), 7.0),
    ];
    let mut rounds = vec![Vec::new(); cases.len()];
    for _ in 0..option("--rounds", 3) {
        for ((_, served, run, _), rounds) in cases.iter().zip(&mut rounds) {
            rounds.push(served.scan(run, wrong));
        }
    }
    let told = cases.iter().zip(&rounds);
    let told: Vec<Figures> =
        told.map(|((what, _, run, trips), rounds)| shown(what, rounds, *trips, run)).collect();
    let [_, clean, hung, bare_scram, visit_scram, _] = told.as_slice() else { return };
    let ratio = |name, of: &Figures, by: &Figures| figure(of, name) / figure(by, name);
    verdict("last healthy answer, hung / none", ratio("last_seen_ms", hung, clean), 1.25);
    let tail = (figure(hung, "wall_ms") - figure(hung, "last_seen_ms")) / 5_000.0;
    verdict("all ended after the last healthy answer, in deadlines", tail, 1.1);
    verdict_at_least("trust, share of C / (N x RTT)", figure(clean, "ideal"), 0.8);
    verdict_at_least(
        "SCRAM, targets per second / bare",
        ratio("rate", visit_scram, bare_scram),
        0.8,
    );
    verdict("SCRAM, client CPU / bare", ratio("cpu_us", visit_scram, bare_scram), 1.15);
}

fn many_at_once(wrong: &mut Vec<String>) {
    say(
        "10 000 targets, 20 ms away, SCRAM, concurrency 1 000, deadline 2 s: every one must be answered",
    );
    let scram = Served::start("scram", 0);
    let run = Run { timeout: Duration::from_secs(2), ..run("visit", 1_000) };
    let told: Vec<_> = (0..option("--rounds", 3)).map(|_| scram.scan(&run, wrong)).collect();
    shown("visit, SCRAM", &told, 5.0, &run);
}

fn memory(wrong: &mut Vec<String>) {
    say("Peak memory of a whole scan, registry and observations included");
    let trust = Served::start("trust", 0);
    for (targets, at_most) in
        [(option("--targets", 10_000), 60.0), (option("--many", 100_000), 150.0)]
    {
        let run = Run { targets, ..run("visit", 256) };
        let told = shown(&format!("{targets} targets"), &[trust.scan(&run, wrong)], 3.0, &run);
        verdict("MB", figure(&told, "peak_kib") / 1024.0, at_most);
        let program = trust.program(&run);
        // The second one has a store that knows the fleet, and rows of the registry to compare with.
        for what in ["the whole program, first run, MB", "the whole program, second run, MB"] {
            let told = verified(&program, &run, wrong);
            verdict(what, figure(&told, "peak_kib") / 1024.0, at_most);
        }
    }
}

/// Both as processes, start and end included.
fn whole_program(wrong: &mut Vec<String>) {
    say(
        "The whole program against the bare loop, SCRAM, client CPU of the process for each target",
    );
    let scram = Served::start("scram", 0);
    let (bare, visit) = (run("bare", 256), run("visit", 256));
    let program = scram.program(&visit);
    let mut ratios = Vec::new();
    for _ in 0..option("--rounds", 3) {
        let before = measure::cpu_with_children(std::process::id());
        scram.scan(&bare, wrong);
        let paid = measure::cpu_with_children(std::process::id()).saturating_sub(before);
        let told = verified(&program, &visit, wrong);
        let (bare_us, whole_us) = (paid.as_secs_f64() * 1e6, figure(&told, "cpu_us"));
        let each = f64::from(visit.targets);
        say(format_args!("  bare {:7.1} us  verify {:7.1} us", bare_us / each, whole_us / each));
        ratios.push(whole_us / bare_us);
    }
    verdict("client CPU, verify / bare", median(ratios), 1.15);
}

fn verified(program: &Program, run: &Run, wrong: &mut Vec<String>) -> Figures {
    let told = program.verify().expect("run the program");
    if figure(&told, "seen").to_bits() != f64::from(run.targets).to_bits() {
        wrong.push(format!("verify saw {} of {}", figure(&told, "seen"), run.targets));
    }
    told
}
