//! `orphans`: what stands at the provider without a tenant, adopted or deleted by a person.
//!
//! Why through the daemon where one holds the store: the clusters of this machine are its own, and what is deleted must
//! not be what one of its operations has just made.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::platform::{Platform, Use};
use super::provision::Ours;
use super::serve::Running;
use super::tenants::{field, password, put};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::orphans::{AdoptArgs, DeleteArgs, OrphansCommand};
use crate::cli::terminal::Surroundings;
use crate::client::local::{LocalDaemon, Parting, Told};
use crate::clock;
use crate::config::NoFile;
use crate::dsn::Dsn;
use crate::model::operation::OperationId;
use crate::provision::orphan::{Farewell, Parted, Phase, Whose};
use crate::provision::work::Work;
use crate::registry::row::{RawRow, Typing};
use crate::report::orphans::{self, Listing, Orphan};
use crate::report::visible::visible;
use crate::secret::Secret;

const NOBODY: &str = "nobody is asked what stands there: write `[provider]` or `[provision]`";

pub(super) async fn run(
    global: &Global,
    command: &OrphansCommand,
    running: Running,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let platform = match Platform::open(global, NoFile::Allowed, Use::Writes)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let hand = match Hand::of(&platform, running).await? {
        Ok(hand) => hand,
        Err(refused) => return Ok(refused),
    };
    let done = async {
        match command {
            OrphansCommand::List(args) => match hand.list().await? {
                Told::Done(listing) => {
                    let style = here.style(global);
                    print(|out| orphans::write(&listing, args.format, style, out))?;
                    Ok(Ended::Well)
                }
                Told::Refused(problems) => Ok(Ended::Refused(problems)),
            },
            OrphansCommand::Adopt(args) => adopt(&platform, &hand, args).await,
            OrphansCommand::Delete(args) => delete(&hand, args).await,
        }
    };
    tokio::select! {
        done = done => done,
        () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
    }
}

/// By whom it is done.
enum Hand {
    Daemon(LocalDaemon),
    /// This process, as the daemon of its store.
    Ours(Box<Ours>),
}

impl Hand {
    async fn of(platform: &Platform, running: Running) -> anyhow::Result<Result<Self, Ended>> {
        if let Some(daemon) = &platform.daemon {
            return Ok(Ok(Self::Daemon(daemon.clone())));
        }
        let ours = Ours::perhaps_unequipped(platform, running).await?;
        Ok(ours.map(|it| Self::Ours(Box::new(it))))
    }

    async fn list(&self) -> anyhow::Result<Told<Listing>> {
        let ours = match self {
            Self::Daemon(daemon) => return Ok(daemon.orphans().await?),
            Self::Ours(ours) => ours,
        };
        let tenants = ours.daemon.fleet_now().await?.tenants;
        let inventory = ours.daemon.stock_now(&tenants).await?;
        Ok(inventory.map_or_else(
            || Told::Refused(vec![NOBODY.to_owned()]),
            |it| Told::Done(Listing::of(&it, &tenants, clock::now())),
        ))
    }

    async fn part_with(&self, args: &DeleteArgs) -> anyhow::Result<Parted> {
        let ours = match self {
            Self::Ours(ours) => ours,
            Self::Daemon(daemon) => {
                let parting = Parting {
                    project: &args.reference,
                    confirm: args.confirm.as_deref(),
                    not_ours: args.not_ours,
                };
                return Ok(match daemon.part_with(&parting).await? {
                    Told::Done(parted) if parted.deleted => Parted::Deleted,
                    Told::Done(parted) => Parted::Could(parted.told.unwrap_or_default()),
                    Told::Refused(problems) => Parted::Refused(problems),
                });
            }
        };
        let farewell = Farewell {
            reference: &args.reference,
            phase: if args.confirm.is_some() { Phase::Delete } else { Phase::Look },
            whose: if args.not_ours { Whose::Anybodys } else { Whose::Ours },
        };
        ours.provisioner.part_with(farewell).await
    }
}

async fn delete(hand: &Hand, args: &DeleteArgs) -> anyhow::Result<Ended> {
    if args.confirm.as_ref().is_some_and(|it| *it != args.reference) {
        return Ok(Ended::refused(
            "--confirm: it is another name than that of the project to delete",
        ));
    }
    match hand.part_with(args).await? {
        Parted::Could(told) => print(|out| {
            writeln!(out, "{}; with --confirm {} it is", visible(&told), visible(&args.reference))
        })?,
        Parted::Deleted => print(|out| writeln!(out, "{} is deleted", visible(&args.reference)))?,
        Parted::Refused(against) => {
            let lines = against.iter().map(|it| visible(it).into_owned());
            return Ok(Ended::Refused(lines.collect()));
        }
    }
    Ok(Ended::Well)
}

async fn adopt(platform: &Platform, hand: &Hand, args: &AdoptArgs) -> anyhow::Result<Ended> {
    let listing = match hand.list().await? {
        Told::Done(listing) => listing,
        Told::Refused(problems) => return Ok(Ended::Refused(problems)),
    };
    let Some(orphan) = listing.projects.iter().find(|it| *it.project == *args.reference) else {
        return Ok(Ended::refused(format!(
            "no project {} without a tenant: see `watertight orphans list`",
            visible(&args.reference)
        )));
    };
    // Of a registry that has nobody yet, none can have the name.
    if let Ok(snapshot) = platform.snapshot().await?
        && let Some(tenant) = snapshot.tenants.iter().find(|it| it.id == args.tenant)
    {
        return Ok(Ended::refused(format!("{} has a tenant {} already", tenant.origin, tenant.id)));
    }
    let url = match way(platform, orphan, args)? {
        Ok(url) => url,
        Err(refused) => return Ok(refused),
    };
    let mut fields = vec![
        field("id", args.tenant.as_str()),
        field("database_url", url.expose()),
        field("project_id", &orphan.project),
    ];
    fields.extend(password(args.password()));
    let row = RawRow::read(fields, None, Typing::Strict);
    put(platform, vec![row], "the command line", args.dry_run).await
}

/// The URL that was given, or the one that the operation kept which made the project.
fn way(
    platform: &Platform,
    orphan: &Orphan,
    args: &AdoptArgs,
) -> anyhow::Result<Result<Secret, Ended>> {
    let url = match &args.url {
        Some(url) => Some(url.clone()),
        None => kept(platform, orphan)?,
    };
    let Some(url) = url else {
        return Ok(Err(Ended::refused(
            "the way into its database is not known here: say it with --url",
        )));
    };
    let Ok(dsn) = Dsn::parse(url.expose()) else {
        return Ok(Err(Ended::refused("--url: it is no connection URL")));
    };
    if dsn.address(Some(&orphan.project)).project_id() != Some(&*orphan.project) {
        return Ok(Err(Ended::refused("--url: it names another project than the one to adopt")));
    }
    Ok(Ok(url))
}

fn kept(platform: &Platform, orphan: &Orphan) -> anyhow::Result<Option<Secret>> {
    let Some(operation) = orphan.operation.as_deref() else { return Ok(None) };
    let Ok(operation) = OperationId::parse(operation) else { return Ok(None) };
    let work = platform.store.operation_work::<Work>(&operation);
    let work = work.context("read what the operation kept")?;
    Ok(work.and_then(|it| it.url()))
}
