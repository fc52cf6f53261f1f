//! How the fleet stands, at the newest commit of the default branch.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::fake_github::{FakeGithub, REPOSITORY, TOKEN};
use crate::program::Program;
use crate::running::{LIMIT, Running};
use crate::{breached, scan, usual};

#[tokio::test]
async fn a_commit_is_marked_once_and_the_next_one_again() {
    let fake = FakeGithub::start();
    let github = format!(
        "[github]\nrepository = {REPOSITORY:?}\napi_url = {:?}\ntoken = {TOKEN:?}\nstatus = \"status\"\n",
        fake.base()
    );
    let program = Program::new(&(usual() + &github + &breached()));
    let mut daemon = Running::start(&program).await;
    let until = |count: usize| {
        let fake = &fake;
        async move {
            let limit = Instant::now() + LIMIT;
            loop {
                let statuses = fake.world().repository(REPOSITORY).statuses.clone();
                if statuses.len() == count {
                    return statuses;
                }
                assert!(Instant::now() < limit, "{statuses:?}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let first = until(1).await;
    let (context, state) = (first[0].context.clone(), first[0].state.clone());
    assert_eq!((&*context, &*state), ("watertight/isolation", "failure"));
    let description = first[0].description.clone().unwrap();
    assert!(description.starts_with("breached: 0 of 2 tenants proven apart"), "{description}");
    // Nothing has changed: GitHub is asked and not told.
    let asked = fake.world().asked.len();
    scan(&daemon).await;
    let limit = Instant::now() + LIMIT;
    while fake.world().asked.len() < asked + 2 && Instant::now() < limit {
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(until(1).await.len(), 1);
    // The branch moves.
    fake.world().repository(REPOSITORY).head = "f".repeat(40);
    scan(&daemon).await;
    assert_eq!(until(2).await[1].sha, "f".repeat(40));
    assert_eq!(daemon.stop().await, Some(0));
}
