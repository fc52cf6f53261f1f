//! What the fleet is expected to be: each target's identity, who answered last, refused secrets.
//!
//! Why baselines are never pruned: forgetting what a tenant's database was is how a swapped one passes for new.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Rows, Transaction, params};

use super::Store;
use super::error::{Fault, StoreError};
use super::rows;
use super::seal::Place;
use crate::model::change::{Baseline, Identity};
use crate::model::fingerprint::Digest256;
use crate::model::tenant::{TargetName, TenantId};
use crate::secret::Secret;

/// A refusal this old says nothing any more; `probe.auth_retry` is far shorter.
const REFUSED_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

const REFUSED: &str = "refused";

/// A secret that a server refused, recognised by its digest: see `Store::secret_digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSecret {
    pub tenant: TenantId,
    pub target: TargetName,
    pub digest: Digest256,
    pub at: Timestamp,
}

impl Store {
    /// Sorted by tenant.
    pub fn baselines(&self) -> Result<Vec<Baseline>, StoreError> {
        self.read("read the baselines", |transaction| {
            let mut all = transaction.prepare_cached(
                "SELECT tenant, target, identity, since FROM baselines ORDER BY tenant, target",
            )?;
            identities(all.query([])?)
        })
    }

    /// The identity that each target showed when it was seen last, and since when; sorted by tenant.
    pub fn last_identities(&self) -> Result<Vec<Baseline>, StoreError> {
        self.read("read the last identities", |transaction| {
            let mut all = transaction.prepare_cached(
                "SELECT tenant, target, identity, seen_at FROM sightings ORDER BY tenant, target",
            )?;
            identities(all.query([])?)
        })
    }

    /// Replaces what was expected of these targets, all or none.
    pub fn put_baselines(&self, baselines: &[Baseline]) -> Result<(), StoreError> {
        self.write("store baselines", |transaction| put_baselines(transaction, baselines))
    }

    /// Tenants whose previous visit succeeded. A failure under the suspicion that our own side failed is no visit.
    pub fn answered_before(&self) -> Result<BTreeSet<TenantId>, StoreError> {
        self.read("read who answered", |transaction| {
            let mut answered =
                transaction.prepare_cached("SELECT tenant FROM outcomes WHERE answered")?;
            let mut found = answered.query([])?;
            let mut tenants = BTreeSet::new();
            while let Some(row) = found.next()? {
                tenants.insert(rows::tenant(&row.get::<_, String>(0)?)?);
            }
            Ok(tenants)
        })
    }

    /// When each tenant was last visited with success; a tenant that never was is not in it.
    pub fn last_successes(&self) -> Result<BTreeMap<TenantId, Timestamp>, StoreError> {
        self.read("read the last successes", |transaction| {
            let mut successes = transaction.prepare_cached(
                "SELECT tenant, last_success FROM outcomes WHERE last_success IS NOT NULL",
            )?;
            let mut found = successes.query([])?;
            let mut tenants = BTreeMap::new();
            while let Some(row) = found.next()? {
                let tenant = rows::tenant(&row.get::<_, String>(0)?)?;
                tenants.insert(tenant, rows::time("last_success", row.get(1)?)?);
            }
            Ok(tenants)
        })
    }

    /// Recognises the secret of one target again. Useless without this store's key.
    pub fn secret_digest(
        &self,
        tenant: &TenantId,
        target: &TargetName,
        secret: &Secret,
    ) -> Digest256 {
        // An id has no blank, so no target's name can reach into it.
        self.sealer.digest(Place { table: REFUSED, row: &format!("{tenant} {target}") }, secret)
    }

    /// Remembers the secrets, each in the place of its target's earlier one.
    pub fn put_refused(&self, refused: &[RefusedSecret]) -> Result<(), StoreError> {
        self.write("remember refused secrets", |transaction| {
            let mut put = transaction.prepare_cached(
                "INSERT INTO refused (tenant, target, digest, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (tenant, target) DO UPDATE SET digest = excluded.digest, at = excluded.at",
            )?;
            for it in refused {
                let at = rows::micros(it.at);
                put.execute(params![it.tenant.as_str(), it.target.to_string(), it.digest.to_string(), at])?;
            }
            if let Some(latest) = refused.iter().map(|it| it.at).max() {
                let oldest = latest.saturating_sub(REFUSED_KEPT).unwrap_or(Timestamp::MIN);
                transaction.execute("DELETE FROM refused WHERE at < ?1", [rows::micros(oldest)])?;
            }
            Ok(())
        })
    }

    /// Sorted by tenant.
    pub fn refused(&self) -> Result<Vec<RefusedSecret>, StoreError> {
        self.read("read the refused secrets", |transaction| {
            let mut all = transaction.prepare_cached(
                "SELECT tenant, target, digest, at FROM refused ORDER BY tenant, target",
            )?;
            let mut found = all.query([])?;
            let mut refused = Vec::new();
            while let Some(row) = found.next()? {
                refused.push(RefusedSecret {
                    tenant: rows::tenant(&row.get::<_, String>(0)?)?,
                    target: rows::target(&row.get::<_, String>(1)?)?,
                    digest: rows::digest(&row.get::<_, String>(2)?)?,
                    at: rows::time("at", row.get(3)?)?,
                });
            }
            Ok(refused)
        })
    }

    /// Forgets the refusals of these targets: their secret changed, or was accepted.
    pub fn clear_refused(&self, targets: &[(TenantId, TargetName)]) -> Result<(), StoreError> {
        self.write("forget refused secrets", |transaction| {
            let mut clear = transaction
                .prepare_cached("DELETE FROM refused WHERE tenant = ?1 AND target = ?2")?;
            for (tenant, target) in targets {
                clear.execute(params![tenant.as_str(), target.to_string()])?;
            }
            Ok(())
        })
    }
}

pub(super) fn put_baselines(
    transaction: &Transaction<'_>,
    baselines: &[Baseline],
) -> Result<(), Fault> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO baselines (tenant, target, identity, since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, target) DO UPDATE SET identity = excluded.identity, since = excluded.since",
    )?;
    for it in baselines {
        let identity = rows::identity_text(&it.identity)?;
        let since = rows::micros(it.since);
        put.execute(params![it.tenant.as_str(), it.target.to_string(), identity, since])?;
    }
    Ok(())
}

/// An identity that is unchanged keeps its time: since when the target shows it.
pub(super) fn put_sighting(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    target: &TargetName,
    identity: &Identity,
    at: Timestamp,
) -> Result<(), Fault> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO sightings (tenant, target, identity, seen_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, target) DO UPDATE SET identity = excluded.identity, seen_at = excluded.seen_at
             WHERE identity <> excluded.identity",
    )?;
    let identity = rows::identity_text(identity)?;
    put.execute(params![tenant.as_str(), target.to_string(), identity, rows::micros(at)])?;
    Ok(())
}

fn identities(mut found: Rows<'_>) -> Result<Vec<Baseline>, Fault> {
    let mut identities = Vec::new();
    while let Some(row) = found.next()? {
        identities.push(Baseline {
            tenant: rows::tenant(&row.get::<_, String>(0)?)?,
            target: rows::target(&row.get::<_, String>(1)?)?,
            identity: rows::identity(&row.get::<_, String>(2)?)?,
            since: rows::time("since", row.get(3)?)?,
        });
    }
    Ok(identities)
}
