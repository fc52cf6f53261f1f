//! One stamp in the databases of two tenants: the mark of a wrong restore or a swapped URL.
//!
//! Why the stamp at all: a dump that is restored under another tenant has a new identifier, a new oid and a new
//! server. Only what was written into the database goes along.
//!
//! Invariants:
//! - the same database met twice, directly or through a standby, bears one stamp and is told by its relation;
//! - the text of a stamp is a tenant's database's own word: it is compared, and never quoted.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::servers::{DatabaseKey, Servers};
use super::streams::Streams;
use super::wording::{named, steps, targets};
use crate::model::finding::{Certainty, Claim, Evidence, Kind, Severity};

pub(super) fn claims(index: &Index<'_>, servers: &Servers, streams: &Streams) -> Vec<Claim> {
    let mut stamps: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, look) in index.looks.iter().enumerate() {
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
    let data = Data::of(index, servers, streams);
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

/// What each look reads: equal for one database, whether met on its server or on a standby.
struct Data(BTreeMap<usize, (usize, DatabaseKey)>);

impl Data {
    fn of(index: &Index<'_>, servers: &Servers, streams: &Streams) -> Self {
        let mut tree: BTreeMap<usize, usize> = BTreeMap::new();
        for servers in streams.trees(Certainty::Probable) {
            tree.extend(servers.iter().map(|it| (*it, servers[0])));
        }
        let mut data = BTreeMap::new();
        for members in &servers.members {
            let server = tree.get(&members[0]).copied().unwrap_or(members[0]);
            for (key, places) in servers.databases(index, members) {
                data.extend(places.into_iter().map(|it| (it, (server, key.clone()))));
            }
        }
        Self(data)
    }
}

/// The tenants that bear the stamp in different databases, and how bad that is.
fn spread(index: &Index<'_>, data: &Data, places: &[usize]) -> Option<(BTreeSet<u32>, Severity)> {
    let mut bearers: BTreeMap<Option<&(usize, DatabaseKey)>, BTreeSet<u32>> = BTreeMap::new();
    for place in places {
        bearers.entry(data.0.get(place)).or_default().insert(index.looks[*place].tenant());
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
