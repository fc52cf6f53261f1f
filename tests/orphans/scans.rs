//! What scans make of an organisation, read with a token that only reads.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use watertight::model::observation::Cause;

use crate::fake_supabase::faults::{Fault, LIST};
use crate::fake_supabase::projects::Fate;
use crate::organization::{old, organization, program, reading, tenant, told};
use crate::running::Running;

/// Long enough for anything, and far from a provider's patience.
const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn every_page_is_compared_with_the_registry() {
    let fake = organization();
    let owned = old(&fake, "acme");
    for number in 0..230 {
        old(&fake, &format!("infra-{number}"));
    }
    let branch = old(&fake, "acme, a branch");
    fake.world().project(&branch).branch = true;
    fake.world().add("young", crate::fake_supabase::REGION, "x");
    let orphan = old(&fake, "the last one");
    let ignore = "ignore = [{ project = \"infra-*\", reason = \"no tenants\" }]";
    let program = program(&[&reading(&fake, ignore), &tenant("acme", &owned)]);

    let report = program.verify().await;
    assert_eq!(told(&report), ["orphaned_project 1"], "{:?}", report.warnings);
    let finding =
        crate::program::finding(&report, watertight::model::finding::Kind::OrphanedProject);
    assert!(finding.claim.summary.contains(&orphan), "{}", finding.claim.summary);

    fake.world().delete(&orphan);
    assert_eq!(told(&program.verify().await), [""; 0]);
    assert!(fake.world().asked.iter().all(|it| it.request.method == "GET"));
}

#[tokio::test]
async fn a_project_that_is_gone_wakes_people_and_a_branch_or_a_paused_one_does_not() {
    let fake = organization();
    let (gone, branch, paused) = (old(&fake, "gone"), old(&fake, "branch"), old(&fake, "paused"));
    let rows =
        [tenant("acme", &gone), tenant("globex", &branch), tenant("initech", &paused)].concat();
    let program = program(&[&reading(&fake, ""), &rows]);
    fake.world().project(&branch).branch = true;
    fake.world().project(&paused).fate = Fate::Status("INACTIVE");
    fake.world().delete(&gone);

    let report = program.verify().await;
    assert_eq!(told(&report), ["missing_project acme"], "{:?}", report.warnings);
    let causes: Vec<_> = report.tenants.iter().map(|it| it.cause).collect();
    let refused = Some(Cause::ConnectionRefused);
    assert_eq!(causes, [refused, refused, Some(Cause::ProjectInactive)]);

    fake.world().project(&gone).deleted = None;
    assert_eq!(told(&program.verify().await), [""; 0]);
}

#[tokio::test]
async fn a_provider_that_is_away_opens_nothing_and_takes_nothing_back() {
    let fake = organization();
    old(&fake, "nobody's");
    let gone = old(&fake, "gone");
    fake.world().delete(&gone);
    let program = program(&[&reading(&fake, ""), &tenant("acme", &gone)]);
    let away = |fake: &crate::fake_supabase::FakeSupabase| {
        fake.world().faults.script(LIST, Fault::Says(403, "{\"message\":\"Forbidden\"}"), 1);
    };

    away(&fake);
    let report = program.verify().await;
    assert_eq!(told(&report), [""; 0]);
    assert!(report.warnings.iter().any(|it| it.contains("could not be read")));

    let known = ["missing_project acme", "orphaned_project 1"];
    assert_eq!(told(&program.verify().await), known);
    away(&fake);
    let report = program.verify().await;
    assert_eq!(told(&report), known);
    assert!(report.warnings.iter().any(|it| it.contains("could not be read")));
}

#[tokio::test]
async fn a_provider_that_hangs_holds_up_no_scan_of_the_daemon() {
    let fake = organization();
    old(&fake, "nobody's");
    fake.world().faults.script(LIST, Fault::Hang, 1);
    let gone = old(&fake, "gone");
    fake.world().delete(&gone);
    let program = program(&[&reading(&fake, ""), &tenant("acme", &gone)]);
    let mut running = Running::start(&program).await;
    running.latest().await;
    let began = Instant::now();
    assert_eq!(told(&running.scan().await), [""; 0]);
    assert!(began.elapsed() < Duration::from_secs(20));
    running.stop().await;

    // It answers again.
    let mut running = Running::start(&program).await;
    let until = Instant::now() + LIMIT;
    while told(&running.scan().await) != ["missing_project acme", "orphaned_project 1"] {
        assert!(Instant::now() < until, "{:#?}", running.messages());
        sleep(Duration::from_millis(100)).await;
    }
    let read = "watertight_provider_requests_total{operation=\"inventory\",provider=\"supabase\"}";
    assert!(running.metric(read).await.is_some_and(|it| 1.0 <= it));
    running.stop().await;
}
