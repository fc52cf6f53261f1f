//! The map of sharing: which tenants hang together, and how.
//!
//! Why one drawing for each group: tenants of two groups have nothing to do with each other, so one large picture would
//! show mostly distance. Small ones stand beside each other on a desk and below each other on a telephone, and no text
//! shrinks.
//!
//! Invariants:
//! - the same findings give the same drawings;
//! - the table tells what the drawings tell, for whoever does not see them;
//! - what is too much to draw is counted.

mod groups;
mod layout;

use std::collections::BTreeMap;

use askama::Template;

use self::groups::Group;
use self::layout::Drawing;
use super::frame::{Frame, Section};
use super::moment::Moment;
use super::rows;
use super::words;
use crate::model::finding::{Finding, Kind, Severity};
use crate::model::tenant::TenantId;
use crate::report::explain;

/// Groups drawn, worst first.
const GROUPS: usize = 60;
/// Relations in the table, and tenants named in each.
const RELATIONS: usize = 200;
const NAMED: usize = 20;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
}

#[derive(Template)]
#[template(path = "map.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    groups: Vec<Shown<'a>>,
    /// Groups that are not drawn.
    groups_left_out: usize,
    legend: Vec<Legend>,
    relations: Vec<Relation<'a>>,
    relations_left_out: usize,
    tenants: usize,
    /// Tenants that no relation names.
    apart: usize,
}

struct Shown<'a> {
    tenants: usize,
    severity: Severity,
    /// What the worst relation of the group says.
    summary: String,
    finding: String,
    drawing: Drawing<'a>,
}

struct Legend {
    kind: Kind,
    name: String,
    count: usize,
}

struct Relation<'a> {
    id: String,
    kind: String,
    severity: Severity,
    certainty: &'static str,
    tenants: Vec<&'a TenantId>,
    more: usize,
    since: Moment,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let frame = &view.frame;
    let standing = frame.standing.into_iter().flat_map(|it| it.now.standing());
    let mut related: Vec<&Finding> = standing.filter(|it| relates(it)).collect();
    rows::worst_first(&mut related);
    let groups = groups::of(&related);
    let tenants = frame.standing.map_or(0, |it| it.now.tenants.len());
    let together: usize = groups.iter().map(|it| it.tenants.len()).sum();
    let html = Html {
        frame,
        section: Section::Map,
        groups: groups.iter().take(GROUPS).filter_map(shown).collect(),
        groups_left_out: groups.len().saturating_sub(GROUPS),
        legend: legend(&related),
        relations: related.iter().take(RELATIONS).map(|it| relation(it, frame)).collect(),
        relations_left_out: related.len().saturating_sub(RELATIONS),
        tenants,
        apart: tenants.saturating_sub(together),
    };
    html.render()
}

/// Whether it says that its tenants hang together, and not only that they have the same trouble.
fn relates(finding: &Finding) -> bool {
    let together = match finding.claim.kind {
        Kind::SharedDatabase
        | Kind::SharedReplication
        | Kind::SharedCluster
        | Kind::SharedProject
        | Kind::ForeignStamp
        | Kind::RegistryConflict
        | Kind::CrossTenantAccess
        | Kind::SharedCredentials
        | Kind::DatabaseHandedOutTwice
        | Kind::DataBridge
        | Kind::ClonedLineage
        | Kind::SharedHost => true,
        Kind::StampMissing
        | Kind::WrongDatabase
        | Kind::FingerprintDrift
        | Kind::OperationStuck
        | Kind::OffboardedReachable
        | Kind::MonitorSuspect
        | Kind::OverPrivilegedRole
        | Kind::InsecureTransport
        | Kind::PublicExposure
        | Kind::Unhealthy
        | Kind::Degraded
        | Kind::OrphanedProject
        | Kind::MissingProject => false,
    };
    together && 1 < finding.claim.tenants.len()
}

fn shown<'a>(group: &Group<'a>) -> Option<Shown<'a>> {
    let worst = group.relations.first()?;
    Some(Shown {
        tenants: group.tenants.len(),
        severity: worst.claim.severity,
        summary: rows::sentence(&worst.claim.summary),
        finding: worst.id.to_string(),
        drawing: layout::draw(group),
    })
}

fn legend(related: &[&Finding]) -> Vec<Legend> {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    for it in related {
        *counts.entry(it.claim.kind).or_default() += 1;
    }
    let lines = counts.into_iter();
    lines.map(|(kind, count)| Legend { kind, name: explain::plain(kind.label()), count }).collect()
}

fn relation<'a>(finding: &'a Finding, frame: &Frame<'_>) -> Relation<'a> {
    let members = &finding.claim.tenants;
    Relation {
        id: finding.id.to_string(),
        kind: explain::plain(finding.claim.kind.label()),
        severity: finding.claim.severity,
        certainty: finding.claim.certainty.label(),
        tenants: members.iter().take(NAMED).collect(),
        more: members.len().saturating_sub(NAMED),
        since: frame.moment(finding.first_seen),
    }
}
