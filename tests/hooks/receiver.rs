//! A receiver of events that behaves as badly as it is told to, and checks every signature.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use watertight::clock;

use crate::running::LIMIT;

pub(crate) const SECRET: &str = "a-receivers-secret";

/// What becomes of a request. Once none is left, all is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Answer(u16),
    /// 503, and when to come back, in seconds.
    Later(u64),
    /// Sends the sender elsewhere.
    Elsewhere,
    /// Takes it, and never says so.
    Silent,
}

#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

#[derive(Clone, Default)]
pub(crate) struct Receiver {
    moods: Arc<Mutex<VecDeque<Mood>>>,
    received: Arc<Mutex<Vec<Received>>>,
    port: u16,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, ..Self::default() };
        let app = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    /// Its section of the configuration.
    pub(crate) fn section(&self, name: &str, more: &str) -> String {
        let url = format!("http://127.0.0.1:{}/hook", self.port);
        format!("[[webhooks]]\nname = {name:?}\nurl = {url:?}\nsecret = {SECRET:?}\n{more}\n")
    }

    pub(crate) fn be(&self, moods: &[Mood]) {
        *self.moods.lock().unwrap() = moods.iter().copied().collect();
    }

    /// Everything that came, refused or not.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// `finding.opened unhealthy open`, for each event by its first arrival.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut seen = Vec::new();
        let mut told = Vec::new();
        for it in self.received() {
            if !seen.contains(&it.id) {
                let finding = &it.body["finding"];
                let word = |name: &str| finding[name].as_str().unwrap().to_owned();
                told.push(format!("{} {} {}", it.event, word("kind"), word("state")));
                seen.push(it.id);
            }
        }
        told
    }

    /// Waits until so many requests have come.
    pub(crate) async fn until(&self, count: usize) {
        let limit = Instant::now() + LIMIT;
        while self.received().len() < count {
            assert!(Instant::now() < limit, "{count} did not come: {:#?}", self.received());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_signed(&header("watertight-signature"), &body);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let (id, event) = (header("watertight-event-id"), header("watertight-event"));
    assert_eq!((body["id"].as_str(), body["event"].as_str()), (Some(&*id), Some(&*event)));
    receiver.received.lock().unwrap().push(Received { id, event, body, at: Instant::now() });
    let mood = receiver.moods.lock().unwrap().pop_front();
    match mood {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Mood::Answer(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Mood::Later(seconds)) => {
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", seconds.to_string())])
                .into_response()
        }
        Some(Mood::Elsewhere) => {
            Redirect::temporary(&format!("http://127.0.0.1:{}/elsewhere", receiver.port))
                .into_response()
        }
        Some(Mood::Silent) => std::future::pending().await,
    }
}

fn assert_signed(header: &str, body: &[u8]) {
    let (time, digits) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let age = clock::now().as_second() - time.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{header}");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let expected = mac.finalize().into_bytes();
    let expected = expected.iter().fold(String::new(), |text, it| text + &format!("{it:02x}"));
    assert_eq!(digits, expected);
}
