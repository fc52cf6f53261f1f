//! A provider that hands out a database in which somebody lives, and one that makes two where one was asked for.

use std::time::Duration;

use serde_json::json;
use watertight::model::finding::{Kind, Severity, State};
use watertight::model::report::Report;
use watertight::model::tenant::TenantId;

use crate::fake_supabase::faults::{CREATE, Fault};
use crate::fake_supabase::projects::Fate;
use crate::life::Life;
use crate::program;
use crate::site::{ask, ended, scan, step, until, url_of};
use crate::stage::Stage;
use crate::{judge, witness};

/// Of the lists: as long as an operation waits for what it cannot see, less a third.
const LAG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_database_that_is_in_use_is_refused_left_alone_and_told() {
    let stage = Stage::new().await;
    let (life, mut daemon) = Life::begin(&stage).await;
    let owner = &stage.customers[0];
    let fate = Fate::InUse(owner.reference.clone());
    stage.fake.world().faults.script(CREATE, Fault::Fated(fate), 1);
    let id = ask(&daemon, "acme").await;
    let operation = ended(&daemon, &id, "stuck").await;
    let left = step(&operation, "create_project");
    assert_eq!(left["state"], "undo_failed", "{operation:#}");
    assert!(left["error"].as_str().unwrap().contains(owner.id), "{operation:#}");
    assert!(url_of(&stage.program, "acme").is_none(), "it never came to be");
    assert_eq!(stage.fake.world().living().count(), 3, "nothing was deleted");
    assert_eq!(witness::touched(&owner.url, owner.id).await, None);

    let report = scan(&daemon).await;
    let twice = program::finding(&report, Kind::DatabaseHandedOutTwice);
    let members: Vec<&str> = twice.claim.tenants.iter().map(TenantId::as_str).collect();
    assert_eq!((twice.claim.severity, members), (Severity::Critical, vec!["acme", owner.id]));
    let stuck = program::finding(&report, Kind::OperationStuck);
    assert_eq!(stuck.claim.severity, Severity::Critical);
    assert!(stuck.claim.tenants.iter().map(TenantId::as_str).eq(["acme"]));
    assert_eq!(open(&report), 2);

    stage.hear(daemon.lines());
    let wrongs = judge::wrongs(&stage).await;
    assert!(wrongs.is_empty(), "{wrongs:#?}");

    let path = format!("/api/v1/operations/{id}/settle");
    life.post(&path, &json!({ "reason": "taken away by hand" })).await;
    let report = scan(&daemon).await;
    assert_eq!(open(&report), 0, "{}", program::told(&report));
    daemon.stop().await;
}

#[tokio::test]
async fn what_was_made_twice_is_gone_though_it_is_listed_late() {
    let stage = Stage::new().await;
    let (life, mut daemon) = Life::begin(&stage).await;
    {
        let mut world = stage.fake.world();
        world.rules.unscaled.lag = LAG;
        world.faults.script(CREATE, Fault::Doubled, 1);
    }
    let id = ask(&daemon, "acme").await;
    until(&daemon, &id, |it| step(it, "create_project")["state"] == "succeeded").await;
    life.post(&format!("/api/v1/operations/{id}/cancel"), &json!({})).await;
    ended(&daemon, &id, "rolled_back").await;
    assert_eq!(stage.fake.world().projects.len(), 4, "two were made");
    assert_eq!(stage.fake.world().living().count(), 2, "and both are gone");
    let wrongs = judge::wrongs(&stage).await;
    assert!(wrongs.is_empty(), "{wrongs:#?}");
    daemon.stop().await;
}

/// Findings about operations that still stand.
fn open(report: &Report) -> usize {
    let of_operations = [Kind::DatabaseHandedOutTwice, Kind::OperationStuck];
    let findings = report.findings.iter();
    findings
        .filter(|it| of_operations.contains(&it.claim.kind) && it.state != State::Resolved)
        .count()
}
