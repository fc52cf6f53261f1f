//! Tenants from a file: TOML with `[[tenants]]`, CSV with a header, or JSON lines, by the name's ending.
//!
//! Why one bad line is one bad tenant in CSV and JSON lines, and a failed source in TOML: after a syntax error nobody
//! can tell which table a TOML line belongs to, so its tenants would be guessed.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::row::{Fault, Field, RawRow, Typing, unknown_key};

/// Room for a hundred thousand tenants with long rows.
const LARGEST: u64 = 256 * 1024 * 1024;
/// In bytes, of one line of JSON.
const LONGEST_LINE: u64 = 1024 * 1024;
/// Rows of one source.
pub const MOST_ROWS: usize = 200_000;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("read the tenants' file")]
    Unreadable(#[from] io::Error),
    #[error(
        "the tenants' file is larger than {LARGEST} bytes, has more than {MOST_ROWS} rows or a line over {LONGEST_LINE} bytes"
    )]
    TooLarge,
    #[error("the tenants' file is not an ordinary file")]
    NoFile,
    #[error("the tenants' file is not UTF-8")]
    NotText,
    #[error("the name of the tenants' file must end in .toml, .csv, .jsonl or .ndjson")]
    UnknownEnding,
    #[error(
        "the CSV header cannot be read: write the columns' names, `id` and `database_url` among them, in the first line"
    )]
    Header,
    #[error("{}", .0.join("; "))]
    Syntax(Vec<String>),
    #[error("reading the tenants' file ended early")]
    Ended,
}

/// Reads off the asynchronous threads, since a file may lie on a slow disk.
pub async fn read(path: &Path) -> Result<Vec<RawRow>, FileError> {
    let path: PathBuf = path.to_owned();
    tokio::task::spawn_blocking(move || read_now(&path)).await.map_err(|_| FileError::Ended)?
}

fn read_now(path: &Path) -> Result<Vec<RawRow>, FileError> {
    // Asked before it is opened: opening a pipe that nobody writes to would wait for ever.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(FileError::NoFile);
    }
    if LARGEST < metadata.len() {
        return Err(FileError::TooLarge);
    }
    let file = std::fs::File::open(path)?.take(LARGEST);
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let rows = match ending.to_ascii_lowercase().as_str() {
        "toml" => toml_rows(&text(file)?),
        "csv" => csv_rows(file),
        "jsonl" | "ndjson" | "json" => json_lines(BufReader::new(file)),
        _ => Err(FileError::UnknownEnding),
    }?;
    if MOST_ROWS < rows.len() { Err(FileError::TooLarge) } else { Ok(rows) }
}

fn text(mut file: impl Read) -> Result<String, FileError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| FileError::NotText)
}

/// Each line an object; empty lines are passed over.
pub fn json_lines(mut input: impl BufRead) -> Result<Vec<RawRow>, FileError> {
    let mut rows = Vec::new();
    let mut bytes = Vec::new();
    for line in 1_u32.. {
        bytes.clear();
        let read = input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            break;
        }
        if LONGEST_LINE <= bytes.len() as u64 || MOST_ROWS <= rows.len() {
            return Err(FileError::TooLarge);
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        rows.push(match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => from_object(members, Some(line)),
            Ok(_) | Err(_) => RawRow::unreadable(
                Some(line),
                Fault::new(
                    "",
                    "the line is no JSON object",
                    "write `{\"id\": \"…\", \"database_url\": \"…\"}` on one line",
                ),
            ),
        });
    }
    Ok(rows)
}

/// A row of JSON, from a file or a query.
pub fn from_object(members: serde_json::Map<String, Value>, line: Option<u32>) -> RawRow {
    let fields = members.into_iter().map(|(key, value)| Field { key, value, line }).collect();
    RawRow::read(fields, line, Typing::Loose)
}

/// An unknown column is one fault of the header, told with the first row.
pub fn csv_rows(input: impl Read) -> Result<Vec<RawRow>, FileError> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::Headers).from_reader(input);
    let header = reader.headers().map_err(|_| FileError::Header)?.clone();
    let column = |name| header.iter().any(|it| it == name);
    if !column("id") || !column("database_url") {
        return Err(FileError::Header);
    }
    let known = |key: &str| {
        let table = key.split_once('.').map_or(key, |(table, _)| table);
        super::row::KEYS.contains(&table)
    };
    let mut unknown: Vec<Fault> = header.iter().filter(|it| !known(it)).map(unknown_key).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        if MOST_ROWS <= rows.len() {
            return Err(FileError::TooLarge);
        }
        let mut row = match record {
            Ok(record) => {
                let line = record.position().and_then(|it| u32::try_from(it.line()).ok());
                csv_row(&header, &record, line, &known)
            }
            Err(error) => {
                let line = error.position().and_then(|it| u32::try_from(it.line()).ok());
                let fault = Fault::new(
                    "",
                    "the line is no UTF-8 or no CSV",
                    "mend its quotes and encoding",
                );
                RawRow::unreadable(line, fault)
            }
        };
        row.faults.append(&mut unknown);
        rows.push(row);
    }
    Ok(rows)
}

fn csv_row(
    header: &csv::StringRecord,
    record: &csv::StringRecord,
    line: Option<u32>,
    known: &dyn Fn(&str) -> bool,
) -> RawRow {
    if record.len() != header.len() {
        let message =
            format!("the line has {} cells and the header {}", record.len(), header.len());
        return RawRow::unreadable(
            line,
            Fault::new("", message, "quote cells that contain a comma"),
        );
    }
    let cells = header.iter().zip(record).filter(|(key, _)| known(key));
    let field = |(key, cell): (&str, &str)| Field { key: key.to_owned(), value: cell.into(), line };
    RawRow::read(cells.map(field).collect(), line, Typing::Loose)
}

/// Only `[[tenants]]` may stand in the file.
pub fn toml_rows(text: &str) -> Result<Vec<RawRow>, FileError> {
    let lines = Lines::of(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<String> = errors
        .iter()
        .map(|it| {
            let line = it.span().map_or(1, |span| lines.at(span.start));
            format!("line {line}: no TOML: {}; mend the syntax", first_line(it.message()))
        })
        .collect();
    let mut rows = Vec::new();
    for (key, value) in document.get_ref() {
        match value.get_ref() {
            DeValue::Array(tables) if key.get_ref() == "tenants" => {
                rows.extend(tables.iter().map(|it| toml_row(it, &lines)));
            }
            _ => problems.push(format!(
                "line {}: only `[[tenants]]` may stand in the file",
                lines.at(key.span().start)
            )),
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(FileError::Syntax(problems)) }
}

/// One element of `[[tenants]]`, in a file of tenants or the configuration.
pub fn toml_row(value: &toml::Spanned<DeValue<'_>>, lines: &Lines) -> RawRow {
    let line = Some(lines.at(value.span().start));
    let DeValue::Table(members) = value.get_ref() else {
        return RawRow::unreadable(line, Fault::new("", "it is no table", "write `[[tenants]]`"));
    };
    let fields = members.iter().map(|(key, value)| Field {
        key: key.get_ref().to_string(),
        value: json(value.get_ref()),
        line: Some(lines.at(key.span().start)),
    });
    RawRow::read(fields.collect(), line, Typing::Strict)
}

/// Dates become their text; a number keeps being none, since no key of a row wants one.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Integer(_) | DeValue::Float(_) => Value::Number(0.into()),
        DeValue::Array(items) => items.iter().map(|it| json(it.get_ref())).collect(),
        DeValue::Table(members) => members
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
            .collect(),
    }
}

/// Where each line of a text begins, so that ten thousand positions are found without reading it again.
#[derive(Debug)]
pub struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|it| it.1 == b'\n').map(|it| it.0).collect())
    }

    /// Counted from 1.
    pub fn at(&self, byte: usize) -> u32 {
        let before = self.0.partition_point(|end| *end < byte);
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
