//! Sends one receiver its events, one after the other.
//!
//! Why an event that is refused waits behind the others of its receiver, but before those of its finding: an order that
//! matters is that of one finding, and a ticket system that rejects one text should still get the rest.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Receiver, pace, signature};
use crate::clock;
use crate::daemon::Daemon;
use crate::store::events::QueuedEvent;

/// For connecting, and for the whole of one try.
const CONNECT: Duration = Duration::from_secs(5);
const TRY: Duration = Duration::from_secs(10);

/// An event that no try has delivered by then is given up: nobody acts on it any more, and those behind it wait.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where the store cannot be read.
const STORE_AGAIN: Duration = Duration::from_secs(10);

/// Without news, how often the queue is looked at all the same.
const IDLE: Duration = Duration::from_mins(1);

pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(TRY)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("watertight/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("set up a client for webhooks")
}

pub(super) struct Sender {
    pub(super) daemon: Arc<Daemon>,
    pub(super) http: reqwest::Client,
    pub(super) receiver: Receiver,
    /// Told when something was queued.
    pub(super) waker: Arc<Notify>,
}

/// Why a try failed. Its words never hold the address.
struct Failure {
    why: String,
    /// As the receiver asks for it.
    wait: Option<Duration>,
    is_gone: bool,
}

impl Sender {
    pub(super) async fn send_until(&self, stop: &CancellationToken) {
        let mut failures = 0;
        loop {
            let pause = tokio::select! {
                () = stop.cancelled() => return,
                pause = self.step(&mut failures) => pause,
            };
            match pause {
                Pause::None => (),
                Pause::For(wait) => tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(wait) => (),
                },
                Pause::ForNews(wait) => tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.waker.notified() => (),
                    () = tokio::time::sleep(wait) => (),
                },
            }
        }
    }

    /// Sends one event, if one is due.
    async fn step(&self, failures: &mut u32) -> Pause {
        let event = match self.due().await {
            Ok(Due::Now(event)) => event,
            Ok(Due::At(wait)) => return Pause::ForNews(wait),
            Err(error) => {
                tracing::error!(receiver = &*self.receiver.name, "{error:#}");
                return Pause::For(STORE_AGAIN);
            }
        };
        let kept = match self.send(&event).await {
            Ok(()) => {
                *failures = 0;
                tracing::debug!(receiver = &*self.receiver.name, event = &*event.id, "delivered");
                self.end(&event).await.map(|()| Pause::None)
            }
            Err(failure) => {
                *failures = failures.saturating_add(1);
                self.failed(&event, &failure, *failures).await
            }
        };
        kept.unwrap_or_else(|error| {
            // The same event comes again, with the same id.
            tracing::error!(receiver = &*self.receiver.name, "{error:#}");
            Pause::For(STORE_AGAIN)
        })
    }

    async fn due(&self) -> anyhow::Result<Due> {
        let (name, now) = (self.receiver.name.clone(), clock::now());
        let read = self.daemon.stored("read the queue of a receiver", move |store| {
            if let Some(event) = store.due_event(&name, now)? {
                return Ok(Due::Now(Box::new(event)));
            }
            let next = store.next_event_due(&name)?;
            let wait = next.and_then(|it| Duration::try_from(it.duration_since(now)).ok());
            Ok(Due::At(wait.unwrap_or(IDLE).min(IDLE)))
        });
        read.await
    }

    async fn send(&self, event: &QueuedEvent) -> Result<(), Failure> {
        let failed = |why: String| Failure { why, wait: None, is_gone: false };
        let url = self.receiver.url.read().map_err(|error| failed(error.to_string()))?;
        let secret = self.receiver.secret.read().map_err(|error| failed(error.to_string()))?;
        let signed = signature::sign(&secret, clock::now().as_second(), &event.body);
        let request = self
            .http
            .post(url.expose())
            .header("content-type", "application/json")
            .header("watertight-event", &*event.happening)
            .header("watertight-event-id", &*event.id)
            .header(signature::HEADER, signed)
            .body(event.body.clone());
        // What it answers beside its status is of no use, and may be without end.
        let response = request.send().await.map_err(|error| failed(chain(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let seconds = response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok());
        let wait = seconds.and_then(|it| it.trim().parse().ok()).map(Duration::from_secs);
        Err(Failure {
            why: format!("it answered {status}"),
            wait,
            is_gone: status == StatusCode::GONE,
        })
    }

    async fn failed(
        &self,
        event: &QueuedEvent,
        failure: &Failure,
        failures: u32,
    ) -> anyhow::Result<Pause> {
        let now = clock::now();
        let receiver = &*self.receiver.name;
        if GIVEN_UP < now.duration_since(event.made_at) {
            tracing::error!(receiver, event = &*event.id, "given up after a week: {}", failure.why);
            self.end(event).await?;
            return Ok(Pause::None);
        }
        let jitter: f64 = rand::rng().random();
        let wait = if failure.is_gone {
            pace::GONE
        } else {
            pace::receiver(failures, failure.wait, jitter)
        };
        tracing::warn!(receiver, failures, "an event waits for its receiver: {}", failure.why);
        let until = later(now, pace::event(event.tries.saturating_add(1), jitter));
        let number = event.number;
        let put_off = move |store: &crate::store::Store| Ok(store.put_off_event(number, until)?);
        self.daemon.stored("put off an event", put_off).await?;
        Ok(Pause::For(wait))
    }

    async fn end(&self, event: &QueuedEvent) -> anyhow::Result<()> {
        let number = event.number;
        self.daemon.stored("end an event", move |store| Ok(store.end_event(number)?)).await
    }
}

enum Due {
    Now(Box<QueuedEvent>),
    At(Duration),
}

enum Pause {
    None,
    /// Whatever comes meanwhile.
    For(Duration),
    /// Or until something is queued.
    ForNews(Duration),
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// With its causes, and without the address: a chat system's is a secret.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(it) = cause {
        text.push_str(&format!(": {it}"));
        cause = it.source();
    }
    text
}
