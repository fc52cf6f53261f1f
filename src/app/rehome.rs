//! `rehome`: a tenant into a database of its own, by the daemon that holds the store or by this process.

use tokio_util::sync::CancellationToken;

use super::platform::{Platform, Use};
use super::provision::{Ours, refused, told, watched};
use super::serve::Running;
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::provisioning::RehomeArgs;
use crate::cli::terminal::Surroundings;
use crate::client::local::{Moved, Told};
use crate::config::NoFile;
use crate::moving::selection::Wish;
use crate::provision::rehome::survey::{ProviderSchemas, Wanted};
use crate::report::Style;
use crate::report::rehoming::{self, Plan};

pub(super) async fn rehome(
    global: &Global,
    args: &RehomeArgs,
    running: Running,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Ended> {
    let platform = match Platform::open(global, NoFile::Allowed, Use::Writes)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let style = here.style(global);
    if let Some(daemon) = &platform.daemon {
        let moved = Moved {
            schemas: &args.schemas,
            tables: &args.tables,
            without_provider_schemas: args.without_provider_schemas,
        };
        if args.dry_run {
            return match daemon.rehoming(&args.tenant, &moved).await? {
                Told::Done(plan) => planned(&plan, args, style),
                Told::Refused(problems) => Ok(Ended::Refused(problems)),
            };
        }
        return match daemon.rehome(&args.tenant, &moved, args.idempotency_key.as_deref()).await? {
            Told::Done(id) => told(&watched(&platform, &id, stop).await?, args.format, style),
            Told::Refused(problems) => Ok(Ended::Refused(problems)),
        };
    }
    let ours = match Ours::of(&platform, running).await? {
        Ok(ours) => ours,
        Err(refused) => return Ok(refused),
    };
    let wanted = wanted(args);
    if args.dry_run {
        return match ours.provisioner.survey(&args.tenant, &wanted).await {
            Ok(surveyed) => planned(&Plan::of(&surveyed.survey), args, style),
            Err(error) => refused(error),
        };
    }
    let key = args.idempotency_key.as_deref();
    match ours.provisioner.rehome(&args.tenant, &wanted, key).await {
        Ok(id) => told(&ours.carry_out(&platform, &id, stop).await?, args.format, style),
        Err(error) => refused(error),
    }
}

fn wanted(args: &RehomeArgs) -> Wanted {
    let names = |names: &[String]| names.iter().map(|it| it.as_str().into()).collect();
    let wish = Wish::of(names(&args.schemas), names(&args.tables));
    let providers = if args.without_provider_schemas {
        ProviderSchemas::LeaveBehind
    } else {
        ProviderSchemas::Stop
    };
    Wanted { wish, providers }
}

fn planned(plan: &Plan, args: &RehomeArgs, style: Style) -> anyhow::Result<Ended> {
    print(|out| rehoming::write(plan, args.format, style, out))?;
    if plan.ok { Ok(Ended::Well) } else { Ok(Ended::Refused(plan.errors.clone())) }
}
