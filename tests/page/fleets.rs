//! Fleets for the page: the one of the demonstration, one with everything in it, a large one, an empty one.
//!
//! Why the demonstration's: its pictures stand in the README, and whoever runs `watertight demo` sees the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use watertight::model::address::{Address, Provider, Route};
use watertight::model::finding::{
    Certainty, Claim, Evidence, Fact, Finding, FindingId, Health, Kind, Severity, State, Verdict,
};
use watertight::model::fingerprint::Fingerprint;
use watertight::model::observation::Cause;
use watertight::model::report::{Report, TargetReport, TenantReport, Trigger};
use watertight::model::tenant::{Origin, Target, TargetName, Tenant, TenantId};
use watertight::report::explain::meaning;
use watertight::standing::Standing;

use super::sample;

/// A Thursday afternoon.
pub(crate) fn now() -> Timestamp {
    "2026-11-26T15:42:10Z".parse().expect("a moment")
}

pub(crate) fn before(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

pub(crate) fn id(text: &str) -> TenantId {
    TenantId::parse(text).expect("a valid id")
}

pub(crate) fn standing(report: Report, tenants: Vec<Tenant>) -> Standing {
    let answered = report.tenants.iter().filter(|it| it.health != Health::Unhealthy);
    let last_success: BTreeMap<_, _> =
        answered.map(|it| (it.id.clone(), report.finished_at)).collect();
    Standing::after(None, Arc::new(report), Vec::new(), tenants.into(), Arc::new(last_success))
        .expect("of the whole fleet")
}

/// Every kind, every cause, and names that want to be obeyed.
pub(crate) fn everything() -> Standing {
    let (report, tenants) = sample::everything();
    standing(Report { finished_at: before(2), started_at: before(2), ..report }, tenants)
}

pub(crate) fn empty() -> Standing {
    standing(report(Vec::new(), Vec::new()), Vec::new())
}

pub(crate) fn clean() -> Standing {
    let members = ["acme", "globex", "initech"];
    let tenants = members.iter().zip(1..);
    let tenants =
        tenants.map(|(it, server)| member(it, server, "app", Verdict::Isolated)).collect();
    let report = report(tenants, Vec::new());
    let rows = registry(&report, "production");
    standing(report, rows)
}

/// Ten thousand tenants, of which a few are not well, and one family of five hundred copies.
pub(crate) fn large() -> Standing {
    let mut tenants = Vec::new();
    for number in 0..10_000_u64 {
        let verdict = match number % 1_000 {
            0 => Verdict::Breached,
            1 => Verdict::Unverified,
            _ => Verdict::Isolated,
        };
        tenants.push(member(&format!("tenant-{number:05}"), number, "app", verdict));
    }
    let mut findings: Vec<Finding> = (0..5)
        .map(|it| {
            let pair =
                [format!("tenant-{:05}", it * 2_000), format!("tenant-{:05}", it * 2_000 + 1_000)];
            let pair: Vec<&str> = pair.iter().map(String::as_str).collect();
            finding(Kind::SharedDatabase, Severity::Critical, &pair, &tenants)
        })
        .collect();
    let family: Vec<String> = (500..1_000).map(|it| format!("tenant-{it:05}")).collect();
    let family: Vec<&str> = family.iter().map(String::as_str).collect();
    findings.push(finding(Kind::ClonedLineage, Severity::Low, &family, &tenants));
    let report = report(tenants, findings);
    let rows = registry(&report, "production");
    standing(report, rows)
}

/// The fourteen tenants of `watertight demo`.
pub(crate) fn demo() -> Standing {
    use Verdict::{Breached, Isolated, Unverified};
    let mut tenants = vec![
        member("acme", 1, "app", Isolated),
        member("cyberdyne", 9, "app", Unverified),
        member("globex", 2, "app", Isolated),
        member("hooli", 4, "app", Breached),
        member("initech", 3, "app", Isolated),
        member("kramerica", 6, "kramerica", Breached),
        member("oscorp", 8, "app", Breached),
        member("soylent", 7, "app", Breached),
        member("tyrell", 10, "app", Isolated),
        member("tyrell-staging", 11, "app", Isolated),
        member("umbrella", 4, "app", Breached),
        member("vandelay", 6, "vandelay", Breached),
        member("wayne", 5, "app", Isolated),
        member("wonka", 12, "app", Unverified),
    ];
    fail(&mut tenants[1], Cause::ConnectionRefused, "Connection refused by 127.0.0.1:42109");
    fail(&mut tenants[13], Cause::AuthFailed, "password authentication failed for user \"app\"");
    let mut findings = vec![
        finding(Kind::SharedDatabase, Severity::Critical, &["hooli", "umbrella"], &tenants),
        finding(Kind::SharedReplication, Severity::Critical, &["oscorp", "soylent"], &tenants),
        finding(Kind::SharedCluster, Severity::Critical, &["kramerica", "vandelay"], &tenants),
        finding(Kind::Unhealthy, Severity::High, &["cyberdyne"], &tenants),
        finding(Kind::Unhealthy, Severity::High, &["wonka"], &tenants),
        finding(Kind::ClonedLineage, Severity::Low, &["tyrell", "tyrell-staging"], &tenants),
    ];
    findings[0].first_seen = before(47);
    findings[4].first_seen = before(2);
    findings[4].state = State::Pending;
    let mut report = report(tenants, findings);
    report.findings.sort_by(|one, other| one.order().cmp(&other.order()));
    let mut rows = registry(&report, "production");
    rows.iter_mut()
        .filter(|it| it.id.as_str() == "tyrell-staging")
        .for_each(|it| it.environment = "staging".into());
    standing(report, rows)
}

fn report(tenants: Vec<TenantReport>, findings: Vec<Finding>) -> Report {
    Report {
        id: "01k5p4x0000000000000000000".into(),
        started_at: before(2) - SignedDuration::from_millis(1_840),
        finished_at: before(2),
        trigger: Trigger::Schedule,
        partial: false,
        tenants,
        findings,
        warnings: Vec::new(),
    }
}

fn member(name: &str, server: u64, database: &str, isolation: Verdict) -> TenantReport {
    let port = 42_101 + u16::try_from(server % 20_000).expect("a port");
    let address = Address {
        host: "127.0.0.1".into(),
        port,
        database: database.into(),
        role: "app".into(),
        provider: Provider::Other,
        route: Route::Direct,
        projects: Vec::new(),
    };
    // A copy has the identifier of what it was copied from.
    let system = match name {
        "oscorp" => 7,
        "tyrell-staging" => 10,
        _ => server,
    };
    let fingerprint = Fingerprint {
        system_identifier: Some(7_577_301_448_120_311_900 + system),
        database_oid: Some(16_385),
        database: database.into(),
        timeline: Some(1),
        in_recovery: Some(name == "oscorp"),
        started_at: Some(1_795_700_000_000_000 + i64::try_from(server).expect("small") * 731_000),
        server_version: 150_018,
        server_address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        server_port: Some(port),
        wal_position: None,
        wal_senders: None,
        wal_receiver: None,
        stamp: None,
    };
    let unverified = isolation == Verdict::Unverified;
    TenantReport {
        id: id(name),
        health: Health::Healthy,
        cause: None,
        isolation,
        doubts: if unverified { vec!["it could not be visited".to_owned()] } else { Vec::new() },
        probe: Some(Duration::from_micros(9_300 + server % 97 * 310)),
        targets: vec![TargetReport {
            name: TargetName::DatabaseUrl,
            address: Arc::new(address),
            health: Health::Healthy,
            cause: None,
            detail: None,
            fingerprint: Some(Arc::new(fingerprint)),
        }],
    }
}

fn fail(tenant: &mut TenantReport, cause: Cause, detail: &str) {
    tenant.health = Health::Unhealthy;
    tenant.cause = Some(cause);
    tenant.doubts = vec![format!("it could not be visited: {}", cause.label())];
    for target in &mut tenant.targets {
        target.health = Health::Unhealthy;
        target.cause = Some(cause);
        target.detail = Some(detail.into());
        target.fingerprint = None;
    }
}

pub(crate) fn finding(
    kind: Kind,
    severity: Severity,
    members: &[&str],
    tenants: &[TenantReport],
) -> Finding {
    let ids: BTreeSet<TenantId> = members.iter().map(|it| id(it)).collect();
    let facts = tenants.iter().filter(|it| ids.contains(&it.id)).take(50).filter_map(facts);
    Finding {
        id: FindingId::first(kind, ids.first()),
        claim: Claim {
            kind,
            severity,
            certainty: Certainty::Proven,
            summary: summary(kind, members),
            evidence: Evidence::default()
                .with("proof", "a random advisory lock taken through one target was seen through the other with the reader's own database oid")
                .with("target_count", u32::try_from(members.len()).expect("few"))
                .with("environments", vec!["production"])
                .with("targets", Fact::List(facts.collect())),
            remediation: steps(members),
            tenants: ids,
        },
        state: State::Open,
        first_seen: before(60 * 26),
        last_seen: before(2),
        looks: 312,
        acknowledgement: None,
        issue_url: None,
    }
}

fn summary(kind: Kind, members: &[&str]) -> String {
    let names = match members {
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
        [] => String::new(),
    };
    match kind {
        Kind::SharedDatabase => format!("{names} read and write the same database"),
        Kind::SharedCluster => {
            format!("{names} have different databases on one running PostgreSQL server")
        }
        Kind::SharedReplication => {
            format!("{names} read the same live data through physical replication")
        }
        Kind::ClonedLineage => format!("{names} run on separate servers that are copies of one image"),
        Kind::Unhealthy if names == "wonka" => {
            "the database of wonka cannot serve: auth_failed (password authentication failed for user \"app\")".to_owned()
        }
        Kind::Unhealthy => {
            format!("the database of {names} cannot serve: connection_refused (Connection refused by 127.0.0.1:42109)")
        }
        _ => meaning(kind).to_owned(),
    }
}

fn steps(members: &[&str]) -> Vec<String> {
    let checks: Vec<_> =
        members.iter().take(2).map(|it| format!("`watertight check {it}`")).collect();
    vec![
        "Stop routing users of all but the rightful owner to this database; every one of these tenants can read and change the others' rows.".to_owned(),
        format!("Look at them with {}, and confirm by hand: `SELECT pg_try_advisory_lock(42)` is true in a session of one tenant and, while that session is open, false in one of another.", checks.join(" and ")),
        "Find in the registry and in the provisioning log which row was given the wrong connection URL, and restore or create the missing tenant's own database.".to_owned(),
        "Move the misplaced tenant's rows to its own database, rotate the database's password, and correct the registry.".to_owned(),
        "Treat the time since the first of these tenants was misrouted as a possible disclosure, and run `watertight verify` until it is clean.".to_owned(),
    ]
}

/// As the detector writes them down.
fn facts(tenant: &TenantReport) -> Option<Fact> {
    let target = tenant.targets.first()?;
    let fingerprint = target.fingerprint.as_ref()?;
    let started = Timestamp::from_microsecond(fingerprint.started_at?).ok()?;
    let facts: [(&str, Fact); 9] = [
        ("tenant", tenant.id.as_str().into()),
        ("target", target.name.to_string().into()),
        ("host", (&*target.address.host).into()),
        ("port", u32::from(target.address.port).into()),
        ("database", (&*fingerprint.database).into()),
        ("database_oid", fingerprint.database_oid?.into()),
        ("system_identifier", fingerprint.system_identifier?.to_string().into()),
        ("in_recovery", fingerprint.in_recovery?.into()),
        ("started_at", started.to_string().into()),
    ];
    Some(Fact::Map(facts.map(|(name, fact)| (name.to_owned(), fact)).into()))
}

fn registry(report: &Report, environment: &str) -> Vec<Tenant> {
    let titles = BTreeMap::from([
        ("acme", "Acme Chamber Orchestra"),
        ("globex", "Globex Brass"),
        ("initech", "Initech Strings"),
        ("hooli", "Hooli Philharmonic"),
        ("umbrella", "Umbrella Quartet"),
        ("wayne", "Wayne Symphony"),
        ("vandelay", "Vandelay Opera"),
        ("kramerica", "Kramerica Choir"),
        ("soylent", "Soylent Ensemble"),
        ("oscorp", "Oscorp Sinfonia"),
        ("tyrell", "Tyrell Baroque"),
        ("tyrell-staging", "Tyrell Baroque (copy)"),
        ("cyberdyne", "Cyberdyne Percussion"),
        ("wonka", "Wonka Winds"),
    ]);
    let row = |(line, it): (u32, &TenantReport)| Tenant {
        id: it.id.clone(),
        name: titles.get(it.id.as_str()).map(|it| (*it).into()),
        subdomain: Some(it.id.as_str().into()),
        environment: environment.into(),
        particulars: None,
        origin: Origin { source: "tenants.toml".into(), line: Some(line * 5 + 1) },
        stale: false,
        targets: it
            .targets
            .iter()
            .map(|it| Target { name: it.name.clone(), address: it.address.clone() })
            .collect(),
    };
    (0..).zip(&report.tenants).map(row).collect()
}
