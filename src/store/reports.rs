//! The text of a report, in pieces.
//!
//! Why in pieces: the report of a hundred thousand tenants is a hundred megabytes of text, and written as one value it
//! would stand in memory twice, at the moment at which the scan needs the most anyway.
//!
//! Invariant: a report is read back byte for byte or not at all.

use std::io::{self, Write};

use rusqlite::{Transaction, params};

use super::error::Fault;
use super::rows::RowError;

/// In bytes: some pages of the store.
const PART: usize = 64 * 1024;

const WHAT: &str = "a report";

/// Stores what `write` writes as the report of the scan of this number.
pub(super) fn put(
    transaction: &Transaction<'_>,
    number: i64,
    write: impl Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Fault> {
    transaction
        .prepare_cached("INSERT INTO reports (number, bytes) VALUES (?1, 0)")?
        .execute([number])?;
    let mut parts = Parts { transaction, number, part: 0, bytes: 0, gathered: Vec::new() };
    write(&mut parts).and_then(|()| parts.end()).map_err(fault)?;
    transaction
        .prepare_cached("UPDATE reports SET bytes = ?2 WHERE number = ?1")?
        .execute([number, parts.bytes])?;
    Ok(())
}

pub(super) fn text(
    transaction: &Transaction<'_>,
    number: i64,
    bytes: i64,
) -> Result<String, Fault> {
    let mut parts = transaction
        .prepare_cached("SELECT json FROM report_parts WHERE number = ?1 ORDER BY part")?;
    let mut found = parts.query([number])?;
    let mut text = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    while let Some(row) = found.next()? {
        text.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if length != bytes {
        return Err(RowError::Bytes { what: WHAT, found: length, expected: bytes }.into());
    }
    String::from_utf8(text).map_err(|_| RowError::NotText { what: WHAT }.into())
}

/// What the store said where it was the store, so that a full disk is told as one.
fn fault(error: io::Error) -> Fault {
    match error.downcast::<rusqlite::Error>() {
        Ok(error) => error.into(),
        Err(source) => RowError::Unwritten { what: WHAT, source }.into(),
    }
}

/// Gathers what is written and stores it piece by piece.
struct Parts<'a> {
    transaction: &'a Transaction<'a>,
    number: i64,
    part: i64,
    bytes: i64,
    gathered: Vec<u8>,
}

impl Parts<'_> {
    fn end(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.store().map_err(io::Error::other)
    }

    fn store(&mut self) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached("INSERT INTO report_parts (number, part, json) VALUES (?1, ?2, ?3)")?
            .execute(params![self.number, self.part, self.gathered])?;
        self.part += 1;
        self.bytes += i64::try_from(self.gathered.len()).unwrap_or(i64::MAX);
        self.gathered.clear();
        Ok(())
    }
}

impl Write for Parts<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.capacity() == 0 {
            self.gathered.reserve_exact(PART);
        }
        let room = PART - self.gathered.len();
        let taken = &bytes[..room.min(bytes.len())];
        self.gathered.extend_from_slice(taken);
        if self.gathered.len() == PART {
            self.end()?;
        }
        Ok(taken.len())
    }

    /// Pieces are stored when they are full: a short one would be as dear as a long one.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::url::StoreUrl;
    use super::*;

    /// Of so many bytes, and of characters that the pieces' ends cut through.
    #[track_caller]
    fn check(length: usize) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Sqlite(directory.path().join("w.db")), None).unwrap();
        let report = "x".repeat(length % 2) + &"å".repeat(length / 2);
        let read = store.write("write and read", |transaction| {
            let scan = "INSERT INTO scans VALUES (1, 1, 0, 0, 'cli', FALSE, 'isolated', '{}')";
            transaction.execute(scan, [])?;
            put(transaction, 1, |out| out.write_all(report.as_bytes()))?;
            let bytes = transaction.query_row("SELECT bytes FROM reports", [], |it| it.get(0))?;
            text(transaction, 1, bytes)
        });
        assert!(read.unwrap() == report, "{length} bytes");
    }

    #[test]
    fn a_report_of_any_length_is_read_back_whole() {
        for length in [0, 1, PART - 1, PART, PART + 1, 3 * PART, 3 * PART + 1] {
            check(length);
        }
    }

    #[test]
    fn a_report_that_lost_a_piece_is_an_error_and_not_a_shorter_report() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Sqlite(directory.path().join("w.db")), None).unwrap();
        let read = store.write("lose a piece", |transaction| {
            let scan = "INSERT INTO scans VALUES (1, 1, 0, 0, 'cli', FALSE, 'isolated', '{}')";
            transaction.execute(scan, [])?;
            put(transaction, 1, |out| out.write_all("x".repeat(2 * PART).as_bytes()))?;
            transaction.execute("DELETE FROM report_parts WHERE part = 1", [])?;
            text(transaction, 1, 131_072)
        });
        let told = format!("{:#}", anyhow::Error::new(read.unwrap_err()));
        assert!(told.contains("65536 bytes are there and 131072 were written"), "{told}");
    }
}
