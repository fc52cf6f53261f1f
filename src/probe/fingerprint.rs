//! Reads a server's answer to the fingerprint, believing nothing.
//!
//! Why so strict: whoever answers may be no PostgreSQL, an imitation, or hostile. A column that is not what it must be
//! makes the whole answer nonsense; it is never guessed, and never a panic. NULL means "withheld".

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::fingerprint::Fingerprint;
use crate::model::observation::Power;

/// How many columns the statement has.
pub const COLUMNS: usize = 27;

/// PostgreSQL's own limit is 63 bytes; some builds raise it.
const LONGEST_NAME: usize = 255;

/// A stamp has some hundred bytes. A longer comment is cut: it cannot verify anyway.
const LONGEST_STAMP: usize = 4_096;

/// One row, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub fingerprint: Fingerprint,
    /// The port that the server sees us come from.
    pub client_port: Option<u16>,
    pub read_only: Option<bool>,
    pub connections: Option<u32>,
    pub max_connections: Option<u32>,
    pub transaction_age: Option<u32>,
    /// The server's clock, in microseconds since 1970.
    pub clock: Option<i64>,
    pub powers: Option<Vec<Power>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    #[error("{0} columns instead of {COLUMNS}")]
    Columns(usize),
    #[error("{0} rows instead of one")]
    Rows(usize),
    #[error("column {0} cannot be read")]
    Column(&'static str),
}

/// Reads the last result of the statement.
pub fn read(rows: &[Vec<Option<String>>]) -> Result<Answer, Nonsense> {
    let [row] = rows else {
        return Err(Nonsense::Rows(rows.len()));
    };
    let row: &[Option<String>; COLUMNS] =
        row.as_slice().try_into().map_err(|_| Nonsense::Columns(row.len()))?;
    let text = |index: usize| row[index].as_deref();
    let server_version =
        number(text(8), "server_version")?.ok_or(Nonsense::Column("server_version"))?;
    let in_recovery = yes(text(3), "in_recovery")?;
    let timeline = match text(4) {
        Some(file) => Some(wal_file_timeline(file)?),
        None => number(text(5), "timeline")?.filter(|it| *it != 0),
    };
    let fingerprint = Fingerprint {
        system_identifier: system_identifier(text(0))?,
        database_oid: number(text(1), "database_oid")?,
        database: database(text(2))?,
        timeline,
        in_recovery,
        started_at: moment(text(7), "started_at")?,
        server_version,
        server_address: address(text(9))?,
        server_port: number(text(10), "server_port")?,
        wal_position: text(6).map(position).transpose()?,
        wal_senders: number(text(12), "wal_senders")?,
        wal_receiver: yes(text(13), "wal_receiver")?,
        stamp: text(14).map(|it| it.chars().take(LONGEST_STAMP).collect()),
    };
    Ok(Answer {
        fingerprint,
        client_port: number(text(11), "client_port")?,
        // A standby's sessions are read-only whatever the default is.
        read_only: match (yes(text(15), "read_only")?, in_recovery) {
            (Some(false), None) | (None, _) => None,
            (Some(default), recovery) => Some(default || recovery == Some(true)),
        },
        connections: number(text(16), "connections")?,
        max_connections: number(text(17), "max_connections")?,
        transaction_age: number(text(18), "transaction_age")?,
        clock: moment(text(19), "clock")?,
        powers: powers(&row[20..])?,
    })
}

fn number<T: std::str::FromStr>(
    text: Option<&str>,
    column: &'static str,
) -> Result<Option<T>, Nonsense> {
    text.map(|it| it.parse().map_err(|_| Nonsense::Column(column))).transpose()
}

/// In every form in which PostgreSQL writes a boolean or a setting.
fn yes(text: Option<&str>, column: &'static str) -> Result<Option<bool>, Nonsense> {
    match text {
        None => Ok(None),
        Some("t" | "true" | "on") => Ok(Some(true)),
        Some("f" | "false" | "off") => Ok(Some(false)),
        Some(_) => Err(Nonsense::Column(column)),
    }
}

/// An unsigned number that SQL can only show as a signed one.
fn system_identifier(text: Option<&str>) -> Result<Option<u64>, Nonsense> {
    Ok(number::<i64>(text, "system_identifier")?.map(i64::cast_unsigned))
}

fn database(text: Option<&str>) -> Result<Arc<str>, Nonsense> {
    text.filter(|it| (1..=LONGEST_NAME).contains(&it.len()))
        .map(Into::into)
        .ok_or(Nonsense::Column("database"))
}

/// The first eight hexadecimal digits of a WAL file's name.
fn wal_file_timeline(file: &str) -> Result<u32, Nonsense> {
    let digits =
        file.get(..8).filter(|_| file.len() == 24 && file.bytes().all(|it| it.is_ascii_hexdigit()));
    digits.and_then(|it| u32::from_str_radix(it, 16).ok()).ok_or(Nonsense::Column("timeline"))
}

/// `A/B`, both hexadecimal: the upper and the lower 32 bits.
fn position(text: &str) -> Result<u64, Nonsense> {
    let half = |it: &str| u32::from_str_radix(it, 16).ok().map(u64::from);
    text.split_once('/')
        .and_then(|(high, low)| Some(half(high)? << 32 | half(low)?))
        .ok_or(Nonsense::Column("wal_position"))
}

/// The time as ISO 8601 writes it, in GMT, to the microsecond.
fn moment(text: Option<&str>, column: &'static str) -> Result<Option<i64>, Nonsense> {
    text.map(|it| match it.parse::<Timestamp>() {
        Ok(moment) => Ok(moment.as_microsecond()),
        Err(_) => Err(Nonsense::Column(column)),
    })
    .transpose()
}

/// With or without the length of the network, which PostgreSQL adds in some forms.
fn address(text: Option<&str>) -> Result<Option<IpAddr>, Nonsense> {
    let bare = text.map(|it| it.split_once('/').map_or(it, |(address, _)| address));
    number(bare, "server_address")
}

/// `None` where the role is unknown here (a pooler may log in as another) or may not be read.
fn powers(columns: &[Option<String>]) -> Result<Option<Vec<Power>>, Nonsense> {
    let order = [
        Power::Superuser,
        Power::Replication,
        Power::ReadAllData,
        Power::WriteAllData,
        Power::ServerFiles,
        Power::ServerPrograms,
        Power::CreateRole,
    ];
    let mut powers = Vec::new();
    for (power, column) in order.into_iter().zip(columns) {
        match yes(column.as_deref(), power.label())? {
            None => return Ok(None),
            Some(false) => (),
            // Includes all the others.
            Some(true) if power == Power::Superuser => return Ok(Some(vec![power])),
            Some(true) => powers.push(power),
        }
    }
    Ok(Some(powers))
}

#[cfg(test)]
mod tests;
