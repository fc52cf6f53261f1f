//! Through PgBouncer in every mode, and what exactly is sent on the way.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use watertight::dsn::Dsn;
use watertight::model::observation::Cause;

use crate::cluster::{Server, free_port};
use crate::servers::shared;
use crate::visitor::{PASSWORD, TIMEOUT, check, dsn, open, prober, sight};

const MODES: [&str; 3] = ["session", "transaction", "statement"];

/// One server connection for each mode, so that whatever a visit leaves behind meets the next client.
fn pooler() -> &'static Server {
    static POOLER: OnceLock<Server> = OnceLock::new();
    POOLER.get_or_init(|| {
        let port = shared().port;
        let database = |name: &str, database: &str, port: u16, mode: &str| {
            format!("{name} = host=127.0.0.1 port={port} dbname={database} pool_mode={mode} pool_size=1\n")
        };
        let mut configuration = "[databases]\n".to_owned();
        for mode in MODES {
            configuration += &database(mode, "pooled", port, mode);
            configuration += &database(&format!("withheld_{mode}"), "withheld", port, mode);
        }
        configuration += &database("missing", "nowhere", port, "transaction");
        configuration += &database("dead", "app", free_port(), "transaction");
        Server::pgbouncer(&configuration, &format!("\"app\" \"{PASSWORD}\"\n"))
    })
}

fn through(database: &str) -> Dsn {
    Dsn { database: database.into(), ..dsn(pooler().port) }
}

#[tokio::test]
async fn every_mode_shows_the_server_behind_it() {
    let direct = sight(&Dsn { database: "pooled".into(), ..dsn(shared().port) }).await;
    for mode in MODES {
        let sighting = sight(&through(mode)).await;
        assert_eq!(
            sighting.fingerprint.system_identifier, direct.fingerprint.system_identifier,
            "{mode}"
        );
        assert_eq!(sighting.fingerprint.database_oid, direct.fingerprint.database_oid, "{mode}");
        assert_eq!(sighting.fingerprint.started_at, direct.fingerprint.started_at, "{mode}");
        assert_eq!(sighting.fingerprint.server_port, Some(shared().port), "{mode}");
        assert!(!sighting.transport.direct, "{mode}");
        assert_eq!(sighting.vitals.read_only, Some(false), "{mode}");
    }
}

#[tokio::test]
async fn no_setting_of_ours_stays_in_a_pool() {
    let limit = Duration::from_secs(2);
    let settings = "SELECT pg_catalog.current_setting(n) FROM (VALUES ('statement_timeout'), ('lock_timeout'), \
        ('idle_in_transaction_session_timeout'), ('search_path'), ('timezone'), ('transaction_read_only')) s (n)";
    for mode in MODES {
        let mut before = open(&prober(TIMEOUT), &through(mode)).await.unwrap();
        let expected = before.ask(settings, limit).await.unwrap();
        before.close().await;
        for _ in 0..3 {
            sight(&through(mode)).await;
        }
        let mut after = open(&prober(TIMEOUT), &through(mode)).await.unwrap();
        assert_eq!(after.ask(settings, limit).await.unwrap(), expected, "{mode}");
        after.close().await;
    }
}

#[tokio::test]
async fn withheld_facts_cost_a_second_question_in_every_mode() {
    for mode in MODES {
        let sighting = sight(&through(&format!("withheld_{mode}"))).await;
        assert_eq!(sighting.fingerprint.system_identifier, None, "{mode}");
        assert!(sighting.fingerprint.database_oid.is_some(), "{mode}");
    }
}

#[tokio::test]
async fn what_a_pooler_refuses_has_its_cause() {
    check(&through("nobody"), TIMEOUT, Cause::DatabaseMissing).await;
    check(&through("missing"), TIMEOUT, Cause::DatabaseMissing).await;
    let stranger = Dsn { user: "stranger".into(), ..through("transaction") };
    check(&stranger, TIMEOUT, Cause::AuthFailed).await;
    // A pool that never reached its server lets everybody wait, even for the login.
    check(&through("dead"), Duration::from_secs(1), Cause::Timeout).await;
    let optional = Dsn { options: Some("-c geqo=off".into()), ..through("transaction") };
    check(&optional, TIMEOUT, Cause::QueryFailed).await;
}

/// The tags of the messages that a visit to `database` sends after its start-up packet.
async fn sent(database: &str) -> Vec<u8> {
    let server = ("127.0.0.1", shared().port);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let dsn = Dsn { database: database.into(), ..dsn(listener.local_addr().unwrap().port()) };
    let relay = async {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(server).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let mut said = Vec::new();
        let forth = async {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = from_client.read(&mut chunk).await {
                said.extend_from_slice(&chunk[..length]);
                to_server.write_all(&chunk[..length]).await.unwrap();
            }
            drop(to_server);
        };
        let back = tokio::io::copy(&mut from_server, &mut to_client);
        // The visitor closes without waiting for the server's end.
        let ((), _) = tokio::join!(forth, back);
        said
    };
    let (said, _) = tokio::join!(timeout(TIMEOUT * 2, relay), sight(&dsn));
    let said = said.expect("the visitor never hung up");
    let (length, _) = said.split_first_chunk().unwrap();
    tags(&said[usize::try_from(u32::from_be_bytes(*length)).unwrap()..])
}

fn tags(mut said: &[u8]) -> Vec<u8> {
    let mut tags = Vec::new();
    while let [tag, a, b, c, d, ..] = *said {
        tags.push(tag);
        said = &said[1 + usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap()..];
    }
    tags
}

#[tokio::test]
async fn a_visit_is_one_question_and_a_goodbye() {
    // Two messages of SCRAM, the query, the goodbye.
    assert_eq!(sent("app").await, b"ppQX");
    assert_eq!(sent("withheld").await, b"ppQQX");
}
