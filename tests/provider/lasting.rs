//! What is a local project's own: its data and its port outlive the process that made it.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use watertight::local::cluster::random_password;
use watertight::provider::NewProject;
use watertight::secret::Secret;

use crate::contract::{create, eventually, gone, login, ready};
use crate::stand::{self, Stand, visited};

const WORLD: &str = "WATERTIGHT_TEST_LASTING_WORLD";
const NOTE: &str = "WATERTIGHT_TEST_LASTING_NOTE";

const MARK: &str = "create table kept (answer int); insert into kept values (42)";

#[tokio::test]
async fn a_restart_keeps_the_url_and_what_was_written() {
    let Stand { mut provider, isolation, world } = stand::local().await;
    let stand = Stand { provider: provider.clone(), isolation, world: world.clone() };
    let wanted = NewProject { name: "wt-kept".into(), password: random_password() };
    let project = create(&stand, &wanted).await;
    let url = ready(&stand, &project, &wanted.password).await;
    login(&url).await.unwrap().batch_execute(MARK).await.unwrap();
    drop((stand, provider));
    provider = world.reopen().await;
    let stand = Stand { provider, isolation, world };
    let found = stand.provider.project(&project.reference).await.unwrap().unwrap();
    assert_eq!((&found.name, found.created_at), (&project.name, project.created_at));
    assert_eq!(ready(&stand, &project, &wanted.password).await, url);
    answers(&url).await;
    gone(&stand, &project).await;
}

/// The test starts itself a second time as the victim, which makes a project, writes to it and then does nothing.
#[tokio::test]
async fn a_process_that_was_killed_loses_nothing_that_was_acknowledged() {
    let password = Secret::new("k1ll3dButNotForgotten");
    let wanted = NewProject { name: "wt-kept".into(), password };
    if let (Ok(world), Some(note)) = (std::env::var(WORLD), std::env::var_os(NOTE)) {
        let world = visited(&world);
        let stand = Stand { provider: world.reopen().await, isolation: "cluster", world };
        let project = create(&stand, &wanted).await;
        let url = ready(&stand, &project, &wanted.password).await;
        login(&url).await.unwrap().batch_execute(MARK).await.unwrap();
        std::fs::write(Path::new(&note).with_extension("part"), url.expose()).unwrap();
        std::fs::rename(Path::new(&note).with_extension("part"), &note).unwrap();
        return std::future::pending().await;
    }
    let Stand { provider, isolation, world } = stand::local().await;
    drop(provider);
    let directory = tempfile::tempdir().unwrap();
    let note = directory.path().join("note");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lasting::a_process_that_was_killed_loses_nothing_that_was_acknowledged"])
        .env(WORLD, world.whereabouts())
        .env(NOTE, &note)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("it has written", async || note.exists()).await;
    victim.kill().await.unwrap();
    let url = Secret::new(std::fs::read_to_string(&note).unwrap());
    let stand = Stand { provider: world.reopen().await, isolation, world };
    let projects = stand.provider.named(&wanted.name).await.unwrap();
    assert_eq!(ready(&stand, &projects[0], &wanted.password).await, url);
    answers(&url).await;
}

async fn answers(url: &Secret) {
    let asking = login(url).await.unwrap();
    let asking = tokio::time::timeout(Duration::from_secs(30), async move {
        asking.query_one("select answer from kept", &[]).await.unwrap().get::<_, i32>(0)
    });
    assert_eq!(asking.await.unwrap(), 42);
}
