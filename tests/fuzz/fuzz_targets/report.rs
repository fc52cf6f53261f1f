//! Any text is a report or an error, and a report that is passed on stays as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watertight::report::json;

fuzz_target!(|text: &str| {
    if let Ok(report) = json::parse(text) {
        let mut again = Vec::new();
        json::write(&report, &mut again).expect("memory takes it");
        let again = std::str::from_utf8(&again).expect("JSON is UTF-8");
        assert_eq!(json::parse(again).expect("what we write we read"), report);
    }
});
