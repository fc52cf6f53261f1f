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

use super::keys::{Key, Need, Shape};
use super::problem::Problem;
use crate::model::finding::Kind;
use crate::registry::file::{Lines, toml_row};
use crate::registry::row::RawRow;
use crate::registry::tenant::moment;
use crate::secret::SecretRef;

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
        walked.table = walked.table_of(table, keys, "", None, place).unwrap_or_default();
        walked
    }

    /// `None` where a required key is missing or wrong: what is left could not be read by the structs.
    fn table_of(
        &mut self,
        table: &DeTable<'_>,
        keys: &[Key],
        path: &str,
        line: Option<u32>,
        place: Place<'_>,
    ) -> Option<Table> {
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
        for key in keys.iter().filter(|it| it.need == Need::Required) {
            if !table.iter().any(|(name, _)| name.get_ref() == key.name) {
                let remedy = format!("write `{} = …`", key.name);
                self.tell(place, line, &join(path, key.name), MISSING, remedy);
            }
        }
        let whole = |key: &Key| key.need == Need::Optional || found.contains_key(key.name);
        keys.iter().all(whole).then_some(found)
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
                return self.table_of(table, keys, path, line, place).map(Value::Table);
            }
            (Shape::Tables(keys), DeValue::Array(items)) => {
                let read = items.iter().enumerate().filter_map(|(index, item)| {
                    let path = format!("{path}[{}]", index + 1);
                    self.value_of(item, Shape::Table(keys), &path, place)
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

pub const MISSING: &str = "it is missing";
const SET_IT: &str = "set it, or write the value";

/// What is wrong and how to mend it.
type Wrong = (String, String);

fn unset(name: &str) -> String {
    format!("the environment variable {name} is not set")
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

fn from_text(text: String, shape: Shape) -> Result<Value, Wrong> {
    let wrong = || Err((format!("it must be {}, and is text", plural(shape)), example(shape)));
    match shape {
        Shape::Text | Shape::Url if text.trim().is_empty() => {
            Err(("it is empty".to_owned(), "write a value, or remove the key".to_owned()))
        }
        Shape::Text | Shape::Url | Shape::Secret => Ok(Value::String(text)),
        Shape::Duration(least, most) => duration(&text, least, most).map(|()| Value::String(text)),
        Shape::Word(words) if words.contains(&text.as_str()) => Ok(Value::String(text)),
        Shape::Word(words) => Err((
            "it is none of the known words".to_owned(),
            format!("write one of {}", words.join(", ")),
        )),
        Shape::Kind if Kind::parse(&text).is_some() => Ok(Value::String(text)),
        Shape::Kind => {
            let likeness = |it: &Kind| strsim::jaro_winkler(it.label(), &text);
            let nearest = Kind::ALL.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let nearest = nearest.map_or("shared_cluster", |it| it.label());
            Err(("it is no finding's kind".to_owned(), format!("did you mean `{nearest}`?")))
        }
        Shape::Digest if text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit()) => {
            Ok(Value::String(text.to_ascii_lowercase()))
        }
        Shape::Digest => Err(("it is no SHA-256".to_owned(), example(shape))),
        Shape::Moment => match moment(&text) {
            Some(moment) => Ok(Value::String(moment.to_string())),
            None => wrong(),
        },
        Shape::Count(..)
        | Shape::Share
        | Shape::Flag
        | Shape::Texts
        | Shape::Table(_)
        | Shape::Tables(_)
        | Shape::Rows => wrong(),
    }
}

fn from_other(value: &DeValue<'_>, shape: Shape) -> Result<Value, Wrong> {
    match (shape, value) {
        (Shape::Flag, DeValue::Boolean(yes)) => Ok(Value::Boolean(*yes)),
        (Shape::Count(least, most), DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            match number.filter(|it| (least..=most).contains(it)) {
                Some(number) => Ok(Value::Integer(number)),
                None => Err((format!("it is not between {least} and {most}"), example(shape))),
            }
        }
        (Shape::Share, DeValue::Integer(number)) => share(number.as_str()),
        (Shape::Share, DeValue::Float(number)) => share(number.as_str()),
        (Shape::Moment, DeValue::Datetime(moment)) => from_text(moment.to_string(), shape),
        (shape, value) => {
            let told = format!("it must be {}, and is {}", plural(shape), value.type_str());
            Err((told, example(shape)))
        }
    }
}

fn texts<'a, 'i: 'a>(
    items: impl Iterator<Item = &'a Spanned<DeValue<'i>>>,
    environment: &Environment,
) -> Result<Value, Wrong> {
    let mut texts = Vec::new();
    for item in items {
        let Some(text) = item.get_ref().as_str() else {
            return Err(("it must be a list of texts".to_owned(), example(Shape::Texts)));
        };
        let text = expand(text, environment).map_err(|name| (unset(&name), SET_IT.to_owned()))?;
        texts.push(Value::String(text));
    }
    if texts.is_empty() {
        return Err((
            "the list is empty".to_owned(),
            "write an entry, or remove the key".to_owned(),
        ));
    }
    Ok(Value::Array(texts))
}

fn share(text: &str) -> Result<Value, Wrong> {
    let number: Option<f64> = text.parse().ok().filter(|it| (0.0..=1.0).contains(it));
    let wrong = || ("it is not between 0 and 1".to_owned(), example(Shape::Share));
    number.map(Value::Float).ok_or_else(wrong)
}

fn duration(text: &str, least: u64, most: u64) -> Result<(), Wrong> {
    let shape = Shape::Duration(least, most);
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    let Some(parsed) = parsed else {
        return Err(("it is no duration".to_owned(), example(shape)));
    };
    let fits = std::time::Duration::try_from(parsed).is_ok_and(|it| {
        (std::time::Duration::from_secs(least)..=std::time::Duration::from_secs(most)).contains(&it)
    });
    if fits {
        return Ok(());
    }
    Err((format!("it is not between {least} s and {most} s"), example(shape)))
}

const fn plural(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Secret | Shape::Url | Shape::Word(_) | Shape::Kind | Shape::Digest => {
            "a text"
        }
        Shape::Duration(..) => "a duration",
        Shape::Count(..) => "a whole number",
        Shape::Share => "a number from 0 to 1",
        Shape::Flag => "true or false",
        Shape::Moment => "a date, or a time with its offset",
        Shape::Texts => "a list of texts",
        Shape::Table(_) => "a table",
        Shape::Tables(_) | Shape::Rows => "a list of tables",
    }
}

fn example(shape: Shape) -> String {
    match shape {
        Shape::Text | Shape::Url => "write it in quotes",
        Shape::Secret => "write \"${NAME}\" or \"file:/path\"",
        Shape::Word(words) => return format!("write one of {}", words.join(", ")),
        Shape::Kind => "write a finding's kind, for example \"shared_cluster\"",
        Shape::Duration(..) => "write for example \"30s\", \"5m\" or \"1h\"",
        Shape::Count(least, most) => {
            return format!("write a whole number from {least} to {most}, without quotes");
        }
        Shape::Share => "write for example 0.5, without quotes",
        Shape::Digest => "write 64 hexadecimal digits, from `sha256sum`",
        Shape::Flag => "write true or false, without quotes",
        Shape::Moment => "write for example 2027-01-31 or 2027-01-31T04:00:00Z",
        Shape::Texts => "write for example [\"one\", \"two\"]",
        Shape::Table(_) => "write it as a [section]",
        Shape::Tables(_) | Shape::Rows => "write it as a [[section]]",
    }
    .to_owned()
}

/// Every `${NAME}` replaced, or the first name that is not set.
pub fn expand(text: &str, environment: &Environment) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let name = after.split_once('}').filter(|(name, _)| is_name(name));
        let Some((name, after)) = name else {
            whole.push_str("${");
            rest = after;
            continue;
        };
        whole.push_str(environment.get(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    Ok(whole + rest)
}

fn is_name(text: &str) -> bool {
    let word = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    word && text.bytes().next().is_some_and(|it| !it.is_ascii_digit())
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
