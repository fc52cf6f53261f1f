//! A client and the fake, and the few questions that all tests put to them.

use std::error::Error;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};
use watertight::local::cluster::random_password;
use watertight::metrics::Metrics;
use watertight::provider::supabase::Supabase;
use watertight::provider::supabase::options::SupabaseOptions;
use watertight::provider::{NewProject, Provider, ProviderError, Readiness};
use watertight::secret::Secret;

use crate::fake_supabase::stock::Stock;
use crate::fake_supabase::{FakeSupabase, TOKEN};

/// A minute is 600 ms: long enough that a busy machine does not change what is seen.
pub(crate) const FACTOR: f64 = 0.01;

/// For a condition to hold. The machine may be busy.
const LIMIT: Duration = Duration::from_mins(1);

/// One for all tests of this process: it ends with it.
pub(crate) fn stock() -> Arc<Stock> {
    static STOCK: LazyLock<Arc<Stock>> = LazyLock::new(|| Stock::start(0));
    Arc::clone(&STOCK)
}

pub(crate) struct Stage {
    pub(crate) provider: Supabase,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) fake: FakeSupabase,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut SupabaseOptions)) -> Self {
        Self::scaled(FACTOR, change)
    }

    pub(crate) fn scaled(factor: f64, change: impl FnOnce(&mut SupabaseOptions)) -> Self {
        let fake = FakeSupabase::start(&stock(), factor);
        let mut options = fake.options();
        change(&mut options);
        let metrics = Arc::new(Metrics::default());
        let provider = Supabase::new(options, Arc::clone(&metrics)).unwrap();
        Self { provider, metrics, fake }
    }

    /// Waits until the project is ready or never will be.
    pub(crate) async fn settled(&self, reference: &str) -> Readiness {
        let until = Instant::now() + LIMIT;
        loop {
            let readiness = self.provider.readiness(reference).await.unwrap();
            if !matches!(readiness, Readiness::Coming(_)) {
                return readiness;
            }
            assert!(Instant::now() < until, "{reference} is never ready: {readiness:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        let projects = self.provider.inventory().await.unwrap();
        projects.iter().map(|it| it.name.to_string()).collect()
    }
}

pub(crate) fn wanted(name: &str) -> NewProject {
    NewProject { name: name.into(), password: random_password() }
}

/// A session by the URL that an application would be given.
pub(crate) async fn session(url: &Secret) -> Client {
    let (client, connection) = tokio_postgres::connect(url.expose(), NoTls).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "ends with its client")]
    drop(tokio::spawn(connection));
    client
}

/// The word for what became of a call, and never a secret.
#[track_caller]
pub(crate) fn word<T: std::fmt::Debug>(
    ended: &Result<T, ProviderError>,
    password: &Secret,
) -> String {
    let word = match ended {
        Ok(_) => "well".to_owned(),
        Err(ProviderError::Refused { refusal, .. }) => refusal.label().to_owned(),
        Err(error) => format!("{error:?}").split([' ', '{']).next().unwrap().to_lowercase(),
    };
    if let Err(error) = ended {
        let mut told = format!("{error} {error:?}");
        let mut cause = error.source();
        while let Some(it) = cause {
            told.push_str(&format!(" {it} {it:?}"));
            cause = it.source();
        }
        for secret in [TOKEN, password.expose()] {
            assert!(!told.contains(secret), "an error shows a secret");
        }
    }
    word
}
