//! `tenants`: the registry, and the part of it that lives in the store.
//!
//! Why only the store's part can be edited here: a tenant that a file or the platform's own database names would come
//! back with the next read.

use std::collections::BTreeSet;

use super::platform::{Platform, Use};
use super::{Ended, print};
use crate::cli::registry::{AddArgs, ImportArgs, RemoveArgs, TenantsCommand};
use crate::cli::terminal::Surroundings;
use crate::cli::{Global, listing};
use crate::client::local::Told;
use crate::config::NoFile;
use crate::model::tenant::TenantId;
use crate::registry::file;
use crate::registry::row::{Field, RawRow, Typing};
use crate::registry::stored;
use crate::report::layout::counted;
use crate::secret::SecretRef;

pub(super) async fn run(
    global: &Global,
    command: &TenantsCommand,
    here: &Surroundings,
) -> anyhow::Result<Ended> {
    let purpose = match command {
        TenantsCommand::List(_) | TenantsCommand::Show(_) => Use::Reads,
        TenantsCommand::Add(AddArgs { dry_run, .. })
        | TenantsCommand::Remove(RemoveArgs { dry_run, .. })
        | TenantsCommand::Import(ImportArgs { dry_run, .. }) => {
            if *dry_run {
                Use::Reads
            } else {
                Use::Writes
            }
        }
    };
    let platform = match Platform::open(global, NoFile::Allowed, purpose)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    match command {
        TenantsCommand::Add(args) => add(&platform, args).await,
        TenantsCommand::Remove(args) => remove(&platform, args).await,
        TenantsCommand::Import(args) => import(&platform, args).await,
        TenantsCommand::List(_) | TenantsCommand::Show(_) => {
            show(&platform, command, global, here).await
        }
    }
}

async fn show(
    platform: &Platform,
    command: &TenantsCommand,
    global: &Global,
    here: &Surroundings,
) -> anyhow::Result<Ended> {
    let snapshot = match platform.snapshot().await? {
        Ok(snapshot) => snapshot,
        Err(refused) => return Ok(refused),
    };
    for warning in &snapshot.warnings {
        tracing::warn!("{warning}");
    }
    let style = here.style(global);
    match command {
        TenantsCommand::Show(args) => match snapshot.tenants.iter().find(|it| it.id == args.tenant)
        {
            Some(tenant) => print(|out| listing::tenant(tenant, args.format, style, out))?,
            None => {
                return Ok(Ended::refused(format!("no tenant {} in the registry", args.tenant)));
            }
        },
        TenantsCommand::List(args) => {
            print(|out| listing::tenants(&snapshot.tenants, args.format, style, out))?;
        }
        TenantsCommand::Add(_) | TenantsCommand::Remove(_) | TenantsCommand::Import(_) => {}
    }
    Ok(Ended::Well)
}

async fn add(platform: &Platform, args: &AddArgs) -> anyhow::Result<Ended> {
    let mut fields = vec![field("id", args.id.as_str()), field("database_url", args.url.expose())];
    fields.extend(args.subdomain.as_deref().map(|it| field("subdomain", it)));
    fields.extend(args.name.as_deref().map(|it| field("name", it)));
    fields.extend(password(args.password()));
    let row = RawRow::read(fields, None, Typing::Strict);
    put(platform, vec![row], "the command line", args.dry_run).await
}

async fn import(platform: &Platform, args: &ImportArgs) -> anyhow::Result<Ended> {
    let name = args.file.display().to_string();
    match file::read(&args.file).await {
        Ok(rows) => put(platform, rows, &name, args.dry_run).await,
        Err(error) => Ok(Ended::refused(format!("{name}: {:#}", anyhow::Error::new(error)))),
    }
}

/// All of the rows or none.
pub(super) async fn put(
    platform: &Platform,
    rows: Vec<RawRow>,
    source: &str,
    dry_run: bool,
) -> anyhow::Result<Ended> {
    let tenants = match stored::judge(rows, source) {
        Ok(tenants) => tenants,
        Err(problems) => return Ok(Ended::Refused(problems)),
    };
    let number = tenants.len();
    match &platform.daemon {
        _ if dry_run => {}
        Some(daemon) => {
            let rows: Vec<RawRow> = tenants.into_iter().map(|(_, row)| row).collect();
            if let Told::Refused(problems) = daemon.put_tenants(source, &rows).await? {
                return Ok(Ended::Refused(problems));
            }
        }
        None => platform.store.put_tenants(&tenants)?,
    }
    let would = if dry_run { "would be " } else { "" };
    print(|out| writeln!(out, "{} {would}stored", counted(number, "tenant")))?;
    Ok(Ended::Well)
}

async fn remove(platform: &Platform, args: &RemoveArgs) -> anyhow::Result<Ended> {
    let there = platform.store.tenants::<RawRow>()?.into_iter().map(|(id, _)| id).collect();
    let missing = stored::not_there(&there, &args.tenants);
    if !missing.is_empty() {
        return Ok(Ended::Refused(missing));
    }
    let removed: BTreeSet<TenantId> = args.tenants.iter().cloned().collect();
    match &platform.daemon {
        Some(daemon) => {
            if let Told::Refused(problems) = daemon.remove_tenants(&args.tenants).await? {
                return Ok(Ended::Refused(problems));
            }
        }
        None if args.dry_run => {}
        None => drop(platform.store.remove_tenants(&removed)?),
    }
    let would = if args.dry_run { "would be " } else { "" };
    print(|out| writeln!(out, "{} {would}removed", counted(removed.len(), "tenant")))?;
    Ok(Ended::Well)
}

/// Where it stands, as a row names it.
pub(super) fn password(place: Option<SecretRef>) -> Option<Field> {
    let place = match place? {
        SecretRef::Environment(name) => format!("${{{name}}}"),
        SecretRef::File(path) => format!("file:{}", path.display()),
        SecretRef::Inline(_) => return None,
    };
    Some(field("password", &place))
}

pub(super) fn field(key: &str, value: &str) -> Field {
    Field { key: key.to_owned(), value: value.into(), line: None }
}
