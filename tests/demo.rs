//! The demonstration's fleet is what its explanations say it is.

use std::collections::BTreeMap;
use std::time::Duration;

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
