//! Decides whose turn it is: which target may be visited next, without waiting for anything itself.
//!
//! Why a scheduler of our own and not two semaphores: a visit that holds one of the few global slots while it waits
//! for its crowded server keeps everybody else out. Here a target takes no slot before its server has room too, so
//! five hundred databases on one server cost the others nothing.
//!
//! Why a lane: a target that answers nothing would hold its slot until the deadline. Once it is overdue it gives the
//! slot back and waits in the lane, where its connection still counts against its own server and against the bound
//! on sockets.
//!
//! Invariants:
//! - pure, and every event costs the same however large the fleet is;
//! - at most `concurrency + lane` visits run at once, and at most `per_server` of one server;
//! - every target that was added is handed out once, or drained once.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

/// A target by its position in the caller's list.
pub(crate) type JobId = u32;

/// A server by its position in the order of first mention.
pub(crate) type ServerId = u32;

/// No job: the end of a chain.
const NONE: JobId = JobId::MAX;

/// How much may run at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) per_server: NonZeroUsize,
    pub(crate) lane: usize,
}

#[derive(Debug)]
pub(crate) struct Queue {
    room: Room,
    jobs: Vec<Entry>,
    servers: Vec<Server>,
    /// Servers that have both a waiting target and room for it, each once, in turn: no server starves another.
    ready: VecDeque<ServerId>,
    running: usize,
    /// Of those running, the visits that are overdue, whether the lane had room for them or not.
    overdue: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    server: ServerId,
    /// The next one that waits for the same server.
    next: JobId,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not added yet: its address is not known.
    Absent,
    Waiting,
    Running,
    Overdue,
    Ended,
}

/// The chain of waiting targets runs through `Entry::next`: a fleet of a hundred thousand servers has one target
/// each, and a queue of its own for every one of them would cost more than the rest of the scan.
#[derive(Clone, Copy, Debug)]
struct Server {
    first: JobId,
    last: JobId,
    running: usize,
    /// It stands in `ready`.
    listed: bool,
}

impl Queue {
    /// For jobs 0 to `jobs - 1`, none of which waits yet.
    pub(crate) fn new(room: Room, jobs: usize) -> Self {
        let absent = Entry { server: 0, next: NONE, state: State::Absent };
        Self {
            room,
            jobs: vec![absent; jobs],
            servers: Vec::new(),
            ready: VecDeque::new(),
            running: 0,
            overdue: 0,
        }
    }

    /// `job` waits for its turn at `server`. A job that was added before stays where it is.
    pub(crate) fn add(&mut self, job: JobId, server: ServerId) {
        let Some(entry) = self.jobs.get_mut(job as usize) else { return };
        if entry.state != State::Absent {
            return;
        }
        *entry = Entry { server, next: NONE, state: State::Waiting };
        let known = self.servers.len().max(server as usize + 1);
        let empty = Server { first: NONE, last: NONE, running: 0, listed: false };
        self.servers.resize(known, empty);

        let here = &mut self.servers[server as usize];
        let last = std::mem::replace(&mut here.last, job);
        match self.jobs.get_mut(last as usize) {
            Some(before) => before.next = job,
            None => here.first = job,
        }
        self.list(server);
    }

    /// Whose turn it is now; `None` where nobody may start before somebody ends, or nobody waits.
    pub(crate) fn next(&mut self) -> Option<JobId> {
        if self.room.concurrency.get() <= self.slots_taken() {
            return None;
        }
        let server = self.ready.pop_front()?;
        let here = &mut self.servers[server as usize];
        here.listed = false;
        here.running += 1;
        self.running += 1;
        let job = self.unchain(server)?;
        self.jobs[job as usize].state = State::Running;
        self.list(server);
        Some(job)
    }

    /// Where it was added.
    pub(crate) fn server(&self, job: JobId) -> Option<ServerId> {
        let entry = self.jobs.get(job as usize)?;
        (entry.state != State::Absent).then_some(entry.server)
    }

    /// Whether its server's limit could be passed by the next visit there: others wait for it, or so many are there
    /// that as many second looks would be too many.
    pub(crate) fn is_crowded(&self, job: JobId) -> bool {
        let server =
            self.jobs.get(job as usize).and_then(|it| self.servers.get(it.server as usize));
        let limit = self.room.per_server.get();
        server.is_some_and(|it| it.first != NONE || 1 < it.running && limit < 2 * it.running)
    }

    /// The visit has not ended in time: its slot goes to somebody else as soon as the lane has room for it.
    pub(crate) fn overdue(&mut self, job: JobId) {
        let Some(entry) = self.jobs.get_mut(job as usize) else { return };
        if entry.state == State::Running {
            entry.state = State::Overdue;
            self.overdue += 1;
        }
    }

    /// The visit has ended; or the target's address was never found, and it will not be added.
    pub(crate) fn finished(&mut self, job: JobId) {
        let Some(entry) = self.jobs.get_mut(job as usize) else { return };
        match entry.state {
            State::Running => (),
            State::Overdue => self.overdue -= 1,
            State::Absent => {
                entry.state = State::Ended;
                return;
            }
            State::Waiting | State::Ended => return,
        }
        entry.state = State::Ended;
        let server = entry.server;
        self.running -= 1;
        self.servers[server as usize].running -= 1;
        self.list(server);
    }

    /// Everyone whose turn has not come, jobs that were never added included: the scan was stopped.
    pub(crate) fn drain(&mut self) -> Vec<JobId> {
        self.ready.clear();
        for server in &mut self.servers {
            (server.first, server.last, server.listed) = (NONE, NONE, false);
        }
        let mut left = Vec::new();
        for (job, entry) in (0..).zip(&mut self.jobs) {
            if matches!(entry.state, State::Absent | State::Waiting) {
                entry.state = State::Ended;
                left.push(job);
            }
        }
        left
    }

    /// An overdue visit holds its slot on while the lane is full.
    fn slots_taken(&self) -> usize {
        self.running - self.overdue.min(self.room.lane)
    }

    fn list(&mut self, server: ServerId) {
        let here = &mut self.servers[server as usize];
        if !here.listed && here.first != NONE && here.running < self.room.per_server.get() {
            here.listed = true;
            self.ready.push_back(server);
        }
    }

    fn unchain(&mut self, server: ServerId) -> Option<JobId> {
        let here = &mut self.servers[server as usize];
        let job = here.first;
        here.first = self.jobs.get(job as usize)?.next;
        if here.first == NONE {
            here.last = NONE;
        }
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn room(concurrency: usize, per_server: usize, lane: usize) -> Room {
        Room {
            concurrency: concurrency.try_into().unwrap(),
            per_server: per_server.try_into().unwrap(),
            lane,
        }
    }

    /// A script of words: `0@7` adds job 0 at server 7, `?` hands out all that may start, `-0` ends job 0, `~0` makes
    /// it overdue. What each `?` handed out must be as told.
    #[track_caller]
    fn check(room: Room, script: &str, expected: &[&[JobId]]) {
        let mut queue = Queue::new(room, 100);
        let mut told = Vec::new();
        for word in script.split_whitespace() {
            if word == "?" {
                told.push(std::iter::from_fn(|| queue.next()).collect::<Vec<_>>());
            } else if let Some(job) = word.strip_prefix('-') {
                queue.finished(job.parse().unwrap());
            } else if let Some(job) = word.strip_prefix('~') {
                queue.overdue(job.parse().unwrap());
            } else {
                let (job, server) = word.split_once('@').unwrap();
                queue.add(job.parse().unwrap(), server.parse().unwrap());
            }
        }
        assert_eq!(told, expected);
    }

    #[test]
    fn no_more_start_than_there_are_slots() {
        check(room(2, 9, 0), "0@0 1@1 2@2 ? -1 ? ?", &[&[0, 1], &[2], &[]]);
    }

    #[test]
    fn a_crowded_server_gets_its_share_and_holds_no_slot_of_others() {
        check(room(3, 1, 0), "0@0 1@0 2@0 3@0 4@1 5@2 ? -0 ? -1 -4 ?", &[&[0, 4, 5], &[1], &[2]]);
    }

    #[test]
    fn a_server_is_crowded_while_others_wait_or_too_many_are_there() {
        let mut queue = Queue::new(room(9, 1, 0), 4);
        queue.add(0, 0);
        queue.add(1, 0);
        queue.add(2, 1);
        assert_eq!((queue.next(), queue.next(), queue.next()), (Some(0), Some(2), None));
        assert!(queue.is_crowded(0) && !queue.is_crowded(2) && !queue.is_crowded(9));
        queue.finished(0);
        assert_eq!(queue.next(), Some(1));
        assert!(!queue.is_crowded(1));
    }

    #[test]
    fn a_server_with_room_for_a_second_look_at_each_is_not_crowded() {
        let mut queue = Queue::new(room(9, 4, 0), 3);
        (0..3).for_each(|it| queue.add(it, 0));
        assert_eq!((queue.next(), queue.next()), (Some(0), Some(1)));
        assert!(queue.is_crowded(0));
        assert_eq!(queue.next(), Some(2));
        queue.finished(2);
        assert!(!queue.is_crowded(0));
    }

    #[test]
    fn servers_take_turns() {
        check(room(4, 2, 0), "0@0 1@0 2@0 3@1 4@1 ?", &[&[0, 3, 1, 4]]);
    }

    #[test]
    fn an_overdue_visit_gives_its_slot_back_while_the_lane_has_room() {
        check(room(1, 9, 1), "0@0 1@1 2@2 ? ~0 ? ~1 ? -0 ?", &[&[0], &[1], &[], &[2]]);
    }

    #[test]
    fn an_overdue_visit_still_counts_against_its_server() {
        check(room(9, 1, 9), "0@0 1@0 ? ~0 ? -0 ?", &[&[0], &[], &[1]]);
    }

    #[test]
    fn what_comes_twice_or_unasked_changes_nothing() {
        check(
            room(1, 1, 1),
            "0@0 0@0 0@1 1@1 ? -0 -0 ~0 -1 -99 ~99 ? ~1 ~1 -1 -1 2@0 3@0 ? ?",
            &[&[0], &[1], &[2], &[]],
        );
    }

    #[test]
    fn a_stop_hands_over_everyone_whose_turn_has_not_come() {
        let mut queue = Queue::new(room(1, 1, 0), 5);
        queue.finished(4);
        queue.add(0, 0);
        queue.add(1, 0);
        queue.add(3, 1);
        assert_eq!(queue.next(), Some(0));
        assert_eq!(queue.drain(), [1, 2, 3]);
        assert_eq!((queue.next(), queue.running), (None, 1));
        queue.finished(0);
        assert_eq!((queue.next(), queue.drain(), queue.running), (None, vec![], 0));
    }

    proptest! {
        /// Whatever happens in whatever order: the bounds hold after every event, nobody is handed out twice, a slot
        /// is never left idle while a target could use it, and in the end everyone had a turn.
        #[test]
        fn the_bounds_hold_and_everyone_has_one_turn(
            servers in prop::collection::vec(0_u32..6, 1..60),
            concurrency in 1_usize..5,
            per_server in 1_usize..4,
            lane in 0_usize..4,
            events in prop::collection::vec((0_usize..64, any::<bool>()), 0..200),
        ) {
            let mut queue = Queue::new(room(concurrency, per_server, lane), servers.len());
            for (job, server) in (0..).zip(&servers) {
                queue.add(job, *server);
            }
            let mut events = events.into_iter();
            let mut handed_out = vec![false; servers.len()];
            let mut running: Vec<(JobId, bool)> = Vec::new();
            loop {
                while let Some(job) = queue.next() {
                    prop_assert!(!std::mem::replace(&mut handed_out[job as usize], true));
                    running.push((job, false));
                }
                let mut each = [0; 6];
                for (job, _) in &running {
                    each[servers[*job as usize] as usize] += 1;
                }
                let late = running.iter().filter(|(_, late)| *late).count();
                prop_assert!(running.len() <= concurrency + lane);
                prop_assert!(each.iter().all(|it| *it <= per_server));
                prop_assert_eq!(queue.running, running.len());
                let slot_free = running.len() - late.min(lane) < concurrency;
                let could_use_it = (0..servers.len())
                    .any(|job| !handed_out[job] && each[servers[job] as usize] < per_server);
                prop_assert!(!(slot_free && could_use_it), "a slot lies idle");
                if running.is_empty() {
                    break;
                }
                let (which, ends) = events.next().unwrap_or((0, true));
                let which = which % running.len();
                if ends {
                    queue.finished(running.swap_remove(which).0);
                } else {
                    running[which].1 = true;
                    queue.overdue(running[which].0);
                }
            }
            prop_assert!(handed_out.iter().all(|it| *it));
        }
    }
}
