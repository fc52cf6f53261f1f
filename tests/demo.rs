//! The demonstration's fleet is what its explanations say it is.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use watertight::demo::{self, Fleet};

/// What tells one running server and database from another, asked as the tenant itself.
const IDENTITY: &str = "select (select system_identifier from pg_control_system())::text, \
     pg_postmaster_start_time()::text, current_database()::text, pg_is_in_recovery()::text";

type Identity = [String; 4];

async fn ask(url: &str) -> Result<Identity, tokio_postgres::Error> {
    let asking = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let asking = async move { client.query_one(IDENTITY, &[]).await };
        let row = tokio::join!(asking, connection).0?;
        Ok([0, 1, 2, 3].map(|it| row.get(it)))
    };
    timeout(Duration::from_secs(20), asking).await.expect("within the deadline")
}

async fn identities(fleet: &Fleet) -> BTreeMap<&str, Identity> {
    let mut found = BTreeMap::new();
    for row in &fleet.rows {
        if let Ok(identity) = ask(row.database_url.expose()).await {
            found.insert(row.id.as_str(), identity);
        }
    }
    found
}

#[tokio::test]
async fn the_fleet_is_what_its_explanations_say() {
    let fleet = timeout(Duration::from_mins(1), demo::start(&|_step| ())).await.unwrap().unwrap();
    let mut told: Vec<&str> =
        fleet.explanations.iter().flat_map(|it| &it.tenants).map(String::as_str).collect();
    told.sort_unstable();
    let mut ids: Vec<&str> = fleet.rows.iter().map(|it| it.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(told, ids, "each tenant is explained once");
    assert!(12 <= ids.len());

    let seen = identities(&fleet).await;
    let silent: Vec<&str> = ids.iter().copied().filter(|it| !seen.contains_key(it)).collect();
    assert_eq!(silent, ["cyberdyne", "wonka"]);
    assert_eq!(seen["hooli"], seen["umbrella"]);
    assert_eq!(seen["vandelay"][..2], seen["kramerica"][..2]);
    assert_ne!(seen["vandelay"][2], seen["kramerica"][2]);
    for (one, other, recovering) in
        [("soylent", "oscorp", "true"), ("tyrell", "tyrell-staging", "false")]
    {
        assert_eq!(seen[one][0], seen[other][0]);
        assert_ne!(seen[one][1], seen[other][1]);
        assert_eq!(seen[other][3], recovering);
    }
    let mut systems: Vec<&String> = seen.values().map(|it| &it[0]).collect();
    systems.sort_unstable();
    systems.dedup();
    assert_eq!(systems.len(), seen.len() - 4, "all others are strangers to each other");
}

/// What is told, in this order.
#[track_caller]
fn follow_each_other(told: &str, expected: &[&str]) {
    let mut rest = told;
    for it in expected {
        let Some((_, after)) = rest.split_once(it) else {
            panic!("{it} is not told after:\n{told}")
        };
        rest = after;
    }
}

#[tokio::test]
async fn in_the_second_act_a_pair_is_parted_and_a_tenant_is_whole_or_not_there() {
    let running = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .args(["demo", "--once"])
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_mins(4), running).await.unwrap().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let (_, act) = told.split_once("Second act").unwrap();
    follow_each_other(
        act,
        &[
            "hooli and umbrella read and write the same database",
            "3 tenants: 1 isolated, 2 breached, 0 unverified",
            "rehome of umbrella",
            "3 tenants: 3 isolated, 0 breached, 0 unverified",
            "provision of stark",
            "Its setup is planted to fail",
            "provision of aperture",
            "4 tenants: 4 isolated, 0 breached, 0 unverified",
        ],
    );
}
