//! `demo`: the fleet of throwaway clusters, scanned and explained.
//!
//! Why it writes a configuration file and takes the same path as `verify`: a demonstration of anything else would prove
//! nothing, and whoever wants to try more finds the file ready.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::platform::{Platform, UNWATCHED, Use, watched};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::arguments::DemoArgs;
use crate::cli::progress::Progress;
use crate::cli::terminal::Surroundings;
use crate::config::{Config, NoFile};
use crate::demo::{self, Fleet};
use crate::model::report::Trigger;
use crate::monitor::Ask;
use crate::report::{self, Format, Style};

pub(super) async fn demo(
    global: &Global,
    args: DemoArgs,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let fleet = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(Ended::Well),
        fleet = start(global, here) => fleet?,
    };
    let home =
        tempfile::tempdir().context("make a directory for the demonstration's configuration")?;
    let file = configure(&fleet, home.path()).context("write the demonstration's configuration")?;
    if let Err(refused) = show(&fleet, &file, global, here, stop).await? {
        return Ok(refused);
    }
    if !args.once && !stop.is_cancelled() {
        let file = file.display();
        print(|out| {
            writeln!(out, "\nThe fleet runs until you press Ctrl-C. Try, in another terminal:")?;
            writeln!(out, "  watertight --config {file} verify --tenant hooli")?;
            writeln!(out, "  watertight --config {file} check acme")
        })?;
        stop.cancelled().await;
    }
    Ok(Ended::Well)
}

async fn start(global: &Global, here: &Surroundings) -> anyhow::Result<Fleet> {
    let progress = Progress::new(here.shows_progress(global));
    let told = |what: &str| {
        progress.stage("starting the fleet");
        tracing::info!("{what}");
    };
    let fleet = demo::start(&told).await.context("start the demonstration's fleet")?;
    progress.finished();
    Ok(fleet)
}

/// The file holds passwords, though only of servers that die with this process, so nobody else may read it.
fn configure(fleet: &Fleet, home: &Path) -> anyhow::Result<PathBuf> {
    let path = home.join("watertight.toml");
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let store = toml::Value::from(format!("sqlite:{}", home.join("watertight.db").display()));
    writeln!(file, "[store]\nurl = {store}")?;
    for row in &fleet.rows {
        let text = |text: &str| toml::Value::from(text);
        writeln!(file, "\n[[tenants]]\nid = {}\nname = {}", text(&row.id), text(&row.name))?;
        writeln!(file, "subdomain = {}", text(&row.subdomain))?;
        writeln!(file, "database_url = {}", text(row.database_url.expose()))?;
    }
    Ok(path)
}

async fn show(
    fleet: &Fleet,
    file: &Path,
    global: &Global,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Result<(), Ended>> {
    let config = match Config::load(Some(file), std::iter::empty(), NoFile::Refused) {
        Ok(config) => config,
        Err(problems) => return Ok(Err(Ended::problems(&problems))),
    };
    let platform = match Platform::of(config, Use::Writes)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(Err(refused)),
    };
    let snapshot = match platform.snapshot().await? {
        Ok(snapshot) => Arc::new(snapshot),
        Err(refused) => return Ok(Err(refused)),
    };
    let monitor = match platform.monitor() {
        Ok(monitor) => monitor,
        Err(refused) => return Ok(Err(refused)),
    };
    let ask =
        Ask { id: None, only: None, trigger: Trigger::Cli, ping: false, stop, progress: UNWATCHED };
    let cycle = watched(&monitor, &snapshot, platform.memory()?, ask, global, here).await;
    platform.keep(&cycle)?;
    let style = Style { verbose: true, ..here.style(global) };
    print(|out| {
        report::write(Format::Table, &cycle.report, &snapshot.tenants, style, out)?;
        writeln!(out, "\nHow this fleet was built:")?;
        for explanation in &fleet.explanations {
            writeln!(out, "  {}", explanation.line())?;
        }
        fleet.left_out.iter().try_for_each(|it| writeln!(out, "  left out: {it}"))
    })?;
    Ok(Ok(()))
}
