//! Which PostgreSQL versions the fleet is built on: the system's, and the newest that could be had.

use std::path::{Path, PathBuf};

use watertight::local::binaries::Binaries;

/// Set by `tests/run`, which fetches it.
const NEWEST_VARIABLE: &str = "WATERTIGHT_NEWEST_POSTGRES_BIN";

/// One of each major version that is to be tested, oldest first; says what is left out.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was left out")]
pub(crate) fn versions() -> Vec<Binaries> {
    let system = Binaries::find().expect("PostgreSQL is installed, see deploy/install-needs");
    let newest = newest().filter(|it| it.version != system.version);
    if newest.is_none() {
        eprintln!("left out: a PostgreSQL newer than {}; tests/run fetches one", system.version);
    }
    let mut versions: Vec<Binaries> = newest.into_iter().chain([system]).collect();
    versions.sort();
    versions
}

/// Where `tests/run` put it, also for those who run `cargo test` by themselves afterwards.
fn newest() -> Option<Binaries> {
    let named = std::env::var_os(NEWEST_VARIABLE).map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let kept = [target.join("postgres-18"), "/var/cache/watertight/postgres-18".into()];
    named
        .into_iter()
        .chain(kept.map(|it| it.join("package/native/bin")))
        .find_map(|it| Binaries::at(&it))
}
