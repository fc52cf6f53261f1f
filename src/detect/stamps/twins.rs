//! One text in the databases of two tenants, signed with none of our keys: the mark of a wrong restore all the same.
//!
//! Why it counts without a signature: the key may be lost or not configured, and equal texts are copies of each other
//! whoever wrote them. Why it accuses both: nobody can say which of them is the copy.
//!
//! Invariant: a stamp that one of our keys signed is none of these: it names its owner, who is then not accused.

use std::collections::{BTreeMap, BTreeSet};

use super::{Data, Looks, Read};
use crate::detect::index::Index;
use crate::detect::servers::DatabaseKey;
use crate::detect::wording::{named, steps, targets};
use crate::model::finding::{Certainty, Claim, Evidence, Kind, Severity};

pub(super) fn claims(index: &Index<'_>, data: &Data<'_, '_>, looks: &Looks<'_>) -> Vec<Claim> {
    let mut stamps: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let unsigned = index.looks.iter().enumerate().filter(|(place, _)| !looks.is_signed(*place));
    for (place, look) in unsigned {
        if let Some(stamp) = look.fingerprint().stamp.as_deref().filter(|it| !it.is_empty()) {
            stamps.entry(stamp).or_default().push(place);
        }
    }
    stamps.retain(|_, places| {
        places.iter().any(|it| index.looks[*it].tenant() != index.looks[places[0]].tenant())
    });
    if stamps.is_empty() {
        return Vec::new();
    }
    let data = data.read();
    let mut found: BTreeMap<BTreeSet<u32>, (Vec<usize>, Severity)> = BTreeMap::new();
    for places in stamps.into_values() {
        if let Some((tenants, severity)) = spread(index, &data, &places) {
            let entry = found.entry(tenants).or_insert_with(|| (Vec::new(), severity));
            entry.0.extend(places);
            entry.1 = entry.1.max(severity);
        }
    }
    found.into_iter().map(|(tenants, (places, it))| claim(index, &tenants, &places, it)).collect()
}

/// The tenants that bear the stamp in different databases, and how bad that is.
fn spread(index: &Index<'_>, data: &Read, places: &[usize]) -> Option<(BTreeSet<u32>, Severity)> {
    let mut bearers: BTreeMap<Option<&(usize, DatabaseKey)>, BTreeSet<u32>> = BTreeMap::new();
    for place in places {
        bearers.entry(data.get(place)).or_default().insert(index.looks[*place].tenant());
    }
    let databases: Vec<&BTreeSet<u32>> = bearers.values().collect();
    let mut tenants = BTreeSet::new();
    let mut severity = Severity::Low;
    for (at, ones) in databases.iter().enumerate() {
        let others: BTreeSet<u32> =
            databases[at + 1..].iter().flat_map(|it| it.iter()).copied().collect();
        for one in *ones {
            for other in others.iter().filter(|it| *it != one) {
                tenants.extend([*one, *other]);
                if !index.declared_copy(*one, *other) {
                    severity = Severity::Critical;
                }
            }
            // A stamp in thousands of databases is one image that was stamped by mistake.
            if severity == Severity::Critical && places.len() > 1000 {
                tenants.extend(databases.iter().flat_map(|it| it.iter()));
                return Some((tenants, severity));
            }
        }
    }
    (!tenants.is_empty()).then_some((tenants, severity))
}

fn claim(
    index: &Index<'_>,
    tenants: &BTreeSet<u32>,
    places: &[usize],
    severity: Severity,
) -> Claim {
    let tenants = index.ids(tenants);
    Claim {
        kind: Kind::ForeignStamp,
        severity,
        certainty: Certainty::Proven,
        summary: format!("the databases of {} bear one and the same stamp", named(&tenants)),
        evidence: Evidence::default().with("targets", targets(index, places)),
        remediation: steps(&[
            "Read the stamp in each: `SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'watertight'`. It was written for one tenant; the others are copies of that tenant's data.",
            "Stop routing the tenants that the stamp was not written for, and look in the restore and provisioning logs for the copy.",
            "Restore each one's own data into a fresh database, and delete the copy.",
            "If the copy is deliberate, say so with `clone_of` in the registry.",
        ]),
        tenants,
    }
}
