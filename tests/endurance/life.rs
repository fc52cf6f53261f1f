//! What one life of the daemon is put through: scans, people, commands, reloads and looks, all at once until its end.
//!
//! Why every look is judged where it is made: what was told a moment before the end is as much a claim as what is told
//! after the next start.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use watertight::clock;
use watertight::model::finding::{FindingId, Verdict};
use watertight::model::fingerprint::Digest256;
use watertight::model::report::Report;
use watertight::report::json;

use crate::ledger::Ledger;
use crate::program::Program;
use crate::running::{Answer, LIMIT, Running};
use crate::town::{TOKEN, Town, up_to};
use crate::truth::{Timeline, Truth};

/// What one life of the daemon is put through.
pub(crate) struct Life<'a> {
    pub(crate) town: &'a Town,
    pub(crate) program: &'a Program,
    pub(crate) daemon: &'a Running,
    pub(crate) ledger: &'a RefCell<Ledger>,
    pub(crate) timeline: &'a RefCell<Timeline>,
    pub(crate) random: RefCell<StdRng>,
    /// Whether the truth changes. Where it never did, no word about a finding could be held against the store.
    pub(crate) moves: bool,
    pub(crate) dead: Cell<bool>,
}

impl Life<'_> {
    /// Ends when everybody has heard of the end.
    pub(crate) async fn lived(&self, longest: Duration) {
        tokio::join!(
            self.until_killed(longest),
            self.scans(),
            self.words(),
            self.commands(),
            self.reloads(),
            self.looks(),
        );
    }

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
        while self.moves && self.alive() {
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
pub(crate) fn judge(report: &Report, timeline: &Timeline) {
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
