//! What it costs to find who could share, and to judge a whole scan: 100 000 and 1 000 000 tenants.
//!
//! `cargo bench --bench detection`
//!
//! Why two sizes: a grouping that compared all pairs would be quick enough at the smaller one. Each size is a process
//! of its own, so that the peak of memory is its own. It fails on wrong groups only.

#[path = "../support/measure.rs"]
#[expect(dead_code, reason = "the other benchmarks use the rest")]
mod measure;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use measure::{Figures, Myself, figure, say, verdict};
use tokio::time::Instant;
use watertight::detect::candidates::candidates;
use watertight::detect::{Case, detect};
use watertight::model::address::{Address, Provider, Route};
use watertight::model::fingerprint::Fingerprint;
use watertight::model::observation::{
    Encryption, Observation, Outcome, Sighting, Transport, Vitals,
};
use watertight::model::policy::Policy;
use watertight::model::tenant::{Origin, Target, TargetName, TargetRef, Tenant, TenantId};

/// Of so many tenants two could be one server.
const PAIR_IN: u32 = 1_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().is_some_and(|it| it == "detect") {
        run(arguments.next().and_then(|it| it.parse().ok()).expect("how many"));
        return ExitCode::SUCCESS;
    }
    let sizes = [100_000, 1_000_000];
    let told = sizes.map(|it| Myself::start(&["detect".into(), it.to_string()]).figures());
    for (size, told) in sizes.iter().zip(&told) {
        shown(*size, told);
    }
    let [small, large] = &told;
    verdict("grouping, seconds", figure(large, "grouping_s"), 3.0);
    verdict(
        "grouping, GB beside its input",
        figure(large, "grouping_kib") / f64::from(1 << 20),
        1.0,
    );
    let growth = |name| figure(large, name) / figure(small, name);
    verdict("grouping, ten times as many take so many times as long", growth("grouping_s"), 20.0);
    verdict("judging, ten times as many take so many times as long", growth("judging_s"), 20.0);
    let right = sizes.iter().zip(&told).all(|(size, told)| {
        figure(told, "groups").to_bits() == f64::from(size / PAIR_IN).to_bits()
    });
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn shown(size: u32, told: &Figures) {
    let megabytes = |name| figure(told, name) / 1024.0;
    say(format_args!(
        "{size:8} tenants: {} groups in {:.3} s, judged in {:.3} s; memory: input {:.0} MB, grouping {:.0} MB, all {:.0} MB",
        figure(told, "groups"),
        figure(told, "grouping_s"),
        figure(told, "judging_s"),
        megabytes("input_kib"),
        megabytes("grouping_kib"),
        megabytes("peak_kib"),
    ));
}

#[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
fn run(size: u32) {
    let tenants: Vec<Tenant> = (0..size).map(tenant).collect();
    let observations: Vec<Observation> = (0..size).map(observation).collect();
    let now = "2026-11-23T15:00:00Z".parse::<Timestamp>().expect("a time");
    let input = measure::peak_memory();

    let start = Instant::now();
    let found = candidates(&tenants, &observations, now);
    let grouping = start.elapsed();
    let grouped = measure::peak_memory();

    let start = Instant::now();
    let case = Case {
        tenants: &tenants,
        observations: &observations,
        witnessed: &[],
        streams: &[],
        credentials: &[],
        stamps: &[],
        duplicates: &[],
        baselines: &[],
        changes: &[],
        answered_before: &BTreeSet::new(),
        leftovers: &[],
        graves: None,
        inventory: None,
        policy: &Policy::default(),
        now,
    };
    let judged = detect(&case);
    let judging = start.elapsed();
    assert_eq!(judged.tenants.len(), tenants.len(), "everyone is judged");
    measure::tell(&[
        ("groups", found.groups.len() as f64),
        ("grouping_s", grouping.as_secs_f64()),
        ("judging_s", judging.as_secs_f64()),
        ("input_kib", input as f64),
        ("grouping_kib", grouped.saturating_sub(input) as f64),
        ("peak_kib", measure::peak_memory() as f64),
    ]);
}

fn tenant(number: u32) -> Tenant {
    let address = Address {
        host: format!("db-{number}.example.com").into(),
        port: 5432,
        database: "app".into(),
        role: "app".into(),
        provider: Provider::Other,
        route: Route::Direct,
        projects: Vec::new(),
    };
    Tenant {
        id: TenantId::parse(&format!("tenant-{number}")).expect("a short name"),
        name: None,
        subdomain: None,
        environment: "production".into(),
        particulars: None,
        origin: Origin { source: "fleet".into(), line: Some(number) },
        stale: false,
        targets: vec![Target { name: TargetName::DatabaseUrl, address: Arc::new(address) }],
    }
}

/// Every `PAIR_IN`-th tenant tells the same of itself as the one before it.
fn observation(tenant: u32) -> Observation {
    let server = if tenant % PAIR_IN == PAIR_IN - 1 { tenant - 1 } else { tenant };
    let ip = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + server));
    let fingerprint = Arc::new(Fingerprint {
        system_identifier: Some(7_000_000_000_000_000_000 + u64::from(server)),
        database_oid: Some(16_385),
        database: "app".into(),
        timeline: Some(1),
        in_recovery: Some(false),
        started_at: Some(1_700_000_000_000_000 + i64::from(server)),
        server_version: 150_018,
        server_address: Some(ip),
        server_port: Some(5432),
        wal_position: Some(1 << 24),
        wal_senders: Some(0),
        wal_receiver: Some(false),
        stamp: None,
    });
    let peer = Some(SocketAddr::new(ip, 5432));
    let transport = Transport { peer, encryption: Encryption::Verified, direct: true };
    let sighting =
        Sighting { fingerprint, transport, vitals: Vitals::default(), powers: Some(Vec::new()) };
    Observation {
        target: TargetRef { tenant, target: 0 },
        took: Duration::from_millis(100),
        outcome: Outcome::Seen(Box::new(sighting)),
    }
}
