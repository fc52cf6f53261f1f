//! One finding of each kind, with evidence as the detector gives it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use watertight::issues::options::{IssueOptions, Mode, Reminders};
use watertight::model::finding::{
    Certainty, Claim, Evidence, Fact, Finding, FindingId, Kind, State,
};
use watertight::model::tenant::TenantId;
use watertight::report::explain::usual_severity;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub(crate) fn options() -> IssueOptions {
    IssueOptions {
        repository: "acme/operations".into(),
        instance: "production".into(),
        mode: Mode::File,
        allow_public: false,
        routes: Vec::new(),
        reopen_within: SignedDuration::from_hours(7 * 24),
        acknowledge_for: SignedDuration::from_hours(30 * 24),
        umbrella_above: 20,
        remind: Reminders::default(),
        status_url: Some("https://watertight.example.com".into()),
        runbook_url: Some("https://runbooks.example.com".into()),
    }
}

pub(crate) fn finding(kind: Kind, members: &[&str]) -> Finding {
    let tenants = members.iter().map(|it| TenantId::parse(it).unwrap()).collect();
    let claim = Claim {
        kind,
        severity: usual_severity(kind),
        certainty: Certainty::Proven,
        tenants,
        summary: format!("{} of {}.", kind.label(), members.join(" and ")),
        evidence: Evidence::default(),
        remediation: Vec::new(),
    };
    Finding {
        id: FindingId::first(kind, claim.tenants.first()),
        claim,
        state: State::Open,
        first_seen: at(0),
        last_seen: at(600),
        looks: 3,
        acknowledgement: None,
        issue_url: None,
    }
}

fn target(tenant: &str, host: &str, database: &str, oid: i64, system: &str, since: i64) -> Fact {
    let facts: [(&str, Fact); 8] = [
        ("tenant", tenant.into()),
        ("target", "database_url".into()),
        ("host", host.into()),
        ("port", Fact::Number(5432)),
        ("database", database.into()),
        ("database_oid", Fact::Number(oid)),
        ("system_identifier", system.into()),
        ("started_at", at(since).to_string().into()),
    ];
    Fact::Map(facts.map(|(name, fact)| (name.to_owned(), fact)).into())
}

const ONE: &str = "7415923450938475109";
const OTHER: &str = "7415923450938475999";

/// What the detector says of that kind, or will once it can.
pub(crate) fn of(kind: Kind) -> Finding {
    let (members, summary, evidence) = told(kind);
    let mut finding = finding(kind, members);
    summary.clone_into(&mut finding.claim.summary);
    finding.claim.evidence = evidence;
    if kind == Kind::SharedReplication {
        finding.claim.certainty = Certainty::Probable;
    }
    finding
}

#[expect(clippy::too_many_lines, reason = "a list of cases, as long as there are kinds")]
fn told(kind: Kind) -> (&'static [&'static str], &'static str, Evidence) {
    let none = Evidence::default;
    let pair: &[&str] = &["acme", "globex"];
    let targets = |same_database: bool| {
        let other = if same_database { ("shop", 16_385) } else { ("globex", 16_401) };
        none().with(
            "targets",
            vec![
                target("acme", "db-1.example.com", "shop", 16_385, ONE, -86_400),
                target("globex", "db-2.example.com", other.0, other.1, ONE, -86_400),
            ],
        )
    };
    match kind {
        Kind::SharedDatabase => (
            pair,
            "acme and globex read and write one database: shop on one running server.",
            targets(true).with("witness", "each saw the other's lock in the same database"),
        ),
        Kind::SharedReplication => (
            pair,
            "globex probably reads a standby of acme's cluster.",
            targets(true).with("standby", "globex").with("primary", "acme"),
        ),
        Kind::SharedCluster => (
            pair,
            "acme and globex have databases of their own on one running server.",
            targets(false).with("witness", "each saw the other's lock"),
        ),
        Kind::SharedProject => (
            pair,
            "acme and globex name the same project abcdefghijklmnopqrst.",
            none()
                .with("project", "abcdefghijklmnopqrst")
                .with("rows", vec!["tenants.toml:12", "tenants.toml:31"]),
        ),
        Kind::ForeignStamp => (
            pair,
            "The database of globex bears the stamp of acme.",
            none().with("stamped_for", "acme").with("found_in", vec!["globex"]),
        ),
        Kind::StampMissing => (
            &["acme"],
            "The database of acme has lost its stamp.",
            none().with("stamped_at", at(-900_000).to_string()),
        ),
        Kind::WrongDatabase => (
            &["acme"],
            "The URL of acme names the database shop, and the server says postgres.",
            none()
                .with("named", "shop")
                .with("found", "postgres")
                .with("target", "endpoints.pooler"),
        ),
        Kind::RegistryConflict => (
            pair,
            "acme and globex are one tenant after normalising: subdomain shop.",
            none()
                .with("field", "subdomain")
                .with("value", "shop")
                .with("rows", vec!["tenants.toml:12", "platform.example/app"]),
        ),
        Kind::CrossTenantAccess => (
            pair,
            "The login of acme opens the database of globex.",
            none().with("role", "acme_app").with("database", "globex"),
        ),
        Kind::FingerprintDrift => (
            &["acme"],
            "The database behind acme is another than it was: its system identifier changed.",
            none().with("before", ident(ONE)).with("now", ident(OTHER)),
        ),
        Kind::SharedCredentials => {
            (pair, "acme and globex use the same user and password.", none().with("role", "app"))
        }
        Kind::DatabaseHandedOutTwice => (
            pair,
            "Provisioning of globex was given the database of acme.",
            targets(true).with("operation", "op-7f3a"),
        ),
        Kind::OperationStuck => (
            &["globex"],
            "Provisioning of globex failed at setup and could not be undone.",
            none()
                .with("operation", "op-7f3a")
                .with("step", "setup")
                .with("error", "relation \"orders\" already exists"),
        ),
        Kind::OffboardedReachable => (
            &["initech"],
            "The database of initech still answers, and the tenant has left.",
            none().with("left_at", at(-9_000_000).to_string()),
        ),
        Kind::MonitorSuspect => (
            &[],
            "37 of 40 tenants that answered last time failed at once.",
            none()
                .with("failed", Fact::Number(37))
                .with("answered_before", Fact::Number(40))
                .with("causes", BTreeMap::from([("dns_failed".to_owned(), Fact::Number(37))])),
        ),
        Kind::DataBridge => (
            pair,
            "A foreign server leads from the database of acme into that of globex.",
            none().with("foreign_server", "reporting").with("host", "db-2.example.com"),
        ),
        Kind::ClonedLineage => (
            &["acme", "globex", "initech"],
            "acme, globex and initech come from one ancestor and run apart.",
            none().with("system_identifier", ONE),
        ),
        Kind::OverPrivilegedRole => (
            &["acme"],
            "The role app of acme is superuser.",
            none().with("role", "app").with("powers", vec!["superuser", "replication"]),
        ),
        Kind::InsecureTransport => (
            &["acme"],
            "The connection of acme is not encrypted.",
            none().with("encryption", "none").with("host", "10.0.0.4"),
        ),
        Kind::PublicExposure => (
            &["acme"],
            "The database of acme accepts connections from everywhere.",
            none().with("allowed", "0.0.0.0/0"),
        ),
        Kind::SharedHost => (
            pair,
            "acme and globex have clusters of their own at one address.",
            none()
                .with("address", "10.0.0.4")
                .with("ports", vec![Fact::Number(5432), Fact::Number(5433)]),
        ),
        Kind::Unhealthy => (
            &["acme"],
            "acme cannot serve: timeout.",
            none()
                .with("cause", "timeout")
                .with("target", "database_url")
                .with("detail", "no answer within 5s"),
        ),
        Kind::Degraded => (
            &["acme"],
            "acme serves, and its connections are near their limit.",
            none()
                .with("limit", "connections")
                .with("used", Fact::Number(96))
                .with("of", Fact::Number(100)),
        ),
        Kind::OrphanedProject => (
            &[],
            "The project umbrella-demo belongs to no tenant.",
            none().with("project", "umbrella-demo").with("created_at", at(-50_000_000).to_string()),
        ),
        Kind::MissingProject => (
            &["acme"],
            "The project of acme no longer exists at the provider.",
            none().with("project", "abcdefghijklmnopqrst"),
        ),
    }
}

fn ident(system: &str) -> BTreeMap<String, Fact> {
    [("system_identifier".to_owned(), system.into()), ("database".to_owned(), "shop".into())].into()
}
