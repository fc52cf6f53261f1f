//! `report`: how the fleet stands, and what happened since, from what the store remembers. Nothing is visited.

use jiff::SignedDuration;

use super::Ended;
use super::platform::{Platform, Use};
use super::verify::{deliver, unwritable};
use crate::cli::Global;
use crate::cli::arguments::{DailyArgs, ReportArgs};
use crate::cli::terminal::Surroundings;
use crate::clock;
use crate::config::NoFile;
use crate::monitor::day::Day;
use crate::report::daily;

/// Without `--since`.
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn report(
    global: &Global,
    args: &DailyArgs,
    here: Surroundings,
) -> anyhow::Result<Ended> {
    if let Some(unwritable) = args.output.as_deref().and_then(unwritable) {
        return Ok(unwritable);
    }
    let now = clock::now();
    let since = match args.since.map(|it| it.resolve(now)) {
        None => now.saturating_sub(DAY)?,
        Some(Ok(since)) => since,
        Some(Err(error)) => return Ok(Ended::refused(format!("--since: {error}"))),
    };
    let platform = match Platform::open(global, NoFile::Allowed, Use::Reads)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let day = Day::read(&platform.store, since)?;
    let to = ReportArgs { format: args.format, output: args.output.clone() };
    deliver(&to, here.style(global), |style, out| {
        daily::write(args.format, &day.daily(now), style, out)
    })?;
    Ok(Ended::Well)
}
