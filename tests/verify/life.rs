//! A fleet over several scans on one store: what changes behind a tenant, what is accepted, what opens and resolves.

use watertight::local::cluster::Shutdown;
use watertight::local::ground::Ground;
use watertight::model::finding::{FindingId, Kind};
use watertight::model::report::Report;
use watertight::report::json;

use crate::program::{Program, Ran, finding, guest, own_database, server, tenant, through};

async fn well(program: &Program, arguments: &[&str]) -> Ran {
    let ran = program.run(arguments).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

/// Two servers, one database for each tenant.
fn apart(acme: &str, globex: &str) -> String {
    let rows = [tenant("acme", acme, ""), tenant("globex", globex, "")].concat();
    format!("policy.isolation = \"database\"\n{rows}")
}

const ISOLATED: &str = "isolated acme\nisolated globex";

#[tokio::test]
async fn a_database_that_was_made_anew_is_drift_until_somebody_accepts_it() {
    let ground = Ground::create().unwrap();
    let (one, mut two) = (server(&ground, "one").await, server(&ground, "two").await);
    let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    let program = Program::new(&apart(&acme, &globex));
    program.check("at first sight", ISOLATED).await;
    one.execute("postgres", &["drop database acme"]).await.unwrap();
    one.create_database("acme", "acme").await.unwrap();
    let drift = "
        unverified acme
        isolated globex
        fingerprint_drift high open acme
    ";
    let first = program.check("made anew", drift).await;
    let again = program.check("and looked at again", drift).await;
    let (first, again) =
        (finding(&first, Kind::FingerprintDrift), finding(&again, Kind::FingerprintDrift));
    assert_eq!((first.id, first.first_seen), (again.id, again.first_seen));
    well(&program, &["accept", "acme", "--reason", "restore drill", "--dry-run"]).await;
    program.check("after a dry run", drift).await;
    well(&program, &["accept", "acme", "--reason", "restore drill"]).await;
    let settled = format!("{ISOLATED}\nfingerprint_drift high resolved acme");
    program.check("accepted", &settled).await;
    program.check("and from then on", ISOLATED).await;

    // Another server, announced before it comes.
    well(&program, &["accept", "globex", "--reason", "a move", "--until", "1h"]).await;
    let moved = own_database(&one, "globex").await;
    program.configure(&apart(&acme, &moved));
    program.check("announced", ISOLATED).await;
    // And back again, which the announcement covers too.
    program.configure(&apart(&acme, &globex));
    program.check("moved back in time", ISOLATED).await;
    // Nobody announced this for acme.
    let stray = own_database(&two, "stray").await;
    program.configure(&apart(&stray, &globex));
    program.check("a swapped URL", drift).await;
    program.configure(&apart(&acme, &globex));
    program.check("swapped back", &settled).await;
    two.stop(Shutdown::Fast).await.unwrap();
    two.start().await.unwrap();
    program.check("a restart", ISOLATED).await;
}

#[tokio::test]
async fn the_promotion_of_a_tenants_own_standby_is_no_drift() {
    let ground = Ground::create().unwrap();
    let (mut one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    let standby = one.standby("standby", None).await.unwrap();
    standby.caught_up_with(&one).await.unwrap();
    let replica = through(&acme, standby.port().unwrap(), "acme");
    let rows = |main: &str, more: &str| {
        [tenant("acme", main, more), tenant("globex", &globex, "")].concat()
    };
    let program = Program::new(&rows(&acme, &format!("endpoints = {{ replica = {replica:?} }}")));
    program.check("with its standby", ISOLATED).await;
    one.stop(Shutdown::Fast).await.unwrap();
    standby.promote().await.unwrap();
    program.configure(&rows(&replica, ""));
    program.check("after the promotion", ISOLATED).await;
    program.check("and from then on", ISOLATED).await;
}

#[tokio::test]
async fn who_was_moved_in_is_seen_by_a_scan_of_the_one_alone() {
    let ground = Ground::create().unwrap();
    let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    let astray = guest(&one, "globex", "acme").await;
    let program = Program::new(&apart(&acme, &globex));
    program.check("apart", ISOLATED).await;
    let alone = ["verify", "--tenant", "acme", "--format", "json"];
    well(&program, &alone).await;
    program.configure(&apart(&acme, &astray));
    // Before anybody has seen it, and while what is expected of the other is still where it was.
    for when in ["at first sight", "after a scan of all"] {
        let ran = program.run(&alone).await;
        assert_eq!(ran.code, Some(1), "{when}: {ran:?}");
        let report = json::parse(&ran.out).unwrap();
        assert_eq!(finding(&report, Kind::SharedDatabase).claim.tenants.len(), 2, "{when}");
        program.verify().await;
    }
}

fn id(report: &Report) -> FindingId {
    finding(report, Kind::SharedDatabase).id
}

#[tokio::test]
async fn sharing_keeps_its_id_as_it_grows_and_clears_only_when_all_were_seen_apart() {
    let ground = Ground::create().unwrap();
    let (one, mut two) = (server(&ground, "one").await, server(&ground, "two").await);
    let acme = own_database(&one, "acme").await;
    let homes = (own_database(&two, "globex").await, own_database(&two, "hooli").await);
    let astray = (guest(&one, "globex", "acme").await, guest(&one, "hooli", "acme").await);
    let rows = |globex: &str, hooli: &str| {
        let rows =
            [tenant("acme", &acme, ""), tenant("globex", globex, ""), tenant("hooli", hooli, "")];
        format!("policy.isolation = \"database\"\n{}", rows.concat())
    };
    let program = Program::new(&rows(&homes.0, &homes.1));
    let isolated = "isolated acme\nisolated globex\nisolated hooli";
    program.check("at first", isolated).await;

    program.configure(&rows(&astray.0, &homes.1));
    let two_share = "
        breached acme
        breached globex
        isolated hooli
        shared_database critical open acme globex
        fingerprint_drift high open globex
    ";
    let first = id(&program.check("two on one", two_share).await);
    program.configure(&rows(&astray.0, &astray.1));
    let three_share = "
        breached acme
        breached globex
        breached hooli
        shared_database critical open acme globex hooli
        fingerprint_drift high open globex
        fingerprint_drift high open hooli
    ";
    assert_eq!(id(&program.check("three on one", three_share).await), first);

    program.configure(&rows(&homes.0, &homes.1));
    two.stop(Shutdown::Fast).await.unwrap();
    let unseen = "
        breached acme
        breached globex connection_refused
        breached hooli connection_refused
        shared_database critical open acme globex hooli
        fingerprint_drift high open globex
        fingerprint_drift high open hooli
        unhealthy high pending globex
        unhealthy high pending hooli
    ";
    assert_eq!(id(&program.check("said to be mended, and not seen", unseen).await), first);
    let unseen = unseen.replace("pending", "open");
    assert_eq!(id(&program.check("still not seen", &unseen).await), first);
    two.start().await.unwrap();
    let resolved = format!(
        "{isolated}
        shared_database critical resolved acme globex hooli
        fingerprint_drift high resolved globex
        fingerprint_drift high resolved hooli
        unhealthy high resolved globex
        unhealthy high resolved hooli"
    );
    program.check("seen apart", &resolved).await;
    program.check("and from then on", isolated).await;

    // What returns is the same trouble.
    program.configure(&rows(&astray.0, &homes.1));
    assert_eq!(id(&program.check("two on one again", two_share).await), first);
    // A row that was taken out of the registry proves nothing.
    let gone = [tenant("acme", &acme, ""), tenant("hooli", &homes.1, "")].concat();
    program.configure(&format!("policy.isolation = \"database\"\n{gone}"));
    let kept = "
        breached acme
        isolated hooli
        shared_database critical open acme globex
        fingerprint_drift high open globex
    ";
    program.check("one of them left the registry", kept).await;
}
