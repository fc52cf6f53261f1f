//! The effective configuration, for people to read and to paste into a ticket.
//!
//! Why through the structs and not the file's text: what is shown is what counts, the defaults included, and a secret is
//! already `***` by its type.

use toml::value::{Table, Value};

use super::Config;
use super::values::Url;
use crate::registry::row::RawRow;
use crate::secret::SecretRef;

pub(super) fn show(config: &Config) -> String {
    let mut table = Table::try_from(config).unwrap_or_default();
    if !config.tenants.is_empty() {
        let tenants = config.tenants.iter().map(tenant).collect();
        table.insert("tenants".to_owned(), Value::Array(tenants));
    }
    toml::to_string_pretty(&table).unwrap_or_default()
}

fn tenant(row: &RawRow) -> Value {
    let mut table = Table::try_from(row).unwrap_or_default();
    let secret = |value: &mut Value| replace(value, |it| SecretRef::parse(it).to_string());
    let url = |value: &mut Value| replace(value, |it| Url::new(it).masked());
    for (key, value) in &mut table {
        match (key.as_str(), value) {
            ("database_url", value) => url(value),
            ("password", value) => secret(value),
            ("endpoints" | "databases", Value::Table(members)) => {
                members.iter_mut().for_each(|(_, it)| url(it));
            }
            ("monitor", Value::Table(members)) => {
                members
                    .iter_mut()
                    .filter(|(key, _)| *key == "password")
                    .for_each(|(_, it)| secret(it));
            }
            _ => (),
        }
    }
    Value::Table(table)
}

fn replace(value: &mut Value, with: impl Fn(&str) -> String) {
    if let Value::String(text) = value {
        *text = with(text);
    }
}
