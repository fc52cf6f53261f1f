//! How text is laid out for a terminal: a word in the margin with wrapped text beside it, and plain tables.
//!
//! Why one place: the report, the connection test and the look at one database must read as one program.

use std::io::{self, Write};

use comfy_table::presets::{NOTHING, UTF8_NO_BORDERS};
use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, LineStyle, Row, Table, Width,
};

use super::Style;
use crate::model::finding::{Health, Severity, Verdict};

/// The longest severity and verdict, and the space behind it.
const MARGIN: u16 = 12;
/// In columns. Below this a table is unreadable whatever it does.
const NARROWEST: u16 = 40;

pub const fn severity_colour(severity: Severity) -> Color {
    match severity {
        Severity::Critical | Severity::High => Color::Red,
        Severity::Medium => Color::Yellow,
        Severity::Low => Color::Cyan,
    }
}

pub const fn verdict_colour(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Isolated => Color::Green,
        Verdict::Unverified => Color::Yellow,
        Verdict::Breached => Color::Red,
    }
}

pub const fn health_colour(health: Health) -> Color {
    match health {
        Health::Healthy => Color::Green,
        Health::Degraded | Health::Unknown => Color::Yellow,
        Health::Unhealthy => Color::Red,
    }
}

/// A word in capitals and colour, and the text beside it. The text has gone through `visible`; its line breaks stay.
pub fn block(
    style: Style,
    (word, colour): (&str, Color),
    text: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut table = empty(style);
    table.load_style(NOTHING);
    let word = Cell::new(word.to_uppercase()).fg(colour).add_attribute(Attribute::Bold);
    table.add_row(Row::from(vec![word, Cell::new(text)]));
    if let Some(margin) = table.column_mut(0) {
        margin.set_padding((0, 1));
        margin.set_constraint(ColumnConstraint::Absolute(Width::Fixed(MARGIN)));
    }
    if let Some(column) = table.column_mut(1) {
        column.set_padding((0, 0));
    }
    lay_out(&table, out)
}

/// A table with a heading and no frame.
pub fn columns<const N: usize>(style: Style, heading: [&str; N]) -> Table {
    let mut table = empty(style);
    table.load_style(UTF8_NO_BORDERS);
    table.style_mut().row_separator = LineStyle::none();
    table.set_header(heading);
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table
}

/// A column that is never wrapped, because it holds one short word.
pub fn keep_whole(table: &mut Table, index: usize) {
    if let Some(column) = table.column_mut(index) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

pub fn lay_out(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// `1 tenant`, `2 tenants`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn empty(style: Style) -> Table {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(style.width.max(NARROWEST));
    if style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}
