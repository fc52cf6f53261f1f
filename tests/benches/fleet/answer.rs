//! What each target of the fake fleet answers to the visit's statement.
//!
//! Why every target differs: equal system identifiers would be candidates, and those cost further visits.

use super::fake_postgres::wire::Outbox;

/// Each statement's answer, with the columns of the visit's own.
pub(crate) fn answer(target: u32, sql: &str) -> Vec<u8> {
    let mut out = Outbox::default();
    for statement in sql.split(';').map(str::trim_start).filter(|it| !it.is_empty()) {
        if statement.starts_with("SET ") {
            out.done("SET");
        } else {
            let system_identifier = (7_000_000_000_000_000_000 + u64::from(target)).to_string();
            let clock = watertight::clock::now().strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string();
            let mut row = ROW;
            row[0] = Some(system_identifier.as_str());
            row[CLOCK] = Some(clock.as_str());
            out.row(&["?column?"; ROW.len()], &row);
        }
    }
    out.take()
}

/// The column in which the server tells its time. A wrong one would be a finding about every target.
const CLOCK: usize = 19;

/// As a healthy primary tells it, in the order of `src/probe/fingerprint.sql`.
const ROW: [Option<&str>; 27] = [
    None,
    Some("16385"),
    Some("tenant"),
    Some("f"),
    Some("000000010000000000000001"),
    None,
    Some("0/1A2B3C4"),
    Some("2026-01-01 00:00:00.123456+00"),
    Some("150018"),
    Some("10.0.0.4"),
    Some("5432"),
    Some("40000"),
    Some("0"),
    None,
    None,
    Some("off"),
    Some("3"),
    Some("100"),
    Some("733"),
    None,
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
];
