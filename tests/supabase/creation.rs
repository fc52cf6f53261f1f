//! What is said of a creation or a deletion whose answer is lost, late, doubled or untrue, and that neither is repeated.

use std::time::Duration;

use tokio::time::sleep;
use watertight::provider::{Provider, ProviderError};
use watertight::secret::Secret;

use crate::fake_supabase::faults::{CREATE, DELETE, Fault};
use crate::stage::{Stage, wanted, word};

const TIMEOUT: Duration = Duration::from_millis(700);

/// The word that a creation under this fault ends with, and how many projects there are then.
#[track_caller]
fn check(fault: Fault, expected: &str, projects: usize) -> impl Future<Output = Stage> {
    let caller = std::panic::Location::caller();
    async move {
        let stage = Stage::with(|it| it.pace.timeout = TIMEOUT);
        let named = format!("{fault:?} at {caller}");
        let sent = if fault == Fault::Doubled { 2 } else { 1 };
        stage.fake.world().faults.script(CREATE, fault, 1);
        let wanted = wanted("wt-acme");
        let made = stage.provider.create(&wanted).await;
        assert_eq!(word(&made, &wanted.password), expected, "{named}");
        assert_eq!(stage.provider.named("wt-acme").await.unwrap().len(), projects, "{named}");
        assert_eq!(stage.fake.world().creations(), sent, "{named}: it was sent again");
        stage
    }
}

#[tokio::test]
async fn whoever_creates_is_told_whether_it_was_done_or_that_nobody_knows() {
    check(Fault::LostBefore, "unknown", 0).await;
    check(Fault::LostAfter, "unknown", 1).await;
    check(Fault::ErrorBefore(502), "unknown", 0).await;
    check(Fault::ErrorAfter(500), "unknown", 1).await;
    check(Fault::AnsweredLate(TIMEOUT * 2), "unknown", 1).await;
    check(Fault::Hang, "unknown", 0).await;
    check(Fault::Truncated, "unknown", 1).await;
    check(Fault::Endless, "unknown", 0).await;
    check(Fault::Redirected("/v1/elsewhere".to_owned()), "unknown", 0).await;
    check(Fault::Doubled, "well", 2).await;
    let late = check(Fault::DoneLate(TIMEOUT * 2), "unknown", 0).await;
    sleep(TIMEOUT * 2).await;
    assert_eq!(late.provider.named("wt-acme").await.unwrap().len(), 1, "it came after all");
}

#[tokio::test]
async fn a_refusal_is_told_as_what_it_is() {
    let quota = r#"{"message":"… maximum limits for the number of active free projects …"}"#;
    check(Fault::Says(400, quota), "quota", 0).await;
    check(Fault::Says(403, quota), "quota", 0).await;
    check(Fault::Says(400, r#""not allowed""#), "invalid", 0).await;
    check(Fault::Says(401, "Unauthorized"), "denied", 0).await;
    check(Fault::Says(402, r#"{"message":"upgrade"}"#), "plan", 0).await;
    check(Fault::Says(403, r#"{"message":"Forbidden resource"}"#), "denied", 0).await;
    check(Fault::Says(409, "{}"), "busy", 0).await;
    check(Fault::Says(422, "{}"), "invalid", 0).await;
    check(Fault::Limited { reset: 30 }, "busy", 0).await;
    let stage = Stage::new();
    stage.fake.world().rules.quota = Some(1);
    let (one, two) = (wanted("wt-one"), wanted("wt-two"));
    stage.provider.create(&one).await.unwrap();
    let told = stage.provider.create(&two).await;
    assert_eq!(word(&told, &two.password), "quota");
    assert!(!told.unwrap_err().to_string().contains("NAME"), "people are not named");
}

#[tokio::test]
async fn an_answer_that_is_not_about_what_was_asked_for_leaves_a_creation_in_doubt() {
    for answer in [
        "null",
        "[]",
        "{}",
        r#"{"ref":"../organizations","name":"wt-acme"}"#,
        r#"{"ref":"abcdefghijklmnopqrst","name":"wt-other"}"#,
        r#"{"ref":["abcdefghijklmnopqrst"],"name":"wt-acme"}"#,
        "<html>",
        "",
    ] {
        check(Fault::Says(201, answer), "unknown", 0).await;
    }
    let forgotten = check(Fault::Forgotten, "well", 0).await;
    assert_eq!(forgotten.names().await, Vec::<String>::new());
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_done() {
    let stage = Stage::with(|it| it.api_url = "http://127.0.0.1:1".into());
    let wanted = wanted("wt-acme");
    assert_eq!(word(&stage.provider.create(&wanted).await, &wanted.password), "unreachable");
}

#[tokio::test]
async fn a_deletion_is_sent_once_and_in_doubt_where_its_answer_is() {
    let nothing = Secret::new("nothing");
    for (fault, expected, left) in [
        (Fault::LostBefore, "unknown", 1),
        (Fault::LostAfter, "unknown", 0),
        (Fault::ErrorAfter(504), "unknown", 0),
        (Fault::Says(400, r#"{"message":"Project is protected"}"#), "invalid", 1),
        (Fault::Says(403, "{}"), "denied", 1),
        (Fault::Doubled, "well", 0),
        (Fault::Truncated, "well", 0),
        (Fault::Says(404, "{}"), "well", 1),
    ] {
        let stage = Stage::with(|it| it.pace.timeout = TIMEOUT);
        let made = stage.provider.create(&wanted("wt-acme")).await.unwrap();
        stage.fake.world().faults.script(DELETE, fault.clone(), 1);
        let gone = stage.provider.delete(&made.reference).await;
        assert_eq!(word(&gone, &nothing), expected, "{fault:?}");
        let world = stage.fake.world();
        assert_eq!(world.living().count(), left, "{fault:?}");
        let sent = world.asked.iter().filter(|it| it.request.method == "DELETE").count();
        assert_eq!(sent, if fault == Fault::Doubled { 2 } else { 1 }, "{fault:?}");
    }
}

#[tokio::test]
async fn a_limit_is_told_with_its_length() {
    let stage = check(Fault::Limited { reset: 30 }, "busy", 0).await;
    let told = stage.provider.create(&wanted("wt-acme")).await.unwrap_err();
    assert!(
        matches!(&told, ProviderError::Busy { after: Some(it), .. } if *it < Duration::from_millis(311))
    );
    assert_eq!(stage.fake.world().creations(), 1, "nothing was sent meanwhile");
    sleep(told.after().unwrap()).await;
    stage.provider.create(&wanted("wt-acme")).await.unwrap();
    assert_eq!(stage.fake.world().limits.breaches, Vec::<String>::new());
}
