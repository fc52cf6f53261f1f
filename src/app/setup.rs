//! `setup`: the platform's own setup, on a database that exists.
//!
//! Why no store and no registry: whoever sets a database up by hand has its URL, and perhaps nothing else yet.

use std::io::{BufRead, Read};

use tokio_util::sync::CancellationToken;

use super::platform::{self, configuration};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::stamp::{SetupArgs, UrlSource};
use crate::config::{Config, NoFile};
use crate::dsn::{self, Dsn};
use crate::secret::Secret;
use crate::setup::{self, LIMIT, SetupDone, SetupPlan, SetupTenant, SetupWay, files};

/// In bytes.
const LONGEST_URL: u64 = 16 * 1024;

pub(super) async fn setup(
    global: &Global,
    args: &SetupArgs,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let config = match configuration(global, NoFile::Refused) {
        Ok(config) => config,
        Err(refused) => return Ok(refused),
    };
    let plan = match plan(&config) {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            return Ok(Ended::refused(
                "no setup is configured: set `provision.setup_sql` or `provision.setup_command`",
            ));
        }
        Err(why) => return Ok(Ended::refused(why)),
    };
    let url = match url(&args.url) {
        Ok(url) => url,
        Err(why) => return Ok(Ended::refused(format!("<URL>: {why}"))),
    };
    if let Err(error) = Dsn::parse(url.expose()) {
        return Ok(Ended::refused(format!("<URL>: {error}")));
    }
    if let Err(error) = plan.check() {
        return Ok(Ended::refused(format!("{:#}", anyhow::Error::new(error))));
    }
    if args.dry_run {
        print(|out| write!(out, "{}", told(&plan, &url)))?;
        return Ok(Ended::Well);
    }
    let prober = match platform::prober(&config.probe_options()) {
        Ok(prober) => prober,
        Err(refused) => return Ok(refused),
    };
    let (id, name) = (&args.subdomain, args.name.as_str());
    let tenant = SetupTenant { id, name, subdomain: id.as_str() };
    match setup::run(&plan, &prober, &url, tenant, stop).await {
        Ok(SetupDone::Sql(names)) => {
            print(|out| writeln!(out, "run: {}", names.join(", ")))?;
            Ok(Ended::Well)
        }
        Ok(SetupDone::Command) => {
            print(|out| writeln!(out, "the setup's command has ended well"))?;
            Ok(Ended::Well)
        }
        Err(error) => Ok(Ended::Unwell(format!("{:#}", anyhow::Error::new(error)))),
    }
}

/// The setup that is configured; `Err` where it is two at once.
pub(super) fn plan(config: &Config) -> Result<Option<SetupPlan>, String> {
    let Some(provision) = &config.provision else { return Ok(None) };
    let limit = provision.setup_timeout.map_or(LIMIT, |it| it.0);
    let way = match (&provision.setup_sql, &provision.setup_command) {
        (None, None) => return Ok(None),
        (Some(directory), None) => SetupWay::Sql(directory.clone()),
        (None, Some(words)) => match words.split_first() {
            Some((program, arguments)) => {
                SetupWay::Command { program: program.clone(), arguments: arguments.to_vec() }
            }
            None => return Err("provision.setup_command names no program".to_owned()),
        },
        (Some(_), Some(_)) => {
            return Err(
                "provision.setup_sql and provision.setup_command are both set: keep the one that is to run"
                    .to_owned(),
            );
        }
    };
    Ok(Some(SetupPlan { way, limit }))
}

fn url(source: &UrlSource) -> Result<Secret, String> {
    match source {
        UrlSource::Place(place) => place.read().map_err(|error| error.to_string()),
        UrlSource::Input => {
            let mut line = String::new();
            let read = std::io::stdin().lock().take(LONGEST_URL).read_line(&mut line);
            read.map_err(|error| format!("read standard input: {error}"))?;
            Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
        }
    }
}

/// What would be run.
fn told(plan: &SetupPlan, url: &Secret) -> String {
    let limit = format!("within {} s", plan.limit.as_secs());
    let target = dsn::masked(url.expose());
    match &plan.way {
        SetupWay::Command { program, arguments } => {
            let arguments = arguments.join(" ");
            format!("would run, {limit}, for {target}:\n  {program} {arguments}\n")
        }
        SetupWay::Sql(directory) => {
            let files = files::read(directory).unwrap_or_default();
            let names: Vec<&str> = files.iter().map(|it| it.name.as_str()).collect();
            let lines = names.join("\n  ");
            format!("would run, {limit}, on {target}, each file as one transaction:\n  {lines}\n")
        }
    }
}
