//! `issues`: what would be done to issues, from what the store remembers. Nothing is sent.

use super::platform::{Platform, Use};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::issues::{self, IssuesCommand};
use crate::cli::terminal::Surroundings;
use crate::clock;
use crate::config::NoFile;
use crate::filing::edition;
use crate::issues::options::IssueOptions;
use crate::issues::preview::preview;

pub(super) fn run(
    global: &Global,
    command: IssuesCommand,
    here: Surroundings,
) -> anyhow::Result<Ended> {
    let IssuesCommand::Plan(args) = command;
    let platform = match Platform::open(global, NoFile::Allowed, Use::Reads)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let Some(options) = platform.config.issue_options() else {
        return Ok(Ended::refused("github: no issue is filed without this section"));
    };
    let options = IssueOptions { mode: args.mode.unwrap_or(options.mode), ..options };
    let (standing, entries) = (platform.store.standing_findings()?, platform.store.issues()?);
    let now = clock::now();
    let due = platform.config.daily_report().and_then(|it| it.last(now));
    let daily = due.map(|due| edition::read(&platform.store, due, now)).transpose()?;
    let planned = preview(&standing, daily.as_ref(), &entries, &options, now);
    print(|out| issues::write(&planned, args.format, here.style(global), out))?;
    Ok(Ended::Well)
}
