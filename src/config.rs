//! One configuration: defaults, then a file, then the environment.
//!
//! Why one struct that only `app` reads: each part gets small options of its own, so that no part can come to depend on
//! another's settings.
//!
//! Invariants:
//! - an unknown key is a problem, and all problems are told in one run with file, line, key and remedy;
//! - a secret is kept as the place where it is read at each use; it is shown nowhere.

mod check;
mod defaults;
mod fit;
mod github;
pub mod keys;
mod load;
pub mod problem;
mod provider;
mod provision;
pub mod sections;
mod show;
pub mod values;
pub mod walk;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::problem::Problem;
use self::values::Url;
use crate::dsn::Dsn;
use crate::model::finding::Kind;
use crate::model::policy::{self, Pattern};
use crate::registry::row::RawRow;
use crate::registry::{ProbeLogin, RegistryOptions, SourceKind, SourceOptions};
use crate::secret::SecretRef;

/// What the names of environment variables that set a key begin with: `WATERTIGHT__PROBE__TIMEOUT` is `probe.timeout`.
pub const PREFIX: &str = "WATERTIGHT__";

/// What it means that there is no file at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFile {
    /// The defaults and the environment will do.
    Allowed,
    Refused,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where it was read from: the origin of its tenants.
    #[serde(skip)]
    pub file: String,
    pub store: sections::Store,
    pub policy: sections::Policy,
    pub probe: sections::Probe,
    pub schedule: sections::Schedule,
    pub log: sections::Log,
    pub http: sections::Http,
    pub metrics: sections::Metrics,
    pub github: Option<sections::GitHub>,
    pub webhooks: Vec<sections::Webhook>,
    pub provider: Option<sections::Provider>,
    pub gate: sections::Gate,
    pub secrets: sections::Secrets,
    pub provision: Option<sections::Provision>,
    pub routing: Option<sections::Routing>,
    pub sources: Vec<sections::Source>,
    #[serde(skip)]
    pub tenants: Arc<[RawRow]>,
}

/// What the probe needs.
#[derive(Clone, Debug)]
pub struct ProbeSettings {
    /// Of the whole visit.
    pub timeout: Duration,
    pub concurrency: NonZeroUsize,
    pub per_server: NonZeroUsize,
    pub ca_file: Option<PathBuf>,
    pub auth_retry: Duration,
    /// Whether a standby may be proven by writing to its primary.
    pub replication_proof: bool,
}

impl Config {
    /// Without a path: `watertight.toml`, then `/etc/watertight/watertight.toml`.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        no_file: NoFile,
    ) -> Result<Self, Vec<Problem>> {
        load::load(path, environment, no_file)
    }

    /// From a text instead of a file; `name` stands in its place in the problems.
    pub fn parse(
        name: &str,
        text: &str,
        environment: &walk::Environment,
    ) -> Result<Self, Vec<Problem>> {
        load::from_text(name, text, environment)
    }

    /// The effective configuration as TOML, every secret and every URL's password masked.
    pub fn show(&self) -> String {
        show::show(self)
    }

    pub fn store_url(&self) -> &Url {
        &self.store.url
    }

    /// Encrypts what the store keeps.
    pub fn secret_key(&self) -> Option<&SecretRef> {
        self.secrets.key.as_ref().map(|it| &it.0)
    }

    /// Signs the stamps of tenants' databases.
    pub fn stamp_key(&self) -> Option<&SecretRef> {
        self.secrets.stamp_key.as_ref().map(|it| &it.0)
    }

    /// Signed them before, and still verifies them.
    pub fn previous_stamp_key(&self) -> Option<&SecretRef> {
        self.secrets.previous.as_ref()?.stamp_key.as_ref().map(|it| &it.0)
    }

    pub fn policy(&self) -> policy::Policy {
        let exceptions = self.policy.exceptions.iter().filter_map(|it| {
            Some(policy::Exception {
                kind: Kind::parse(&it.kind)?,
                tenants: it.tenants.iter().map(|id| pattern(id)).collect(),
                reason: it.reason.as_str().into(),
                until: it.until.0,
            })
        });
        policy::Policy {
            isolation: policy::Isolation::parse(&self.policy.isolation).unwrap_or_default(),
            unhealthy_after: NonZeroU32::new(self.policy.unhealthy_after)
                .unwrap_or(NonZeroU32::MIN),
            exceptions: exceptions.collect(),
            mass_failure: policy::MassFailure {
                share: self.policy.mass_failure.share,
                at_least: self.policy.mass_failure.at_least,
            },
        }
    }

    pub fn probe_options(&self) -> ProbeSettings {
        ProbeSettings {
            timeout: self.probe.timeout.0,
            concurrency: at_least_one(self.probe.concurrency),
            per_server: at_least_one(self.probe.per_server),
            ca_file: self.probe.ca_file.clone(),
            auth_retry: self.probe.auth_retry.0,
            replication_proof: self.probe.replication_proof,
        }
    }

    pub fn registry_options(&self) -> RegistryOptions {
        RegistryOptions {
            configuration: self.file.clone(),
            tenants: self.tenants.clone(),
            sources: self.sources.iter().filter_map(source).collect(),
            login: self.login(),
            ca_file: self.probe.ca_file.clone(),
        }
    }

    fn login(&self) -> Option<ProbeLogin> {
        let login = self.probe.login.as_ref()?;
        Some(ProbeLogin {
            user: login.user.as_str().into(),
            secret: Arc::new(login.secret.0.clone()),
        })
    }
}

/// `None` only for what `check` has refused.
fn source(source: &sections::Source) -> Option<SourceOptions> {
    let kind = match (&source.url, &source.query, &source.path) {
        (Some(url), Some(query), None) => {
            let dsn = Box::new(Dsn::parse(url.expose()).ok()?);
            SourceKind::Query { dsn, query: query.clone() }
        }
        (None, None, Some(path)) => SourceKind::File(path.clone()),
        _ => return None,
    };
    Some(SourceOptions { kind, max_shrink: source.max_shrink })
}

/// Ids are compared in lower case.
fn pattern(id: &str) -> Pattern {
    Pattern(id.trim().to_lowercase().into())
}

fn at_least_one(number: u32) -> NonZeroUsize {
    usize::try_from(number).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
}
