//! A row of the registry as it was written, before anybody asks what it means.
//!
//! Why read by hand: serde stops at the first thing that is wrong. Whoever mends ten thousand rows wants all faults of
//! all rows in one run, and a row with a fault must stay in the fleet, unverified, instead of vanishing from it.
//!
//! Invariant: `Debug` shows neither URL nor password.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::tenant::normalise;

/// What a row may say. The first two are required.
pub const KEYS: [&str; 15] = [
    "id",
    "database_url",
    "subdomain",
    "name",
    "password",
    "endpoints",
    "databases",
    "environment",
    "clone_of",
    "managed_by",
    "region",
    "labels",
    "maintenance",
    "project_id",
    "monitor",
];

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawRow {
    pub id: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// The application's, apart from the URL: `${NAME}`, `file:/path` or the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Box<str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<Box<str>, Box<str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<Box<str>, Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clone_of: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Box<str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Box<str>, Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Box<RawMaintenance>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor: Option<Box<RawMonitor>>,
    /// Counted from 1; of a query without line numbers, the row's number where nothing else names the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What could not be read when the row came in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMaintenance {
    /// RFC 3339, or a date: the start of that day in UTC.
    pub until: Box<str>,
    pub reason: Box<str>,
}

/// A login of our own for one tenant.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMonitor {
    pub user: Box<str>,
    pub password: Box<str>,
}

/// One thing that is wrong with a row, without any value of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `database_url`, `endpoints.pooler`; empty for the row as a whole.
    pub key: String,
    pub message: String,
    pub remedy: String,
    /// Where the key stands, if closer than the row's own line.
    #[serde(skip)]
    pub line: Option<u32>,
}

impl Fault {
    pub fn new(key: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        // Keys come from files of others and end up on terminals.
        let key = key.chars().filter(|it| !it.is_control()).take(80).collect();
        Self { key, message: message.into(), remedy: remedy.into(), line: None }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.key.is_empty() { "" } else { ": " };
        write!(formatter, "{}{colon}{}; {}", self.key, self.message, self.remedy)
    }
}

impl fmt::Debug for RawRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RawRow")
            // Where columns changed places, the id is a URL with a password.
            .field("id", &normalise(&self.id))
            .field("line", &self.line)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RawMonitor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RawMonitor").field("user", &self.user).finish_non_exhaustive()
    }
}

/// One key of a row with its value.
pub struct Field {
    pub key: String,
    pub value: Value,
    pub line: Option<u32>,
}

/// How strictly a value's type is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// TOML: what is not text was not meant as text.
    Strict,
    /// CSV has only text and a query has numbers for ids: a number stands for its text, a text for its JSON, and an
    /// empty one for nothing. A dotted key such as `labels.plan` names a member.
    Loose,
}

impl RawRow {
    /// Reads what can be read and notes all that cannot.
    pub fn read(fields: Vec<Field>, line: Option<u32>, typing: Typing) -> Self {
        let mut row = Self { line, ..Self::default() };
        for Field { key, value, line } in fields {
            let before = row.faults.len();
            row.set(&key, value, typing);
            for fault in &mut row.faults[before..] {
                fault.line = line;
            }
        }
        row
    }

    /// A row of which nothing could be read.
    pub fn unreadable(line: Option<u32>, fault: Fault) -> Self {
        Self { line, faults: vec![fault], ..Self::default() }
    }

    fn set(&mut self, key: &str, value: Value, typing: Typing) {
        if typing == Typing::Loose && is_blank(&value) {
            return;
        }
        match key {
            "endpoints" | "databases" | "labels" | "maintenance" | "monitor" => {
                self.set_table(key, value, typing);
            }
            _ => match key.split_once('.') {
                Some((table, member)) if typing == Typing::Loose && KEYS.contains(&table) => {
                    self.set_member(table, member, value, typing);
                }
                _ => self.set_text(key, value, typing),
            },
        }
    }

    fn set_text(&mut self, key: &str, value: Value, typing: Typing) {
        if !KEYS.contains(&key) {
            self.faults.push(unknown_key(key));
            return;
        }
        let Some(text) = self.text(key, value, typing) else { return };
        let place = match key {
            "id" => {
                self.id = text;
                return;
            }
            "database_url" => &mut self.database_url,
            "subdomain" => &mut self.subdomain,
            "name" => &mut self.name,
            "password" => &mut self.password,
            "environment" => &mut self.environment,
            "clone_of" => &mut self.clone_of,
            "managed_by" => &mut self.managed_by,
            "region" => &mut self.region,
            _ => &mut self.project_id,
        };
        *place = Some(text);
    }

    fn set_table(&mut self, key: &str, value: Value, typing: Typing) {
        let value = match value {
            Value::String(text) if typing == Typing::Loose => {
                serde_json::from_str(&text).unwrap_or(Value::Null)
            }
            value => value,
        };
        let Value::Object(members) = value else {
            let fault = Fault::new(
                key,
                "it is no table",
                format!("write `{key} = {{ name = \"…\" }}`, in JSON an object"),
            );
            self.faults.push(fault);
            return;
        };
        for (member, value) in members {
            self.set_member(key, &member, value, typing);
        }
    }

    fn set_member(&mut self, table: &str, member: &str, value: Value, typing: Typing) {
        let key = format!("{table}.{member}");
        let known = match table {
            "maintenance" => &["until", "reason"][..],
            "monitor" => &["user", "password"][..],
            _ => &[],
        };
        if !known.is_empty() && !known.contains(&member) {
            let remedy = format!("write one of {}", known.join(", "));
            self.faults.push(Fault::new(&key, "no such key", remedy));
            return;
        }
        let Some(text) = self.text(&key, value, typing) else { return };
        match (table, member) {
            ("endpoints", _) => drop(self.endpoints.insert(member.into(), text)),
            ("databases", _) => drop(self.databases.insert(member.into(), text)),
            ("labels", _) => drop(self.labels.insert(member.into(), text)),
            ("maintenance", "until") => self.maintenance.get_or_insert_default().until = text,
            ("maintenance", _) => self.maintenance.get_or_insert_default().reason = text,
            ("monitor", "user") => self.monitor.get_or_insert_default().user = text,
            ("monitor", _) => self.monitor.get_or_insert_default().password = text,
            _ => {
                let remedy = format!("write `{table}`");
                self.faults.push(Fault::new(&key, "it has no members", remedy));
            }
        }
    }

    fn text(&mut self, key: &str, value: Value, typing: Typing) -> Option<Box<str>> {
        match value {
            Value::String(text) => return Some(text.into()),
            Value::Number(number) if typing == Typing::Loose => {
                return Some(number.to_string().into());
            }
            Value::Bool(yes) if typing == Typing::Loose => return Some(yes.to_string().into()),
            _ => (),
        }
        self.faults.push(Fault::new(key, "it is no text", "write it in quotes"));
        None
    }
}

/// An empty cell and SQL's null say nothing.
fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|it| it.trim().is_empty())
}

/// A key that no row has, with the one that was probably meant.
pub fn unknown_key(key: &str) -> Fault {
    let nearest = KEYS
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
    let remedy = match nearest.filter(|it| 0.8 < strsim::jaro_winkler(it, key)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "remove it".to_owned(),
    };
    Fault::new(key, "no such key", remedy)
}
