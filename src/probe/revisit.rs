//! Second looks: going back to targets that the first visit made candidates.
//!
//! Why a type of its own: the witness and the look at streams both need to know who a target is, where it was
//! resolved to and which server it is believed to be, and must agree with the scan on all three.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::detect::candidates::{self, Facts};
use crate::model::observation::{Failure, Observation};
use crate::model::tenant::TargetRef;
use crate::patience::Patience;
use crate::registry::Snapshot;

use super::Prober;
use super::session::Session;

/// What counts as one server when connections are limited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerKey {
    /// What the server says of itself: one, however many names lead there.
    Identity { system_identifier: u64, started_at: i64 },
    /// What the resolver says, where the server does not tell.
    Address(Option<SocketAddr>, Option<Box<str>>),
}

pub struct Revisit<'a> {
    prober: &'a Prober,
    snapshot: &'a Snapshot,
    addresses: &'a HashMap<TargetRef, Vec<Vec<SocketAddr>>>,
    places: HashMap<TargetRef, ServerKey>,
    started: HashMap<TargetRef, i64>,
    facts: BTreeMap<TargetRef, Facts>,
    typical: Duration,
    since: Instant,
}

impl<'a> Revisit<'a> {
    pub fn new(
        prober: &'a Prober,
        snapshot: &'a Snapshot,
        addresses: &'a HashMap<TargetRef, Vec<Vec<SocketAddr>>>,
        observations: &[Observation],
        scan_started: Timestamp,
    ) -> Self {
        let facts = candidates::lasting(observations, scan_started);
        let mut took: Vec<Duration> = Vec::new();
        let mut places = HashMap::new();
        let mut started = HashMap::new();
        for observation in observations {
            let Some(sighting) = observation.outcome.sighting() else { continue };
            took.push(observation.took);
            let print = &sighting.fingerprint;
            started.extend(print.started_at.map(|it| (observation.target, it)));
            if let (Some(system_identifier), Some(started_at)) =
                (print.system_identifier, print.started_at)
            {
                places.insert(
                    observation.target,
                    ServerKey::Identity { system_identifier, started_at },
                );
            }
        }
        let middle = took.len() / 2;
        let typical =
            if took.is_empty() { Duration::ZERO } else { *took.select_nth_unstable(middle).1 };
        Self { prober, snapshot, addresses, places, started, facts, typical, since: Instant::now() }
    }

    pub async fn open(&self, target: TargetRef) -> Result<Session, Failure> {
        let (tenant, way, access) = self.snapshot.target(target);
        let addresses = self.addresses.get(&target).map_or(&[][..], Vec::as_slice);
        self.prober
            .open(&tenant.id, &way.address, access, addresses, &Arc::new(Patience::new()))
            .await
    }

    /// The median of the first visits: what the next will take.
    pub fn typical_visit(&self) -> Duration {
        self.typical
    }

    /// When the server that the first visit met was started, in microseconds since 1970.
    pub fn started_at(&self, target: TargetRef) -> Option<i64> {
        self.started.get(&target).copied()
    }

    /// What the first visits saw of these.
    pub fn facts(
        &self,
        targets: impl Iterator<Item = TargetRef>,
    ) -> impl Iterator<Item = (TargetRef, Facts)> {
        targets.map(|it| (it, self.facts.get(&it).copied().unwrap_or_default()))
    }

    /// For one visit.
    pub fn timeout(&self) -> Duration {
        self.prober.timeout()
    }

    /// Microseconds on one local clock that never goes back.
    pub fn elapsed(&self) -> i64 {
        i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    pub fn place(&self, target: TargetRef) -> ServerKey {
        if let Some(known) = self.places.get(&target) {
            return known.clone();
        }
        let address =
            self.addresses.get(&target).and_then(|it| it.iter().flatten().next()).copied();
        let (_, way, _) = self.snapshot.target(target);
        ServerKey::Address(address, way.address.project_id().map(Into::into))
    }

    pub fn places(
        &self,
        targets: impl Iterator<Item = TargetRef>,
    ) -> BTreeMap<ServerKey, Vec<TargetRef>> {
        let mut places: BTreeMap<ServerKey, Vec<TargetRef>> = BTreeMap::new();
        for target in targets {
            places.entry(self.place(target)).or_default().push(target);
        }
        places
    }
}
