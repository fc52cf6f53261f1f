//! Who provides databases, from the configuration.
//!
//! Why the provider is made once and its options anew with each reload: it may own servers on this machine, and knows how
//! long its other side has told us to wait.

use std::sync::Arc;

use super::platform::stamp_keys;
use super::{Ended, setup};
use crate::config::{Config, sections};
use crate::inventory::Source;
use crate::metrics::Metrics;
use crate::provider::local::Local;
use crate::provider::postgres::Postgres;
use crate::provider::supabase::Supabase;
use crate::provider::{Provider, ProviderKind};
use crate::provision::backup::BackupOptions;
use crate::provision::options::{Equipment, ProvisionOptions};

/// `None` without `[provision]`: then nothing is made, moved or deleted.
pub(super) async fn equipment(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Result<Option<Equipment>, Ended>> {
    let Some(section) = &config.provision else { return Ok(Ok(None)) };
    if let Err(why) = setup::plan(config) {
        return Ok(Err(Ended::refused(why)));
    }
    let options = options(config, section);
    let provider = provider(config, section, metrics).await?;
    Ok(provider.map(|provider| Some(Equipment { provider, options })))
}

/// Who is asked what stands at the provider: the reader of `[provider]`, or else whoever provides new databases.
pub(super) fn source(
    config: &Config,
    equipment: Option<&Equipment>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Option<Arc<Source>>> {
    let ignored = config.ignored();
    let provider: Arc<dyn Provider> = match (config.reading_options(), equipment) {
        (Some(options), _) => Arc::new(Supabase::new(options, Arc::clone(metrics))?),
        (None, Some(equipment)) => Arc::clone(&equipment.provider),
        (None, None) => return Ok(None),
    };
    Ok(Some(Arc::new(Source { provider, ignored })))
}

/// The same for a command that provisions nothing. The clusters of this machine belong to whoever runs them, and a
/// command that only looks starts none.
pub(super) async fn source_to_look_at(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Result<Option<Arc<Source>>, Ended>> {
    let section = config.provision.as_ref().filter(|it| {
        config.reading_options().is_none()
            && ProviderKind::parse(&it.provider) != Some(ProviderKind::Local)
    });
    let Some(section) = section else { return Ok(Ok(source(config, None, metrics)?)) };
    let provider = provider(config, section, metrics).await?;
    Ok(provider.map(|provider| Some(Arc::new(Source { provider, ignored: config.ignored() }))))
}

/// The same provider under the options of a new configuration.
pub(super) fn renewed(before: &Equipment, config: &Config) -> Option<Equipment> {
    let section = config.provision.as_ref()?;
    let provider = Arc::clone(&before.provider);
    Some(Equipment { provider, options: options(config, section) })
}

fn options(config: &Config, section: &sections::Provision) -> ProvisionOptions {
    ProvisionOptions {
        quota: section.quota.map(|it| it as usize),
        ready_timeout: config.ready_timeout(),
        fresh: config.gate.max_age.0,
        // Whether it is one alone was asked before.
        setup: setup::plan(config).ok().flatten(),
        stamp: section.stamp.unwrap_or(false),
        stamp_keys: stamp_keys(config),
        backup: BackupOptions {
            directory: section.backup_directory.clone(),
            limit: config.backup_timeout(),
        },
        roots: config.probe.ca_file.clone(),
    }
}

async fn provider(
    config: &Config,
    section: &sections::Provision,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Result<Arc<dyn Provider>, Ended>> {
    let unset = |table: &str| Ended::refused(format!("provision.{table}: it is missing"));
    match ProviderKind::parse(&section.provider) {
        Some(ProviderKind::Local) => {
            let Some(options) = config.local_options() else { return Ok(Err(unset("local"))) };
            Ok(match Local::open(&options).await {
                Ok(local) => Ok(Arc::new(local)),
                Err(error) => {
                    Err(Ended::refused(format!("provision.local: {:#}", anyhow::Error::new(error))))
                }
            })
        }
        Some(ProviderKind::Postgres) => {
            let Some(options) = config.postgres_options() else {
                return Ok(Err(unset("postgres")));
            };
            Ok(match Postgres::new(options) {
                Ok(postgres) => Ok(Arc::new(postgres)),
                Err(error) => Err(Ended::refused(format!(
                    "provision.postgres: {:#}",
                    anyhow::Error::new(error)
                ))),
            })
        }
        Some(ProviderKind::Supabase) => {
            let Some(options) = config.supabase_options() else {
                return Ok(Err(unset("supabase")));
            };
            Ok(Ok(Arc::new(Supabase::new(options, Arc::clone(metrics))?)))
        }
        None => Ok(Err(Ended::refused("provision.provider: it is no provider"))),
    }
}
