//! What is refused before anything is scanned: exit code 2, a sentence, and nothing left on the disk.
//!
//! Why with the binary: a script sees its exit code and the files it leaves, and no function tells both.

use std::fs;
use std::path::Path;
use std::process::Command;

const TENANT: &str =
    "[[tenants]]\nid = \"acme\"\ndatabase_url = \"postgres://u:planted@127.0.0.1:1/d\"\n";

/// Runs `verify` in a directory of its own; `says` must stand in what it says.
#[track_caller]
fn check(prepare: impl FnOnce(&Path), configuration: &str, more: &[&str], says: &str) {
    let home = tempfile::tempdir().expect("a directory");
    prepare(home.path());
    fs::write(home.path().join("w.toml"), configuration).expect("write the configuration");
    let names = || {
        let entries = fs::read_dir(home.path()).expect("list the directory");
        let mut names: Vec<_> = entries.map(|it| it.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let ended = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .args(["verify", "--config", "w.toml"])
        .args(more)
        .env_clear()
        .current_dir(home.path())
        .output()
        .expect("run watertight");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains(says), "{said}");
    assert!(!said.contains("planted"), "{said}");
    assert!(ended.stdout.is_empty());
    assert_eq!(names(), before, "nothing is left behind");
}

#[test]
fn a_registry_that_names_nobody_creates_no_store() {
    check(|_| (), "", &[], "no tenants");
}

#[test]
fn a_report_that_could_not_be_put_down_is_refused_before_the_scan() {
    check(|_| (), TENANT, &["--output", "missing/report.json"], "--output missing/report.json");
    check(|_| (), TENANT, &["--output", "."], "--output .");
}

#[test]
fn a_store_that_cannot_be_opened_is_the_operators_to_mend() {
    let store = |at: &str| format!("[store]\nurl = \"sqlite:{at}\"\n{TENANT}");
    check(|_| (), &store("missing/w.db"), &[], "create missing/w.db");
    let directory = |home: &Path| fs::create_dir(home.join("w.db")).expect("create a directory");
    check(directory, &store("w.db"), &[], "w.db");
}
