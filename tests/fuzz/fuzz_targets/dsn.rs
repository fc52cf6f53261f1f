//! No connection string makes the parser panic, and what is printed of one is read back as the same.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz dsn`

#![no_main]

use libfuzzer_sys::fuzz_target;
use watertight::dsn::Dsn;

fuzz_target!(|text: &str| {
    let Ok(dsn) = Dsn::parse(text) else { return };
    let again = Dsn::parse(&dsn.to_string()).expect("what is printed is a connection string");
    let without = |dsn: &Dsn| Dsn { password: None, ..dsn.clone() };
    assert_eq!(without(&dsn), without(&again));
    let _address = dsn.address(Some("project"));
});
