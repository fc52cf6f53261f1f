//! One pass: holders take their locks together, the others come by and look while the locks are held.
//!
//! Why the holders' sessions are all open before any lock is taken: the locks are then taken within a moment of each
//! other, so short waits suffice, and no lock is held while somebody else is still shaking hands.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::detect::coverage::{Answer, Rounds, SeenKey};
use crate::model::observation::Cause;
use crate::model::relation::Doubt;
use crate::model::tenant::TargetRef;
use crate::probe::revisit::{Revisit, ServerKey};
use crate::probe::session::Session;

use super::statement::{self, Question};

/// The longest that a lock is held where visits are quick. Long enough for some hundred readers, short enough for the
/// tightest limits of poolers in the field.
const LONGEST_HOLD: Duration = Duration::from_millis(1_500);

/// Where visits are slow, so many of them must fit, or no look would ever fall within a hold.
const VISITS_IN_A_HOLD: u32 = 4;

/// The usual visit may be measured in less than a millisecond, which a busy machine does not keep.
const SHORTEST_VISIT: Duration = Duration::from_millis(20);

pub(super) struct Plan<'a> {
    pub(super) holders: &'a [TargetRef],
    pub(super) readers: Vec<TargetRef>,
    /// Readers at once, over all servers.
    pub(super) lanes: usize,
    /// On either side of a holder's own look.
    pub(super) wait: Duration,
    pub(super) per_server: usize,
}

type Testified = Result<Answer, (TargetRef, Doubt)>;

pub(super) struct Passed {
    /// The readers who are to come again: their turn did not come while the locks were held, or their look fell
    /// outside that time.
    pub(super) missed: Vec<TargetRef>,
    /// Of each server that was gone to, whether anything came back before the deadline.
    pub(super) answering: BTreeMap<ServerKey, bool>,
}

pub(super) async fn run(revisit: &Revisit<'_>, plan: Plan<'_>, rounds: &mut Rounds) -> Passed {
    let opened =
        join_all(plan.holders.iter().map(|it| async { (*it, revisit.open(*it).await) })).await;
    let mut holding = Vec::new();
    let mut heard: Vec<Testified> = Vec::new();
    for (target, session) in opened {
        match session {
            Ok(session) => holding.push((target, session)),
            Err(failure) => heard.push(Err((target, Doubt::VisitFailed(failure.cause)))),
        }
    }
    let keys: Vec<i64> = holding.iter().map(|_| rand::random()).collect();
    let after = hold(revisit, &plan);
    let held_until = Instant::now() + plan.wait + after;
    let holders = join_all(holding.into_iter().zip(&keys).map(|((target, session), own)| {
        let question = Question {
            target,
            own: *own,
            before: plan.wait,
            after,
            asks_start: revisit.started_at(target).is_some(),
        };
        ask(revisit, session, question, keys.clone())
    }));
    let readers = come_by(revisit, &plan, &keys, held_until);
    let (held, (read, mut missed)) = join(holders, readers).await;
    let answered: Vec<TargetRef> =
        read.iter().filter_map(|it| it.as_ref().ok()).map(|it| it.reader).collect();
    heard.extend(held);
    heard.extend(read);
    rounds.add(&heard);
    missed.extend(answered.into_iter().filter(|it| !rounds.settled(*it, plan.holders)));
    missed.sort_unstable();
    Passed { missed, answering: answering(revisit, &heard) }
}

fn answering(revisit: &Revisit<'_>, heard: &[Testified]) -> BTreeMap<ServerKey, bool> {
    let mut places = BTreeMap::new();
    for testified in heard {
        let (target, answered) = match testified {
            Ok(answer) => (answer.reader, true),
            Err((target, doubt)) => (*target, *doubt != Doubt::VisitFailed(Cause::Timeout)),
        };
        *places.entry(revisit.place(target)).or_insert(false) |= answered;
    }
    places
}

/// How long the holders hold on after their own look: as long as the readers will need, as far as may be.
fn hold(revisit: &Revisit<'_>, plan: &Plan<'_>) -> Duration {
    if plan.readers.is_empty() {
        return plan.wait;
    }
    let held = revisit.places(plan.holders.iter().copied());
    let turns = revisit
        .places(plan.readers.iter().copied())
        .iter()
        .map(|(place, readers)| {
            let free = plan.per_server.saturating_sub(held.get(place).map_or(0, Vec::len));
            readers.len().div_ceil(free.max(1))
        })
        .chain([plan.readers.len().div_ceil(plan.lanes.max(1))])
        .max()
        .unwrap_or(1);
    needed(u32::try_from(turns).unwrap_or(u32::MAX), revisit.typical_visit(), plan.wait)
}

/// For so many turns of visits one after the other, each of which may take twice as long as usual.
fn needed(turns: u32, visit: Duration, wait: Duration) -> Duration {
    let longest = LONGEST_HOLD.max(visit.saturating_mul(VISITS_IN_A_HOLD)).saturating_sub(wait);
    let needed = visit.saturating_mul(2).saturating_mul(turns).saturating_add(wait * 2);
    needed.min(longest.max(wait * 2))
}

/// Who begins later than so long before the locks are let go would look in vain.
fn margin(visit: Duration) -> Duration {
    (visit * 3 / 2).max(SHORTEST_VISIT)
}

async fn come_by(
    revisit: &Revisit<'_>,
    plan: &Plan<'_>,
    keys: &[i64],
    held_until: Instant,
) -> (Vec<Testified>, Vec<TargetRef>) {
    // Where nobody holds there is nothing to look for.
    if plan.readers.is_empty() || keys.is_empty() {
        return (Vec::new(), plan.readers.clone());
    }
    let room = room(revisit, plan);
    let room = &room;
    let margin = margin(revisit.typical_visit());
    sleep(plan.wait).await;
    let turns = stream::iter(plan.readers.iter().copied())
        .map(|target| async move {
            let place = revisit.place(target);
            let seat = match room.get(&place) {
                Some(seats) => {
                    timeout_at(held_until, seats.acquire()).await.ok().and_then(Result::ok)
                }
                None => None,
            };
            if seat.is_none() || held_until <= Instant::now() + margin {
                return Err(target);
            }
            Ok(read(revisit, target, keys).await)
        })
        .buffer_unordered(plan.lanes.max(1))
        .collect::<Vec<_>>()
        .await;
    let mut read = Vec::new();
    let mut missed = Vec::new();
    for turn in turns {
        match turn {
            Ok(testified) => read.push(testified),
            Err(target) => missed.push(target),
        }
    }
    (read, missed)
}

/// What the holders leave free at each server.
fn room(revisit: &Revisit<'_>, plan: &Plan<'_>) -> BTreeMap<ServerKey, Semaphore> {
    let held = revisit.places(plan.holders.iter().copied());
    let free =
        |place: &ServerKey| plan.per_server.saturating_sub(held.get(place).map_or(0, Vec::len));
    revisit
        .places(plan.readers.iter().copied())
        .into_keys()
        .map(|place| {
            let free = free(&place);
            (place, Semaphore::new(free))
        })
        .collect()
}

async fn read(revisit: &Revisit<'_>, target: TargetRef, keys: &[i64]) -> Testified {
    let session = revisit
        .open(target)
        .await
        .map_err(|failure| (target, Doubt::VisitFailed(failure.cause)))?;
    let own = rand::random();
    let looked_for = keys.iter().copied().chain([own]).collect();
    let question = Question {
        target,
        own,
        before: Duration::ZERO,
        after: Duration::ZERO,
        asks_start: revisit.started_at(target).is_some(),
    };
    ask(revisit, session, question, looked_for).await
}

async fn ask(
    revisit: &Revisit<'_>,
    mut session: Session,
    question: Question,
    looked_for: Vec<i64>,
) -> Testified {
    let target = question.target;
    let limit = question.before + question.after + revisit.timeout();
    let sent = revisit.elapsed();
    let answered = session.ask(&question.sql(&looked_for), limit).await;
    let returned = revisit.elapsed();
    session.close().await;
    let rows = answered.map_err(|failure| (target, doubt_of(failure.cause)))?;
    // No row, or a null for a key that was taken already: neither tells anything.
    let told = statement::read(&rows).ok_or((target, Doubt::ControlMissing))?;
    if revisit.started_at(target).is_some_and(|it| told.started.is_some_and(|now| now != it)) {
        return Err((target, Doubt::ServerChanged));
    }
    Ok(Answer {
        reader: target,
        key: question.own,
        sent,
        returned,
        delay: i64::try_from(question.before.as_micros()).unwrap_or(i64::MAX),
        locked: told.taken,
        read: told.looked,
        released: told.released,
        seen: told.seen.unwrap_or_default().iter().filter_map(seen).collect(),
        pid: told.pid,
        started_at: told.started,
        in_recovery: None,
        database_oid: None,
        system_identifier: None,
    })
}

fn seen((key, database, pid): &(String, String, i32)) -> Option<SeenKey> {
    Some(SeenKey { key: key.parse().ok()?, database_oid: database.parse().ok()?, pid: *pid })
}

fn doubt_of(cause: Cause) -> Doubt {
    if cause == Cause::AccessDenied { Doubt::Denied } else { Doubt::VisitFailed(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All in milliseconds.
    #[track_caller]
    fn check(turns: u32, visit: u64, wait: u64, expected: u128) {
        let found = needed(turns, Duration::from_millis(visit), Duration::from_millis(wait));
        assert_eq!(found.as_millis(), expected);
    }

    #[test]
    fn a_lock_is_held_for_all_who_come_by_but_not_without_end() {
        check(1, 10, 40, 100);
        check(10, 10, 40, 280);
        check(500, 10, 40, 1_460);
        check(u32::MAX, 10, 40, 1_460);
    }

    #[test]
    fn where_visits_are_slow_some_fit_into_a_hold_all_the_same() {
        check(1, 1_000, 40, 2_080);
        check(50, 1_000, 40, 3_960);
        check(50, 1_000, 640, 3_360);
    }

    #[test]
    fn long_waits_leave_room_for_those_who_come_by() {
        check(1, 10, 640, 1_280);
    }

    #[test]
    fn nobody_begins_a_visit_that_would_end_too_late() {
        assert_eq!(margin(Duration::from_millis(1)), SHORTEST_VISIT);
        assert_eq!(margin(Duration::from_millis(200)), Duration::from_millis(300));
    }
}
