//! The OpenAPI document, made from the handlers.
//!
//! Why what is common to many routes is added here: a refusal that every route can give is written down once, and no
//! handler can forget it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    Response as Answer, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::caller::COOKIE;
use super::options::sha256;
use super::problem::ProblemView;
use super::routes;
use super::signature;
use super::state::Shared;

/// The text, and its version.
pub(super) struct Document {
    value: Value,
    text: Bytes,
    version: HeaderValue,
}

const PROBLEM: &str = "application/problem+json";

/// The document before any route.
pub(super) fn head() -> OpenApi {
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let cookie = ApiKeyValue::new(COOKIE);
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(cookie));
    let signature = ApiKeyValue::with_description(
        signature::HEADER,
        "`sha256=` and the HMAC-SHA-256 of the body with `github.webhook_secret`",
    );
    let components = ComponentsBuilder::new()
        .security_scheme("token", token)
        .security_scheme("session", session)
        .security_scheme("signature", SecurityScheme::ApiKey(ApiKey::Header(signature)))
        .schema(ProblemView::name(), ProblemView::schema())
        .build();
    let info = InfoBuilder::new()
        .title("Watertight")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Proves that every tenant of a platform has its own PostgreSQL database. What cannot be proven is \
             `unverified`, and unknown is never green.",
        ))
        .build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

impl Document {
    pub(super) fn new() -> Self {
        let (value, text) = (value(&whole()), text(&whole()));
        let digest = URL_SAFE_NO_PAD.encode(&sha256(text.as_bytes())[..12]);
        let version = HeaderValue::from_str(&format!("W/\"{digest}\""));
        Self { value, text: text.into(), version: version.expect("base64url is a header's text") }
    }
}

impl Document {
    /// For whoever draws it.
    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

fn value(document: &OpenApi) -> Value {
    serde_json::to_value(document).expect("it holds nothing that JSON does not")
}

fn text(document: &OpenApi) -> String {
    serde_json::to_string_pretty(document).expect("it holds nothing that JSON does not")
}

/// With the refusals that many routes can give.
pub(super) fn whole() -> OpenApi {
    let mut document = routes::api().into_openapi();
    for (path, item) in &mut document.paths.paths {
        let open = routes::ANYBODYS.contains(&path.as_str());
        for operation in operations(item) {
            complete(operation, open);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

fn complete(operation: &mut Operation, open: bool) {
    let responses = &mut operation.responses.responses;
    let mut add = |status: &str, description: &str| {
        let missing = || RefOr::T(ResponseBuilder::new().description(description).build());
        responses.entry(status.to_owned()).or_insert_with(missing);
    };
    if operation.security.is_some() {
        add("401", "No token, or one that is not configured");
        add("403", "The token's role may not do that, or another site's page asks");
    }
    if operation.parameters.is_some() {
        add("400", "The query cannot be read");
    }
    if operation.request_body.is_some() {
        add("400", "The query or the body cannot be read");
        add("408", "The body took too long to arrive");
        add("413", "The body is too large");
        add("415", "The body is not JSON");
        add("422", "The body says what cannot be");
    }
    if !open {
        add("421", "`Host` is neither an address nor in `http.hosts`");
    }
    add("429", "Too many requests from this address");
    add("500", "A fault of our own");
    add("503", "Too much at once, or the store cannot be used");
    add("504", "The answer took too long");
    for (status, answer) in responses.iter_mut() {
        if let RefOr::T(answer) = answer {
            describe(status, answer);
        }
    }
}

fn describe(status: &str, answer: &mut Answer) {
    // The gate's own refusals are its decision. What anybody may be told beside it is a problem all the same.
    let is_decision = status == "409" && !answer.content.is_empty();
    if status.starts_with(['4', '5']) && !is_decision {
        let schema = Ref::from_schema_name(ProblemView::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        answer.content.insert(PROBLEM.to_owned(), RefOr::T(content));
    }
    if answer.description.is_empty() {
        "As asked".clone_into(&mut answer.description);
    }
}

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "daemon",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = serde_json::Value),
        (status = 304, description = "It is the one that `If-None-Match` names")
    )
)]
pub(super) async fn served(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let Document { text, version, .. } = &shared.document;
    let headers_of_it = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::ETAG, version.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH) == Some(version) {
        return (StatusCode::NOT_MODIFIED, headers_of_it).into_response();
    }
    (headers_of_it, text.clone()).into_response()
}
