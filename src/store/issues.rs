//! The ledger of issues: what was filed about each subject.
//!
//! Why each write to GitHub is noted before it is made: a process that dies between the request and its answer must find
//! that it may have asked.
//!
//! Invariant: the last row of a subject is the one that counts, and only it is ever changed.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::error::{Fault, StoreError};
use super::rows::issue::{Columns, entry, entry_text};
use super::{Store, rows};
use crate::model::issue::{Entry, Standing, Subject};

/// How long what is over can be looked up: to open it again, or to name it in the next one.
const OVER_KEPT: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Of those, the latest.
const OVER_AT_MOST: u32 = 20_000;

/// Times of writes; GitHub takes fewer in an hour.
const WRITES_AT_MOST: u32 = 1_000;

const HELD: &str = "github_held_until";

const COLUMNS: &str = "number, subject, repository, issue, url, standing, since, body";

impl Store {
    /// The row that counts of every subject, in the order in which they were begun.
    pub fn issues(&self) -> Result<Vec<Entry>, StoreError> {
        self.read("read the ledger of issues", |transaction| {
            let sql = format!(
                "SELECT {COLUMNS} FROM issues
                 WHERE number IN (SELECT max(number) FROM issues GROUP BY subject) ORDER BY number"
            );
            let mut select = transaction.prepare_cached(&sql)?;
            let found = select.query_and_then([], |row| Ok::<_, Fault>(entry(&columns(row)?)?))?;
            found.collect()
        })
    }

    /// What an issue of that number there is about: the reverse of `issues`, for what GitHub tells of one.
    pub fn issue_subject(
        &self,
        repository: &str,
        issue: u64,
    ) -> Result<Option<Subject>, StoreError> {
        self.read("read what an issue is about", |transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT subject FROM issues WHERE issue = ?2 AND lower(repository) = lower(?1)
                 ORDER BY number DESC LIMIT 1",
            )?;
            let issue = i64::try_from(issue).unwrap_or(i64::MAX);
            let found = select.query_row(params![repository, issue], |row| row.get::<_, String>(0));
            Ok(found.optional()?.and_then(|it| Subject::parse(&it)))
        })
    }

    /// Begins a row, and gives it its number.
    pub fn begin_issue(&self, begun: &Entry) -> Result<Entry, StoreError> {
        self.write("note an issue that is to be created", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO issues (subject, repository, issue, url, standing, since, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    begun.subject.to_string(),
                    begun.repository,
                    begun.issue.as_ref().map(|it| number(it.number)),
                    begun.issue.as_ref().map(|it| &*it.url),
                    begun.standing.label(),
                    rows::micros(begun.since),
                    entry_text(begun)?,
                ])?;
            prune(transaction, begun.since)?;
            Ok(Entry { row: transaction.last_insert_rowid(), ..begun.clone() })
        })
    }

    pub fn put_issue(&self, entry: &Entry) -> Result<(), StoreError> {
        self.write("note what became of an issue", |transaction| {
            let mut put = transaction.prepare_cached(
                "UPDATE issues SET repository = ?2, issue = ?3, url = ?4, standing = ?5, since = ?6,
                     body = ?7 WHERE number = ?1",
            )?;
            put.execute(params![
                entry.row,
                entry.repository,
                entry.issue.as_ref().map(|it| number(it.number)),
                entry.issue.as_ref().map(|it| &*it.url),
                entry.standing.label(),
                rows::micros(entry.since),
                entry_text(entry)?,
            ])?;
            Ok(())
        })
    }

    /// Takes back the intention of an issue that certainly was not created.
    pub fn drop_issue(&self, row: i64) -> Result<(), StoreError> {
        self.write("take back an issue that was not created", |transaction| {
            transaction
                .prepare_cached("DELETE FROM issues WHERE number = ?1 AND standing = ?2")?
                .execute(params![row, Standing::Intended.label()])?;
            Ok(())
        })
    }

    /// Notes that content is about to be written.
    pub fn note_issue_write(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write("note a write to GitHub", |transaction| {
            transaction
                .prepare_cached("INSERT INTO issue_writes (at) VALUES (?1)")?
                .execute([rows::micros(at)])?;
            transaction
                .prepare_cached(
                    "DELETE FROM issue_writes
                     WHERE number <= (SELECT max(number) FROM issue_writes) - ?1",
                )?
                .execute([WRITES_AT_MOST])?;
            Ok(())
        })
    }

    /// Since then, in any order.
    pub fn issue_writes(&self, since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        self.read("read the writes to GitHub", |transaction| {
            let mut select =
                transaction.prepare_cached("SELECT at FROM issue_writes WHERE ?1 <= at")?;
            let found = select.query_and_then([rows::micros(since)], |row| {
                Ok::<_, Fault>(rows::time("at", row.get(0)?)?)
            })?;
            found.collect()
        })
    }

    /// Until when GitHub has told us to wait.
    pub fn put_issues_held(&self, until: Timestamp) -> Result<(), StoreError> {
        self.write("note how long GitHub has us wait", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO meta (name, value) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![HELD, rows::micros(until).to_string()])?;
            Ok(())
        })
    }

    pub fn issues_held(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read("read how long GitHub has us wait", |transaction| {
            let mut select =
                transaction.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
            let found = select.query_row([HELD], |row| row.get::<_, String>(0)).optional()?;
            let micros = found.and_then(|it| it.parse().ok());
            Ok(micros.map(|it| rows::time(HELD, it)).transpose()?)
        })
    }
}

fn number(issue: u64) -> i64 {
    i64::try_from(issue).unwrap_or(i64::MAX)
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        row: row.get(0)?,
        subject: row.get(1)?,
        repository: row.get(2)?,
        issue: row.get(3)?,
        url: row.get(4)?,
        standing: row.get(5)?,
        since: row.get(6)?,
        body: row.get(7)?,
    })
}

fn prune(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let kept = [Standing::Intended.label(), Standing::Open.label()];
    let oldest = now.saturating_sub(OVER_KEPT).unwrap_or(Timestamp::MIN);
    transaction
        .prepare_cached("DELETE FROM issues WHERE standing NOT IN (?1, ?2) AND since < ?3")?
        .execute(params![kept[0], kept[1], rows::micros(oldest)])?;
    transaction
        .prepare_cached(
            "DELETE FROM issues WHERE number IN (SELECT number FROM issues
                 WHERE standing NOT IN (?1, ?2) ORDER BY since DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute(params![kept[0], kept[1], OVER_AT_MOST])?;
    Ok(())
}
