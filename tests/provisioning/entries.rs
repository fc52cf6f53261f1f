//! Each step fails in turn, and the daemon is killed right after each entry that the log gets.
//!
//! Why by entries: between two of them lies a deed, and whoever starts again knows no more than the log says. Of entries
//! that come faster than they are seen, the last is met; the long form meets each in a run of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use rusqlite::{Connection, OpenFlags};
use tokio::time::{Instant, sleep};

use crate::chance::{Customer, REFUSED, Then};
use crate::fake_supabase::faults::{CREATE, DELETE, Fault, LIST};
use crate::fake_supabase::projects::Fate;
use crate::fake_supabase::routes::QUOTA;
use crate::judge;
use crate::life::Life;
use crate::stage::{self, Stage};

const TENANT: &str = "acme";

/// Between two looks at the log.
const LOOK: Duration = Duration::from_millis(2);

/// For one run, with some thirty starts of the daemon.
const LIMIT: Duration = Duration::from_mins(4);

/// Whatever is asked so often is asked in vain.
const ALWAYS: usize = 1_000;

const AT_ONCE: usize = 3;

/// Of one case.
const TRIES: usize = 5;

/// What fails, and how the operation must end.
struct Case {
    name: &'static str,
    what: What,
    arrange: fn(&Stage),
    /// Told to the new database by its superuser as soon as it is up.
    spoil: &'static str,
    /// Happens to the world while the daemon is dead, each once.
    meanwhile: &'static [Meanwhile],
    ends: &'static str,
}

/// As soon as the log has one of these entries: a step that has begun and was not done finds another world when it is done
/// again.
struct Meanwhile {
    at: &'static [&'static str],
    happens: for<'a> fn(&'a Stage) -> BoxFuture<'a, ()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Comes,
    Leaves,
}

const READ_ONLY: &str = "alter database postgres set default_transaction_read_only = on";

/// Somebody else takes the name, between the look before the operation and the operation's own.
const NAME_TAKEN: &[Meanwhile] = &[Meanwhile {
    at: &["started reserve"],
    happens: |it| Box::pin(async { it.configure_with(&it.slow_source(), &it.taken(TENANT)) }),
}];

/// A row of the registry leads to the new database.
const FOUND_THERE: &[Meanwhile] = &[Meanwhile {
    at: &["succeeded stamp", "started verify_unique"],
    happens: |it| Box::pin(async { it.configure_with("", &it.intruder()) }),
}];

const READ_ONLY_LATE: &[Meanwhile] = &[Meanwhile {
    at: &["succeeded verify_unique", "started health_check"],
    happens: |it| Box::pin(async { assert!(spoil(it, READ_ONLY).await, "there is a database") }),
}];

/// The provider's list, which is looked through before anybody is led there, cannot be read, until the step has failed.
const UNLISTED: &[Meanwhile] = &[
    Meanwhile {
        at: &["succeeded setup", "started activate"],
        happens: |it| {
            Box::pin(async {
                it.fake.world().faults.script(LIST, Fault::ErrorBefore(500), ALWAYS);
            })
        },
    },
    Meanwhile {
        at: &["failed activate", "undo_started activate"],
        happens: |it| Box::pin(async { it.fake.world().faults.none() }),
    },
];

fn cases() -> Vec<Case> {
    let creation = |name, arrange, ends| Case {
        name,
        what: What::Comes,
        arrange,
        spoil: "",
        meanwhile: &[],
        ends,
    };
    let overtaken = |name, meanwhile, ends| Case { meanwhile, ..creation(name, |_| (), ends) };
    let departure =
        |name, arrange, ends| Case { what: What::Leaves, ..creation(name, arrange, ends) };
    vec![
        creation("nothing fails", |_| (), "succeeded"),
        creation("no answer to the creation", |it| creates(it, Fault::LostAfter), "succeeded"),
        creation("it is made twice", |it| creates(it, Fault::Doubled), "succeeded"),
        creation("quota", |it| creates(it, Fault::Says(400, QUOTA)), "rolled_back"),
        creation(
            "it never comes up",
            |it| creates(it, Fault::Fated(Fate::Status("INIT_FAILED"))),
            "rolled_back",
        ),
        creation(
            "it leads elsewhere",
            |it| creates(it, Fault::Fated(Fate::Host("db.evil.example"))),
            "rolled_back",
        ),
        Case { spoil: READ_ONLY, ..creation("no stamp can be written", |_| (), "rolled_back") },
        creation(
            "it is in use",
            |it| {
                let taken = it.customers[0].reference.clone();
                creates(it, Fault::Fated(Fate::InUse(taken)));
            },
            "stuck",
        ),
        Case {
            arrange: |it| it.configure_with(&it.slow_source(), ""),
            ..overtaken("its name is taken", NAME_TAKEN, "rolled_back")
        },
        overtaken("somebody is found there", FOUND_THERE, "stuck"),
        overtaken("it cannot serve", READ_ONLY_LATE, "rolled_back"),
        overtaken("it cannot be swept", UNLISTED, "rolled_back"),
        creation("the setup fails", |it| it.set_up(TENANT, "fails"), "rolled_back"),
        creation("the setup hangs", |it| it.set_up(TENANT, "hangs"), "rolled_back"),
        departure("it leaves", |_| (), "succeeded"),
        departure("no answer to the deletion", |it| deletes(it, Fault::LostAfter), "succeeded"),
        departure("it may not leave", |it| deletes(it, REFUSED[0].clone()), "stuck"),
    ]
}

fn creates(stage: &Stage, fault: Fault) {
    stage.fake.world().faults.script(CREATE, fault, ALWAYS);
}

fn deletes(stage: &Stage, fault: Fault) {
    stage.fake.world().faults.script(DELETE, fault, ALWAYS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_step_fails_and_after_whichever_entry_the_daemon_dies() {
    let full = std::env::var("WATERTIGHT_SOAK").is_ok_and(|it| it == "full");
    let cases = cases();
    let runs = stream::iter(&cases).map(|case| async move {
        let entries = caught(case, None).await;
        assert!(4 <= entries.len(), "{}: {entries:?}", case.name);
        println!("{}: {} entries", case.name, entries.len());
        if full {
            for entry in &entries {
                caught(case, Some(entry)).await;
            }
        }
    });
    runs.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// What is to happen to the world must happen between two entries; on a busy machine the daemon may pass that moment
/// before anybody looks.
async fn caught(case: &Case, only: Option<&String>) -> BTreeSet<String> {
    for _ in 0..TRIES {
        if let Some(seen) = run(case, only).await {
            return seen;
        }
    }
    panic!("{} {only:?}: the moment was missed {TRIES} times", case.name);
}

/// Killed after this entry, or after each. Returns those that were seen; `None` where the moment was missed.
async fn run(case: &Case, only: Option<&String>) -> Option<BTreeSet<String>> {
    let stage = Stage::new().await;
    let (life, mut daemon) = Life::begin(&stage).await;
    if case.name == "its name is taken" {
        // The source is read from the start.
        (case.arrange)(&stage);
        daemon = life.again(daemon).await;
        crate::site::scan(&daemon).await;
    }
    if case.what == What::Leaves {
        begin(&life, What::Comes).await;
        life.end().await;
    }
    (case.arrange)(&stage);
    begin(&life, case.what).await;
    let mut watch = Watch::of(&stage, case, only);
    watch.until_killed().await;
    daemon.kill().await;
    stage.hear(daemon.lines());
    while watch.log.runs() {
        watch.meanwhile().await;
        let mut killable = stage.launch();
        watch.until_killed().await;
        killable.kill().await.unwrap();
    }
    if watch.happened.len() != case.meanwhile.len() {
        return None;
    }
    let mut daemon = stage.start().await;
    stage.hear(stage.launched());
    let told = stage::operations(&daemon).await;
    assert_eq!(told["operations"][0]["state"], case.ends, "{} {only:?}: {told:#}", case.name);
    let wrongs = judge::wrongs(&stage).await;
    assert!(wrongs.is_empty(), "{} {only:?}: {wrongs:#?} {told:#}", case.name);
    daemon.stop().await;
    Some(watch.seen)
}

/// For the next entry after which the daemon is to die.
struct Watch<'a> {
    stage: &'a Stage,
    case: &'a Case,
    only: Option<&'a String>,
    log: Log,
    seen: BTreeSet<String>,
    /// What of `meanwhile` has happened, by its place.
    happened: BTreeSet<usize>,
    spoilt: bool,
    late: Instant,
}

impl<'a> Watch<'a> {
    fn of(stage: &'a Stage, case: &'a Case, only: Option<&'a String>) -> Self {
        let (seen, spoilt) = (BTreeSet::new(), case.spoil.is_empty());
        let (log, late) = (Log::open(stage), Instant::now() + LIMIT);
        Self { stage, case, only, log, seen, happened: BTreeSet::new(), spoilt, late }
    }

    /// While nobody runs.
    async fn meanwhile(&mut self) {
        for (place, it) in self.case.meanwhile.iter().enumerate() {
            if it.at.iter().any(|it| self.seen.contains(*it)) && self.happened.insert(place) {
                (it.happens)(self.stage).await;
            }
        }
    }

    /// Whether something is waiting for this entry.
    fn awaited(&self, entry: &str) -> bool {
        let mut waiting = self.case.meanwhile.iter().enumerate();
        waiting.any(|(place, it)| it.at.contains(&entry) && !self.happened.contains(&place))
    }

    /// Or until the operation has ended.
    async fn until_killed(&mut self) {
        loop {
            let runs = self.log.runs();
            let entries = self.log.entries();
            assert!(Instant::now() < self.late, "{}: no end: {entries:#?}", self.case.name);
            let mut meant = false;
            for entry in entries {
                let new = self.seen.insert(entry.clone());
                let chosen = self.only.is_none_or(|only| *only == entry);
                meant |= new && (chosen || self.awaited(&entry));
            }
            if meant || !runs {
                return;
            }
            self.spoilt = self.spoilt || spoil(self.stage, self.case.spoil).await;
            sleep(LOOK).await;
        }
    }
}

async fn begin(life: &Life<'_>, what: What) {
    let begun = match what {
        What::Comes => {
            let customer = Customer {
                after: Duration::ZERO,
                subdomain: TENANT.to_owned(),
                key: None,
                sent: 1,
                then: Then::Stays,
            };
            life.ask_for(&customer).await
        }
        What::Leaves => life.leave(TENANT).await,
    };
    assert!(begun.is_some(), "nothing began");
}

/// Whether it is done.
async fn spoil(stage: &Stage, sql: &str) -> bool {
    let cluster = {
        let world = stage.fake.world();
        let new = world.living().find(|it| it.name.starts_with("wt-"));
        new.and_then(|it| it.cluster.clone())
    };
    match cluster {
        Some(cluster) => cluster.execute("postgres", &[sql]).await.is_ok(),
        None => false,
    }
}

/// The store, read past the daemon.
struct Log(Connection);

impl Log {
    fn open(stage: &Stage) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Self(Connection::open_with_flags(stage.program.path("watertight.db"), flags).unwrap())
    }

    fn runs(&self) -> bool {
        let sql = "SELECT count(*) FROM operations WHERE state = 'running'";
        self.0.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() != 0
    }

    /// Of the latest operation.
    fn entries(&self) -> Vec<String> {
        let sql = "SELECT happened || ' ' || coalesce(step, '') FROM operation_events
                   WHERE operation = (SELECT max(number) FROM operations) ORDER BY event";
        let mut select = self.0.prepare_cached(sql).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(|it| it.unwrap()).collect()
    }
}
