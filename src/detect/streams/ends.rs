//! The two ends of a stream, put together from everything that is known of a server.
//!
//! Why put together first: two ways to one primary are one primary, and what one of them may not see the other may.

use std::collections::{BTreeMap, BTreeSet};

use crate::detect::index::Index;
use crate::detect::servers::Servers;
use crate::model::relation::{Receiver, StreamEnd, StreamLook};

pub(super) struct Primary {
    pub(super) server: usize,
    pub(super) places: Vec<usize>,
    pub(super) nature: Nature,
    pub(super) insert: Option<u64>,
    pub(super) senders: Option<u32>,
    pub(super) slots: BTreeSet<Box<str>>,
    pub(super) addresses: BTreeSet<(String, u16)>,
}

pub(super) struct Standby {
    pub(super) server: usize,
    pub(super) kind: Kin,
    pub(super) receivers: Vec<Receiver>,
    /// Places of targets whose server was proven to feed this one, or not to.
    pub(super) fed_by: Vec<(usize, bool)>,
}

impl Standby {
    /// Nothing but its kind tells it from others.
    pub(super) fn is_plain(&self) -> bool {
        self.receivers.is_empty() && self.fed_by.is_empty()
    }
}

/// What standbys must have in common to be undistinguishable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kin {
    pub(super) nature: Nature,
    pub(super) received: Option<u64>,
    pub(super) streaming: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nature {
    pub(super) system: Option<u64>,
    pub(super) major: u32,
    pub(super) timeline: Option<u32>,
}

impl Nature {
    /// Whether the one may be a physical copy of the other, on the same timeline.
    pub(super) fn fits(self, other: Self) -> bool {
        self.major == other.major
            && agree(self.system, other.system)
            && agree(self.timeline, other.timeline)
    }
}

pub(super) fn roles(index: &Index<'_>, servers: &Servers) -> (Vec<Primary>, Vec<Standby>) {
    let looks: BTreeMap<usize, &StreamLook> =
        index.case.streams.iter().filter_map(|it| Some((index.place(it.target)?, it))).collect();
    let is_primary = |members: &[usize]| {
        members.iter().any(|it| {
            index.looks[*it].fingerprint().in_recovery == Some(false)
                || looks.get(it).is_some_and(|it| matches!(it.end, StreamEnd::Primary { .. }))
        })
    };
    let standbys: Vec<Standby> = servers
        .members
        .iter()
        .filter(|it| !is_primary(it))
        .map(|it| standby(index, it, &looks))
        .collect();
    if standbys.is_empty() {
        return (Vec::new(), standbys);
    }
    let systems: BTreeSet<Option<u64>> = standbys.iter().map(|it| it.kind.nature.system).collect();
    let concerned = |primary: &Primary| {
        let system = primary.nature.system;
        let unknown = system.is_none() || systems.contains(&None);
        system.is_some() && systems.contains(&system) || unknown && primary.senders != Some(0)
    };
    let primaries = servers.members.iter().filter(|it| is_primary(it));
    (primaries.map(|it| primary(index, it, &looks)).filter(concerned).collect(), standbys)
}

fn nature(index: &Index<'_>, members: &[usize], looks: &BTreeMap<usize, &StreamLook>) -> Nature {
    let fingerprints = || members.iter().map(|it| index.looks[*it].fingerprint());
    let looked = members.iter().filter_map(|it| looks.get(it).and_then(|look| look.timeline));
    Nature {
        system: fingerprints().filter_map(|it| it.system_identifier).max(),
        major: fingerprints().map(|it| it.server_version / 10_000).max().unwrap_or_default(),
        // Timelines only grow, so the largest is the latest. 0 is what a server says that has not yet learnt its own.
        timeline: looked
            .chain(fingerprints().filter_map(|it| it.timeline))
            .filter(|it| *it != 0)
            .max(),
    }
}

fn standby(index: &Index<'_>, members: &[usize], looks: &BTreeMap<usize, &StreamLook>) -> Standby {
    let mut received_most = None;
    let mut streaming = None;
    let mut receivers = Vec::new();
    let proofs = members.iter().filter_map(|it| looks.get(it)).flat_map(|it| &it.fed_by);
    let fed_by = proofs.filter_map(|(primary, fed)| Some((index.place(*primary)?, *fed))).collect();
    for place in members {
        streaming = streaming.max(index.looks[*place].fingerprint().wal_receiver);
        if let Some(StreamEnd::Standby { received, receiver, .. }) =
            looks.get(place).map(|it| &it.end)
        {
            received_most = received_most.max(*received);
            streaming = streaming.max(receiver.as_ref().map(|_| true));
            receivers.extend(receiver.iter().filter(|it| it.sender_host.is_some()).cloned());
        }
    }
    let nature = nature(index, members, looks);
    let kind = Kin { nature, received: received_most, streaming };
    Standby { server: members[0], kind, receivers, fed_by }
}

fn primary(index: &Index<'_>, members: &[usize], looks: &BTreeMap<usize, &StreamLook>) -> Primary {
    let mut primary = Primary {
        server: members[0],
        places: members.to_vec(),
        nature: nature(index, members, looks),
        insert: None,
        senders: None,
        slots: BTreeSet::new(),
        addresses: BTreeSet::new(),
    };
    for place in members {
        let look = &index.looks[*place];
        let fingerprint = look.fingerprint();
        primary.senders = primary.senders.max(fingerprint.wal_senders);
        let address = &index.row(look.target).address;
        primary.addresses.insert((address.host.to_ascii_lowercase(), address.port));
        let peer =
            look.sighting.transport.peer.map(|it| (it.ip().to_canonical().to_string(), it.port()));
        let own = fingerprint.server_address.map(|it| it.to_string()).zip(fingerprint.server_port);
        primary.addresses.extend(peer.into_iter().chain(own));
        let Some(stream) = looks.get(place) else { continue };
        if let StreamEnd::Primary { insert } = stream.end {
            primary.insert = primary.insert.max(Some(insert));
        }
        if !stream.senders.is_empty() {
            primary.senders = primary.senders.max(u32::try_from(stream.senders.len()).ok());
        }
        primary.slots.extend(stream.active_slots.iter().cloned());
    }
    primary
}

fn agree<T: Copy + PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}
