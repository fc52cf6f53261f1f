//! Who the tenants are: every source merged into one snapshot.
//!
//! Why a source that fails does not empty the fleet: a tenant that disappears from the registry disappears from every
//! report, and the report turns green. So old rows stay, marked stale, until a read brings them or their end.
//!
//! Invariants:
//! - a row that cannot be used is a tenant that cannot be visited, and a warning: never nothing;
//! - each source has a deadline, and a bound on its rows and bytes;
//! - no URL and no password stands in a name, a warning or an error.

pub mod file;
pub mod merge;
pub mod query;
pub mod row;
pub mod stored;
pub mod tenant;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use self::merge::SourceRead;
use self::row::RawRow;
use self::tenant::Trust;
use crate::dsn::Dsn;
use crate::model::tenant::{Duplicate, Target, TargetRef, Tenant, TenantId};
use crate::secret::{Secret, SecretError, SecretRef};

/// For one source. A platform's table of a hundred thousand rows takes about a second.
const SOURCE_DEADLINE: Duration = Duration::from_secs(30);

/// The store's name as a source.
pub const STORE: &str = "store";

/// The registry at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Sorted by id.
    pub tenants: Vec<Tenant>,
    /// How to reach them: `access[tenant][target]`, as `TargetRef` points.
    pub access: Vec<Vec<Access>>,
    pub duplicates: Vec<Duplicate>,
    /// In sentences: stale sources, rows that could not be used.
    pub warnings: Vec<String>,
}

/// How to reach one target, and whose credentials are judged.
#[derive(Clone, Debug)]
pub struct Access {
    /// Hosts, database, TLS and options. Its `user` and `password` are the application's.
    pub dsn: Dsn,
    /// The application's password where it stands apart from the URL.
    pub password: Option<SecretRef>,
    /// Whom we log in as.
    pub login: Login,
    /// Why this target cannot be visited, where the row is unusable.
    pub unusable: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub struct Login {
    /// As the server or pooler in front of it wants it: a shared pooler's `.<project>` suffix included.
    pub user: Arc<str>,
    pub password: LoginPassword,
}

#[derive(Clone, Debug)]
pub enum LoginPassword {
    /// The application's own: the one apart from the URL, else the one in it, else none.
    Application,
    /// Of a role of our own (`monitor`).
    Own(Box<SecretRef>),
    /// `probe.login`: base64url(HMAC-SHA-256(secret, tenant id)).
    Derived(Arc<SecretRef>),
}

/// `probe.login`: a role of our own in every tenant's database.
#[derive(Clone, Debug)]
pub struct ProbeLogin {
    pub user: Box<str>,
    pub secret: Arc<SecretRef>,
}

impl Snapshot {
    /// # Panics
    /// If `target` is of another snapshot: positions are never carried from one to the next.
    pub fn target(&self, target: TargetRef) -> (&Tenant, &Target, &Access) {
        let (tenant, way) = (target.tenant as usize, target.target as usize);
        (&self.tenants[tenant], &self.tenants[tenant].targets[way], &self.access[tenant][way])
    }
}

impl Access {
    /// Whom to log in with, read anew; `None` where no password is known.
    pub fn login_password(&self, tenant: &TenantId) -> Result<Option<Secret>, SecretError> {
        match &self.login.password {
            LoginPassword::Application => self.application_password(),
            LoginPassword::Own(password) => password.read().map(Some),
            LoginPassword::Derived(secret) => {
                secret.read().map(|secret| Some(derived_password(&secret, tenant)))
            }
        }
    }

    /// The application's own user and password, for the digest that tells shared credentials.
    pub fn application_secret(&self) -> Result<Option<(&str, Secret)>, SecretError> {
        if self.unusable.is_some() {
            return Ok(None);
        }
        let password = self.application_password()?;
        Ok(password.map(|password| (&*self.dsn.user, password)))
    }

    fn application_password(&self) -> Result<Option<Secret>, SecretError> {
        match &self.password {
            Some(apart) => apart.read().map(Some),
            None => Ok(self.dsn.password.clone()),
        }
    }
}

/// One secret gives every tenant a password of its own, so that none opens another's database.
pub fn derived_password(secret: &Secret, tenant: &TenantId) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(tenant.as_str().as_bytes());
    Secret::new(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Where tenants come from.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// The configuration file's name, as the origin of `tenants`.
    pub configuration: String,
    /// Shared with the configuration, so that a large fleet stands in memory once.
    pub tenants: Arc<[RawRow]>,
    pub sources: Vec<SourceOptions>,
    pub login: Option<ProbeLogin>,
    /// Trusted beside the system's roots when a source is queried over TLS.
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct SourceOptions {
    pub kind: SourceKind,
    /// Share of the rows kept that a read may lose and still be believed, 0 to 1.
    pub max_shrink: f64,
}

#[derive(Clone, Debug)]
pub enum SourceKind {
    File(PathBuf),
    Query { dsn: Box<Dsn>, query: String },
}

impl SourceOptions {
    /// A file's path, or a query's host and database: never a URL.
    pub fn name(&self) -> String {
        match &self.kind {
            SourceKind::File(path) => path.display().to_string(),
            SourceKind::Query { dsn, .. } => {
                let address = dsn.address(None);
                format!("{}:{}/{}", address.host, address.port, address.database)
            }
        }
    }
}

/// A source's rows from the last read that was believed. They hold credentials: the store encrypts them.
#[derive(Clone, Debug)]
pub struct KeptRows {
    pub source: String,
    pub rows: Vec<RawRow>,
    pub read_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// With the reason of each source that failed, in sentences.
    #[error("no tenants: write `[[tenants]]` or `[[sources]]`, or `watertight tenants add`{}", list(.0))]
    Empty(Vec<String>),
}

fn list(reasons: &[String]) -> String {
    reasons.iter().fold(String::new(), |told, it| told + "\n  " + it)
}

/// Reads every source at once and merges them. Beside the snapshot: what the store is to keep of each source that was
/// read, for the day on which it fails.
pub async fn read(
    options: &RegistryOptions,
    kept: BTreeMap<String, KeptRows>,
    stored: Vec<RawRow>,
) -> Result<(Snapshot, Vec<KeptRows>), RegistryError> {
    let ca_file = options.ca_file.as_deref();
    let reading = options.sources.iter().map(async |source| {
        let outcome = tokio::time::timeout(SOURCE_DEADLINE, async {
            match &source.kind {
                SourceKind::File(path) => file::read(path).await.map_err(|it| told(&it)),
                SourceKind::Query { dsn, query } => {
                    query::read(dsn, query, ca_file).await.map_err(|it| told(&it))
                }
            }
        });
        outcome
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", SOURCE_DEADLINE.as_secs())))
    });
    let outcomes = futures_util::future::join_all(reading).await;
    merged(options, kept, stored, outcomes)
}

/// The registry as it was known last; nobody is asked. What a source tells is known since it was read last.
pub fn known(
    options: &RegistryOptions,
    kept: BTreeMap<String, KeptRows>,
    stored: Vec<RawRow>,
) -> Result<Snapshot, RegistryError> {
    let outcomes = options.sources.iter().map(|_| Err("it was not asked yet".to_owned())).collect();
    merged(options, kept, stored, outcomes).map(|it| it.0)
}

fn merged(
    options: &RegistryOptions,
    mut kept: BTreeMap<String, KeptRows>,
    stored: Vec<RawRow>,
    outcomes: Vec<Result<Vec<RawRow>, String>>,
) -> Result<(Snapshot, Vec<KeptRows>), RegistryError> {
    let names = names(&options.sources);
    let own = |source: &str, rows| SourceRead {
        source: source.into(),
        trust: Trust::References,
        kept: None,
        outcome: Ok(rows),
    };
    let mut reads = vec![
        own(&options.configuration, Cow::Borrowed(&*options.tenants)),
        own(STORE, Cow::Owned(stored)),
    ];
    for ((source, name), outcome) in options.sources.iter().zip(names).zip(outcomes) {
        let trust = match source.kind {
            SourceKind::File(_) => Trust::References,
            SourceKind::Query { .. } => Trust::Values,
        };
        let old = kept.remove(&name).map(|it| it.rows).unwrap_or_default();
        let kept = Some((old, source.max_shrink));
        let outcome = outcome.map(Cow::Owned);
        reads.push(SourceRead { source: name.into(), trust, kept, outcome });
    }
    let merged = merge::merge(reads, options.login.as_ref());
    if merged.empty {
        return Err(RegistryError::Empty(merged.snapshot.warnings));
    }
    let read_at = crate::clock::now();
    let keep = merged
        .keep
        .into_iter()
        .map(|(source, rows)| KeptRows { source: source.to_string(), rows, read_at })
        .collect();
    Ok((merged.snapshot, keep))
}

/// An error with its causes, on one line.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |it| it.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl RegistryOptions {
    /// The sources' names, in the order of the configuration.
    pub fn source_names(&self) -> Vec<String> {
        names(&self.sources)
    }
}

/// One name for each source: two queries on one database are told apart by their place in the configuration.
fn names(sources: &[SourceOptions]) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let numbered = sources.iter().map(|source| {
        let name = source.name();
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name} ({count})") }
    });
    numbered.collect()
}
