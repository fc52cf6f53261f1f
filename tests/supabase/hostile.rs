//! Answers that were made to hurt.

use watertight::provider::Provider;
use watertight::secret::Secret;

use crate::fake_supabase::FakeSupabase;
use crate::fake_supabase::faults::{ANY, Fault, HEALTH, LIST, On};
use crate::stage::{FACTOR, Stage, stock, wanted, word};

const PROJECT: On = On { method: "GET", path: "/v1/projects/" };

#[tokio::test]
async fn an_answer_of_the_wrong_kind_is_no_news_about_anything() {
    let stage = Stage::new();
    let nothing = Secret::new("nothing");
    let made = stage.provider.create(&wanted("wt-acme")).await.unwrap();
    for answer in [
        "null",
        "7",
        "{}",
        r#"{"projects":null,"pagination":{"count":0}}"#,
        r#"{"projects":[],"pagination":{"count":-1}}"#,
        r#"{"projects":[],"pagination":{"count":7}}"#,
        r#"{"projects":[{"name":"no reference"}],"pagination":{"count":1}}"#,
        r#"{"projects":[{"ref":"../../x"}],"pagination":{"count":1}}"#,
        r#"{"projects":[{"ref":"abcdefghijklmnopqrst","name":{}}],"pagination":{"count":1}}"#,
        r#"{"projects":[{"ref":"abcdefghijklmnopqrst"}],"pagination":{"count":1000000000}}"#,
    ] {
        stage.fake.world().faults.script(LIST, Fault::Says(200, answer), 20);
        assert_eq!(word(&stage.provider.inventory().await, &nothing), "unreadable", "{answer}");
        stage.fake.world().faults.none();
    }
    for answer in [
        "[]",
        r#"{"ref":"zzzzzzzzzzzzzzzzzzzz","status":"ACTIVE_HEALTHY"}"#,
        r#"{"ref":"abcdefghijklmnopqrst/","status":"REMOVED"}"#,
    ] {
        stage.fake.world().faults.script(PROJECT, Fault::Says(200, answer), 1);
        let told = stage.provider.readiness(&made.reference).await;
        assert_eq!(word(&told, &nothing), "unreadable", "{answer}");
    }
}

#[tokio::test]
async fn a_health_without_sense_never_makes_a_project_ready() {
    let stage = Stage::new();
    let nothing = Secret::new("nothing");
    let reference = stage.fake.add_project("wt-acme", "x").await;
    for (answer, expected) in [
        ("[]", "well"),
        (r#"[{"name":"db","status":"ACTIVE_HEALTHY"}]"#, "well"),
        (r#"[{"name":"pooler"},{"name":"db","status":7}]"#, "unreadable"),
        (r#"{"healthy":true}"#, "unreadable"),
    ] {
        stage.fake.world().faults.script(HEALTH, Fault::Says(200, answer), 1);
        let told = stage.provider.readiness(&reference).await;
        assert_eq!(word(&told, &nothing), expected, "{answer}");
        assert!(!told.is_ok_and(|it| it == watertight::provider::Readiness::Ready), "{answer}");
    }
}

#[tokio::test]
async fn no_redirect_carries_the_token_elsewhere() {
    let (stage, other) = (Stage::new(), FakeSupabase::start(&stock(), FACTOR));
    let nothing = Secret::new("nothing");
    let elsewhere = format!("{}/v1/projects", other.base());
    stage.fake.world().faults.script(ANY, Fault::Redirected(elsewhere), 100);
    assert_eq!(word(&stage.provider.inventory().await, &nothing), "unreadable");
    let wanted = wanted("wt-acme");
    assert_eq!(word(&stage.provider.create(&wanted).await, &wanted.password), "unknown");
    assert!(other.world().asked.is_empty(), "somebody else was asked");
}

#[tokio::test]
async fn an_answer_that_repeats_what_was_sent_is_told_without_it() {
    let stage = Stage::new();
    let wanted = watertight::provider::NewProject {
        name: "wt-acme".into(),
        password: Secret::new("correcthorsebatterystaple"),
    };
    let echo = r#"{"message":"db_pass correcthorsebatterystaple of sbp_fake00000000000000000000000000000000 is weak"}"#;
    let create = crate::fake_supabase::faults::CREATE;
    stage.fake.world().faults.script(create, Fault::Says(400, echo), 1);
    let told = stage.provider.create(&wanted).await;
    assert_eq!(word(&told, &wanted.password), "invalid");
    assert_eq!(
        told.unwrap_err().to_string(),
        "create_project: the provider refuses it (invalid): db_pass *** of *** is weak"
    );
    let shown = format!("{:?} {wanted:?}", stage.provider);
    assert!(!shown.contains("sbp_") && !shown.contains("correcthorse"), "{shown}");
}
