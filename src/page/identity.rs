//! What a target's database says of itself, in words.
//!
//! Why each fact says what it is good for: nobody remembers at night which of these numbers survives a copy and which
//! tells two running servers apart.

use jiff::Timestamp;

use super::moment::exact;
use super::words;
use crate::model::finding::Health;
use crate::model::fingerprint::Fingerprint;
use crate::model::report::TargetReport;
use crate::report::visible::clipped;

/// Characters of one fact.
const LONGEST: usize = 300;
const WITHHELD: &str = "withheld from our role";

pub(super) struct TargetView {
    pub name: String,
    pub health: Health,
    /// Why it is not healthy, with the detail.
    pub ails: String,
    pub facts: Vec<FactLine>,
}

pub(super) struct FactLine {
    pub name: &'static str,
    pub value: String,
    /// What it proves, or does not.
    pub note: &'static str,
}

pub(super) fn view(target: &TargetReport) -> TargetView {
    let mut facts = asked_for(target);
    if let Some(fingerprint) = &target.fingerprint {
        facts.extend(who(fingerprint, target.address.project_id()));
        facts.extend(place(fingerprint));
    }
    TargetView {
        name: shown(&target.name.to_string()),
        health: target.health,
        ails: ails(target),
        facts,
    }
}

fn ails(target: &TargetReport) -> String {
    let detail = target.detail.as_deref().map(shown);
    match (target.cause.map(words::cause), detail) {
        (Some(cause), Some(detail)) => format!("{cause}: {detail}"),
        (Some(cause), None) => format!("{cause}."),
        (None, detail) => detail.unwrap_or_default(),
    }
}

fn shown(text: &str) -> String {
    clipped(text, LONGEST).into_owned()
}

fn fact(name: &'static str, value: String, note: &'static str) -> FactLine {
    FactLine { name, value, note }
}

fn or_withheld(value: Option<String>) -> String {
    value.unwrap_or_else(|| WITHHELD.to_owned())
}

fn asked_for(target: &TargetReport) -> Vec<FactLine> {
    let address = &target.address;
    let mut facts = vec![
        fact(
            "Address",
            format!("{} port {}", shown(&address.host), address.port),
            words::route(address.route),
        ),
        fact(
            "Asked for",
            format!("database {} as {}", shown(&address.database), shown(&address.role)),
            "what the registry's URL names",
        ),
        fact("Provider", address.provider.to_string(), ""),
    ];
    facts.extend(
        address
            .project_id()
            .map(|it| fact("Project", shown(it), "at the provider; two tenants must not name one")),
    );
    facts
}

fn who(it: &Fingerprint, project_id: Option<&str>) -> Vec<FactLine> {
    vec![
        fact(
            "Fingerprint",
            it.sha256(project_id).to_string(),
            "of what identifies the database for good",
        ),
        fact(
            "System identifier",
            or_withheld(it.system_identifier.map(|it| it.to_string())),
            "given when the cluster was made, and kept by every copy of it: equal numbers alone prove nothing",
        ),
        fact(
            "Database",
            match it.database_oid {
                Some(oid) => format!("{} (oid {oid})", shown(&it.database)),
                None => format!("{} (oid {WITHHELD})", shown(&it.database)),
            },
            "where the server let us in",
        ),
        fact(
            "Server started",
            or_withheld(
                it.started_at.and_then(|it| Timestamp::from_microsecond(it).ok()).map(exact),
            ),
            "tells two running servers apart",
        ),
    ]
}

fn place(it: &Fingerprint) -> Vec<FactLine> {
    let role = it.in_recovery.map(|it| if it { "standby, in recovery" } else { "primary" });
    let own = it.server_address.map(|address| match it.server_port {
        Some(port) => format!("{address} port {port}"),
        None => address.to_string(),
    });
    let mut facts = vec![
        fact("Role", or_withheld(role.map(str::to_owned)), ""),
        fact(
            "Timeline",
            or_withheld(it.timeline.map(|it| it.to_string())),
            "grows with each promotion",
        ),
        fact("Version", format!("PostgreSQL {}", it.version_text()), ""),
        fact(
            "Its own address",
            own.unwrap_or_else(|| "none: a socket, or withheld".to_owned()),
            "as the server sees itself; repeats behind proxies and in containers",
        ),
    ];
    let stamp = it.stamp.as_deref().filter(|it| !it.is_empty());
    facts.extend(stamp.map(|it| fact("Stamp", shown(it), "whose database it says it is")));
    facts
}
