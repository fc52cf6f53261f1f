//! `accept`: a person says that a tenant's database was changed on purpose.

use super::platform::{Platform, Use};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::arguments::AcceptArgs;
use crate::client::local::{Accepted, LocalDaemon, Told};
use crate::clock;
use crate::config::NoFile;
use crate::model::tenant::TenantId;
use crate::monitor::acceptance::Acceptance;

pub(super) async fn accept(global: &Global, args: &AcceptArgs) -> anyhow::Result<Ended> {
    let purpose = if args.dry_run { Use::Reads } else { Use::Writes };
    let platform = match Platform::open(global, NoFile::Allowed, purpose)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let now = clock::now();
    let until = match args.until.map(|it| it.resolve(now)) {
        None => None,
        Some(Ok(until)) => Some(until),
        Some(Err(error)) => return Ok(Ended::refused(format!("--until: {error}"))),
    };
    let acceptance = Acceptance {
        tenants: args.tenants.clone(),
        reason: args.reason.as_str().into(),
        ticket: args.ticket.as_deref().map(Into::into),
        by: author().into(),
        until,
    };
    let refused = match &platform.daemon {
        Some(daemon) => told(daemon, &acceptance).await?,
        None if args.dry_run => {
            acceptance.judge(&platform.store, now)?.err().map(|it| it.sentences())
        }
        None => acceptance.record(&platform.store, now)?.err().map(|it| it.sentences()),
    };
    if let Some(problems) = refused {
        return Ok(Ended::Refused(problems));
    }
    let would = if args.dry_run { "would be " } else { "" };
    print(|out| match until {
        Some(until) => {
            writeln!(out, "changes of {} are {would}accepted until {until}", names(args))
        }
        None => {
            writeln!(out, "what was last seen of {} is {would}accepted as its own", names(args))
        }
    })?;
    Ok(Ended::Well)
}

fn names(args: &AcceptArgs) -> String {
    args.tenants.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Why the daemon refused it.
async fn told(
    daemon: &LocalDaemon,
    acceptance: &Acceptance,
) -> anyhow::Result<Option<Vec<String>>> {
    let accepted = Accepted {
        tenants: acceptance.tenants.iter().map(TenantId::as_str).collect(),
        reason: &acceptance.reason,
        ticket: acceptance.ticket.as_deref(),
        by: &acceptance.by,
        until: acceptance.until.map(|it| it.to_string()),
    };
    Ok(match daemon.accept(&accepted).await? {
        Told::Done(()) => None,
        Told::Refused(problems) => Some(problems),
    })
}

/// Who says so, as far as this machine knows.
fn author() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
        .unwrap_or_else(|| "the command line".to_owned())
}
