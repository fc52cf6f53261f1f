//! What Supabase answered, judged.
//!
//! Why a function over status, headers and body: it decides what is done next, so every case of it is a test without a
//! server. Why the text comes before the status: one and the same quota is told as 400 and as 403.
//!
//! Invariant: what is told of an answer is short, printable, and holds neither the token nor a password that was sent.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::operation::Operation;
use crate::body::BodyError;
use crate::provider::{ProviderError, Refusal};
use crate::secret::{Secret, SecretError};

/// Characters of what Supabase says.
const LONGEST: usize = 300;

/// Stands in every wording of the free plan's limit that was seen, together with the members' names.
const QUOTA: &str = "active free projects";

/// Whether an answer that did not come may have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    Write,
}

#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Vec<u8>, BodyError>,
}

/// What stood between us and a clear answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("read the token")]
    Token(#[source] SecretError),
    #[error("the token holds characters that no header can carry")]
    UnfitToken,
    #[error("no request can be made of the configuration's api_url")]
    NoAddress,
    #[error("no answer came")]
    Connection(#[source] reqwest::Error),
    #[error("it answered with the status {0}")]
    Status(u16),
    #[error("receive its answer")]
    Body(#[source] BodyError),
    #[error("its answer cannot be read: {0}")]
    Unreadable(Box<str>),
}

pub(super) fn unreachable(operation: Operation, source: Trouble) -> ProviderError {
    ProviderError::Unreachable { operation: operation.label(), source: Box::new(source) }
}

pub(super) fn unknown(operation: Operation, source: Trouble) -> ProviderError {
    ProviderError::Unknown { operation: operation.label(), source: Box::new(source) }
}

pub(super) fn unreadable(operation: Operation, told: &str) -> ProviderError {
    ProviderError::Unreadable { operation: operation.label(), told: told.into() }
}

/// What was asked for; the error says where it is not, and nothing of what stands there.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Box<str>> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("it is not the JSON that was expected (line {line}, column {column})").into()
    })
}

impl Received {
    /// Requests that are still allowed in the running window.
    pub(super) fn remaining(&self) -> Option<u32> {
        self.number("x-ratelimit-remaining")?.try_into().ok()
    }

    /// Seconds until the window's end, and no time of day as at GitHub.
    pub(super) fn reset(&self) -> Option<u64> {
        self.number("x-ratelimit-reset")
    }

    pub(super) fn is_limit(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.trim().parse().ok()
    }

    /// Its body, or `None` where what was asked for is not there.
    pub(super) fn judge(
        self,
        operation: Operation,
        effect: Effect,
        hidden: &[&Secret],
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        let status = self.status.as_u16();
        if self.status.is_success() {
            return match (self.body, effect) {
                (Ok(body), _) => Ok(Some(body)),
                (Err(error), Effect::Read) => Err(unreachable(operation, Trouble::Body(error))),
                (Err(error), Effect::Write) => Err(unknown(operation, Trouble::Body(error))),
            };
        }
        // A refusal stays one, whatever became of its reasons.
        let said = said(self.body.as_deref().unwrap_or_default());
        let is_refusal = self.status.is_client_error();
        if is_refusal && said.to_ascii_lowercase().contains(QUOTA) {
            // Without the names of people.
            let told = "the limit of active free projects is reached";
            return Err(refused(operation, Refusal::Quota, told.to_owned()));
        }
        let told = || shown(&said, status, hidden);
        Err(match status {
            401 | 403 => refused(operation, Refusal::Denied, told()),
            402 => refused(operation, Refusal::Plan, told()),
            404 | 406 => return Ok(None),
            // Something else is being done to it.
            409 | 423 | 425 | 429 => {
                ProviderError::Busy { operation: operation.label(), after: None }
            }
            408 if effect == Effect::Write => unknown(operation, Trouble::Status(status)),
            408 => unreachable(operation, Trouble::Status(status)),
            _ if is_refusal => refused(operation, Refusal::Invalid, told()),
            _ if effect == Effect::Write => unknown(operation, Trouble::Status(status)),
            300..=399 => unreadable(operation, &format!("it answered with the status {status}")),
            _ => unreachable(operation, Trouble::Status(status)),
        })
    }
}

fn refused(operation: Operation, refusal: Refusal, told: String) -> ProviderError {
    ProviderError::Refused { operation: operation.label(), refusal, told: told.into() }
}

/// Of an object with a message, of a bare text in quotes, or of whatever else came.
fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reasons {
        Message { message: String },
        Text(String),
    }
    match serde_json::from_slice(body) {
        Ok(Reasons::Message { message }) => message,
        Ok(Reasons::Text(text)) => text,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

fn shown(said: &str, status: u16, hidden: &[&Secret]) -> String {
    let mut said = said.to_owned();
    for secret in hidden.iter().filter(|it| !it.expose().is_empty()) {
        said = said.replace(secret.expose(), "***");
    }
    let told = plain(&said);
    if told.is_empty() { format!("it answered with the status {status}") } else { told }
}

/// On one line, and not for long.
pub(super) fn plain(text: &str) -> String {
    let printable = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    let cut: String = printable.take(LONGEST).collect();
    cut.trim().to_owned()
}

#[cfg(test)]
mod tests;
