//! What is asked of GitHub and told to it: one client for issues, statuses and reviews, over octocrab.
//!
//! Why octocrab's own retries are off: they repeat a write whose answer was lost, and a lost answer is no lost write. Three
//! issues for one finding are the result. Here reads are tried again, and a write whose end nobody knows is told as
//! `GitHubError::Ambiguous`: whoever wrote has to look before writing again.
//!
//! Why routes are relative: an app's credentials are only sent along with those, and an address that an answer names must
//! never receive them.
//!
//! Invariants:
//! - one write at a time, and never more than GitHub publishes as its limits: see `pace`;
//! - while GitHub has told us to wait, nothing is sent;
//! - every answer is bounded in time and bytes, and no error repeats a secret;
//! - a credential is read anew when it changes, so that a rotated one needs no restart.

mod answer;
pub mod credentials;
pub mod error;
mod following;
pub mod identity;
pub mod operation;
pub mod pace;
mod permission;

use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request};
use jiff::Timestamp;
use octocrab::Octocrab;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use self::answer::Answer;
use self::credentials::{Access, Credentials};
use self::error::{GitHubError, Trouble};
use self::operation::Operation;
use self::pace::{Pace, PaceOptions, Write};
use crate::metrics::Metrics;

/// Times that a read is sent before it is given up.
const READS: u32 = 3;

/// Pages of one list. A list that is cut short would prove the absence of what stands behind the cut.
const PAGES: usize = 200;

#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// `https://api.github.com`, or that of an Enterprise Server with its path.
    pub api_url: Box<str>,
    pub credentials: Credentials,
    pub pace: PaceOptions,
}

pub struct Client {
    options: ClientOptions,
    pace: Pace,
    /// Built from the credentials as they were read last.
    access: Mutex<Option<Arc<Access>>>,
    metrics: Arc<Metrics>,
}

impl Client {
    pub fn new(options: ClientOptions, metrics: Arc<Metrics>) -> Self {
        let pace = Pace::new(options.pace);
        metrics.github_operations(&Operation::ALL.map(Operation::label));
        Self { options, pace, access: Mutex::default(), metrics }
    }

    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Reads one thing. `route` begins with a slash.
    pub async fn get<T: DeserializeOwned>(
        &self,
        operation: Operation,
        route: &str,
    ) -> Result<T, GitHubError> {
        self.read(operation, route).await?.json().map_err(GitHubError::unreachable)
    }

    /// Reads a list to its end.
    pub async fn list<T: DeserializeOwned>(
        &self,
        operation: Operation,
        route: &str,
    ) -> Result<Vec<T>, GitHubError> {
        let mut found = Vec::new();
        let mut next = Some(route.to_owned());
        for _ in 0..PAGES {
            let Some(route) = next else { return Ok(found) };
            let answer = self.read(operation, &route).await?;
            next = following::page(answer.headers(), &self.options.api_url);
            found.extend(answer.json::<Vec<T>>().map_err(GitHubError::unreachable)?);
        }
        if next.is_some() { Err(GitHubError::unreachable(Trouble::Endless)) } else { Ok(found) }
    }

    /// Creates something, and reads what GitHub made of it.
    pub async fn post<T: DeserializeOwned>(
        &self,
        operation: Operation,
        route: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, GitHubError> {
        let answer = self.write(operation, Method::POST, route, body).await?;
        answer.json().map_err(GitHubError::ambiguous)
    }

    /// Changes something, and reads what it is then.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        operation: Operation,
        route: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, GitHubError> {
        let answer = self.write(operation, Method::PATCH, route, body).await?;
        answer.json().map_err(GitHubError::ambiguous)
    }

    /// As `post`, where the answer says nothing that matters, or has no body at all.
    pub async fn tell(
        &self,
        operation: Operation,
        route: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<(), GitHubError> {
        self.write(operation, Method::POST, route, body).await.map(drop)
    }

    async fn read(&self, operation: Operation, route: &str) -> Result<Answer, GitHubError> {
        let mut tries = 1;
        loop {
            let access = self.access()?;
            let sent = self.send(operation, &access.crab, Method::GET, route, String::new()).await;
            match sent {
                Err(GitHubError::Ambiguous { source }) if tries < READS => {
                    tracing::debug!("read from GitHub again: {source}");
                    sleep(self.pace.before_retry(tries)).await;
                    tries += 1;
                }
                // Of a read, nothing is in doubt.
                Err(GitHubError::Ambiguous { source }) => {
                    return Err(GitHubError::unreachable(source));
                }
                sent => return sent,
            }
        }
    }

    async fn write(
        &self,
        operation: Operation,
        method: Method,
        route: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, GitHubError> {
        let body = serde_json::to_string(body)
            .map_err(|source| GitHubError::unreachable(Trouble::NotJson { source }))?;
        // Not a clone of its client: that would not know the installation's token, and ask for one with each request.
        let access = self.access()?;
        let kind = if operation.creates_content() { Write::Content } else { Write::Other };
        // Held until the answer is there.
        let mut turn = self.pace.turn(kind).await?;
        let sent = self.send(operation, &access.crab, method, route, body).await;
        turn.done();
        sent
    }

    /// One request, counted and judged. What is in doubt is told as ambiguous.
    async fn send(
        &self,
        operation: Operation,
        crab: &Octocrab,
        method: Method,
        route: &str,
        body: String,
    ) -> Result<Answer, GitHubError> {
        self.pace.open()?;
        let began = Instant::now();
        let limit = self.options.pace.timeout;
        let request = request(method, route, body)?;
        let sent = match timeout(limit, answer::receive(crab, request)).await {
            Ok(sent) => sent,
            Err(_elapsed) => Err(GitHubError::ambiguous(Trouble::TimedOut { limit })),
        };
        let sent = sent.and_then(|it| self.judge(it));
        self.metrics.github_request(operation.label(), began.elapsed(), sent.is_ok());
        sent
    }

    fn judge(&self, answer: Answer) -> Result<Answer, GitHubError> {
        let now = crate::clock::now();
        if let Some(budget) = answer.budget() {
            self.metrics.github_budget(
                budget.resource,
                budget.limit,
                budget.remaining,
                budget.reset,
            );
        }
        match answer.judge(now) {
            Ok(answer) => {
                self.pace.went_well();
                self.metrics.github_succeeded(now);
                Ok(answer)
            }
            Err(GitHubError::Limited { until }) => {
                Err(GitHubError::Limited { until: self.pace.hold_back(until, now) })
            }
            Err(error) => Err(error),
        }
    }

    /// The credentials as they are now. A client is built when they change and not for each request: it holds
    /// connections and an installation's token.
    fn access(&self) -> Result<Arc<Access>, GitHubError> {
        let read = self.options.credentials.read()?;
        let mut access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = access.as_ref().filter(|it| it.is_of(&read)) {
            return Ok(Arc::clone(known));
        }
        let built = Access::build(&self.options, read)?;
        Ok(Arc::clone(access.insert(Arc::new(built))))
    }

    /// What an earlier process remembers: until when it was told to wait, and when it wrote content lately.
    pub async fn recall(&self, held_until: Option<Timestamp>, written: &[Timestamp]) {
        self.pace.recall(held_until, written).await;
    }
}

const VERSION: &str = "2022-11-28";

fn request(method: Method, route: &str, body: String) -> Result<Request<String>, GitHubError> {
    Request::builder()
        .method(method)
        .uri(route)
        .header("accept", "application/vnd.github+json")
        .header("content-type", "application/json")
        .header("x-github-api-version", VERSION)
        .body(body)
        .map_err(|source| GitHubError::unreachable(Trouble::NoRoute { source }))
}
