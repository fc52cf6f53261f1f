//! The request budget, what is tried again, and what the metrics count of it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use watertight::clock;
use watertight::provider::Provider;
use watertight::secret::Secret;

use crate::fake_supabase::faults::{Fault, HEALTH, LIST, POOLER};
use crate::stage::{Stage, wanted, word};

#[tokio::test]
async fn however_much_is_asked_at_once_the_budget_is_kept() {
    // Slower than elsewhere: a stall of this machine must not look like a burst.
    let stage = Stage::scaled(0.05, |it| it.pace.patience = Duration::from_secs(30));
    let made = stage.provider.create(&wanted("wt-busy")).await.unwrap();
    let asked = join_all((0..150).map(|_| stage.provider.project(&made.reference))).await;
    let nothing = Secret::new("nothing");
    let words: BTreeSet<String> = asked.iter().map(|it| word(it, &nothing)).collect();
    assert_eq!(words, ["well".to_owned()].into());
    assert_eq!(stage.fake.world().limits.breaches, Vec::<String>::new());
}

#[tokio::test]
async fn after_a_limit_nothing_of_its_sort_is_sent_until_its_end() {
    let stage = Stage::new();
    let nothing = Secret::new("nothing");
    let made = stage.provider.create(&wanted("wt-busy")).await.unwrap();
    stage.fake.world().faults.script(LIST, Fault::Limited { reset: 40 }, 3);
    for _ in 0..3 {
        let told = stage.provider.inventory().await;
        assert_eq!(word(&told, &nothing), "busy");
        let asked = stage.fake.world().asked.len();
        let again = stage.provider.inventory().await;
        assert_eq!(word(&again, &nothing), "busy");
        assert_eq!(stage.fake.world().asked.len(), asked);
        assert!(stage.provider.project(&made.reference).await.unwrap().is_some(), "another sort");
        tokio::time::sleep(again.unwrap_err().after().unwrap()).await;
    }
    assert_eq!(stage.names().await, ["wt-busy"]);
    assert_eq!(stage.fake.world().limits.breaches, Vec::<String>::new());
}

#[tokio::test]
async fn a_read_is_tried_three_times_and_a_refusal_once() {
    let stage = Stage::with(|it| it.pace.timeout = Duration::from_millis(700));
    let nothing = Secret::new("nothing");
    for (fault, times, expected, sent) in [
        (Fault::ErrorBefore(502), 2, "well", 3),
        (Fault::LostBefore, 2, "well", 3),
        (Fault::LostAfter, 3, "unreachable", 3),
        (Fault::Hang, 1, "well", 2),
        (Fault::Endless, 3, "unreachable", 3),
        (Fault::Truncated, 1, "unreadable", 1),
        (Fault::Says(403, "{}"), 1, "denied", 1),
    ] {
        let before = stage.fake.world().asked.len();
        stage.fake.world().faults.script(LIST, fault.clone(), times);
        let told = stage.provider.inventory().await;
        assert_eq!(word(&told, &nothing), expected, "{fault:?}");
        assert_eq!(stage.fake.world().asked.len() - before, sent, "{fault:?}");
        stage.fake.world().faults.none();
    }
}

#[tokio::test]
async fn metrics_count_each_request_and_tell_what_is_left() {
    let stage = Stage::new();
    let series = |name: &str, operation: &str| {
        let text = stage.metrics.render(clock::now());
        let labels = format!("{{operation=\"{operation}\",provider=\"supabase\"}} ");
        let line = text.lines().find_map(|it| {
            it.strip_prefix(&format!("watertight_provider_{name}"))?.strip_prefix(&labels)
        });
        line.map(str::to_owned)
    };
    assert_eq!(series("requests_total", "delete_project").as_deref(), Some("0"));
    assert_eq!(series("rate_limit_remaining", "list_projects"), None);
    stage.fake.world().faults.script(LIST, Fault::ErrorBefore(500), 1);
    stage.provider.inventory().await.unwrap();
    let absent = stage.provider.project("abcdefghijklmnopqrst").await.unwrap();
    assert_eq!(absent, None);
    assert_eq!(series("requests_total", "list_projects").as_deref(), Some("2"));
    assert_eq!(series("request_failures_total", "list_projects").as_deref(), Some("1"));
    assert_eq!(series("request_failures_total", "get_project").as_deref(), Some("0"));
    assert_eq!(series("rate_limit_remaining", "list_projects").as_deref(), Some("119"));
}

#[tokio::test]
async fn health_and_pooler_that_fail_for_a_while_are_only_late() {
    let stage = Stage::new();
    let wanted = wanted("wt-late");
    let made = stage.provider.create(&wanted).await.unwrap();
    stage.fake.world().faults.script(HEALTH, Fault::ErrorBefore(500), 2);
    stage.settled(&made.reference).await;
    let text = r#"{"message":"error adding pooler tenant"}"#;
    stage.fake.world().faults.script(POOLER, Fault::Says(500, text), 2);
    stage.provider.url(&made.reference, &wanted.password).await.unwrap();
}
