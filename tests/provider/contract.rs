//! The contract: each function is one promise, of whatever provider stands there.
//!
//! Why every look is repeated under a deadline: providers answer before they have done, and their lists may lag behind.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Config, NoTls};
use watertight::local::cluster::random_password;
use watertight::provider::{NewProject, Project, ProjectState, ProviderError, Readiness, Refusal};
use watertight::secret::Secret;

use crate::program::{Program, tenant};
use crate::stand::{Role, Stand};

/// For ten clusters on a machine that does a dozen other things.
const LIMIT: Duration = Duration::from_mins(3);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub(crate) async fn a_project_comes_is_used_and_goes(stand: &Stand) {
    let wanted = wanted("wt-acme-1");
    let before = watertight::clock::now();
    let project = create(stand, &wanted).await;
    assert_eq!(project.name, wanted.name);
    assert!(project.created_at.is_none_or(|it| before.duration_until(it).as_secs() < 60));
    found(stand, &project).await;
    let url = ready(stand, &project, &wanted.password).await;
    found(stand, &project).await;
    owner(stand, &url).await;
    let active = stand.provider.project(&project.reference).await.unwrap().unwrap();
    assert_eq!(active.state, ProjectState::Active);
    for told in [
        format!("{:?}", stand.provider),
        format!("{wanted:?}"),
        format!("{project:?}"),
        format!("{url:?}"),
    ] {
        assert!(!told.contains(wanted.password.expose()), "{told}");
    }
    gone(stand, &project).await;
    login(&url).await.expect_err("nobody is let in any more");
    untouched(stand).await;
}

pub(crate) async fn what_was_never_there_is_absent(stand: &Stand) {
    for reference in ["zzzzzzzzzzzzzzzzzzzz", "postgres", "template1", "../..", "", "a'b\"c"] {
        let provider = &stand.provider;
        assert_eq!(provider.project(reference).await.unwrap(), None, "{reference}");
        assert_eq!(provider.readiness(reference).await.unwrap(), Readiness::Absent, "{reference}");
        assert!(provider.named(reference).await.unwrap().is_empty(), "{reference}");
        let url = provider.url(reference, &random_password()).await;
        assert!(matches!(url, Err(ProviderError::Refused { .. })), "{reference}: {url:?}");
        provider.delete(reference).await.unwrap();
    }
    assert_eq!(stand.provider.inventory().await.unwrap(), []);
    untouched(stand).await;
}

pub(crate) async fn a_name_that_is_given_twice_is_seen(stand: &Stand) {
    let wanted = wanted("wt-acme-2");
    let first = create(stand, &wanted).await;
    let again = NewProject { name: wanted.name.clone(), password: random_password() };
    let projects = match stand.provider.create(&again).await {
        Ok(second) => {
            assert_ne!(second.reference, first.reference);
            vec![first, second]
        }
        Err(ProviderError::Refused { refusal: Refusal::Invalid, .. }) => vec![first],
        Err(other) => panic!("{other:?}"),
    };
    eventually("every project of the name is told", async || {
        stand.provider.named(&wanted.name).await.unwrap().len() == projects.len()
    })
    .await;
    // The second is no way to take the first one's place.
    owner(stand, &ready(stand, &projects[0], &wanted.password).await).await;
    for project in &projects {
        gone(stand, project).await;
    }
    untouched(stand).await;
}

pub(crate) async fn ten_at_once_are_ten_strangers(stand: &Stand) {
    let wanted: Vec<NewProject> = (0..10).map(|it| wanted(&format!("wt-many-{it}"))).collect();
    let made = join_all(wanted.iter().map(async |it| {
        let project = create(stand, it).await;
        let url = ready(stand, &project, &it.password).await;
        (project, url)
    }))
    .await;
    assert_eq!(stand.provider.inventory().await.unwrap().len(), 10);
    for (_, url) in &made {
        owner(stand, url).await;
    }
    for (index, (_, url)) in made.iter().enumerate() {
        let (_, next) = &made[(index + 1) % made.len()];
        login(&instead(next, url)).await.expect_err("a neighbour is not let in");
    }
    join_all(made.iter().map(|(project, _)| gone(stand, project))).await;
    untouched(stand).await;
}

pub(crate) async fn the_monitor_tells_two_of_them_apart(stand: &Stand) {
    let mut urls = Vec::new();
    for name in ["wt-acme-3", "wt-globex-3"] {
        let wanted = wanted(name);
        let project = create(stand, &wanted).await;
        urls.push(ready(stand, &project, &wanted.password).await);
    }
    let program = Program::new("");
    let configure = |rows: &[(&str, &Secret)]| {
        let rows = rows.iter().map(|(id, url)| tenant(id, url.expose(), ""));
        let rows: String = rows.collect();
        program.configure(&format!("policy.isolation = {:?}\n{rows}", stand.isolation));
    };
    configure(&[("acme", &urls[0]), ("globex", &urls[1])]);
    let apart = format!("isolated acme\nisolated globex\n{}", stand.world.kinship());
    program.check("each has its own", &apart).await;
    configure(&[("acme", &urls[0]), ("globex", &urls[0])]);
    let shared = program.verify().await;
    assert!(!shared.findings.is_empty(), "one URL for two is seen");
}

pub(crate) async fn a_creation_that_is_given_up_leaves_only_what_delete_removes(stand: &Stand) {
    for (index, milliseconds) in [0, 1, 2, 4, 8, 16, 32, 64, 128, 256].into_iter().enumerate() {
        let wanted = wanted(&format!("wt-dropped-{index}"));
        let creating = stand.provider.create(&wanted);
        drop(timeout(Duration::from_millis(milliseconds), creating).await);
        removed_by_name(stand, &wanted.name).await;
    }
}

/// Until nothing is left, and nothing is under way that could still come.
async fn removed_by_name(stand: &Stand, name: &str) {
    eventually("all of it is removed", async || {
        for project in stand.provider.named(name).await.unwrap() {
            stand.provider.delete(&project.reference).await.unwrap();
        }
        stand.world.leftovers().await.is_empty()
    })
    .await;
}

pub(crate) fn wanted(name: &str) -> NewProject {
    NewProject { name: name.into(), password: random_password() }
}

pub(crate) async fn create(stand: &Stand, wanted: &NewProject) -> Project {
    let created = timeout(LIMIT, stand.provider.create(wanted)).await;
    created.expect("within the deadline").unwrap_or_else(|error| panic!("{error:?}"))
}

/// Waits for it as an operation does; the URL.
pub(crate) async fn ready(stand: &Stand, project: &Project, password: &Secret) -> Secret {
    eventually("it is ready", async || {
        match stand.provider.readiness(&project.reference).await.unwrap() {
            Readiness::Ready => true,
            Readiness::Coming(_) => false,
            other => panic!("{other:?}"),
        }
    })
    .await;
    stand.provider.url(&project.reference, password).await.unwrap()
}

/// By every question that there is.
async fn found(stand: &Stand, project: &Project) {
    let same = |it: &Project| it.reference == project.reference && it.name == project.name;
    eventually("every list knows it", async || {
        stand.provider.inventory().await.unwrap().iter().any(same)
            && stand.provider.named(&project.name).await.unwrap().iter().any(same)
            && stand.provider.project(&project.reference).await.unwrap().as_ref().is_some_and(same)
    })
    .await;
}

/// Deleted, twice, and in no list but as one that is going.
pub(crate) async fn gone(stand: &Stand, project: &Project) {
    for _ in 0..2 {
        let deleted = timeout(LIMIT, stand.provider.delete(&project.reference)).await;
        deleted.expect("within the deadline").unwrap();
    }
    let there = |it: &Project| it.reference == project.reference && it.state != ProjectState::Going;
    eventually("no list knows it", async || {
        let readiness = stand.provider.readiness(&project.reference).await.unwrap();
        !stand.provider.inventory().await.unwrap().iter().any(there)
            && !stand.provider.named(&project.name).await.unwrap().iter().any(there)
            && stand.provider.project(&project.reference).await.unwrap().is_none()
            && readiness == Readiness::Absent
    })
    .await;
}

async fn untouched(stand: &Stand) {
    eventually("nothing is left", async || stand.world.leftovers().await.is_empty()).await;
}

/// It may do as it likes in its database, and beyond it no more than its world allows.
async fn owner(stand: &Stand, url: &Secret) {
    let powers = "select rolsuper, rolcreaterole or rolcreatedb or rolreplication or rolbypassrls, \
                  pg_catalog.pg_get_userbyid(datdba) = current_user \
                  from pg_roles, pg_database where rolname = current_user and datname = current_database()";
    let client = login(url).await.unwrap();
    let row = client.query_one(powers, &[]).await.unwrap();
    let has_more = stand.world.role() == Role::Cluster;
    assert_eq!((row.get(0), row.get(1), row.get(2)), (false, has_more, true));
    let making = "create schema own create table own.things (id int); drop schema own cascade";
    client.batch_execute(making).await.unwrap();
}

/// The place of one URL with the login of another.
fn instead(place: &Secret, login: &Secret) -> Secret {
    let (_, place) = place.expose().rsplit_once('@').unwrap();
    let (login, _) = login.expose().rsplit_once('@').unwrap();
    Secret::new(format!("{login}@{place}"))
}

pub(crate) async fn login(url: &Secret) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let config: Config = url.expose().parse().unwrap();
    let connecting = timeout(Duration::from_secs(30), config.connect(NoTls)).await;
    let (client, connection) = connecting.expect("an answer, of whatever kind")?;
    #[expect(clippy::disallowed_methods, reason = "ends with its client")]
    tokio::spawn(connection);
    Ok(client)
}

pub(crate) async fn eventually(what: &str, mut met: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !met().await {
            sleep(LOOK_AGAIN).await;
        }
    };
    timeout(LIMIT, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}
