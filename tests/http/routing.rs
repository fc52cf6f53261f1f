//! Where users belong: asked by a service, decided by the user's token alone.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode as Code;
use axum::routing::get;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use tempfile::{Builder, NamedTempFile};
use tokio::net::TcpListener;
use watertight::clock;
use watertight::http::options::{Options, Routing};
use watertight::http::role::Role;
use watertight::model::finding::{Kind, Severity};
use watertight::route::keyring::Source;
use watertight::route::token::Rules;

use crate::house::{House, Plan, answer, guarded, refused, secret};
use crate::issuer::{AUDIENCE, ISSUER, Issuer, claims};
use crate::sample;

/// The issuer's server: what it publishes can be changed, and it counts who asks.
struct Published {
    url: String,
    text: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Published {
    #[expect(clippy::disallowed_methods, reason = "a server that ends with its test's runtime")]
    async fn start(issuer: &Issuer) -> Self {
        let text = Arc::new(Mutex::new(Some(issuer.published().to_string())));
        let asked = Arc::new(AtomicUsize::new(0));
        let (told, counted) = (Arc::clone(&text), Arc::clone(&asked));
        let keys = get(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let text = told.lock().unwrap().clone();
            async move { text.ok_or(Code::SERVICE_UNAVAILABLE) }
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/keys", keys)).await.unwrap();
        });
        Self { url, text, asked }
    }

    fn publish(&self, text: Option<String>) {
        *self.text.lock().unwrap() = text;
    }
}

/// From a file, whose rows may be unusable where those of the configuration may not.
const ROWS: &str = r#"{"id": "acme", "database_url": "postgres://app:p%40ss@127.0.0.1:1/acme"}
{"id": "globex", "database_url": "postgres://app@127.0.0.1:1/globex", "password": "file:/nowhere/at/all"}
{"id": "broken", "database_url": "no url"}
"#;

async fn house(published: &Published, pause: Duration) -> House {
    let rows = rows();
    house_of(published, pause, rows.path()).await
}

fn rows() -> NamedTempFile {
    let rows = Builder::new().suffix(".jsonl").tempfile().unwrap();
    std::fs::write(&rows, ROWS).unwrap();
    rows
}

async fn house_of(published: &Published, pause: Duration, rows: &Path) -> House {
    let routing = Routing {
        rules: Rules {
            issuer: ISSUER.into(),
            audience: AUDIENCE.into(),
            tenant_claim: "tenant".into(),
        },
        source: Source { url: published.url.as_str().into(), pause },
        quarantine: true,
    };
    let options = Options { routing: Some(routing), ..guarded() };
    let mut before = sample::everything().0;
    before.findings = vec![
        sample::finding(Kind::SharedDatabase, Severity::Critical, &["globex", "initech"]),
        sample::finding(Kind::ForeignStamp, Severity::Critical, &["acme", "globex"]),
    ];
    let registry = format!("[[sources]]\nkind = 'file'\npath = '{}'\n", rows.display());
    let house = House::of(Plan {
        options,
        registry: registry.leak(),
        before: Some(before),
        equipment: None,
    })
    .await;
    // Ways are known as soon as a scan has read the registry.
    let scanned = house.post("/api/v1/scans?wait=true", &json!({})).send().await.unwrap();
    assert_eq!(scanned.status(), StatusCode::OK);
    house
}

fn asked(house: &House, token: &str) -> RequestBuilder {
    asked_at(house, "/api/v1/route", token)
}

fn asked_at(house: &House, path: &str, token: &str) -> RequestBuilder {
    let request = house.ask(Method::POST, path).bearer_auth(secret(Role::Router));
    request.header("watertight-user-token", token)
}

fn token(issuer: &Issuer, tenant: &str) -> String {
    issuer.key("ES256").token(&claims(tenant, clock::now().as_second()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_led_to_the_tenant_of_the_token_and_nowhere_else() {
    let issuer = Issuer::new("1");
    let published = Published::start(&issuer).await;
    let house = house(&published, Duration::from_secs(30)).await;
    let good = token(&issuer, "acme");
    let (status, view) = answer(asked(&house, &good)).await;
    assert_eq!(status, StatusCode::OK, "{view}");
    assert_eq!(view["tenant"], "acme");
    assert_eq!(view["database_url"], "postgres://app:p%40ss@127.0.0.1:1/acme?sslmode=disable");
    let until: jiff::Timestamp = view["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(clock::now() < until && until.as_second() <= clock::now().as_second() + 300);
    for agreeing in [
        asked_at(&house, "/api/v1/route?tenant=acme", &good),
        asked(&house, &good).header("x-tenant-id", "ACME"),
        asked(&house, &good).json(&json!({"tenant": "acme"})),
    ] {
        assert_eq!(agreeing.send().await.unwrap().status(), StatusCode::OK);
    }
    for contradicting in [
        asked_at(&house, "/api/v1/route?tenant=globex", &good),
        asked(&house, &good).header("x-tenant-id", "globex"),
        asked(&house, &good).header("x-tenant", "acme").header("x-tenant", "globex"),
        asked(&house, &good).json(&json!({"tenant": "globex"})),
        asked(&house, &good).json(&json!({"tenant": ""})),
    ] {
        refused(contradicting, StatusCode::FORBIDDEN, "contradicted").await;
    }
    let url = json!({"database_url": "postgres://evil.example/x"});
    refused(asked(&house, &good).json(&url), StatusCode::UNPROCESSABLE_ENTITY, "invalid").await;
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leads_nowhere_is_told_why_and_nothing_else() {
    let issuer = Issuer::new("1");
    let published = Published::start(&issuer).await;
    let house = house(&published, Duration::from_secs(30)).await;
    for (tenant, status, slug) in [
        ("initrode", StatusCode::NOT_FOUND, "unknown"),
        ("broken", StatusCode::CONFLICT, "tenant-not-active"),
        ("globex", StatusCode::LOCKED, "quarantined"),
    ] {
        refused(asked(&house, &token(&issuer, tenant)), status, slug).await;
    }
    let open = Options {
        routing: house
            .options
            .borrow()
            .routing
            .clone()
            .map(|it| Routing { quarantine: false, ..it }),
        ..guarded()
    };
    house.options.send_replace(Arc::new(open));
    let unreadable = asked(&house, &token(&issuer, "globex"));
    refused(unreadable, StatusCode::SERVICE_UNAVAILABLE, "no-secret").await;
    let stranger = token(&Issuer::new("1"), "acme");
    let problem =
        refused(asked(&house, &stranger), StatusCode::UNAUTHORIZED, "user-token-refused").await;
    assert_eq!(problem["detail"], "the user's token: its signature is wrong");
    let twice = asked(&house, &stranger).header("watertight-user-token", token(&issuer, "acme"));
    refused(twice, StatusCode::UNAUTHORIZED, "user-token-refused").await;
    let none = house.ask(Method::POST, "/api/v1/route").bearer_auth(secret(Role::Router));
    refused(none, StatusCode::UNAUTHORIZED, "user-token-refused").await;
    house.options.send_replace(Arc::new(guarded()));
    refused(asked(&house, &stranger), StatusCode::NOT_FOUND, "no-such-route").await;
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_router_is_told_connection_strings() {
    let issuer = Issuer::new("1");
    let published = Published::start(&issuer).await;
    let house = house(&published, Duration::from_secs(30)).await;
    let good = token(&issuer, "acme");
    for role in [Role::Viewer, Role::Operator, Role::Provisioner] {
        let request = house.ask(Method::POST, "/api/v1/route").bearer_auth(secret(role));
        let request = request.header("watertight-user-token", &good);
        refused(request, StatusCode::FORBIDDEN, "not-allowed").await;
    }
    let bare = house.ask(Method::POST, "/api/v1/route").bearer_auth(&good);
    refused(bare, StatusCode::UNAUTHORIZED, "unauthenticated").await;
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_asked_for_once_however_many_name_keys_that_nobody_has() {
    let issuer = Issuer::new("1");
    let published = Published::start(&issuer).await;
    let pause = Duration::from_secs(2);
    let house = house(&published, pause).await;
    assert_eq!(asked(&house, &token(&issuer, "acme")).send().await.unwrap().status(), 200);
    let next = Issuer::new("2");
    tokio::time::sleep(pause + Duration::from_millis(100)).await;
    published.publish(Some(next.published().to_string()));
    let before = published.asked.load(Ordering::SeqCst);
    let requests = (0..50).map(|_| asked(&house, &token(&next, "acme")).send());
    for response in futures_util::future::join_all(requests).await {
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    let unknown = (0..50).map(|_| asked(&house, &token(&Issuer::new("3"), "acme")).send());
    for response in futures_util::future::join_all(unknown.take(5)).await {
        assert_eq!(response.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert!(published.asked.load(Ordering::SeqCst) - before <= 3, "once, and once for each pause");
    let withdrawn = asked(&house, &token(&issuer, "acme"));
    refused(withdrawn, StatusCode::UNAUTHORIZED, "user-token-refused").await;
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_away_takes_no_key_away_and_one_that_never_was_there_leads_nowhere() {
    let issuer = Issuer::new("1");
    let published = Published::start(&issuer).await;
    let pause = Duration::from_millis(100);
    let house = house(&published, pause).await;
    assert_eq!(asked(&house, &token(&issuer, "acme")).send().await.unwrap().status(), 200);
    for text in [None, Some("no keys".to_owned()), Some("x".repeat(300 * 1024))] {
        published.publish(text);
        tokio::time::sleep(pause * 2).await;
        let unknown = asked(&house, &token(&Issuer::new("2"), "acme"));
        refused(unknown, StatusCode::UNAUTHORIZED, "user-token-refused").await;
        assert_eq!(asked(&house, &token(&issuer, "acme")).send().await.unwrap().status(), 200);
    }
    house.leave().await;
    let nowhere = Published { url: "http://127.0.0.1:1/keys".to_owned(), ..published };
    let house = self::house(&nowhere, pause).await;
    let good = asked(&house, &token(&issuer, "acme"));
    refused(good, StatusCode::SERVICE_UNAVAILABLE, "no-keys").await;
    house.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_changed_leads_elsewhere_only_after_a_scan_of_the_whole_fleet() {
    let issuer = Issuer::new("1");
    let published = Published::start(&issuer).await;
    let rows = rows();
    let house = house_of(&published, Duration::from_secs(30), rows.path()).await;
    let good = token(&issuer, "acme");
    let leads_to = async |database: &str| {
        let (_, view) = answer(asked(&house, &good)).await;
        view["database_url"].as_str().unwrap().contains(database)
    };
    assert!(leads_to("127.0.0.1:1/acme").await);
    std::fs::write(&rows, ROWS.replace("127.0.0.1:1/acme", "127.0.0.1:1/elsewhere")).unwrap();
    assert!(leads_to("127.0.0.1:1/acme").await, "nobody has read it yet");
    for (body, database) in [(json!({"tenants": ["globex"]}), "/acme"), (json!({}), "/elsewhere")] {
        let scanned = house.post("/api/v1/scans?wait=true", &body).send().await.unwrap();
        assert_eq!(scanned.status(), StatusCode::OK);
        assert!(leads_to(database).await, "{body}");
    }
    house.leave().await;
}
