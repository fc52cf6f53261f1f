//! The demonstration of deploy/compose.yaml without its containers: its roles, its configuration and its host names, on
//! two real clusters, show the fault that it promises. (In containers it says besides that nothing is encrypted.)
//!
//! Why: it is what a stranger starts first, and nobody starts containers before each change.

use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;

use crate::program::{Program, server};

const COMPOSE: &str = include_str!("../../deploy/compose.yaml");
const CONFIGURATION: &str = include_str!("../../deploy/compose/demo.toml");
const ROLES: &str = include_str!("../../deploy/compose/demo.sql");

/// What the containers' network calls that service.
fn aliases(service: &str) -> Vec<&'static str> {
    let block = COMPOSE.split_once(&format!("\n  {service}:\n")).expect("the service is there").1;
    let names = block.split_once("aliases: [").expect("it has names").1;
    names.split_once(']').expect("a list").0.split(", ").collect()
}

/// As the image of PostgreSQL makes it for `POSTGRES_DB: app`, with the file in its `docker-entrypoint-initdb.d`.
async fn container(ground: &Ground, service: &str) -> Cluster {
    let cluster = server(ground, service).await;
    cluster.execute("postgres", &["create database app"]).await.expect("a database");
    cluster.execute("app", &[ROLES]).await.expect("the roles");
    cluster
}

#[tokio::test]
async fn the_demonstration_shows_that_two_of_three_tenants_share_a_database() {
    let ground = Ground::create().unwrap();
    let mut tenants =
        CONFIGURATION.split_once("[[tenants]]").expect("there are tenants").1.to_owned();
    tenants.insert_str(0, "[[tenants]]");
    let mut clusters = Vec::new();
    for service in ["cluster-one", "cluster-two"] {
        let cluster = container(&ground, service).await;
        let here = format!("@127.0.0.1:{}/", cluster.port().unwrap());
        for name in aliases(service) {
            let there = format!("@{name}/");
            assert!(tenants.contains(&there), "no tenant is at {name}");
            tenants = tenants.replace(&there, &here);
        }
        clusters.push(cluster);
    }
    Program::new(&tenants)
        .check(
            "the containers of the profile demo",
            "
            breached acme
            isolated globex
            breached hooli
            shared_database critical open acme hooli
            ",
        )
        .await;
}
