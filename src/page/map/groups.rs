//! Which tenants hang together: each group is closed, so no relation leads out of it.
//!
//! Why by joining sets: a hundred thousand tenants in one family are joined in one pass, and no pair is ever listed.

use std::collections::BTreeMap;

use crate::model::finding::Finding;
use crate::model::tenant::TenantId;

pub(super) struct Group<'a> {
    /// Sorted.
    pub tenants: Vec<&'a TenantId>,
    /// In the order in which they were given: worst first.
    pub relations: Vec<&'a Finding>,
}

/// The groups in the order of their first relation.
pub(super) fn of<'a>(relations: &[&'a Finding]) -> Vec<Group<'a>> {
    let mut places: BTreeMap<&TenantId, usize> = BTreeMap::new();
    for tenant in relations.iter().flat_map(|it| &it.claim.tenants) {
        let next = places.len();
        places.entry(tenant).or_insert(next);
    }
    let mut above: Vec<usize> = (0..places.len()).collect();
    for relation in relations {
        let mut members = relation.claim.tenants.iter().map(|it| places[it]);
        let Some(first) = members.next() else { continue };
        for it in members {
            let (one, other) = (top(&mut above, first), top(&mut above, it));
            above[one.max(other)] = one.min(other);
        }
    }
    let mut groups: BTreeMap<usize, Group<'a>> = BTreeMap::new();
    let mut order: Vec<usize> = Vec::new();
    for relation in relations {
        let Some(first) = relation.claim.tenants.first() else { continue };
        let root = top(&mut above, places[first]);
        let group = groups.entry(root).or_insert_with(|| {
            order.push(root);
            Group { tenants: Vec::new(), relations: Vec::new() }
        });
        group.relations.push(relation);
    }
    for (tenant, place) in &places {
        let root = top(&mut above, *place);
        groups.entry(root).and_modify(|it| it.tenants.push(tenant));
    }
    order.iter().filter_map(|it| groups.remove(it)).collect()
}

/// The place that stands for the whole set. Halves the way for whoever asks next.
fn top(above: &mut [usize], mut place: usize) -> usize {
    while above[place] != place {
        above[place] = above[above[place]];
        place = above[place];
    }
    place
}
