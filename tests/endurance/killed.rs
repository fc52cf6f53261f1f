//! `kill -9` at random moments of a daemon that scans, writes and is reconfigured, each time followed by a start.
//!
//! Judged is what people rely on: a write that was answered is there; nothing that they look at (gate, page, badge, latest
//! report) tells a green that was never true while a scan looked; the store opens without repair, and nothing that
//! was left behind hinders the start.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use watertight::clock;
use watertight::model::finding::{FindingId, Verdict};
use watertight::model::fingerprint::Digest256;
use watertight::model::report::Report;
use watertight::report::json;
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::form::{Form, Seed, say};
use crate::ledger::{Found, Ledger};
use crate::program::Program;
use crate::running::{Answer, LIMIT, Running, command};
use crate::town::{TOKEN, Town, up_to};
use crate::truth::{Timeline, Truth};

/// From its start to its end a daemon lives at most so long.
const LONGEST_LIFE: Duration = Duration::from_millis(2_500);
/// Of so many starts one is killed before it listens.
const KILLED_EARLY: f64 = 0.15;
/// Rounds after which a new store is founded.
const ROUNDS_PER_STORE: u32 = 50;

/// What one life of the daemon is put through.
struct Life<'a> {
    town: &'a Town,
    program: &'a Program,
    daemon: &'a Running,
    ledger: &'a RefCell<Ledger>,
    timeline: &'a RefCell<Timeline>,
    random: RefCell<StdRng>,
    dead: Cell<bool>,
}

impl Life<'_> {
    /// `None` where the end cut the answer off.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let asked = async {
            let response = request.bearer_auth(TOKEN).send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok::<_, reqwest::Error>(Answer { status, headers, body: response.text().await? })
        };
        match timeout(LIMIT, asked).await.expect("answered or cut off") {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(self.dead.get(), "{error:?}: {:#?}", self.daemon.messages());
                None
            }
        }
    }

    async fn get(&self, path: &str) -> Option<Answer> {
        self.ask(self.daemon.http.get(format!("{}{path}", self.daemon.base))).await
    }

    async fn post(&self, path: &str, body: &Value) -> Option<Answer> {
        self.ask(self.daemon.http.post(format!("{}{path}", self.daemon.base)).json(body)).await
    }

    fn chance(&self, of: f64) -> bool {
        self.random.borrow_mut().random_bool(of)
    }

    fn number(&self) -> u32 {
        self.random.borrow_mut().random_range(0..u32::MAX)
    }

    async fn pause(&self, most: Duration) {
        let pause = up_to(most, &mut self.random.borrow_mut());
        sleep(pause).await;
    }

    fn alive(&self) -> bool {
        !self.dead.get()
    }

    async fn until_killed(&self, after: Duration) {
        sleep(after).await;
        self.dead.set(true);
        self.daemon.signal(Signal::KILL);
    }

    /// Scans of all and of one, waited for or not.
    async fn scans(&self) -> Option<()> {
        while self.alive() {
            let body = if self.chance(0.25) { json!({ "tenants": ["acme"] }) } else { json!({}) };
            let wait = if self.chance(0.8) { "?wait=true" } else { "" };
            let answer = self.post(&format!("/api/v1/scans{wait}"), &body).await?;
            if answer.status == 200 {
                let report = json::parse(&answer.body).expect("a whole report");
                judge(&report, &self.timeline.borrow());
                self.ledger.borrow_mut().reports.push(report);
            } else {
                assert_eq!(answer.status, 202, "{answer:?}");
            }
            self.pause(Duration::from_millis(60)).await;
        }
        None
    }

    /// A person who acknowledges, announces and overrides.
    async fn words(&self) -> Option<()> {
        while self.alive() {
            self.acknowledge().await?;
            let (now, name) = (clock::now(), format!("w{}", self.number()));
            let until = now.saturating_add(SignedDuration::from_hours(1)).expect("soon");
            let change = json!({ "tenants": ["acme"], "reason": name, "until": until.to_string() });
            let place = self.ledger.borrow_mut().changes.attempt(name.clone(), now);
            let answer = self.post("/api/v1/changes", &change).await?;
            assert_eq!(answer.status, 201, "{answer:?}");
            self.ledger.borrow_mut().changes.answered(place);
            // Short, so that most looks at the gate find its own word.
            let until = now.saturating_add(SignedDuration::from_millis(200)).expect("soon");
            let place = self.ledger.borrow_mut().overrides.attempt(name.clone(), now);
            let given = json!({ "reason": name, "until": until.to_string() });
            let answer = self.post("/api/v1/gate/override", &given).await?;
            if answer.status == 200 {
                self.ledger.borrow_mut().overrides.answered(place);
            } else {
                assert_eq!(answer.status, 422, "it came too late: {answer:?}");
            }
            self.pause(Duration::from_millis(150)).await;
        }
        None
    }

    async fn acknowledge(&self) -> Option<()> {
        let found = self.get("/api/v1/findings?severity=critical").await?.json();
        for finding in found["findings"].as_array().expect("a list") {
            let text = |it: &Value| it.as_str().expect("text").to_owned();
            let (id, seen) = (text(&finding["id"]), text(&finding["last_seen"]));
            let id = FindingId(Digest256::parse(&id).expect("an id"));
            let seen: Timestamp = seen.parse().expect("a time");
            let name = format!("a{}", self.number());
            let until = clock::now().saturating_add(SignedDuration::from_hours(1)).expect("soon");
            let place = {
                let mut ledger = self.ledger.borrow_mut();
                ledger.acknowledgements.entry(id).or_default().attempt(name.clone(), seen)
            };
            let body = json!({ "reason": name, "until": until.to_string() });
            let answer = self.post(&format!("/api/v1/findings/{id}/acknowledge"), &body).await?;
            if answer.status == 200 {
                let mut ledger = self.ledger.borrow_mut();
                ledger.acknowledgements.entry(id).or_default().answered(place);
            } else {
                assert_eq!(answer.status, 409, "it was resolved since: {answer:?}");
            }
        }
        Some(())
    }

    /// Commands on the same machine, which write through the daemon's socket, or themselves once it is dead.
    async fn commands(&self) -> Option<()> {
        while self.alive() {
            let name = format!("e{}", self.number());
            let (value, arguments) = if self.chance(0.2) {
                (None, vec!["tenants", "remove", "initech"])
            } else {
                let add = vec!["tenants", "add", "initech", &*self.town.initech, "--name", &*name];
                (Some(name.clone()), add)
            };
            let place = self.ledger.borrow_mut().edits.attempt(value, Timestamp::MIN);
            if self.program.run(&arguments).await.code == Some(0) {
                self.ledger.borrow_mut().edits.answered(place);
            }
            let place = self.ledger.borrow_mut().changes.attempt(name.clone(), Timestamp::MIN);
            let accept = ["accept", "acme", "--reason", &*name, "--until", "2h"];
            if self.alive() && self.program.run(&accept).await.code == Some(0) {
                self.ledger.borrow_mut().changes.answered(place);
            }
            self.pause(Duration::from_millis(200)).await;
        }
        None
    }

    /// The configuration that makes the truth.
    async fn reloads(&self) -> Option<()> {
        while self.alive() {
            self.pause(Duration::from_millis(1_200)).await;
            if self.alive() {
                let truth = Truth::ALL[self.number() as usize % Truth::ALL.len()];
                self.timeline.borrow_mut().begin(truth, clock::now());
                self.program.configure(&self.town.configuration(truth));
                let before = self.daemon.messages().len();
                self.daemon.signal(Signal::HUP);
                while self.alive() {
                    let log = self.daemon.messages();
                    if log[before..].iter().any(|it| it == "the configuration was reloaded") {
                        self.timeline.borrow_mut().settle(clock::now());
                        break;
                    }
                    sleep(Duration::from_millis(5)).await;
                }
            }
        }
        None
    }

    /// Whoever looks at the fleet. The report is read first: what is told after it is of that scan, or of a later one.
    async fn looks(&self) -> Option<()> {
        while self.alive() {
            let latest = self.get("/api/v1/scans/latest").await?;
            if latest.status == 404 {
                self.never_green_before_a_scan().await?;
                continue;
            }
            let report = json::parse(&latest.body).expect("a whole report");
            judge(&report, &self.timeline.borrow());
            assert!(!report.partial, "{}", report.id);
            for place in ["/api/v1/gate", "/", "/badge.svg", "/api/v1/tenants"] {
                let answer = self.get(place).await?;
                let earned = self.timeline.borrow().earns_green(asked_at(&report.id), clock::now());
                let green = tells_green(place, &answer);
                assert!(earned || !green, "{place} after {}: {}", report.id, answer.body);
            }
            self.pause(Duration::from_millis(40)).await;
        }
        None
    }

    async fn never_green_before_a_scan(&self) -> Option<()> {
        for place in ["/api/v1/gate", "/", "/badge.svg"] {
            let answer = self.get(place).await?;
            // One may have ended meanwhile.
            let scanned = self.get("/api/v1/scans/latest").await?.status == 200;
            assert!(scanned || !tells_green(place, &answer), "{place}: {}", answer.body);
        }
        Some(())
    }
}

/// Whether this says that `acme` and `globex` live apart, or that all of the fleet do.
fn tells_green(place: &str, answer: &Answer) -> bool {
    match place {
        "/api/v1/gate" => {
            let told = answer.json();
            told["allow"] == true && told["override"].is_null()
        }
        "/" => answer.body.contains("class=\"hero m-isolated\""),
        "/badge.svg" => answer.body.contains(">Isolated<"),
        _ => answer.json()["tenants"].as_array().expect("a list").iter().any(|it| {
            matches!(it["id"].as_str(), Some("acme" | "globex")) && it["isolation"] == "isolated"
        }),
    }
}

/// When a scan was asked for: nothing that it says is older.
fn asked_at(scan: &str) -> Timestamp {
    let number = i64::from_str_radix(scan, 16).expect("a number");
    Timestamp::from_microsecond(number).expect("a time")
}

/// A report says of the two what was true at some moment while its scan ran.
fn judge(report: &Report, timeline: &Timeline) {
    let of = |id: &str| report.tenants.iter().find(|it| it.id.as_str() == id);
    let earned = timeline.earns_green(asked_at(&report.id), report.finished_at);
    let identity = |id: &str| {
        let fingerprint = of(id)?.targets.first()?.fingerprint.clone()?;
        fingerprint.system_identifier
    };
    let same = identity("acme").is_some() && identity("acme") == identity("globex");
    for id in ["acme", "globex"] {
        let green = of(id).is_some_and(|it| it.isolation == Verdict::Isolated);
        assert!(!green || earned, "{id} in {}: {:?}", report.id, of(id));
        assert!(!green || !same, "{id} shares a server in {}: {:?}", report.id, of(id));
    }
    assert!(report.verdict() != Verdict::Isolated || earned, "{}", report.id);
}

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
            dead: Cell::new(false),
        };
        let lived = async {
            tokio::join!(
                life.until_killed(up_to(LONGEST_LIFE, random)),
                life.scans(),
                life.words(),
                life.commands(),
                life.reloads(),
                life.looks(),
            )
        };
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
}

#[tokio::test]
async fn killed_at_any_moment_it_keeps_what_it_answered_and_tells_no_green_that_was_not_earned() {
    let rounds = Form::asked().of(25, 1_000);
    let seed = Seed::choose();
    let mut random = seed.random();
    let mut rehearsal = Rehearsal::found(Town::build().await).await;
    let (began, mut found) = (Instant::now(), Found::default());
    for round in 1..=rounds {
        rehearsal.round(&mut random).await;
        if round % ROUNDS_PER_STORE == 0 {
            rehearsal = rehearsal.again(&mut found).await;
            say(&format!("{round} ends in {:.0?}", began.elapsed()));
        }
    }
    let mut daemon = Running::start(&rehearsal.program).await;
    rehearsal.timeline.borrow_mut().settle(clock::now());
    rehearsal.check(&daemon).await;
    assert_eq!(daemon.stop().await, Some(0), "{:#?}", daemon.messages());
    found.add(&rehearsal.ledger.borrow().found);
    say(&format!("{rounds} ends in {:.0?}; found again: {found:?}", began.elapsed()));
    let Found { acknowledgements, changes, overrides, edits, reports } = found;
    let sorts = [acknowledgements, changes, overrides, edits, reports];
    assert!(sorts.iter().all(|it| 0 < *it), "nothing of a sort was put to the test: {sorts:?}");
}
