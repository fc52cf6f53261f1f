//! `kill -9` at any moment: what was acknowledged is there, nothing is there by half, and the lock is free.
//!
//! Why a process of its own: only the kernel ends one the way a power cut or an impatient operator does. The test
//! starts itself again as the writer, so that one name stands for both sides.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use watertight::model::finding::State;
use watertight::store::Store;
use watertight::store::scans::FinishedScan;

use super::example::{baseline, finding, fingerprint, id, identity, open, report, tenant};

const ROUNDS: u32 = 40;

/// Every so many rounds the writer starts with an empty directory and may be killed while it makes the store.
const ROUNDS_PER_STORE: u32 = 4;

const TENANTS: u32 = 30;

/// Marks the writer's process and says where it writes.
const DIRECTORY: &str = "WATERTIGHT_TEST_CRASH_DIRECTORY";

/// The writer prefixes each acknowledged number with it, since the test harness prints lines of its own.
const ACKNOWLEDGED: &str = "acknowledged ";

#[test]
fn a_killed_writer_leaves_every_acknowledged_scan_whole() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        write_until_killed(&PathBuf::from(directory));
    }
    let mut acknowledged_in_all = 0;
    let mut directory = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        if round % ROUNDS_PER_STORE == 0 {
            directory = tempfile::tempdir().unwrap();
        }
        let acknowledged = write_and_kill(directory.path(), round % ROUNDS_PER_STORE * 3);
        acknowledged_in_all += acknowledged.len();
        check_whole(directory.path(), acknowledged.last().copied());
    }
    assert!(30 < acknowledged_in_all, "the writer wrote {acknowledged_in_all} scans");
}

/// Scan `n` sets everything to `n`, so that a mixture of two is seen.
fn write_until_killed(directory: &Path) -> ! {
    let store = open(directory);
    let _hold = store.hold().unwrap();
    let latest = latest_number(&store).unwrap_or(0);
    for number in latest + 1.. {
        write(&store, number);
        let mut out = std::io::stdout();
        writeln!(out, "\n{ACKNOWLEDGED}{number}").unwrap();
        out.flush().unwrap();
    }
    unreachable!("the parent kills long before the numbers end");
}

fn write(store: &Store, number: u32) {
    let names: Vec<_> = (0..TENANTS).map(|it| format!("t{it:02}")).collect();
    let tenants = names.iter().map(|it| tenant(it, Some(fingerprint(number.into())))).collect();
    let report = report(&number.to_string(), number.into(), tenants);
    let findings: Vec<_> =
        names.iter().map(|it| finding(&[it], State::Open, number, number.into())).collect();
    let baselines: Vec<_> = names.iter().map(|it| baseline(it, number.into())).collect();
    let report_json = json(number);
    store
        .finish_scan(&FinishedScan {
            report: &report,
            write_json: &|out| out.write_all(report_json.as_bytes()),
            findings: &findings,
            unreported: &[],
            baselines: &baselines,
        })
        .unwrap();
}

/// Many pages long, so that half of it could be there.
fn json(number: u32) -> String {
    format!("{{\"scan\":{number}}}").repeat(10_000)
}

/// Kills the writer at a random moment after it has acknowledged `at_least`; gives what it acknowledged in all.
fn write_and_kill(directory: &Path, at_least: u32) -> Vec<u32> {
    let name = std::thread::current().name().unwrap().to_owned();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = read_acknowledged(&mut writer);
    let mut acknowledged = Vec::new();
    let limit = Duration::from_mins(1);
    for _ in 0..at_least {
        acknowledged.push(lines.recv_timeout(limit).expect("the writer writes on"));
    }
    std::thread::sleep(Duration::from_micros(rand::random_range(0..15_000)));
    writer.kill().unwrap();
    writer.wait().unwrap();
    // What stands in the pipe was acknowledged too.
    while let Ok(number) = lines.recv_timeout(limit) {
        acknowledged.push(number);
    }
    acknowledged
}

/// Ends, and with it the channel, when the writer has.
fn read_acknowledged(writer: &mut Child) -> Receiver<u32> {
    let out = BufReader::new(writer.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix(ACKNOWLEDGED)
                && sender.send(number.parse().unwrap()).is_err()
            {
                return;
            }
        }
    });
    receiver
}

fn latest_number(store: &Store) -> Option<u32> {
    store.scans(1).unwrap().first().map(|it| it.id.parse().unwrap())
}

#[track_caller]
fn check_whole(directory: &Path, acknowledged: Option<u32>) {
    let store = open(directory);
    store.hold().expect("the kernel freed the lock");
    let latest = latest_number(&store);
    assert!(acknowledged <= latest, "{acknowledged:?} was acknowledged, {latest:?} is there");
    let Some(latest) = latest else {
        assert_eq!(store.standing_findings().unwrap(), []);
        assert_eq!(store.baselines().unwrap(), []);
        return;
    };
    // One after the other without a gap, each with its report as far as reports are kept.
    let scans: Vec<u32> =
        store.scans(500).unwrap().iter().map(|it| it.id.parse().unwrap()).collect();
    assert!(scans.iter().copied().eq((1..=latest).rev().take(500)), "{scans:?}");
    for number in scans.iter().take(20) {
        let report = store.scan_report_json(&number.to_string()).unwrap();
        assert!(report == Some(json(*number)), "the report of scan {number}");
    }
    let findings = store.standing_findings().unwrap();
    assert_eq!(findings.len(), TENANTS as usize);
    assert!(findings.iter().all(|it| it.looks == latest));
    for known in [store.baselines().unwrap(), store.last_identities().unwrap()] {
        assert_eq!(known.len(), TENANTS as usize);
        assert!(known.iter().all(|it| it.identity == identity(latest.into())));
    }
    for number in 0..TENANTS {
        let entries = store.history(&id(&format!("t{number:02}")), 1_000).unwrap();
        assert!(
            entries
                .iter()
                .map(|it| it.scan.parse::<u32>().unwrap())
                .eq((1..=latest).rev().take(1_000))
        );
    }
}
