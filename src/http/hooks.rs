//! What GitHub delivers: taken once, when it is signed, and answered later.
//!
//! Why nothing is decided here: GitHub waits ten seconds and repeats nothing, so all that it hears is that we have it.
//!
//! Invariant: not a byte of a body is believed before its signature is.

use std::sync::Arc;

use anyhow::Context;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};

use super::body;
use super::problem::{Kind, Problem};
use super::signature;
use super::state::Shared;
use crate::clock;
use crate::deliveries::asked::{self, Asked, Unreadable};
use crate::model::fingerprint::Digest256;
use crate::store::deliveries::Delivered;

/// In bytes. GitHub sends up to 25 MB; what we act on is a hundredth of this.
const LARGEST: usize = 5 * 1024 * 1024;

const EVENT: &str = "x-github-event";

/// A delivery of GitHub: a deployment that waits for its rule, or a word on an issue.
#[utoipa::path(
    post, path = "/webhooks/github", tag = "github",
    params(("X-GitHub-Event" = Option<String>, Header, description = "What happened")),
    request_body(content = serde_json::Value, description = "As GitHub sends it, at most 5 MiB"),
    security(("signature" = [])),
    responses(
        (status = 202, description = "It will be answered. A body that came before is not answered again"),
        (status = 204, description = "It asks nothing of us"),
        (status = 404, description = "`github.webhook_secret` is not configured")
    )
)]
pub(super) async fn github(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (parts, body) = request.into_parts();
    let signed = text(&parts.headers, signature::HEADER).ok_or_else(unsigned)?.to_owned();
    let secret = shared.options().webhook_secret.clone();
    let secret = secret.ok_or_else(|| {
        Problem::new(Kind::NoRoute, "configure github.webhook_secret to take what GitHub delivers")
    })?;
    let event = text(&parts.headers, EVENT).unwrap_or_default().to_owned();
    let body = body::read_at_most(&parts.headers, body, &shared, LARGEST).await?;
    let secret = secret.read().context("read github.webhook_secret")?;
    if !signature::is_signed(secret.expose(), &body, &signed) {
        return Err(unsigned());
    }
    if !body::is_json(&parts.headers) {
        return Err(body::wrong_media());
    }
    match asked::read(&event, &body).map_err(unreadable)? {
        Some(asked) => take(&shared, &body, &asked).await,
        None => Ok(StatusCode::NO_CONTENT),
    }
}

async fn take(shared: &Shared, body: &[u8], asked: &Asked) -> Result<StatusCode, Problem> {
    let digest = Digest256::of(body);
    let asked = serde_json::to_string(asked).context("write down what GitHub asks")?;
    let taken = shared.served.daemon.stored("take up a delivery of GitHub", move |store| {
        Ok(store.take_delivery(&digest, &asked, clock::now())?)
    });
    match taken.await? {
        Delivered::New => {
            tracing::info!(delivery = %digest, "GitHub asks");
            shared.served.deliveries.notify_one();
        }
        Delivered::Known => tracing::debug!(delivery = %digest, "GitHub asks what it asked before"),
        Delivered::Full => {
            return Err(Problem::new(
                Kind::Overloaded,
                "too many deliveries wait for their answers",
            ));
        }
    }
    Ok(StatusCode::ACCEPTED)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|it| it.to_str().ok())
}

fn unsigned() -> Problem {
    Problem::new(Kind::Unauthenticated, "the body is not signed with github.webhook_secret")
}

fn unreadable(error: Unreadable) -> Problem {
    let kind = match error {
        Unreadable::NotJson => Kind::Malformed,
        Unreadable::Missing(_) => Kind::Invalid,
    };
    Problem::new(kind, error.to_string())
}
