//! `provision` and `deprovision`: what the API does, from the shell.
//!
//! Why through the daemon where one holds the store: two processes that carry out operations of one store would each do
//! half of them. Without one, the command is the daemon for as long as its operation takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::platform::{Platform, Use};
use super::provider::{equipment, source};
use super::serve::Running;
use super::serve::live::settings;
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::provisioning::{self, DeprovisionArgs, ProvisionArgs};
use crate::cli::terminal::Surroundings;
use crate::client::local::{LocalDaemon, Told, Wanted};
use crate::clock;
use crate::config::NoFile;
use crate::daemon::Daemon;
use crate::model::operation::{Operation, OperationId, OperationState, StepState};
use crate::model::preflight::{Check, CheckName};
use crate::provision::backup::FinalBackup;
use crate::provision::work::Request;
use crate::provision::{BeginError, GRACE, Provisioner, preflight};
use crate::report::{Format, Style};
use crate::saga;

/// Between two looks at an operation that the daemon carries out.
const LOOK: Duration = Duration::from_millis(200);

const NOT_OURS: &str =
    "--backup: a daemon holds the store, and writes where `provision.backup_directory` says";

const UNEQUIPPED: &str = "the configuration has no `[provision]`: say there who provides databases";

pub(super) async fn provision(
    global: &Global,
    args: &ProvisionArgs,
    running: Running,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let platform = match Platform::open(global, NoFile::Allowed, Use::Writes)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let style = here.style(global);
    if let Some(daemon) = platform.daemon.clone() {
        let wanted = Wanted {
            subdomain: &args.subdomain,
            name: &args.name,
            environment: args.environment.as_deref(),
        };
        if args.dry_run {
            return checked(asked_to_check(&daemon, &wanted).await?, args, style);
        }
        return match daemon.provision(&wanted, args.idempotency_key.as_deref()).await? {
            Told::Done(id) => {
                let operation = watched(&platform, &id, stop).await?;
                told(&operation, args.format, style)
            }
            Told::Refused(problems) => Ok(Ended::Refused(problems)),
        };
    }
    let ours = match Ours::of(&platform, running).await? {
        Ok(ours) => ours,
        Err(refused) => return Ok(refused),
    };
    let request = Request {
        subdomain: args.subdomain.as_str().into(),
        name: args.name.as_str().into(),
        environment: args.environment.as_deref().map(Into::into),
        labels: BTreeMap::new(),
        database_url: None,
    };
    if args.dry_run {
        let Some(equipment) = ours.provisioner.equipment() else {
            return Ok(Ended::refused(UNEQUIPPED));
        };
        let checks = preflight::check(&ours.daemon, &equipment, &request).await;
        return checked(Ok(checks), args, style);
    }
    let begun = ours.provisioner.provision(request, args.idempotency_key.as_deref()).await;
    match begun {
        Ok(id) => told(&ours.carry_out(&platform, &id, stop).await?, args.format, style),
        Err(error) => refused(error),
    }
}

pub(super) async fn deprovision(
    global: &Global,
    args: &DeprovisionArgs,
    running: Running,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let platform = match Platform::open(global, NoFile::Allowed, Use::Writes)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let until = match until(args, clock::now()) {
        Ok(until) => until,
        Err(refused) => return Ok(refused),
    };
    if args.dry_run {
        let projects = platform.store.projects_of_tenant(&args.tenant)?;
        print(|out| {
            writeln!(
                out,
                "{} would be led nowhere at once, and be gone from {until} on",
                args.tenant
            )?;
            projects.iter().try_for_each(|it| {
                writeln!(out, "the project {} at {} would be deleted", it.reference, it.provider)
            })
        })?;
        return Ok(Ended::Well);
    }
    let style = here.style(global);
    if let Some(daemon) = &platform.daemon {
        if args.backup.is_some() {
            return Ok(Ended::refused(NOT_OURS));
        }
        let grace = until.duration_since(clock::now()).try_into().unwrap_or_default();
        let backup = args.no_backup.then_some(false);
        return match daemon.deprovision(&args.tenant, grace, backup).await? {
            Told::Done(id) if args.now => {
                told(&watched(&platform, &id, stop).await?, args.format, style)
            }
            Told::Done(id) => begun(&platform, &id, args, style),
            Told::Refused(problems) => Ok(Ended::Refused(problems)),
        };
    }
    let ours = match Ours::of(&platform, running).await? {
        Ok(ours) => ours,
        Err(refused) => return Ok(refused),
    };
    let backup = match &args.backup {
        Some(directory) => FinalBackup::Into(directory.clone()),
        None if args.no_backup => FinalBackup::None,
        None => FinalBackup::AsConfigured,
    };
    let grace = until.duration_since(clock::now());
    match ours.provisioner.deprovision(&args.tenant, grace, backup, None).await {
        Ok(id) if args.now => {
            told(&ours.carry_out(&platform, &id, stop).await?, args.format, style)
        }
        Ok(id) => {
            ours.carry_out_for(&id, stop, LOOK * 10).await?;
            begun(&platform, &id, args, style)
        }
        Err(error) => refused(error),
    }
}

fn until(args: &DeprovisionArgs, now: Timestamp) -> Result<Timestamp, Ended> {
    if args.now {
        return Ok(now);
    }
    match args.until.map(|it| it.resolve(now)) {
        None => now.checked_add(GRACE).map_err(Ended::refused),
        Some(until) => until.map_err(|error| Ended::refused(format!("--until: {error}"))),
    }
}

/// Checks that the daemon made, in the words of this program; of a newer daemon some may be unknown.
async fn asked_to_check(
    daemon: &LocalDaemon,
    wanted: &Wanted<'_>,
) -> anyhow::Result<Result<Vec<Check>, Ended>> {
    Ok(match daemon.validate(wanted).await? {
        Told::Done(checks) => Ok(checks
            .into_iter()
            .filter_map(|(name, ok, detail)| {
                let known = CheckName::ALL.into_iter().find(|it| it.label() == name)?;
                Some(Check { name: known, ok, detail })
            })
            .collect()),
        Told::Refused(problems) => Err(Ended::Refused(problems)),
    })
}

fn checked(
    checks: Result<Vec<Check>, Ended>,
    args: &ProvisionArgs,
    style: Style,
) -> anyhow::Result<Ended> {
    let checks = match checks {
        Ok(checks) => checks,
        Err(refused) => return Ok(refused),
    };
    print(|out| provisioning::write_checks(&checks, args.format, style, out))?;
    if checks.iter().all(|it| it.ok) { Ok(Ended::Well) } else { Ok(Ended::Refused(Vec::new())) }
}

/// This process as the daemon of its store.
pub(super) struct Ours {
    pub(super) daemon: Arc<Daemon>,
    pub(super) provisioner: Arc<Provisioner>,
}

impl Ours {
    pub(super) async fn of(
        platform: &Platform,
        running: Running,
    ) -> anyhow::Result<Result<Self, Ended>> {
        if platform.config.provision.is_none() {
            return Ok(Err(Ended::refused(UNEQUIPPED)));
        }
        Self::perhaps_unequipped(platform, running).await
    }

    /// Where nothing can be provisioned, it can still look.
    pub(super) async fn perhaps_unequipped(
        platform: &Platform,
        running: Running,
    ) -> anyhow::Result<Result<Self, Ended>> {
        let settings = match settings(&platform.config, platform.recognise()) {
            Ok(settings) => settings,
            Err(refused) => return Ok(Err(refused)),
        };
        let equipment = match equipment(&platform.config, &running.metrics).await? {
            Ok(equipment) => equipment,
            Err(refused) => return Ok(Err(refused)),
        };
        let source = source(&platform.config, equipment.as_ref(), &running.metrics)?;
        let (_, settings) = watch::channel(Arc::new(settings));
        let (_, equipment) = watch::channel(equipment.map(Arc::new));
        let store = Arc::clone(&platform.store);
        let daemon = Arc::new(Daemon::new(store, settings, running.metrics));
        daemon.recall().await?;
        daemon.take_stock_from(source);
        let provisioner = Arc::new(Provisioner::new(Arc::clone(&daemon), equipment));
        Ok(Ok(Self { daemon, provisioner }))
    }

    /// To its end, with a line for each step.
    pub(super) async fn carry_out(
        &self,
        platform: &Platform,
        id: &OperationId,
        stop: &CancellationToken,
    ) -> anyhow::Result<Operation> {
        let (done, watching) =
            tokio::join!(self.provisioner.run_one(id, stop), watched(platform, id, stop));
        done?;
        watching
    }

    /// As far as it comes in that time; a later daemon goes on.
    async fn carry_out_for(
        &self,
        id: &OperationId,
        stop: &CancellationToken,
        limit: Duration,
    ) -> anyhow::Result<()> {
        let running = self.provisioner.run_one(id, stop);
        tokio::time::timeout(limit, running).await.unwrap_or(Ok(()))
    }
}

/// Looks at the operation until it has ended, and logs each change of a step.
pub(super) async fn watched(
    platform: &Platform,
    id: &OperationId,
    stop: &CancellationToken,
) -> anyhow::Result<Operation> {
    let mut known: Vec<StepState> = Vec::new();
    loop {
        let operation = read(platform, id)?;
        let steps = saga::steps(operation.kind, &operation.log);
        for (place, step) in steps.iter().enumerate() {
            if known.get(place) != Some(&step.state)
                && let Some(line) = provisioning::step_line(step)
            {
                tracing::info!("{line}");
            }
        }
        known = steps.iter().map(|it| it.state).collect();
        if operation.state != OperationState::Running || stop.is_cancelled() {
            return Ok(operation);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn read(platform: &Platform, id: &OperationId) -> anyhow::Result<Operation> {
    platform.store.operation(id)?.ok_or_else(|| anyhow::anyhow!("the operation is gone"))
}

fn begun(
    platform: &Platform,
    id: &OperationId,
    args: &DeprovisionArgs,
    style: Style,
) -> anyhow::Result<Ended> {
    let operation = read(platform, id)?;
    print(|out| provisioning::write(&operation, args.format, style, out))?;
    Ok(Ended::Well)
}

pub(super) fn told(operation: &Operation, format: Format, style: Style) -> anyhow::Result<Ended> {
    print(|out| provisioning::write(operation, format, style, out))?;
    let (kind, tenant) = (operation.kind.label(), &operation.tenant);
    Ok(match operation.state {
        OperationState::Succeeded => Ended::Well,
        OperationState::Running => {
            Ended::Unwell(format!("{kind} of {tenant} was interrupted; the next daemon goes on"))
        }
        OperationState::RolledBack => {
            Ended::Unwell(format!("{kind} of {tenant} failed, and everything was undone"))
        }
        OperationState::Stuck => Ended::Unwell(format!(
            "{kind} of {tenant} is stuck: a person has to look at what is left"
        )),
    })
}

pub(super) fn refused(error: BeginError) -> anyhow::Result<Ended> {
    match error {
        BeginError::Store(error) => Err(error),
        BeginError::Refused(checks) => {
            let failed = checks.iter().filter(|it| !it.ok);
            let lines = failed.map(|it| format!("{}: {}", it.name.label(), it.detail));
            Ok(Ended::Refused(lines.collect()))
        }
        BeginError::Stays(against) => Ok(Ended::Refused(against)),
        error => Ok(Ended::refused(error)),
    }
}
