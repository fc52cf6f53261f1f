//! No configuration makes its reader panic, and one without problems can be shown.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz config`

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use watertight::config::Config;

fuzz_target!(|text: &str| {
    // A secret's file would be opened, and the fuzzer shall not read this machine's files.
    if text.contains("file:") || text.contains("ca_file") {
        return;
    }
    match Config::parse("watertight.toml", text, &BTreeMap::new()) {
        Ok(config) => drop((config.show(), config.policy(), config.registry_options())),
        Err(problems) => assert!(!problems.is_empty()),
    }
});
