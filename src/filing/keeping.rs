//! Files for a running daemon, with the options of the configuration that holds now.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Filing, Hearers, Timing};
use crate::daemon::Daemon;
use crate::github::Client;
use crate::issues::options::IssueOptions;
use crate::schedule::cron::Moments;

/// Who files, and how.
#[derive(Clone)]
pub struct Keeping {
    pub client: Arc<Client>,
    pub options: Arc<IssueOptions>,
    /// When the issue of the daily report is written anew; `None` where there is to be none.
    pub daily: Option<Moments>,
}

impl PartialEq for Keeping {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.client, &other.client)
            && self.options == other.options
            && self.daily == other.daily
    }
}

/// Until it is stopped. A new configuration begins anew with the ledger as it is; `None` files nothing.
pub async fn file_until(
    daemon: &Arc<Daemon>,
    mut keeping: watch::Receiver<Option<Keeping>>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let now = keeping.borrow_and_update().clone();
        let filing = async {
            if let Some(now) = now {
                return filing(daemon, now).run(stop).await;
            }
            stop.cancelled().await;
            Ok(())
        };
        tokio::select! {
            biased;
            ended = filing => return ended,
            changed = keeping.changed() => changed.context("follow the configuration")?,
        }
    }
}

fn filing(daemon: &Arc<Daemon>, keeping: Keeping) -> Filing {
    let (silencing, filed) = (Arc::clone(daemon), Arc::clone(daemon));
    let hearers = Hearers {
        silenced: Box::new(move |finding| silencing.tell(finding)),
        filed: Box::new(move |id, url| filed.filed(id, url)),
    };
    Filing::new(
        Arc::clone(daemon.store()),
        keeping,
        Timing::default(),
        daemon.standing(),
        hearers,
        Arc::clone(daemon.metrics()),
    )
}
