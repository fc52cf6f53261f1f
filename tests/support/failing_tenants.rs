//! Tenants that cannot be seen, one way each; and those that nearly cannot, but can.

use std::io;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;
use watertight::local::LocalError;
use watertight::local::cluster::{Cluster, Shutdown};
use watertight::local::process::Signal;
use watertight::model::finding::{Health, Verdict};
use watertight::model::observation::Cause;

use crate::labelled_fleet::{Expected, Part, Site, direct, url};
use crate::scripted_server::{Script, serve};

pub(crate) async fn build(site: &Site) -> Result<Part, LocalError> {
    let mut part = Part::default();
    refusals(site, &mut part).await?;
    states(site, &mut part).await?;
    full(site, &mut part).await?;
    encrypted(site, &mut part).await?;
    scripted(&mut part).await?;
    let nowhere = "postgres://app:dns@database.invalid/app?sslmode=disable";
    let expected = Expected::failing("its host name does not exist", Cause::DnsFailed);
    part.tenant("dns", nowhere.to_owned(), expected);
    Ok(part)
}

/// One server that refuses each for another reason.
async fn refusals(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let cluster = site.cluster("sick").await?;
    let admitted = "host all cleartext 127.0.0.1/32 password";
    let rejected = "host all rejected 127.0.0.1/32 reject";
    cluster.admit(&[admitted, rejected])?;
    cluster.signal(Signal::Hangup).await?;
    let owner = site.owner(&cluster, "owner", "app").await?;
    cluster.create_database("closed", "owner").await?;
    cluster.create_database("private", "owner").await?;
    cluster.execute("postgres", &["alter database closed allow_connections false"]).await?;
    let mut passwords = Vec::new();
    for role in ["sleeper", "cleartext", "rejected", "crowded", "stranger", "late"] {
        passwords.push(site.guest(&cluster, role, "app").await?);
    }
    cluster
        .execute(
            "postgres",
            &["alter role sleeper nologin", "alter role crowded connection limit 0"],
        )
        .await?;
    let cases = [
        ("wrong-password", "owner", "wrong", "app", Cause::AuthFailed, "a wrong password"),
        ("nologin", "sleeper", &passwords[0], "app", Cause::AuthFailed, "its role may not log in"),
        ("cleartext", "cleartext", &passwords[1], "app", Cause::AuthFailed, "asked for cleartext"),
        ("hba-reject", "rejected", &passwords[2], "app", Cause::AccessDenied, "pg_hba rejects it"),
        (
            "role-limit",
            "crowded",
            &passwords[3],
            "app",
            Cause::TooManyConnections,
            "a role's limit",
        ),
        ("no-connect", "stranger", &passwords[4], "private", Cause::AccessDenied, "no CONNECT"),
        ("closed", "owner", &owner, "closed", Cause::AccessDenied, "its database takes nobody"),
        ("missing", "late", &passwords[5], "gone", Cause::DatabaseMissing, "no such database"),
        ("unknown-role", "nobody", "secret", "app", Cause::AuthFailed, "no such role"),
    ];
    for (id, role, password, database, cause, built) in cases {
        let address = direct(&cluster, role, password, database)?;
        part.tenant(id, address, Expected::failing(built, cause));
    }
    part.clusters.push(cluster);
    Ok(())
}

/// Servers in a state in which they serve nobody, or nobody who writes.
async fn states(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let (mut down, frozen, leaving, mut starting, still) = tokio::try_join!(
        site.cluster("down"),
        site.cluster("frozen"),
        site.cluster("leaving"),
        site.cluster("starting"),
        site.cluster("read-only"),
    )?;
    let cases = [
        (&down, "down", Cause::ConnectionRefused, "its server is stopped"),
        (&frozen, "frozen", Cause::Timeout, "its server is frozen"),
        (&leaving, "leaving", Cause::ShuttingDown, "its server waits for a session to end"),
        (&starting, "starting", Cause::StartingUp, "its server recovers without end"),
    ];
    for (cluster, id, cause, built) in cases {
        let password = site.owner(cluster, "app", "app").await?;
        let address = direct(cluster, "app", &password, "app")?;
        if id == "leaving" {
            part.tasks.push(hold(&address).await?);
        }
        part.tenant(id, address, Expected::failing(built, cause));
    }
    down.stop(Shutdown::Fast).await?;
    frozen.signal(Signal::Stop).await?;
    // A smart shutdown: sessions may stay, and nobody new is let in.
    leaving.signal(Signal::Terminate).await?;
    starting.stop(Shutdown::Fast).await?;
    starting.set("restore_command", "sleep 600");
    std::fs::write(starting.data().join("recovery.signal"), "")
        .map_err(|source| file("write recovery.signal of", &starting, source))?;
    starting.launch().await?;

    let password = site.owner(&still, "app", "app").await?;
    still
        .execute("postgres", &["alter database app set default_transaction_read_only = on"])
        .await?;
    // It answers, so it is compared with all others; but it cannot serve.
    let expected = Expected {
        built: "a primary that refuses writes",
        health: vec![Health::Unhealthy],
        cause: Some(Cause::ReadOnly),
        isolation: vec![Verdict::Isolated],
    };
    part.tenant("read-only", direct(&still, "app", &password, "app")?, expected);
    part.clusters.extend([down, frozen, leaving, starting, still]);
    Ok(())
}

/// A session that stays.
async fn hold(address: &str) -> Result<JoinSet<()>, LocalError> {
    let connected = tokio_postgres::connect(address, NoTls).await;
    let (client, connection) = connected.map_err(|source| LocalError::Sql {
        operation: "hold a session".to_owned(),
        cluster: "of the fleet".to_owned(),
        source,
    })?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _client = client;
        // Ends with the server, and says nothing that the fleet would want to know.
        drop(connection.await);
    });
    Ok(tasks)
}

async fn full(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let mut cluster = Cluster::initialise(&site.ground, &site.binaries, "full").await?;
    cluster.set("max_connections", "5");
    cluster.start().await?;
    let password = site.owner(&cluster, "app", "app").await?;
    let address = direct(&cluster, "app", &password, "app")?;
    // Of five, three are kept for the administrator.
    for _ in 0..2 {
        part.tasks.push(hold(&address).await?);
    }
    let expected = Expected::failing("every connection is taken", Cause::TooManyConnections);
    part.tenant("full", address, expected);
    part.clusters.push(cluster);
    Ok(())
}

async fn encrypted(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let (authority, certificate, key) =
        certificate().map_err(io::Error::other).map_err(|source| LocalError::File {
            operation: "make a certificate in",
            path: "memory".into(),
            source,
        })?;
    let mut cluster = site.cluster("encrypted").await?;
    cluster.serve_tls(&certificate, &key)?;
    cluster.stop(Shutdown::Fast).await?;
    cluster.start().await?;
    let roots = site.ground.path().join("authority.pem");
    std::fs::write(&roots, authority)
        .map_err(|source| file("write the authority of", &cluster, source))?;
    let password = site.owner(&cluster, "app", "app").await?;
    let guest = site.guest(&cluster, "guest", "app").await?;
    let verified = format!(
        "{}?sslmode=verify-full&sslrootcert={}",
        url("localhost", cluster.port()?, "app", &password, "app"),
        roots.display()
    );
    part.tenant("tls", verified, Expected::well("TLS that verifies", Verdict::Isolated));
    let unknown = format!("{}?sslmode=verify-full", direct(&cluster, "guest", &guest, "app")?);
    let expected = Expected::failing("a certificate of an unknown authority", Cause::TlsFailed);
    part.tenant("tls-unknown", unknown, expected);

    let plain = site.cluster("plain").await?;
    let password = site.owner(&plain, "app", "app").await?;
    let wanted = format!("{}?sslmode=require", direct(&plain, "app", &password, "app")?);
    let expected = Expected::failing("TLS is wanted and not offered", Cause::TlsFailed);
    part.tenant("tls-absent", wanted, expected);
    part.clusters.extend([cluster, plain]);
    Ok(())
}

/// An authority's certificate, a server's, and the server's key.
fn certificate() -> Result<(String, String, String), rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    Ok((issuer.pem(), certificate.pem(), key.serialize_pem()))
}

async fn scripted(part: &mut Part) -> Result<(), LocalError> {
    let full = "could not extend file \"base/5/16384\": No space left on device";
    let pooled = "Tenant or user not found";
    let cases = [
        ("closes", Script::Close, Cause::Unreachable),
        ("http", Script::Http, Cause::NotPostgres),
        ("garbage", Script::Garbage, Cause::NotPostgres),
        ("silent", Script::Silent, Cause::Timeout),
        ("half-way", Script::HalfWay, Cause::Timeout),
        ("disk-full", Script::FailQueries("53100", full), Cause::DiskFull),
        ("query-failed", Script::FailQueries("XX000", "cache lookup failed"), Cause::QueryFailed),
        ("crashed", Script::Crash, Cause::ServerCrashed),
        ("no-tenant", Script::Refuse("XX000", pooled), Cause::AuthFailed),
        ("flood", Script::Flood, Cause::NotPostgres),
    ];
    for (id, script, cause) in cases {
        let (listening, tasks) = serve(script).await.map_err(|source| LocalError::File {
            operation: "serve a script in",
            path: "memory".into(),
            source,
        })?;
        let address = format!("postgres://app:{id}@127.0.0.1:{listening}/app?sslmode=disable");
        part.tenant(id, address, Expected::failing("a server that follows a script", cause));
        part.tasks.push(tasks);
    }
    Ok(())
}

fn file(operation: &'static str, cluster: &Cluster, source: io::Error) -> LocalError {
    LocalError::File { operation, path: cluster.data(), source }
}
