//! Many databases on one small server: the limit on connections holds, and the verdict is right all the same.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use watertight::local::binaries::Binaries;
use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;
use watertight::model::finding::{Kind, Verdict};
use watertight::model::tenant::TenantId;

use crate::program::{Program, finding, guest, own_database, tenant};
use crate::server_log::{Crowd, crowd, keep_count, length};

const PER_SERVER: usize = 4;

/// A server with `databases` databases of one tenant each, and one tenant more on the first of them.
async fn check(
    databases: usize,
    isolation: &str,
    judge: impl Fn(&watertight::model::report::Report),
) -> Duration {
    let ground = Ground::create().expect("a ground");
    let binaries = Binaries::find().expect("PostgreSQL");
    let mut cluster = Cluster::initialise(&ground, &binaries, "crowded").await.expect("a cluster");
    cluster.set("max_connections", "12");
    keep_count(&mut cluster);
    cluster.start().await.expect("it starts");
    let server = &cluster;
    let rows: Vec<String> = stream::iter(0..databases)
        .map(|it| async move {
            let name = format!("t{it:03}");
            tenant(&name, &own_database(server, &name).await, "")
        })
        .buffered(2)
        .collect()
        .await;
    let alias = guest(server, "t-alias", "t000").await.replace("127.0.0.1", "localhost");
    let program = Program::new(&format!(
        "policy.isolation = {isolation:?}\nprobe.per_server = {PER_SERVER}\n{}{}",
        rows.concat(),
        tenant("alias", &alias, "")
    ));
    let before = length(&ground, server);
    let start = Instant::now();
    let report = program.verify().await;
    let took = start.elapsed();
    assert_eq!(report.tenants.len(), databases + 1);
    judge(&report);
    let Crowd { visits, peak, refusals } = crowd(&ground, server, "t", before);
    assert_eq!(refusals, 0, "the server had to refuse somebody");
    assert!(peak <= PER_SERVER, "{peak} connections at once");
    // 2.1 per tenant.
    assert!(visits * 10 <= 21 * report.tenants.len(), "{visits} connections");
    took
}

#[tokio::test]
async fn the_alias_on_a_crowded_server_is_found_and_nobody_is_refused() {
    check(40, "database", |report| {
        let shared = finding(report, Kind::SharedDatabase);
        let members: Vec<&str> = shared.claim.tenants.iter().map(TenantId::as_str).collect();
        assert_eq!(members, ["alias", "t000"]);
        for tenant in &report.tenants {
            let member = shared.claim.tenants.contains(&tenant.id);
            let expected = if member { Verdict::Breached } else { Verdict::Isolated };
            assert_eq!(tenant.isolation, expected, "{}: {:?}", tenant.id, tenant.doubts);
        }
        let told = report.findings.iter().filter(|it| it.breaches()).count();
        assert_eq!(told, 1, "{:#?}", report.findings);
    })
    .await;
}

/// Five hundred take more than a minute to make.
const LARGE: usize = 150;

#[tokio::test]
async fn all_databases_of_a_large_server_are_told_in_one_finding() {
    let took = check(LARGE, "cluster", |report| {
        let shared = finding(report, Kind::SharedCluster);
        assert_eq!(shared.claim.tenants.len(), report.tenants.len());
        assert!(report.tenants.iter().all(|it| it.isolation == Verdict::Breached));
    })
    .await;
    assert!(took < Duration::from_secs(30), "{took:?}");
}
