//! What one database says of itself, in full, for a person who compares two by eye.
//!
//! Why all of it: `check` is what somebody runs who does not believe the report.

use std::fmt::Display;
use std::io::{self, Write};

use jiff::Timestamp;

use super::Style;
use super::layout::{block, columns, health_colour, lay_out, severity_colour};
use super::visible::{clipped, visible};
use crate::model::finding::Finding;
use crate::model::fingerprint::Fingerprint;
use crate::model::observation::Cause;
use crate::model::report::{Report, TargetReport};

/// Characters of one value; a server may send a megabyte.
const LONGEST: usize = 300;
const WITHHELD: &str = "withheld from this role";

pub(super) fn write(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for tenant in &report.tenants {
        let word = (tenant.health.label(), health_colour(tenant.health));
        let took = tenant.probe.map(|it| format!(" in {:.1} ms", it.as_secs_f64() * 1e3));
        block(style, word, &format!("{}{}", tenant.id, took.unwrap_or_default()), out)?;
        for target in &tenant.targets {
            writeln!(out)?;
            let mut table = columns(style, ["", visible(&target.name.to_string()).as_ref()]);
            table.add_rows(lines(target).into_iter().map(|(name, value)| [name.to_owned(), value]));
            lay_out(&table, out)?;
        }
    }
    report.standing().try_for_each(|it| told(it, style, out))
}

fn told(finding: &Finding, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let severity = finding.claim.severity;
    let text = format!("{}\n{}", finding.claim.kind, clipped(&finding.claim.summary, LONGEST));
    writeln!(out)?;
    block(style, (severity.label(), severity_colour(severity)), &text, out)
}

fn lines(target: &TargetReport) -> Vec<(&'static str, String)> {
    let address = &target.address;
    let shown = |it: &str| clipped(it, LONGEST).into_owned();
    let mut lines = vec![
        ("address", format!("{}:{}", shown(&address.host), address.port)),
        ("asked for", format!("{} as {}", shown(&address.database), shown(&address.role))),
        ("provider", address.provider.to_string()),
    ];
    lines.extend(address.project_id().map(|it| ("project", shown(it))));
    lines.extend(target.cause.map(Cause::label).map(|it| ("cause", it.to_owned())));
    lines.extend(target.detail.as_deref().map(|it| ("detail", shown(it))));
    if let Some(fingerprint) = &target.fingerprint {
        lines.extend(identity(fingerprint, address.project_id()));
    }
    lines
}

fn identity(it: &Fingerprint, project_id: Option<&str>) -> Vec<(&'static str, String)> {
    fn or_withheld(value: Option<impl Display>) -> String {
        value.map_or_else(|| WITHHELD.to_owned(), |it| it.to_string())
    }
    let started_at = it.started_at.and_then(|it| Timestamp::from_microsecond(it).ok());
    let server = it.server_address.map(|address| match it.server_port {
        Some(port) => format!("{address} port {port}"),
        None => address.to_string(),
    });
    let recovering = it.in_recovery.map(|it| if it { "standby" } else { "primary" });
    let mut lines = vec![
        ("fingerprint", it.sha256(project_id).to_string()),
        ("system identifier", or_withheld(it.system_identifier)),
        ("database", clipped(&it.database, LONGEST).into_owned()),
        ("database oid", or_withheld(it.database_oid)),
        ("timeline", or_withheld(it.timeline)),
        ("role", or_withheld(recovering)),
        ("server started", or_withheld(started_at)),
        ("server version", it.version_text()),
        (
            "server's own address",
            server.unwrap_or_else(|| "none: a socket, or withheld".to_owned()),
        ),
    ];
    let stamp = it.stamp.as_deref().filter(|it| !it.is_empty());
    lines.extend(stamp.map(|it| ("stamp", clipped(it, LONGEST).into_owned())));
    lines
}
