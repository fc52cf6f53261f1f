//! The arguments of the command about issues, and how its list is written.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::words;
use crate::issues::options::Mode;
use crate::issues::preview::Planned;
use crate::model::finding::Severity;
use crate::report::layout::{columns, counted, lay_out};
use crate::report::{Format, Style};

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum IssuesCommand {
    /// Show what would be done to issues now; nothing is sent to GitHub
    #[command(
        after_help = "Examples:\n  watertight issues plan\n  watertight issues plan --mode file\n\n\
        It reads what the last scan left in the store, beside a running daemon too. Of each issue it shows the first step."
    )]
    Plan(PlanArgs),
}

#[derive(Clone, Copy, Debug, Args)]
pub struct PlanArgs {
    /// As if `github.mode` said so
    #[arg(long, value_name = "MODE", value_parser = words::mode())]
    pub mode: Option<Mode>,
    /// How the list is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Serialize)]
struct View<'a> {
    action: &'static str,
    repository: &'a str,
    issue: Option<u64>,
    subject: String,
    severity: Option<&'static str>,
    title: &'a str,
}

/// `Format::Json` for scripts, and a table for every other.
pub fn write(
    planned: &[Planned],
    format: Format,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json {
        let views: Vec<View<'_>> = planned.iter().map(view).collect();
        serde_json::to_writer_pretty(&mut *out, &views)?;
        return writeln!(out);
    }
    if !planned.is_empty() {
        let mut table = columns(style, ["action", "severity", "repository", "issue", "title"]);
        table.add_rows(planned.iter().map(|it| {
            let severity = it.severity.map_or("", |it| it.label()).to_owned();
            let issue = it.issue.map(|it| format!("#{it}")).unwrap_or_default();
            [it.action.to_owned(), severity, it.repository.to_string(), issue, it.title.clone()]
        }));
        lay_out(&table, out)?;
        writeln!(out)?;
    }
    writeln!(out, "{} to be taken", counted(planned.len(), "step"))
}

fn view(planned: &Planned) -> View<'_> {
    View {
        action: planned.action,
        repository: &planned.repository,
        issue: planned.issue,
        subject: planned.subject.to_string(),
        severity: planned.severity.map(Severity::label),
        title: &planned.title,
    }
}
