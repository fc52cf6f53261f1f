//! An issue's life through GitHub's own document: every request of ours, and every answer of the fake's, is held to it.
//!
//! As an app, since the document at hand does not say how an account asks for its own name.

use std::sync::Arc;

use watertight::filing::keeping::Keeping;
use watertight::github::operation::Operation;
use watertight::metrics::Metrics;

use crate::fake_github::world::World;
use crate::fake_github::{FakeGithub, REPOSITORY};
use crate::killed;
use crate::prism::Prism;
use crate::stage::{FACTOR, Loop, app, client, options, told, until};

const SHARED: &str = "shared_database critical acme globex";
const GROWN: &str = "shared_database critical acme globex initech";

fn has_asked(world: &World, method: &str, path: &str) -> bool {
    let asked = |it: &crate::fake_github::world::Asked| {
        it.request.method == method && it.request.whole_path() == path
    };
    world.asked.iter().any(asked)
}

#[tokio::test]
async fn nothing_of_an_issues_life_is_refused_by_githubs_document() {
    let fake = FakeGithub::start();
    let Some(prism) = Prism::before(fake.base(), "github.trimmed.openapi.json").await else {
        return;
    };
    fake.world().limits.rules.scale = FACTOR;
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(killed::store(directory.path()));
    let metrics = Arc::new(Metrics::default());
    let client = Arc::new(client(&prism.base, app(&fake), &metrics));
    let keeping = Keeping { client, options: Arc::new(options()), daily: None };
    let running = Loop::keeping(store, keeping, metrics);
    running.scan(&[SHARED]);
    until(&fake, "it is filed", |it| it.open_issues(REPOSITORY).len() == 1).await;
    let comments = |count: usize| {
        move |it: &World| it.repositories[REPOSITORY].issues[0].comments.len() == count
    };
    running.scan(&[GROWN]);
    until(&fake, "it tells who joined", comments(1)).await;
    running.scan(&[]);
    until(&fake, "it is closed", |it| it.open_issues(REPOSITORY).is_empty()).await;
    running.scan(&[SHARED]);
    until(&fake, "it is open again", |it| it.open_issues(REPOSITORY).len() == 1).await;
    assert!(comments(3)(&fake.world()));
    let home = format!("/repos/{REPOSITORY}");
    for (method, path) in [
        ("GET", "/issues"),
        ("GET", "/issues/1"),
        ("POST", "/issues"),
        ("POST", "/issues/1/comments"),
        ("PATCH", "/issues/1"),
        ("GET", "/labels"),
        ("POST", "/labels"),
    ] {
        assert!(has_asked(&fake.world(), method, &format!("{home}{path}")), "{method} {path}");
    }
    // What the document does not allow is refused on the way: the fake never hears of it, and the client counts it.
    let rendered = running.metrics.render(watertight::clock::now());
    for operation in Operation::ALL.map(Operation::label) {
        let none =
            format!("watertight_github_request_failures_total{{operation=\"{operation}\"}} 0");
        assert!(rendered.lines().any(|it| it == none), "{operation}\n{}", told(&fake.world()));
    }
}
