//! One request to Supabase: paced, sent, received and judged.
//!
//! Why the library's own retries are off: it repeats what a server says that it did not begin, and a server that errs would
//! make two projects of one creation. A read is tried again here; a write never is.

use std::time::Duration;

use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::Supabase;
use super::answer::{self, Effect, Received, Trouble, unknown, unreachable};
use super::operation::Operation;
use super::options::PaceOptions;
use crate::body;
use crate::provider::{ProviderError, ProviderKind};
use crate::secret::Secret;

/// For connecting: a write that did not come so far was certainly not done.
const CONNECT: Duration = Duration::from_secs(10);

/// Times that a read is sent before it is given up.
const READS: u32 = 3;

/// Of an answer, in bytes. A page of a hundred projects, each with replicas, is a tenth of it.
const LARGEST: usize = 4 << 20;

const KIND: &str = ProviderKind::Supabase.label();

pub(super) fn client(pace: &PaceOptions) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT.min(pace.timeout))
        .timeout(pace.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("watertight/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Something that is read.
pub(super) struct Question<'a> {
    operation: Operation,
    subject: &'a str,
    path: &'a str,
    query: Vec<(&'static str, String)>,
}

impl<'a> Question<'a> {
    /// `subject` is the project or organisation whose budget it takes from.
    pub(super) fn of(operation: Operation, subject: &'a str, path: &'a str) -> Self {
        Self { operation, subject, path, query: Vec::new() }
    }

    pub(super) fn with(mut self, key: &'static str, value: &str) -> Self {
        self.query.push((key, value.to_owned()));
        self
    }
}

/// Something that is changed.
pub(super) struct Write<'a> {
    pub(super) operation: Operation,
    pub(super) subject: &'a str,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Option<serde_json::Value>,
    /// What of the body must not be told, should the answer repeat it.
    pub(super) hidden: Option<&'a Secret>,
}

impl Supabase {
    /// `None` where it is not there. Tried again where nobody answered or Supabase itself failed.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        question: Question<'_>,
    ) -> Result<Option<T>, ProviderError> {
        let operation = question.operation;
        let mut tries = 1;
        let body = loop {
            match self.asked(&question).await {
                Err(ProviderError::Unreachable { source, .. }) if tries < READS => {
                    tracing::debug!(operation = operation.label(), "ask Supabase again: {source}");
                    sleep(self.before_retry(tries)).await;
                    tries += 1;
                }
                asked => break asked?,
            }
        };
        let read = |body: Vec<u8>| {
            answer::json(&body).map_err(|told| answer::unreadable(operation, &told))
        };
        body.map(read).transpose()
    }

    async fn asked(&self, question: &Question<'_>) -> Result<Option<Vec<u8>>, ProviderError> {
        let Question { operation, subject, path, ref query } = *question;
        let token = self.token(operation)?;
        let url = self.url_to(operation, path, query)?;
        let request = self.http.get(url).bearer_auth(token.expose());
        self.send(operation, subject, request, Effect::Read, &[&token]).await
    }

    /// Once. `None` where what was to be changed is not there.
    pub(super) async fn write(&self, write: Write<'_>) -> Result<Option<Vec<u8>>, ProviderError> {
        let Write { operation, subject, method, path, body, hidden } = write;
        let token = self.token(operation)?;
        let url = self.url_to(operation, path, &[])?;
        let mut request = self.http.request(method, url).bearer_auth(token.expose());
        if let Some(body) = &body {
            request = request.json(body);
        }
        let hidden: Vec<&Secret> = hidden.into_iter().chain([&token]).collect();
        self.send(operation, subject, request, Effect::Write, &hidden).await
    }

    async fn send(
        &self,
        operation: Operation,
        subject: &str,
        request: reqwest::RequestBuilder,
        effect: Effect,
        hidden: &[&Secret],
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        let busy = |after| ProviderError::Busy { operation: operation.label(), after: Some(after) };
        self.budget.turn(operation, subject).await.map_err(busy)?;
        let heard = match request.header("accept", "application/json").send().await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                let body = body::whole(response, LARGEST).await;
                let received = Received { status, headers, body };
                self.heed(operation, subject, &received)
                    .map_or_else(|| received.judge(operation, effect, hidden), |it| Err(busy(it)))
            }
            Err(error) => Err(lost(operation, effect, error)),
        };
        self.metrics.provider_request(KIND, operation.label(), heard.is_ok());
        heard
    }

    /// What it says of its limits; for how long nothing is sent where this request was over one.
    fn heed(&self, operation: Operation, subject: &str, received: &Received) -> Option<Duration> {
        let remaining = received.remaining();
        if let Some(remaining) = remaining {
            self.metrics.provider_remaining(KIND, operation.label(), remaining);
        }
        let is_limit = received.is_limit();
        let wait = (is_limit || remaining == Some(0))
            .then(|| self.budget.hold(operation, subject, received.reset()))?;
        is_limit.then_some(wait)
    }

    fn token(&self, operation: Operation) -> Result<Secret, ProviderError> {
        let token = self.options.token.read();
        // Whoever rotates it may be half-way: the next request may find it whole.
        let token = token.map_err(|error| unreachable(operation, Trouble::Token(error)))?;
        if token.expose().bytes().all(|it| it.is_ascii_graphic()) {
            return Ok(token);
        }
        Err(unreachable(operation, Trouble::UnfitToken))
    }

    fn url_to(
        &self,
        operation: Operation,
        path: &str,
        query: &[(&'static str, String)],
    ) -> Result<Url, ProviderError> {
        let address = format!("{}{path}", self.options.api_url);
        let url = if query.is_empty() {
            Url::parse(&address)
        } else {
            Url::parse_with_params(&address, query)
        };
        url.map_err(|_| unreachable(operation, Trouble::NoAddress))
    }

    /// With jitter, so that two daemons do not meet again.
    fn before_retry(&self, tries: u32) -> Duration {
        let wait = self.options.pace.retry * 2_u32.saturating_pow(tries.saturating_sub(1).min(8));
        wait.mul_f64(rand::random_range(0.5..1.5))
    }
}

/// Without a connection nothing was sent; of everything later nobody knows.
fn lost(operation: Operation, effect: Effect, error: reqwest::Error) -> ProviderError {
    let was_sent = !error.is_connect() && !error.is_builder();
    let trouble = Trouble::Connection(error.without_url());
    if was_sent && effect == Effect::Write {
        unknown(operation, trouble)
    } else {
        unreachable(operation, trouble)
    }
}
