//! Opens the file, or says in plain words why it is not a store that this program may write.
//!
//! Why the file is made before SQLite sees it: so that it is private from its first moment; SQLite gives the files
//! that it puts beside it the same mode. Why migrations wait for the hold: an older daemon must not find its tables
//! changed while it runs.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::error::{Fault, StoreError};
use super::hold::Hold;

/// Never edited once released: a change of the shape is a new file at the end.
const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("migrations/01_first.sql")),
    M::up(include_str!("migrations/02_life.sql")),
    M::up(include_str!("migrations/03_issues.sql")),
    M::up(include_str!("migrations/04_hooks.sql")),
    M::up(include_str!("migrations/05_stamps.sql")),
    M::up(include_str!("migrations/06_operations.sql")),
    M::up(include_str!("migrations/07_graves.sql")),
];

/// "WTGT": tells our files from every other SQLite database.
const APPLICATION_ID: i64 = 0x5754_4754;

/// Longer than any transaction of ours, short enough that a person still waits for the answer.
const BUSY: Duration = Duration::from_secs(5);

/// Times 20 ms: as long as `BUSY`.
const HOLD_TRIES: u32 = 250;

/// Cached statements; there are fewer than this many in the whole store.
const STATEMENTS: usize = 64;

const OPENING: &str = "open the store";

pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    create(path).map_err(|source| StoreError::Create { path: path.to_owned(), source })?;
    // No URI flag: a path means what it says.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|it| Fault::from(it).at(path, OPENING))?;
    connection.busy_timeout(BUSY).map_err(|it| Fault::from(it).at(path, OPENING))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if shape(&connection, path)? == Shape::Behind {
        migrate(&mut connection, path)?;
    }
    settle(&connection).map_err(|it| Fault::from(it).at(path, OPENING))?;
    Ok(connection)
}

/// One more connection to a store that is open and up to date; it cannot write.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -4000;",
    )?;
    Ok(connection)
}

/// Private, and on the disk: the directory must know of the file before anything in it is acknowledged.
fn create(path: &Path) -> io::Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match created {
        Ok(file) => {
            file.sync_all()?;
            let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::metadata(path)?.is_file() {
                return Ok(());
            }
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is there and is no file"))
        }
        Err(error) => Err(error),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// New, or of an earlier release.
    Behind,
    Current,
}

fn shape(connection: &Connection, path: &Path) -> Result<Shape, StoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let read = || {
        Ok::<_, rusqlite::Error>((
            number("SELECT application_id FROM pragma_application_id")?,
            number("SELECT user_version FROM pragma_user_version")?,
            number("SELECT count(*) FROM sqlite_schema")?,
        ))
    };
    let (application, found, tables) = read().map_err(|it| Fault::from(it).at(path, OPENING))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let ours = application == APPLICATION_ID && 0 < found;
    let empty = application == 0 && found == 0 && tables == 0;
    if !ours && !empty {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if known < found {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(if found == known { Shape::Current } else { Shape::Behind })
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let _alone = Hold::wait(path, HOLD_TRIES)?;
    if shape(connection, path)? == Shape::Current {
        return Ok(());
    }
    connection
        .query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
        .map_err(|it| Fault::from(it).at(path, OPENING))?;
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(|source| match source {
        rusqlite_migration::Error::RusqliteError { err, .. } => {
            Fault::from(err).at(path, "bring the store up to date")
        }
        source => StoreError::Migrate { path: path.to_owned(), source },
    })
}

/// What SQLite forgets between connections.
fn settle(connection: &Connection) -> rusqlite::Result<()> {
    // 16 MB of cache: with SQLite's own 2, a fleet of a hundred thousand is written twice as slowly.
    // FULL: each commit reaches the disk before it is acknowledged; `fullfsync` means the same on macOS.
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -16000;",
    )?;
    // The log shrinks again after the largest report.
    connection.query_row("PRAGMA journal_size_limit = 67108864", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_run_from_nothing() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn a_commit_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let connection = connect(&directory.path().join("w.db")).unwrap();
        let text = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
                .map(|it| format!("{it:?}"))
                .unwrap()
        };
        assert_eq!(text("PRAGMA journal_mode"), r#"Text("wal")"#);
        assert_eq!(text("PRAGMA synchronous"), "Integer(2)");
        assert_eq!(text("PRAGMA foreign_keys"), "Integer(1)");
    }
}
