//! Which standby is fed by which primary, as far as two read-only looks can tell.
//!
//! Why positions are not enough: two idle copies of one image, each with a standby of its own, stand at the same
//! position and cannot be told apart. So one fitting primary is probable, several are nobody's guess, and only the
//! address and slot of the sender, which need `pg_monitor`, or a pattern that the standby read back, are a proof.
//!
//! Invariants:
//! - a primary is excluded only by facts: it has no sender, it is on another timeline, or it had not yet written,
//!   after the standby was looked at, what the standby had received;
//! - a standby that streams from nobody may replay an archive: no sender is needed for that, and nothing is proven;
//! - what is known of several targets of one server is put together first: two ways to one primary are one primary.

mod ends;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::candidates::tenants_of;
use super::classes::{Classes, by_root};
use super::index::Index;
use super::servers::{Huddle, Servers, Why};
use crate::model::finding::Certainty;
use crate::model::relation::Receiver;
use ends::{Kin, Primary, Standby, roles};

/// A standby that streams lags by less than this, in bytes: four WAL segments. One that is further behind may be
/// fed by that primary, but another that is near fits better.
const NEAR: u64 = 64 << 20;

/// Above this many kinds of undecided standbys of one image, they are told as one set.
const KINDS: usize = 200;

/// Who feeds whom. Servers are named as in `Servers::of`.
#[derive(Default)]
pub(super) struct Streams {
    upstream: BTreeMap<usize, Upstream>,
    links: Vec<(usize, usize, Certainty)>,
    pub(super) huddles: Vec<Huddle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Upstream {
    Fed(usize, Certainty),
    /// One of these, or a primary that is not registered.
    Unsure(Arc<[usize]>),
    /// No registered primary fits.
    Outside,
}

enum Fit {
    Excluded,
    /// Too far ahead to be the likely one.
    Far,
    /// Nothing speaks against it, but its position is not known.
    Unknown,
    Near,
    Proven,
}

impl Streams {
    pub(super) fn follow(index: &Index<'_>, servers: &Servers) -> Self {
        let (primaries, standbys) = roles(index, servers);
        let mut streams = Self::default();
        // Standbys that nothing tells apart have the same upstreams; a family of copies has few such kinds.
        let mut known: BTreeMap<Kin, Upstream> = BTreeMap::new();
        for standby in &standbys {
            let upstream = match known.get(&standby.kind) {
                Some(upstream) if standby.is_plain() => upstream.clone(),
                _ => upstream(standby, &primaries),
            };
            if standby.is_plain() {
                known.insert(standby.kind, upstream.clone());
            }
            if let Upstream::Fed(primary, certainty) = upstream {
                streams.links.push((primary, standby.server, certainty));
            }
            streams.upstream.insert(standby.server, upstream);
        }
        let tenants = |server: usize| {
            tenants_of(
                servers.members[rank(servers, server)].iter().map(|it| index.looks[*it].target),
            )
        };
        let siblings = streams.siblings(&standbys);
        streams.doubt_primaries(&standbys, &tenants);
        streams.doubt_siblings(&standbys, &siblings, &tenants);
        streams
    }

    /// Servers that read the same live data, proven or at least probable.
    pub(super) fn trees(&self, at_least: Certainty) -> Vec<Vec<usize>> {
        let links: Vec<_> = self.links.iter().filter(|(_, _, it)| at_least <= *it).collect();
        let servers: BTreeSet<usize> =
            links.iter().flat_map(|(one, other, _)| [*one, *other]).collect();
        let servers: Vec<usize> = servers.into_iter().collect();
        let mut classes = Classes::new(servers.len());
        let place = |server: &usize| servers.binary_search(server).unwrap_or_default();
        for (one, other, _) in links {
            classes.join(place(one), place(other));
        }
        let trees = by_root(&classes.roots()).into_iter();
        trees.map(|tree| tree.into_iter().map(|it| servers[it]).collect()).collect()
    }

    /// Whether that primary feeds that standby; `None` where nobody can say.
    pub(super) fn feeds(&self, primary: usize, standby: usize) -> Option<bool> {
        match self.upstream.get(&standby)? {
            Upstream::Fed(fed_by, _) => Some(*fed_by == primary),
            Upstream::Unsure(possible) if possible.contains(&primary) => None,
            Upstream::Unsure(_) | Upstream::Outside => Some(false),
        }
    }

    /// Two receivers at one position with no registered primary: probably of one that is not registered.
    fn siblings(&mut self, standbys: &[Standby]) -> BTreeSet<Kin> {
        let mut together: BTreeMap<Kin, Vec<usize>> = BTreeMap::new();
        for standby in standbys {
            let kind = standby.kind;
            let comparable = kind.streaming == Some(true)
                && kind.nature.system.is_some()
                && kind.nature.timeline.is_some()
                && kind.received.is_some();
            if comparable && self.upstream.get(&standby.server) == Some(&Upstream::Outside) {
                together.entry(kind).or_default().push(standby.server);
            }
        }
        together.retain(|_, servers| 1 < servers.len());
        for servers in together.values() {
            let pairs = servers.windows(2);
            self.links.extend(pairs.map(|it| (it[0], it[1], Certainty::Probable)));
        }
        together.into_keys().collect()
    }

    fn doubt_primaries(&mut self, standbys: &[Standby], tenants: &impl Fn(usize) -> BTreeSet<u32>) {
        let mut unsure: BTreeMap<Arc<[usize]>, BTreeSet<u32>> = BTreeMap::new();
        let mut fed: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for standby in standbys {
            match self.upstream.get(&standby.server) {
                Some(Upstream::Unsure(possible)) => {
                    unsure.entry(possible.clone()).or_default().extend(tenants(standby.server));
                }
                Some(Upstream::Fed(primary, _)) => {
                    fed.entry(*primary).or_default().extend(tenants(standby.server));
                }
                Some(Upstream::Outside) | None => (),
            }
        }
        for (possible, ones) in unsure {
            let mut others: BTreeSet<u32> = possible.iter().flat_map(|it| tenants(*it)).collect();
            others.extend(possible.iter().filter_map(|it| fed.get(it)).flatten());
            self.huddles.push(Huddle { ones, others, reason: Why::Stream });
        }
    }

    /// Standbys whose primary is not known may have the same one.
    fn doubt_siblings(
        &mut self,
        standbys: &[Standby],
        siblings: &BTreeSet<Kin>,
        tenants: &impl Fn(usize) -> BTreeSet<u32>,
    ) {
        let loose: Vec<&Standby> = standbys
            .iter()
            .filter(|it| !matches!(self.upstream.get(&it.server), Some(Upstream::Fed(..))))
            .collect();
        let mut kinds: BTreeMap<(bool, Kin), BTreeSet<u32>> = BTreeMap::new();
        for standby in &loose {
            let outside = self.upstream.get(&standby.server) == Some(&Upstream::Outside);
            kinds.entry((outside, standby.kind)).or_default().extend(tenants(standby.server));
        }
        if KINDS < kinds.len() {
            let all: BTreeSet<u32> = kinds.into_values().flatten().collect();
            self.huddles.push(Huddle { ones: all.clone(), others: all, reason: Why::Stream });
            return;
        }
        let mut count: BTreeMap<(bool, Kin), usize> = BTreeMap::new();
        for standby in &loose {
            let outside = self.upstream.get(&standby.server) == Some(&Upstream::Outside);
            *count.entry((outside, standby.kind)).or_default() += 1;
        }
        for (at, (one, ones)) in kinds.iter().enumerate() {
            for (other, others) in kinds.iter().skip(at) {
                let told = one == other
                    && (count.get(one) == Some(&1) || one.0 && siblings.contains(&one.1));
                if !told && one.1.nature.fits(other.1.nature) {
                    let (ones, others) = (ones.clone(), others.clone());
                    self.huddles.push(Huddle { ones, others, reason: Why::Stream });
                }
            }
        }
    }
}

fn rank(servers: &Servers, server: usize) -> usize {
    servers.members.binary_search_by_key(&server, |it| it[0]).unwrap_or_default()
}

fn upstream(standby: &Standby, primaries: &[Primary]) -> Upstream {
    let (mut proven, mut near, mut unknown, mut far) = (vec![], vec![], vec![], vec![]);
    for primary in primaries {
        match fit(standby, primary) {
            Fit::Excluded => (),
            Fit::Far => far.push(primary.server),
            Fit::Unknown => unknown.push(primary.server),
            Fit::Near => near.push(primary.server),
            Fit::Proven => proven.push(primary.server),
        }
    }
    match (proven.as_slice(), near.as_slice(), unknown.is_empty()) {
        ([only], _, _) => Upstream::Fed(*only, Certainty::Proven),
        ([_, _, ..], _, _) => Upstream::Unsure(proven.into()),
        ([], [only], true) => Upstream::Fed(*only, Certainty::Probable),
        ([], [], _) => {
            unknown.append(&mut far);
            unknown.sort_unstable();
            if unknown.is_empty() { Upstream::Outside } else { Upstream::Unsure(unknown.into()) }
        }
        _ => {
            near.append(&mut unknown);
            near.sort_unstable();
            Upstream::Unsure(near.into())
        }
    }
}

fn fit(standby: &Standby, primary: &Primary) -> Fit {
    let Kin { nature, received, streaming } = standby.kind;
    if !nature.fits(primary.nature) {
        return Fit::Excluded;
    }
    let proofs = standby.fed_by.iter().filter(|(place, _)| primary.places.contains(place));
    match proofs.map(|(_, fed)| *fed).max() {
        Some(true) => return Fit::Proven,
        Some(false) => return Fit::Excluded,
        None => (),
    }
    let lag = match (primary.insert, received) {
        (Some(insert), Some(received)) if insert < received => return Fit::Excluded,
        (Some(insert), Some(received)) => Some(insert - received),
        _ => None,
    };
    let one_image = nature.system.is_some() && nature.system == primary.nature.system;
    if streaming == Some(false) {
        return if one_image || primary.senders != Some(0) { Fit::Unknown } else { Fit::Excluded };
    }
    if primary.senders == Some(0) {
        return Fit::Excluded;
    }
    if one_image && standby.receivers.iter().any(|it| leads_to(it, primary)) {
        return Fit::Proven;
    }
    match lag {
        Some(lag) if NEAR < lag => Fit::Far,
        Some(_) if one_image && streaming.is_some() && primary.senders.is_some() => Fit::Near,
        _ => Fit::Unknown,
    }
}

/// Whether the receiver's sender is this primary, by address and, where it uses one, by slot.
fn leads_to(receiver: &Receiver, primary: &Primary) -> bool {
    let (Some(host), Some(port)) = (&receiver.sender_host, receiver.sender_port) else {
        return false;
    };
    primary.addresses.contains(&(host.to_ascii_lowercase(), port))
        && receiver.slot.as_ref().is_none_or(|it| primary.slots.contains(it))
}
