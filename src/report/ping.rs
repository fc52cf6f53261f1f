//! Which tenants' databases answer, for a person.
//!
//! Why the isolation is not shown: `ping` compares nobody with anybody, and a column of `unverified` would say less
//! than no column.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Color, Row};

use super::Style;
use super::layout::{block, columns, counted, health_colour, keep_whole, lay_out};
use super::reasons::Reasons;
use crate::model::finding::Health;
use crate::model::report::{Report, TenantReport};

/// Up to so many tenants, those that answer are listed too.
const SMALL_FLEET: usize = 40;
const MOST_TENANTS: usize = 100;

pub(super) fn write(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let silent = report.tenants.iter().filter(|it| !answers(it)).count();
    let total = counted(report.tenants.len(), "tenant");
    let (word, text) = match silent {
        0 if report.tenants.is_empty() => {
            (("nothing", Color::Yellow), "The registry names no tenant.".to_owned())
        }
        0 => (("answering", Color::Green), format!("{total}, all of them.")),
        some => (("failing", Color::Red), format!("{some} of {total} cannot serve.")),
    };
    block(style, word, &text, out)?;
    let all = style.verbose || report.tenants.len() <= SMALL_FLEET;
    let wanted = |it: &&TenantReport| all || it.health != Health::Healthy;
    let listed = report.tenants.iter().filter(wanted).count();
    let most = if style.verbose { listed } else { MOST_TENANTS };
    if 0 < listed {
        let reasons = Reasons::default();
        let mut table = columns(style, ["tenant", "health", "ms", "why"]);
        table.add_rows(report.tenants.iter().filter(wanted).take(most).map(|it| row(it, &reasons)));
        keep_whole(&mut table, 1);
        keep_whole(&mut table, 2);
        writeln!(out)?;
        lay_out(&table, out)?;
    }
    if most < listed {
        writeln!(out, "… and {} more: see --verbose.", listed - most)?;
    }
    Ok(())
}

fn answers(tenant: &TenantReport) -> bool {
    matches!(tenant.health, Health::Healthy | Health::Degraded)
}

fn row(tenant: &TenantReport, reasons: &Reasons<'_>) -> Row {
    let millis = tenant.probe.map(|it| format!("{:.1}", it.as_secs_f64() * 1e3));
    Row::from(vec![
        Cell::new(&tenant.id),
        Cell::new(tenant.health).fg(health_colour(tenant.health)),
        Cell::new(millis.unwrap_or_default()).set_alignment(CellAlignment::Right),
        Cell::new(reasons.why(tenant).join("\n")),
    ])
}
