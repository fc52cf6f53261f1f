//! Who is told: a server that keeps every message of Alertmanager, by the receiver that it was sent to.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// One message, of the alerts of one group.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    to: String,
    alert: String,
    pub(crate) status: String,
    pub(crate) alerts: Vec<Value>,
}

impl Message {
    /// Sorted.
    pub(crate) fn tenants(&self) -> Vec<&str> {
        let mut tenants: Vec<&str> =
            self.alerts.iter().filter_map(|it| it["labels"]["tenant"].as_str()).collect();
        tenants.sort_unstable();
        tenants
    }
}

type Kept = Arc<Mutex<Vec<Message>>>;

#[derive(Debug)]
pub(crate) struct Receiver {
    kept: Kept,
    /// Host and port.
    pub(crate) address: String,
    _serving: AbortOnDropHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let kept = Kept::default();
        let app = Router::new().route("/{to}", post(keep)).with_state(Arc::clone(&kept));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of loopback");
        let address = listener.local_addr().expect("it is bound").to_string();
        #[expect(clippy::disallowed_methods, reason = "it ends with the receiver")]
        let serving = tokio::spawn(async { drop(axum::serve(listener, app).await) });
        Self { kept, address, _serving: AbortOnDropHandle::new(serving) }
    }

    /// The messages to a receiver about an alert, in the order in which they came.
    pub(crate) fn of(&self, to: &str, alert: &str) -> Vec<Message> {
        let kept = self.kept.lock().expect("nobody panics with it");
        kept.iter().filter(|it| it.to == to && it.alert == alert).cloned().collect()
    }
}

async fn keep(State(kept): State<Kept>, Path(to): Path<String>, Json(message): Json<Value>) {
    let word = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let message = Message {
        to,
        alert: word(&message["groupLabels"]["alertname"]),
        status: word(&message["status"]),
        alerts: message["alerts"].as_array().cloned().unwrap_or_default(),
    };
    kept.lock().expect("nobody panics with it").push(message);
}
