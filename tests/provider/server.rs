//! What is a database's own on a server of one's own: half-made states, strangers beside us, and how the server fails.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::error::SqlState;
use tokio_util::task::AbortOnDropHandle;
use watertight::local::cluster::{Cluster, Shutdown, random_password};
use watertight::local::ground::Ground;
use watertight::provider::{
    NewProject, Project, ProjectState, Provider, ProviderError, Readiness, Refusal,
};
use watertight::secret::Secret;

use crate::contract::{eventually, login, wanted};
use crate::program::{server, through, url};
use crate::stand::{administrator, left, on};

const NAME: &str = "wt-half";
const MARKED: &str = "create role \"wt-half\" login; comment on role \"wt-half\" is 'made by watertight at 2026-11-27T01:02:03Z'";
const CLOSED: &str = "create database \"wt-half\" owner \"wt-half\" allow_connections false";
const LOCK: &str = "select pg_advisory_lock(hashtextextended('wt-half', 5731))";

/// A server, its administrator's URL, and the provider on it.
async fn stand(powers: &str) -> (Cluster, Secret, Arc<dyn Provider>) {
    let cluster = server(&Ground::create().unwrap(), "server").await;
    let admin = administrator(&cluster, powers).await;
    let provider = on(&admin);
    (cluster, admin, provider)
}

/// Each statement alone, as the administrator, then what the provider says; its deletion leaves nothing.
async fn check_half_made(statements: &[&str], expected: &str) {
    let (_cluster, admin, provider) = stand("superuser").await;
    let client = login(&admin).await.unwrap();
    for statement in statements {
        client.batch_execute(statement).await.unwrap();
    }
    let found = provider.named(NAME).await.unwrap();
    let readiness = provider.readiness(NAME).await.unwrap();
    assert_eq!(format!("{:?} {readiness:?}", found[0].state), expected);
    assert_eq!(provider.project(NAME).await.unwrap().as_ref(), found.first());
    assert_eq!(found[0].created_at, Some("2026-11-27T01:02:03Z".parse().unwrap()));
    drop(client);
    provider.delete(NAME).await.unwrap();
    eventually("nothing is left", async || left(&admin).await.is_empty()).await;
}

#[tokio::test]
async fn a_role_without_its_database_has_failed_unless_somebody_is_at_it() {
    let failed = "Failed Failed(\"its making was broken off before it had a database\")";
    check_half_made(&[MARKED], failed).await;
    let coming = "Coming Coming(\"somebody is at work on its database\")";
    check_half_made(&[MARKED, LOCK], coming).await;
}

#[tokio::test]
async fn a_closed_database_has_failed_unless_somebody_is_at_it() {
    let failed = "Failed Failed(\"its making was broken off, or it was closed since\")";
    check_half_made(&[MARKED, CLOSED], failed).await;
    let coming = "Coming Coming(\"somebody is at work on its database\")";
    check_half_made(&[MARKED, CLOSED, LOCK], coming).await;
}

#[tokio::test]
async fn what_bears_no_mark_of_ours_is_neither_listed_nor_touched() {
    let (cluster, admin, provider) = stand("superuser").await;
    let stranger = "create role \"wt-half\" login; comment on role \"wt-half\" is 'made by hand'";
    cluster.execute("postgres", &[stranger, "create database \"wt-half\""]).await.unwrap();
    let before = left(&admin).await;
    let refused = provider.create(&wanted(NAME)).await;
    assert!(matches!(refused, Err(ProviderError::Refused { refusal: Refusal::Invalid, .. })));
    assert_eq!(provider.inventory().await.unwrap(), []);
    assert_eq!(provider.readiness(NAME).await.unwrap(), Readiness::Absent);
    provider.delete(NAME).await.unwrap();
    eventually("all is as before", async || left(&admin).await == before).await;
}

#[tokio::test]
async fn a_database_of_that_name_which_belongs_to_another_is_left_alone() {
    let (cluster, admin, provider) = stand("superuser").await;
    cluster.execute("postgres", &["create database \"wt-half\""]).await.unwrap();
    let before = left(&admin).await;
    let refused = provider.create(&wanted(NAME)).await;
    assert!(matches!(refused, Err(ProviderError::Refused { refusal: Refusal::Invalid, .. })));
    eventually("all is as before", async || left(&admin).await == before).await;
    login(&admin).await.unwrap().batch_execute(MARKED).await.unwrap();
    assert!(matches!(provider.readiness(NAME).await.unwrap(), Readiness::Failed(_)));
    provider.delete(NAME).await.unwrap();
    eventually("all is as before", async || left(&admin).await == before).await;
}

/// Names are ours, but nothing holds because of that.
#[tokio::test]
async fn a_name_that_looks_like_sql_is_only_a_name() {
    let (_cluster, admin, provider) = stand("superuser").await;
    let longest = "n".repeat(63);
    for name in ["a\"; drop role admin; --", "it's \\ %s $1", "Ünï cödé", "select", &longest] {
        let wanted = wanted(name);
        provider.create(&wanted).await.unwrap();
        assert_eq!(provider.readiness(name).await.unwrap(), Readiness::Ready, "{name}");
        let url = provider.url(name, &wanted.password).await.unwrap();
        let client = login(&url).await.unwrap();
        let row = client.query_one("select current_database()::text", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), name);
        provider.delete(name).await.unwrap();
    }
    for name in [String::new(), "n".repeat(64), "zero\0".to_owned(), "pg_own".to_owned()] {
        let refused = provider.create(&wanted(&name)).await;
        let refused =
            matches!(refused, Err(ProviderError::Refused { refusal: Refusal::Invalid, .. }));
        assert!(refused, "{name:?}");
        assert_eq!(provider.project(&name).await.unwrap(), None);
        provider.delete(&name).await.unwrap();
    }
    eventually("nothing is left", async || left(&admin).await.is_empty()).await;
}

#[tokio::test]
async fn only_the_owner_may_connect_and_no_password_is_logged() {
    let ground = Ground::create().unwrap();
    let mut cluster = server(&ground, "server").await;
    cluster.stop(Shutdown::Fast).await.unwrap();
    cluster.set("log_statement", "all");
    cluster.start().await.unwrap();
    let provider = on(&administrator(&cluster, "createdb createrole").await);
    let password = Secret::new("ThatNobodyMayEverRead");
    let wanted = NewProject { name: "wt-closed".into(), password };
    provider.create(&wanted).await.unwrap();
    let guest = random_password();
    cluster.create_role("guest", &guest, "").await.unwrap();
    let guest = Secret::new(url(&cluster, "guest", guest.expose(), "wt-closed"));
    let refused = login(&guest).await.expect_err("no guest is let in");
    assert_eq!(refused.code().map(SqlState::code), Some("42501"));
    let limit = "select datconnlimit from pg_database where datname = 'wt-closed'";
    assert_eq!(cluster.ask("postgres", limit).await.unwrap().as_deref(), Some("30"));
    let log = std::fs::read_to_string(ground.path().join("server.log")).unwrap();
    assert!(log.contains("create role \"wt-closed\"") && log.contains("SCRAM-SHA-256$"));
    assert!(!log.contains(wanted.password.expose()));
}

#[tokio::test]
async fn an_application_that_is_connected_does_not_hold_its_database() {
    let (cluster, admin, provider) = stand("createdb createrole").await;
    let wanted = wanted("wt-busy");
    provider.create(&wanted).await.unwrap();
    let url = provider.url("wt-busy", &wanted.password).await.unwrap();
    let client = login(&url).await.unwrap();
    // What it may also do where somebody lets it: leave something of its own where we are.
    let let_it = "grant create on schema public to public";
    cluster.execute("postgres", &[let_it]).await.unwrap();
    let (way, _) = url.expose().rsplit_once('/').unwrap();
    let beside = login(&Secret::new(format!("{way}/postgres"))).await.unwrap();
    beside.batch_execute("create table public.left_behind (i int)").await.unwrap();
    provider.delete("wt-busy").await.unwrap();
    client.batch_execute("select").await.expect_err("its session is ended");
    eventually("nothing is left", async || left(&admin).await.is_empty()).await;
}

#[tokio::test]
async fn each_way_to_fail_has_its_word_and_leaves_nothing() {
    for powers in ["", "createrole", "createdb"] {
        let (_cluster, admin, provider) = stand(powers).await;
        let error = provider.create(&wanted("wt-denied")).await.unwrap_err();
        let denied = matches!(error, ProviderError::Refused { refusal: Refusal::Denied, .. });
        assert!(denied, "{powers}: {error:?}");
        eventually("nothing is left", async || left(&admin).await.is_empty()).await;
    }
    let (mut cluster, admin, provider) = stand("createdb createrole").await;
    let wrong = on(&Secret::new(admin.expose().replace("admin:", "admin:un")));
    let error = wrong.inventory().await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { refusal: Refusal::Denied, .. }), "{error:?}");
    let full = "alter role admin connection limit 0";
    cluster.execute("postgres", &[full]).await.unwrap();
    let error = provider.create(&wanted("wt-full")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Busy { .. }), "{error:?}");
    cluster.stop(Shutdown::Fast).await.unwrap();
    for error in [
        provider.create(&wanted("wt-down")).await.unwrap_err(),
        provider.delete("wt-down").await.unwrap_err(),
        provider.readiness("wt-down").await.unwrap_err(),
    ] {
        assert!(matches!(error, ProviderError::Unreachable { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains(&admin.expose()[17..49]), "{error:?}");
    }
}

/// The connection is cut as soon as the server has been asked for this; nobody knows then, and the name finds it.
#[tokio::test]
async fn a_connection_that_is_lost_amid_a_creation_leaves_it_unknown() {
    for needle in ["create role", "create database", "revoke all"] {
        let (_cluster, admin, direct) = stand("createdb createrole").await;
        let (port, _cutting) = cutting(&admin, needle).await;
        let cut = on(&Secret::new(through(admin.expose(), port, "postgres")));
        let error = cut.create(&wanted("wt-lost")).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unknown { .. }), "{needle}: {error:?}");
        eventually("the work ends", async || {
            left(&admin).await.iter().all(|it| !it.starts_with("session"))
        })
        .await;
        let found = direct.named("wt-lost").await.unwrap();
        assert!(matches!(&*found, [Project { state, .. }] if *state != ProjectState::Coming));
        direct.delete("wt-lost").await.unwrap();
        eventually("nothing is left", async || left(&admin).await.is_empty()).await;
    }
}

/// A port that leads to the server until the client has said `needle`, which still arrives.
async fn cutting(admin: &Secret, needle: &'static str) -> (u16, AbortOnDropHandle<()>) {
    let target = admin.expose().rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            relay(client, TcpStream::connect(&target).await.unwrap(), needle).await;
        }
    };
    #[expect(clippy::disallowed_methods, reason = "aborted when dropped")]
    let serving = AbortOnDropHandle::new(tokio::spawn(serving));
    (port, serving)
}

async fn relay(client: TcpStream, server: TcpStream, needle: &str) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let said = Mutex::new(Vec::new());
    let forth = async {
        let mut buffer = vec![0; 4096];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            said.lock().unwrap().extend_from_slice(&buffer[..length]);
            to_server.write_all(&buffer[..length]).await.unwrap();
            if said.lock().unwrap().windows(needle.len()).any(|it| it == needle.as_bytes()) {
                return;
            }
        }
    };
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = forth => {}
        _ = back => {}
        () = tokio::time::sleep(Duration::from_mins(1)) => {}
    }
}
