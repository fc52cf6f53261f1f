//! Holds a TOML document against the table of keys and tells everything that does not fit, with its line.
//!
//! Why before serde: what passes here is known to be readable by the structs, so a person sees all faults at once.
//!
//! Invariants:
//! - pure: the environment comes as an argument, and no file is read;
//! - no problem repeats a value.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::{Table, Value};

use super::fit::{SET_IT, expand, from_other, from_text, texts, unset};
use super::keys::{Key, Need, Shape};
use super::problem::Problem;
use crate::registry::file::{Lines, toml_row};
use crate::registry::row::RawRow;
use crate::secret::SecretRef;

/// Told of a required key; not told of a document whose syntax is broken, where the key may stand unread.
pub const MISSING: &str = "it is missing";

/// The names and values of environment variables.
pub type Environment = BTreeMap<String, String>;

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// A file's path, or the environment variable's name.
    pub file: &'a str,
    /// `None` where the place has no lines.
    pub lines: Option<&'a Lines>,
    pub environment: &'a Environment,
}

/// What a document says once every `${NAME}` is replaced.
#[derive(Debug, Default)]
pub struct Walked {
    pub table: Table,
    pub tenants: Vec<RawRow>,
    /// Each key's line, by its path.
    pub lines: BTreeMap<String, u32>,
    /// To be read once, so that a missing one is told before anything is scanned.
    pub secrets: Vec<(String, SecretRef)>,
    pub problems: Vec<Problem>,
}

impl Walked {
    pub fn document(table: &DeTable<'_>, keys: &[Key], place: Place<'_>) -> Self {
        let mut walked = Self::default();
        walked.table = walked.table_of(table, keys, "", place);
        walked
    }

    fn table_of(
        &mut self,
        table: &DeTable<'_>,
        keys: &[Key],
        path: &str,
        place: Place<'_>,
    ) -> Table {
        let mut found = Table::new();
        for (name, value) in table {
            let line = place.lines.map(|it| it.at(name.span().start));
            let name: &str = name.get_ref();
            let path = join(path, name);
            let Some(key) = keys.iter().find(|it| it.name == name) else {
                self.tell(place, line, &path, "no such key", suggestion(name, keys));
                continue;
            };
            if let Some(line) = line {
                self.lines.insert(path.clone(), line);
            }
            if let Some(value) = self.value_of(value, key.shape, &path, place) {
                found.insert(name.to_owned(), value);
            }
        }
        found
    }

    /// Tells what is required and missing, once the environment has had its say, and takes away each section that the
    /// structs could not read without it.
    pub fn complete(&mut self, keys: &[Key], place: Place<'_>) {
        let mut table = std::mem::take(&mut self.table);
        self.complete_tables(&mut table, keys, "", place);
        self.table = table;
    }

    fn complete_tables(&mut self, table: &mut Table, keys: &[Key], path: &str, place: Place<'_>) {
        for key in keys {
            let Shape::Table(inner) = key.shape else { continue };
            let Some(Value::Table(section)) = table.get_mut(key.name) else { continue };
            let path = join(path, key.name);
            self.complete_tables(section, inner, &path, place);
            let line = self.lines.get(&path).copied();
            if !self.whole(section, inner, &path, line, place) {
                table.remove(key.name);
            }
        }
    }

    /// Whether every required key is there. One that is there and wrong was told already.
    fn whole(
        &mut self,
        table: &Table,
        keys: &[Key],
        path: &str,
        line: Option<u32>,
        place: Place<'_>,
    ) -> bool {
        let required = keys.iter().filter(|it| it.need == Need::Required);
        let missing: Vec<&Key> = required.filter(|it| !table.contains_key(it.name)).collect();
        for key in &missing {
            let path = join(path, key.name);
            if !self.problems.iter().any(|it| it.key == path) {
                self.tell(place, line, &path, MISSING, format!("write `{} = …`", key.name));
            }
        }
        missing.is_empty()
    }

    /// The value as the structs read it; `None` where a problem was told.
    pub fn value_of(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        shape: Shape,
        path: &str,
        place: Place<'_>,
    ) -> Option<Value> {
        let line = place.lines.map(|it| it.at(value.span().start));
        let read = match (shape, value.get_ref()) {
            (Shape::Table(keys), DeValue::Table(table)) => {
                return Some(Value::Table(self.table_of(table, keys, path, place)));
            }
            (Shape::Tables(keys), DeValue::Array(items)) => {
                let read = items.iter().enumerate().filter_map(|(index, item)| {
                    let path = format!("{path}[{}]", index + 1);
                    let line = place.lines.map(|it| it.at(item.span().start));
                    let value = self.value_of(item, Shape::Table(keys), &path, place)?;
                    let table = value.as_table()?;
                    self.whole(table, keys, &path, line, place).then_some(value)
                });
                return Some(Value::Array(read.collect()));
            }
            (Shape::Rows, DeValue::Array(items)) => {
                let no_lines = Lines::of("");
                let lines = place.lines.unwrap_or(&no_lines);
                self.tenants
                    .extend(items.iter().map(|it| expanded_row(toml_row(it, lines), place)));
                return None;
            }
            (Shape::Secret, DeValue::String(text)) => {
                self.secrets.push((path.to_owned(), SecretRef::parse(text)));
                Ok(Value::String(text.to_string()))
            }
            (shape, DeValue::String(text)) => expand(text, place.environment)
                .map_err(|name| (unset(&name), SET_IT.to_owned()))
                .and_then(|text| from_text(text, shape)),
            (Shape::Texts, DeValue::Array(items)) => texts(items.iter(), place.environment),
            (shape, value) => from_other(value, shape),
        };
        match read {
            Ok(value) => Some(value),
            Err((message, remedy)) => {
                self.tell(place, line, path, &message, remedy);
                None
            }
        }
    }

    pub fn tell(
        &mut self,
        place: Place<'_>,
        line: Option<u32>,
        key: &str,
        message: &str,
        remedy: String,
    ) {
        let file = place.file.to_owned();
        // Keys are somebody's text and end up on a terminal.
        let key = key.chars().filter(|it| !it.is_control()).take(120).collect();
        self.problems.push(Problem { file, line, key, message: message.to_owned(), remedy });
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The key that was probably meant.
pub fn suggestion(name: &str, keys: &[Key]) -> String {
    let likeness = |it: &Key| strsim::jaro_winkler(it.name, name);
    let nearest = keys.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    if let Some(nearest) = nearest.filter(|it| 0.75 < likeness(it)) {
        return format!("did you mean `{}`?", nearest.name);
    }
    let names: Vec<&str> = keys.iter().map(|it| it.name).collect();
    format!("remove it; known here: {}", names.join(", "))
}

/// Everything but the passwords, which keep their references.
fn expanded_row(mut row: RawRow, place: Place<'_>) -> RawRow {
    let mut wrong = Vec::new();
    let mut replace = |key: &str, text: &mut Box<str>| {
        if !text.contains("${") {
            return;
        }
        match expand(text, place.environment) {
            Ok(expanded) => *text = expanded.into(),
            Err(name) => {
                wrong.push(crate::registry::row::Fault::new(key, unset(&name), SET_IT));
            }
        }
    };
    replace("id", &mut row.id);
    let named = [
        ("database_url", &mut row.database_url),
        ("subdomain", &mut row.subdomain),
        ("name", &mut row.name),
        ("environment", &mut row.environment),
        ("clone_of", &mut row.clone_of),
        ("managed_by", &mut row.managed_by),
        ("region", &mut row.region),
        ("project_id", &mut row.project_id),
    ];
    for (key, text) in named {
        if let Some(text) = text {
            replace(key, text);
        }
    }
    let tables = [
        ("endpoints", &mut row.endpoints),
        ("databases", &mut row.databases),
        ("labels", &mut row.labels),
    ];
    for (table, members) in tables {
        for (name, text) in members {
            replace(&format!("{table}.{name}"), text);
        }
    }
    row.faults.extend(wrong);
    row
}
