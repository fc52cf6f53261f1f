//! `stamp`: signed stamps for tenants that exist.
//!
//! Why the databases are written to from here even beside a running daemon: it is the operator's command, with the same
//! configuration and the same key. The daemon only remembers, before and after, because the store is its own.
//!
//! Why nothing is recorded as a planned change: a stamp is no part of a database's identity, so none drifts.

use futures_util::StreamExt;

use super::platform::{self, Platform, Use};
use super::{Ended, print};
use crate::cli::Global;
use crate::cli::stamp::StampArgs;
use crate::client::local::{Remembered, Told};
use crate::clock;
use crate::config::NoFile;
use crate::model::stamp::SeenStamp;
use crate::model::tenant::{Target, TargetName, Tenant, TenantId};
use crate::probe::Prober;
use crate::probe::errand::Errand;
use crate::registry::{Access, Snapshot};
use crate::report::layout::counted;
use crate::stamp::key::StampKeys;
use crate::stamp::write::{Draft, Writer, draft};

/// All of them may lie on one server, which is to keep connections for its customers.
const AT_ONCE: usize = 4;

const NO_KEY: &str = "secrets.stamp_key is not set, and a stamp without a signature proves nothing: make a key with \
     `openssl rand -base64 32 > stamp.key`, keep it from everybody who can reach a tenant's database, and set \
     `stamp_key = \"file:stamp.key\"` under `[secrets]`";

/// What is done with each database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Write,
    /// Print the SQL, and remember what it says.
    Plan,
    /// Look alone, for either.
    Show(Writer),
}

pub(super) async fn stamp(global: &Global, args: &StampArgs) -> anyhow::Result<Ended> {
    let purpose = match (args.plan, args.dry_run) {
        (false, false) => Purpose::Write,
        (true, false) => Purpose::Plan,
        (false, true) => Purpose::Show(Writer::Ourselves),
        (true, true) => Purpose::Show(Writer::Platform),
    };
    let store = if args.dry_run { Use::Reads } else { Use::Writes };
    let platform = match Platform::open(global, NoFile::Allowed, store)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(refused),
    };
    let keys = match platform::stamp_keys(&platform.config).read() {
        Ok(Some(keys)) => keys,
        Ok(None) => return Ok(Ended::refused(NO_KEY)),
        Err(error) => return Ok(Ended::refused(format!("secrets.stamp_key: {error}"))),
    };
    let prober = match platform::prober(&platform.config.probe_options()) {
        Ok(prober) => prober,
        Err(refused) => return Ok(refused),
    };
    let snapshot = match platform.snapshot().await? {
        Ok(snapshot) => snapshot,
        Err(refused) => return Ok(refused),
    };
    let chosen = match chosen(&snapshot, args) {
        Ok(chosen) => chosen,
        Err(unknown) => return Ok(Ended::Refused(unknown)),
    };
    let (stamping, total) = (Stamping { platform, prober, keys, purpose }, chosen.len());
    let each = futures_util::stream::iter(chosen.into_iter().map(|it| stamping.one(it)));
    let mut done = std::pin::pin!(each.buffered(AT_ONCE));
    let mut failed = 0;
    while let Some(outcome) = done.next().await {
        let (text, outcome) = outcome?;
        failed += usize::from(outcome == Outcome::Failed);
        print(|out| writeln!(out, "{text}"))?;
    }
    if failed == 0 {
        return Ok(Ended::Well);
    }
    let of = counted(total, "database");
    Ok(Ended::Unwell(format!("{failed} of {of} could not be stamped: each is told above")))
}

/// A database of a tenant's own. Endpoints lead to one of these.
#[derive(Clone, Copy)]
struct Database<'a> {
    tenant: &'a Tenant,
    target: &'a Target,
    access: &'a Access,
}

impl Database<'_> {
    /// `acme`, or `acme (databases.analytics)`.
    fn label(&self) -> String {
        match &self.target.name {
            TargetName::DatabaseUrl => self.tenant.id.to_string(),
            name => format!("{} ({name})", self.tenant.id),
        }
    }
}

/// `Err` names the tenants that are in no registry.
fn chosen<'a>(snapshot: &'a Snapshot, args: &StampArgs) -> Result<Vec<Database<'a>>, Vec<String>> {
    let known = |id: &TenantId| snapshot.tenants.iter().any(|it| it.id == *id);
    let unknown: Vec<String> = args
        .tenants
        .iter()
        .filter(|id| !known(id))
        .map(|id| format!("no tenant {id} in the registry: see `watertight tenants list`"))
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let mut databases = Vec::new();
    for (tenant, ways) in snapshot.tenants.iter().zip(&snapshot.access) {
        if !args.tenants.is_empty() && !args.tenants.contains(&tenant.id) {
            continue;
        }
        let ways = tenant.targets.iter().zip(ways);
        let own = ways.filter(|(it, _)| !matches!(it.name, TargetName::Endpoint(_)));
        databases.extend(own.map(|(target, access)| Database { tenant, target, access }));
    }
    Ok(databases)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Failed,
}

struct Stamping {
    platform: Platform,
    prober: Prober,
    keys: StampKeys,
    purpose: Purpose,
}

impl Stamping {
    /// What is told of one database. `Err` only where the store does not remember: then nothing is written.
    async fn one(&self, database: Database<'_>) -> anyhow::Result<(String, Outcome)> {
        let label = database.label();
        let drawn = match self.draw(database).await {
            Ok(drawn) => drawn,
            Err(error) => return Ok((self.complaint(&label, &error.to_string()), Outcome::Failed)),
        };
        let intended = drawn.intended(&database.target.name);
        let text = match self.purpose {
            Purpose::Show(_) => {
                drawn.leave().await;
                format!("{label}: would be stamped")
            }
            Purpose::Plan => {
                let sql = drawn.sql();
                drawn.leave().await;
                self.remember(Remembered::Intended, intended).await?;
                format!("-- {label}\n{sql}")
            }
            Purpose::Write => {
                self.remember(Remembered::Intended, intended.clone()).await?;
                if let Err(error) = drawn.write().await {
                    return Ok((self.complaint(&label, &error.to_string()), Outcome::Failed));
                }
                self.remember(Remembered::Written, intended).await?;
                format!("{label}: stamped")
            }
        };
        Ok((text, Outcome::Done))
    }

    async fn draw(&self, database: Database<'_>) -> anyhow::Result<Draft> {
        let Database { tenant, target, access } = database;
        if let Some(why) = &access.unusable {
            anyhow::bail!("its row cannot be used: {why}");
        }
        let writer = match self.purpose {
            Purpose::Write => Writer::Ourselves,
            Purpose::Plan => Writer::Platform,
            Purpose::Show(writer) => writer,
        };
        let errand = Errand::of_application(&tenant.id, &target.address, access);
        Ok(draft(&self.prober, &self.keys, &errand, writer, clock::now()).await?)
    }

    async fn remember(&self, what: Remembered, stamp: SeenStamp) -> anyhow::Result<()> {
        let stamps = [stamp];
        let Some(daemon) = &self.platform.daemon else {
            let store = &self.platform.store;
            let remembered = match what {
                Remembered::Intended => store.intend_stamps(&stamps),
                Remembered::Written => store.confirm_stamps(&stamps),
            };
            return Ok(remembered?);
        };
        match daemon.remember_stamps(what, &stamps).await? {
            Told::Done(()) => Ok(()),
            Told::Refused(problems) => anyhow::bail!("{}", problems.join("; ")),
        }
    }

    /// In a plan it is a comment of SQL, in one line.
    fn complaint(&self, label: &str, why: &str) -> String {
        let planned = matches!(self.purpose, Purpose::Plan);
        format!("{}{label}: {why}", if planned { "-- " } else { "" })
    }
}
