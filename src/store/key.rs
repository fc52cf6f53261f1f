//! Which key seals this store: the configured one, else one in a file beside it that is made once.
//!
//! Why the store remembers its key's id: with a wrong key every row would read as altered, and with a new key file in
//! the place of a lost one the old rows would be lost without a word. A store that holds nothing sealed takes any key.
//!
//! Invariant: a key file is never written over. It appears whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::beside;
use super::error::{Fault, StoreError};
use super::seal::SealKey;
use crate::secret::Secret;

const CHOOSING: &str = "choose the key of the store";

/// A key is shorter in every spelling.
const LONGEST_TEXT: u64 = 1024;

pub(super) fn choose(
    connection: &mut Connection,
    store: &Path,
    configured: Option<SealKey>,
) -> Result<SealKey, StoreError> {
    let failed = |it: rusqlite::Error| Fault::from(it).at(store, CHOOSING);
    let remembered = remembered(connection).map_err(failed)?;
    let (key, place) = match configured {
        Some(key) => (key, "the configured key".to_owned()),
        None => beside_store(store, remembered.sealed_rows)?,
    };
    let given = key.id().to_string();
    match remembered.key_id {
        Some(sealed_with) if sealed_with == given => Ok(key),
        Some(sealed_with) if remembered.sealed_rows => {
            Err(StoreError::KeyWrong { path: store.to_owned(), sealed_with, given, place })
        }
        _ => {
            remember(connection, &given).map_err(failed)?;
            Ok(key)
        }
    }
}

struct Remembered {
    key_id: Option<String>,
    sealed_rows: bool,
}

fn remembered(connection: &mut Connection) -> rusqlite::Result<Remembered> {
    let transaction = connection.transaction()?;
    let key_id = transaction
        .query_row("SELECT value FROM meta WHERE name = 'key_id'", [], |row| row.get(0))
        .optional()?;
    let sealed_rows = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM tenants) OR EXISTS (SELECT 1 FROM kept_parts)
             OR EXISTS (SELECT 1 FROM operations) OR EXISTS (SELECT 1 FROM graves)",
        [],
        |row| row.get(0),
    )?;
    Ok(Remembered { key_id, sealed_rows })
}

fn remember(connection: &mut Connection, key_id: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    put_key_id(&transaction, key_id)?;
    transaction.commit()
}

fn put_key_id(transaction: &Transaction<'_>, key_id: &str) -> rusqlite::Result<()> {
    transaction
        .execute(
            "INSERT INTO meta (name, value) VALUES ('key_id', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [key_id],
        )
        .map(drop)
}

fn beside_store(store: &Path, sealed_rows: bool) -> Result<(SealKey, String), StoreError> {
    let path = beside(store, ".key");
    let failed = |source| StoreError::KeyFile { path: path.clone(), source };
    let place = format!("the one in {}", path.display());
    if let Some(key) = read(&path)? {
        return Ok((key, place));
    }
    if sealed_rows {
        return Err(StoreError::KeyMissing { store: store.to_owned(), path });
    }
    let key = SealKey::generate().map_err(|it| Fault::from(it).at(store, "make a key"))?;
    write_once(&path, &key.text()).map_err(failed)?;
    // Read back: another process may have been first, and then its key is the key.
    let gone = || failed(io::ErrorKind::NotFound.into());
    Ok((read(&path)?.ok_or_else(gone)?, place))
}

fn read(path: &Path) -> Result<Option<SealKey>, StoreError> {
    let failed = |source| StoreError::KeyFile { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // A group may read it: that is how a cluster's scheduler mounts volumes.
    if file.metadata().map_err(failed)?.mode() & 0o007 != 0 {
        return Err(StoreError::KeyExposed { path: path.to_owned() });
    }
    let mut text = String::new();
    file.take(LONGEST_TEXT).read_to_string(&mut text).map_err(failed)?;
    let key = SealKey::parse(&Secret::new(text))
        .map_err(|source| StoreError::KeyText { path: path.to_owned(), source })?;
    Ok(Some(key))
}

/// Whole and on the disk before it has its name; a file that is there already stays.
fn write_once(path: &Path, text: &Secret) -> io::Result<()> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    writeln!(file, "{}", text.expose())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    fs::File::open(directory)?.sync_all()
}
