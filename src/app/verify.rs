//! `verify` and `ping`: one scan now, a report, an exit code.
//!
//! Why the report is written before the store: a full disk must not cost the answer that somebody waits for. What
//! could not be kept is a fault of ours, and the exit code says so.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::platform::{Platform, UNWATCHED, Use, configuration, names_nobody, watched};
use super::provider::source_to_look_at;
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::arguments::{PingArgs, ReportArgs, VerifyArgs};
use crate::cli::progress::Progress;
use crate::cli::terminal::Surroundings;
use crate::client::local::{LocalDaemon, Told};
use crate::config::NoFile;
use crate::daemon::stock::Ledger;
use crate::metrics::Metrics;
use crate::model::inventory::Stock;
use crate::model::report::{Report, Trigger};
use crate::model::tenant::{Tenant, TenantId};
use crate::monitor::Ask;
use crate::registry::{RegistryError, Snapshot};
use crate::report::judge::{Judgement, exit_code};
use crate::report::{self, Style, output};

pub(super) async fn verify(
    global: &Global,
    args: &VerifyArgs,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let purpose = if args.dry_run { Use::Reads } else { Use::Writes };
    let scan = Scan {
        tenants: &args.tenants,
        ping: false,
        report: &args.report,
        judgement: args.judgement(),
    };
    scan.run(global, purpose, here, stop).await
}

pub(super) async fn ping(
    global: &Global,
    args: &PingArgs,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let scan = Scan {
        tenants: &args.tenants,
        ping: true,
        report: &args.report,
        judgement: args.judgement(),
    };
    scan.run(global, Use::Reads, here, stop).await
}

/// For a provider to tell what stands there.
const PROVIDER: Duration = Duration::from_secs(30);

struct Scan<'a> {
    tenants: &'a [TenantId],
    ping: bool,
    report: &'a ReportArgs,
    judgement: Judgement,
}

impl Scan<'_> {
    async fn run(
        &self,
        global: &Global,
        purpose: Use,
        here: &Surroundings,
        stop: &CancellationToken,
    ) -> anyhow::Result<Ended> {
        if let Some(unwritable) = self.report.output.as_deref().and_then(unwritable) {
            return Ok(unwritable);
        }
        let config = match configuration(global, NoFile::Allowed) {
            Ok(config) => config,
            Err(refused) => return Ok(refused),
        };
        if names_nobody(&config) {
            return Ok(Ended::refused(RegistryError::Empty(Vec::new())));
        }
        let platform = match Platform::of(config, purpose)? {
            Ok(platform) => platform,
            Err(refused) => return Ok(refused),
        };
        let snapshot = match platform.snapshot().await? {
            Ok(snapshot) => Arc::new(snapshot),
            Err(refused) => return Ok(refused),
        };
        let only: BTreeSet<TenantId> = self.tenants.iter().cloned().collect();
        if let Some(unknown) = unknown(&snapshot, &only) {
            return Ok(unknown);
        }
        if let Some(daemon) = &platform.daemon {
            return match asked(daemon, self.tenants, global, here).await? {
                Told::Done(report) => {
                    self.deliver(&report, &snapshot.tenants, here.style(global))?;
                    Ok(Ended::Judged(exit_code(&report, &self.judgement)))
                }
                Told::Refused(problems) => Ok(Ended::Refused(problems)),
            };
        }
        let monitor = match platform.monitor() {
            Ok(monitor) => monitor,
            Err(refused) => return Ok(refused),
        };
        let stock = self.stock(&platform, &snapshot).await?;
        let last = if only.is_empty() { None } else { platform.last_report()? };
        let ask = Ask {
            id: None,
            only: (!only.is_empty()).then_some(&only),
            last: last.as_ref(),
            trigger: Trigger::Cli,
            ping: self.ping,
            stop,
            progress: UNWATCHED,
            stock: &|| stock.clone(),
        };
        let cycle = watched(&monitor, &snapshot, platform.memory()?, ask, global, here).await;
        self.deliver(&cycle.report, &snapshot.tenants, here.style(global))?;
        if purpose == Use::Writes {
            platform.keep(&cycle)?;
        }
        Ok(Ended::Judged(exit_code(&cycle.report, &self.judgement)))
    }

    /// What stands at the provider, read before the scan: nobody waits here for the next one. A provider that is away
    /// costs its own findings and no other.
    async fn stock(&self, platform: &Platform, snapshot: &Snapshot) -> anyhow::Result<Stock> {
        if self.ping {
            return Ok(Stock::Nothing);
        }
        let metrics = Arc::new(Metrics::default());
        let source = match source_to_look_at(&platform.config, &metrics).await? {
            Ok(Some(source)) => source,
            Ok(None) => return Ok(Stock::Nothing),
            Err(refused) => return Ok(Stock::Unread(refused.lines().join("; ").into())),
        };
        let provider = source.provider.kind().label();
        let made = Ledger::read(&platform.store, provider)?.made;
        match source.read(&snapshot.tenants, made, None, PROVIDER).await {
            Ok(inventory) => {
                let ledger = Ledger::read(&platform.store, provider)?;
                Ok(Stock::Read(Arc::new(ledger.complete(inventory))))
            }
            Err(error) => Ok(Stock::Unread(format!("{:#}", anyhow::Error::new(error)).into())),
        }
    }

    fn deliver(&self, report: &Report, tenants: &[Tenant], style: Style) -> anyhow::Result<()> {
        let write = if self.ping { report::write_ping } else { report::write };
        deliver(self.report, style, |style, out| {
            write(self.report.format, report, tenants, style, out)
        })
    }
}

/// A scan by the daemon that holds the store, with a bar for whoever watches.
async fn asked(
    daemon: &LocalDaemon,
    tenants: &[TenantId],
    global: &Global,
    here: &Surroundings,
) -> anyhow::Result<Told<Report>> {
    let progress = Progress::new(here.shows_progress(global));
    let watching = async {
        loop {
            tokio::time::sleep(LOOKED_EVERY).await;
            let Some(running) = daemon.progress().await else { continue };
            progress.stage(match running.stage.as_deref() {
                Some("witness") => "proving",
                _ => "visiting",
            });
            progress.started(running.total);
            progress.advanced(running.done);
        }
    };
    tokio::select! {
        told = daemon.scan(tenants) => Ok(told?),
        never = watching => never,
    }
}

/// Between two looks at how far the daemon's scan is.
const LOOKED_EVERY: Duration = Duration::from_millis(500);

/// Asking about a tenant that nobody knows must not end green.
fn unknown(snapshot: &Snapshot, only: &BTreeSet<TenantId>) -> Option<Ended> {
    let known: BTreeSet<&TenantId> = snapshot.tenants.iter().map(|it| &it.id).collect();
    let missing: Vec<String> = only
        .iter()
        .filter(|it| !known.contains(it))
        .map(|it| format!("no tenant {it} in the registry: see `watertight tenants list`"))
        .collect();
    (!missing.is_empty()).then_some(Ended::Refused(missing))
}

/// Known before the scan: a minute's work must not end with nowhere to put it.
pub(super) fn unwritable(path: &Path) -> Option<Ended> {
    let error = output::try_place(path).err()?;
    Some(Ended::refused(format!(
        "--output {}: {error}: name a file that can be written",
        path.display()
    )))
}

/// To the file that was asked for, or to standard output.
pub(super) fn deliver(
    args: &ReportArgs,
    style: Style,
    write: impl FnOnce(Style, &mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    match &args.output {
        None => print(|out| write(style, out)),
        Some(path) => output::replace(path, |out| write(Style::default(), out))
            .with_context(|| format!("write the report to {}", path.display())),
    }
}
