//! GitHub asks: may a deployment go ahead, and what a person said of an issue.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use watertight::clock;
use watertight::model::finding::FindingId;
use watertight::model::fingerprint::Digest256;
use watertight::model::issue::{Entry, Place, Standing, Subject};
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::fake_github::deployments::Review;
use crate::fake_github::faults::{Fault, On};
use crate::fake_github::persons::signature;
use crate::fake_github::{FakeGithub, REPOSITORY};
use crate::program::Program;
use crate::running::{Answer, LIMIT, Running};
use crate::{breached, finding, from_now, post, usual};

const SECRET: &str = "a-hooks-secret";

struct House {
    fake: FakeGithub,
    program: Program,
    daemon: Running,
}

impl House {
    /// A daemon that is an app's installation at a GitHub of its own.
    async fn new(rows: &str) -> Self {
        let fake = FakeGithub::start();
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        fake.world().add_app(7, "watertight", 9, &pair.public_key_pem());
        let program = Program::new("");
        let key = program.write("app.pem", &pair.serialize_pem());
        let github = format!(
            "[github]\nrepository = {REPOSITORY:?}\napi_url = {:?}\napp_id = 7\n\
             installation_id = 9\nprivate_key = {:?}\nwebhook_secret = {SECRET:?}\n",
            fake.base(),
            format!("file:{key}"),
        );
        program.configure(&(usual() + &github + rows));
        let daemon = Running::start(&program).await;
        Self { fake, program, daemon }
    }

    async fn deliver(&self, event: &str, body: &[u8], signed: &str) -> Answer {
        let url = format!("{}/webhooks/github", self.daemon.base);
        let request = self.daemon.http.post(url).header("content-type", "application/json");
        let request = request.header("x-github-event", event).header("x-github-delivery", "1");
        self.daemon.send(request.header("x-hub-signature-256", signed).body(body.to_vec())).await
    }

    /// As GitHub would.
    async fn tell(&self, event: &str, body: &Value) -> u16 {
        let body = body.to_string();
        self.deliver(event, body.as_bytes(), &signature(SECRET, body.as_bytes())).await.status
    }

    async fn ask(&self, environment: &str) -> u64 {
        let run = self.fake.world().start_deployment(REPOSITORY, environment);
        let event = self.fake.world().rule_event(REPOSITORY, run);
        assert_eq!(self.tell("deployment_protection_rule", &event).await, 202);
        run
    }

    async fn review(&self, run: u64) -> Review {
        let until = Instant::now() + LIMIT;
        loop {
            let reviews = self.fake.world().repository(REPOSITORY).reviews.clone();
            if let Some(review) = reviews.into_iter().find(|it| it.run == run) {
                return review;
            }
            assert!(Instant::now() < until, "no review: {:#?}", self.daemon.messages());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_deployment_is_rejected_with_the_findings_and_approved_on_a_persons_word() {
    let house = House::new(&breached()).await;
    let run = house.ask("production").await;
    let review = house.review(run).await;
    assert_eq!(review.state.as_deref(), Some("rejected"));
    assert!(review.comment.contains("critical shared_project: acme, globex"), "{}", review.comment);
    assert_eq!((&*review.environment, &*review.by), ("production", "watertight[bot]"));

    let body = json!({ "reason": "the fix itself", "until": from_now(600) });
    post(&house.daemon, "/api/v1/gate/override", &body).await;
    let run = house.ask("production").await;
    let review = house.review(run).await;
    assert_eq!(review.state.as_deref(), Some("approved"), "{}", review.comment);
    assert!(house.fake.world().limits.breaches.is_empty());
}

#[tokio::test]
async fn an_environment_that_nobody_knows_is_rejected_by_its_name() {
    let house = House::new(&breached()).await;
    let run = house.ask("prod`@everybody`").await;
    let review = house.review(run).await;
    assert_eq!(review.state.as_deref(), Some("rejected"));
    assert!(review.comment.contains("production"), "{}", review.comment);
    assert_eq!(review.comment.matches('`').count() % 2, 0, "{}", review.comment);
}

#[tokio::test]
async fn a_repeated_body_and_one_of_another_repository_have_no_effect() {
    let house = House::new(&breached()).await;
    house.fake.world().add_repository("acme/other");
    let other = house.fake.world().start_deployment("acme/other", "production");
    let event = house.fake.world().rule_event("acme/other", other);
    assert_eq!(house.tell("deployment_protection_rule", &event).await, 202);
    let run = house.fake.world().start_deployment(REPOSITORY, "production");
    let event = house.fake.world().rule_event(REPOSITORY, run);
    assert_eq!(house.tell("deployment_protection_rule", &event).await, 202);
    house.review(run).await;
    // Waits again, as after a person has run the job anew: only a new delivery is a new question.
    house.fake.world().repository(REPOSITORY).runs[0].waits = true;
    assert_eq!(house.tell("deployment_protection_rule", &event).await, 202);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(house.fake.world().repository(REPOSITORY).reviews.len(), 1);
    assert!(house.fake.world().repository("acme/other").reviews.is_empty());
}

#[tokio::test]
async fn nothing_that_is_not_signed_or_too_large_is_read() {
    let house = House::new("").await;
    let body = br#"{"action":"requested"}"#;
    let rule = "deployment_protection_rule";
    let signed = signature(SECRET, body);
    assert_eq!(house.deliver(rule, body, "").await.status, 401);
    assert_eq!(house.deliver(rule, body, &signature("wrong", body)).await.status, 401);
    assert_eq!(house.deliver(rule, b"{}", &signed).await.status, 401);
    assert_eq!(house.deliver(rule, body, &signed).await.status, 422);
    assert_eq!(house.deliver("ping", body, &signed).await.status, 204);
    assert_eq!(house.deliver(rule, b"{", &signature(SECRET, b"{")).await.status, 400);
    // By its length alone: whoever sends it all finds the connection closed.
    let address = house.daemon.base.strip_prefix("http://").unwrap();
    let mut line = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /webhooks/github HTTP/1.1\r\nhost: localhost\r\nx-hub-signature-256: {signed}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        5 * 1024 * 1024 + 1
    );
    line.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    line.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let plain = house.daemon.http.post(format!("{}/webhooks/github", house.daemon.base));
    let plain = plain.header("x-hub-signature-256", &signed).body(body.to_vec());
    assert_eq!(house.daemon.send(plain).await.status, 415);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_second_review_and_a_question_outlives_the_daemon() {
    let mut house = House::new(&breached()).await;
    let review = On { method: "POST", path: "/deployment_protection_rule" };
    house.fake.world().faults.script(review, Fault::LostAfter, 1);
    let run = house.ask("production").await;
    house.review(run).await;
    house.daemon.logged("it does not wait any more").await;
    assert_eq!(house.fake.world().repository(REPOSITORY).reviews.len(), 1);
    // GitHub does not answer, and the daemon dies with the question.
    house.fake.world().faults.script(On { method: "GET", path: "/actions/runs" }, Fault::Hang, 1);
    let run = house.ask("production").await;
    house.daemon.signal(rustix::process::Signal::KILL);
    house.daemon.ended().await;
    house.daemon = Running::start(&house.program).await;
    assert_eq!(house.review(run).await.state.as_deref(), Some("rejected"));
}

#[tokio::test]
async fn a_word_on_an_issue_counts_only_from_a_person_who_may_write() {
    let house = House::new(&breached()).await;
    crate::scan(&house.daemon).await;
    let id = finding(&house.daemon, "shared_project", "acme").await;
    let number = house.fake.world().open_as("watertight[bot]", REPOSITORY, "t", "b");
    enter(&house.program, &id, number);
    house.fake.world().add_person("ada", "write");
    house.fake.world().add_person("eve", "read");
    let closed = |by: &str, reason: &str| {
        let mut world = house.fake.world();
        world.close_as(by, REPOSITORY, number, reason);
        world.issue_event(REPOSITORY, number, "closed", by)
    };
    let state = || async {
        let url = format!("{}/api/v1/findings/{id}", house.daemon.base);
        house.daemon.send(house.daemon.http.get(url).bearer_auth(crate::TOKEN)).await.json()
    };
    let until = Instant::now() + LIMIT;
    // Our own: a double is closed as a duplicate.
    let strangers = [("watertight[bot]", "duplicate"), ("eve", "not_planned")];
    for (counted, (by, reason)) in strangers.into_iter().enumerate() {
        let delivery = closed(by, reason);
        assert_eq!(house.tell("issues", &delivery).await, 202);
        let refused = |it: &&String| it.contains("a word on an issue does not count");
        while house.daemon.messages().iter().filter(refused).count() <= counted {
            assert!(Instant::now() < until, "{:#?}", house.daemon.messages());
            sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(state().await["state"], "open");
    // What GitHub calls a duplicate is no work either.
    let by_ada = closed("ada", "duplicate");
    assert_eq!(house.tell("issues", &by_ada).await, 202);
    while state().await["state"] != "acknowledged" {
        assert!(Instant::now() < until, "{:#?}", house.daemon.messages());
        sleep(Duration::from_millis(20)).await;
    }
    let said = state().await["acknowledgement"].clone();
    // Whoever looks first, the delivery or the look at the issue, knows who closed it.
    assert_eq!(said["by"], "ada at GitHub");
    let end: Timestamp = said["until"].as_str().unwrap().parse().unwrap();
    assert!(clock::now() < end);
}

/// Notes in the ledger that the issue is about the finding, as the daemon does when it files one.
fn enter(program: &Program, finding: &str, number: u64) {
    let store = Store::open(&StoreUrl::Sqlite(program.path("watertight.db")), None).unwrap();
    let finding = FindingId(Digest256::parse(finding).unwrap());
    let begun = Entry {
        issue: Some(Place { number, url: "https://github.com/acme/ops/issues/1".into() }),
        standing: Standing::Open,
        ..Entry::intended(Subject::Finding(finding), REPOSITORY, clock::now())
    };
    store.begin_issue(&begun).unwrap();
}
