//! The relations of tenants with each other: one database, one server, one stream, one ancestor.
//!
//! Why from the narrowest to the widest: a pair is told once, by what matters most. Tenants in one database are not
//! told again for the server around it, nor for the image that it was made from.
//!
//! Invariants:
//! - every related pair stands together in a claim of its narrowest relation, as far as the policy reports it;
//! - an undecided pair is claimed by no relation: it is a doubt;
//! - nothing is claimed between targets of one tenant.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::servers::{Huddle, Servers};
use super::streams::Streams;
use super::told::Told;
use super::wording::{checks, count, named, rehomes, steps, targets};
use crate::model::finding::{Certainty, Claim, Evidence, Fact, Kind, Severity};
use crate::model::policy::Isolation;

/// The claims of the four relations.
pub(super) fn relate(
    index: &Index<'_>,
    servers: &Servers,
    streams: &Streams,
    huddles: &[Huddle],
) -> Vec<Claim> {
    let mut told = Told::default();
    let mut found = Found::default();
    for members in servers.members.iter().filter(|it| several(index, it)) {
        for places in servers.databases(index, members).into_values() {
            if several(index, &places) {
                found.databases.entry(tenants(index, &places)).or_default().extend(places);
            }
        }
    }
    for it in found.databases.keys() {
        told.add(it);
    }
    let mut claims: Vec<Claim> = found
        .databases
        .iter()
        .map(|(tenants, places)| shared_database(index, tenants, places))
        .collect();
    for members in servers.members.iter().filter(|it| several(index, it)) {
        let tenants = tenants(index, members);
        if index.case.policy.isolation < Isolation::Database && !told.all(&tenants) {
            found.clusters.entry(tenants.clone()).or_default().extend(members);
        }
        // Settled even where the policy allows it: one server is no stream and no copy of itself.
        found.settled.push(tenants);
    }
    for it in &found.settled {
        told.add(it);
    }
    claims.extend(
        found.clusters.iter().map(|(tenants, places)| shared_cluster(index, tenants, places)),
    );
    claims.extend(replication(index, servers, streams, &mut told));
    told.doubt(huddles);
    claims.extend(lineage(index, &told));
    claims
}

/// One claim for one set of tenants, however many places show it.
#[derive(Default)]
struct Found {
    databases: BTreeMap<BTreeSet<u32>, Vec<usize>>,
    clusters: BTreeMap<BTreeSet<u32>, Vec<usize>>,
    settled: Vec<BTreeSet<u32>>,
}

fn tenants(index: &Index<'_>, places: &[usize]) -> BTreeSet<u32> {
    places.iter().map(|it| index.looks[*it].tenant()).collect()
}

fn several(index: &Index<'_>, places: &[usize]) -> bool {
    places.iter().any(|it| index.looks[*it].tenant() != index.looks[places[0]].tenant())
}

fn shared_database(index: &Index<'_>, tenants: &BTreeSet<u32>, places: &[usize]) -> Claim {
    let tenants = index.ids(tenants);
    Claim {
        kind: Kind::SharedDatabase,
        severity: Severity::Critical,
        certainty: Certainty::Proven,
        summary: format!("{} read and write the same database", named(&tenants)),
        evidence: evidence(index, places).with(
            "proof",
            "a random advisory lock taken through one target was seen through the other with the reader's own database oid",
        ),
        remediation: steps(&[
            "Stop routing users of all but the rightful owner to this database; every one of these tenants can read and change the others' rows.",
            &format!(
                "Look at them with {}, and confirm by hand: `SELECT pg_try_advisory_lock(42)` is true in a session of one tenant and, while that session is open, false in one of another.",
                checks(&tenants)
            ),
            "Find in the registry and in the provisioning log which row was given the wrong connection URL, and restore or create the missing tenant's own database.",
            &format!(
                "Give the misplaced tenant a database of its own: {} shows what would be moved, and without `--dry-run` it is copied, compared row by row, and the registry led there. Then rotate the password of the database that was shared.",
                rehomes(&tenants)
            ),
            "Treat the time since the first of these tenants was misrouted as a possible disclosure, and run `watertight verify` until it is clean.",
        ]),
        tenants,
    }
}

fn shared_cluster(index: &Index<'_>, tenants: &BTreeSet<u32>, places: &[usize]) -> Claim {
    let tenants = index.ids(tenants);
    Claim {
        kind: Kind::SharedCluster,
        severity: Severity::Critical,
        certainty: Certainty::Proven,
        summary: format!("{} have different databases on one running PostgreSQL server", named(&tenants)),
        evidence: evidence(index, places).with(
            "proof",
            "a random advisory lock taken through one target was seen in the lock table through the other, under another database oid",
        ),
        remediation: steps(&[
            "Confirm with `SELECT system_identifier FROM pg_control_system()` and `SELECT pg_postmaster_start_time()` through both connection URLs: they are equal.",
            "Create a server (or project) of its own for each tenant but one, and move its data with `pg_dump --format=custom` and `pg_restore`.",
            "Point the registry at the new server and drop the old database only after `watertight verify` is clean.",
            "If these tenants may share a server, grant it with a dated `[[policy.exceptions]]`, or choose `policy.isolation = \"database\"` for the whole platform.",
        ]),
        tenants,
    }
}

/// First what is proven, so that a probable neighbour does not weaken it; then what is probable besides.
fn replication(
    index: &Index<'_>,
    servers: &Servers,
    streams: &Streams,
    told: &mut Told,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    for certainty in [Certainty::Proven, Certainty::Probable] {
        let mut found: BTreeMap<BTreeSet<u32>, Vec<usize>> = BTreeMap::new();
        let mut settled = Vec::new();
        for tree in streams.trees(certainty) {
            let places: Vec<usize> = servers
                .members
                .iter()
                .filter(|it| tree.binary_search(&it[0]).is_ok())
                .flatten()
                .copied()
                .collect();
            for group in reported(index, servers, places.clone()) {
                let members = tenants(index, &group);
                if !told.all(&members) {
                    found.entry(members).or_default().extend(group);
                }
            }
            settled.push(tenants(index, &places));
        }
        claims.extend(
            found
                .iter()
                .map(|(members, places)| shared_replication(index, members, places, certainty)),
        );
        for it in &settled {
            told.add(it);
        }
    }
    claims
}

/// Where the policy allows one server, only the same database read through a standby is told.
fn reported(index: &Index<'_>, servers: &Servers, places: Vec<usize>) -> Vec<Vec<usize>> {
    if index.case.policy.isolation < Isolation::Database {
        return vec![places];
    }
    servers.databases(index, &places).into_values().filter(|it| several(index, it)).collect()
}

fn shared_replication(
    index: &Index<'_>,
    tenants: &BTreeSet<u32>,
    places: &[usize],
    certainty: Certainty,
) -> Claim {
    let tenants = index.ids(tenants);
    let sender = (certainty == Certainty::Probable).then(|| {
        "Let the role that Watertight logs in as see the sender, with `GRANT pg_monitor TO …` on both servers: the next scan can then prove it."
            .to_owned()
    });
    let (severity, word, proof) = match certainty {
        Certainty::Proven => (
            Severity::Critical,
            "read",
            "the standby's sender is the primary's address, port and slot",
        ),
        Certainty::Probable => (
            Severity::High,
            "probably read",
            "they share a system identifier and a timeline, the standbys are streaming, and their positions fit no other registered server",
        ),
    };
    Claim {
        kind: Kind::SharedReplication,
        severity,
        certainty,
        summary: format!(
            "{} {word} the same live data through physical replication",
            named(&tenants)
        ),
        evidence: evidence(index, places).with("proof", proof),
        remediation: steps(&[
            "On the standby, see who feeds it: `SELECT status, sender_host, sender_port, slot_name FROM pg_stat_wal_receiver` (needs pg_monitor).",
            "On the primary, see whom it feeds: `SELECT pid, application_name, client_addr FROM pg_stat_replication` (needs it too).",
            "Stop routing the tenant that does not own this data to the standby, and give it a database of its own.",
            "If the standby belongs to the primary's tenant, register it there under `endpoints` and remove it from the other tenant.",
        ])
        .into_iter()
        .chain(sender)
        .collect(),
        tenants,
    }
}

/// One finding for each family: separate running clusters with one ancestor.
fn lineage(index: &Index<'_>, told: &Told) -> Vec<Claim> {
    let mut families: Vec<(u64, usize)> = index
        .looks
        .iter()
        .enumerate()
        .filter_map(|(place, it)| Some((it.fingerprint().system_identifier?, place)))
        .collect();
    families.sort_unstable();
    let mut found: BTreeMap<BTreeSet<u32>, Vec<usize>> = BTreeMap::new();
    for family in families.chunk_by(|one, other| one.0 == other.0) {
        let places: Vec<usize> = family.iter().map(|(_, place)| *place).collect();
        if !several(index, &places) {
            continue;
        }
        let open = told.open_members(&tenants(index, &places));
        if !open.is_empty() {
            let places = places.into_iter().filter(|it| open.contains(&index.looks[*it].tenant()));
            found.entry(open.clone()).or_default().extend(places);
        }
    }
    found.iter().map(|(tenants, places)| cloned_lineage(index, tenants, places)).collect()
}

fn cloned_lineage(index: &Index<'_>, tenants: &BTreeSet<u32>, places: &[usize]) -> Claim {
    let promoted = promoted(index, places);
    let tenants = index.ids(tenants);
    let (severity, how) = if promoted.is_empty() {
        (Severity::Low, "are copies of one image")
    } else {
        (
            Severity::Medium,
            "descend from one data directory, and at least one was promoted from another's data",
        )
    };
    let promoted: Vec<Fact> = index.ids(&promoted).iter().map(|it| it.as_str().into()).collect();
    Claim {
        kind: Kind::ClonedLineage,
        severity,
        certainty: Certainty::Proven,
        summary: format!("{} run on separate servers that {how}", named(&tenants)),
        evidence: evidence(index, places).with("promoted", Fact::List(promoted)),
        remediation: steps(&[
            "Nothing leaks now: these are separate running servers. Find out whether they were made from an empty image or from a tenant's data.",
            "If one holds a copy of another tenant's data, delete what is not its own, and rotate the passwords that came with the copy.",
            "If the copy is deliberate, say so with `clone_of` in the registry.",
        ]),
        tenants,
    }
}

/// Tenants whose server was promoted after another's in the family, and that are not registered as its copy.
fn promoted(index: &Index<'_>, places: &[usize]) -> BTreeSet<u32> {
    let mut timelines: Vec<(u32, u32)> = places
        .iter()
        .map(|it| &index.looks[*it])
        .filter(|it| it.fingerprint().in_recovery == Some(false))
        .filter_map(|it| Some((it.fingerprint().timeline?, it.tenant())))
        .collect();
    timelines.sort_unstable();
    timelines.dedup();
    let foreign = |(timeline, tenant): (u32, u32)| {
        // At most the tenant itself and its registered originals and copies are passed over.
        timelines
            .iter()
            .take_while(|it| it.0 < timeline)
            .any(|it| it.1 != tenant && !index.declared_copy(tenant, it.1))
    };
    timelines.iter().copied().filter(|it| foreign(*it)).map(|it| it.1).collect()
}

fn evidence(index: &Index<'_>, places: &[usize]) -> Evidence {
    let mut places = places.to_vec();
    places.sort_unstable();
    places.dedup();
    let looks = || places.iter().map(|it| &index.looks[*it]);
    let systems: BTreeSet<String> = looks()
        .filter_map(|it| it.fingerprint().system_identifier)
        .map(|it| it.to_string())
        .collect();
    let environments: BTreeSet<&str> =
        looks().map(|it| &*index.tenant(it.tenant()).environment).collect();
    let evidence = Evidence::default()
        .with("system_identifiers", systems.into_iter().collect::<Vec<_>>())
        .with("target_count", count(places.len()))
        .with("targets", targets(index, &places));
    if environments.len() < 2 {
        return evidence;
    }
    evidence.with("environments", environments.into_iter().collect::<Vec<_>>())
}
