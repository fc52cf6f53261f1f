//! What the stamps say: another tenant's in a database, one that is gone, and one text in several databases.
//!
//! Why whoever bears a foreign stamp is accused and never its owner: the stamp went where data went. The owner's database
//! stands where it stood, and anybody who can write to a database could otherwise have another tenant led away from its
//! own.
//!
//! Invariants:
//! - only a signature says whose a stamp is; what none of our keys signed can at most be equal to another: see `twins`;
//! - data that two tenants provably read together, directly or through a standby, bear one stamp and are told by their
//!   relation;
//! - nobody lacks a stamp who was not seen, or who was never stamped;
//! - the text of a stamp is a tenant's database's own word: it is compared, and never quoted.

mod twins;

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::servers::{DatabaseKey, Servers};
use super::streams::Streams;
use super::wording::{steps, targets};
use crate::model::finding::{Certainty, Claim, Evidence, Kind, Severity};
use crate::model::stamp::{Expected, STAMPED_FOR, StampLook, StampVerdict};
use crate::model::tenant::{TargetRef, TenantId};

/// What they say, and of whom nobody can say it.
pub(super) struct Stamps {
    pub(super) claims: Vec<Claim>,
    pub(super) doubts: Vec<(u32, String)>,
}

pub(super) fn follow(index: &Index<'_>, servers: &Servers, streams: &Streams) -> Stamps {
    let looks = Looks::of(index);
    let data = Data { index, servers, streams };
    let mut claims = twins::claims(index, &data, &looks);
    claims.extend(foreign(index, &data, &looks));
    claims.extend(missing(index, &looks));
    Stamps { claims, doubts: withheld(index, &looks) }
}

/// The verdicts, by place.
struct Looks<'a>(BTreeMap<usize, &'a StampLook>);

impl<'a> Looks<'a> {
    fn of(index: &Index<'a>) -> Self {
        let looks = index.case.stamps.iter();
        Self(looks.filter_map(|it| Some((index.place(it.target)?, it))).collect())
    }

    /// Whether one of our keys signed what stands there: then it is known whose it is.
    fn is_signed(&self, place: usize) -> bool {
        self.0.get(&place).is_some_and(|it| {
            matches!(
                it.verdict,
                StampVerdict::Own
                    | StampVerdict::Foreign(_)
                    | StampVerdict::Moved
                    | StampVerdict::Replaced
            )
        })
    }
}

/// Whose looks read the same data. Worked out only when it is asked: most fleets have nothing to ask.
struct Data<'a, 'b> {
    index: &'a Index<'b>,
    servers: &'a Servers,
    streams: &'a Streams,
}

/// What each look reads: equal for one database, whether met on its server or on a standby.
type Read = BTreeMap<usize, (usize, DatabaseKey)>;

impl Data<'_, '_> {
    fn read(&self) -> Read {
        let mut tree: BTreeMap<usize, usize> = BTreeMap::new();
        for servers in self.streams.trees(Certainty::Probable) {
            tree.extend(servers.iter().map(|it| (*it, servers[0])));
        }
        let mut data = BTreeMap::new();
        for members in &self.servers.members {
            let server = tree.get(&members[0]).copied().unwrap_or(members[0]);
            for (key, places) in self.servers.databases(self.index, members) {
                data.extend(places.into_iter().map(|it| (it, (server, key.clone()))));
            }
        }
        data
    }
}

/// One for each tenant that bears another's.
fn foreign(index: &Index<'_>, data: &Data<'_, '_>, looks: &Looks<'_>) -> Vec<Claim> {
    let mut bearers: BTreeMap<u32, Vec<(usize, &TenantId)>> = BTreeMap::new();
    for (place, look) in &looks.0 {
        if let StampVerdict::Foreign(owner) = &look.verdict {
            bearers.entry(look.target.tenant).or_default().push((*place, owner));
        }
    }
    if bearers.is_empty() {
        return Vec::new();
    }
    let read = data.read();
    let mut homes: BTreeMap<&TenantId, BTreeSet<&(usize, DatabaseKey)>> = BTreeMap::new();
    for (place, look) in index.looks.iter().enumerate() {
        homes.entry(index.id(look.tenant())).or_default().extend(read.get(&place));
    }
    let at_home = |place: usize, owner: &TenantId| {
        let home = homes.get(owner);
        read.get(&place).is_some_and(|it| home.is_some_and(|home| home.contains(it)))
    };
    let claims = bearers.into_iter().filter_map(|(bearer, mut borne)| {
        borne.retain(|(place, owner)| !at_home(*place, owner));
        (!borne.is_empty()).then(|| bears(index, bearer, &borne))
    });
    claims.collect()
}

fn bears(index: &Index<'_>, bearer: u32, borne: &[(usize, &TenantId)]) -> Claim {
    let id = index.id(bearer);
    let copied = index.tenant(bearer).particulars().clone_of.as_ref();
    let deliberate = borne.iter().all(|(_, owner)| copied == Some(owner));
    let owners: BTreeSet<&str> = borne.iter().map(|it| it.1.as_str()).collect();
    let places: Vec<usize> = borne.iter().map(|it| it.0).collect();
    let named = owners.iter().copied().collect::<Vec<_>>().join(", ");
    Claim {
        kind: Kind::ForeignStamp,
        severity: if deliberate { Severity::Low } else { Severity::Critical },
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!("the database of {id} bears the stamp of {named}"),
        evidence: Evidence::default()
            .with(STAMPED_FOR, owners.into_iter().collect::<Vec<_>>())
            .with("targets", targets(index, &places)),
        remediation: steps(&[
            &format!(
                "Stop routing {id}: its users would read the data of {named}. The database of {named} is not in doubt."
            ),
            "Look in the restore, provisioning and deployment logs for the copy, or for the URL that was swapped.",
            &format!("Restore the data of {id} into a fresh database, and delete the copy."),
            "If the copy is deliberate, say so with `clone_of` in the registry.",
        ]),
    }
}

/// One for each tenant whose stamp is not what was written last.
fn missing(index: &Index<'_>, looks: &Looks<'_>) -> Vec<Claim> {
    let mut lacking: BTreeMap<u32, Vec<(usize, TargetRef, &str)>> = BTreeMap::new();
    for (place, look) in &looks.0 {
        let foreign = matches!(look.verdict, StampVerdict::Foreign(_));
        if look.expected == Expected::Stamp
            && !foreign
            && let Some(fault) = look.verdict.fault()
        {
            lacking.entry(look.target.tenant).or_default().push((*place, look.target, fault));
        }
    }
    lacking.into_iter().map(|(tenant, faults)| lacks(index, tenant, &faults)).collect()
}

fn lacks(index: &Index<'_>, tenant: u32, faults: &[(usize, TargetRef, &str)]) -> Claim {
    let id = index.id(tenant);
    let places: Vec<usize> = faults.iter().map(|it| it.0).collect();
    let told =
        faults.iter().map(|(_, target, fault)| format!("{}: {fault}", index.row(*target).name));
    Claim {
        kind: Kind::StampMissing,
        severity: Severity::Medium,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!("the database of {id} was stamped, and {}", faults[0].2),
        evidence: Evidence::default()
            .with("stamps", told.collect::<Vec<_>>())
            .with("targets", targets(index, &places)),
        remediation: steps(&[
            "Ask who restored or re-created the database, or changed the schema `watertight`, and compare the time with the deployment and restore logs.",
            "Check that the rows are the tenant's own.",
            &format!("Then stamp it again: `watertight stamp {id}`."),
        ]),
    }
}

/// Whose stamp ought to be there and may not be read.
fn withheld(index: &Index<'_>, looks: &Looks<'_>) -> Vec<(u32, String)> {
    let kept_back = looks
        .0
        .values()
        .filter(|it| it.expected == Expected::Stamp && it.verdict == StampVerdict::Withheld);
    kept_back
        .map(|it| {
            let name = &index.row(it.target).name;
            (it.target.tenant, format!("its role may not read the stamp of {name}"))
        })
        .collect()
}
