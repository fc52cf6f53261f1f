//! A project's whole life, and the ways on which it does not come to one.

use std::time::Duration;

use futures_util::future::join_all;
use watertight::provider::supabase::options::Connection;
use watertight::provider::{ProjectState, Provider, ProviderKind, Readiness, Region};
use watertight::secret::{Secret, SecretRef};

use crate::fake_supabase::faults::{CREATE, Fault};
use crate::fake_supabase::projects::Fate;
use crate::fake_supabase::{REGION, TOKEN};
use crate::prism::Prism;
use crate::stage::{Stage, session, wanted, word};

const DOCUMENT: &str = "supabase-management.trimmed.openapi.json";

async fn live(stage: &Stage) {
    let provider = &stage.provider;
    assert_eq!(provider.kind(), ProviderKind::Supabase);
    assert_eq!(provider.region().await.unwrap(), Region::Available(REGION.into()));
    assert_eq!(provider.inventory().await.unwrap(), []);
    let wanted = wanted("wt-acme-1");
    let made = provider.create(&wanted).await.unwrap();
    assert_eq!((&*made.name, made.region.as_deref()), ("wt-acme-1", Some(REGION)));
    assert!(!made.branch && made.created_at.is_some());
    let first = provider.readiness(&made.reference).await.unwrap();
    assert!(matches!(first, Readiness::Coming(_)), "{first:?}");
    assert_eq!(stage.settled(&made.reference).await, Readiness::Ready);
    let url = provider.url(&made.reference, &wanted.password).await.unwrap();
    let told = session(&url).await.query_one("select current_user, current_database()", &[]).await;
    let told = told.unwrap();
    assert_eq!(told.get::<_, &str>(0), format!("postgres.{}", made.reference));
    assert_eq!(told.get::<_, &str>(1), "postgres");
    let found = provider.project(&made.reference).await.unwrap().unwrap();
    assert_eq!((found.state, &found.created_at), (ProjectState::Active, &made.created_at));
    assert_eq!(provider.named("wt-acme-1").await.unwrap().len(), 1);
    assert_eq!(provider.named("wt-acme").await.unwrap(), []);
    provider.delete(&made.reference).await.unwrap();
    assert_eq!(provider.project(&made.reference).await.unwrap(), None);
    assert_eq!(provider.readiness(&made.reference).await.unwrap(), Readiness::Absent);
    let listed = provider.inventory().await.unwrap();
    assert_eq!(listed.first().map(|it| &it.state), Some(&ProjectState::Going));
    let going_down = stage.fake.world().rules.times().going_down;
    tokio::time::sleep(going_down).await;
    assert_eq!(provider.inventory().await.unwrap(), []);
    provider.delete(&made.reference).await.unwrap();
    assert!(tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.is_err());
    assert_eq!(stage.fake.world().limits.breaches, Vec::<String>::new());
}

#[tokio::test]
async fn a_project_is_made_comes_up_is_used_and_goes() {
    live(&Stage::new()).await;
}

/// Prism reads requests and answers against Supabase's own document.
#[tokio::test]
async fn what_is_said_on_either_side_is_what_supabases_document_allows() {
    let mut stage = Stage::new();
    let Some(prism) = Prism::before(stage.fake.base(), DOCUMENT).await else { return };
    let mut options = stage.fake.options();
    options.api_url = prism.base.as_str().into();
    options.pace.timeout = Duration::from_secs(30);
    let provider = watertight::provider::supabase::Supabase::new(options, stage.metrics.clone());
    stage.provider = provider.unwrap();
    // Slower than its server, so that what comes first is seen.
    stage.fake.world().rules.unscaled.going_down = Duration::from_secs(200);
    live(&stage).await;
    // It does look: what the document forbids comes no further.
    let asked = stage.fake.world().asked.len();
    let address = format!("{}/v1/projects/abcdefghijklmnopqrst/health", prism.base);
    let refused = reqwest::Client::new().get(address).bearer_auth(TOKEN).send().await.unwrap();
    assert!(refused.status().is_client_error() && stage.fake.world().asked.len() == asked);
}

/// How a project of this fate stands once it could be up.
async fn fated(fate: Fate) -> (Stage, String, Secret) {
    let stage = Stage::new();
    stage.fake.world().faults.script(CREATE, Fault::Fated(fate), 1);
    let wanted = wanted("wt-fated");
    let made = stage.provider.create(&wanted).await.unwrap();
    let times = stage.fake.world().rules.times();
    tokio::time::sleep((times.coming_up + times.pooler) * 2).await;
    (stage, made.reference.into(), wanted.password)
}

#[tokio::test]
async fn a_project_that_does_not_come_up_is_waited_for_or_given_up_by_its_word() {
    let ended = [
        (Fate::NeverUp, "Coming(\"its status is COMING_UP\")"),
        (Fate::Status("HIBERNATING"), "Coming(\"its status is HIBERNATING\")"),
        (Fate::Status("INIT_FAILED"), "Failed(\"its status is INIT_FAILED\")"),
        (Fate::Status("INACTIVE"), "Failed(\"it is paused\")"),
        (Fate::Status("REMOVED"), "Absent"),
    ];
    let ended = ended.map(async |(fate, expected)| {
        let (stage, reference, _) = fated(fate).await;
        let readiness = stage.provider.readiness(&reference).await.unwrap();
        assert_eq!(format!("{readiness:?}"), expected);
    });
    join_all(ended).await;
}

#[tokio::test]
async fn the_pooler_is_waited_for_too_and_a_health_that_flaps_is_well_in_between() {
    let (stage, reference, password) = fated(Fate::NoPooler).await;
    while stage.fake.cluster(&reference).is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let readiness = stage.provider.readiness(&reference).await.unwrap();
    assert_eq!(readiness, Readiness::Coming("pooler: not found".into()));
    let url = stage.provider.url(&reference, &password).await;
    assert_eq!(word(&url, &password), "unreadable");
    assert!(url.unwrap_err().passes());
    let (stage, reference, _) = fated(Fate::Flapping).await;
    assert_eq!(stage.settled(&reference).await, Readiness::Ready);
    let next = stage.provider.readiness(&reference).await.unwrap();
    assert_eq!(next, Readiness::Coming("db: failed to retrieve health".into()));
}

#[tokio::test]
async fn an_address_that_is_not_to_be_trusted_is_never_given_out() {
    let fates = [
        Fate::Host("pooler.supabase.com.evil.example"),
        Fate::Host("10.0.0.7"),
        Fate::Host("169.254.169.254"),
        Fate::OtherUser,
    ];
    let told = fates.map(async |fate| {
        let (stage, reference, password) = fated(fate.clone()).await;
        assert_eq!(stage.settled(&reference).await, Readiness::Ready);
        let url = stage.provider.url(&reference, &password).await;
        assert_eq!(word(&url, &password), "untrusted", "{fate:?}");
        assert!(!url.unwrap_err().passes(), "it will say so again");
    });
    join_all(told).await;
}

#[tokio::test]
async fn a_database_in_use_is_handed_out_like_any_other() {
    let stage = Stage::new();
    let password = wanted("wt-first").password;
    let first = stage.fake.add_project("wt-first", password.expose()).await;
    let fate = Fate::InUse(first.clone());
    stage.fake.world().faults.script(CREATE, Fault::Fated(fate), 1);
    let wanted = wanted("wt-second");
    let second = stage.provider.create(&wanted).await.unwrap();
    assert_eq!(stage.settled(&second.reference).await, Readiness::Ready);
    let url = stage.provider.url(&first, &password).await.unwrap();
    session(&url).await.batch_execute("create table t as select 7 as n").await.unwrap();
    let url = stage.provider.url(&second.reference, &wanted.password).await.unwrap();
    let seen = session(&url).await.query_one("select n from t", &[]).await.unwrap();
    assert_eq!(seen.get::<_, i32>(0), 7);
    // It is one database: whoever deletes the second project takes it from the first.
    stage.provider.delete(&second.reference).await.unwrap();
    assert!(stage.fake.cluster(&first).is_none());
}

#[tokio::test]
async fn the_direct_way_names_the_projects_own_host_and_asks_nothing_of_the_pooler() {
    let stage = Stage::with(|options| {
        options.connection = Connection::Direct;
        options.trusted_hosts = vec!["localhost".into()];
    });
    stage.fake.world().faults.script(CREATE, Fault::Fated(Fate::NoPooler), 1);
    let wanted = wanted("wt-direct");
    let made = stage.provider.create(&wanted).await.unwrap();
    assert_eq!(stage.settled(&made.reference).await, Readiness::Ready);
    let url = stage.provider.url(&made.reference, &wanted.password).await.unwrap();
    let (reference, password) = (&*made.reference, wanted.password.expose());
    let expected = format!(
        "postgres://postgres:{password}@db.{reference}.localhost:5432/postgres?sslmode=verify-full"
    );
    assert_eq!(url.expose(), expected);
}

#[tokio::test]
async fn a_region_that_is_gone_is_told_with_those_that_there_are() {
    let stage = Stage::new();
    stage.fake.world().regions[1].1 = Some("capacity");
    let told = stage.provider.region().await.unwrap();
    let offered = ["eu-central-1", "us-east-1"].map(Into::into).to_vec();
    assert_eq!(told, Region::Unknown { wanted: REGION.into(), offered });
    let wanted = wanted("wt-nowhere");
    assert_eq!(word(&stage.provider.create(&wanted).await, &wanted.password), "invalid");
    assert_eq!(stage.fake.world().living().count(), 0);
}

#[tokio::test]
async fn a_token_is_read_anew_for_each_request() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sbp_expired\n").unwrap();
    let place = format!("file:{}", file.path().display());
    let stage = Stage::with(|it| it.token = SecretRef::parse(&place));
    let nothing = Secret::new("nothing");
    assert_eq!(word(&stage.provider.inventory().await, &nothing), "denied");
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    assert_eq!(stage.names().await, Vec::<String>::new());
    std::fs::write(file.path(), "not a token").unwrap();
    assert_eq!(word(&stage.provider.inventory().await, &nothing), "unreachable");
    std::fs::remove_file(file.path()).unwrap();
    assert_eq!(word(&stage.provider.delete("abcdefghijklmnopqrst").await, &nothing), "unreachable");
    assert_eq!(stage.fake.world().asked.len(), 2, "without a token nothing is sent");
}

#[tokio::test]
async fn another_organisation_is_refused_and_what_is_no_reference_names_no_project() {
    let stage = Stage::with(|it| it.organization = "somebody-else".into());
    let wanted = wanted("wt-elsewhere");
    assert_eq!(word(&stage.provider.inventory().await, &wanted.password), "invalid");
    assert_eq!(word(&stage.provider.region().await, &wanted.password), "invalid");
    assert_eq!(word(&stage.provider.create(&wanted).await, &wanted.password), "invalid");
    let asked = stage.fake.world().asked.len();
    for reference in ["", "..", "abcdefghijklmnopqrs/", "available-regions", "ABCDEFGHIJKLMNOPQRST"]
    {
        let provider = &stage.provider;
        assert_eq!(word(&provider.delete(reference).await, &wanted.password), "well");
        assert_eq!(provider.readiness(reference).await.unwrap(), Readiness::Absent);
        let url = provider.url(reference, &wanted.password).await;
        assert_eq!(word(&url, &wanted.password), "invalid", "{reference}");
    }
    assert_eq!(stage.fake.world().asked.len(), asked, "nothing is asked about what is none");
}
