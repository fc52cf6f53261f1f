//! The loop on a real store against the fake, in this process, with every time shortened by one factor.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use watertight::filing::keeping::Keeping;
use watertight::filing::{Filing, Hearers, Timing};
use watertight::github::credentials::Credentials;
use watertight::github::pace::PaceOptions;
use watertight::github::{Client, ClientOptions};
use watertight::issues::options::{IssueOptions, Mode, Reminders};
use watertight::metrics::Metrics;
use watertight::model::finding::Finding;
use watertight::schedule::cron::Moments;
use watertight::secret::{Secret, SecretRef};
use watertight::standing::Standing;
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::fake_github::world::{Issue, World};
use crate::fake_github::{FakeGithub, REPOSITORY, TOKEN};
use crate::truth::{self, Fact};

/// A minute is 60 ms.
pub(crate) const FACTOR: f64 = 0.001;

/// For a condition to hold. The machine may be busy.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn options() -> IssueOptions {
    IssueOptions {
        repository: REPOSITORY.into(),
        instance: "test".into(),
        mode: Mode::File,
        allow_public: false,
        routes: Vec::new(),
        reopen_within: SignedDuration::from_secs(600),
        acknowledge_for: SignedDuration::from_secs(600),
        umbrella_above: 20,
        remind: Reminders::default(),
        status_url: Some("https://watertight.example.com".into()),
        runbook_url: None,
    }
}

fn token() -> Credentials {
    Credentials::Token(SecretRef::parse(TOKEN))
}

/// An app at that GitHub, and its credentials.
pub(crate) fn app(fake: &FakeGithub) -> Credentials {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    fake.world().add_app(7, "watertight", 9, &pair.public_key_pem());
    let key = SecretRef::Inline(Secret::new(pair.serialize_pem()));
    Credentials::App { app_id: 7, installation_id: 9, key }
}

pub(crate) fn client(api_url: &str, credentials: Credentials, metrics: &Arc<Metrics>) -> Client {
    // An app's key takes time to sign with, and so does a proxy.
    let timeout = match &credentials {
        Credentials::Token(_) => Duration::from_millis(400),
        Credentials::App { .. } => Duration::from_secs(10),
    };
    let pace = PaceOptions { timeout, ..PaceOptions::default() };
    let options = ClientOptions { api_url: api_url.into(), credentials, pace: pace.scaled(FACTOR) };
    Client::new(options, Arc::clone(metrics))
}

/// The loop with a hand on what stands.
pub(crate) struct Loop {
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    standing: watch::Sender<Option<Arc<Standing>>>,
    stop: CancellationToken,
    running: JoinSet<anyhow::Result<()>>,
    directory: Option<tempfile::TempDir>,
}

impl Loop {
    pub(crate) fn start(api_url: &str, options: IssueOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(directory.path().join("w.db"));
        let store = Arc::new(Store::open(&url, None).unwrap());
        Self { directory: Some(directory), ..Self::on(store, api_url, options) }
    }

    pub(crate) fn on(store: Arc<Store>, api_url: &str, options: IssueOptions) -> Self {
        Self::at_hours(store, api_url, options, None)
    }

    /// With the daily report in an issue, where there are hours.
    pub(crate) fn at_hours(
        store: Arc<Store>,
        api_url: &str,
        options: IssueOptions,
        daily: Option<Moments>,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let client = Arc::new(client(api_url, token(), &metrics));
        Self::keeping(store, Keeping { client, options: Arc::new(options), daily }, metrics)
    }

    pub(crate) fn keeping(store: Arc<Store>, keeping: Keeping, metrics: Arc<Metrics>) -> Self {
        let (standing, stop) = (watch::Sender::new(None), CancellationToken::new());
        let changed = standing.clone();
        let tell = move |finding: Finding| {
            changed.send_if_modified(|it: &mut Option<Arc<Standing>>| {
                let after = it.as_ref().map(|it| Arc::new(it.with(finding)));
                std::mem::replace(it, after).is_some()
            });
        };
        let filing = Filing::new(
            Arc::clone(&store),
            keeping,
            Timing::default().scaled(FACTOR),
            standing.subscribe(),
            Hearers { silenced: Box::new(tell), filed: Box::new(|_, _| ()) },
            Arc::clone(&metrics),
        );
        let (mut running, until) = (JoinSet::new(), stop.clone());
        running.spawn(async move { filing.run(&until).await });
        Self { store, metrics, standing, stop, running, directory: None }
    }

    /// A scan sees exactly this.
    pub(crate) fn scan(&self, truth: &[&str]) {
        let truth: Vec<Fact> = truth.iter().map(|it| truth::fact(it)).collect();
        self.scan_facts(&truth);
    }

    pub(crate) fn scan_facts(&self, truth: &[Fact]) {
        self.standing.send_replace(Some(truth::scan(&self.store, truth)));
    }

    pub(crate) async fn stop(mut self) -> (Arc<Store>, Option<tempfile::TempDir>) {
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap().unwrap();
        }
        (self.store, self.directory)
    }
}

/// Waits until it holds of the fake's world; tells what is there where it never does.
pub(crate) async fn until(fake: &FakeGithub, what: &str, holds: impl Fn(&World) -> bool) {
    let waited = tokio::time::timeout(LIMIT, async {
        while !holds(&fake.world()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let came = waited.await.is_ok();
    assert!(came, "it never came to this: {what}\n{}", told(&fake.world()));
}

/// Lets so many of GitHub's minutes pass.
pub(crate) async fn minutes(minutes: u64) {
    tokio::time::sleep(Duration::from_secs(60 * minutes).mul_f64(FACTOR)).await;
}

pub(crate) fn told(world: &World) -> String {
    let issues = world.repositories.values().flat_map(|it| &it.issues);
    let line = |it: &Issue| {
        format!(
            "#{} open={} {:?} {} {:?}: {} comments\n",
            it.number,
            it.open,
            it.reason,
            it.title,
            it.labels,
            it.comments.len()
        )
    };
    let asked = world.asked.iter().rev().take(30).rev();
    let asked = asked
        .map(|it| format!("{} {} -> {}\n", it.request.method, it.request.whole_path(), it.status));
    issues.map(line).chain(asked).collect()
}

pub(crate) fn titles(world: &World) -> Vec<String> {
    world.open_issues(REPOSITORY).iter().map(|it| it.title.clone()).collect()
}
