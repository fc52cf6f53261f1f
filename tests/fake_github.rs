//! The fake GitHub that our rehearsals lean on: what GitHub does and we once did not expect, it does too.
//!
//! Why it has tests of its own: a rehearsal against a fake that forgives proves nothing, and nobody would notice.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[expect(dead_code, reason = "the rehearsals use the rest")]
#[path = "support/fake_github.rs"]
mod fake_github;
#[path = "support/prism.rs"]
mod prism;

use std::sync::Arc;
use std::time::Duration;

use fake_github::faults::{ANY, Fault, On};
use fake_github::limits::Rules;
use fake_github::{FakeGithub, REPOSITORY, TOKEN, TOKEN_LOGIN};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use prism::Prism;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::time::timeout;
use watertight::clock;
use watertight::github::credentials::Credentials;
use watertight::github::operation::Operation;
use watertight::github::pace::PaceOptions;
use watertight::github::{Client, ClientOptions};
use watertight::metrics::Metrics;
use watertight::secret::{Secret, SecretRef};

const LIMIT: Duration = Duration::from_secs(20);

struct Caller {
    http: reqwest::Client,
    base: String,
    token: String,
}

struct Heard {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Caller {
    fn of(fake: &FakeGithub) -> Self {
        Self::with(fake, TOKEN)
    }

    fn with(fake: &FakeGithub, token: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.user_agent("test").no_proxy().build().unwrap();
        Self { http, base: fake.base().to_owned(), token: token.to_owned() }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Result<Heard, reqwest::Error> {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.into() };
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = timeout(LIMIT, request.send()).await.expect("an answer in time")?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Heard { status, headers, body })
    }

    async fn get(&self, path: &str) -> Heard {
        self.ask("GET", path, Value::Null).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Heard {
        self.ask("POST", path, body).await.unwrap()
    }

    async fn open(&self, title: &str) -> Heard {
        self.post("/repos/acme/ops/issues", json!({ "title": title, "body": "b" })).await
    }
}

#[tokio::test]
async fn an_issue_lives_from_its_opening_to_its_close() {
    let fake = FakeGithub::start();
    let caller = Caller::of(&fake);
    let opened = json!({ "title": "t", "body": "b", "labels": ["critical"] });
    let heard = caller.post("/repos/acme/ops/issues", opened).await;
    assert_eq!((heard.status, &heard.body["number"]), (201, &json!(1)));
    assert_eq!(heard.body["user"]["login"], TOKEN_LOGIN);
    assert_eq!(heard.body["labels"][0]["name"], "critical");
    let said = caller.post("/repos/acme/ops/issues/1/comments", json!({ "body": "news" })).await;
    assert_eq!(said.status, 201);
    let close = json!({ "state": "closed", "state_reason": "completed" });
    let closed = caller.ask("PATCH", "/repos/acme/ops/issues/1", close).await.unwrap();
    assert_eq!((closed.status, &closed.body["state"]), (200, &json!("closed")));
    assert_eq!(caller.get("/repos/acme/ops/issues").await.body, json!([]));
    let all = caller.get("/repos/acme/ops/issues?state=all&labels=critical").await;
    assert_eq!(all.body[0]["state_reason"], "completed");
    assert!(fake.world().open_issues(REPOSITORY).is_empty());
    assert_eq!(fake.world().writes(), 3);
}

#[tokio::test]
async fn a_list_comes_in_pages_that_lead_to_each_other_and_holds_what_persons_wrote() {
    let fake = FakeGithub::start();
    for number in 0..5 {
        fake.world().open_as("a-person", REPOSITORY, &format!("n{number}"), "<!-- ours? -->");
    }
    fake.world().forget_author(REPOSITORY, 3);
    let caller = Caller::of(&fake);
    let mut next = Some("/repos/acme/ops/issues?state=all&per_page=2".to_owned());
    let mut titles = Vec::new();
    while let Some(path) = next {
        let page = caller.get(&path).await;
        for issue in page.body.as_array().unwrap() {
            titles.push(format!("{} {}", issue["title"], issue["user"]["login"]));
        }
        let links = page.headers.get("link").map(|it| it.to_str().unwrap().to_owned());
        next = links.and_then(|it| {
            let link = it.split(", ").find(|it| it.ends_with("rel=\"next\""))?.to_owned();
            Some(link.split(['<', '>']).nth(1)?.to_owned())
        });
    }
    let person = r#""a-person""#;
    let expected = ["n4", "n3", "n2", "n1", "n0"]
        .map(|it| format!("\"{it}\" {}", if it == "n2" { "null" } else { person }));
    assert_eq!(titles, expected);
}

#[tokio::test]
async fn a_list_may_lag_behind_what_is_there_and_an_issue_by_its_number_does_not() {
    let fake = FakeGithub::start();
    fake.world().lag.hides = Duration::from_hours(1);
    let caller = Caller::of(&fake);
    caller.open("young").await;
    assert_eq!(caller.get("/repos/acme/ops/issues").await.body, json!([]));
    assert_eq!(caller.get("/repos/acme/ops/issues/1").await.status, 200);
}

#[tokio::test]
async fn what_is_too_long_is_refused_in_githubs_words() {
    let fake = FakeGithub::start();
    let caller = Caller::of(&fake);
    let long = json!({ "title": "t", "body": "x".repeat(65_537) });
    let heard = caller.post("/repos/acme/ops/issues", long).await;
    assert_eq!(heard.status, 422);
    let message = "body is too long (maximum is 65536 characters)";
    assert_eq!(heard.body["errors"][0]["message"], message);
    let taken = json!({ "name": "critical", "color": "d73a4a" });
    assert_eq!(caller.post("/repos/acme/ops/labels", taken.clone()).await.status, 201);
    let again = caller.post("/repos/acme/ops/labels", taken).await;
    assert_eq!((again.status, &again.body["errors"][0]["code"]), (422, &json!("already_exists")));
}

#[tokio::test]
async fn what_persons_did_to_an_issue_is_found_at_the_next_request() {
    let fake = FakeGithub::start();
    fake.world().add_repository("acme/elsewhere");
    let caller = Caller::of(&fake);
    for title in ["deleted", "moved", "locked"] {
        caller.open(title).await;
    }
    fake.world().delete_as(REPOSITORY, 1);
    fake.world().transfer_as(REPOSITORY, 2, "acme/elsewhere");
    fake.world().lock_as(REPOSITORY, 3);
    assert_eq!(caller.get("/repos/acme/ops/issues/1").await.status, 410);
    let moved = caller.get("/repos/acme/ops/issues/2").await;
    assert_eq!(moved.status, 301);
    assert!(moved.headers["location"].to_str().unwrap().ends_with("/issues/1"));
    let comment = caller.post("/repos/acme/ops/issues/3/comments", json!({ "body": "b" })).await;
    assert_eq!(comment.status, 403);
    fake.world().repository(REPOSITORY).has_issues = false;
    assert_eq!(caller.get("/repos/acme/ops/issues/3").await.status, 410);
    assert_eq!(caller.get("/repos/acme/none").await.status, 404);
    let stranger = Caller::with(&fake, "wrong");
    assert_eq!(stranger.get("/repos/acme/ops").await.status, 401);
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_its_effect() {
    let fake = FakeGithub::start();
    let caller = Caller::of(&fake);
    let create = On { method: "POST", path: "/issues" };
    fake.world().faults.script(create, Fault::LostBefore, 1);
    let open = || caller.ask("POST", "/repos/acme/ops/issues", json!({ "title": "t" }));
    assert!(open().await.is_err());
    assert_eq!(fake.world().open_issues(REPOSITORY).len(), 0);
    fake.world().faults.script(create, Fault::LostAfter, 1);
    assert!(open().await.is_err());
    assert_eq!(fake.world().open_issues(REPOSITORY).len(), 1);
    fake.world().faults.script(create, Fault::ErrorAfter(502), 1);
    assert_eq!(open().await.unwrap().status, 502);
    assert_eq!(fake.world().open_issues(REPOSITORY).len(), 2);
    fake.world().faults.script(create, Fault::Truncated, 1);
    assert!(open().await.unwrap().body.is_string());
    assert_eq!(fake.world().open_issues(REPOSITORY).len(), 3);
}

#[tokio::test]
async fn whoever_creates_too_much_is_stopped_and_whoever_does_not_wait_is_noted() {
    let fake = FakeGithub::start();
    let caller = Caller::of(&fake);
    for _ in 0..80 {
        assert_eq!(caller.open("t").await.status, 201);
    }
    assert!(fake.world().limits.breaches.is_empty());
    let stopped = caller.open("t").await;
    assert_eq!((stopped.status, stopped.headers["retry-after"].to_str().unwrap()), (403, "60"));
    assert_eq!(caller.get("/repos/acme/ops").await.status, 403);
    let expected =
        ["81 creations in a minute", "GET /repos/acme/ops came while we were told to wait"];
    assert_eq!(fake.world().limits.breaches, expected);
    assert_eq!(fake.world().open_issues(REPOSITORY).len(), 80);
}

#[tokio::test]
async fn windows_shrink_by_the_scale_and_waits_are_told_in_githubs_seconds() {
    let fake = FakeGithub::start();
    fake.world().limits.rules = Rules { scale: 0.001, primary: 5_000 };
    let caller = Caller::of(&fake);
    let refused = Fault::Refused { status: 429, retry_after: Some(30) };
    fake.world().faults.script(ANY, refused, 1);
    let heard = caller.get("/repos/acme/ops").await;
    assert_eq!((heard.status, heard.headers["retry-after"].to_str().unwrap()), (429, "30"));
    tokio::time::sleep(Duration::from_millis(31)).await;
    assert_eq!(caller.get("/repos/acme/ops").await.status, 200);
    assert!(fake.world().limits.breaches.is_empty());
}

#[tokio::test]
async fn an_app_speaks_by_its_key_and_its_installation_alone_may_review_a_deployment() {
    let fake = FakeGithub::start();
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    fake.world().add_app(7, "watertight", 9, &pair.public_key_pem());
    let run = fake.world().start_deployment(REPOSITORY, "production");
    let now = clock::now().as_second();
    let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
    let assertion = |exp: i64| {
        let claims = json!({ "iss": "7", "iat": now - 60, "exp": exp });
        encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
    };
    let long = Caller::with(&fake, &assertion(now + 3_600));
    assert_eq!(long.get("/app").await.status, 401);
    let app = Caller::with(&fake, &assertion(now + 300));
    assert_eq!(app.get("/app").await.body["slug"], "watertight");
    let given = app.post("/app/installations/9/access_tokens", json!({})).await;
    let token = given.body["token"].as_str().unwrap().to_owned();
    let path = format!("/repos/acme/ops/actions/runs/{run}/deployment_protection_rule");
    let review = json!({ "environment_name": "production", "state": "approved", "comment": "ok" });
    assert_eq!(Caller::of(&fake).post(&path, review.clone()).await.status, 403);
    let installation = Caller::with(&fake, &token);
    let waiting = format!("/repos/acme/ops/actions/runs/{run}/pending_deployments");
    let pending = installation.get(&waiting).await;
    assert_eq!(pending.body[0]["environment"]["name"], "production");
    assert_eq!(installation.post(&path, review.clone()).await.status, 204);
    assert_eq!(installation.post(&path, review).await.status, 422);
    assert_eq!(installation.get(&waiting).await.body, json!([]));
    fake.world().identities.forget_installations();
    assert_eq!(installation.get("/repos/acme/ops").await.status, 401);
}

#[tokio::test]
async fn a_status_belongs_to_a_commit_and_is_refused_after_a_thousand() {
    let fake = FakeGithub::start();
    let caller = Caller::of(&fake);
    let head = fake.world().repository(REPOSITORY).head.clone();
    let status = json!({ "state": "success", "context": "watertight/isolation" });
    let path = format!("/repos/acme/ops/statuses/{head}");
    assert_eq!(caller.post(&path, status.clone()).await.status, 201);
    let combined = caller.get("/repos/acme/ops/commits/main/status").await;
    assert_eq!((&combined.body["sha"], &combined.body["state"]), (&json!(head), &json!("success")));
    {
        let mut world = fake.world();
        let statuses = &mut world.repository(REPOSITORY).statuses;
        *statuses = vec![statuses[0].clone(); 1_000];
    }
    assert_eq!(caller.post(&path, status).await.status, 422);
    assert_eq!(caller.post("/repos/acme/ops/check-runs", json!({ "name": "n" })).await.status, 403);
}

/// The client's whole life through GitHub's own document: what either side says is held to it.
#[tokio::test]
async fn client_and_fake_say_nothing_that_githubs_document_does_not_allow() {
    let fake = FakeGithub::start();
    let Some(prism) = Prism::before(fake.base(), "github.trimmed.openapi.json").await else {
        return;
    };
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    fake.world().add_app(7, "watertight", 9, &pair.public_key_pem());
    let run = fake.world().start_deployment(REPOSITORY, "production");
    let key = SecretRef::Inline(Secret::new(pair.serialize_pem()));
    let options = ClientOptions {
        api_url: prism.base.as_str().into(),
        credentials: Credentials::App { app_id: 7, installation_id: 9, key },
        pace: PaceOptions::default().scaled(0.01),
    };
    let client = Client::new(options, Arc::new(Metrics::default()));
    let home = format!("/repos/{REPOSITORY}");
    let head = fake.world().repository(REPOSITORY).head.clone();
    let label = json!({ "name": "severity:critical", "color": "b60205", "description": "d" });
    let posts = [
        (Operation::CreateLabel, format!("{home}/labels"), label),
        (
            Operation::CreateIssue,
            format!("{home}/issues"),
            json!({ "title": "t", "body": "b", "labels": ["severity:critical"] }),
        ),
        (Operation::CreateComment, format!("{home}/issues/1/comments"), json!({ "body": "c" })),
        (
            Operation::CreateStatus,
            format!("{home}/statuses/{head}"),
            json!({ "state": "error", "context": "watertight/isolation", "description": "d" }),
        ),
        (
            Operation::CreateCheckRun,
            format!("{home}/check-runs"),
            json!({
                "name": "watertight/isolation", "head_sha": head, "status": "completed",
                "conclusion": "action_required", "output": { "title": "t", "summary": "s" },
            }),
        ),
        (
            Operation::ReviewDeployment,
            format!("{home}/actions/runs/{run}/deployment_protection_rule"),
            json!({ "environment_name": "production", "state": "rejected", "comment": "c" }),
        ),
    ];
    for (operation, route, body) in posts {
        let told = client.tell(operation, &route, &body).await;
        told.unwrap_or_else(|error| panic!("{route}: {error:?}"));
    }
    let close = json!({ "state": "closed", "state_reason": "completed" });
    let route = format!("{home}/issues/1");
    client.patch::<Value>(Operation::UpdateIssue, &route, &close).await.unwrap();
    for route in [
        String::new(),
        "/issues/1".to_owned(),
        "/issues?state=all&labels=severity:critical&per_page=100".to_owned(),
        "/issues/1/comments".to_owned(),
        "/labels".to_owned(),
        "/commits/main/status?per_page=100".to_owned(),
        format!("/commits/{head}/check-runs?check_name=watertight/isolation&filter=latest"),
        format!("/actions/runs/{run}/pending_deployments"),
        "/deployments".to_owned(),
    ] {
        let read = client.get::<Value>(Operation::GetIssue, &format!("{home}{route}")).await;
        read.unwrap_or_else(|error| panic!("{route}: {error:?}"));
    }
    // It refuses indeed.
    let wrong = json!({ "environment_name": "production", "state": "maybe", "comment": "c" });
    let route = format!("{home}/actions/runs/{run}/deployment_protection_rule");
    assert!(client.tell(Operation::ReviewDeployment, &route, &wrong).await.is_err());
    let refused = client.tell(Operation::CreateIssue, &format!("{home}/issues"), &json!({})).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(fake.world().open_issues(REPOSITORY).len(), 0, "it did not come through");
    let given = fake.world().identities.app.as_ref().unwrap().given;
    assert_eq!(given, 1, "a token holds for an hour");
}
