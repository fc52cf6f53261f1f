//! Where the store is, as the configuration names it.
//!
//! Why so strict: SQLite gives some names a meaning of their own, and a store that lives in memory or under an
//! unexpected name loses the fleet's memory without a word. Errors quote no more than the scheme, since a URL may
//! carry a password.

use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    Sqlite(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    #[error("a PostgreSQL store is not supported yet: write \"sqlite:watertight.db\"")]
    PostgresNotYet,
    #[error("the store's URL names no file: write \"sqlite:watertight.db\"")]
    NoFile,
    #[error("a store in memory forgets everything at the end: write \"sqlite:watertight.db\"")]
    InMemory,
    #[error("the store's URL takes a file's path alone, without '?' and options")]
    Options,
    #[error("the store's URL does not start with \"sqlite:\": write \"sqlite:watertight.db\"")]
    UnknownScheme,
}

impl StoreUrl {
    /// `sqlite:path`, also as `sqlite://path` and `sqlite:///absolute/path`.
    pub fn parse(raw: &str) -> Result<Self, StoreUrlError> {
        let (scheme, rest) = raw.split_once(':').ok_or(StoreUrlError::UnknownScheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {}
            "postgres" | "postgresql" => return Err(StoreUrlError::PostgresNotYet),
            _ => return Err(StoreUrlError::UnknownScheme),
        }
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.contains('?') {
            return Err(StoreUrlError::Options);
        }
        if path.contains(":memory:") {
            return Err(StoreUrlError::InMemory);
        }
        if path.is_empty() || path.ends_with('/') || path.contains('\0') {
            return Err(StoreUrlError::NoFile);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    pub fn path(&self) -> &Path {
        let Self::Sqlite(path) = self;
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: Result<&str, StoreUrlError>) {
        let expected = expected.map(|path| StoreUrl::Sqlite(path.into()));
        assert_eq!(StoreUrl::parse(raw), expected, "{raw}");
    }

    #[test]
    fn a_path_is_taken_as_it_is_written() {
        check("sqlite:watertight.db", Ok("watertight.db"));
        check("SQLite:a/b c.db", Ok("a/b c.db"));
        check("sqlite:/var/lib/w.db", Ok("/var/lib/w.db"));
        check("sqlite://w.db", Ok("w.db"));
        check("sqlite:///var/lib/w.db", Ok("/var/lib/w.db"));
    }

    #[test]
    fn what_is_no_file_is_a_named_error() {
        check("sqlite:", Err(StoreUrlError::NoFile));
        check("sqlite:dir/", Err(StoreUrlError::NoFile));
        check("sqlite:a\0b", Err(StoreUrlError::NoFile));
        check("sqlite::memory:", Err(StoreUrlError::InMemory));
        check("sqlite:w.db?mode=ro", Err(StoreUrlError::Options));
        check("postgres://u:p@h/d", Err(StoreUrlError::PostgresNotYet));
        check("postgresql://h", Err(StoreUrlError::PostgresNotYet));
        check("watertight.db", Err(StoreUrlError::UnknownScheme));
        check("mysql://u:p@h", Err(StoreUrlError::UnknownScheme));
    }

    #[test]
    fn no_error_repeats_a_password() {
        for raw in
            ["postgres://u:hunter2@h/d", "mysql://u:hunter2@h", "sqlite:hunter2?x", "hunter2"]
        {
            assert!(!StoreUrl::parse(raw).unwrap_err().to_string().contains("hunter2"));
        }
    }
}
