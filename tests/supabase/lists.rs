//! Lists of many pages, that lag, and that change while they are read.

use std::collections::BTreeSet;
use std::time::Duration;

use watertight::provider::Provider;

use crate::fake_supabase::REGION;
use crate::stage::{Stage, wanted};

fn fill(stage: &Stage, count: usize) -> Vec<String> {
    let mut world = stage.fake.world();
    (0..count).map(|it| world.add(&format!("wt-{it:04}"), REGION, "x")).collect()
}

#[tokio::test]
async fn all_pages_are_read_and_branches_are_marked() {
    let stage = Stage::new();
    for count in [99, 1, 1, 249] {
        let references = fill(&stage, count);
        if let [first, ..] = &references[..] {
            stage.fake.world().project(first).branch = true;
        }
        let found = stage.provider.inventory().await.unwrap();
        let there = stage.fake.world().living().count();
        let distinct: BTreeSet<&str> = found.iter().map(|it| &*it.reference).collect();
        assert_eq!((found.len(), distinct.len()), (there, there));
    }
    let found = stage.provider.inventory().await.unwrap();
    assert_eq!(found.iter().filter(|it| it.branch).count(), 4);
}

#[tokio::test]
async fn a_list_may_lag_behind_and_a_look_at_the_project_does_not() {
    let stage = Stage::new();
    stage.fake.world().rules.unscaled.lag = Duration::from_mins(10);
    let made = stage.provider.create(&wanted("wt-young")).await.unwrap();
    assert_eq!(stage.provider.named("wt-young").await.unwrap(), []);
    assert!(stage.provider.project(&made.reference).await.unwrap().is_some());
    stage.fake.world().rules.unscaled.lag = Duration::ZERO;
    assert_eq!(stage.provider.named("wt-young").await.unwrap().len(), 1);
}

/// Each deletion moves all that follow to the front, across the pages' ends.
#[tokio::test]
async fn nothing_that_stays_is_missing_from_a_list_that_shrinks_while_it_is_read() {
    let stage = Stage::with(|it| it.pace.patience = Duration::from_secs(30));
    stage.fake.world().rules.unscaled.going_down = Duration::ZERO;
    let references = fill(&stage, 400);
    let (going, staying) = references.split_at(60);
    let shrink = async {
        for reference in going {
            stage.fake.world().delete(reference);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let read = async {
        for _ in 0..8 {
            let found = stage.provider.inventory().await.unwrap();
            let found: BTreeSet<&str> = found.iter().map(|it| &*it.reference).collect();
            assert!(staying.iter().all(|it| found.contains(it.as_str())));
        }
    };
    tokio::join!(shrink, read);
    assert_eq!(stage.names().await.len(), 340);
    assert_eq!(stage.fake.world().limits.breaches, Vec::<String>::new());
}
