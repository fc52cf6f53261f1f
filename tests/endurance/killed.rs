//! `kill -9` at random moments of a daemon that scans, writes and is reconfigured, each time followed by a start.
//!
//! Judged is what people rely on: a write that was answered is there; nothing that they look at (gate, page, badge, latest
//! report) tells a green that was never true while a scan looked; the store opens without repair, and nothing that
//! was left behind hinders the start.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep, timeout};
use watertight::clock;
use watertight::report::json;
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::form::{Form, Seed, say};
use crate::ledger::{Found, Ledger};
use crate::life::{Life, judge};
use crate::program::Program;
use crate::running::{LIMIT, Running, command};
use crate::town::{TOKEN, Town, up_to};
use crate::truth::{Timeline, Truth};

/// From its start to its end a daemon lives at most so long.
const LONGEST_LIFE: Duration = Duration::from_millis(2_500);
/// Of so many starts one is killed before it listens.
const KILLED_EARLY: f64 = 0.15;
/// Of so many lives one sees the truth change.
const MOVES: f64 = 0.6;
/// So many times as many rounds, where nothing of some sort was put to the test.
const MORE: u32 = 6;
/// Rounds after which a new store is founded.
const ROUNDS_PER_STORE: u32 = 50;

struct Rehearsal {
    town: Town,
    program: Program,
    ledger: RefCell<Ledger>,
    timeline: RefCell<Timeline>,
    /// Of the last whole scan that was told.
    latest: String,
}

impl Rehearsal {
    async fn found(town: Town) -> Self {
        let program = town.found(Truth::Apart).await;
        let timeline = RefCell::new(Timeline::default());
        timeline.borrow_mut().begin(Truth::Apart, clock::now());
        let (ledger, latest) = (RefCell::new(Ledger::new()), String::new());
        Self { town, program, ledger, timeline, latest }
    }

    /// A new store, and the same people.
    async fn again(self, found: &mut Found) -> Self {
        found.add(&self.ledger.borrow().found);
        Self::found(self.town).await
    }

    /// Whether something of each sort was found again, in this store or in one before.
    fn has_all(&self, before: &Found) -> bool {
        let mut found = before.clone();
        found.add(&self.ledger.borrow().found);
        found.of_all_sorts()
    }

    /// One life and its end.
    async fn round(&mut self, random: &mut StdRng) {
        if random.random_bool(KILLED_EARLY) {
            self.killed_early(random).await;
        }
        let mut daemon = Running::start(&self.program).await;
        self.timeline.borrow_mut().settle(clock::now());
        self.check(&daemon).await;
        let life = Life {
            town: &self.town,
            program: &self.program,
            daemon: &daemon,
            ledger: &self.ledger,
            timeline: &self.timeline,
            random: RefCell::new(StdRng::seed_from_u64(random.random())),
            moves: random.random_bool(MOVES),
            dead: Cell::new(false),
        };
        let lived = life.lived(up_to(LONGEST_LIFE, random));
        timeout(LIMIT, lived).await.expect("everybody hears of the end");
        assert_eq!(daemon.ended().await, None, "a signal ended it");
        let reports = &self.ledger.borrow().reports;
        let whole = reports.iter().filter(|it| !it.partial).map(|it| it.id.to_string()).max();
        self.latest = whole.unwrap_or_default().max(std::mem::take(&mut self.latest));
    }

    /// Before it listens, or as soon as it does.
    async fn killed_early(&self, random: &mut StdRng) {
        let mut child = command(&self.program, &[]).spawn().expect("it runs");
        sleep(up_to(Duration::from_millis(250), random)).await;
        child.start_kill().expect("it runs");
        timeout(LIMIT, child.wait()).await.expect("it ends").expect("it ended");
    }

    /// What the one before acknowledged is there, beside a daemon that has started on it.
    async fn check(&self, daemon: &Running) {
        let path = self.program.path("watertight.db");
        let store = Store::open(&StoreUrl::Sqlite(path.clone()), None).expect("without repair");
        self.ledger.borrow_mut().check(&store, &self.timeline.borrow(), clock::now());
        drop(store);
        let database = rusqlite::Connection::open(&path).expect("it opens");
        let sound: String =
            database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it answers");
        assert_eq!(sound, "ok");
        let request = daemon.http.get(format!("{}/api/v1/scans/latest", daemon.base));
        let latest = daemon.send(request.bearer_auth(TOKEN)).await;
        if latest.status == 404 {
            assert_eq!(self.latest, "", "the last whole scan is lost");
        } else {
            let report = json::parse(&latest.body).expect("a whole report");
            assert!(*self.latest <= *report.id, "{} after {}", report.id, self.latest);
            judge(&report, &self.timeline.borrow());
        }
    }
}

impl Found {
    fn add(&mut self, more: &Self) {
        self.acknowledgements += more.acknowledgements;
        self.changes += more.changes;
        self.overrides += more.overrides;
        self.edits += more.edits;
        self.reports += more.reports;
    }

    /// Whether something of each sort was put to the test.
    fn of_all_sorts(&self) -> bool {
        let Self { acknowledgements, changes, overrides, edits, reports } = self;
        [acknowledgements, changes, overrides, edits, reports].iter().all(|it| 0 < **it)
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_keeps_what_it_answered_and_tells_no_green_that_was_not_earned() {
    let rounds = Form::asked().of(10, 1_000);
    let seed = Seed::choose();
    let mut random = seed.random();
    let mut rehearsal = Rehearsal::found(Town::build().await).await;
    let (began, mut found) = (Instant::now(), Found::default());
    let mut round = 0;
    // A few lives may all be too short for something of a sort; more of them are not.
    while round < rounds || (round < MORE * rounds && !rehearsal.has_all(&found)) {
        round += 1;
        rehearsal.round(&mut random).await;
        if round % ROUNDS_PER_STORE == 0 {
            rehearsal = rehearsal.again(&mut found).await;
            say(&format!("{round} ends in {:.0?}: {found:?}", began.elapsed()));
        }
    }
    let mut daemon = Running::start(&rehearsal.program).await;
    rehearsal.timeline.borrow_mut().settle(clock::now());
    rehearsal.check(&daemon).await;
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
    found.add(&rehearsal.ledger.borrow().found);
    say(&format!("{round} ends in {:.0?}; found again: {found:?}", began.elapsed()));
    assert!(found.of_all_sorts(), "nothing of a sort was put to the test: {found:?}");
}
