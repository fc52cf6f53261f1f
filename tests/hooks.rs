//! What the daemon tells outside of it: receivers of the operator's choice, and GitHub, which also asks.
//!
//! Why the whole program and real servers beside it: what counts is what arrives, once things have died in between.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]
#![expect(clippy::disallowed_methods, reason = "servers that end with their test's runtime")]

#[path = "hooks/checks.rs"]
mod checks;
#[path = "hooks/deliveries.rs"]
mod deliveries;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/fake_github.rs"]
mod fake_github;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/program.rs"]
mod program;
#[path = "hooks/receiver.rs"]
mod receiver;
#[path = "hooks/receivers.rs"]
mod receivers;
#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "support/running.rs"]
mod running;

use program::Program;
use running::Running;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use watertight::clock;

/// Of a token with the role operator.
const TOKEN: &str = "an-operators-token";

/// No scan but the first and those that are asked for, and one look is enough.
fn usual() -> String {
    let digest = Sha256::digest(TOKEN);
    let digest = digest.iter().fold(String::new(), |text, it| text + &format!("{it:02x}"));
    format!(
        "schedule.scan = \"0 0 0 1 1 *\"\npolicy.unhealthy_after = 1\nprobe.timeout = \"2s\"\n\
         [[http.tokens]]\nname = \"op\"\nrole = \"operator\"\nsha256 = \"{digest}\"\n"
    )
}

/// Nothing listens at its address: a finding of its own at the first look.
fn down(id: &str) -> String {
    let url = format!("postgres://app:secret-{id}@127.0.0.1:1/{id}?sslmode=disable");
    format!("[[tenants]]\nid = {id:?}\ndatabase_url = {url:?}\n")
}

/// Two tenants whose rows name one project: a breach, whether it can be reached or not.
fn breached() -> String {
    let row = |id: &str| {
        let host = "db.abcdefghijklmnopqrst.supabase.co";
        let rest = "?hostaddr=127.0.0.1&sslmode=disable";
        let url = format!("postgres://app:secret-{id}@{host}:1/{id}{rest}");
        format!("[[tenants]]\nid = {id:?}\ndatabase_url = {url:?}\n")
    };
    row("acme") + &row("globex")
}

async fn post(daemon: &Running, path: &str, body: &Value) -> Value {
    let request = daemon.http.post(format!("{}{path}", daemon.base)).bearer_auth(TOKEN).json(body);
    let answer = daemon.send(request).await;
    assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    serde_json::from_str(&answer.body).unwrap_or_default()
}

async fn scan(daemon: &Running) -> Value {
    post(daemon, "/api/v1/scans?wait=true", &json!({})).await
}

/// The id of the only finding of a kind about a tenant.
async fn finding(daemon: &Running, kind: &str, tenant: &str) -> String {
    let url = format!("{}/api/v1/findings?kind={kind}&tenant={tenant}", daemon.base);
    let answer = daemon.send(daemon.http.get(url).bearer_auth(TOKEN)).await.json();
    assert_eq!(answer["findings"].as_array().unwrap().len(), 1, "{answer}");
    answer["findings"][0]["id"].as_str().unwrap().to_owned()
}

/// A time so many seconds from now, as the API takes it.
fn from_now(seconds: i64) -> String {
    (clock::now() + jiff::SignedDuration::from_secs(seconds)).to_string()
}

/// Another configuration, taken up at once.
async fn reconfigure(daemon: &Running, program: &Program, configuration: &str) {
    program.configure(configuration);
    post(daemon, "/-/reload", &json!({})).await;
}
