//! `demo`: the fleet of throwaway clusters, scanned and explained.
//!
//! Why it writes a configuration file and takes the same path as `verify`: a demonstration of anything else would prove
//! nothing, and whoever wants to try more finds the file ready.

mod act;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::platform::{Platform, UNWATCHED, Use, watched};
use super::serve::{self, Running};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::arguments::DemoArgs;
use crate::cli::progress::Progress;
use crate::cli::terminal::Surroundings;
use crate::config::{Config, NoFile};
use crate::demo::{self, Fleet};
use crate::model::report::Trigger;
use crate::monitor::{Ask, NO_STOCK};
use crate::report::{self, Format, Style};

pub(super) async fn demo(
    global: &Global,
    args: DemoArgs,
    running: Running,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let fleet = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(Ended::Well),
        fleet = start(global, here) => fleet?,
    };
    // The servers of the second act may run as another account, which must come through.
    let home = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o711))
        .tempdir()
        .context("make a directory for the demonstration's configuration")?;
    let file = configure(&fleet, home.path()).context("write the demonstration's configuration")?;
    let platform = match show(&fleet, &file, global, here, stop).await? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let act = Box::pin(act::show(&fleet, home.path(), &running, global, here, stop));
    if let Err(refused) = act.await? {
        return Ok(refused);
    }
    if args.once || stop.is_cancelled() {
        return Ok(Ended::Well);
    }
    let (listen, file) = (&platform.config.http.listen, file.display());
    print(|out| {
        writeln!(
            out,
            "\nThe fleet runs until you press Ctrl-C. Its status page: http://{listen}/"
        )?;
        writeln!(out, "Try, in another terminal:")?;
        writeln!(out, "  watertight --config {file} verify --tenant hooli")?;
        writeln!(out, "  watertight gate --url http://{listen}")
    })?;
    let global = Global { config: Some(file.to_string().into()), ..global.clone() };
    serve::run(platform, &global, running, stop).await
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
    let store = toml::Value::from(format!("sqlite:{}", home.join("watertight.db").display()));
    let mut text = format!("[store]\nurl = {store}\n\n[http]\nlisten = \"{}\"\n", free_address()?);
    for row in &fleet.rows {
        let told = |text: &str| toml::Value::from(text);
        text.push_str(&format!(
            "\n[[tenants]]\nid = {}\nname = {}\nsubdomain = {}\ndatabase_url = {}\n",
            told(&row.id),
            told(&row.name),
            told(&row.subdomain),
            told(row.database_url.expose())
        ));
    }
    write_private(&path, &text)?;
    Ok(path)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// Where the daemon usually listens; another port where one is there already.
fn free_address() -> std::io::Result<SocketAddr> {
    let usual = SocketAddr::from(([127, 0, 0, 1], 9877));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    TcpListener::bind(usual).or_else(|_| TcpListener::bind(any))?.local_addr()
}

async fn show(
    fleet: &Fleet,
    file: &Path,
    global: &Global,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Result<Platform, Ended>> {
    let platform = match open(file)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(Err(refused)),
    };
    let style = Style { verbose: true, ..here.style(global) };
    if let Err(refused) = scan(&platform, style, global, here, stop).await? {
        return Ok(Err(refused));
    }
    print(|out| {
        writeln!(out, "\nHow this fleet was built:")?;
        for explanation in &fleet.explanations {
            writeln!(out, "  {}", explanation.line())?;
        }
        fleet.left_out.iter().try_for_each(|it| writeln!(out, "  left out: {it}"))
    })?;
    Ok(Ok(platform))
}

fn open(file: &Path) -> anyhow::Result<Result<Platform, Ended>> {
    match Config::load(Some(file), std::iter::empty(), NoFile::Refused) {
        Ok(config) => Platform::of(config, Use::Holds),
        Err(problems) => Ok(Err(Ended::problems(&problems))),
    }
}

/// Scans the platform's fleet, keeps what was found, and tells it.
async fn scan(
    platform: &Platform,
    style: Style,
    global: &Global,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Result<(), Ended>> {
    let snapshot = match platform.snapshot().await? {
        Ok(snapshot) => Arc::new(snapshot),
        Err(refused) => return Ok(Err(refused)),
    };
    let monitor = match platform.monitor() {
        Ok(monitor) => monitor,
        Err(refused) => return Ok(Err(refused)),
    };
    let ask = Ask {
        id: None,
        only: None,
        last: None,
        trigger: Trigger::Cli,
        ping: false,
        stop,
        progress: UNWATCHED,
        stock: NO_STOCK,
    };
    let cycle = watched(&monitor, &snapshot, platform.memory()?, ask, global, here).await;
    platform.keep(&cycle)?;
    print(|out| report::write(Format::Table, &cycle.report, &snapshot.tenants, style, out))?;
    Ok(Ok(()))
}
