//! The arguments of the commands that make tenants and take them away, and how an operation is written.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use comfy_table::Color;
use serde::Serialize;

use super::arguments::tenant_id;
use super::until::Until;
use super::words;
use crate::model::operation::{Operation, OperationState, StepState};
use crate::model::preflight::Check;
use crate::model::tenant::TenantId;
use crate::report::layout::{block, columns, lay_out};
use crate::report::visible::visible;
use crate::report::{Format, Style};
use crate::saga;

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    watertight provision acme --name 'Acme Orchestra' --dry-run\n  \
    watertight provision acme --name 'Acme Orchestra'\n\n\
    Everything is checked first; what stands against it is told at once, and nothing is made. Whatever fails later is \
    undone. Beside a running daemon it is the daemon that does it.\n\n\
    Exit codes:\n  0   the tenant is there; with --dry-run: it could be made\n  1   it is not: everything was undone, or something is left that only a person may take away\n  \
    2   something stands against it, or wrong usage; nothing was made\n  70  a fault of watertight's own")]
pub struct ProvisionArgs {
    /// Where its users reach the platform, and its id: 1 to 63 characters of a-z, 0-9 and '-'
    #[arg(value_name = "SUBDOMAIN")]
    pub subdomain: String,
    /// The customer's name, for people
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The environment that it belongs to
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The same key with the same arguments names the operation of before
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Check everything and make nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    watertight deprovision acme --dry-run\n  \
    watertight deprovision acme --until 30d\n\n\
    Nobody is led to its database from now on. Until that time it can be called back; then its project is deleted, if \
    watertight made it. Past an end without a running daemon, the next start of one goes on.\n\n\
    Exit codes:\n  0   it is gone, or waits for its time\n  1   it is not: something is left that only a person may take away\n  \
    2   it cannot be taken away here, or wrong usage\n  70  a fault of watertight's own")]
pub struct DeprovisionArgs {
    #[arg(value_name = "TENANT", value_parser = tenant_id)]
    pub tenant: TenantId,
    /// Until when it can be called back: a time, a day or a duration [default: 7d]
    #[arg(long, value_name = "TIME", value_parser = Until::parse, conflicts_with = "now")]
    pub until: Option<Until>,
    /// It cannot be called back
    #[arg(long)]
    pub now: bool,
    /// Where its last backup goes, instead of `provision.backup_directory`; without a running daemon
    #[arg(long, value_name = "DIRECTORY")]
    pub backup: Option<PathBuf>,
    /// Its data are not kept, whatever the configuration says
    #[arg(long, conflicts_with = "backup")]
    pub no_backup: bool,
    /// Show what would be taken away, and take nothing away
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    watertight rehome globex --dry-run\n  \
    watertight rehome globex\n  \
    watertight rehome globex --table 'public.globex_*'\n\n\
    What the tenant has is copied by pg_dump and pg_restore, compared row by row, and the registry is led there. Of a \
    database that it shares, that is what its own role owns; where both come by one role, name it. The old database \
    stays as it is. While it is copied, nobody is led to the tenant; what the application writes meanwhile by itself ends \
    the move, and everything is undone.\n\n\
    Exit codes:\n  0   it has a database of its own; with --dry-run: nothing stands against it\n  1   it has not: everything was undone, or something is left that only a person may take away\n  \
    2   something stands against it, or wrong usage; nothing was made\n  70  a fault of watertight's own")]
pub struct RehomeArgs {
    #[arg(value_name = "TENANT", value_parser = tenant_id)]
    pub tenant: TenantId,
    /// Move this schema, whole; can be repeated
    #[arg(long = "schema", value_name = "NAME", conflicts_with = "tables")]
    pub schemas: Vec<String>,
    /// Move the tables, views and sequences of this name, with `*` and `?`; can be repeated
    #[arg(long = "table", value_name = "PATTERN")]
    pub tables: Vec<String>,
    /// What the tenant keeps in the provider's own schemas stays behind
    #[arg(long)]
    pub without_provider_schemas: bool,
    /// The same key with the same arguments names the operation of before
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Show what would be moved, and what stands against it
    #[arg(long)]
    pub dry_run: bool,
    /// How the result is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Serialize)]
struct OperationView<'a> {
    id: &'a str,
    kind: &'static str,
    tenant: &'a str,
    state: &'static str,
    steps: Vec<StepView>,
}

#[derive(Serialize)]
struct StepView {
    name: &'static str,
    state: &'static str,
    error: Option<String>,
    note: Option<String>,
}

/// `Format::Json` for scripts, and a table for every other.
pub fn write(
    operation: &Operation,
    format: Format,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let steps = saga::steps(operation.kind, &operation.log).into_iter();
    let steps: Vec<StepView> = steps
        .map(|it| StepView {
            name: it.step.label(),
            state: it.state.label(),
            error: it.error.map(|it| visible(&it).into_owned()),
            note: it.note.map(|it| visible(&it).into_owned()),
        })
        .collect();
    if format == Format::Json {
        let view = OperationView {
            id: operation.id.as_str(),
            kind: operation.kind.label(),
            tenant: operation.tenant.as_str(),
            state: operation.state.label(),
            steps,
        };
        serde_json::to_writer_pretty(&mut *out, &view)?;
        return writeln!(out);
    }
    let mut table = columns(style, ["step", "state", ""]);
    table.add_rows(steps.into_iter().map(|it| {
        let told = it.error.or(it.note).unwrap_or_default();
        [it.name.to_owned(), it.state.to_owned(), told]
    }));
    lay_out(&table, out)?;
    writeln!(out)?;
    let told =
        format!("{} of {}, operation {}", operation.kind.label(), operation.tenant, operation.id);
    block(style, (operation.state.label(), colour(operation.state)), &told, out)
}

const fn colour(state: OperationState) -> Color {
    match state {
        OperationState::Succeeded => Color::Green,
        OperationState::Running | OperationState::RolledBack => Color::Yellow,
        OperationState::Stuck => Color::Red,
    }
}

#[derive(Serialize)]
struct CheckView<'a> {
    name: &'static str,
    ok: bool,
    detail: &'a str,
}

/// What pre-flight found.
pub fn write_checks(
    checks: &[Check],
    format: Format,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json {
        let views: Vec<CheckView<'_>> = checks
            .iter()
            .map(|it| CheckView { name: it.name.label(), ok: it.ok, detail: &it.detail })
            .collect();
        serde_json::to_writer_pretty(&mut *out, &views)?;
        return writeln!(out);
    }
    let mut table = columns(style, ["check", "", "detail"]);
    table.add_rows(checks.iter().map(|it| {
        let ok = if it.ok { "ok" } else { "no" };
        [it.name.label().to_owned(), ok.to_owned(), visible(&it.detail).into_owned()]
    }));
    lay_out(&table, out)
}

/// One line for whoever watches.
pub fn step_line(step: &saga::StepView) -> Option<String> {
    let name = step.step.label();
    match step.state {
        StepState::Pending => None,
        StepState::Running => Some(format!("{name} …")),
        StepState::Succeeded => Some(format!("{name} done")),
        StepState::Failed | StepState::UndoFailed => {
            let why = step.error.as_deref().map(|it| visible(it).into_owned()).unwrap_or_default();
            Some(format!("{name} {}: {why}", step.state.label().replace('_', " ")))
        }
        StepState::Undone => Some(format!("{name} undone")),
    }
}
