//! Clusters for projects: made from one template, started before they are wanted, and used once.
//!
//! Why copies: Supabase's projects are born of machine images, so all have one system identifier, which is what makes
//! telling them apart hard. Why none is used twice: a server that goes on running keeps its start time, and a project that
//! looked like another one that is gone would prove nothing. A copy and its start cost 0.3 s of processor time, an end
//! nearly none; they are made ahead, so that nobody waits for them.
//!
//! Why a thread with a runtime of its own: a child process belongs to the runtime that started it, and the stock outlives
//! the tests' runtimes.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use watertight::local::LocalError;
use watertight::local::binaries::Binaries;
use watertight::local::cluster::{Cluster, Shutdown, identifier, literal};
use watertight::local::ground::Ground;

/// For a cluster that is wanted, on a machine that is overloaded.
const LIMIT: Duration = Duration::from_mins(2);

type Made = Result<Cluster, LocalError>;

pub(crate) struct Stock {
    wanted: Mutex<Option<mpsc::UnboundedSender<oneshot::Sender<Made>>>>,
    used: Mutex<Option<mpsc::UnboundedSender<Arc<Cluster>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Stock {
    /// For all fakes of this process. Nothing is made before somebody wants the first; from then on so many are kept
    /// ready.
    pub(crate) fn start(ahead: usize) -> Arc<Self> {
        let (wanted, wishes) = mpsc::unbounded_channel();
        let (used, spent) = mpsc::unbounded_channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                tokio::join!(make(wishes, ahead), clear(spent));
            });
        };
        let thread = Some(std::thread::spawn(work));
        Arc::new(Self { wanted: Mutex::new(Some(wanted)), used: Mutex::new(Some(used)), thread })
    }

    /// A running cluster that nobody had.
    pub(crate) async fn take(&self) -> Arc<Cluster> {
        let (wish, made) = oneshot::channel();
        let asked = lock(&self.wanted).as_ref().map(|it| it.send(wish));
        asked.expect("the stock is there").expect("its thread runs");
        let made = timeout(LIMIT, made).await.expect("a cluster in time");
        Arc::new(made.expect("an answer").expect("a cluster can be made"))
    }

    /// Ends them.
    pub(crate) fn take_back(&self, clusters: impl IntoIterator<Item = Arc<Cluster>>) {
        let used = lock(&self.used);
        for cluster in clusters {
            drop(used.as_ref().map(|it| it.send(cluster)));
        }
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        drop((lock(&self.wanted).take(), lock(&self.used).take()));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn make(mut wishes: mpsc::UnboundedReceiver<oneshot::Sender<Made>>, ahead: usize) {
    let (mut copies, mut ready) = (Copies::default(), VecDeque::new());
    while let Some(wish) = wishes.recv().await {
        let made = match ready.pop_front() {
            Some(cluster) => Ok(cluster),
            None => copies.next().await,
        };
        // Whoever gave up waiting leaves theirs to the next.
        if let Err(Ok(cluster)) = wish.send(made) {
            ready.push_front(cluster);
        }
        while ready.len() < ahead && wishes.is_empty() && !wishes.is_closed() {
            let Ok(cluster) = copies.next().await else { break };
            ready.push_back(cluster);
        }
    }
}

#[derive(Default)]
struct Copies {
    template: Option<Cluster>,
    made: u64,
}

impl Copies {
    async fn next(&mut self) -> Made {
        let template = match self.template.take() {
            Some(template) => template,
            None => template().await?,
        };
        let name = format!("project-{}", self.made);
        self.made += 1;
        let copy = template.sibling(&name).await;
        self.template = Some(template);
        let mut cluster = copy?;
        cluster.start().await?;
        Ok(cluster)
    }
}

/// Stopped: as it lies it can be copied.
async fn template() -> Made {
    let (ground, binaries) = (Ground::create()?, Binaries::find()?);
    Cluster::initialise(&ground, &binaries, "template").await
}

async fn clear(mut spent: mpsc::UnboundedReceiver<Arc<Cluster>>) {
    while let Some(cluster) = spent.recv().await {
        // Somebody who still asks it something ends it by leaving it.
        let Some(mut cluster) = Arc::into_inner(cluster) else { continue };
        drop(cluster.stop(Shutdown::Immediate).await);
        drop(fs::remove_dir_all(cluster.data()));
    }
}

/// The role by which a project is used.
pub(super) struct Role {
    pub(super) name: String,
    pub(super) password: String,
    /// Of the project that has the database already.
    pub(super) beside: Option<String>,
}

impl Role {
    /// The owner of everything that the customer has, and no superuser. Supabase's may create roles and replicate too,
    /// which our own checks forgive it by its host's name, and on this host would report.
    pub(super) async fn make_in(&self, cluster: &Cluster) -> Result<(), LocalError> {
        let (role, password) = (identifier(&self.name), literal(&self.password));
        let mut statements = format!(
            "create role {role} login createdb bypassrls password {password}; \
             grant pg_monitor, pg_signal_backend to {role};"
        );
        statements.push_str(&match &self.beside {
            None => format!(
                "alter database postgres owner to {role}; alter schema public owner to {role};"
            ),
            Some(other) => format!("grant {} to {role};", identifier(other)),
        });
        cluster.execute("postgres", &[&statements]).await
    }
}
