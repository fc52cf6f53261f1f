//! The daily report as one issue: made once, written anew at its hour, and left alone where a person closed it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use watertight::model::issue::{Entry, News, Subject};
use watertight::schedule::cron::Moments;
use watertight::store::Store;

use crate::fake_github::world::World;
use crate::fake_github::{FakeGithub, REPOSITORY, TOKEN, TOKEN_LOGIN};
use crate::killed;
use crate::stage::{FACTOR, Loop, minutes, options, titles, told, until};

const TITLE: &str = "Watertight: the daily report";

const SHARED: &str = "shared_database critical acme globex";

/// Its hour comes each second.
const OFTEN: &str = "* * * * * *";

/// Its hour has come, and comes no more while a test runs.
const SELDOM: &str = "0 0 0 1 1 *";

struct Stage {
    fake: FakeGithub,
    store: Arc<Store>,
    _directory: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let fake = FakeGithub::start();
        fake.world().add_person("dba", "write");
        fake.world().limits.rules.scale = FACTOR;
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(killed::store(directory.path()));
        Self { fake, store, _directory: directory }
    }

    fn run(&self, hours: Option<&str>) -> Loop {
        let hours = hours.map(|it| Moments::parse(it, "UTC").unwrap());
        let store = Arc::clone(&self.store);
        let running = Loop::at_hours(store, self.fake.base(), options(), hours);
        running.scan(&[SHARED]);
        running
    }

    /// With both issues there, and the ledger certain of them.
    async fn filed(&self, hours: &str) -> Loop {
        let running = self.run(Some(hours));
        let noted = || self.store.issues().unwrap().iter().all(|it| it.said.is_some());
        until(&self.fake, "both are filed", |it| it.open_issues(REPOSITORY).len() == 2 && noted())
            .await;
        running
    }

    fn entry(&self) -> Entry {
        let entries = self.store.issues().unwrap();
        entries.into_iter().find(|it| it.subject == Subject::Daily).unwrap()
    }

    /// Issue 2 was changed so often.
    #[track_caller]
    fn assert_changes(&self, expected: usize) {
        let world = self.fake.world();
        assert_eq!(changes(&world, 2), expected, "{}", told(&world));
    }
}

fn body(world: &World) -> Option<String> {
    let open = world.open_issues(REPOSITORY);
    open.iter().find(|it| it.title == TITLE).and_then(|it| it.body.clone())
}

/// Requests that changed an issue of that number.
fn changes(world: &World, number: u64) -> usize {
    let path = format!("/issues/{number}");
    let changes = world.asked.iter().filter(|it| it.request.method == "PATCH");
    changes.filter(|it| it.request.whole_path().ends_with(&path)).count()
}

#[tokio::test]
async fn it_is_made_once_and_written_anew_at_its_hour_without_a_word() {
    let stage = Stage::new();
    let running = stage.filed(OFTEN).await;
    for _ in 0..2 {
        let before = body(&stage.fake.world()).unwrap();
        until(&stage.fake, "it says something else", |it| body(it).unwrap() != before).await;
    }
    let mut world = stage.fake.world();
    assert_eq!(world.repository(REPOSITORY).issues.len(), 2, "{}", told(&world));
    let issue = world.issue(REPOSITORY, 2);
    assert_eq!((&*issue.title, issue.comments.len()), (TITLE, 0));
    assert_eq!(issue.labels, ["watertight", "watertight:daily"]);
    let body = issue.body.clone().unwrap();
    assert!(body.starts_with("## Tenant isolation: "), "{body}");
    assert!(body.contains("### New\n\n- **critical** `shared_database` acme, globex"), "{body}");
    assert!(world.limits.breaches.is_empty(), "{:?}", world.limits.breaches);
    let told = running.metrics.render(watertight::clock::now());
    for series in [
        "watertight_github_open_issues{severity=\"critical\"} 1",
        "watertight_github_open_issues{severity=\"low\"} 0",
    ] {
        assert!(told.lines().any(|it| it == series), "{series}\n{told}");
    }
}

#[tokio::test]
async fn an_hour_is_told_once_and_one_that_was_missed_at_the_next_start() {
    let stage = Stage::new();
    drop(stage.filed(SELDOM).await.stop().await);
    let running = stage.run(Some(SELDOM));
    minutes(15).await;
    stage.assert_changes(0);
    running.stop().await;
    // As if the process had been down at the last hour.
    let news = stage.entry().said.unwrap();
    let before = BTreeSet::from(["2025-01-01T00:00:00Z".to_owned()]);
    let said = Some(News { evidence: before, ..news.clone() });
    stage.store.put_issue(&Entry { said, ..stage.entry() }).unwrap();
    let _running = stage.run(Some(SELDOM));
    until(&stage.fake, "it is told late", |it| changes(it, 2) == 1).await;
    minutes(15).await;
    stage.assert_changes(1);
    assert_eq!(stage.entry().said, Some(news));
}

#[tokio::test]
async fn where_it_is_turned_off_it_is_closed_and_where_it_is_turned_on_it_is_the_same_issue() {
    let stage = Stage::new();
    stage.filed(SELDOM).await.stop().await;
    let running = stage.run(None);
    until(&stage.fake, "it is closed", |it| body(it).is_none()).await;
    assert_eq!(titles(&stage.fake.world()), ["Shared database: acme, globex"]);
    running.stop().await;
    let _running = stage.run(Some(SELDOM));
    until(&stage.fake, "it is open again", |it| body(it).is_some()).await;
    minutes(10).await;
    let mut world = stage.fake.world();
    assert_eq!(world.repository(REPOSITORY).issues.len(), 2, "{}", told(&world));
    assert!(world.issue(REPOSITORY, 2).comments.is_empty());
}

#[tokio::test]
async fn a_person_who_closed_it_is_left_in_peace_until_a_person_opens_it() {
    for reason in ["completed", "not_planned", "duplicate"] {
        let stage = Stage::new();
        let running = stage.filed(OFTEN).await;
        stage.fake.world().close_as("dba", REPOSITORY, 2, reason);
        minutes(10).await;
        // Two hours of it, and a start.
        tokio::time::sleep(Duration::from_secs(2)).await;
        running.stop().await;
        let running = stage.run(Some(OFTEN));
        minutes(15).await;
        {
            let mut world = stage.fake.world();
            assert!(!world.issue(REPOSITORY, 2).open, "{reason}\n{}", told(&world));
            assert_eq!(world.repository(REPOSITORY).issues.len(), 2);
            world.edit_as(REPOSITORY, 2, "mine", "of no use");
            world.reopen_as(REPOSITORY, 2);
        }
        until(&stage.fake, "it is kept again", |it| body(it).is_some()).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_locked_one_is_written_anew_and_a_deleted_or_moved_one_is_followed_by_another() {
    let stage = Stage::new();
    stage.fake.world().add_repository("acme/elsewhere");
    stage.fake.world().add_account(TOKEN, TOKEN_LOGIN, "write");
    let _running = stage.filed(OFTEN).await;
    stage.fake.world().lock_as(REPOSITORY, 2);
    let before = body(&stage.fake.world()).unwrap();
    until(&stage.fake, "it says something else", |it| body(it).unwrap() != before).await;
    stage.fake.world().delete_as(REPOSITORY, 2);
    until(&stage.fake, "another", |it| body(it).is_some()).await;
    stage.fake.world().transfer_as(REPOSITORY, 3, "acme/elsewhere");
    until(&stage.fake, "a third", |it| body(it).is_some()).await;
    minutes(10).await;
    let world = stage.fake.world();
    assert_eq!(world.open_issues(REPOSITORY).len(), 2, "{}", told(&world));
    assert_eq!(world.open_issues("acme/elsewhere").len(), 1);
}
