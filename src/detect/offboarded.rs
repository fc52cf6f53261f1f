//! Tenants that left, and whose databases still answer.
//!
//! Why an answer is not enough: a host and a port are given to others, and a database that a tenant left may be another
//! tenant's today. It is the one that was left only where it shows the same identity, or, where none was known, where it
//! takes the login that the tenant had.
//!
//! Why a refused login counts as gone: what is told is that the tenant's own way in still works. Why a name that does not
//! resolve does so only where others were reached: else it may be our own way out that is broken.
//!
//! Invariants:
//! - unknown is never gone: what could not be looked at neither opens nor resolves;
//! - a database that a present tenant uses is that tenant's, whoever used it before.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::index::Index;
use crate::model::change::Identity;
use crate::model::finding::{Certainty, Claim, Evidence, Fact, Kind, Severity};
use crate::model::fingerprint::Fingerprint;
use crate::model::grave::GraveLook;
use crate::model::observation::{Cause, Outcome};
use crate::model::tenant::{TargetRef, TenantId};

/// Where one of the databases stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// It answers, and is the one that was left.
    There(Certainty),
    Gone,
    Unknown,
}

/// One claim for each tenant.
pub(super) fn claims(index: &Index<'_>) -> Vec<Claim> {
    let mut there: BTreeMap<&TenantId, Vec<(&GraveLook, Certainty)>> = BTreeMap::new();
    for look in index.case.graves.into_iter().flatten() {
        if let Left::There(certainty) = left(index, look) {
            there.entry(&look.tenant).or_default().push((look, certainty));
        }
    }
    there.into_values().map(|it| claim(&it)).collect()
}

/// What the looks of one scan tell of whoever left. Who is in neither was not looked at, or it stays unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// All that they had was looked at, and is there no more.
    pub gone: BTreeSet<TenantId>,
    /// Something answers, and is what was left.
    pub there: BTreeSet<TenantId>,
}

/// `claims` are those of the same scan: where so much failed that our own side is suspected, nothing is gone.
pub fn seen(case: &Case<'_>, claims: &[Claim]) -> Seen {
    let index = Index::new(case);
    let mut words: BTreeMap<&TenantId, Vec<Left>> = BTreeMap::new();
    for look in case.graves.into_iter().flatten() {
        words.entry(&look.tenant).or_default().push(left(&index, look));
    }
    let with = |says: &dyn Fn(&[Left]) -> bool| -> BTreeSet<TenantId> {
        words.iter().filter(|(_, it)| says(it)).map(|(id, _)| (*id).clone()).collect()
    };
    let suspect = claims.iter().any(|it| it.kind == Kind::MonitorSuspect);
    Seen {
        gone: with(&|it| !suspect && it.iter().all(|it| *it == Left::Gone)),
        there: with(&|it| it.iter().any(|it| matches!(it, Left::There(_)))),
    }
}

/// Whose databases are not known to be gone; `None` where nobody was visited.
pub(super) fn not_gone(index: &Index<'_>) -> Option<BTreeSet<TenantId>> {
    let looks = index.case.graves?.iter();
    let standing = looks.filter(|it| left(index, it) != Left::Gone);
    Some(standing.map(|it| it.tenant.clone()).collect())
}

fn left(index: &Index<'_>, look: &GraveLook) -> Left {
    match &look.outcome {
        Outcome::NotTried(_) => Left::Unknown,
        Outcome::Seen(sighting) => answered(index, look, &sighting.fingerprint),
        Outcome::Failed(failure) => match failure.cause {
            Cause::ConnectionRefused | Cause::DatabaseMissing | Cause::AuthFailed => Left::Gone,
            Cause::DnsFailed if !index.looks.is_empty() => Left::Gone,
            _ => Left::Unknown,
        },
    }
}

fn answered(index: &Index<'_>, look: &GraveLook, fingerprint: &Fingerprint) -> Left {
    if look.known.as_ref().is_some_and(|it| differs(it, fingerprint)) {
        return Left::Gone;
    }
    if index.looks.iter().any(|it| is_one(it.fingerprint(), fingerprint)) {
        return Left::Gone;
    }
    if may_be_an_unseen_tenants(index, look, fingerprint) {
        return Left::Unknown;
    }
    let known_whole = |it: &Identity| it.system_identifier.is_some() && it.database_oid.is_some();
    let proven =
        look.known.as_ref().is_some_and(known_whole) && fingerprint.system_identifier.is_some();
    Left::There(if proven { Certainty::Proven } else { Certainty::Probable })
}

/// In something that both tell.
fn differs(known: &Identity, now: &Fingerprint) -> bool {
    let differ = |one: Option<u64>, other: Option<u64>| one.zip(other).is_some_and(|(a, b)| a != b);
    differ(known.system_identifier, now.system_identifier)
        || differ(known.database_oid.map(u64::from), now.database_oid.map(u64::from))
        || known.database != now.database
}

/// Whether the two are one live database. A copy that runs by itself has its original's identifiers and is another; a
/// standby has them too, and is the same data.
fn is_one(tenants: &Fingerprint, left: &Fingerprint) -> bool {
    let same_server = match (tenants.system_identifier, left.system_identifier) {
        (Some(one), Some(other)) => one == other,
        // Withheld from one of the two: then only the start tells.
        _ => tenants.started_at.is_some() && tenants.started_at == left.started_at,
    };
    let follows = tenants.in_recovery == Some(true) || left.in_recovery == Some(true);
    let runs_as_one = follows
        || tenants.started_at.is_none()
        || left.started_at.is_none()
        || tenants.started_at == left.started_at;
    same_server
        && runs_as_one
        && tenants.database_oid == left.database_oid
        && tenants.database == left.database
}

/// A tenant that this scan did not see, and that is reached there or was seen to be there before.
fn may_be_an_unseen_tenants(
    index: &Index<'_>,
    look: &GraveLook,
    fingerprint: &Fingerprint,
) -> bool {
    let tenants = (0_u32..).zip(index.case.tenants);
    let mut targets = tenants.flat_map(|(tenant, it)| {
        (0_u32..).zip(&it.targets).map(move |(target, row)| (TargetRef { tenant, target }, row))
    });
    targets.any(|(target, row)| {
        let same_address = row.address.host == look.address.host
            && row.address.port == look.address.port
            && row.address.database == look.address.database
            && row.address.project_id() == look.address.project_id();
        let was_there =
            || index.baseline(target).is_some_and(|it| !differs(&it.identity, fingerprint));
        index.place(target).is_none() && (same_address || was_there())
    })
}

fn claim(there: &[(&GraveLook, Certainty)]) -> Claim {
    // The caller groups them, so there is a first one.
    let (first, _) = there[0];
    let tenant = &first.tenant;
    let certain = there.iter().all(|(_, it)| *it == Certainty::Proven);
    let databases: Vec<Fact> = there.iter().map(|(look, _)| described(look)).collect();
    Claim {
        kind: Kind::OffboardedReachable,
        severity: Severity::Medium,
        certainty: if certain { Certainty::Proven } else { Certainty::Probable },
        tenants: [tenant.clone()].into(),
        summary: format!("{tenant} left, and its database still answers to the login that it had"),
        evidence: Evidence::default()
            .with("left_at", first.left_at.to_string())
            .with("operation", first.operation.as_str())
            .with("databases", databases),
        remediation: vec![
            format!("Confirm that {tenant} has left for good, and what of its data must be kept: the operation that took it away is {}.", first.operation),
            "Take a last backup where the contract asks for one.".to_owned(),
            "Delete the database or its project at its provider, and look whether its backups and replicas go with it.".to_owned(),
            "Where it has to stay for a while, take its login away: `ALTER ROLE … NOLOGIN`, and end the sessions that it has.".to_owned(),
        ],
    }
}

fn described(look: &GraveLook) -> Fact {
    let address = &look.address;
    let mut facts = BTreeMap::from([
        ("target".to_owned(), Fact::from(look.target.to_string())),
        (
            "address".to_owned(),
            format!("{}:{}/{}", address.host, address.port, address.database).into(),
        ),
    ]);
    if let Some(sighting) = look.outcome.sighting() {
        let fingerprint = &sighting.fingerprint;
        let identifier = fingerprint.system_identifier.map(|it| it.to_string());
        facts.extend(identifier.map(|it| ("system_identifier".to_owned(), it.into())));
        facts.extend(fingerprint.database_oid.map(|it| ("database_oid".to_owned(), it.into())));
    }
    Fact::Map(facts)
}
