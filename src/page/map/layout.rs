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
use crate::model::finding::{Finding, Kind};
use crate::model::tenant::TenantId;
use crate::report::explain;

/// What is drawn of one group. The rest is counted.
const TENANTS: usize = 16;
const RELATIONS: usize = 8;

/// In pixels, as on a telephone with 390 of them.
const WIDTH: usize = 340;
const PILL_WIDTH: usize = 116;
const PILL_HEIGHT: usize = 30;
const PILL_STEP: usize = 42;
const RADIUS: usize = 18;
/// With the two lines of words below it.
const HUB_STEP: usize = 78;
/// Above and below.
const MARGIN: usize = 10;
/// How far a line leads straight out of a tenant before it turns.
const BEND: usize = 12;
/// Characters that fit into a tenant's place.
const LETTERS: usize = 15;

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
    /// A curve that keeps to the lane between the two, so that it crosses no words.
    pub path: String,
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
    let name = explain::plain(kind.label());
    let words = name
        .split_once(' ')
        .map_or((name.clone(), String::new()), |(one, other)| (one.to_owned(), other.to_owned()));
    Hub {
        finding: finding.id.to_string(),
        kind,
        words,
        x: WIDTH / 2,
        y: (height - count * HUB_STEP) / 2 + place * HUB_STEP + HUB_STEP / 2,
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
                let path = path(it, at);
                edges.push(Edge { pill, hub, kind: finding.claim.kind, path });
            }
        }
    }
    edges
}

fn path(pill: &Pill<'_>, hub: &Hub) -> String {
    let (from, bend, to) = if pill.x == 0 {
        (PILL_WIDTH, PILL_WIDTH + BEND, hub.x - hub.radius)
    } else {
        (WIDTH - PILL_WIDTH, WIDTH - PILL_WIDTH - BEND, hub.x + hub.radius)
    };
    let y = pill.y + PILL_HEIGHT / 2;
    format!("M{from} {y}C{bend} {y} {bend} {} {to} {}", hub.y, hub.y)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::groups;
    use super::*;
    use crate::model::finding::{Certainty, Claim, Evidence, FindingId, Severity, State};

    fn finding(kind: Kind, members: &BTreeSet<TenantId>) -> Finding {
        Finding {
            id: FindingId::first(kind, members.first()),
            claim: Claim {
                kind,
                severity: Severity::High,
                certainty: Certainty::Proven,
                tenants: members.clone(),
                summary: String::new(),
                evidence: Evidence::default(),
                remediation: Vec::new(),
            },
            state: State::Open,
            first_seen: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            looks: 1,
            acknowledgement: None,
            issue_url: None,
        }
    }

    /// A fleet's relations, each a kind and the numbers of its tenants.
    fn relations() -> impl Strategy<Value = Vec<Finding>> {
        let members = prop::collection::btree_set(0_u8..60, 2..30);
        let relation = (prop::sample::select(Kind::ALL.to_vec()), members);
        prop::collection::vec(relation, 1..20).prop_map(|relations| {
            let name = |it: u8| TenantId::parse(&format!("t{it}")).unwrap();
            relations
                .into_iter()
                .map(|(kind, members)| finding(kind, &members.into_iter().map(name).collect()))
                .collect()
        })
    }

    fn overlap(one: [usize; 4], other: [usize; 4]) -> bool {
        let apart = |a: usize| one[a + 2] <= other[a] || other[a + 2] <= one[a];
        !apart(0) && !apart(1)
    }

    /// Left, top, right and bottom of everything that takes room, the words of relations included.
    fn boxes(drawing: &Drawing<'_>) -> Vec<[usize; 4]> {
        let pills = drawing.pills.iter().map(|it| [it.x, it.y, it.x + it.width, it.y + it.height]);
        let hubs = drawing
            .hubs
            .iter()
            .map(|it| [it.x - 36, it.y - it.radius, it.x + 36, it.y + it.radius + 26]);
        pills.chain(hubs).collect()
    }

    proptest! {
        #[test]
        fn nothing_lies_on_anything_else_or_outside(relations in relations()) {
            let relations: Vec<&Finding> = relations.iter().collect();
            for group in groups::of(&relations) {
                let drawing = draw(&group);
                let boxes = boxes(&drawing);
                for (place, one) in boxes.iter().enumerate() {
                    prop_assert!(one[2] <= drawing.width && one[3] <= drawing.height, "{one:?}");
                    for other in &boxes[place + 1..] {
                        prop_assert!(!overlap(*one, *other), "{one:?} {other:?}");
                    }
                }
            }
        }

        #[test]
        fn every_member_is_joined_to_its_relation_or_counted(relations in relations()) {
            let relations: Vec<&Finding> = relations.iter().collect();
            for group in groups::of(&relations) {
                let drawing = draw(&group);
                let named: BTreeMap<&TenantId, usize> = (0..)
                    .zip(&drawing.pills)
                    .filter_map(|(place, it)| Some((it.tenant?, place)))
                    .collect();
                let rest = drawing.pills.iter().position(|it| it.tenant.is_none());
                for (hub, relation) in group.relations.iter().take(drawing.hubs.len()).enumerate() {
                    for member in &relation.claim.tenants {
                        let pill = named.get(member).copied().or(rest);
                        let joined = drawing.edges.iter().any(|it| it.hub == hub && Some(it.pill) == pill);
                        prop_assert!(joined, "{member} {}", relation.claim.kind);
                    }
                }
                prop_assert_eq!(drawing.hubs.len() + drawing.left_out, group.relations.len());
            }
        }

        #[test]
        fn groups_have_no_tenant_in_common_and_lose_none(relations in relations()) {
            let relations: Vec<&Finding> = relations.iter().collect();
            let groups = groups::of(&relations);
            let mut grouped: Vec<&TenantId> = groups.iter().flat_map(|it| it.tenants.clone()).collect();
            grouped.sort();
            let all: BTreeSet<&TenantId> = relations.iter().flat_map(|it| &it.claim.tenants).collect();
            prop_assert_eq!(grouped, all.into_iter().collect::<Vec<_>>());
            for group in &groups {
                for relation in &group.relations {
                    let inside = relation.claim.tenants.iter().all(|it| group.tenants.contains(&it));
                    prop_assert!(inside);
                }
            }
            prop_assert_eq!(groups.iter().map(|it| it.relations.len()).sum::<usize>(), relations.len());
        }
    }

    #[test]
    fn a_family_of_five_hundred_is_a_few_names_and_a_number() {
        let members = (0..500).map(|it| TenantId::parse(&format!("t{it:03}")).unwrap()).collect();
        let family = finding(Kind::ClonedLineage, &members);
        let groups = groups::of(&[&family]);
        let drawing = draw(&groups[0]);
        assert_eq!((drawing.pills.len(), drawing.edges.len()), (TENANTS + 1, TENANTS + 1));
        assert_eq!(drawing.pills[TENANTS].text, "and 484 more");
    }
}
