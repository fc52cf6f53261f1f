//! What lets a neighbour or a listener nearer than it should be: transport, powers of roles, one host for several.
//!
//! Why apart from sharing: none of these is a breach by itself; each is the door through which one comes.
//!
//! Invariants:
//! - loopback and sockets need no encryption: nobody stands between;
//! - an address says something only where nothing stands between us and the server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::index::{Index, Look};
use super::servers::{Huddle, Servers};
use super::told::Told;
use super::wording::{named, steps, targets};
use crate::model::address::{Provider, Route};
use crate::model::finding::{Certainty, Claim, Evidence, Kind, Severity};
use crate::model::observation::{Encryption, Power};
use crate::model::policy::Isolation;
use crate::model::tenant::TenantId;

/// The first version in which a role that may create roles can no longer grant itself others.
const TAMED_CREATE_ROLE: u32 = 160_000;

/// One tenant's problems, in sentences, and the looks that show them.
type Problems<'a> = BTreeMap<&'a TenantId, (Vec<String>, Vec<usize>)>;

pub(super) fn claims(index: &Index<'_>) -> Vec<Claim> {
    let mut plain: Problems<'_> = BTreeMap::new();
    let mut powerful: Problems<'_> = BTreeMap::new();
    for (place, look) in index.looks.iter().enumerate() {
        let id = index.id(look.tenant());
        let name = &index.row(look.target).name;
        if let Some(problem) = transport(look) {
            let (texts, places) = plain.entry(id).or_default();
            texts.push(format!("{name}: {problem}"));
            places.push(place);
        }
        let powers = powers(index, look);
        if !powers.is_empty() {
            let role = &index.row(look.target).address.role;
            let (texts, places) = powerful.entry(id).or_default();
            texts.push(format!("{name}: {role} has {}", powers.join(", ")));
            places.push(place);
        }
    }
    let plain = plain
        .into_iter()
        .map(|(id, (texts, places))| insecure_transport(index, id, texts, &places));
    let powerful = powerful
        .into_iter()
        .map(|(id, (texts, places))| over_privileged_role(index, id, texts, &places));
    plain.chain(powerful).collect()
}

fn transport(look: &Look<'_>) -> Option<&'static str> {
    let transport = &look.sighting.transport;
    let local = transport.peer.is_none_or(|it| it.ip().to_canonical().is_loopback());
    match transport.encryption {
        Encryption::None if !local => Some("the connection is not encrypted"),
        Encryption::Unverified => {
            Some("the connection is encrypted, but the certificate proves nobody")
        }
        Encryption::None | Encryption::Verified => None,
    }
}

fn powers(index: &Index<'_>, look: &Look<'_>) -> Vec<&'static str> {
    let provider = index.row(look.target).address.provider;
    let told = |power: &Power| match power {
        // Supabase's default role may replicate for the provider's own Realtime; the customer cannot take it away.
        Power::Replication => provider != Provider::Supabase,
        Power::CreateRole => look.fingerprint().server_version < TAMED_CREATE_ROLE,
        _ => true,
    };
    let powers: BTreeSet<Power> =
        look.sighting.powers.iter().flatten().copied().filter(told).collect();
    powers.into_iter().map(Power::label).collect()
}

fn insecure_transport(
    index: &Index<'_>,
    id: &TenantId,
    texts: Vec<String>,
    places: &[usize],
) -> Claim {
    Claim {
        kind: Kind::InsecureTransport,
        severity: Severity::Medium,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!(
            "the connection to {id} can be read or redirected on the way: {}",
            texts[0]
        ),
        evidence: Evidence::default()
            .with("connections", texts)
            .with("targets", targets(index, places)),
        remediation: steps(&[
            "Use `sslmode=verify-full` in the tenant's URL, with `sslrootcert` (or `probe.ca_file`) where the server's authority is private.",
            "On a server of your own set `ssl = on` with a certificate for its host name, and `hostssl` instead of `host` in pg_hba.conf.",
            "At a provider, switch on SSL enforcement for the project.",
        ]),
    }
}

fn over_privileged_role(
    index: &Index<'_>,
    id: &TenantId,
    texts: Vec<String>,
    places: &[usize],
) -> Claim {
    Claim {
        kind: Kind::OverPrivilegedRole,
        severity: Severity::Medium,
        certainty: Certainty::Proven,
        tenants: [id.clone()].into(),
        summary: format!(
            "the application's role of {id} reaches past its own database: {}",
            texts[0]
        ),
        evidence: Evidence::default().with("roles", texts).with("targets", targets(index, places)),
        remediation: steps(&[
            "Create a role that owns only the tenant's schema: `CREATE ROLE app LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION`, and `GRANT` what the application uses.",
            "Take the powers away: `ALTER ROLE … NOSUPERUSER NOCREATEROLE NOREPLICATION`, `REVOKE pg_read_all_data, pg_write_all_data, pg_read_server_files, pg_write_server_files, pg_execute_server_program FROM …`.",
            "Keep the powerful role for migrations, with its secret apart from the application's.",
        ]),
    }
}

/// Pairs that are not known to be on different servers.
fn one_server_or_undecided(index: &Index<'_>, servers: &Servers, undecided: &[Huddle]) -> Told {
    let mut told = Told::default();
    for members in servers.members.iter().filter(|it| 1 < it.len()) {
        told.add(&members.iter().map(|it| index.looks[*it].tenant()).collect());
    }
    told.doubt(undecided);
    told
}

/// Different servers behind one address, where the policy promises a host to each.
pub(super) fn shared_host(
    index: &Index<'_>,
    servers: &Servers,
    undecided: &[Huddle],
) -> Vec<Claim> {
    if Isolation::Host < index.case.policy.isolation {
        return Vec::new();
    }
    let told = one_server_or_undecided(index, servers, undecided);
    let mut hosts: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
    for (place, look) in index.looks.iter().enumerate() {
        let transport = &look.sighting.transport;
        if let Some(peer) = transport.peer
            && transport.direct
            && index.row(look.target).address.route == Route::Direct
        {
            hosts.entry(peer.ip().to_canonical()).or_default().push(place);
        }
    }
    let mut found: BTreeMap<BTreeSet<u32>, (Vec<IpAddr>, Vec<usize>)> = BTreeMap::new();
    for (host, places) in hosts {
        let tenants: BTreeSet<u32> = places.iter().map(|it| index.looks[*it].tenant()).collect();
        let apart = places.iter().any(|it| !servers.one_server(*it, places[0]));
        if apart && 1 < tenants.len() && !told.all(&tenants) {
            let (hosts, all) = found.entry(tenants).or_default();
            hosts.push(host);
            all.extend(places);
        }
    }
    let claim = |(tenants, (hosts, places)): (BTreeSet<u32>, (Vec<IpAddr>, Vec<usize>))| {
        let tenants = index.ids(&tenants);
        let hosts: Vec<String> = hosts.into_iter().map(|it| it.to_string()).collect();
        Claim {
            kind: Kind::SharedHost,
            severity: Severity::High,
            certainty: Certainty::Proven,
            summary: format!(
                "{} have different servers on one host, {}",
                named(&tenants),
                hosts.join(", ")
            ),
            evidence: Evidence::default()
                .with("hosts", hosts)
                .with("targets", targets(index, &places)),
            remediation: steps(&[
                "Move all but one of these tenants to a host of their own, as `policy.isolation` promises.",
                "If one host is acceptable, choose `policy.isolation = \"cluster\"`, or grant a dated `[[policy.exceptions]]`.",
            ]),
            tenants,
        }
    };
    found.into_iter().map(claim).collect()
}
