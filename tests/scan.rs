//! The engine with real sockets: a fleet of fake servers, visited by a bare client.

#[path = "support/bare_client.rs"]
#[expect(dead_code, reason = "the benchmarks use the rest")]
mod bare_client;
#[path = "support/fake_postgres.rs"]
mod fake_postgres;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use watertight::dsn::{Host, HostName};
use watertight::model::fingerprint::Fingerprint;
use watertight::model::observation::{
    Cause, Encryption, Failure, Observation, Outcome, Sighting, Transport, Vitals,
};
use watertight::model::tenant::TargetRef;
use watertight::scan::{Job, ScanLimits, Turn, scan};

use bare_client::{Bare, Seen};
use fake_postgres::wire::Outbox;
use fake_postgres::{FakePostgres, Fleet};

/// Each target answers with its own number.
fn fleet() -> Fleet {
    Fleet::answering(|target, sql| {
        let mut out = Outbox::default();
        out.done("SET");
        let target = target.to_string();
        out.row(&["target", "sql"], &[Some(target.as_str()), Some(sql)]);
        out.take()
    })
}

/// As a visit of the engine: the first column becomes the fingerprint's database.
async fn observe(client: Bare, turn: Turn) -> Observation {
    let start = tokio::time::Instant::now();
    let seen = client.ask(turn.addresses[0][0]).await;
    let outcome = match seen {
        Seen::Row(row) => Outcome::Seen(Box::new(sighting(&row, turn.addresses[0][0]))),
        Seen::Code(_) | Seen::NoAnswer => Outcome::Failed(Failure {
            cause: Cause::ConnectionRefused,
            detail: format!("{seen:?}").into(),
        }),
    };
    Observation { target: turn.target, took: start.elapsed(), outcome }
}

fn sighting(row: &[String], peer: SocketAddr) -> Sighting {
    let fingerprint = Arc::new(Fingerprint {
        system_identifier: None,
        database_oid: None,
        database: row.first().map_or("", String::as_str).into(),
        timeline: None,
        in_recovery: None,
        started_at: None,
        server_version: 150_018,
        server_address: None,
        server_port: None,
        wal_position: None,
        wal_senders: None,
        wal_receiver: None,
        stamp: None,
    });
    let transport = Transport { peer: Some(peer), encryption: Encryption::None, direct: true };
    Sighting { fingerprint, transport, vitals: Vitals::default(), powers: None }
}

/// The first column of what was seen, or the failure.
fn told(observation: &Observation) -> Result<String, Cause> {
    match &observation.outcome {
        Outcome::Seen(sighting) => Ok(sighting.fingerprint.database.to_string()),
        Outcome::Failed(failure) => Err(failure.cause),
        Outcome::NotTried(reason) => unreachable!("nobody stopped the scan: {reason:?}"),
    }
}

fn hosts(fake: &FakePostgres, count: u32) -> Vec<[Host; 1]> {
    let host = |target| {
        let address = fake_postgres::address(target, fake.port());
        [Host { name: HostName::Ip(address.ip()), address: None, port: address.port() }]
    };
    (0..count).map(host).collect()
}

fn jobs(hosts: &[[Host; 1]]) -> Vec<Job<'_>> {
    let target = |tenant| TargetRef { tenant, target: 0 };
    (0..).zip(hosts).map(|(it, hosts)| Job { target: target(it), hosts, project: None }).collect()
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Asks the fake's target 7 as `client` does, and says what came back.
#[track_caller]
fn check(fleet: &Fleet, client: &Bare, expected: &Seen) {
    let fake = FakePostgres::start(fleet.clone());
    let runtime = runtime();
    let asked = runtime.block_on(async {
        tokio::time::timeout(
            Duration::from_secs(10),
            client.ask(fake_postgres::address(7, fake.port())),
        )
        .await
    });
    assert_eq!(asked.expect("it answers in time"), *expected);
}

#[test]
fn the_fake_lets_in_and_answers_as_a_server_does() {
    let right = Bare::new("set x; select y").password("secret");
    let answered = Seen::Row(vec!["7".into(), "set x; select y".into()]);
    let scram = Fleet { password: Some("secret".into()), ..fleet() };
    let (tls, certificate) = bare_client::server_config();
    let tls = Fleet { tls: Some(tls), ..scram.clone() };
    let refused = Seen::Code("28P01".into());
    check(&fleet(), &right, &answered);
    check(&scram, &right, &answered);
    check(&tls, &right.clone().over_tls(&certificate), &answered);
    check(&scram, &right.clone().password("wrong"), &refused);
    check(&scram, &Bare::new("select y"), &Seen::NoAnswer);
}

/// How many round trips of the fake `asking` takes, the connection included.
#[track_caller]
fn check_round_trips(password: Option<&str>, asking: impl AsyncFnOnce(SocketAddr), expected: u32) {
    // Long enough that a busy machine does not add one.
    let round_trip = Duration::from_millis(300);
    let password = password.map(str::to_owned);
    let fake = FakePostgres::start(Fleet { round_trip, password, ..fleet() });
    let runtime = runtime();
    let took = runtime.block_on(async {
        let start = Instant::now();
        let asking = asking(fake_postgres::address(0, fake.port()));
        tokio::time::timeout(Duration::from_secs(10), asking).await.expect("it answers in time");
        start.elapsed()
    });
    let trips = expected * round_trip..(expected + 1) * round_trip;
    assert!(trips.contains(&took), "{expected} round trips took {took:?}");
}

#[test]
fn the_fake_is_as_far_away_as_told() {
    let ask = async |client: Bare, address| {
        assert!(matches!(client.ask(address).await, Seen::Row(_)));
    };
    let trusted = Bare::new("select y");
    let with_password = Bare::new("select y").password("secret");
    check_round_trips(None, async |address| ask(trusted, address).await, 3);
    check_round_trips(Some("secret"), async |address| ask(with_password, address).await, 5);
}

#[test]
fn what_is_sent_together_shares_a_round_trip_of_the_fake() {
    let startup = b"\0\0\0\x10\0\x03\0\0user\0x\0\0";
    let query = b"Q\0\0\0\x06x\0";
    let both = [&startup[..], &query[..]].concat();
    let ask = async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&both).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(8).any(|it| it == b"SELECT 1") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "it closed");
        }
    };
    check_round_trips(None, ask, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_with_hung_targets_is_scanned_whole() {
    let round_trip = Duration::from_millis(5);
    let fake = FakePostgres::start(Fleet { round_trip, hung_every: 20, ..fleet() });
    let hosts = hosts(&fake, 1_000);
    let (one, many) = (1.try_into().unwrap(), 64.try_into().unwrap());
    let limits = ScanLimits::new(many, one, Duration::from_secs(2));
    let client = Bare::new("select y");
    let visit = |turn: Turn| observe(client.clone(), turn);
    let stop = CancellationToken::new();
    let jobs = jobs(&hosts);
    let scanning = scan(&jobs, limits, &stop, |_| (), visit);
    let mut observations = tokio::time::timeout(Duration::from_mins(1), scanning).await.unwrap();
    observations.sort_by_key(|it| it.target);
    assert_eq!(observations.len(), 1_000);
    for it in observations {
        let (target, told) = (it.target.tenant, told(&it));
        if target % 20 == 19 {
            assert_eq!(told, Err(Cause::Timeout));
        } else {
            assert_eq!(told.as_deref(), Ok(target.to_string().as_str()));
        }
    }
}
