//! The body of a request, as JSON.
//!
//! Why read here and not by the framework: one place bounds its size and its time, and says where it is wrong.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::problem::{Kind, Problem};
use super::state::Shared;

/// `T` denies unknown fields.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// A body that may be left out.
#[derive(Debug)]
pub(super) struct MaybeBody<T>(pub(super) Option<T>);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        if !is_json {
            return Err(wrong_media());
        }
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, shared).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, shared).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        if !is_json {
            return Err(wrong_media());
        }
        parse(&bytes).map(|it| Self(Some(it)))
    }
}

pub(super) fn wrong_media() -> Problem {
    Problem::new(Kind::WrongMedia, "send the body as `Content-Type: application/json`")
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = given.and_then(|it| it.split(';').next()).map(str::trim);
    essence.is_some_and(|it| it.eq_ignore_ascii_case("application/json"))
}

/// Any body, bounded in size and time.
pub(super) async fn read(
    headers: &HeaderMap,
    body: axum::body::Body,
    shared: &Shared,
) -> Result<Vec<u8>, Problem> {
    read_at_most(headers, body, shared, shared.limits.body).await
}

/// The same, of another size.
pub(super) async fn read_at_most(
    headers: &HeaderMap,
    body: axum::body::Body,
    shared: &Shared,
    at_most: usize,
) -> Result<Vec<u8>, Problem> {
    let limits = &shared.limits;
    let reading = gather(headers, body, at_most);
    tokio::time::timeout(limits.transfer, reading).await.unwrap_or_else(|_| {
        let detail = format!("its body did not arrive within {:?}", limits.transfer);
        Err(Problem::new(Kind::TooSlow, detail))
    })
}

/// A body that says that it is too long is not begun.
async fn gather(
    headers: &HeaderMap,
    body: axum::body::Body,
    at_most: usize,
) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::new(Kind::TooLarge, format!("at most {at_most} bytes are read"));
    let told = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    if told.and_then(|it| it.parse::<usize>().ok()).is_some_and(|it| at_most < it) {
        return Err(too_large());
    }
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Problem::new(Kind::Malformed, "the body broke off"))?;
        if at_most - bytes.len() < piece.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let kind = match error.classify() {
            Category::Data => Kind::Invalid,
            Category::Io | Category::Syntax | Category::Eof => Kind::Malformed,
        };
        // The error names the line and the column.
        Problem::new(kind, format!("the body: {error}"))
    })
}
