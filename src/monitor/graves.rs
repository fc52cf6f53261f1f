//! Visits the databases of tenants that left, beside the fleet.
//!
//! Why a registry of their own: a row is visited as any other, with the same eyes, and yet nobody must find it among the
//! tenants: it would be compared with them, counted and routed.
//!
//! Why with the application's login alone: whether the way in that the tenant had still works is the question. Why the
//! order is drawn: where there are more than one scan can visit, each has its turn in some scan.
//!
//! Invariants:
//! - bounded in number, in connections and in time; what was not visited is `NotTried`;
//! - a grave is closed when it is old, a look of this scan says that its database is gone, and every look that told
//!   anything has said so for days: a server that restarts is gone for a moment, and what was not visited says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::seq::SliceRandom;

use super::visits::Visits;
use super::{Ask, Monitor};
use crate::clock;
use crate::detect::offboarded::Seen;
use crate::model::change::{Baseline, Identity};
use crate::model::finding::{Finding, Kind, State};
use crate::model::grave::GraveLook;
use crate::model::observation::{Observation, Outcome, Reason};
use crate::model::tenant::{TargetName, TargetRef, TenantId};
use crate::registry::row::RawRow;
use crate::registry::{self, RegistryOptions, Snapshot};
use crate::scan::ScanLimits;
use crate::store::memory::RefusedSecret;
use crate::store::tenants::{Grave, GraveWords};

/// How long a database that does not answer is visited after its tenant left. A provider that takes longer to delete a
/// project has forgotten it.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// For how long a database must have been gone.
const GONE_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Databases of one scan.
const MOST: usize = 200;

/// At once. They are nobody's any more, so the fleet comes first.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");

/// Of all visits of one scan.
const LIMIT: Duration = Duration::from_secs(30);

/// Graves, opened: a registry of their rows, and whose each is.
pub(super) struct Graves {
    snapshot: Arc<Snapshot>,
    of: BTreeMap<TenantId, Grave<Option<RawRow>>>,
}

/// What the visits found.
#[derive(Default)]
pub(super) struct Visited {
    pub(super) looks: Vec<GraveLook>,
    pub(super) refused: Vec<RefusedSecret>,
}

impl Graves {
    /// A grave without a row was one of a tenant that had no database here.
    pub(super) fn open(graves: Vec<Grave<Option<RawRow>>>) -> Self {
        let rows = graves.iter().filter_map(|it| {
            let row = it.row.clone()?;
            Some(RawRow { id: it.tenant.as_str().into(), monitor: None, ..row })
        });
        let rows: Vec<RawRow> = rows.collect();
        let known = registry::known(&RegistryOptions::default(), BTreeMap::new(), rows);
        // It fails only where there is no row at all.
        let snapshot = Arc::new(known.unwrap_or_default());
        let of = graves.into_iter().map(|it| (it.tenant.clone(), it)).collect();
        Self { snapshot, of }
    }

    /// `baselines` are the tenants' identities as they were last seen.
    pub(super) async fn visit(
        &self,
        monitor: &Monitor,
        baselines: &[Baseline],
        refused: Vec<RefusedSecret>,
        ask: &Ask<'_>,
    ) -> Visited {
        let targets = targets(&self.snapshot);
        let mut chosen = targets.clone();
        chosen.shuffle(&mut rand::rng());
        chosen.truncate(MOST);
        let limits = ScanLimits::new(CONCURRENCY, NonZeroUsize::MIN, monitor.limits.timeout);
        let visits = Visits::new(monitor, &self.snapshot, refused, clock::now()).within(limits);
        let stop = ask.stop.child_token();
        let ask = Ask { stop: &stop, progress: &|_, _, _| (), ..*ask };
        let mut making = std::pin::pin!(visits.make(&chosen, &ask));
        let observations = tokio::select! {
            observations = &mut making => observations,
            () = tokio::time::sleep(LIMIT) => {
                stop.cancel();
                making.await
            }
        };
        let found: BTreeMap<TargetRef, Observation> =
            observations.into_iter().map(|it| (it.target, it)).collect();
        let known = known(baselines);
        let looks = targets.iter().filter_map(|it| self.look(*it, &found, &known)).collect();
        Visited { looks, refused: visits.refused() }
    }

    fn look(
        &self,
        target: TargetRef,
        found: &BTreeMap<TargetRef, Observation>,
        known: &Known<'_>,
    ) -> Option<GraveLook> {
        let (tenant, row, _) = self.snapshot.target(target);
        let grave = self.of.get(&tenant.id)?;
        let baseline = known.get(&(&tenant.id, &row.name));
        let outcome = found.get(&target).map(|it| it.outcome.clone());
        Some(GraveLook {
            tenant: tenant.id.clone(),
            operation: grave.operation.clone(),
            left_at: grave.at,
            target: row.name.clone(),
            address: Arc::clone(&row.address),
            // One that was learnt later is of another tenant of that name.
            known: baseline
                .filter(|it| it.since <= grave.at)
                .map(|it| Identity::clone(&it.identity)),
            outcome: outcome.unwrap_or(Outcome::NotTried(Reason::Cancelled)),
        })
    }

    /// What is to be kept of the looks, and which graves are closed now.
    pub(super) fn words(&self, seen: &Seen, findings: &[Finding], now: Timestamp) -> GraveWords {
        let told: BTreeSet<&TenantId> = findings
            .iter()
            .filter(|it| it.claim.kind == Kind::OffboardedReachable && it.state != State::Resolved)
            .flat_map(|it| &it.claim.tenants)
            .collect();
        let leads = self.that_lead_somewhere();
        let closed = |it: &Grave<_>| {
            let since = it.gone_since.filter(|_| seen.gone.contains(&it.tenant));
            let gone = since.is_some_and(|it| GONE_FOR <= now.duration_since(it));
            KEPT <= now.duration_since(it.at)
                && !told.contains(&it.tenant)
                && (gone || !leads.contains(&it.tenant))
        };
        let those = |says: &dyn Fn(&Grave<Option<RawRow>>) -> bool| -> BTreeSet<TenantId> {
            self.of.values().filter(|it| says(it)).map(|it| it.tenant.clone()).collect()
        };
        GraveWords {
            gone: those(&|it| it.gone_since.is_none() && seen.gone.contains(&it.tenant)),
            there: those(&|it| it.gone_since.is_some() && seen.there.contains(&it.tenant)),
            closed: those(&closed),
        }
    }

    /// Whoever had no database, or a row that nobody can read, is never seen to be gone.
    fn that_lead_somewhere(&self) -> BTreeSet<&TenantId> {
        let known = self.snapshot.tenants.iter().zip(&self.snapshot.access);
        let leads = known.filter(|(_, access)| access.iter().any(|it| it.unusable.is_none()));
        leads.map(|(tenant, _)| &tenant.id).collect()
    }
}

type Known<'a> = BTreeMap<(&'a TenantId, &'a TargetName), &'a Baseline>;

fn known(baselines: &[Baseline]) -> Known<'_> {
    baselines.iter().map(|it| ((&it.tenant, &it.target), it)).collect()
}

fn targets(snapshot: &Snapshot) -> Vec<TargetRef> {
    let tenants = (0_u32..).zip(&snapshot.tenants);
    let targets = tenants.flat_map(|(tenant, it)| {
        (0_u32..).zip(&it.targets).map(move |(target, _)| TargetRef { tenant, target })
    });
    targets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Certainty, Claim, Evidence, FindingId, Severity};
    use crate::model::operation::OperationId;

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn grave(name: &str, days: i64, now: Timestamp) -> Grave<Option<RawRow>> {
        let at = now - SignedDuration::from_hours(24 * days);
        let url = format!("postgres://app@{name}.example/app");
        let row =
            RawRow { id: "another".into(), database_url: Some(url.into()), ..RawRow::default() };
        let operation = OperationId::of(1);
        Grave { tenant: id(name), operation, at, gone_since: None, row: Some(row) }
    }

    fn told(name: &str, state: State, now: Timestamp) -> Finding {
        let kind = Kind::OffboardedReachable;
        Finding {
            id: FindingId::first(kind, Some(&id(name))),
            claim: Claim {
                kind,
                severity: Severity::Medium,
                certainty: Certainty::Proven,
                tenants: [id(name)].into(),
                summary: String::new(),
                evidence: Evidence::default(),
                remediation: Vec::new(),
            },
            state,
            first_seen: now,
            last_seen: now,
            looks: 1,
            acknowledgement: None,
            issue_url: None,
        }
    }

    #[test]
    fn a_grave_is_closed_when_it_is_old_and_was_seen_to_be_gone_for_days() {
        let now: Timestamp = "2026-11-27T05:00:00Z".parse().unwrap();
        let hours = |it| now - SignedDuration::from_hours(it);
        let gone = |name, days, since: Option<i64>| Grave {
            gone_since: since.map(hours),
            ..grave(name, days, now)
        };
        let graves = Graves::open(vec![
            gone("young", 89, Some(100)),
            gone("gone", 90, Some(72)),
            gone("resolved", 400, Some(100)),
            gone("told", 400, Some(100)),
            gone("lately", 400, Some(71)),
            gone("restarts", 400, None),
            gone("unseen", 400, Some(100)),
            gone("back", 400, Some(100)),
            Grave { row: None, ..grave("bare", 400, now) },
            Grave { row: None, ..grave("bare-young", 1, now) },
        ]);
        let findings =
            [told("told", State::Acknowledged, now), told("resolved", State::Resolved, now)];
        let ids =
            |names: &[&str]| -> BTreeSet<TenantId> { names.iter().map(|it| id(it)).collect() };
        let seen = Seen {
            gone: ids(&["young", "gone", "resolved", "told", "lately", "restarts"]),
            there: ids(&["back"]),
        };
        let words = graves.words(&seen, &findings, now);
        assert_eq!(words.closed, ids(&["gone", "resolved", "bare"]));
        assert_eq!((words.gone, words.there), (ids(&["restarts"]), ids(&["back"])));
    }

    #[test]
    fn each_grave_is_looked_for_by_its_own_row_and_one_without_is_not() {
        let now = Timestamp::UNIX_EPOCH;
        let bare = Grave { row: None, ..grave("bare", 0, now) };
        let graves = Graves::open(vec![grave("acme", 0, now), bare]);
        let found = BTreeMap::new();
        let looks: Vec<GraveLook> = targets(&graves.snapshot)
            .into_iter()
            .filter_map(|it| graves.look(it, &found, &known(&[])))
            .collect();
        assert_eq!(looks.len(), 1);
        assert_eq!((&looks[0].tenant, &*looks[0].address.host), (&id("acme"), "acme.example"));
        assert_eq!(looks[0].outcome, Outcome::NotTried(Reason::Cancelled));
        assert!(Graves::open(Vec::new()).snapshot.tenants.is_empty());
    }
}
