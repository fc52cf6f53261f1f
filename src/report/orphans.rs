//! What stands at the provider without a tenant, as a list.
//!
//! Why what is no orphan yet is on it too: whoever looks for a project that a scan does not tell wants to hear why.
//!
//! Why it is read as well as written: a command asks the daemon that holds the store, and shows what it is told.

use std::io::{self, Write};

use comfy_table::Cell;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::{columns, counted, keep_whole, lay_out};
use super::visible::clipped;
use super::{Format, Style};
use crate::model::inventory::Inventory;
use crate::model::inventory::unowned::{Excuse, Unowned, unowned};
use crate::model::operation::OperationId;
use crate::model::tenant::Tenant;

/// Of a name or a reason, in characters.
const LONGEST: usize = 80;

const DAY: i64 = 24;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub provider: Box<str>,
    pub projects: Vec<Orphan>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    pub project: Box<str>,
    pub name: Box<str>,
    /// RFC 3339; `None` where the provider does not say.
    pub created_at: Option<String>,
    pub age_hours: i64,
    /// Of this store, that made it; or that its name tells of.
    pub operation: Option<String>,
    /// For whom, where an operation of this store made it.
    pub made_for: Option<String>,
    /// Why it is not told as an orphan; `None` where it is one.
    pub excuse: Option<String>,
}

impl Listing {
    pub fn of(inventory: &Inventory, tenants: &[Tenant], now: Timestamp) -> Self {
        let projects = unowned(inventory, tenants, now);
        Self {
            provider: inventory.provider.clone(),
            projects: projects.iter().map(|it| orphan(inventory, it, now)).collect(),
        }
    }
}

fn orphan(inventory: &Inventory, unowned: &Unowned<'_>, now: Timestamp) -> Orphan {
    let project = unowned.project;
    let made = inventory.made(&project.reference).first();
    let told = OperationId::in_name(&project.name).map(|it| it.to_string());
    Orphan {
        project: project.reference.clone(),
        name: project.name.clone(),
        created_at: project.created_at.map(|it| it.to_string()),
        age_hours: now.duration_since(project.since).as_hours().max(0),
        operation: made.map(|it| it.operation.to_string()).or(told),
        made_for: made.map(|it| it.tenant.to_string()),
        excuse: unowned.excuse.map(excuse),
    }
}

fn excuse(excuse: Excuse<'_>) -> String {
    match excuse {
        Excuse::Young => "younger than an hour".to_owned(),
        Excuse::Operation(id) => format!("the operation {id} is at it"),
        Excuse::Ignored(ignored) => format!("ignored: {}", ignored.reason),
    }
}

/// `Format::Json` for scripts, and a table for every other.
pub fn write(
    listing: &Listing,
    format: Format,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, listing)?;
        return writeln!(out);
    }
    let mut table =
        columns(style, ["project", "name", "age", "made by", "for", "not told because"]);
    for it in &listing.projects {
        let text =
            |it: &Option<String>| clipped(it.as_deref().unwrap_or_default(), LONGEST).into_owned();
        table.add_row(
            [
                clipped(&it.project, LONGEST).into_owned(),
                clipped(&it.name, LONGEST).into_owned(),
                age(it.age_hours),
                text(&it.operation),
                text(&it.made_for),
                text(&it.excuse),
            ]
            .map(Cell::new),
        );
    }
    // The next command takes it as it stands here.
    keep_whole(&mut table, 0);
    keep_whole(&mut table, 2);
    lay_out(&table, out)?;
    let orphans = listing.projects.iter().filter(|it| it.excuse.is_none()).count();
    let of = counted(listing.projects.len(), "project");
    writeln!(out, "\n{of} at {} without a tenant, {orphans} of them orphaned", listing.provider)
}

fn age(hours: i64) -> String {
    if hours < 2 * DAY { format!("{hours}h") } else { format!("{}d", hours / DAY) }
}
