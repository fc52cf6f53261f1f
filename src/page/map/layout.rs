//! Where the parts of one group are drawn: relations in the middle, their tenants to both sides.
//!
//! Why a relation is a point of its own and not a line between two tenants: twenty tenants in one database are twenty
//! lines to one point instead of a hundred and ninety between each other, and the point bears the words.
//!
//! Invariants:
//! - nothing lies on anything else, and everything lies within the drawing;
//! - every member of a drawn relation is joined to it, by itself or as one of those that are counted.

use std::collections::BTreeSet;

use super::groups::Group;
use crate::model::finding::{Finding, Kind, Severity};
use crate::model::tenant::TenantId;

/// What is drawn of one group. The rest is counted.
const TENANTS: usize = 16;
const RELATIONS: usize = 8;

/// In pixels, as on a telephone with 390 of them.
const WIDTH: usize = 340;
const PILL_WIDTH: usize = 124;
const PILL_HEIGHT: usize = 30;
const PILL_STEP: usize = 42;
const RADIUS: usize = 18;
/// A relation with its two lines of words.
const HUB_HEIGHT: usize = 66;
const HUB_STEP: usize = 78;
const MARGIN: usize = 4;
/// Characters that fit into a tenant's place.
const LETTERS: usize = 16;

pub(super) struct Drawing<'a> {
    pub width: usize,
    pub height: usize,
    pub pills: Vec<Pill<'a>>,
    pub hubs: Vec<Hub>,
    pub edges: Vec<Edge>,
    /// Relations that are not drawn.
    pub left_out: usize,
}

/// A tenant's place.
pub(super) struct Pill<'a> {
    /// `None` for those that are only counted.
    pub tenant: Option<&'a TenantId>,
    pub text: String,
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

/// A relation's place.
pub(super) struct Hub {
    pub finding: String,
    pub kind: Kind,
    pub severity: Severity,
    /// Its name in two lines.
    pub words: (String, String),
    pub x: usize,
    pub y: usize,
    pub radius: usize,
}

/// From a tenant to a relation, both by their place in the drawing.
pub(super) struct Edge {
    pub pill: usize,
    pub hub: usize,
    pub kind: Kind,
    pub from: (usize, usize),
    pub to: (usize, usize),
}

pub(super) fn draw<'a>(group: &Group<'a>) -> Drawing<'a> {
    let relations = &group.relations[..group.relations.len().min(RELATIONS)];
    let drawn = chosen(group, relations);
    let rest = group.tenants.len() - drawn.len();
    let count = drawn.len() + usize::from(0 < rest);
    let rows = count.div_ceil(2);
    let height = (rows * PILL_STEP).max(relations.len() * HUB_STEP) + 2 * MARGIN;
    let pills = pills(&drawn, rest, height);
    let hubs: Vec<Hub> = relations
        .iter()
        .enumerate()
        .map(|(place, it)| hub(it, place, relations.len(), height))
        .collect();
    Drawing {
        width: WIDTH,
        height,
        edges: edges(relations, &pills, &hubs),
        pills,
        hubs,
        left_out: group.relations.len() - relations.len(),
    }
}

/// Whom there is room for: members of the worst relations first, and beside each other whoever shares the same.
fn chosen<'a>(group: &Group<'a>, relations: &[&Finding]) -> Vec<&'a TenantId> {
    let mut order: Vec<(Vec<usize>, &TenantId)> = group
        .tenants
        .iter()
        .map(|tenant| {
            let among = |(place, it): (usize, &&Finding)| {
                it.claim.tenants.contains(*tenant).then_some(place)
            };
            (relations.iter().enumerate().filter_map(among).collect(), *tenant)
        })
        .collect();
    // Whoever is only in relations that are not drawn comes last.
    order.sort_by(|one, other| (one.0.is_empty(), one).cmp(&(other.0.is_empty(), other)));
    order.into_iter().filter(|it| !it.0.is_empty()).map(|it| it.1).take(TENANTS).collect()
}

/// By turns to the left and to the right, from the top.
fn pills<'a>(drawn: &[&'a TenantId], rest: usize, height: usize) -> Vec<Pill<'a>> {
    let named = drawn.iter().map(|it| (Some(*it), shortened(it.as_str())));
    let counted = (0 < rest).then(|| (None, format!("and {rest} more")));
    let all: Vec<_> = named.chain(counted).collect();
    let (left, right) = (all.len().div_ceil(2), all.len() / 2);
    all.into_iter()
        .enumerate()
        .map(|(place, (tenant, text))| {
            let on_the_left = place % 2 == 0;
            let rows = if on_the_left { left } else { right };
            Pill {
                tenant,
                text,
                x: if on_the_left { 0 } else { WIDTH - PILL_WIDTH },
                y: (height - rows * PILL_STEP) / 2
                    + place / 2 * PILL_STEP
                    + (PILL_STEP - PILL_HEIGHT) / 2,
                width: PILL_WIDTH,
                height: PILL_HEIGHT,
            }
        })
        .collect()
}

fn shortened(id: &str) -> String {
    match id.char_indices().nth(LETTERS) {
        None => id.to_owned(),
        Some((end, _)) => format!("{}…", &id[..end]),
    }
}

fn hub(finding: &Finding, place: usize, count: usize, height: usize) -> Hub {
    let kind = finding.claim.kind;
    let name = super::words::plain(kind.label());
    let words = name
        .split_once(' ')
        .map_or((name.clone(), String::new()), |(one, other)| (one.to_owned(), other.to_owned()));
    Hub {
        finding: finding.id.to_string(),
        kind,
        severity: finding.claim.severity,
        words,
        x: WIDTH / 2,
        y: (height - count * HUB_STEP) / 2
            + place * HUB_STEP
            + (HUB_STEP - HUB_HEIGHT) / 2
            + RADIUS,
        radius: RADIUS,
    }
}

fn edges(relations: &[&Finding], pills: &[Pill<'_>], hubs: &[Hub]) -> Vec<Edge> {
    let drawn: BTreeSet<&TenantId> = pills.iter().filter_map(|it| it.tenant).collect();
    let mut edges = Vec::new();
    for (hub, (finding, at)) in relations.iter().zip(hubs).enumerate() {
        let members = &finding.claim.tenants;
        let counted = members.iter().any(|it| !drawn.contains(it));
        for (pill, it) in pills.iter().enumerate() {
            if it.tenant.map_or(counted, |it| members.contains(it)) {
                let x = if it.x == 0 { PILL_WIDTH } else { WIDTH - PILL_WIDTH };
                let from = (x, it.y + PILL_HEIGHT / 2);
                edges.push(Edge { pill, hub, kind: finding.claim.kind, from, to: (at.x, at.y) });
            }
        }
    }
    edges
}
