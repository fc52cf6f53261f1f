//! Whether a target leads to the database that it names, and a tenant's ways to one and the same database.
//!
//! Why poolers are judged differently: a pooler may call a database by another name on purpose, so its alias means
//! nothing until it changes, or until the direct way to the same tenant ends elsewhere.
//!
//! Invariants:
//! - a further database of the tenant's own (`databases`) is never compared with its main one;
//! - a server that was started within the last minutes is a doubt, not a claim: it may have been restarted between
//!   two looks.

use super::coverage::differ;
use super::index::{Index, Look};
use super::servers::Servers;
use super::streams::Streams;
use super::wording::{steps, targets};
use crate::model::address::Route;
use crate::model::finding::{Certainty, Claim, Evidence, Kind, Severity};
use crate::model::fingerprint::Fingerprint;
use crate::model::tenant::{TargetName, TargetRef};

/// How long after its start a server may have been another one at the first look, in microseconds: ten minutes,
/// more than any scan takes.
const FRESH: i64 = 600_000_000;

/// How long a database name may be before servers cut it, in bytes.
const LONGEST_DATABASE: usize = 63;

/// What is wrong with the ways to a tenant's databases.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) claims: Vec<Claim>,
    /// Sentences for tenants of which nobody can say.
    pub(super) doubts: Vec<(u32, String)>,
    /// Targets that lead astray: their identity is not to be learnt. Sorted.
    pub(super) astray: Vec<TargetRef>,
}

pub(super) fn follow(index: &Index<'_>, servers: &Servers, streams: &Streams) -> Routes {
    let mut routes = Routes::default();
    let mut from = 0;
    while let Some(first) = index.looks.get(from) {
        let count = index.looks[from..].partition_point(|it| it.tenant() == first.tenant());
        tenant(index, (servers, streams), from..from + count, &mut routes);
        from += count;
    }
    routes.astray.sort_unstable();
    routes
}

fn tenant(
    index: &Index<'_>,
    (servers, streams): (&Servers, &Streams),
    places: std::ops::Range<usize>,
    routes: &mut Routes,
) {
    let main = places.start;
    let has_main = index.row(index.looks[main].target).name == TargetName::DatabaseUrl;
    let mut wrong = Vec::new();
    let mut astray = Vec::new();
    for place in places {
        let look = &index.looks[place];
        let name = &index.row(look.target).name;
        let mut problems: Vec<String> = misnamed(index, look).into_iter().collect();
        if has_main && matches!(name, TargetName::Endpoint(_)) {
            match divergence(index, (servers, streams), main, place) {
                Divergence::None => (),
                Divergence::Claim(text) => problems.push(text),
                Divergence::Doubt(text) => routes.doubts.push((look.tenant(), text)),
            }
        }
        if !problems.is_empty() {
            routes.astray.push(look.target);
            astray.push(place);
            wrong.extend(problems);
        }
    }
    if !wrong.is_empty() {
        let looked: Vec<usize> = if has_main && astray.first() != Some(&main) {
            std::iter::once(main).chain(astray).collect()
        } else {
            astray
        };
        routes.claims.push(claim(index, &looked, wrong));
    }
}

fn claim(index: &Index<'_>, places: &[usize], wrong: Vec<String>) -> Claim {
    let id = index.id(index.looks[places[0]].tenant());
    Claim {
        kind: Kind::WrongDatabase,
        severity: Severity::Critical,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!(
            "{id} is led to another database than its registry row names: {}",
            wrong[0]
        ),
        evidence: Evidence::default().with("wrong", wrong).with("targets", targets(index, places)),
        remediation: steps(&[
            "Ask the server itself through each of the tenant's URLs: `SELECT current_database(), inet_server_addr(), inet_server_port(), pg_postmaster_start_time()`.",
            "Behind a pooler, compare its configuration (`SHOW DATABASES` on PgBouncer's admin console) with the registry.",
            "Correct the URL, alias or replica that leads astray, and stop writes through it first: they go to the wrong place.",
            &format!(
                "If a pooler's database was moved on purpose, record it: `watertight accept {id} --reason TEXT`."
            ),
        ]),
    }
}

/// A database that is not the one asked for.
fn misnamed(index: &Index<'_>, look: &Look<'_>) -> Option<String> {
    let row = index.row(look.target);
    let (asked, met) = (&*row.address.database, &*look.fingerprint().database);
    let cut = LONGEST_DATABASE < asked.len() && !met.is_empty() && asked.starts_with(met);
    if asked == met || cut {
        return None;
    }
    if look.sighting.transport.direct && row.address.route == Route::Direct {
        return Some(format!("{} asks for {asked:?} and is let into {met:?}", row.name));
    }
    let before = index.baseline(look.target)?;
    // Moving a pooler's database is planned like every other change of what is behind a tenant.
    let planned = index.planned(look.tenant(), Kind::FingerprintDrift);
    (*before.identity.database != *met && !planned).then(|| {
        format!(
            "the pooler behind {} led to {:?} before and now leads to {met:?}",
            row.name, before.identity.database
        )
    })
}

enum Divergence {
    None,
    Claim(String),
    Doubt(String),
}

/// Whether an endpoint is the same database as the tenant's main one, or a standby of it.
fn divergence(
    index: &Index<'_>,
    (servers, streams): (&Servers, &Streams),
    main: usize,
    place: usize,
) -> Divergence {
    let name = &index.row(index.looks[place].target).name;
    let (one, other) = (index.looks[main].fingerprint(), index.looks[place].fingerprint());
    if differ(one.system_identifier, other.system_identifier) {
        return Divergence::Claim(format!(
            "{name} is a different server with another system identifier"
        ));
    }
    if differ(one.database_oid, other.database_oid) {
        return Divergence::Claim(format!("{name} is another database, with another oid"));
    }
    if servers.one_server(main, place) || one.started_at.is_none() || other.started_at.is_none() {
        return Divergence::None;
    }
    match (one.in_recovery, other.in_recovery) {
        (Some(false), Some(false)) if one.started_at == other.started_at => Divergence::None,
        (Some(false), Some(false)) if fresh(index, one) || fresh(index, other) => {
            Divergence::Doubt(format!(
                "{name} and database_url show different server starts, one of them within the last minutes: restarted, or two servers"
            ))
        }
        (Some(false), Some(false)) => Divergence::Claim(format!(
            "{name} is another running server, a copy of the one behind database_url"
        )),
        (Some(false), Some(true)) => replica(servers, streams, (main, one), (place, other), name),
        (Some(true), Some(false)) => replica(servers, streams, (place, other), (main, one), name),
        _ => Divergence::None,
    }
}

fn replica(
    servers: &Servers,
    streams: &Streams,
    (primary, feeding): (usize, &Fingerprint),
    (standby, fed): (usize, &Fingerprint),
    name: &TargetName,
) -> Divergence {
    // A standby learns of a new timeline only with its first records, so a differing one alone is no evidence.
    let following = feeding.timeline == fed.timeline && fed.wal_receiver == Some(true);
    match streams.feeds(servers.of[primary], servers.of[standby]) {
        Some(false) if following => Divergence::Claim(format!(
            "{name} and database_url are not fed from each other: the standby streams from another server"
        )),
        _ => Divergence::None,
    }
}

fn fresh(index: &Index<'_>, fingerprint: &Fingerprint) -> bool {
    let since = index.case.now.as_microsecond().saturating_sub(FRESH);
    fingerprint.started_at.is_some_and(|it| since < it)
}
