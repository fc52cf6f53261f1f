//! Where PostgreSQL's server programs are on this machine, and which version they have.
//!
//! Why a search: `initdb` and `postgres` are seldom on the `PATH`; every distribution puts them elsewhere, often
//! several versions beside each other. The newest is taken, unless `WATERTIGHT_POSTGRES_BIN` names a directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::LocalError;

/// Names the directory of `initdb` and `postgres`, and ends the search.
pub const DIRECTORY_VARIABLE: &str = "WATERTIGHT_POSTGRES_BIN";

/// What we probe and what our statements are written for.
const OLDEST: u32 = 13;

/// Folders in which one folder for each version lies.
const VERSIONED: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
];

/// The server programs of one installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binaries {
    /// The major version.
    pub version: u32,
    pub directory: PathBuf,
}

impl Binaries {
    /// The directory that the environment names, else the newest installation.
    pub fn find() -> Result<Self, LocalError> {
        if let Some(named) = std::env::var_os(DIRECTORY_VARIABLE).filter(|it| !it.is_empty()) {
            let searched =
                || format!("{} (from {DIRECTORY_VARIABLE})", Path::new(&named).display());
            return Self::at(Path::new(&named))
                .ok_or_else(|| LocalError::NoPostgres { searched: searched() });
        }
        Self::all().into_iter().next_back().ok_or_else(|| LocalError::NoPostgres {
            searched: "PATH, pg_config's directory, /usr/lib/postgresql, /usr/pgsql-* and Homebrew"
                .to_owned(),
        })
    }

    /// Every installation on this machine, oldest first.
    pub fn all() -> BTreeSet<Self> {
        candidates().iter().filter_map(|it| Self::at(it)).collect()
    }

    /// The installation in that directory, if it is one that we can run.
    pub fn at(directory: &Path) -> Option<Self> {
        let directory = directory.canonicalize().ok()?;
        if !directory.join("initdb").is_file() {
            return None;
        }
        let version = version(&directory, "postgres").filter(|it| OLDEST <= *it)?;
        Some(Self { version, directory })
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Where PostgreSQL's programs may lie.
pub(crate) fn candidates() -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> =
        std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    found.extend(output(Command::new("pg_config").arg("--bindir")).map(|it| it.trim().into()));
    for (parent, inner) in VERSIONED {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        found.extend(
            entries
                .filter(|it| {
                    parent != "/usr" || it.file_name().to_string_lossy().starts_with("pgsql-")
                })
                .map(|it| it.path().join(inner)),
        );
    }
    found
}

/// The major version of the program in that directory.
pub(crate) fn version(directory: &Path, program: &str) -> Option<u32> {
    let output = output(Command::new(directory.join(program)).arg("--version"))?;
    parse_version(output.strip_prefix(program)?)
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}

/// The major version in ` (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `… 19devel`.
fn parse_version(text: &str) -> Option<u32> {
    let version = text.strip_prefix(" (PostgreSQL) ")?;
    let digits = version.find(|it: char| !it.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_way_it_is_written() {
        let check = |text: &str, expected| assert_eq!(parse_version(text), expected, "{text}");
        check(" (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15));
        check(" (PostgreSQL) 18.4", Some(18));
        check(" (PostgreSQL) 19devel", Some(19));
        check(" (PostgreSQL) 19beta1", Some(19));
        check("mysqld  Ver 8", None);
        check("", None);
    }

    #[test]
    fn a_directory_without_a_server_is_no_installation() {
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(Binaries::at(empty.path()), None);
        assert_eq!(Binaries::at(&empty.path().join("missing")), None);
    }
}
