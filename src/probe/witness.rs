//! The live proof that two targets are one running server, or are not.
//!
//! Why a proof is needed at all: every fact that a database tells of itself survives a copy of its data directory.
//! A lock does not. Each holder takes an advisory lock on a random key; whoever sees that key in its own lock table
//! sits in the same running server, and whoever provably looked while the lock was held and did not see it, does not.
//!
//! Why passes of holders and readers: a group whose members fit the server's connection limit is proven in one go,
//! everybody holding and looking at once. Of a larger group a few hold while all the others come by, a few at a
//! time, so that five hundred databases of a small server cost five hundred visits and never more than `per_server`
//! connections.
//!
//! Invariants: nothing is written; no lock outlives its statement; what was not proven is undecided, with the reason.

mod pass;
mod statement;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::detect::coverage::Rounds;
use crate::model::observation::Cause;
use crate::model::relation::{Doubt, Witnessed};
use crate::model::tenant::TargetRef;

use super::revisit::{Revisit, ServerKey};

/// How often an undecided pair is looked at again, with longer waits each time.
const ATTEMPTS: u32 = 3;

/// The shortest wait on either side of a look; grows fourfold with each attempt.
///
/// It must exceed the skew between members that were told to start at once: on a busy machine some ten milliseconds.
const WAIT: Duration = Duration::from_millis(40);

/// After so many passes in which a server let every visit time out, the rest of its targets stay undecided: a server
/// that freezes between the first visit and this one must not cost a deadline for each of its databases.
const SILENT_PASSES: u32 = 2;

#[derive(Clone, Copy, Debug)]
pub struct WitnessLimits {
    /// Connections at once, over all groups.
    pub concurrency: usize,
    /// Connections at once to what may be one server. At least two: one holds while another looks.
    pub per_server: usize,
}

/// Puts each group before the witness, as many at a time as the limits allow. One answer for each group, in order.
pub async fn prove(
    revisit: &Revisit<'_>,
    groups: Vec<Vec<TargetRef>>,
    limits: WitnessLimits,
    stop: &CancellationToken,
    proven: impl Fn(usize),
) -> Vec<Witnessed> {
    let seats = Semaphore::new(limits.concurrency.max(2));
    let mut answers = stream::iter(groups.into_iter().enumerate())
        .map(|(index, group)| {
            let seats = &seats;
            let silent = BTreeMap::new();
            async move { (index, Group { revisit, limits, seats, stop, silent }.prove(group).await) }
        })
        .buffer_unordered(limits.concurrency.max(2))
        .inspect(|(_, witnessed)| proven(witnessed.members.len()))
        .collect::<Vec<_>>()
        .await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, witnessed)| witnessed).collect()
}

/// One group's proof in the making.
struct Group<'a> {
    revisit: &'a Revisit<'a>,
    limits: WitnessLimits,
    seats: &'a Semaphore,
    stop: &'a CancellationToken,
    /// In how many passes in a row each server gave no answer at all.
    silent: BTreeMap<ServerKey, u32>,
}

impl Group<'_> {
    async fn prove(mut self, members: Vec<TargetRef>) -> Witnessed {
        let mut rounds = Rounds::default();
        // Whoever is never heard of stays undecided, with this as the reason.
        rounds.add(&members.iter().map(|it| Err((*it, Doubt::NotTried))).collect::<Vec<_>>());
        self.sweep(&members, &mut rounds).await;
        for attempt in 1..ATTEMPTS {
            let undecided = rounds.unsettled();
            if undecided.is_empty() || self.stop.is_cancelled() {
                break;
            }
            self.repeat(undecided.into_iter().collect(), WAIT * 4_u32.pow(attempt), &mut rounds)
                .await;
        }
        rounds.finish()
    }

    /// Everyone against everyone: holders leave when all the others have come by, and so do those whom they proved to
    /// be where a holder is, since the holder spoke for them.
    async fn sweep(&mut self, members: &[TargetRef], rounds: &mut Rounds) {
        let mut left: BTreeSet<TargetRef> = members.iter().copied().collect();
        while 2 <= left.len() && !self.stop.is_cancelled() {
            let holders = self.holders(&left);
            left.retain(|it| !holders.contains(it));
            self.meet(&holders, left.iter().copied().collect(), WAIT, rounds).await;
            left.retain(|it| !rounds.met(*it, &holders) && !self.is_silent(*it));
        }
    }

    /// A further look at pairs that stayed undecided, in sets that fit the limits.
    async fn repeat(
        &mut self,
        undecided: BTreeSet<TargetRef>,
        wait: Duration,
        rounds: &mut Rounds,
    ) {
        let mut left = undecided;
        left.retain(|it| !self.is_silent(*it));
        while 2 <= left.len() && !self.stop.is_cancelled() {
            let holders = self.holders(&left);
            left.retain(|it| !holders.contains(it));
            self.meet(&holders, left.iter().copied().collect(), wait, rounds).await;
            left.retain(|it| !self.is_silent(*it));
        }
    }

    /// Everyone comes by the same holders, in as many passes as the time that a lock may be held makes necessary.
    async fn meet(
        &mut self,
        holders: &[TargetRef],
        readers: Vec<TargetRef>,
        wait: Duration,
        rounds: &mut Rounds,
    ) {
        let mut waiting = self.pass(holders, readers, wait, rounds).await;
        self.leave_silent(&mut waiting, rounds);
        while !waiting.is_empty() && !self.stop.is_cancelled() {
            let before = waiting.len();
            waiting = self.pass(holders, waiting, wait, rounds).await;
            self.leave_silent(&mut waiting, rounds);
            if waiting.len() == before {
                break;
            }
        }
    }

    /// Who holds in the next pass. All of them, if they fit; otherwise as many as leave room at every server for the
    /// others to come by.
    fn holders(&self, left: &BTreeSet<TargetRef>) -> Vec<TargetRef> {
        let per_server = self.limits.per_server.max(2);
        let places = self.revisit.places(left.iter().copied());
        if left.len() <= self.limits.concurrency.max(2)
            && places.values().all(|it| it.len() <= per_server)
        {
            return left.iter().copied().collect();
        }
        let room = if places.len() == 1 { 1 } else { (self.limits.concurrency / 2).max(1) };
        let reserve = (per_server / 2).max(1).min(per_server - 1);
        spread(&places, reserve, room)
    }

    async fn pass(
        &mut self,
        holders: &[TargetRef],
        readers: Vec<TargetRef>,
        wait: Duration,
        rounds: &mut Rounds,
    ) -> Vec<TargetRef> {
        let free = self.limits.concurrency.max(2).saturating_sub(holders.len());
        let lanes = readers.len().min(free);
        let wanted = u32::try_from(holders.len() + lanes).unwrap_or(u32::MAX);
        let Ok(_seats) = self.seats.acquire_many(wanted).await else { return readers };
        let per_server = self.limits.per_server.max(2);
        let plan = pass::Plan { holders, readers, lanes, wait, per_server };
        let passed = pass::run(self.revisit, plan, rounds).await;
        for (place, answered) in passed.answering {
            let silent = self.silent.entry(place).or_default();
            *silent = if answered { 0 } else { *silent + 1 };
        }
        passed.missed
    }

    fn is_silent(&self, target: TargetRef) -> bool {
        let silent = self.silent.get(&self.revisit.place(target));
        silent.is_some_and(|it| SILENT_PASSES <= *it)
    }

    /// Takes those out whose server is given up, and says why they stay undecided.
    fn leave_silent(&self, waiting: &mut Vec<TargetRef>, rounds: &mut Rounds) {
        let left: Vec<_> = waiting.extract_if(.., |it| self.is_silent(*it)).collect();
        let why = Doubt::VisitFailed(Cause::Timeout);
        rounds.add(&left.into_iter().map(|it| Err((it, why))).collect::<Vec<_>>());
    }
}

/// At most `room` targets, no more than `each` from one server, taken in turn.
fn spread(
    places: &BTreeMap<ServerKey, Vec<TargetRef>>,
    each: usize,
    room: usize,
) -> Vec<TargetRef> {
    let mut chosen = Vec::new();
    for depth in 0..each {
        chosen.extend(places.values().filter_map(|it| it.get(depth)).copied());
    }
    chosen.truncate(room);
    chosen
}
