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

use crate::detect::candidates::Facts;
use crate::model::observation::{Failure, Observation, Sighting};
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
    observations: &'a [Observation],
    scan_started: Timestamp,
    typical: Duration,
    since: Instant,
}

impl<'a> Revisit<'a> {
    /// `addresses` names those of every host where a target has several: which of them the visit met is not known.
    /// `observations` are sorted by target.
    pub fn new(
        prober: &'a Prober,
        snapshot: &'a Snapshot,
        addresses: &'a HashMap<TargetRef, Vec<Vec<SocketAddr>>>,
        observations: &'a [Observation],
        scan_started: Timestamp,
    ) -> Self {
        let seen = observations.iter().filter(|it| it.outcome.sighting().is_some());
        let mut took: Vec<Duration> = seen.map(|it| it.took).collect();
        let middle = took.len() / 2;
        let typical =
            if took.is_empty() { Duration::ZERO } else { *took.select_nth_unstable(middle).1 };
        let since = Instant::now();
        Self { prober, snapshot, addresses, observations, scan_started, typical, since }
    }

    pub async fn open(&self, target: TargetRef) -> Result<Session, Failure> {
        let (tenant, way, access) = self.snapshot.target(target);
        let met: Vec<Vec<SocketAddr>>;
        let addresses = if let Some(several) = self.addresses.get(&target) {
            several
        } else {
            met = vec![self.peer(target).into_iter().collect()];
            &met
        };
        let patience = Patience::new();
        patience.see_off();
        self.prober.open(&tenant.id, &way.address, access, addresses, &Arc::new(patience)).await
    }

    /// The median of the first visits: what the next will take.
    pub fn typical_visit(&self) -> Duration {
        self.typical
    }

    /// When the server that the first visit met was started, in microseconds since 1970.
    pub fn started_at(&self, target: TargetRef) -> Option<i64> {
        self.sighting(target)?.fingerprint.started_at
    }

    /// What the first visits saw of these.
    pub fn facts(
        &self,
        targets: impl Iterator<Item = TargetRef>,
    ) -> impl Iterator<Item = (TargetRef, Facts)> {
        targets.map(|it| {
            let facts = self.sighting(it).map(|it| Facts::lasting(it, self.scan_started));
            (it, facts.unwrap_or_default())
        })
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
        let print = self.sighting(target).map(|it| &it.fingerprint);
        let identity = print.and_then(|it| it.system_identifier.zip(it.started_at));
        if let Some((system_identifier, started_at)) = identity {
            return ServerKey::Identity { system_identifier, started_at };
        }
        let first = self.addresses.get(&target).and_then(|it| it.iter().flatten().next());
        let address = first.copied().or_else(|| self.peer(target));
        let (_, way, _) = self.snapshot.target(target);
        ServerKey::Address(address, way.address.project_id().map(Into::into))
    }

    /// The address that the first visit met; none behind a socket.
    fn peer(&self, target: TargetRef) -> Option<SocketAddr> {
        self.sighting(target)?.transport.peer
    }

    fn sighting(&self, target: TargetRef) -> Option<&'a Sighting> {
        let found = self.observations.binary_search_by_key(&target, |it| it.target).ok()?;
        self.observations[found].outcome.sighting()
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
