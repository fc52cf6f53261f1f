//! Chance against the loop: findings come, grow and go, people act, GitHub errs, and the process is killed.
//!
//! What must hold at the end of each run, once everything is well again: exactly one open issue for each finding that is
//! open, none for any other, one for the daily report where it is wanted and no person has closed it, and no limit of
//! GitHub's was ever exceeded.
//!
//! Why the seed: a run that fails prints it, and `WATERTIGHT_SOAK_SEED` makes the same world again. Fifty run with every
//! test, and with `WATERTIGHT_SOAK=full` two thousand.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use watertight::issues::marker;
use watertight::model::finding::State;
use watertight::model::issue::{Standing, Subject};

use crate::fake_github::faults::Fault;
use crate::fake_github::world::{Fate, World};
use crate::fake_github::{FakeGithub, REPOSITORY, TOKEN_LOGIN};
use crate::killed::{self, Orders};
use crate::seeds::Seeds;
use crate::stage::{FACTOR, told};
use crate::truth::Fact;

const REWRITTEN: &str = "a person's title";

const SHORT: u64 = 50;
const LONG: u64 = 2_000;

/// Runs at once: each waits most of its time.
const AT_ONCE: usize = 4;

/// Acts of one run.
const ACTS: usize = 14;

/// For everything to be as it should, once all is well.
const LIMIT: Duration = Duration::from_secs(40);

/// So long it must stay so: more than a survey, whatever was late has come by then.
const STAYS: Duration = Duration::from_millis(900);

#[test]
fn whatever_happens_each_open_finding_ends_with_one_open_issue_and_no_other_has_one() {
    let seeds = Seeds::choose(SHORT, LONG);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(seeds.all.len()) {
            scope.spawn(|| {
                while let Some(seed) = seeds.all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    seeds.ended(*seed, catch_unwind(|| rehearse(*seed)).is_ok());
                }
            });
        }
    });
    seeds.judge();
}

fn rehearse(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeGithub::start();
    fake.world().add_person("dba", "write");
    {
        let mut world = fake.world();
        world.limits.rules.scale = FACTOR;
        world.add_repository("acme/elsewhere");
        world.lag.hides = Duration::from_millis(random.random_range(0..40));
        world.lag.empty_every = random.random_range(0..5);
        world.faults.seed(seed, 0.12, FAULTS);
    }
    let mut orders = Orders {
        api_url: fake.base().to_owned(),
        reopen_within_ms: *[200, 600_000].choose(&mut random).unwrap(),
        acknowledge_for_ms: *[500, 600_000].choose(&mut random).unwrap(),
        daily: seed.is_multiple_of(2),
        truth: Vec::new(),
    };
    killed::order(directory.path(), &orders);
    let mut kills = 0;
    let mut process = killed::start(directory.path());
    for _ in 0..ACTS {
        match random.random_range(0..10) {
            0..=4 => change(&mut orders.truth, &mut random),
            5..=7 => act(&mut fake.world(), &mut random),
            _ => {
                drop(process);
                kills += 1;
                process = killed::start(directory.path());
            }
        }
        killed::order(directory.path(), &orders);
        let requests = random.random_range(0..12);
        wait_for(&fake, requests, Duration::from_millis(random.random_range(20..250)));
    }
    {
        let mut world = fake.world();
        world.faults.none();
        (world.lag.hides, world.lag.empty_every) = (Duration::ZERO, 0);
    }
    settle(seed, &fake, directory.path(), &orders);
    drop(process);
    let world = fake.world();
    // A process that dies between a limit and its note of it cannot know of it.
    let (waits, others): (Vec<_>, Vec<_>) =
        world.limits.breaches.iter().partition(|it| it.contains("told to wait"));
    assert!(others.is_empty() && waits.len() <= kills, "seed {seed}: {others:?} {waits:?}");
}

const FAULTS: &[Fault] = &[
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::LostAfter,
    Fault::Repeated,
    Fault::Late(Duration::from_millis(30)),
    Fault::Late(Duration::from_millis(500)),
    Fault::ErrorBefore(500),
    Fault::ErrorAfter(502),
    Fault::ErrorAfter(503),
    Fault::Refused { status: 403, retry_after: None },
    Fault::Refused { status: 429, retry_after: Some(30) },
    Fault::Truncated,
    Fault::Hang,
];

/// Something of the fleet changes: trouble comes, goes, grows, or is worse.
fn change(truth: &mut Vec<Fact>, random: &mut StdRng) {
    let place = random.random_range(0..5_usize);
    let first = format!("t{place}");
    let known = truth.iter().position(|it| it.tenants[0] == first);
    let Some(known) = known else {
        let kind = if place % 2 == 0 { "shared_database" } else { "unhealthy" };
        let severity = if place % 2 == 0 { "critical" } else { "high" };
        let (kind, severity) = (kind.to_owned(), severity.to_owned());
        truth.push(Fact { kind, severity, tenants: vec![first.clone(), format!("{first}-a")] });
        return;
    };
    match random.random_range(0..4) {
        0 if truth[known].tenants.len() < 5 => {
            let member = format!("{first}-{}", truth[known].tenants.len() + 1);
            truth[known].tenants.push(member);
        }
        1 => "critical".clone_into(&mut truth[known].severity),
        _ => drop(truth.remove(known)),
    }
}

/// A person does something to an issue of ours.
fn act(world: &mut World, random: &mut StdRng) {
    let here = |it: &&crate::fake_github::world::Issue| it.fate == Fate::Here;
    let numbers: Vec<u64> =
        world.repository(REPOSITORY).issues.iter().filter(here).map(|it| it.number).collect();
    let Some(number) = numbers.choose(random).copied() else { return };
    match random.random_range(0..10) {
        0 | 1 => world.close_as("dba", REPOSITORY, number, "not_planned"),
        2 | 3 => world.close_as("dba", REPOSITORY, number, "completed"),
        4 => world.delete_as(REPOSITORY, number),
        5 => drop(world.transfer_as(REPOSITORY, number, "acme/elsewhere")),
        6 => world.lock_as(REPOSITORY, number),
        7 => world.reopen_as(REPOSITORY, number),
        8 => world.label_as("dba", REPOSITORY, number, "watertight:acknowledged"),
        _ => world.edit_as(REPOSITORY, number, REWRITTEN, "another body"),
    }
}

/// Until the fake was asked so often more, or the time is up.
fn wait_for(fake: &FakeGithub, requests: usize, limit: Duration) {
    let (begun, before) = (now(), fake.world().asked.len());
    while begun.elapsed() < limit && fake.world().asked.len() < before + requests {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn settle(seed: u64, fake: &FakeGithub, directory: &Path, orders: &Orders) {
    let store = killed::store(directory);
    let begun = now();
    let mut right_since = None;
    loop {
        let wrong = judge(&fake.world(), &store, orders);
        match (&wrong, right_since) {
            (None, None) => right_since = Some(now()),
            (None, Some(since)) if STAYS < Instant::elapsed(&since) => return,
            (None, Some(_)) => {}
            (Some(_), _) => right_since = None,
        }
        if LIMIT < begun.elapsed() {
            let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
            let log: Vec<&str> = log.lines().rev().take(30).collect();
            panic!(
                "seed {seed} (WATERTIGHT_SOAK_SEED={seed} starts it again): {wrong:?}\n{}\n{log:#?}\n{:#?}",
                told(&fake.world()),
                store.issues().unwrap()
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What is not as it should be.
fn judge(world: &World, store: &watertight::store::Store, orders: &Orders) -> Option<String> {
    let mut open: BTreeMap<Subject, usize> = BTreeMap::new();
    for issue in world.open_issues(REPOSITORY) {
        if issue.author.as_deref() != Some(TOKEN_LOGIN) {
            continue;
        }
        // A text that a person wrote over is known by the ledger alone.
        let by_ledger = store.issue_subject(REPOSITORY, issue.number).unwrap();
        let marked = marker::subject(issue.body.as_deref().unwrap_or_default(), "test");
        match marked.or(by_ledger) {
            Some(subject) => *open.entry(subject).or_default() += 1,
            // Sent twice on the way, and written over by a person before anybody looked: nothing says that it is ours.
            None if issue.title == REWRITTEN => {}
            None => return Some(format!("#{} is nobody's", issue.number)),
        }
    }
    for fact in &orders.truth {
        let subject = Subject::Finding(fact.id());
        let count = open.remove(&subject).unwrap_or(0);
        let finding = store.finding(fact.id()).unwrap();
        let silenced = finding.is_some_and(|it| it.state == State::Acknowledged);
        if 1 < count || count == 0 && !silenced {
            return Some(format!("{count} open issues for {fact:?}"));
        }
    }
    let daily = open.remove(&Subject::Daily).unwrap_or(0);
    if daily != usize::from(orders.daily && !is_closed_by_person(store)) {
        return Some(format!("{daily} open issues for the daily report"));
    }
    (!open.is_empty()).then(|| format!("open for nothing: {open:?}"))
}

/// The issue of the daily report, and it is to stay so.
fn is_closed_by_person(store: &watertight::store::Store) -> bool {
    let entries = store.issues().unwrap();
    let daily = entries.iter().find(|it| it.subject == Subject::Daily);
    daily.is_some_and(|it| matches!(it.standing, Standing::Done | Standing::Declined))
}

#[expect(clippy::disallowed_methods, reason = "a test without a paused clock")]
fn now() -> Instant {
    Instant::now()
}
