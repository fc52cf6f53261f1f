//! One cycle on one screen: scan, second looks, detection, the findings' life, the report.
//!
//! Why here and nowhere else: the parts never name each other, so this file is the only place where the order of the
//! whole can be read, and the only one that changes when a stage is added.
//!
//! Invariants: every target that was asked for has exactly one observation; nothing is stored here, the caller
//! keeps what the cycle returns.

pub mod acceptance;
mod asked;
pub mod day;
mod graves;
pub mod late;
pub mod memory;
mod stamps;
mod visits;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::detect::lifecycle::{self, Examined};
use crate::detect::{self, Case, Detection, candidates, offboarded, verdict};
use crate::model::change::Baseline;
use crate::model::finding::Finding;
use crate::model::fingerprint::Digest256;
use crate::model::inventory::Stock;
use crate::model::observation::Observation;
use crate::model::policy::Policy;
use crate::model::relation::{StreamLook, Witnessed};
use crate::model::report::{Report, Trigger};
use crate::model::stamp::SeenStamp;
use crate::model::tenant::{TargetName, TargetRef, TenantId};
use crate::probe::revisit::Revisit;
use crate::probe::witness::{self, WitnessLimits};
use crate::probe::{Prober, proof, streams};
use crate::registry::Snapshot;
use crate::scan::ScanLimits;
use crate::secret::Secret;
use crate::stamp::key::StampKeyRefs;
use crate::store::memory::RefusedSecret;
use crate::store::tenants::GraveWords;

use asked::Asked;
use graves::Graves;
use memory::Memory;
use visits::Visits;

const STOPPED: &str =
    "the scan was stopped before its end: what it had not looked at yet is unverified";

const UNREAD: &str =
    "what stands at the provider could not be read, and what is known of its projects stays";

/// Recognises a target's secret without keeping it.
pub type Recognise = Arc<dyn Fn(&TenantId, &TargetName, &Secret) -> Digest256 + Send + Sync>;

/// What a cycle found, for the store and the reports.
#[derive(Clone, Debug)]
pub struct Cycle {
    pub report: Report,
    /// What this cycle judged beyond a partial report: the findings of tenants that nobody asked about.
    pub unreported: Vec<Finding>,
    /// First sightings and accepted changes.
    pub baselines: Vec<Baseline>,
    /// Secrets that were refused in this cycle.
    pub refused: Vec<RefusedSecret>,
    /// Targets whose secret was taken.
    pub accepted: Vec<(TenantId, TargetName)>,
    /// Stamps that were met in their own databases, and that the store is to expect from now on.
    pub stamps: Vec<SeenStamp>,
    /// What was seen of tenants that left, where it is another word than before.
    pub graves: GraveWords,
    /// Groups that were put before the witness.
    pub witness_rounds: usize,
    /// Of those, the ones of which it could not tell everything.
    pub witness_inconclusive: usize,
}

/// Steps of a cycle, for whoever watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Scan,
    Witness,
}

pub struct Monitor {
    pub prober: Arc<Prober>,
    pub limits: ScanLimits,
    pub policy: Policy,
    /// How long a refused secret is left alone.
    pub auth_retry: Duration,
    pub recognise: Recognise,
    /// Whether a standby may be proven by writing to its primary.
    pub replication_proof: bool,
    /// What stamps are verified with.
    pub stamp_keys: StampKeyRefs,
}

/// What is asked of one cycle.
pub struct Ask<'a> {
    /// Of the report; without one it is named after its end.
    pub id: Option<&'a str>,
    /// `None` for the whole fleet.
    pub only: Option<&'a BTreeSet<TenantId>>,
    /// The last of the whole fleet, which tells whom a partial one may leave out.
    pub last: Option<&'a Report>,
    pub trigger: Trigger,
    /// Connection and health alone: nobody is compared with anybody.
    pub ping: bool,
    pub stop: &'a CancellationToken,
    /// Called with the stage, the steps that ended and their number.
    pub progress: &'a (dyn Fn(Stage, usize, usize) + Sync),
    /// What stands at the provider, asked for when all has been looked at: the latest that is known.
    pub stock: &'a (dyn Fn() -> Stock + Sync),
}

/// Where no provider is asked.
pub const NO_STOCK: &(dyn Fn() -> Stock + Sync) = &|| Stock::Nothing;

impl Monitor {
    pub async fn cycle(&self, snapshot: &Arc<Snapshot>, memory: Memory, ask: Ask<'_>) -> Cycle {
        let Memory { baselines, changes, findings, answered_before, .. } = memory;
        let Memory { refused, leftovers, stamped, graves, .. } = memory;
        let started = clock::now();
        let visits = Visits::new(self, snapshot, refused.clone(), started);
        let asked = Asked::of(ask.only);
        // Of the whole fleet alone: whoever asks about some tenants does not ask about those that left.
        let graves = (!asked.is_partial() && !ask.ping).then(|| Graves::open(graves));
        let left = async {
            let graves = graves.as_ref()?;
            Some(graves.visit(self, &baselines, refused, &ask).await)
        };
        let (observations, left) = tokio::join!(self.visits(&visits, &asked, snapshot, &ask), left);
        let (witnessed, looked) = if ask.ping {
            (Vec::new(), Vec::new())
        } else {
            self.second_looks(snapshot, &visits, &observations, started, &ask).await
        };
        let credentials = visits::credentials(snapshot);
        let stamps = stamps::judge(snapshot, &observations, &stamped, &self.stamp_keys);
        let stock = (ask.stock)();
        let case = Case {
            tenants: &snapshot.tenants,
            observations: &observations,
            witnessed: &witnessed,
            streams: &looked,
            credentials: &credentials,
            stamps: &stamps.looks,
            duplicates: &snapshot.duplicates,
            baselines: &baselines,
            changes: &changes,
            answered_before: &answered_before,
            leftovers: &leftovers,
            graves: left.as_ref().map(|it| &*it.looks),
            inventory: match &stock {
                Stock::Read(inventory) => Some(inventory),
                Stock::Nothing | Stock::Unread(_) => None,
            },
            policy: &self.policy,
            now: clock::now(),
        };
        let detection = detect::detect(&case);
        let seen = offboarded::seen(&case, &detection.claims);
        let mut cycle = conclude(&case, detection, findings, &asked, &ask);
        cycle.report.started_at = started;
        if ask.stop.is_cancelled() {
            // It has an observation for everybody, and yet it does not tell how the fleet is.
            cycle.report.partial = true;
        }
        cycle.report.warnings.clone_from(&snapshot.warnings);
        cycle.report.warnings.extend(stamps.warning);
        if let Stock::Unread(why) = &stock {
            cycle.report.warnings.push(format!("{UNREAD}: {why}"));
        }
        cycle.report.warnings.extend(ask.stop.is_cancelled().then(|| STOPPED.to_owned()));
        if let Some(graves) = &graves {
            cycle.graves = graves.words(&seen, &cycle.report.findings, clock::now());
            cycle.report.warnings.extend(cycle.graves.closed.iter().map(closed));
        }
        (cycle.refused, cycle.accepted) = (visits.refused(), visits.accepted());
        cycle.refused.extend(left.into_iter().flat_map(|it| it.refused));
        cycle.stamps = stamps.seen;
        cycle.witness_rounds = witnessed.len();
        let open = |it: &&Witnessed| !it.undecided.is_empty() || !it.blind.is_empty();
        cycle.witness_inconclusive = witnessed.iter().filter(open).count();
        cycle
    }

    /// Each target that was asked for, and then whoever could share with it; in order.
    async fn visits(
        &self,
        visits: &Visits<'_>,
        asked: &Asked<'_>,
        snapshot: &Snapshot,
        ask: &Ask<'_>,
    ) -> Vec<Observation> {
        let mut observations = visits.make(&asked.first(snapshot), ask).await;
        let then = asked.then(snapshot, ask.last, &observations);
        observations.extend(visits.make(&then, ask).await);
        observations.sort_by_key(|it| it.target);
        observations
    }

    /// Candidates go before the witness, and families of copies are looked at for who streams from whom.
    async fn second_looks(
        &self,
        snapshot: &Snapshot,
        visits: &Visits<'_>,
        observations: &[Observation],
        started: Timestamp,
        ask: &Ask<'_>,
    ) -> (Vec<Witnessed>, Vec<StreamLook>) {
        let suspects = candidates::candidates(&snapshot.tenants, observations, started);
        let addresses = visits.addresses();
        let revisit = Revisit::new(&self.prober, snapshot, &addresses, observations, started);
        let concurrency = self.limits.concurrency.get();
        let limits = WitnessLimits { concurrency, per_server: self.limits.per_server.get() };
        let total = suspects.groups.iter().map(Vec::len).sum();
        let done = AtomicUsize::new(0);
        let proven = |members| {
            let done = done.fetch_add(members, Ordering::Relaxed) + members;
            (ask.progress)(Stage::Witness, done, total);
        };
        let witnessed = witness::prove(&revisit, suspects.groups, limits, ask.stop, proven).await;
        let (standbys, primaries) = by_recovery(&suspects.families, observations);
        let mut looked =
            streams::look(&revisit, standbys, primaries.clone(), concurrency, ask.stop).await;
        if self.replication_proof {
            let families = &suspects.families;
            proof::prove(&revisit, families, &primaries, &mut looked, ask.stop).await;
        }
        (witnessed, looked)
    }
}

/// The findings' life and the verdicts that follow from it. Times and what the visits learnt are the caller's.
fn conclude(
    case: &Case<'_>,
    detection: Detection,
    before: Vec<Finding>,
    asked: &Asked<'_>,
    ask: &Ask<'_>,
) -> Cycle {
    let examined = Examined::of(case, &detection);
    let Detection { claims, tenants: judged, baselines } = detection;
    let findings = lifecycle::advance(before, claims, &examined, case.policy, case.now);
    drop(examined);
    let mut tenants = verdict::assemble(case, &judged, &findings);
    tenants.retain(|it| asked.wants(&it.id));
    let told =
        |it: &Finding| !asked.is_partial() || it.claim.tenants.iter().any(|id| asked.wants(id));
    let (findings, unreported) = findings.into_iter().partition(told);
    let finished_at = clock::now();
    let report = Report {
        id: ask.id.map_or_else(|| fresh_id(finished_at), Into::into),
        started_at: finished_at,
        finished_at,
        trigger: ask.trigger,
        partial: asked.is_partial(),
        tenants,
        findings,
        warnings: Vec::new(),
    };
    Cycle {
        report,
        unreported,
        baselines,
        refused: Vec::new(),
        accepted: Vec::new(),
        stamps: Vec::new(),
        graves: GraveWords::default(),
        witness_rounds: 0,
        witness_inconclusive: 0,
    }
}

fn closed(tenant: &TenantId) -> String {
    format!("{tenant} left long ago and its database has been gone for days: it is visited no more")
}

/// Sortable by time.
fn fresh_id(time: Timestamp) -> Box<str> {
    format!("{:016x}", time.as_microsecond()).into()
}

/// The families' members, standbys apart from primaries.
fn by_recovery(
    families: &[Vec<TargetRef>],
    observations: &[Observation],
) -> (Vec<TargetRef>, Vec<TargetRef>) {
    let standbys: BTreeSet<TargetRef> = observations
        .iter()
        .filter(|it| {
            it.outcome.sighting().is_some_and(|it| it.fingerprint.in_recovery == Some(true))
        })
        .map(|it| it.target)
        .collect();
    families.iter().flatten().copied().partition(|it| standbys.contains(it))
}
