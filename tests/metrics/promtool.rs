//! Prometheus's own checker on what is told in each mode.
//!
//! Why it may be left out: it comes with Prometheus, which nobody needs for the rest of the tests.

use std::io::Write;
use std::process::{Command, Stdio};

use watertight::metrics::Metrics;
use watertight::metrics::detail::{Detail, DetailOptions};

use crate::sample::{at, everything};
use crate::standing;
use crate::table::busy;

/// What the checker says, and whether it found nothing. `None` where there is no checker.
fn promtool(text: &str) -> Option<(bool, String)> {
    let mut child = ["promtool", "/usr/bin/promtool"].iter().find_map(|it| {
        let mut command = Command::new(it);
        command.args(["check", "metrics"]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()
    })?;
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[track_caller]
fn check(what: &str, metrics: &Metrics) {
    if let Some((clean, said)) = promtool(&metrics.render(at(2))) {
        assert!(clean && said.trim().is_empty(), "{what}: {said}");
    }
}

#[test]
fn the_checker_of_prometheus_finds_nothing_in_any_mode() {
    if promtool("").is_none() {
        println!("left out: promtool is not installed");
    }
    check("before anything", &Metrics::default());
    let (report, _) = everything();
    for detail in Detail::ALL {
        let metrics = busy();
        metrics.publish(&standing::of(report.clone()), DetailOptions::new(detail, 5));
        check(detail.label(), &metrics);
    }
}

#[test]
fn the_checker_would_find_something() {
    let text = "# TYPE watertight_bad_ms gauge\nwatertight_bad_ms 1\n";
    if let Some((clean, said)) = promtool(text) {
        assert!(!clean, "{said}");
    }
    if let Some((clean, said)) = promtool("watertight_up{a=\"b\" 1\n") {
        assert!(!clean, "{said}");
    }
}
