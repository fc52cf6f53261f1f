//! What people do to issues, and what others put there.

use watertight::model::finding::State;

use crate::fake_github::faults::{Fault, On};
use crate::fake_github::{FakeGithub, REPOSITORY, TOKEN_LOGIN};
use crate::stage::{FACTOR, Loop, minutes, options, titles, told, until};
use crate::truth::fact;

fn fake() -> FakeGithub {
    let fake = FakeGithub::start();
    fake.world().add_person("dba", "write");
    fake.world().add_person("passer-by", "triage");
    fake.world().limits.rules.scale = FACTOR;
    fake
}

const SHARED: &str = "shared_database critical acme globex";

async fn filed(fake: &FakeGithub) -> Loop {
    let running = Loop::start(fake.base(), options());
    running.scan(&[SHARED]);
    until(fake, "it is filed", |it| it.open_issues(REPOSITORY).len() == 1).await;
    running
}

async fn acknowledged(running: &Loop) -> String {
    let read = || running.store.finding(fact(SHARED).id()).unwrap().unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while read().state != State::Acknowledged {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("a person's word flows back");
    // Whoever waits for it hears of it a moment after the store has it.
    minutes(3).await;
    let given = read().acknowledgement.unwrap();
    format!("{}: {}", given.by, given.reason)
}

#[tokio::test]
async fn closing_as_not_planned_acknowledges_and_is_respected() {
    let fake = fake();
    let running = filed(&fake).await;
    fake.world().close_as("dba", REPOSITORY, 1, "not_planned");
    let given = acknowledged(&running).await;
    let expected = "dba at GitHub: closed as not planned: https://github.com/acme/ops/issues/1";
    assert_eq!(given, expected);
    running.scan(&[SHARED]);
    minutes(10).await;
    assert!(fake.world().open_issues(REPOSITORY).is_empty(), "{}", told(&fake.world()));
    // What the person did not see is told again.
    running.scan(&["shared_database critical acme globex initech"]);
    let grown = "Shared database: acme, globex, initech";
    until(&fake, "it is open again", |it| titles(it) == [grown]).await;
}

#[tokio::test]
async fn who_may_not_write_silences_nothing() {
    let fake = fake();
    let running = filed(&fake).await;
    fake.world().close_as("passer-by", REPOSITORY, 1, "not_planned");
    minutes(10).await;
    running.scan(&[SHARED]);
    until(&fake, "it is open again", |it| it.open_issues(REPOSITORY).len() == 1).await;
    let finding = running.store.finding(fact(SHARED).id()).unwrap().unwrap();
    assert_eq!(finding.state, State::Open);
}

#[tokio::test]
async fn the_label_acknowledges_and_people_s_own_labels_stay() {
    let fake = fake();
    let running = filed(&fake).await;
    fake.world().label_as("dba", REPOSITORY, 1, "Watertight:Acknowledged");
    fake.world().label_as("dba", REPOSITORY, 1, "customer-impact");
    let given = acknowledged(&running).await;
    let expected =
        "dba at GitHub: labelled watertight:acknowledged: https://github.com/acme/ops/issues/1";
    assert_eq!(given, expected);
    running.scan(&["shared_database critical acme globex initech"]);
    until(&fake, "it tells who joined", |it| titles(it)[0].ends_with("initech")).await;
    let labels = fake.world().issue(REPOSITORY, 1).labels.clone();
    assert!(labels.iter().any(|it| it == "customer-impact"), "{labels:?}");
    let acknowledges = |it: &String| it.eq_ignore_ascii_case("watertight:acknowledged");
    assert!(!labels.iter().any(acknowledges), "{labels:?}");
}

#[tokio::test]
async fn the_label_counts_only_where_its_last_hand_may_write() {
    const LABEL: &str = "watertight:acknowledged";
    let fake = fake();
    let running = filed(&fake).await;
    let state = || running.store.finding(fact(SHARED).id()).unwrap().unwrap().state;
    fake.world().label_as("passer-by", REPOSITORY, 1, LABEL);
    let asked = |it: &crate::fake_github::world::World| {
        it.asked.iter().filter(|it| it.request.whole_path().ends_with("/events")).count()
    };
    until(&fake, "it is asked who did it", |it| 1 < asked(it)).await;
    assert_eq!(state(), State::Open);
    {
        let mut world = fake.world();
        world.unlabel_as("dba", REPOSITORY, 1, LABEL);
        world.label_as("passer-by", REPOSITORY, 1, LABEL);
    }
    minutes(15).await;
    assert_eq!(state(), State::Open);
    {
        let mut world = fake.world();
        world.unlabel_as("passer-by", REPOSITORY, 1, LABEL);
        world.label_as("dba", REPOSITORY, 1, LABEL);
    }
    acknowledged(&running).await;
}

#[tokio::test]
async fn closing_as_done_holds_until_a_scan_sees_it_again() {
    let fake = fake();
    let running = filed(&fake).await;
    fake.world().close_as("dba", REPOSITORY, 1, "completed");
    minutes(10).await;
    assert!(fake.world().open_issues(REPOSITORY).is_empty());
    running.scan(&[SHARED]);
    until(&fake, "it is open again", |it| it.open_issues(REPOSITORY).len() == 1).await;
    let comment = fake.world().issue(REPOSITORY, 1).comments[0].body.clone();
    assert!(comment.starts_with("A scan since this issue was closed still finds it"), "{comment}");
}

#[tokio::test]
async fn an_issue_that_was_deleted_or_moved_is_filed_anew() {
    let fake = fake();
    fake.world().add_repository("acme/elsewhere");
    fake.world().add_account(crate::fake_github::TOKEN, TOKEN_LOGIN, "write");
    let _running = filed(&fake).await;
    fake.world().delete_as(REPOSITORY, 1);
    until(&fake, "a second one", |it| it.open_issues(REPOSITORY).len() == 1).await;
    fake.world().transfer_as(REPOSITORY, 2, "acme/elsewhere");
    until(&fake, "a third one", |it| it.open_issues(REPOSITORY).len() == 1).await;
    assert!(fake.world().issue(REPOSITORY, 3).open);
}

#[tokio::test]
async fn a_locked_issue_is_still_closed() {
    let fake = fake();
    let running = filed(&fake).await;
    fake.world().lock_as(REPOSITORY, 1);
    running.scan(&[]);
    until(&fake, "it is closed", |it| it.open_issues(REPOSITORY).is_empty()).await;
}

#[tokio::test]
async fn a_repository_that_everybody_reads_is_told_nothing() {
    let fake = fake();
    "public".clone_into(&mut fake.world().repository(REPOSITORY).visibility);
    let running = Loop::start(fake.base(), options());
    running.scan(&[SHARED]);
    until(&fake, "it was looked at", |it| !it.asked.is_empty()).await;
    minutes(10).await;
    assert_eq!(fake.world().writes(), 0, "{}", told(&fake.world()));
}

#[tokio::test]
async fn a_marker_that_somebody_else_pasted_is_nobody_s() {
    let fake = fake();
    let marker =
        format!("<!-- watertight:issue v1 instance=test subject={} -->", fact(SHARED).id());
    {
        let mut world = fake.world();
        world.open_as("mallory", REPOSITORY, "look here", &marker);
        world.label_as("mallory", REPOSITORY, 1, "watertight");
        let orphan = world.open_as("ghost", REPOSITORY, "no author", &marker);
        world.label_as("ghost", REPOSITORY, orphan, "watertight");
        world.forget_author(REPOSITORY, orphan);
    }
    let running = Loop::start(fake.base(), options());
    running.scan(&[SHARED]);
    until(&fake, "its own is filed", |it| it.open_issues(REPOSITORY).len() == 3).await;
    running.scan(&[]);
    until(&fake, "its own is closed", |it| it.open_issues(REPOSITORY).len() == 2).await;
}

#[tokio::test]
async fn two_daemons_on_one_repository_keep_one_issue() {
    let fake = fake();
    fake.world().lag.hides = std::time::Duration::from_millis(100);
    let (one, other) = (Loop::start(fake.base(), options()), Loop::start(fake.base(), options()));
    one.scan(&[SHARED]);
    other.scan(&[SHARED]);
    until(&fake, "one of them files", |it| !it.open_issues(REPOSITORY).is_empty()).await;
    minutes(30).await;
    until(&fake, "one is left", |it| it.open_issues(REPOSITORY).len() == 1).await;
    minutes(20).await;
    assert_eq!(titles(&fake.world()).len(), 1, "{}", told(&fake.world()));
}

#[tokio::test]
async fn a_ledger_that_was_lost_takes_its_issues_up_again() {
    let fake = fake();
    let running = filed(&fake).await;
    drop(running.stop().await);
    fake.world().lag.empty_every = 2;
    let running = Loop::start(fake.base(), options());
    running.scan(&[SHARED]);
    minutes(15).await;
    assert_eq!(fake.world().repository(REPOSITORY).issues.len(), 1, "{}", told(&fake.world()));
    running.scan(&[]);
    until(&fake, "it is closed", |it| it.open_issues(REPOSITORY).is_empty()).await;
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_or_doubled_ends_with_one_issue() {
    for fault in [Fault::LostAfter, Fault::Repeated, Fault::ErrorAfter(502), Fault::Truncated] {
        let fake = fake();
        fake.world().faults.script(On { method: "POST", path: "/issues" }, fault, 1);
        let running = Loop::start(fake.base(), options());
        running.scan(&[SHARED]);
        until(&fake, "it is filed", |it| !it.open_issues(REPOSITORY).is_empty()).await;
        minutes(15).await;
        until(&fake, "one is left", |it| it.open_issues(REPOSITORY).len() == 1).await;
        running.scan(&[]);
        until(&fake, "it is closed", |it| it.open_issues(REPOSITORY).is_empty()).await;
    }
}

#[tokio::test]
async fn refused_credentials_and_limits_are_waited_out() {
    let fake = fake();
    let on = On { method: "POST", path: "/issues" };
    fake.world().faults.script(on, Fault::Refused { status: 403, retry_after: None }, 1);
    fake.world().faults.script(on, Fault::Refused { status: 429, retry_after: Some(60) }, 1);
    fake.world().faults.script(on, Fault::Refused { status: 401, retry_after: Some(1) }, 1);
    let _running = filed(&fake).await;
    let world = fake.world();
    assert!(world.limits.breaches.is_empty(), "{:?}", world.limits.breaches);
}
