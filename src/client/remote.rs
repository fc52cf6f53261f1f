//! A daemon that may stand anywhere: whether it is ready, and whether it lets a deployment through.
//!
//! Why bounded in every way: a pipeline that hangs is a pipeline that nobody trusts, and whatever answers at an address
//! need not be the daemon.
//!
//! Invariants:
//! - a token goes to the address that was named and is told to nobody else: no redirect is followed;
//! - no answer is taken for permission but the one that says so.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;

use crate::body;
use crate::report::gate::DecisionView;
use crate::secret::Secret;

/// For connecting, and for one answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);

/// Tries, and the pauses between them: a daemon that restarts is back within them.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

/// Of an answer, in bytes: a decision names at most a hundred findings.
const LARGEST: usize = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
#[error("set up a client")]
pub struct SetupError(#[from] reqwest::Error);

/// What came of asking the gate.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The daemon's decision: allowed, forbidden or unknown.
    Decided(Box<DecisionView>),
    /// The question was wrong, or the token: asking again would change nothing.
    Refused(String),
    /// No decision came. Unknown is no permission.
    NoAnswer(String),
}

/// Asks until there is an answer, and then no more.
pub async fn gate(
    url: &str,
    environment: Option<&str>,
    token: Option<&Secret>,
) -> Result<Asked, SetupError> {
    let client = client(Certificates::Verified)?;
    let mut asked = once(&client, url, environment, token).await;
    for pause in PAUSES {
        if !matches!(asked, Asked::NoAnswer(_)) {
            break;
        }
        tokio::time::sleep(pause).await;
        asked = once(&client, url, environment, token).await;
    }
    Ok(asked)
}

async fn once(
    client: &Client,
    url: &str,
    environment: Option<&str>,
    token: Option<&Secret>,
) -> Asked {
    let query: Vec<(&str, &str)> = environment.map(|it| ("environment", it)).into_iter().collect();
    let address = match reqwest::Url::parse_with_params(&at(url, "/api/v1/gate"), query) {
        Ok(address) => address,
        Err(error) => return Asked::Refused(format!("--url: {error}")),
    };
    let request = client.get(address).header("accept", "application/json");
    let request = match token {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    };
    match request.send().await {
        Ok(response) => decision(response).await,
        Err(error) => Asked::NoAnswer(chain(&error)),
    }
}

async fn decision(response: Response) -> Asked {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Problem {
        title: String,
        detail: String,
    }
    let status = response.status();
    let body = match body::whole(response, LARGEST).await {
        Ok(body) => body,
        Err(error) => return Asked::NoAnswer(chain(&error)),
    };
    // The status and the document must say the same: something in between may answer for the daemon.
    if let Ok(decision) = serde_json::from_slice::<DecisionView>(&body) {
        let allows = status == StatusCode::OK;
        if allows == decision.allow {
            return Asked::Decided(Box::new(decision));
        }
        return Asked::NoAnswer(format!("the answer's status {status} contradicts its document"));
    }
    let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
    let told = format!("{status}: {}: {}", problem.title, problem.detail);
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Asked::NoAnswer(told),
        status if status.is_client_error() => Asked::Refused(told),
        status => Asked::NoAnswer(format!("{status}, and no decision: is it a watertight daemon?")),
    }
}

/// What a daemon that is not ready says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Down {
    errors: Vec<String>,
}

/// Whether the daemon says that it is ready; if not, why.
pub async fn ready(url: &str) -> Result<Result<(), String>, SetupError> {
    // It is asked on its own machine, by an address that no certificate names, and nothing is sent.
    let client = client(Certificates::Any)?;
    let response = match client.get(at(url, "/-/ready")).send().await {
        Ok(response) => response,
        Err(error) => return Ok(Err(chain(&error))),
    };
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(Ok(()));
    }
    let body = body::whole(response, LARGEST).await.unwrap_or_default();
    let down: Down = serde_json::from_slice(&body).unwrap_or_default();
    if down.errors.is_empty() {
        return Ok(Err(format!("it answers {status}")));
    }
    Ok(Err(format!("not up: {}", down.errors.join(", "))))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certificates {
    Verified,
    Any,
}

fn client(certificates: Certificates) -> reqwest::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(reqwest::redirect::Policy::none())
        .danger_accept_invalid_certs(certificates == Certificates::Any)
        .build()
}

fn at(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}

/// With its causes: the first sentence of a failed request never says why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        text.push_str(&format!(": {it}"));
        cause = it.source();
    }
    text
}
