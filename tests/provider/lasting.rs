//! What is a local project's own: its data and its port outlive the process that made it.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use watertight::local::cluster::random_password;
use watertight::provider::{NewProject, ProjectState, Readiness};
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

#[tokio::test]
async fn a_port_that_somebody_else_has_taken_is_given_up_for_another() {
    let Stand { provider, isolation, world } = stand::local().await;
    let stand = Stand { provider, isolation, world: world.clone() };
    let wanted = NewProject { name: "wt-moved".into(), password: random_password() };
    let project = create(&stand, &wanted).await;
    let before = ready(&stand, &project, &wanted.password).await;
    login(&before).await.unwrap().batch_execute(MARK).await.unwrap();
    drop(stand);
    let port = before.expose().rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
    let mut taken = None;
    eventually("its port is free", async || {
        taken = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).ok();
        taken.is_some()
    })
    .await;
    let stand = Stand { provider: world.reopen().await, isolation, world: world.clone() };
    let moved = ready(&stand, &project, &wanted.password).await;
    assert_ne!(moved, before);
    answers(&moved).await;
    drop((stand, taken));
    let stand = Stand { provider: world.reopen().await, isolation, world };
    assert_eq!(ready(&stand, &project, &wanted.password).await, moved, "it is written down");
}

#[tokio::test]
async fn a_project_whose_record_cannot_be_read_has_failed_and_can_be_removed() {
    let Stand { provider, world, .. } = stand::local().await;
    drop(provider);
    let directory = world.whereabouts().split_once(' ').unwrap().1.to_owned();
    let reference = "0123456789abcdef0123";
    for (place, record) in [(reference, "{"), (".new-half", "{}"), (".gone-half", "{}")] {
        let place = Path::new(&directory).join(place);
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("project.json"), record).unwrap();
    }
    let provider = world.reopen().await;
    assert_eq!(world.leftovers().await, [reference], "what is none is swept away");
    let project = provider.project(reference).await.unwrap().unwrap();
    assert_eq!(project.state, ProjectState::Failed);
    assert!(matches!(provider.readiness(reference).await.unwrap(), Readiness::Failed(_)));
    provider.delete(reference).await.unwrap();
    assert!(world.leftovers().await.is_empty());
}

#[tokio::test]
async fn a_server_that_ends_is_told_with_why() {
    let stand = stand::local().await;
    let wanted = NewProject { name: "wt-ended".into(), password: random_password() };
    let project = create(&stand, &wanted).await;
    ready(&stand, &project, &wanted.password).await;
    let place = stand.world.whereabouts().split_once(' ').unwrap().1.to_owned();
    let pid_file = Path::new(&place).join(&*project.reference).join("data/postmaster.pid");
    let pid = std::fs::read_to_string(pid_file).unwrap().lines().next().unwrap().to_owned();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    eventually("it is told", async || {
        matches!(stand.provider.readiness(&project.reference).await.unwrap(), Readiness::Failed(_))
    })
    .await;
    let why = stand.provider.readiness(&project.reference).await.unwrap();
    assert!(format!("{why:?}").contains("database system is shut down"), "{why:?}");
    gone(&stand, &project).await;
}

async fn answers(url: &Secret) {
    let asking = login(url).await.unwrap();
    let asking = tokio::time::timeout(Duration::from_secs(30), async move {
        asking.query_one("select answer from kept", &[]).await.unwrap().get::<_, i32>(0)
    });
    assert_eq!(asking.await.unwrap(), 42);
}
