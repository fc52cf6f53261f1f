//! The registry as a list, and one tenant of it, without any secret.
//!
//! Why not a report: nothing was visited, so nothing is said of isolation or health.

use std::io::{self, Write};

use comfy_table::{Cell, Row};
use serde::{Serialize, Serializer};

use crate::model::tenant::{Target, Tenant, TenantId};
use crate::report::layout::{columns, counted, lay_out};
use crate::report::visible::{clipped, visible};
use crate::report::{Format, Style};

/// Characters of a name.
const LONGEST: usize = 80;

/// `Format::Json` for scripts, and a table for every other.
pub fn tenants(
    tenants: &[Tenant],
    format: Format,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json {
        let list = List { tenants };
        serde_json::to_writer_pretty(&mut *out, &list)?;
        return writeln!(out);
    }
    let mut table = columns(style, ["tenant", "subdomain", "host", "database", "registered in"]);
    table.add_rows(tenants.iter().map(row));
    lay_out(&table, out)?;
    let kept = tenants.iter().filter(|it| it.stale).count();
    writeln!(out, "\n{}, {kept} of them from a stale source", counted(tenants.len(), "tenant"))
}

/// Everything that the registry says of one tenant.
pub fn tenant(
    tenant: &Tenant,
    format: Format,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, &TenantView::of(tenant))?;
        return writeln!(out);
    }
    let mut table = columns(style, ["what", "value"]);
    let text = |it: &Option<Box<str>>| it.as_deref().map(|it| visible(it).into_owned());
    let particulars = tenant.particulars();
    let labels = particulars.labels.iter().map(|(name, value)| format!("{name}={value}"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let maintenance = particulars.maintenance.as_ref();
    let rows = [
        ("tenant", Some(tenant.id.to_string())),
        ("name", text(&tenant.name)),
        ("subdomain", text(&tenant.subdomain)),
        ("environment", Some(visible(&tenant.environment).into_owned())),
        ("region", text(&particulars.region)),
        ("clone of", particulars.clone_of.as_ref().map(ToString::to_string)),
        ("managed by", text(&particulars.managed_by)),
        ("labels", (!labels.is_empty()).then(|| visible(&labels).into_owned())),
        (
            "maintenance",
            maintenance.map(|it| format!("until {}: {}", it.until, visible(&it.reason))),
        ),
        ("registered in", Some(registered(tenant))),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            table.add_row([name.to_owned(), value]);
        }
    }
    for target in &tenant.targets {
        table.add_row([visible(&target.name.to_string()).into_owned(), place(target)]);
    }
    lay_out(&table, out)
}

fn row(tenant: &Tenant) -> Row {
    let address = tenant.targets.first().map(|it| &it.address);
    let cell = |it: Option<&str>| Cell::new(clipped(it.unwrap_or_default(), LONGEST));
    Row::from(vec![
        Cell::new(&tenant.id),
        cell(tenant.subdomain.as_deref()),
        cell(address.map(|it| &*it.host)),
        cell(address.map(|it| &*it.database)),
        Cell::new(registered(tenant)),
    ])
}

fn registered(tenant: &Tenant) -> String {
    let stale = if tenant.stale { " (stale)" } else { "" };
    format!("{}{stale}", visible(&tenant.origin.to_string()))
}

fn place(target: &Target) -> String {
    let address = &target.address;
    format!(
        "{} at {}:{} as {} ({})",
        visible(&address.database),
        visible(&address.host),
        address.port,
        visible(&address.role),
        address.provider
    )
}

#[derive(Serialize)]
struct List<'a> {
    #[serde(serialize_with = "one_by_one")]
    tenants: &'a [Tenant],
}

fn one_by_one<S: Serializer>(tenants: &[Tenant], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tenants.iter().map(TenantView::of))
}

#[derive(Serialize)]
struct TenantView<'a> {
    id: &'a str,
    name: Option<&'a str>,
    subdomain: Option<&'a str>,
    environment: &'a str,
    region: Option<&'a str>,
    clone_of: Option<&'a str>,
    managed_by: Option<&'a str>,
    source: &'a str,
    line: Option<u32>,
    stale: bool,
    targets: Vec<TargetView<'a>>,
}

#[derive(Serialize)]
struct TargetView<'a> {
    name: String,
    host: &'a str,
    port: u16,
    database: &'a str,
    role: &'a str,
    provider: &'static str,
    project_id: Option<&'a str>,
}

impl<'a> TenantView<'a> {
    fn of(tenant: &'a Tenant) -> Self {
        let target = |it: &'a Target| TargetView {
            name: it.name.to_string(),
            host: &it.address.host,
            port: it.address.port,
            database: &it.address.database,
            role: &it.address.role,
            provider: it.address.provider.label(),
            project_id: it.address.project_id(),
        };
        let particulars = tenant.particulars();
        Self {
            id: tenant.id.as_str(),
            name: tenant.name.as_deref(),
            subdomain: tenant.subdomain.as_deref(),
            environment: &tenant.environment,
            region: particulars.region.as_deref(),
            clone_of: particulars.clone_of.as_ref().map(TenantId::as_str),
            managed_by: particulars.managed_by.as_deref(),
            source: &tenant.origin.source,
            line: tenant.origin.line,
            stale: tenant.stale,
            targets: tenant.targets.iter().map(target).collect(),
        }
    }
}
