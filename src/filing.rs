//! Keeps the issues as the plan wants them: asks for the next step of each subject, notes it, takes it, notes how it ended.
//!
//! Why a loop over levels: it begins anew from findings and ledger each time, so a restart, an outage or a lost answer
//! needs no case of its own. It follows the scans and holds none of them up; while GitHub cannot be reached, what should
//! be said is simply not said yet.
//!
//! Invariants:
//! - nothing is sent before the ledger knows of it: an issue that is to be created, a comment that is to be written;
//! - whatever GitHub or the store does, the loop goes on, and waits longer each time that it fails;
//! - nothing is filed into a repository that everybody can read, unless the operator has said so.

mod act;
pub mod edition;
pub mod keeping;
mod looking;
mod repository;
mod round;
mod surveying;
mod wire;
pub mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::keeping::Keeping;
use self::repository::Repository;
use self::word::Said;
use crate::clock;
use crate::github::Client;
use crate::github::error::GitHubError;
use crate::github::identity::Identity;
use crate::issues::daily::Edition;
use crate::issues::options::IssueOptions;
use crate::metrics::Metrics;
use crate::model::finding::{Finding, FindingId};
use crate::model::issue::{Entry, Subject};
use crate::schedule::cron::Moments;
use crate::standing::Standing;
use crate::store::Store;

/// How often what is looked at. A rehearsal shortens all by one factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// An open issue is looked at, for what people have done to it.
    pub look: Duration,
    /// Our issues are listed, for what stands there twice.
    pub survey: Duration,
    /// Between two lists where one alone proves nothing.
    pub again: Duration,
    /// A repository is asked whether it may still be filed into.
    pub repository: Duration,
    /// After a failure; doubled for each in a row.
    pub backoff: Duration,
    pub longest_backoff: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            look: Duration::from_mins(5),
            survey: Duration::from_mins(10),
            again: Duration::from_secs(20),
            repository: Duration::from_mins(30),
            backoff: Duration::from_secs(5),
            longest_backoff: Duration::from_mins(15),
        }
    }
}

impl Timing {
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            look: self.look.mul_f64(factor),
            survey: self.survey.mul_f64(factor),
            again: self.again.mul_f64(factor),
            repository: self.repository.mul_f64(factor),
            backoff: self.backoff.mul_f64(factor),
            longest_backoff: self.longest_backoff.mul_f64(factor),
        }
    }
}

/// A finding and the address of its issue.
type Filed = dyn Fn(FindingId, &str) + Send + Sync;

/// Whoever must hear at once what was learnt here.
pub struct Hearers {
    /// A person's word on an issue has silenced the finding.
    pub silenced: Box<dyn Fn(Finding) + Send + Sync>,
    /// The finding has an issue at that address.
    pub filed: Box<Filed>,
}

pub struct Filing {
    store: Arc<Store>,
    client: Arc<Client>,
    options: Arc<IssueOptions>,
    daily: Option<Moments>,
    timing: Timing,
    standing: watch::Receiver<Option<Arc<Standing>>>,
    hearers: Hearers,
    metrics: Arc<Metrics>,
    /// Who we are, once GitHub has said so.
    identity: Option<Identity>,
    repositories: BTreeMap<Box<str>, Repository>,
    entries: BTreeMap<Subject, Entry>,
    /// When the issue of a row was looked at last.
    looked: BTreeMap<i64, Instant>,
    /// The labels that issues carried when they were looked at last, people's own among them.
    carried: BTreeMap<Subject, BTreeSet<String>>,
    /// What a person who may write said of a finding on its issue, when that was looked at last.
    said: BTreeMap<Subject, Said>,
    /// Subjects of which GitHub did not take all that was sent.
    plain: BTreeSet<Subject>,
    /// That of the last hour, once it was read.
    edition: Option<Arc<Edition>>,
}

/// Why a round ended early.
#[derive(Debug)]
enum Halt {
    /// Another scan has ended: what was planned is out of date.
    News,
    GitHub(GitHubError),
    Store(anyhow::Error),
}

impl From<GitHubError> for Halt {
    fn from(error: GitHubError) -> Self {
        Self::GitHub(error)
    }
}

impl Filing {
    pub fn new(
        store: Arc<Store>,
        keeping: Keeping,
        timing: Timing,
        standing: watch::Receiver<Option<Arc<Standing>>>,
        hearers: Hearers,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Keeping { client, options, daily } = keeping;
        Self {
            store,
            client,
            options,
            daily,
            timing,
            standing,
            hearers,
            metrics,
            identity: None,
            repositories: BTreeMap::new(),
            entries: BTreeMap::new(),
            looked: BTreeMap::new(),
            carried: BTreeMap::new(),
            said: BTreeMap::new(),
            plain: BTreeSet::new(),
            edition: None,
        }
    }

    /// Files until it is stopped. A request that is under way then is dropped; the ledger knows of it.
    pub async fn run(mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            never = self.file() => never,
        }
    }

    async fn file(&mut self) -> anyhow::Result<()> {
        self.recall().await;
        let (mut failures, mut told) = (0, String::new());
        loop {
            let pause = match self.round().await {
                Ok(()) | Err(Halt::News) => {
                    (failures, told) = (0, String::new());
                    Duration::ZERO
                }
                Err(halt) => {
                    failures += 1;
                    self.failed(halt, failures, &mut told).await
                }
            };
            // After a failure a new scan changes nothing about when it is tried again.
            sleep_until(Instant::now() + pause).await;
            if failures == 0 {
                let next = self.next_look();
                tokio::select! {
                    changed = self.standing.changed() => changed.context("follow the scans")?,
                    () = sleep_until(next) => {}
                }
            }
        }
    }

    /// What the process before knew of GitHub's patience.
    async fn recall(&mut self) {
        let hour = SignedDuration::from_hours(1);
        let since = clock::now().saturating_sub(hour).unwrap_or_default();
        let read = self.stored(move |store| Ok((store.issues_held()?, store.issue_writes(since)?)));
        match read.await {
            Ok((held, written)) => self.client.recall(held, &written).await,
            Err(error) => tracing::error!("read what was written to GitHub lately: {error:#}"),
        }
    }

    /// How long to wait. The same trouble is logged once.
    async fn failed(&mut self, halt: Halt, failures: u32, told: &mut String) -> Duration {
        let backoff = self.timing.backoff * 2_u32.saturating_pow(failures.min(16) - 1);
        let backoff =
            backoff.min(self.timing.longest_backoff).mul_f64(rand::random_range(0.8..1.2));
        let (text, pause) = match halt {
            Halt::News => return Duration::ZERO,
            Halt::GitHub(GitHubError::Limited { until }) => {
                // A process that dies meanwhile must not ask again before the time.
                let noted = self.stored(move |store| Ok(store.put_issues_held(until)?)).await;
                if let Err(error) = noted {
                    tracing::error!("note how long GitHub has us wait: {error:#}");
                }
                let wait = until.duration_since(clock::now());
                let wait = Duration::try_from(wait).unwrap_or_default();
                ("GitHub asks us to wait".to_owned(), wait + self.timing.backoff / 10)
            }
            Halt::GitHub(error) => (format!("{:#}", anyhow::Error::new(error)), backoff),
            Halt::Store(error) => (format!("{error:#}"), backoff),
        };
        if text != *told {
            tracing::warn!("issues wait: {text}");
            *told = text;
        }
        pause
    }

    /// Does something with the store on a thread of its own: its calls block.
    async fn stored<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Store) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || act(&store)).await.context("use the store")?
    }

    async fn kept<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Store) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Halt> {
        self.stored(act).await.map_err(Halt::Store)
    }

    /// Notes an entry as it is now, in the ledger first.
    async fn put(&mut self, entry: Entry) -> Result<(), Halt> {
        let noted = entry.clone();
        self.kept(move |store| Ok(store.put_issue(&noted)?)).await?;
        self.entries.insert(entry.subject, entry);
        Ok(())
    }
}
