//! What a move would do, for whoever is about to ask for it.
//!
//! Why it is read as well as written: a command asks the daemon that holds the store, and shows what it is told.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::layout::{columns, counted, lay_out};
use super::visible::clipped;
use super::{Format, Style};
use crate::model::rehoming::{Moved, Rehoming};

/// Of a name, in characters.
const LONGEST: usize = 80;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Whether nothing stands against it.
    pub ok: bool,
    pub tenant: String,
    pub from: String,
    pub role: Box<str>,
    pub server_version: u32,
    pub pg_dump_version: Option<u32>,
    pub provider: String,
    pub shares_with: Vec<String>,
    pub moved: Vec<Thing>,
    pub extensions: Vec<Box<str>>,
    pub large_objects: u64,
    pub provider_schemas: Vec<Kept>,
    pub dropped: Vec<String>,
    pub steps: Vec<String>,
    /// What stands against it.
    pub errors: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    pub schema: Box<str>,
    pub name: Box<str>,
    pub kind: String,
    pub owner: Box<str>,
    pub bytes: u64,
    pub rows: Option<u64>,
}

/// A schema that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub name: Box<str>,
    pub why: String,
}

impl Plan {
    pub fn of(rehoming: &Rehoming) -> Self {
        let kept = rehoming.provider_schemas.iter();
        Self {
            ok: rehoming.against.is_empty(),
            tenant: rehoming.tenant.to_string(),
            from: rehoming.from.clone(),
            role: rehoming.role.clone(),
            server_version: rehoming.server,
            pg_dump_version: rehoming.programs,
            provider: rehoming.provider.to_owned(),
            shares_with: rehoming.others.iter().map(ToString::to_string).collect(),
            moved: rehoming.moved.iter().map(thing).collect(),
            extensions: rehoming.extensions.clone(),
            large_objects: rehoming.large_objects,
            provider_schemas: kept
                .map(|(name, why)| Kept { name: name.clone(), why: why.clone() })
                .collect(),
            dropped: rehoming.dropped.clone(),
            steps: Rehoming::STEPS.iter().map(|it| it.label().to_owned()).collect(),
            errors: rehoming.against.clone(),
        }
    }
}

fn thing(moved: &Moved) -> Thing {
    Thing {
        schema: moved.schema.clone(),
        name: moved.name.clone(),
        kind: moved.kind.to_owned(),
        owner: moved.owner.clone(),
        bytes: moved.bytes,
        rows: moved.rows,
    }
}

/// `Format::Json` for scripts, and a table for every other.
pub fn write(plan: &Plan, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, plan)?;
        return writeln!(out);
    }
    let programs = plan.pg_dump_version.map_or("none".to_owned(), |it| it.to_string());
    writeln!(out, "{} would be moved out of {}", plan.tenant, plan.from)?;
    writeln!(
        out,
        "read as {}; its server is PostgreSQL {}, pg_dump here is {programs}",
        plan.role, plan.server_version
    )?;
    if !plan.shares_with.is_empty() {
        writeln!(out, "it is also the database of {}", plan.shares_with.join(", "))?;
    }
    writeln!(out, "the new database comes from the provider {}\n", plan.provider)?;
    let mut table = columns(style, ["schema", "name", "kind", "owner", "rows, about", "bytes"]);
    for it in &plan.moved {
        table.add_row([
            clipped(&it.schema, LONGEST).into_owned(),
            clipped(&it.name, LONGEST).into_owned(),
            it.kind.clone(),
            clipped(&it.owner, LONGEST).into_owned(),
            it.rows.map(|it| it.to_string()).unwrap_or_default(),
            it.bytes.to_string(),
        ]);
    }
    lay_out(&table, out)?;
    writeln!(out)?;
    if 0 < plan.large_objects {
        let large = usize::try_from(plan.large_objects).unwrap_or(usize::MAX);
        writeln!(out, "and {} of {}", counted(large, "large object"), plan.role)?;
    }
    list(out, "extensions, where the new server has them", plan.extensions.iter())?;
    for kept in &plan.provider_schemas {
        writeln!(out, "the schema {} stays: {}", clipped(&kept.name, LONGEST), kept.why)?;
    }
    list(out, "dropped from its row, because it led to the old database", plan.dropped.iter())?;
    list(out, "steps", plan.steps.iter())
}

fn list(
    out: &mut dyn Write,
    what: &str,
    names: impl ExactSizeIterator<Item = impl AsRef<str>>,
) -> io::Result<()> {
    if names.len() == 0 {
        return Ok(());
    }
    let names: Vec<String> = names.map(|it| clipped(it.as_ref(), LONGEST).into_owned()).collect();
    writeln!(out, "{what}: {}", names.join(", "))
}
