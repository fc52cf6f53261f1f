//! Answers what GitHub asks: may this deployment go ahead, and what a person said of an issue.
//!
//! Why not within the request that brings it: GitHub waits ten seconds, and a scan may have to come first. What is asked
//! is stored before GitHub hears that we have it, because GitHub asks once.
//!
//! Invariants:
//! - everything that an answer rests on is read anew: the delivery only says where to look;
//! - each delivery is answered in bounded time; where nobody can say, the deployment is rejected, with the reason;
//! - a person's word counts only where GitHub says that the person may write.

mod answer;
pub mod asked;
mod deployment;
mod issue;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::asked::Asked;
use crate::daemon::Daemon;
use crate::gate::GateOptions;
use crate::github::Client;
use crate::model::policy::Exception;

/// Answered at once. Each may wait for a scan.
const AT_ONCE: usize = 16;

/// Looked at at once.
const MOST_ROWS: u32 = 256;

/// Where the store could not be read, and for what came while all hands were full.
const AGAIN: Duration = Duration::from_secs(30);

/// What is answered with, and how.
pub struct Answering {
    pub client: Arc<Client>,
    /// `owner/name` of those whose deployments are judged.
    pub deployments: Vec<Box<str>>,
    pub gate: GateOptions,
    pub exceptions: Vec<Exception>,
    /// How long a scan is waited for.
    pub patience: Duration,
    /// For how long a person's word on an issue holds.
    pub acknowledge_for: SignedDuration,
}

/// `None` while GitHub is not configured.
pub type Options = watch::Receiver<Option<Arc<Answering>>>;

/// Where it is told that a delivery was stored.
pub type Bell = Arc<Notify>;

/// Answers what is stored, until it is stopped. What is not answered by then is answered by the next process.
pub async fn answer_until(
    daemon: &Arc<Daemon>,
    options: Options,
    bell: &Bell,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (mut tasks, mut under_way) = (JoinSet::new(), BTreeSet::new());
    loop {
        let current = options.borrow().clone();
        if let Some(answering) = current {
            for (digest, asked) in unanswered(daemon).await {
                if tasks.len() < AT_ONCE && under_way.insert(digest.clone()) {
                    let (daemon, answering) = (Arc::clone(daemon), Arc::clone(&answering));
                    tasks.spawn(async move {
                        answer(&daemon, &answering, &asked).await;
                        end(&daemon, &digest).await;
                        digest
                    });
                }
            }
        }
        tokio::select! {
            biased;
            // Dropped with the set: whatever was under way stands in the store.
            () = stop.cancelled() => return Ok(()),
            Some(ended) = tasks.join_next() => match ended {
                Ok(digest) => drop(under_way.remove(&digest)),
                // Whose it was is not known; it is tried again by the next process.
                Err(error) => tracing::error!("an answer to GitHub was not finished: {error}"),
            },
            () = bell.notified() => (),
            () = tokio::time::sleep(AGAIN) => (),
        }
    }
}

async fn unanswered(daemon: &Daemon) -> Vec<(Box<str>, Asked)> {
    let read =
        daemon.stored("read what GitHub asks", |store| Ok(store.unanswered_deliveries(MOST_ROWS)?));
    let rows = read.await.unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        Vec::new()
    });
    let asked = rows.into_iter().map(|(digest, asked, _)| {
        // Of a later release: answered by nobody else, and not to be kept for ever.
        let asked = serde_json::from_str(&asked).ok();
        (digest, asked)
    });
    let mut readable = Vec::new();
    for (digest, asked) in asked {
        match asked {
            Some(asked) => readable.push((digest, asked)),
            None => end(daemon, &digest).await,
        }
    }
    readable
}

async fn answer(daemon: &Daemon, answering: &Answering, asked: &Asked) {
    let answered = match asked {
        Asked::Deployment { repository, run, environment } => {
            deployment::answer(daemon, answering, (repository, *run, environment)).await
        }
        Asked::Issue { repository, issue } => {
            issue::hear(daemon, answering, repository, *issue).await
        }
    };
    if let Err(error) = answered {
        tracing::error!("GitHub asked and was not answered: {error:#}");
    }
}

async fn end(daemon: &Daemon, digest: &str) {
    let digest: Box<str> = digest.into();
    let ended = daemon
        .stored("note that GitHub is answered", move |store| Ok(store.answer_delivery(&digest)?));
    // It is answered once more by the next process, which finds that nothing waits.
    if let Err(error) = ended.await {
        tracing::error!("{error:#}");
    }
}
