//! A finished scan, told to a person, a script, a code-scanning page, a test page, a pull request or a log.
//!
//! Why every format is made from the same value: what the terminal says and what the gate says must never differ. A
//! format chooses how much to show, never what is true.
//!
//! Invariants:
//! - text that came from a tenant's server or from the registry is hostile: each format escapes it for its own reader;
//! - an unverified tenant is shown in every format, never left out as if it were clean;
//! - a report is written to any writer and held only once, so that a fleet of 100 000 tenants fits.

pub mod commands;
pub mod daily;
pub mod event;
pub mod evidence;
pub mod explain;
pub mod gate;
pub mod github;
pub mod json;
pub mod judge;
pub mod junit;
pub mod layout;
pub mod markdown;
pub mod orphans;
pub mod output;
pub mod ping;
pub mod reasons;
pub mod rehoming;
pub mod sarif;
pub mod single;
pub mod table;
pub mod visible;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use crate::model::report::Report;
use crate::model::tenant::{Origin, Tenant, TenantId};

/// Bytes that are gathered before they go out: standard output would otherwise be called for every line.
const BUFFER: usize = 64 * 1024;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a person, on a terminal or in a pipe.
    #[default]
    Table,
    /// `watertight.report/v1`.
    Json,
    /// SARIF 2.1.0, for code-scanning pages.
    Sarif,
    /// `JUnit` XML, for test pages.
    Junit,
    /// GitHub-flavoured, for job summaries and comments.
    Markdown,
    /// Workflow commands, which GitHub turns into annotations.
    Github,
}

impl Format {
    pub const ALL: [Self; 6] =
        [Self::Table, Self::Json, Self::Sarif, Self::Junit, Self::Markdown, Self::Github];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Github => "github",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// How a person's terminal wants it. Only `Format::Table` looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    /// In columns of the terminal.
    pub width: u16,
    /// Show every tenant and every finding, however many.
    pub verbose: bool,
}

impl Default for Style {
    /// A pipe: no colour, and the width that every terminal has.
    fn default() -> Self {
        Self { colour: false, width: 80, verbose: false }
    }
}

/// Writes `report`. `tenants` tells where the registry names each tenant; one that it does not hold has no place.
pub fn write(
    format: Format,
    report: &Report,
    tenants: &[Tenant],
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let out = &mut BufWriter::with_capacity(BUFFER, out);
    match format {
        Format::Table => table::write(report, style, out),
        Format::Json => json::write(report, out),
        Format::Sarif => sarif::write(report, &Origins::of(tenants), out),
        Format::Junit => junit::write(report, out),
        Format::Markdown => markdown::write(report, out),
        Format::Github => github::write(report, &Origins::of(tenants), out),
    }?;
    out.flush()
}

/// As `write`, but what a person reads is about connections alone: `ping` proves nothing of isolation.
pub fn write_ping(
    format: Format,
    report: &Report,
    tenants: &[Tenant],
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Table => ping::write(report, style, out),
        other => write(other, report, tenants, style, out),
    }
}

/// As `write`, but what a person reads is everything that one database says of itself.
pub fn write_check(
    format: Format,
    report: &Report,
    tenants: &[Tenant],
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Table => single::write(report, style, out),
        other => write(other, report, tenants, style, out),
    }
}

/// Where the registry names each tenant.
#[derive(Debug)]
pub struct Origins<'a>(BTreeMap<&'a TenantId, &'a Origin>);

impl<'a> Origins<'a> {
    pub fn of(tenants: &'a [Tenant]) -> Self {
        Self(tenants.iter().map(|it| (&it.id, &it.origin)).collect())
    }

    pub fn get(&self, id: &TenantId) -> Option<&'a Origin> {
        self.0.get(id).copied()
    }
}

/// The first `most` of the names, and how many were left out.
fn name_some<'a>(names: impl ExactSizeIterator<Item = &'a TenantId>, most: usize) -> String {
    let left_out = names.len().saturating_sub(most);
    let mut text = names.take(most).map(TenantId::as_str).collect::<Vec<_>>().join(", ");
    if 0 < left_out {
        text.push_str(&format!(" and {left_out} more"));
    }
    text
}
