//! What a move would do: looked at before anything is begun, and shown to whoever asks.
//!
//! Why the whole fleet is visited: who else lives in the database decides which of its objects are the tenant's, and what
//! the last scan saw is what was.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::options::Equipment;
use super::super::work::Moving;
use super::super::{BeginError, Provisioner, unique};
use super::OLD;
use crate::daemon::Daemon;
use crate::daemon::beside::Company as Lookout;
use crate::dump::Programs;
use crate::model::change::Identity;
use crate::model::finding::{Kind, Verdict};
use crate::model::rehoming::{Moved, Rehoming};
use crate::model::report::{Report, TenantReport};
use crate::model::tenant::{Tenant, TenantId};
use crate::moving::objects::{self, Objects, Relation};
use crate::moving::selection::{Company, Selection, Wish, choose, provider_owned};
use crate::moving::session::{Mode, Place};
use crate::registry::row::RawRow;
use crate::registry::{STORE, Snapshot};
use crate::secret::Secret;
use crate::store::Store;

/// What somebody wants to be moved, and what they take for granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub wish: Wish,
    pub providers: ProviderSchemas,
}

impl Wanted {
    /// For the digest of a request: it stays when a variant gets another name.
    pub(in super::super) fn asked(&self) -> String {
        let (what, names): (_, &[Box<str>]) = match &self.wish {
            Wish::Own => ("own", [].as_slice()),
            Wish::Schemas(names) => ("schemas", names.as_slice()),
            Wish::Tables(patterns) => ("tables", patterns.as_slice()),
        };
        let providers = match self.providers {
            ProviderSchemas::Stop => "stop",
            ProviderSchemas::LeaveBehind => "leave_behind",
        };
        // Quoted: a name may have any letter.
        serde_json::json!([what, names, providers]).to_string()
    }
}

/// What becomes of a provider's own schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderSchemas {
    /// Where there are some, nothing is begun.
    Stop,
    /// What the tenant keeps in them stays behind.
    LeaveBehind,
}

/// A survey, and what an operation needs of it.
pub struct Surveyed {
    pub survey: Rehoming,
    pub moving: Moving,
}

impl Provisioner {
    pub async fn survey(&self, tenant: &TenantId, wanted: &Wanted) -> Result<Surveyed, BeginError> {
        let equipment = self.equipment().ok_or(BeginError::Unequipped)?;
        let fleet = self.daemon.fleet_now().await.map_err(BeginError::Store)?;
        let (row, url, from) = self.source(&fleet, tenant).await?;
        let stop = CancellationToken::new();
        let look = self.daemon.look_beside(Vec::new(), Lookout::Fleet, &stop);
        let report = look.await.map_err(BeginError::Store)?;
        let others = others(&report, tenant);
        let known = unique::known(&self.daemon).await.map_err(BeginError::Store)?;
        let company = company(&report, tenant, &others, (&fleet.tenants, &known));
        let objects = self.objects(tenant, &url, &equipment).await?;
        let programs = Programs::find().await;
        let mut against = Vec::new();
        let server = objects.server_version / 10_000;
        match &programs {
            Err(error) => against.push(error.to_string()),
            Ok(programs) if programs.version < server => against.push(format!(
                "the newest pg_dump here is of version {}, and the server's is {server}: install the client programs of PostgreSQL {server} or newer",
                programs.version
            )),
            Ok(_) => {}
        }
        let provider_schemas = provider_schemas(&objects);
        if wanted.providers == ProviderSchemas::Stop {
            against.extend(provider_schemas.iter().map(|(name, why)| {
                format!("the schema {name} is not moved: {why}; say --without-provider-schemas where that is well")
            }));
        }
        let chosen = choose(&objects, &wanted.wish, company).unwrap_or_else(|problems| {
            against.extend(problems);
            Selection::default()
        });
        let moving = Moving::new(row, &url, wanted.wish.clone(), company);
        let survey = Rehoming {
            tenant: tenant.clone(),
            from,
            role: objects.role,
            server,
            programs: programs.ok().map(|it| it.version),
            provider: equipment.provider.kind().label(),
            others,
            moved: chosen.relations.iter().map(moved).collect(),
            extensions: chosen.extensions.iter().map(|it| it.name.clone()).collect(),
            large_objects: chosen.large_objects,
            provider_schemas,
            dropped: dropped(&moving.before),
            against,
        };
        Ok(Surveyed { survey, moving })
    }

    /// The tenant's row, the way to its database and what may be shown of that.
    async fn source(
        &self,
        fleet: &Snapshot,
        tenant: &TenantId,
    ) -> Result<(RawRow, Secret, String), BeginError> {
        let place = fleet.tenants.iter().position(|it| it.id == *tenant);
        let Some(place) = place else { return Err(BeginError::NotOurs(tenant.clone())) };
        let known = &fleet.tenants[place];
        if &*known.origin.source != STORE {
            let origin = known.origin.to_string().into();
            return Err(BeginError::Elsewhere { tenant: tenant.clone(), origin });
        }
        let wanted = tenant.clone();
        let read = move |store: &Store| Ok(store.tenant::<RawRow>(&wanted)?);
        let row = self.daemon.stored("read a tenant", read).await.map_err(BeginError::Store)?;
        let Some(row) = row else { return Err(BeginError::NotOurs(tenant.clone())) };
        if let Some(manager) = row.managed_by {
            return Err(BeginError::Managed { tenant: tenant.clone(), manager });
        }
        let access = fleet.access.get(place).and_then(|it| it.first());
        let unusable =
            || BeginError::Stays(vec!["its row leads nowhere: mend it first".to_owned()]);
        let access = access.filter(|it| it.unusable.is_none()).ok_or_else(unusable)?;
        let secret = access
            .application_secret()
            .map_err(|error| BeginError::Stays(vec![error.to_string()]))?;
        let url = access.dsn.exposed(secret.as_ref().map(|it| &it.1));
        Ok((row, url, access.dsn.to_string()))
    }

    async fn objects(
        &self,
        tenant: &TenantId,
        url: &Secret,
        equipment: &Equipment,
    ) -> Result<Objects, BeginError> {
        let prober = self.daemon.prober();
        let deadline = Instant::now() + equipment.options.answering();
        let place = Place { prober: &prober, tenant, url, of: OLD, deadline };
        let looking = async {
            let mut open = place.open(Mode::Snapshot).await?;
            let objects = objects::look(&mut open).await;
            open.close().await;
            objects
        };
        looking
            .await
            .map_err(|error| BeginError::Stays(vec![format!("{:#}", anyhow::Error::new(error))]))
    }
}

/// Who else is in the tenant's database, looked at anew.
pub(super) async fn company_now(
    daemon: &Daemon,
    tenant: &TenantId,
    stop: &CancellationToken,
) -> anyhow::Result<Company> {
    let fleet = daemon.fleet_now().await?;
    let report = daemon.look_beside(Vec::new(), Lookout::Fleet, stop).await?;
    let known = unique::known(daemon).await?;
    Ok(company(&report, tenant, &others(&report, tenant), (&fleet.tenants, &known)))
}

fn others(report: &Report, tenant: &TenantId) -> BTreeSet<TenantId> {
    let shared = report.findings.iter().filter(|it| it.claim.kind == Kind::SharedDatabase);
    let shared = shared.filter(|it| it.claim.tenants.contains(tenant));
    shared.flat_map(|it| it.claim.tenants.iter().filter(|it| *it != tenant).cloned()).collect()
}

fn company(
    report: &Report,
    tenant: &TenantId,
    others: &BTreeSet<TenantId>,
    (tenants, known): (&[Tenant], &BTreeMap<TenantId, Identity>),
) -> Company {
    if others.is_empty() {
        let own = report.tenants.iter().find(|it| it.id == *tenant);
        // Of a breach that is no shared database it is proven that the database is its own. Who was not seen may be there.
        let proven = own.is_some_and(|own| {
            own.isolation != Verdict::Unverified
                && own.doubts.is_empty()
                && unique::alike(own, report, known).is_empty()
                && !unseen_there(own, report)
        });
        return if proven { Company::Alone } else { Company::Unknown };
    }
    let roles = |of: &dyn Fn(&TenantId) -> bool| -> BTreeSet<_> {
        let known = tenants.iter().filter(|it| of(&it.id));
        known.flat_map(|it| it.targets.iter().map(|it| it.address.role.clone())).collect()
    };
    let own = roles(&|it| it == tenant);
    if own.is_disjoint(&roles(&|it| others.contains(it))) {
        Company::Shared
    } else {
        Company::SameRole
    }
}

/// Whether somebody's row names this very database, who was not seen in it.
fn unseen_there(own: &TenantReport, report: &Report) -> bool {
    let here = own.targets.first().map(|it| &it.address);
    let others = report.tenants.iter().filter(|it| it.id != own.id);
    let mut unseen = others.flat_map(|it| &it.targets).filter(|it| it.fingerprint.is_none());
    unseen.any(|it| {
        here.is_some_and(|here| {
            (&here.host, here.port, &here.database)
                == (&it.address.host, it.address.port, &it.address.database)
        })
    })
}

fn moved(relation: &Relation) -> Moved {
    Moved {
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        kind: relation.kind.label(),
        owner: relation.owner.clone(),
        bytes: relation.bytes,
        rows: relation.rows,
    }
}

fn provider_schemas(objects: &Objects) -> Vec<(Box<str>, String)> {
    let schemas = objects.schemas.iter();
    schemas.filter_map(|it| Some((it.name.clone(), provider_owned(it, objects)?))).collect()
}

fn dropped(row: &RawRow) -> Vec<String> {
    let mut told: Vec<String> = row.endpoints.keys().map(|it| format!("endpoints.{it}")).collect();
    told.extend(row.monitor.is_some().then(|| "monitor".to_owned()));
    told.extend(row.password.is_some().then(|| "password".to_owned()));
    told.extend(row.region.is_some().then(|| "region".to_owned()));
    told
}
