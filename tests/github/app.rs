//! Issues that an app files: its installation's token ends, and is taken away, in the middle of an issue's life.

use std::sync::Arc;

use jiff::SignedDuration;
use watertight::filing::keeping::Keeping;
use watertight::metrics::Metrics;

use crate::fake_github::world::World;
use crate::fake_github::{FakeGithub, REPOSITORY};
use crate::killed;
use crate::stage::{FACTOR, Loop, app, client, minutes, options, told, until};

const SHARED: &str = "shared_database critical acme globex";

/// Tokens that the installation was given.
fn given(world: &World) -> usize {
    world.identities.app.as_ref().unwrap().given
}

#[tokio::test]
async fn an_issue_outlives_the_tokens_of_the_app_that_files_it() {
    let fake = FakeGithub::start();
    fake.world().limits.rules.scale = FACTOR;
    let credentials = app(&fake);
    // The client asks for another token half a minute before the end of one, so each of these holds for two or three seconds.
    fake.world().identities.app.as_mut().unwrap().holds = SignedDuration::from_secs(33);
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(killed::store(directory.path()));
    let metrics = Arc::new(Metrics::default());
    let client = Arc::new(client(fake.base(), credentials, &metrics));
    let keeping = Keeping { client, options: Arc::new(options()), daily: None };
    let running = Loop::keeping(store, keeping, metrics);
    running.scan(&[SHARED]);
    until(&fake, "it is filed", |it| it.open_issues(REPOSITORY).len() == 1).await;
    let before = given(&fake.world());
    until(&fake, "a token has ended", |it| before < given(it)).await;
    running.scan(&[]);
    until(&fake, "it is closed", |it| it.open_issues(REPOSITORY).is_empty()).await;
    fake.world().identities.app.as_mut().unwrap().holds = SignedDuration::from_hours(1);
    let before = given(&fake.world());
    until(&fake, "a token that holds for long", |it| before < given(it)).await;
    // As when somebody suspends the installation and lets it go on.
    fake.world().identities.forget_installations();
    running.scan(&[SHARED]);
    until(&fake, "it is open again", |it| it.open_issues(REPOSITORY).len() == 1).await;
    minutes(10).await;
    let mut world = fake.world();
    assert_eq!(world.repository(REPOSITORY).issues.len(), 1, "{}", told(&world));
    let issue = world.issue(REPOSITORY, 1);
    assert_eq!((issue.author.as_deref(), issue.comments.len()), (Some("watertight[bot]"), 2));
    assert!(issue.comments.iter().all(|it| it.author == "watertight[bot]"));
    let refused = world.asked.iter().filter(|it| it.status == 401).count();
    assert!((1..=2).contains(&refused), "one token was taken away: {}", told(&world));
    assert!(world.limits.breaches.is_empty(), "{:?}", world.limits.breaches);
}
