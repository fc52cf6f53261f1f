//! No file of tenants makes its reader or the merge panic.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz rows`

#![no_main]

use libfuzzer_sys::fuzz_target;
use watertight::registry::file::{csv_rows, json_lines, toml_rows};
use watertight::registry::merge::{SourceRead, merge};
use watertight::registry::tenant::Trust;

fuzz_target!(|text: &str| {
    let reads = [csv_rows(text.as_bytes()), json_lines(text.as_bytes()), toml_rows(text)];
    let reads = reads.into_iter().enumerate().map(|(index, rows)| SourceRead {
        source: format!("source-{index}").into(),
        trust: Trust::Values,
        kept: Some((Vec::new(), 0.1)),
        outcome: rows.map(Into::into).map_err(|error| error.to_string()),
    });
    let merged = merge(reads.collect(), None);
    assert_eq!(merged.snapshot.tenants.len(), merged.snapshot.access.len());
});
