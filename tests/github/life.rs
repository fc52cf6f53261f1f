//! The life of an issue: it is filed, changes, is closed, comes back, and is followed by another.

use jiff::SignedDuration;
use watertight::issues::options::{IssueOptions, Mode, Reminders, Route};
use watertight::model::finding::Kind;

use crate::fake_github::{FakeGithub, REPOSITORY};
use crate::stage::{FACTOR, Loop, minutes, options, titles, until};

fn fake() -> FakeGithub {
    let fake = FakeGithub::start();
    fake.world().limits.rules.scale = FACTOR;
    fake
}

const SHARED: &str = "shared_database critical acme globex";
const GROWN: &str = "shared_database critical acme globex initech";

#[tokio::test]
async fn an_issue_lives_with_its_finding() {
    let fake = fake();
    let running = Loop::start(fake.base(), options());
    running.scan(&[SHARED]);
    until(&fake, "it is filed", |it| titles(it) == ["Shared database: acme, globex"]).await;
    {
        let mut world = fake.world();
        let issue = world.issue(REPOSITORY, 1);
        let labels = ["watertight", "watertight:critical", "watertight:shared_database"];
        assert_eq!(issue.labels, labels);
        assert!(issue.comments.is_empty());
        let body = issue.body.clone().unwrap();
        assert!(body.contains("1. Look with `watertight check acme`"), "{body}");
        let url =
            format!("https://watertight.example.com/findings/{}", crate::truth::fact(SHARED).id());
        assert!(body.contains(&url), "{body}");
    }
    let id = crate::truth::fact(SHARED).id();
    let url = || running.store.finding(id).unwrap().unwrap().issue_url;
    until(&fake, "the finding tells its issue", |_| url().is_some()).await;
    assert_eq!(url().as_deref(), Some("https://github.com/acme/ops/issues/1"));
    running.scan(&[GROWN]);
    let grown = "Shared database: acme, globex, initech";
    until(&fake, "it tells who joined", |it| titles(it) == [grown]).await;
    let comment = fake.world().issue(REPOSITORY, 1).comments[0].body.clone();
    assert!(comment.contains("Joined: `initech`"), "{comment}");

    running.scan(&[]);
    until(&fake, "it is closed", |it| it.open_issues(REPOSITORY).is_empty()).await;
    {
        let mut world = fake.world();
        let issue = world.issue(REPOSITORY, 1);
        assert_eq!(issue.reason.as_deref(), Some("completed"));
        assert_eq!(issue.comments.len(), 2);
        let comment = &issue.comments[1].body;
        assert!(comment.contains("Resolved: all of its members were visited since"), "{comment}");
    }
    running.scan(&[SHARED]);
    until(&fake, "it is open again", |it| titles(it) == ["Shared database: acme, globex"]).await;
    assert_eq!(fake.world().issue(REPOSITORY, 1).comments.len(), 3);
    minutes(30).await;
    let mut world = fake.world();
    assert_eq!(world.repository(REPOSITORY).issues.len(), 1);
    assert_eq!(world.issue(REPOSITORY, 1).comments.len(), 3, "nothing changed, so nothing is said");
    assert!(world.limits.breaches.is_empty(), "{:?}", world.limits.breaches);
    let told = running.metrics.render(watertight::clock::now());
    for series in [
        "watertight_github_issue_actions_total{action=\"created\"} 1",
        "watertight_github_issue_actions_total{action=\"reopened\"} 1",
        "watertight_github_open_issues{severity=\"critical\"} 1",
        "watertight_github_queue_length 0",
    ] {
        assert!(told.lines().any(|it| it == series), "{series}\n{told}");
    }
}

#[tokio::test]
async fn trouble_that_returns_late_has_a_new_issue_that_names_the_old() {
    let fake = fake();
    let window = SignedDuration::from_millis(200);
    let running = Loop::start(fake.base(), IssueOptions { reopen_within: window, ..options() });
    running.scan(&[SHARED]);
    until(&fake, "it is filed", |it| it.open_issues(REPOSITORY).len() == 1).await;
    running.scan(&[]);
    until(&fake, "it is closed", |it| it.open_issues(REPOSITORY).is_empty()).await;
    minutes(5).await;
    running.scan(&[SHARED]);
    until(&fake, "there is another", |it| it.open_issues(REPOSITORY).len() == 1).await;
    let mut world = fake.world();
    assert!(!world.issue(REPOSITORY, 1).open);
    let body = world.issue(REPOSITORY, 2).body.clone().unwrap();
    assert!(body.contains("The same trouble was here before: #1."), "{body}");
}

#[tokio::test]
async fn too_many_come_under_one_umbrella_and_out_again_when_they_are_few() {
    let fake = fake();
    let running = Loop::start(fake.base(), IssueOptions { umbrella_above: 2, ..options() });
    let many: Vec<String> = (1..=5).map(|it| format!("unhealthy high t{it}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    running.scan(&many);
    let umbrella = "Watertight: 3 findings more, too many for issues of their own";
    let expected = ["Unhealthy: t1", "Unhealthy: t2", umbrella];
    until(&fake, "two and an umbrella", |it| {
        let mut titles = titles(it);
        titles.sort();
        titles == expected
    })
    .await;
    running.scan(&many[3..]);
    until(&fake, "each on its own", |it| {
        let mut titles = titles(it);
        titles.sort();
        titles == ["Unhealthy: t4", "Unhealthy: t5"]
    })
    .await;
}

#[tokio::test]
async fn an_operator_who_observes_sees_critical_breaches_and_one_summary() {
    let fake = fake();
    let observing = IssueOptions { mode: Mode::Observe, ..options() };
    let running = Loop::start(fake.base(), observing);
    let truth = [SHARED, "unhealthy high initech", "degraded low umbrella"];
    running.scan(&truth);
    until(&fake, "a breach and a summary", |it| {
        let mut titles = titles(it);
        titles.sort();
        titles == ["Shared database: acme, globex", "Watertight: 2 findings would be filed"]
    })
    .await;
    let (store, _directory) = running.stop().await;
    let running = Loop::on(store, fake.base(), options());
    running.scan(&truth);
    until(&fake, "each on its own, and no summary", |it| {
        let mut titles = titles(it);
        titles.sort();
        titles == ["Degraded: umbrella", "Shared database: acme, globex", "Unhealthy: initech"]
    })
    .await;
}

#[tokio::test]
async fn findings_go_where_the_routes_send_them() {
    let fake = fake();
    fake.world().add_repository("acme/databases");
    fake.world().add_account(crate::fake_github::TOKEN, crate::fake_github::TOKEN_LOGIN, "write");
    fake.world().add_person("dba", "write");
    let route = Route {
        kinds: vec![Kind::Unhealthy],
        repository: Some("acme/databases".into()),
        assignees: vec!["dba".into()],
        labels: vec!["on-call".into()],
        ..Route::default()
    };
    let stranger = Route {
        kinds: vec![Kind::Degraded],
        assignees: vec!["nobody-here".into()],
        ..Route::default()
    };
    let routed = IssueOptions { routes: vec![route, stranger], ..options() };
    let running = Loop::start(fake.base(), routed);
    running.scan(&["unhealthy high acme", "degraded low globex"]);
    until(&fake, "both are filed", |it| {
        it.open_issues("acme/databases").len() == 1 && it.open_issues(REPOSITORY).len() == 1
    })
    .await;
    let mut world = fake.world();
    let issue = world.issue("acme/databases", 1);
    assert_eq!(issue.assignees, ["dba"]);
    assert!(issue.labels.iter().any(|it| it == "on-call"), "{:?}", issue.labels);
    assert!(world.issue(REPOSITORY, 1).assignees.is_empty(), "filed all the same");
}

#[tokio::test]
async fn a_reminder_comes_three_times_and_no_more() {
    let fake = fake();
    let remind = Reminders { critical: Some(SignedDuration::from_millis(60)), high: None };
    let running = Loop::start(fake.base(), IssueOptions { remind, ..options() });
    running.scan(&[SHARED]);
    let comments = |world: &crate::fake_github::world::World| {
        world.open_issues(REPOSITORY).iter().map(|it| it.comments.len()).sum::<usize>()
    };
    until(&fake, "three reminders", |it| comments(it) == 3).await;
    minutes(15).await;
    assert_eq!(comments(&fake.world()), 3);
}
