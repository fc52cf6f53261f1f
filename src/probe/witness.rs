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

use crate::detect::candidates;
use crate::detect::coverage::{Rounds, Unsettled};
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

/// Targets by the server that they are believed to be at.
type Places = BTreeMap<ServerKey, Vec<TargetRef>>;

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
        let mut rounds = Rounds::knowing(self.revisit.facts(members.iter().copied()).collect());
        // Whoever is never heard of stays undecided, with this as the reason.
        rounds.add(&members.iter().map(|it| Err((*it, Doubt::NotTried))).collect::<Vec<_>>());
        self.sweep(&members, &mut rounds).await;
        for attempt in 1..ATTEMPTS {
            let open = rounds.unsettled(attempt as usize);
            if open.restless.is_empty() || self.stop.is_cancelled() {
                break;
            }
            self.repeat(open, WAIT * 4_u32.pow(attempt), &mut rounds).await;
        }
        rounds.finish()
    }

    /// Everyone against everyone: holders leave when all the others have come by, and so do those whom they proved to
    /// be where a holder is, since the holder spoke for them.
    async fn sweep(&mut self, members: &[TargetRef], rounds: &mut Rounds) {
        let mut left: BTreeSet<TargetRef> = members.iter().copied().collect();
        while 2 <= left.len() && !self.stop.is_cancelled() {
            let holders = self.holders(&left, &self.withholding(&left));
            left.retain(|it| !holders.contains(it));
            self.meet(&holders, left.iter().copied().collect(), WAIT, rounds).await;
            left.retain(|it| !rounds.met(*it, &holders) && !self.is_silent(*it));
            let facts: Vec<_> = self.revisit.facts(left.iter().copied()).collect();
            left = candidates::with_partner(&facts);
        }
    }

    /// A further look at pairs that stayed undecided, in sets that fit the limits. The partners only come by: nothing
    /// is open among themselves.
    async fn repeat(&mut self, open: Unsettled, wait: Duration, rounds: &mut Rounds) {
        let Unsettled { mut restless, mut partners } = open;
        restless.retain(|it| !self.is_silent(*it));
        partners.retain(|it| !self.is_silent(*it));
        while !restless.is_empty() && !self.stop.is_cancelled() {
            let everyone: BTreeSet<TargetRef> = restless.union(&partners).copied().collect();
            if everyone.len() < 2 {
                break;
            }
            let mut holders = self.holders(&everyone, &everyone);
            if holders.len() < everyone.len() {
                holders = self.holders(&restless, &restless);
                // All of them may fit, and then nobody would have room to come by.
                holders.truncate((restless.len().max(2) / 2).max(1));
            }
            restless.retain(|it| !holders.contains(it));
            let readers = everyone.into_iter().filter(|it| !holders.contains(it)).collect();
            self.meet(&holders, readers, wait, rounds).await;
            restless.retain(|it| !self.is_silent(*it));
            partners.retain(|it| !self.is_silent(*it));
        }
    }

    /// Everyone comes by the same holders, in as many passes as the time that a lock may be held makes necessary. Who
    /// came too late for its look to prove anything comes again.
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

    /// Those that could be any server. They go first: whoever is left then only needs to meet its own kind.
    fn withholding(&self, left: &BTreeSet<TargetRef>) -> BTreeSet<TargetRef> {
        let facts = self.revisit.facts(left.iter().copied());
        let withholding: BTreeSet<_> =
            facts.filter(|(_, it)| !it.complete()).map(|(target, _)| target).collect();
        if withholding.is_empty() { left.clone() } else { withholding }
    }

    /// Who holds in the next pass. All that are left, if they fit; otherwise as many of those who go `first` as leave
    /// room at every server for the others to come by.
    fn holders(&self, left: &BTreeSet<TargetRef>, first: &BTreeSet<TargetRef>) -> Vec<TargetRef> {
        let places = |of: &BTreeSet<TargetRef>| self.revisit.places(of.iter().copied());
        holders(&places(left), &places(first), self.limits)
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

/// Who holds in the next pass, of targets by the server that they are believed to be at. All of them, if they fit;
/// otherwise as many as leave room at every server for the others to come by.
fn holders(left: &Places, first: &Places, limits: WitnessLimits) -> Vec<TargetRef> {
    let (concurrency, per_server) = (limits.concurrency.max(2), limits.per_server.max(2));
    let all: usize = left.values().map(Vec::len).sum();
    let fit = all <= concurrency && left.values().all(|it| it.len() <= per_server);
    // Where all are at one server, a second holder would prove nothing that the first does not.
    let alone = left.len() == 1;
    let (from, each, room) = match (fit, alone) {
        (true, _) => (left, per_server, concurrency),
        (false, true) => (first, 1, 1),
        (false, false) => (first, per_server / 2, concurrency / 2),
    };
    let mut chosen: Vec<TargetRef> = (0..each)
        .flat_map(|depth| from.values().filter_map(move |it| it.get(depth)).copied())
        .take(room)
        .collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `places` has the tenants of each server.
    #[track_caller]
    fn check(places: &[&[u32]], (concurrency, per_server): (usize, usize), expected: &[u32]) {
        let at = |tenant: u32| TargetRef { tenant, target: 0 };
        let place = |started_at: i64| ServerKey::Identity { system_identifier: 1, started_at };
        let places =
            (0..).map(place).zip(places.iter().map(|it| it.iter().map(|it| at(*it)).collect()));
        let places = places.collect();
        let chosen = holders(&places, &places, WitnessLimits { concurrency, per_server });
        assert_eq!(chosen.iter().map(|it| it.tenant).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_group_that_fits_holds_all_at_once() {
        check(&[&[1, 2, 3, 4]], (64, 4), &[1, 2, 3, 4]);
        check(&[&[1, 2], &[3]], (3, 2), &[1, 2, 3]);
        check(&[&[1], &[2]], (1, 1), &[1, 2]);
    }

    #[test]
    fn on_one_server_that_has_no_room_for_all_a_single_one_holds() {
        check(&[&[1, 2, 3, 4, 5]], (64, 4), &[1]);
        check(&[&[1, 2, 3]], (2, 64), &[1]);
    }

    #[test]
    fn over_several_servers_half_of_the_room_is_held() {
        check(&[&[1, 2, 3, 4, 5], &[6], &[7, 8, 9]], (64, 4), &[1, 2, 6, 7, 8]);
        check(&[&[1, 2, 3], &[4]], (64, 2), &[1, 4]);
        check(&[&[1], &[2], &[3], &[4], &[5]], (4, 4), &[1, 2]);
    }

    #[test]
    fn nobody_holds_for_nobody() {
        check(&[], (64, 4), &[]);
    }
}
