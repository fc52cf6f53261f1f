//! What a run cost: processor time, memory, and the median of several rounds.
//!
//! Why from `/proc` and the kernel's process clock: what a process says of itself needs no tool to be installed, and
//! a measured process that is started anew for each run hides nothing of an earlier one.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The kernel's unit in `/proc/*/stat`, the same on every Linux that we run on.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time of this process so far, all its threads.
pub(crate) fn own_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).expect("processor time is not negative")
}

/// Processor time of another process and of its children that have ended, in steps of 10 ms.
pub(crate) fn cpu_with_children(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name may contain anything, and ends with the last parenthesis. Then: state, parent, …
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 =
        fields.get(11..15).unwrap_or_default().iter().filter_map(|it| it.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// The most memory that this process ever held, in KiB.
pub(crate) fn peak_memory() -> u64 {
    peak_memory_of("self")
}

/// The same of another process; 0 of one that is gone.
pub(crate) fn peak_memory_of(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    line.and_then(|it| it.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default()
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// `--name value` among the arguments; cargo's own are passed over.
pub(crate) fn option(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|it| it != name).skip(1);
    arguments.next().map_or(default, |it| it.parse().expect("a number"))
}

/// What a run told of itself, by name.
pub(crate) type Figures = BTreeMap<String, f64>;

pub(crate) fn figure(figures: &Figures, name: &str) -> f64 {
    figures.get(name).copied().unwrap_or(f64::NAN)
}

/// Writes figures as the one line that `Myself::figures` reads.
pub(crate) fn tell(figures: &[(&str, f64)]) {
    let line: Vec<String> = figures.iter().map(|(name, value)| format!("{name}={value}")).collect();
    say(line.join(" "));
}

pub(crate) fn say(line: impl Display) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("write to standard output");
}

/// To whoever looks on: what is said goes to the process that measures.
pub(crate) fn complain(line: impl Display) {
    writeln!(std::io::stderr(), "{line}").expect("write to standard error");
}

/// Whether a figure keeps its promise. A missed one is told, not punished: machines differ, wrong answers do not.
pub(crate) fn verdict(what: &str, figure: f64, at_most: f64) {
    let word = if figure <= at_most { "met" } else { "MISSED" };
    say(format_args!("  {word:6}  {what}: {figure:.3} (at most {at_most})"));
}

pub(crate) fn verdict_at_least(what: &str, figure: f64, at_least: f64) {
    let word = if at_least <= figure { "met" } else { "MISSED" };
    say(format_args!("  {word:6}  {what}: {figure:.3} (at least {at_least})"));
}

/// This program, started again with other arguments: a process whose cost is its own. Ended when dropped.
pub(crate) struct Myself {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Myself {
    pub(crate) fn start(arguments: &[String]) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        Self::of(Command::new(program).args(arguments))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start a child process");
        let out = BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, out }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("read from the child process");
        line.trim().to_owned()
    }

    pub(crate) fn figures(&mut self) -> Figures {
        let line = self.line();
        let pairs = line.split_whitespace().filter_map(|it| it.split_once('='));
        pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }
}

impl Drop for Myself {
    fn drop(&mut self) {
        // It ends when its input does; whoever does not is killed.
        drop(self.child.stdin.take());
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
