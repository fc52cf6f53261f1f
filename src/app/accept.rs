//! `accept`: a person says that a tenant's database was changed on purpose.
//!
//! Why it takes what was *seen* and not what will be seen: without an end, "whatever comes next is right" would let the
//! very swap pass that drift is there to find.

use super::platform::{Platform, Use};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::arguments::AcceptArgs;
use crate::clock;
use crate::config::NoFile;
use crate::model::change::{Baseline, Change, PlannedKinds};

pub(super) fn accept(global: &Global, args: &AcceptArgs) -> anyhow::Result<Ended> {
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
    let seen: Vec<Baseline> = platform
        .store
        .last_identities()?
        .into_iter()
        .filter(|it| args.tenants.contains(&it.tenant))
        .map(|it| Baseline { since: now, ..it })
        .collect();
    let unseen: Vec<String> = args
        .tenants
        .iter()
        .filter(|id| until.is_none() && !seen.iter().any(|it| it.tenant == **id))
        .map(|id| format!("tenant {id} was never seen: announce a change to come with --until"))
        .collect();
    if !unseen.is_empty() {
        return Ok(Ended::Refused(unseen));
    }
    if !args.dry_run {
        // Without an end the change is over as soon as it is recorded: what was seen is the baseline now.
        let change = Change {
            tenants: args.tenants.clone(),
            kinds: PlannedKinds::default(),
            reason: args.reason.as_str().into(),
            ticket: args.ticket.as_deref().map(Into::into),
            by: author().into(),
            from: now,
            until: until.unwrap_or(now),
        };
        platform.store.add_change(&change)?;
        if until.is_none() {
            platform.store.put_baselines(&seen)?;
        }
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

/// Who says so, as far as this machine knows.
fn author() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
        .unwrap_or_else(|| "the command line".to_owned())
}
