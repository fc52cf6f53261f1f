//! The first visits of a cycle: secrets read at use, refused ones left alone, addresses kept for second looks.
//!
//! Why a refused secret is remembered: a server that locks accounts after failed logins would lock the tenant's own
//! application out, every five minutes, because of us.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::model::fingerprint::Digest256;
use crate::model::observation::{Cause, Failure, Observation, Outcome};
use crate::model::tenant::{TargetName, TargetRef, TenantId};
use crate::probe::Prober;
use crate::registry::Snapshot;
use crate::scan::{self, Job, ScanLimits, Turn};
use crate::store::memory::RefusedSecret;

use super::{Ask, Monitor, Recognise, Stage};

/// Of each host of a target with several; one with a single host is gone back to where its visit met it. A large fleet
/// would otherwise keep every address twice.
type Addresses = HashMap<TargetRef, Vec<Vec<SocketAddr>>>;

pub(super) struct Visits<'a> {
    limits: ScanLimits,
    snapshot: &'a Arc<Snapshot>,
    shared: Arc<Shared>,
}

/// What the visits' tasks share.
struct Shared {
    prober: Arc<Prober>,
    snapshot: Arc<Snapshot>,
    recognise: Recognise,
    refused: HashMap<(TenantId, TargetName), RefusedSecret>,
    retry: Duration,
    now: Timestamp,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    addresses: Addresses,
    refused: Vec<RefusedSecret>,
    accepted: Vec<TargetRef>,
}

impl<'a> Visits<'a> {
    pub(super) fn new(
        monitor: &'a Monitor,
        snapshot: &'a Arc<Snapshot>,
        refused: Vec<RefusedSecret>,
        now: Timestamp,
    ) -> Self {
        let refused = refused.into_iter();
        let refused = refused.map(|it| ((it.tenant.clone(), it.target.clone()), it)).collect();
        let shared = Shared {
            prober: Arc::clone(&monitor.prober),
            snapshot: Arc::clone(snapshot),
            recognise: Arc::clone(&monitor.recognise),
            refused,
            retry: monitor.auth_retry,
            now,
            found: Mutex::default(),
        };
        Self { limits: monitor.limits, snapshot, shared: Arc::new(shared) }
    }

    /// Within other limits than the fleet's.
    pub(super) fn within(self, limits: ScanLimits) -> Self {
        Self { limits, ..self }
    }

    pub(super) async fn make(&self, targets: &[TargetRef], ask: &Ask<'_>) -> Vec<Observation> {
        let jobs: Vec<Job<'_>> = targets
            .iter()
            .map(|it| {
                let (_, target, access) = self.snapshot.target(*it);
                Job { target: *it, hosts: &access.dsn.hosts, project: target.address.project_id() }
            })
            .collect();
        let (mut done, total) = (0, jobs.len());
        let ended = |_: &Observation| {
            done += 1;
            (ask.progress)(Stage::Scan, done, total);
        };
        scan::scan(&jobs, self.limits, ask.stop, ended, |turn| {
            let shared = Arc::clone(&self.shared);
            async move { shared.visit(turn).await }
        })
        .await
    }

    /// Where the targets with several hosts were looked for.
    pub(super) fn addresses(&self) -> Addresses {
        std::mem::take(&mut self.shared.found().addresses)
    }

    /// The secrets that were refused now.
    pub(super) fn refused(&self) -> Vec<RefusedSecret> {
        std::mem::take(&mut self.shared.found().refused)
    }

    /// The targets whose secret was taken though one of theirs was refused before.
    pub(super) fn accepted(&self) -> Vec<(TenantId, TargetName)> {
        let accepted = std::mem::take(&mut self.shared.found().accepted);
        let named = accepted.into_iter().map(|it| {
            let (tenant, way, _) = self.snapshot.target(it);
            (tenant.id.clone(), way.name.clone())
        });
        named.filter(|it| self.shared.refused.contains_key(it)).collect()
    }
}

impl Shared {
    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        // Plain data: a panic elsewhere leaves nothing half-written.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn visit(&self, turn: Turn) -> Observation {
        let mut digest = self.secret_digest(turn.target);
        if let (Some(digest), Some(refusal)) = (digest, self.refusal(turn.target))
            && refusal.digest == digest
        {
            return left_alone(turn.target, refusal, self.retry);
        }
        let mut observation = self.once(&turn).await;
        if is_refused(&observation) {
            let again = self.secret_digest(turn.target);
            if again.is_some() && again != digest {
                observation = self.once(&turn).await;
                digest = again;
            }
        }
        let mut found = self.found();
        match digest {
            Some(digest) if is_refused(&observation) => {
                found.refused.push(self.refuse(turn.target, digest));
            }
            Some(_) if observation.outcome.sighting().is_some() => found.accepted.push(turn.target),
            _ => (),
        }
        if 1 < turn.addresses.len() {
            found.addresses.insert(turn.target, turn.addresses);
        }
        observation
    }

    async fn once(&self, turn: &Turn) -> Observation {
        let (tenant, target, access) = self.snapshot.target(turn.target);
        self.prober
            .visit(
                turn.target,
                &tenant.id,
                &target.address,
                access,
                &turn.addresses,
                &turn.patience,
            )
            .await
    }

    fn refusal(&self, target: TargetRef) -> Option<&RefusedSecret> {
        let (tenant, way, _) = self.snapshot.target(target);
        let refusal = self.refused.get(&(tenant.id.clone(), way.name.clone()))?;
        let again = i64::try_from(self.retry.as_secs()).unwrap_or(i64::MAX);
        (self.now.as_second() < refusal.at.as_second().saturating_add(again)).then_some(refusal)
    }

    fn refuse(&self, target: TargetRef, digest: Digest256) -> RefusedSecret {
        let (tenant, way, _) = self.snapshot.target(target);
        RefusedSecret { tenant: tenant.id.clone(), target: way.name.clone(), digest, at: self.now }
    }

    /// `None` where there is no secret to send, or it cannot be read; the visit tells the latter.
    fn secret_digest(&self, target: TargetRef) -> Option<Digest256> {
        let (tenant, way, access) = self.snapshot.target(target);
        let secret = access.login_password(&tenant.id).ok()??;
        Some((self.recognise)(&tenant.id, &way.name, &secret))
    }
}

fn is_refused(observation: &Observation) -> bool {
    matches!(&observation.outcome, Outcome::Failed(failure) if failure.cause == Cause::AuthFailed)
}

/// The answer of the last visit still stands: nothing has changed since.
fn left_alone(target: TargetRef, refusal: &RefusedSecret, retry: Duration) -> Observation {
    let detail = format!(
        "the server refused this secret at {}; it has not changed since and is left alone for {}",
        refusal.at,
        jiff::SignedDuration::try_from(retry)
            .map_or_else(|_| "a while".to_owned(), |it| format!("{it:#}")),
    );
    let outcome = Outcome::Failed(Failure { cause: Cause::AuthFailed, detail: detail.into() });
    Observation { target, took: Duration::ZERO, outcome }
}

/// A digest of user and password for each target whose application has both, under a key that nobody keeps.
pub(super) fn credentials(snapshot: &Snapshot) -> Vec<(TargetRef, Digest256)> {
    let key: [u8; 32] = rand::random();
    let mut digests = Vec::with_capacity(snapshot.tenants.len());
    for (tenant, access) in (0_u32..).zip(&snapshot.access) {
        for (target, access) in (0_u32..).zip(access) {
            // An unreadable secret is told by the visit.
            if let Ok(Some((user, secret))) = access.application_secret() {
                digests.push((TargetRef { tenant, target }, keyed(&key, user, secret.expose())));
            }
        }
    }
    digests
}

fn keyed(key: &[u8; 32], user: &str, secret: &str) -> Digest256 {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(&(user.len() as u64).to_le_bytes());
    mac.update(user.as_bytes());
    mac.update(secret.as_bytes());
    Digest256::from_bytes(mac.finalize().into_bytes().into())
}
