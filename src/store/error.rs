//! What can go wrong with the store, each with what an operator can do about it.
//!
//! Why sorted by remedy and not by SQLite's codes: a full disk, a damaged file and a second daemon are mended by
//! different people. The code itself stays in the source.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::ErrorCode;

use super::rows::RowError;
use super::seal::SealError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "{operation}: {} is damaged or no store: restore it from a copy, or move it away to start anew",
        path.display()
    )]
    Damaged {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("{operation}: no room on the disk of {}: free some and try again", path.display())]
    DiskFull {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "{operation}: {} cannot be written: this user must own it and may write to its directory, where SQLite keeps two more files",
        path.display()
    )]
    NotWritable {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("{operation}: another process keeps {} locked: try again when it has ended", path.display())]
    Busy {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "{operation}: {} is no longer the file that was opened: it was deleted or replaced; put the right one there and start again",
        path.display()
    )]
    Gone { operation: &'static str, path: PathBuf },
    #[error("{operation} in {}", path.display())]
    Failed {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("{operation}: a row of {} says what this watertight does not understand", path.display())]
    Row {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: RowError,
    },
    #[error("{operation} in {}", path.display())]
    Seal {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: SealError,
    },
    #[error("create {}: its directory must exist and be writable for this user", path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} is another program's database: name a file of watertight's own in `store.url`",
        path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "{} was written by a newer watertight (its schema is {found}, this one knows {known}): upgrade this one",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("bring {} up to date", path.display())]
    Migrate {
        path: PathBuf,
        #[source]
        source: rusqlite_migration::Error,
    },
    #[error("{} is in use by {holder}: stop that one first, or ask it", path.display())]
    Held { path: PathBuf, holder: Holder },
    #[error("lock {}: this user must own it and its directory", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("use the key in {}: it must be a file of this user's own, mode 0600", path.display())]
    KeyFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the key in {} cannot be used: put the right file back", path.display())]
    KeyText {
        path: PathBuf,
        #[source]
        source: super::seal::InvalidKey,
    },
    #[error(
        "the key in {} may be read by every user of this machine: make it mode 0600, and change what it sealed if strangers were here",
        path.display()
    )]
    KeyExposed { path: PathBuf },
    #[error(
        "{} holds sealed rows and their key {} is gone: put the file back, or set `secrets.key`",
        store.display(),
        path.display()
    )]
    KeyMissing { store: PathBuf, path: PathBuf },
    #[error(
        "{} was sealed with key {sealed_with}, and {place} is key {given}: configure the right key",
        path.display()
    )]
    KeyWrong { path: PathBuf, sealed_with: String, given: String, place: String },
}

impl StoreError {
    /// Whether whoever runs the command must mend something before the store can be opened at all, as against what
    /// went wrong while it was in use.
    pub const fn is_setting(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. }
                | Self::NotWritable { .. }
                | Self::Create { .. }
                | Self::Foreign { .. }
                | Self::Newer { .. }
                | Self::Held { .. }
                | Self::Lock { .. }
                | Self::KeyFile { .. }
                | Self::KeyText { .. }
                | Self::KeyExposed { .. }
                | Self::KeyMissing { .. }
                | Self::KeyWrong { .. }
        )
    }
}

/// Who has the store, as far as its lock file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: Option<u32>,
    pub since: Option<Timestamp>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(formatter, "process {pid}")?,
            None => formatter.write_str("another process")?,
        }
        match self.since {
            Some(since) => write!(formatter, " since {since}"),
            None => Ok(()),
        }
    }
}

/// What goes wrong within a transaction, before it is known whose.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Row(RowError),
    Seal(SealError),
    /// The file was deleted or replaced.
    Gone,
}

impl From<rusqlite::Error> for Fault {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

impl From<RowError> for Fault {
    fn from(source: RowError) -> Self {
        Self::Row(source)
    }
}

impl From<SealError> for Fault {
    fn from(source: SealError) -> Self {
        Self::Seal(source)
    }
}

impl Fault {
    pub(super) fn at(self, path: &Path, operation: &'static str) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Row(source) => StoreError::Row { operation, path, source },
            Self::Seal(source) => StoreError::Seal { operation, path, source },
            Self::Gone => StoreError::Gone { operation, path },
            Self::Sqlite(source) => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    StoreError::Damaged { operation, path, source }
                }
                Some(ErrorCode::DiskFull) => StoreError::DiskFull { operation, path, source },
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    StoreError::NotWritable { operation, path, source }
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    StoreError::Busy { operation, path, source }
                }
                _ => StoreError::Failed { operation, path, source },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[track_caller]
    fn check(code: i32, expected: &str) {
        let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        let told = Fault::Sqlite(source).at(Path::new("/w.db"), "record a scan").to_string();
        assert!(told.starts_with("record a scan"), "{told}");
        assert!(told.contains("/w.db"), "{told}");
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn each_trouble_names_the_file_and_what_to_do() {
        check(ffi::SQLITE_NOTADB, "restore it from a copy");
        check(ffi::SQLITE_CORRUPT_VTAB, "restore it from a copy");
        check(ffi::SQLITE_FULL, "free some");
        check(ffi::SQLITE_READONLY_DIRECTORY, "must own it");
        check(ffi::SQLITE_CANTOPEN, "must own it");
        check(ffi::SQLITE_BUSY_SNAPSHOT, "try again");
    }
}
