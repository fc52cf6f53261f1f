//! From a file and the environment to a configuration, or to everything that is wrong with them.
//!
//! Why the text is read apart from the file: whatever can be wrong with a configuration is tested without a disk.
//!
//! Invariants:
//! - defaults, then the file, then the environment: the later one wins;
//! - every secret that is named is read once here, so that a missing one stops the start and not the night's scan.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::{Table, Value};

use super::keys::{Key, ROOT, Shape};
use super::problem::Problem;
use super::walk::{Environment, MISSING, Place, Walked, suggestion};
use super::{Config, NoFile, PREFIX, check};
use crate::registry::file::Lines;
use crate::secret::{SecretError, SecretRef};

/// Room for a hundred thousand tenants, and a bound for a path that leads to a device by mistake.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Looked for in this order where no path is given.
const DEFAULT_PATHS: [&str; 2] = ["watertight.toml", "/etc/watertight/watertight.toml"];

pub(super) fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    no_file: NoFile,
) -> Result<Config, Vec<Problem>> {
    let environment: Environment = environment.collect();
    let (name, text) = match find(path) {
        Ok(Some((path, text))) => (path.display().to_string(), text),
        Ok(None) if no_file == NoFile::Allowed => (String::from("defaults"), String::new()),
        Ok(None) => {
            let remedy = "write watertight.toml, or name a file with --config".to_owned();
            return Err(vec![whole(DEFAULT_PATHS.join(" or "), "there is no such file", remedy)]);
        }
        Err(problem) => return Err(vec![problem]),
    };
    from_text(&name, &text, &environment)
}

/// The decision, apart from finding the file; it reads only the secrets' files that the text names.
pub(super) fn from_text(
    name: &str,
    text: &str,
    environment: &Environment,
) -> Result<Config, Vec<Problem>> {
    let lines = Lines::of(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let place = Place { file: name, lines: Some(&lines), environment };
    let mut walked = Walked::document(document.get_ref(), ROOT, place);
    overlay(&mut walked, environment);
    walked.complete(ROOT, place);
    syntax(&mut walked, &errors, text, &lines, place);
    let mut problems = std::mem::take(&mut walked.problems);
    problems.extend(unreadable_secrets(&walked, name, environment));
    let config = Config::deserialize(Value::Table(std::mem::take(&mut walked.table)));
    if let Ok(mut config) = config {
        config.tenants = std::mem::take(&mut walked.tenants).into();
        name.clone_into(&mut config.file);
        let told: BTreeSet<String> = problems.iter().map(|it| it.key.clone()).collect();
        let more = check::problems(&config, &walked.lines).into_iter();
        let more = more
            .filter(|it| !told.contains(&it.key) && (errors.is_empty() || it.message != MISSING));
        problems.extend(more);
        if problems.is_empty() {
            return Ok(config);
        }
    } else if problems.is_empty() {
        // Cannot happen while the table and the structs are one, which a test holds. The cause may quote a value.
        let remedy = "compare it with the documentation".to_owned();
        problems.push(whole(name.to_owned(), "a value cannot be read", remedy));
    }
    for problem in &mut problems {
        let exact = tenants_line(document.get_ref(), &lines, &problem.key);
        problem.line = exact.or(problem.line);
    }
    problems.sort();
    problems.dedup();
    Err(problems)
}

/// What was recovered around a syntax error is guessed: neither its line's keys, nor those of a section whose header is
/// broken, nor a missing one are told.
fn syntax(
    walked: &mut Walked,
    errors: &[toml::de::Error],
    text: &str,
    lines: &Lines,
    place: Place<'_>,
) {
    if errors.is_empty() {
        return;
    }
    let line = |error: &toml::de::Error| error.span().map(|span| lines.at(span.start));
    let broken: BTreeSet<Option<u32>> = errors.iter().map(line).collect();
    let mut guessed = broken.clone();
    let mut within = false;
    for (number, line) in (1_u32..).zip(text.lines()) {
        if line.trim_start().starts_with('[') {
            within = broken.contains(&Some(number));
        }
        if within {
            guessed.insert(Some(number));
        }
    }
    walked.problems.retain(|it| !guessed.contains(&it.line) && it.message != MISSING);
    for error in errors {
        let message = error.message().lines().next().unwrap_or_default();
        let message = format!("it is no TOML: {message}");
        walked.tell(place, line(error), "", &message, "mend the syntax of this line".to_owned());
    }
}

/// Of a key such as `tenants[3].endpoints.replica`: looked for only once it is wrong, since a large fleet has many.
fn tenants_line(document: &DeTable<'_>, lines: &Lines, key: &str) -> Option<u32> {
    let (number, path) = key.strip_prefix("tenants[")?.split_once("].")?;
    let index = number.parse::<usize>().ok()?.checked_sub(1)?;
    let mut table =
        document.get("tenants")?.get_ref().as_array()?.get(index)?.get_ref().as_table()?;
    let mut line = None;
    for name in path.split('.') {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
        line = Some(lines.at(key.span().start));
        let Some(members) = value.get_ref().as_table() else { break };
        table = members;
    }
    line
}

fn whole(file: String, message: &str, remedy: String) -> Problem {
    Problem { file, line: None, key: String::new(), message: message.to_owned(), remedy }
}

fn find(path: Option<&Path>) -> Result<Option<(PathBuf, String)>, Problem> {
    if let Some(path) = path {
        return read(path).map(|text| Some((path.to_owned(), text)));
    }
    for path in DEFAULT_PATHS.map(Path::new) {
        // One that exists and cannot be read is not passed over for the next.
        if std::fs::symlink_metadata(path).is_ok() {
            return read(path).map(|text| Some((path.to_owned(), text)));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<String, Problem> {
    let tell =
        |message: &str, remedy: &str| whole(path.display().to_string(), message, remedy.to_owned());
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|it| it.take(LARGEST).read_to_end(&mut bytes));
    match read {
        Ok(size) if LARGEST <= size as u64 => {
            Err(tell("it is larger than 256 MiB", "move the tenants into a file of [[sources]]"))
        }
        Ok(_) => String::from_utf8(bytes).map_err(|_| tell("it is not UTF-8", "save it as UTF-8")),
        Err(error) => Err(tell(
            &format!("it cannot be read: {error}"),
            match error.kind() {
                io::ErrorKind::NotFound => "write it, or name another with --config",
                io::ErrorKind::PermissionDenied => "let this user read it",
                _ => "name a file with --config",
            },
        )),
    }
}

/// Puts the variables over the file, each read as the key's own type.
fn overlay(walked: &mut Walked, environment: &Environment) {
    for (variable, text) in environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let path: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        let place = Place { file: variable, lines: None, environment };
        let dotted = path.join(".");
        match shape_of(&path, ROOT) {
            Ok(Shape::Tables(_) | Shape::Table(_) | Shape::Rows) => {
                let remedy = "write it in the file".to_owned();
                walked.tell(
                    place,
                    None,
                    &dotted,
                    "a section cannot come from the environment",
                    remedy,
                );
            }
            Ok(shape) => {
                walked.secrets.retain(|(path, _)| *path != dotted);
                let value = typed(text, shape);
                if let Some(value) = walked.value_of(&value, shape, &dotted, place) {
                    put(&mut walked.table, &path, value);
                }
            }
            Err(remedy) => walked.tell(place, None, &dotted, "no such key", remedy),
        }
    }
}

fn shape_of(path: &[String], keys: &[Key]) -> Result<Shape, String> {
    let Some((first, rest)) = path.split_first() else { return Ok(Shape::Table(ROOT)) };
    let Some(key) = keys.iter().find(|it| it.name == first) else {
        return Err(suggestion(first, keys));
    };
    match key.shape {
        Shape::Table(keys) if !rest.is_empty() => shape_of(rest, keys),
        shape if rest.is_empty() => Ok(shape),
        _ => Err(format!("`{first}` has no keys of its own")),
    }
}

/// Text where text is meant, else as TOML would read it.
fn typed(text: &str, shape: Shape) -> Spanned<DeValue<'_>> {
    let parsed = match shape {
        Shape::Count(..) | Shape::Share | Shape::Flag | Shape::Texts => DeValue::parse(text).ok(),
        _ => None,
    };
    parsed.unwrap_or_else(|| Spanned::new(0..0, DeValue::String(text.into())))
}

fn put(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => (),
        [last] => drop(table.insert(last.clone(), value)),
        [first, rest @ ..] => {
            let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Those that cannot be read now will not be readable at night.
fn unreadable_secrets(walked: &Walked, file: &str, environment: &Environment) -> Vec<Problem> {
    let named = walked.secrets.iter().map(|(key, secret)| (key.clone(), secret.clone()));
    let own = walked.tenants.iter().enumerate().flat_map(|(index, row)| {
        let monitor = row.monitor.as_ref().map(|it| ("monitor.password", &it.password));
        let apart = row.password.as_ref().map(|it| ("password", it));
        [apart, monitor].into_iter().flatten().map(move |(key, text)| {
            (format!("tenants[{}].{key}", index + 1), row.line, SecretRef::parse(text))
        })
    });
    // An empty one is a fault of the row, which the registry tells.
    let own = own.filter(|it| !matches!(it.2, SecretRef::Inline(_)));
    let line = |key: &str| walked.lines.get(key).copied();
    let mut told: BTreeMap<(Option<u32>, String), String> = BTreeMap::new();
    for (key, line, secret) in named.map(|(key, it)| (key.clone(), line(&key), it)).chain(own) {
        let message = match &secret {
            SecretRef::Inline(value) => value.expose().is_empty().then(|| "it is empty".to_owned()),
            SecretRef::Environment(name) => match environment.get(&**name) {
                None => Some(format!("the environment variable {name} is not set")),
                Some(value) if value.is_empty() => {
                    Some(format!("the environment variable {name} is empty"))
                }
                Some(_) => None,
            },
            SecretRef::File(_) => secret.read().err().map(|error| reason(&error)),
        };
        if let Some(message) = message {
            told.insert((line, key), message);
        }
    }
    told.into_iter()
        .map(|((line, key), message)| Problem {
            file: file.to_owned(),
            line,
            key,
            message,
            remedy: "make the secret readable, or name another place".to_owned(),
        })
        .collect()
}

fn reason(error: &SecretError) -> String {
    match error {
        SecretError::Unreadable { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}
