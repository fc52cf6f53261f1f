//! Events and those who receive them: slow, dead, confused, and killed senders.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::program::Program;
use crate::receiver::{Mood, Receiver};
use crate::running::Running;
use crate::{breached, down, finding, from_now, post, reconfigure, scan, usual};

/// A fleet is never empty: beside whoever is told of, there is a tenant that the receiver does not care for.
fn besides(receiver: &Receiver) -> String {
    let other = down("globex") + "environment = \"staging\"\n";
    usual() + &receiver.section("chat", "environment = \"production\"") + &other
}

async fn acknowledge(daemon: &Running) -> String {
    let id = finding(daemon, "unhealthy", "acme").await;
    let path = format!("/api/v1/findings/{id}/acknowledge");
    let said = json!({ "reason": "it is being moved", "until": from_now(3_600) });
    post(daemon, &path, &said).await;
    id
}

#[tokio::test]
async fn a_finding_is_told_from_its_opening_to_its_end() {
    let receiver = Receiver::start().await;
    let program = Program::new(&(besides(&receiver) + &down("acme")));
    let mut daemon = Running::start(&program).await;
    receiver.until(1).await;
    let id = acknowledge(&daemon).await;
    receiver.until(2).await;
    // Nothing has changed, so nothing is told.
    scan(&daemon).await;
    reconfigure(&daemon, &program, &besides(&receiver)).await;
    scan(&daemon).await;
    receiver.until(3).await;
    assert_eq!(
        receiver.told(),
        [
            "finding.opened unhealthy open",
            "finding.acknowledged unhealthy acknowledged",
            "finding.resolved unhealthy resolved"
        ]
    );
    let said = &receiver.received()[1].body["finding"];
    assert_eq!(said["acknowledgement"]["by"], "op");
    assert_eq!(said["tenants"], json!(["acme"]));
    assert_eq!(said["path"], format!("/api/v1/findings/{id}"));
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn what_a_receiver_refuses_comes_again_with_the_same_id_and_is_not_sent_elsewhere() {
    let receiver = Receiver::start().await;
    let moods = [Mood::Answer(500), Mood::Elsewhere, Mood::Answer(404)];
    receiver.be(&moods);
    let program = Program::new(&(usual() + &receiver.section("chat", "") + &down("acme")));
    let mut daemon = Running::start(&program).await;
    receiver.until(4).await;
    let tries = receiver.received();
    let ids: BTreeSet<&str> = tries.iter().map(|it| it.id.as_str()).collect();
    assert_eq!((tries.len(), ids.len()), (4, 1));
    let waits: Vec<Duration> = tries.windows(2).map(|it| it[1].at - it[0].at).collect();
    assert!(Duration::from_millis(400) < waits[0] && waits[0] < waits[2], "{waits:?}");
    let secret = daemon.messages().join("\n");
    assert!(!secret.contains("/hook") && !secret.contains(crate::receiver::SECRET), "{secret}");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_is_given_it() {
    let receiver = Receiver::start().await;
    receiver.be(&[Mood::Later(3)]);
    let program = Program::new(&(usual() + &receiver.section("chat", "") + &down("acme")));
    let mut daemon = Running::start(&program).await;
    receiver.until(2).await;
    let tries = receiver.received();
    assert!(Duration::from_millis(2_900) < tries[1].at - tries[0].at);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn one_that_is_silent_or_gone_holds_up_no_other_and_no_end() {
    let (silent, gone, well) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    silent.be(&[Mood::Silent; 9]);
    gone.be(&[Mood::Answer(410); 9]);
    let sections =
        silent.section("silent", "") + &gone.section("gone", "") + &well.section("b", "");
    let tenants: String = ["acme", "globex", "initech"].map(down).concat();
    let program = Program::new(&(usual() + &sections + &tenants));
    let mut daemon = Running::start(&program).await;
    well.until(3).await;
    silent.until(1).await;
    gone.until(1).await;
    assert!(silent.received().len() < 3, "it is left alone");
    assert_eq!(gone.received().len(), 1, "it is left alone for long");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_receiver_hears_only_of_what_it_asked_for() {
    let (severe, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let sections = severe.section("severe", "severity = \"critical\"")
        + &elsewhere.section("elsewhere", "environment = \"staging\"");
    let staging = down("dora") + "environment = \"staging\"\n";
    let program = Program::new(&(usual() + &sections + &breached() + &staging));
    let mut daemon = Running::start(&program).await;
    severe.until(1).await;
    elsewhere.until(1).await;
    scan(&daemon).await;
    assert_eq!(severe.told(), ["finding.opened shared_project open"]);
    assert_eq!(elsewhere.told(), ["finding.opened unhealthy open"]);
    assert_eq!(elsewhere.received()[0].body["finding"]["tenants"], json!(["dora"]));
    assert_eq!(daemon.stop().await, Some(0));
}

/// Killed in the middle of a try, before it, and after what it says was stored: each event arrives, in its finding's order.
#[tokio::test]
async fn a_daemon_that_is_killed_tells_everything_in_order_all_the_same() {
    let receiver = Receiver::start().await;
    let program = Program::new(&(besides(&receiver) + &down("acme")));
    receiver.be(&[Mood::Silent]);
    let mut daemon = Running::start(&program).await;
    receiver.until(1).await;
    acknowledge(&daemon).await;
    daemon.signal(Signal::KILL);
    daemon.ended().await;
    // The store has the acknowledgement; whether it was queued is left to chance.
    receiver.be(&[Mood::Answer(500), Mood::Silent]);
    let before = receiver.received().len();
    let mut daemon = Running::start(&program).await;
    receiver.until(before + 2).await;
    daemon.signal(Signal::KILL);
    daemon.ended().await;
    program.configure(&besides(&receiver));
    let daemon = Running::start(&program).await;
    let limit = tokio::time::Instant::now() + crate::running::LIMIT;
    while !receiver.told().iter().any(|it| it.starts_with("finding.resolved")) {
        assert!(tokio::time::Instant::now() < limit, "{:?}", receiver.told());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let opened = receiver.received()[0].id.clone();
    assert!(receiver.received().iter().filter(|it| it.id == opened).count() >= 2);
    assert_eq!(
        receiver.told(),
        [
            "finding.opened unhealthy open",
            "finding.acknowledged unhealthy acknowledged",
            "finding.resolved unhealthy resolved"
        ]
    );
    drop(daemon);
}
