//! The composition root: the only file that knows every part, and the only one that reads the configuration.
//!
//! Why one function per command and one `Ended` for all: what a script sees of a command is its exit code, so each
//! way to end is a value that maps to exactly one code.

mod accept;
mod check;
mod configuration;
mod demo;
mod gate;
mod healthcheck;
mod issues;
mod orphans;
mod platform;
mod provider;
mod provision;
mod rehome;
mod report;
mod serve;
mod setup;
mod stamp;
mod tenants;
mod verify;

use std::io::Write;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::serve::Running;
use crate::cli::terminal::Surroundings;
use crate::cli::usage::{self, Shown};
use crate::cli::{Cli, Command, manual};
use crate::config::problem::Problem;
use crate::metrics::Metrics;
use crate::report::judge::Exit;
use crate::telemetry;

/// How a command ended.
#[derive(Debug)]
enum Ended {
    /// It did what was asked.
    Well,
    /// A scan was judged.
    Judged(Exit),
    /// What was asked about is not well. One line says why.
    Unwell(String),
    /// Wrong usage or configuration: nothing was scanned, nothing changed. One line for each problem.
    Refused(Vec<String>),
}

impl Ended {
    const fn code(&self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Judged(exit) => exit.code(),
            Self::Unwell(_) => UNWELL,
            Self::Refused(_) => 2,
        }
    }

    fn refused(message: impl std::fmt::Display) -> Self {
        Self::Refused(vec![message.to_string()])
    }

    /// What stands against it, line by line.
    fn lines(self) -> Vec<String> {
        match self {
            Self::Refused(lines) => lines,
            Self::Unwell(why) => vec![why],
            Self::Well | Self::Judged(_) => Vec::new(),
        }
    }

    fn problems(problems: &[Problem]) -> Self {
        Self::Refused(problems.iter().map(ToString::to_string).collect())
    }
}

/// A fault of our own.
const FAULT: u8 = 70;

/// What whoever runs a container takes for "not healthy".
const UNWELL: u8 = 1;

/// Wrong usage.
const USAGE: u8 = 2;

/// Runs the command of this process's arguments; returns its exit code.
pub fn run() -> u8 {
    let cli = match usage::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(shown) => return show(&shown),
    };
    let colour = Surroundings::here().colours_logs(&cli.global);
    let metrics = Arc::new(Metrics::default());
    let (format, loudness) = (cli.global.log_format, cli.global.loudness());
    let logs = match telemetry::start(format, loudness, colour, metrics.log_counter()) {
        Ok(logs) => logs,
        Err(error) => return say(&[format!("{:#}", anyhow::Error::new(error))], USAGE),
    };
    raise_limits();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say(&[format!("start the runtime: {error}")], FAULT),
    };
    let running = Running { logs, metrics };
    let stop = CancellationToken::new();
    let ended = runtime.block_on(async {
        let signals = stop.clone();
        tokio::select! {
            biased;
            ended = dispatch(&cli, running, &stop) => ended,
            () = interrupted_twice(signals) => Err(anyhow::anyhow!("interrupted")),
        }
    });
    // A resolver thread that hangs in the system library must not hold up the end.
    runtime.shutdown_background();
    telemetry::finish();
    match ended {
        Ok(Ended::Refused(problems)) => say(&problems, USAGE),
        Ok(Ended::Unwell(why)) => say(&[why], UNWELL),
        Ok(ended) => ended.code(),
        Err(error) => say(&[format!("{error:#}")], FAULT),
    }
}

async fn dispatch(cli: &Cli, running: Running, stop: &CancellationToken) -> anyhow::Result<Ended> {
    let here = Surroundings::here();
    match &cli.command {
        Command::Serve => serve::serve(&cli.global, running, stop).await,
        Command::Verify(args) => verify::verify(&cli.global, args, &here, stop).await,
        Command::Ping(args) => verify::ping(&cli.global, args, &here, stop).await,
        Command::Check(args) => check::check(&cli.global, args, &here, stop).await,
        Command::Accept(args) => accept::accept(&cli.global, args).await,
        Command::Report(args) => report::report(&cli.global, args, here),
        Command::Issues(command) => issues::run(&cli.global, *command, here),
        Command::Gate(args) => gate::gate(args).await,
        Command::Healthcheck(args) => healthcheck::healthcheck(&cli.global, args).await,
        Command::Tenants(command) => tenants::run(&cli.global, command, &here).await,
        Command::Provision(args) => {
            provision::provision(&cli.global, args, running, &here, stop).await
        }
        Command::Deprovision(args) => {
            provision::deprovision(&cli.global, args, running, &here, stop).await
        }
        Command::Rehome(args) => rehome::rehome(&cli.global, args, running, &here, stop).await,
        Command::Orphans(command) => orphans::run(&cli.global, command, running, &here, stop).await,
        Command::Stamp(args) => stamp::stamp(&cli.global, args).await,
        Command::Setup(args) => setup::setup(&cli.global, args, stop).await,
        Command::Config(command) => configuration::run(&cli.global, *command),
        Command::Demo(args) => demo::demo(&cli.global, *args, running, &here, stop).await,
        Command::Completions { shell } => {
            print(|out| manual::completions(*shell, out))?;
            Ok(Ended::Well)
        }
        Command::Man => {
            print(|out| manual::man(out))?;
            Ok(Ended::Well)
        }
    }
}

/// The first interrupt asks for an orderly end, which still accounts for every target; the second insists.
async fn interrupted_twice(stop: CancellationToken) {
    for _ in 0..2 {
        interrupt().await;
        stop.cancel();
    }
}

#[cfg(unix)]
async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
}

/// A visit costs a file descriptor, and the usual soft limit of 1 024 is there for programs that use `select`.
fn raise_limits() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}

/// Help is a result, wrong usage is not.
fn show(shown: &Shown) -> u8 {
    let text = shown.text.as_bytes();
    let written = if shown.is_result {
        std::io::stdout().lock().write_all(text)
    } else {
        std::io::stderr().lock().write_all(text)
    };
    if written.is_ok() { shown.code } else { FAULT }
}

/// Writes to standard output. A reader that went away, as `head` does, is no fault.
fn print(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Errors go to standard error, one line each; if even that fails, the code has to do.
fn say(lines: &[String], code: u8) -> u8 {
    let mut err = std::io::stderr().lock();
    for line in lines {
        if writeln!(err, "watertight: {line}").is_err() {
            break;
        }
    }
    code
}
