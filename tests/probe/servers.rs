//! Real PostgreSQL: what a plain role sees, and every way in which a server refuses.

use std::sync::OnceLock;
use std::time::Duration;

use watertight::dsn::{Dsn, SessionAttrs};
use watertight::model::observation::{Cause, Encryption, Outcome, Power, Reason};
use watertight::probe::statement::preamble;
use watertight::registry::Access;
use watertight::secret::{Secret, SecretRef};

use crate::certificates::Certificates;
use crate::cluster::{Server, directory, free_port, run, tool};
use crate::visitor::{
    PASSWORD, TIMEOUT, access, administrator, check, dsn, host, observe_by, open, prober, sight,
    socket,
};

/// One cluster for all tests that do not harm it.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        let certificates = Certificates::get();
        let settings = format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\nmax_connections = 60",
            certificates.server.display(),
            certificates.server_key.display()
        );
        let hba = "host all banned 127.0.0.1/32 reject\nhost all old 127.0.0.1/32 md5\n\
                   host all older 127.0.0.1/32 password\nhostssl all secure 127.0.0.1/32 scram-sha-256\n\
                   host all free 127.0.0.1/32 trust\nhostnossl all secure 127.0.0.1/32 reject\n\
                   host all all 127.0.0.1/32 scram-sha-256";
        let server = Server::postgres(&settings, hba);
        let sql = include_str!("shared.sql").replace("$password", PASSWORD);
        for (database, sql) in sql.split("\\connect ").map(|it| it.split_once('\n').unwrap()) {
            server.sql(database.trim(), sql);
        }
        server
    })
}

fn at(database: &str, user: &str) -> Dsn {
    Dsn { database: database.into(), user: user.into(), ..dsn(shared().port) }
}

#[tokio::test]
async fn a_plain_role_sees_everything_that_a_fingerprint_needs() {
    let sighting = sight(&at("app", "app")).await;
    let fingerprint = &sighting.fingerprint;
    assert_eq!(&*fingerprint.database, "app");
    assert!(fingerprint.system_identifier.is_some() && fingerprint.database_oid.is_some());
    assert_eq!((fingerprint.timeline, fingerprint.in_recovery), (Some(1), Some(false)));
    assert!(150_000 <= fingerprint.server_version);
    assert_eq!(fingerprint.server_address, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(fingerprint.server_port, Some(shared().port));
    assert!(fingerprint.started_at.is_some() && fingerprint.wal_position.is_some());
    assert_eq!((fingerprint.wal_senders, fingerprint.wal_receiver), (Some(0), Some(false)));
    assert_eq!(fingerprint.stamp.as_deref(), Some("a <stamp> & 'more'"));
    assert!(sighting.transport.direct);
    assert_eq!(sighting.transport.encryption, Encryption::None);
    assert_eq!(sighting.vitals.read_only, Some(false));
    assert_eq!(sighting.vitals.max_connections, Some(60));
    assert!(sighting.vitals.connections.is_some_and(|it| 0 < it));
    assert!(sighting.vitals.transaction_age.is_some());
    assert!(sighting.vitals.clock_skew_millis.is_some_and(|it| it.abs() < 2_000));
    assert_eq!(sighting.powers, Some(Vec::new()));
}

#[tokio::test]
async fn powers_that_reach_past_the_database_are_seen() {
    let powers = async |role: &str| sight(&at("app", role)).await.powers.unwrap();
    assert_eq!(powers("chief").await, [Power::Superuser]);
    assert_eq!(powers("deputy").await, [Power::Superuser]);
    assert_eq!(powers("reader").await, [Power::ReadAllData]);
    let all = [
        Power::Replication,
        Power::WriteAllData,
        Power::ServerFiles,
        Power::ServerPrograms,
        Power::CreateRole,
    ];
    assert_eq!(powers("mighty").await, all);
}

#[tokio::test]
async fn a_name_full_of_quotes_is_only_a_name() {
    let name = "o'b\\r \"x\"; ü--";
    assert_eq!(sight(&at("app", name)).await.powers, Some(vec![Power::ReadAllData]));
    let mut through_another = at(name, "app");
    through_another.hosts = vec![socket(shared().directory.path(), shared().port)];
    let sighting = sight(&through_another).await;
    assert_eq!(&*sighting.fingerprint.database, name);
    assert!(!sighting.transport.direct && sighting.transport.peer.is_none());
}

#[tokio::test]
async fn withheld_facts_are_none_and_the_rest_is_still_seen() {
    let full = sight(&at("app", "app")).await;
    let sighting = sight(&at("withheld", "app")).await;
    let fingerprint = &sighting.fingerprint;
    assert_eq!(fingerprint.system_identifier, None);
    assert_eq!((fingerprint.started_at, fingerprint.wal_senders), (None, None));
    assert_eq!(sighting.powers, None);
    assert_eq!(fingerprint.timeline, full.fingerprint.timeline);
    assert_eq!(fingerprint.stamp.as_deref(), Some("a <stamp> & 'more' &lt; "));
    assert_eq!(fingerprint.server_port, full.fingerprint.server_port);
    assert!(fingerprint.database_oid.is_some() && sighting.transport.direct);
    assert_eq!(sighting.vitals.max_connections, Some(60));
    check(&at("locked", "app"), TIMEOUT, Cause::AccessDenied).await;
}

#[tokio::test]
async fn a_hostile_search_path_changes_nothing_and_runs_nothing() {
    let sighting = sight(&at("evil", "app")).await;
    let honest = sight(&at("app", "app")).await;
    assert_eq!(sighting.fingerprint.system_identifier, honest.fingerprint.system_identifier);
    assert_eq!(sighting.fingerprint.started_at, honest.fingerprint.started_at);
    assert_eq!(&*sighting.fingerprint.database, "evil");
    assert_eq!(sighting.fingerprint.in_recovery, Some(false));
    assert_eq!(sighting.fingerprint.stamp.as_deref(), Some(""));
    assert_eq!(sighting.powers, Some(Vec::new()));
}

#[tokio::test]
async fn a_read_only_default_is_seen_though_we_are_read_only_ourselves() {
    assert_eq!(sight(&at("app", "frozen")).await.vitals.read_only, Some(true));
    let wanted = Dsn { session: SessionAttrs::ReadWrite, ..at("app", "frozen") };
    check(&wanted, TIMEOUT, Cause::ReadOnly).await;
}

#[tokio::test]
async fn every_refusal_has_its_cause() {
    let wrong = Dsn { password: Some(Secret::new("wrong")), ..at("app", "app") };
    check(&wrong, TIMEOUT, Cause::AuthFailed).await;
    let none = Dsn { password: None, ..at("app", "app") };
    check(&none, TIMEOUT, Cause::AuthFailed).await;
    check(&at("app", "nobody_knows"), TIMEOUT, Cause::AuthFailed).await;
    check(&at("app", "sleeper"), TIMEOUT, Cause::AuthFailed).await;
    check(&at("nowhere", "app"), TIMEOUT, Cause::DatabaseMissing).await;
    check(&at("private", "app"), TIMEOUT, Cause::AccessDenied).await;
    check(&at("closed", "app"), TIMEOUT, Cause::AccessDenied).await;
    check(&at("app", "banned"), TIMEOUT, Cause::AccessDenied).await;
    check(&at("app", "secure"), TIMEOUT, Cause::AccessDenied).await;
    check(&at("app", "limited"), TIMEOUT, Cause::TooManyConnections).await;
    check(&dsn(free_port()), TIMEOUT, Cause::ConnectionRefused).await;
    let nowhere = Dsn { hosts: vec![socket("/nowhere".as_ref(), 5_432)], ..dsn(5_432) };
    check(&nowhere, TIMEOUT, Cause::ConnectionRefused).await;
}

#[tokio::test]
async fn a_server_that_asks_for_cleartext_or_md5_is_refused() {
    for role in ["old", "older"] {
        let failure = check(&at("app", role), TIMEOUT, Cause::AuthFailed).await;
        assert!(failure.detail.contains("gets nothing"), "{}", failure.detail);
    }
}

#[tokio::test]
async fn nothing_stays_behind() {
    let server = shared();
    for _ in 0..3 {
        sight(&at("quiet", "app")).await;
    }
    let mut administrator = administrator(server.directory.path(), server.port, "app").await;
    let limit = Duration::from_secs(1);
    let left =
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE datname = 'quiet'";
    // The backend's own end is seen a moment later.
    let mut tries = 0;
    while administrator.ask(left, limit).await.unwrap() != [[Some("0".to_owned())]] {
        tries += 1;
        assert!(tries < 100, "a session stayed behind");
        administrator.ask("SELECT pg_catalog.pg_sleep(0.05)", limit).await.unwrap();
    }
    administrator.close().await;
}

#[tokio::test]
async fn a_session_asks_as_often_as_it_likes_under_a_limit() {
    let server = shared();
    let mut session = open(&prober(TIMEOUT), &at("app", "app")).await.unwrap();
    let limit = Duration::from_secs(2);
    let name = "SELECT pg_catalog.current_setting('application_name'), NULL, pg_catalog.current_setting('transaction_read_only')";
    let rows = session.ask(&(preamble(limit) + name), limit).await.unwrap();
    assert_eq!(rows, [[Some("watertight".to_owned()), None, Some("on".to_owned())]]);
    let write = preamble(limit) + "CREATE TEMPORARY TABLE t AS SELECT 1";
    session.ask(&write, limit).await.unwrap_err();
    let rows = session.ask("SELECT 1; SELECT 2 UNION SELECT 3 ORDER BY 1", limit).await.unwrap();
    assert_eq!(rows, [[Some("2".to_owned())], [Some("3".to_owned())]]);
    assert!(session.rtt_hint() < limit);
    // The server ends what ran too long, and we would have.
    let short = Duration::from_millis(200);
    let slow = preamble(short) + "SELECT pg_catalog.pg_sleep(20)";
    assert_eq!(session.ask(&slow, limit).await.unwrap_err().cause, Cause::Timeout);
    let endless = "SELECT pg_catalog.pg_sleep(20)";
    assert_eq!(session.ask(endless, short).await.unwrap_err().cause, Cause::Timeout);
    assert!(
        session.ask("SELECT 1", limit).await.is_err(),
        "a late answer could be taken for this one"
    );
    session.close().await;

    let mut victim = open(&prober(TIMEOUT), &at("app", "app")).await.unwrap();
    let own = victim.ask("SELECT pg_catalog.pg_backend_pid()", limit).await.unwrap();
    let pid = own[0][0].clone().unwrap();
    let mut administrator = administrator(server.directory.path(), server.port, "app").await;
    administrator
        .ask(&format!("SELECT pg_catalog.pg_terminate_backend({pid}, 5000)"), limit)
        .await
        .unwrap();
    assert_eq!(victim.ask("SELECT 1", limit).await.unwrap_err().cause, Cause::ShuttingDown);
}

#[tokio::test]
async fn of_several_hosts_the_first_that_fits_is_seen() {
    let server = shared();
    let dead = host(free_port());
    let both = Dsn { hosts: vec![dead.clone(), host(server.port)], ..at("app", "app") };
    let peer = sight(&both).await.transport.peer.unwrap();
    assert_eq!(peer.port(), server.port);
    let standby = Dsn { session: SessionAttrs::Standby, ..both.clone() };
    check(&standby, TIMEOUT, Cause::QueryFailed).await;
    let rather = Dsn { session: SessionAttrs::PreferStandby, ..both.clone() };
    sight(&rather).await;
    let none = Dsn { hosts: vec![dead.clone(), dead], ..both };
    check(&none, TIMEOUT, Cause::ConnectionRefused).await;
}

#[tokio::test]
async fn a_standby_is_seen_as_one() {
    let primary = shared();
    let place = directory();
    let data = place.path().join("data");
    let port = free_port();
    let source = primary.directory.path();
    run(tool("pg_basebackup")
        .args([
            "-U",
            "boss",
            "-p",
            &primary.port.to_string(),
            "--no-sync",
            "-c",
            "fast",
            "-R",
            "-h",
        ])
        .arg(source)
        .arg("-D")
        .arg(&data));
    let own = format!("port = {port}\nunix_socket_directories = '{}'\n", place.path().display());
    let configuration = data.join("postgresql.auto.conf");
    let mut text = std::fs::read_to_string(&configuration).unwrap();
    text.push_str(&own);
    std::fs::write(&configuration, text).unwrap();
    let standby = Server::start(place, port, &data);

    let seen = sight(&dsn(standby.port)).await;
    let original = sight(&at("app", "app")).await;
    assert_eq!(seen.fingerprint.system_identifier, original.fingerprint.system_identifier);
    assert_ne!(seen.fingerprint.started_at, original.fingerprint.started_at);
    assert_eq!((seen.fingerprint.in_recovery, seen.fingerprint.timeline), (Some(true), Some(1)));
    assert!(seen.fingerprint.wal_receiver.is_some() && seen.fingerprint.wal_position.is_some());
    assert_eq!(seen.vitals.read_only, Some(true));
    let either = Dsn { hosts: vec![host(primary.port), host(standby.port)], ..dsn(0) };
    let peer = async |session| {
        let dsn = Dsn { session, ..either.clone() };
        sight(&dsn).await.transport.peer.unwrap().port()
    };
    assert_eq!(peer(SessionAttrs::Standby).await, standby.port);
    assert_eq!(peer(SessionAttrs::PreferStandby).await, standby.port);
    assert_eq!(peer(SessionAttrs::Primary).await, primary.port);
    assert_eq!(peer(SessionAttrs::ReadOnly).await, standby.port);
    let wanted = Dsn { session: SessionAttrs::ReadWrite, ..dsn(standby.port) };
    check(&wanted, TIMEOUT, Cause::QueryFailed).await;
}

#[tokio::test]
async fn a_full_a_frozen_and_a_stopped_server_have_their_causes() {
    let settings = "max_connections = 4\nsuperuser_reserved_connections = 1\nmax_wal_senders = 0";
    let server = Server::postgres(settings, "host all all 127.0.0.1/32 scram-sha-256");
    server.sql(
        "postgres",
        &format!("CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'; CREATE DATABASE app;"),
    );
    let prober = prober(TIMEOUT);
    let mut held = Vec::new();
    while let Ok(session) = open(&prober, &dsn(server.port)).await {
        held.push(session);
        assert!(held.len() < 10, "the server is never full");
    }
    check(&dsn(server.port), TIMEOUT, Cause::TooManyConnections).await;
    drop(held);
    server.signal("-STOP");
    check(&dsn(server.port), Duration::from_secs(1), Cause::Timeout).await;
    server.signal("-CONT");
    let port = server.port;
    drop(server);
    check(&dsn(port), TIMEOUT, Cause::ConnectionRefused).await;
}

#[tokio::test]
async fn what_we_cannot_try_is_not_the_tenants_fault() {
    let dsn = dsn(free_port());
    let unset = SecretRef::Environment("WATERTIGHT_TEST_NEVER_SET".into());
    let unreadable = Access { password: Some(unset), ..access(&dsn) };
    let outcome = observe_by(&prober(TIMEOUT), &dsn, &unreadable).await.outcome;
    let Outcome::NotTried(reason @ Reason::SecretUnreadable(_)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.text().contains("WATERTIGHT_TEST_NEVER_SET"), "{reason:?}");
    let unusable = Access { unusable: Some("no host".into()), ..access(&dsn) };
    let outcome = observe_by(&prober(TIMEOUT), &dsn, &unusable).await.outcome;
    assert_eq!(outcome, Outcome::NotTried(Reason::RowUnusable("no host".into())));
}
