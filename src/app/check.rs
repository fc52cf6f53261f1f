//! `check`: one database, told to a person.
//!
//! Why no store and no configuration are needed for a URL: it is the first thing that somebody tries, and the last that
//! works when everything else is broken.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Ended;
use super::platform::{self, Platform, UNWATCHED, Use};
use super::verify::deliver;
use crate::cli::Global;
use crate::cli::arguments::{CheckArgs, CheckTarget};
use crate::cli::terminal::Surroundings;
use crate::config::NoFile;
use crate::model::fingerprint::Digest256;
use crate::model::report::Trigger;
use crate::model::tenant::TenantId;
use crate::monitor::memory::Memory;
use crate::monitor::{Ask, Monitor, NO_STOCK};
use crate::registry::row::{Field, RawRow, Typing};
use crate::registry::{self, RegistryOptions, Snapshot};
use crate::report;
use crate::report::judge::exit_code;
use crate::stamp::key::StampKeyRefs;

/// What a database that is in no registry is called in a report.
const UNREGISTERED: &str = "unregistered";

pub(super) async fn check(
    global: &Global,
    args: &CheckArgs,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let found = match &args.target {
        CheckTarget::Tenant(id) => registered(global, id).await?,
        CheckTarget::Url(url) => unregistered(global, url.expose()).await?,
    };
    let (monitor, snapshot, id) = match found {
        Ok(found) => found,
        Err(refused) => return Ok(refused),
    };
    let only = BTreeSet::from([id]);
    let ask = Ask {
        id: None,
        only: Some(&only),
        last: None,
        trigger: Trigger::Cli,
        ping: true,
        stop,
        progress: UNWATCHED,
        stock: NO_STOCK,
    };
    let snapshot = Arc::new(snapshot);
    let cycle = monitor.cycle(&snapshot, Memory::default(), ask).await;
    deliver(&args.report, here.style(global), |style, out| {
        report::write_check(args.report.format, &cycle.report, &snapshot.tenants, style, out)
    })?;
    Ok(Ended::Judged(exit_code(&cycle.report, &args.judgement())))
}

type Found = Result<(Monitor, Snapshot, TenantId), Ended>;

async fn registered(global: &Global, id: &TenantId) -> anyhow::Result<Found> {
    let platform = match Platform::open(global, NoFile::Allowed, Use::Reads)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(Err(refused)),
    };
    let snapshot = match platform.snapshot().await? {
        Ok(snapshot) => snapshot,
        Err(refused) => return Ok(Err(refused)),
    };
    if !snapshot.tenants.iter().any(|it| it.id == *id) {
        let missing = format!("no tenant {id} in the registry: see `watertight tenants list`");
        return Ok(Err(Ended::refused(missing)));
    }
    Ok(platform.monitor().map(|monitor| (monitor, snapshot, id.clone())))
}

async fn unregistered(global: &Global, url: &str) -> anyhow::Result<Found> {
    let config = match platform::configuration(global, NoFile::Allowed) {
        Ok(config) => config,
        Err(refused) => return Ok(Err(refused)),
    };
    let field =
        |key: &str, value: &str| Field { key: key.to_owned(), value: value.into(), line: None };
    let row = RawRow::read(
        vec![field("id", UNREGISTERED), field("database_url", url)],
        None,
        Typing::Strict,
    );
    let options = RegistryOptions {
        configuration: "the command line".to_owned(),
        tenants: Arc::new([row]),
        ca_file: config.registry_options().ca_file,
        ..RegistryOptions::default()
    };
    let (snapshot, _) =
        match registry::read(&options, std::collections::BTreeMap::new(), Vec::new()).await {
            Ok(read) => read,
            Err(error) => return Ok(Err(Ended::refused(error))),
        };
    if let Some(why) = snapshot.access.iter().flatten().find_map(|it| it.unusable.as_ref()) {
        return Ok(Err(Ended::refused(why)));
    }
    let Some(id) = snapshot.tenants.first().map(|it| it.id.clone()) else {
        return Ok(Err(Ended::refused("the URL names no database")));
    };
    let recognise = Arc::new(|_: &_, _: &_, _: &_| Digest256::from_bytes([0; 32]));
    // Whose stamp a database in no registry ought to bear, nobody knows.
    let keys = StampKeyRefs::default();
    let monitor = platform::monitor(&config.probe_options(), config.policy(), recognise, keys);
    Ok(monitor.map(|monitor| (monitor, snapshot, id)))
}
