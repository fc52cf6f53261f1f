//! What a person does on the page: log in and out, ask for a scan, silence a finding.
//!
//! Why beside the API and not through it: the page works without a script, and a form cannot send JSON, a header or
//! anything but what its reader filled in.
//!
//! Invariants:
//! - a form of a session carries its CSRF token, and none is taken from another site's page;
//! - whatever became of it, the answer leads back to a path of ours.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, FromRequest, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body;
use super::caller::{self, Caller, Door};
use super::host;
use super::listen::Connection;
use super::look::{Look, back_with};
use super::options::{Options, sha256};
use super::pages::{draw_finding, html};
use super::path::FindingName;
use super::problem::{Kind, Problem};
use super::role::Power;
use super::said::{Moment, Words};
use super::scans::{self, ScanRequest};
use super::session;
use super::state::Shared;
use crate::clock;
use crate::model::finding::Acknowledgement;
use crate::model::report::Trigger;
use crate::page;
use crate::page::finding::Attempt;
use crate::page::frame::{Notice, own_path};
use crate::registry::tenant::moment;

/// A filled-in form, and who sent it.
pub(super) struct Filled<T> {
    pub(super) fields: T,
    pub(super) caller: Caller,
    pub(super) look: Look,
    back: String,
}

/// What every form carries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Hidden {
    csrf: String,
    back: String,
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Filled<T> {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Response> {
        let (parts, bytes) = form(request, shared).await.map_err(IntoResponse::into_response)?;
        let hidden: Hidden = fields(&parts, &bytes).await.map_err(IntoResponse::into_response)?;
        let back = own_path(&hidden.back).to_owned();
        let caller = caller::of_form(&parts, shared, &hidden.csrf).map_err(|problem| {
            // A form that was too old is no attack: its reader tries again.
            match problem.kind {
                Kind::CrossSite if !host::is_cross_site(&parts.headers) => {
                    lead(&back_with(&back, Notice::FormExpired))
                }
                _ => problem.into_response(),
            }
        })?;
        let fields = fields(&parts, &bytes).await.map_err(IntoResponse::into_response)?;
        let look = Look::new(shared, Some(&caller), &parts);
        Ok(Self { fields, caller, look, back })
    }
}

async fn form(request: Request, shared: &Shared) -> Result<(Parts, Vec<u8>), Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, shared).await?;
    Ok((parts, bytes))
}

async fn fields<T: DeserializeOwned>(parts: &Parts, bytes: &[u8]) -> Result<T, Problem> {
    let mut request = Request::new(axum::body::Body::from(bytes.to_vec()));
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = parts.headers.clone();
    match Form::<T>::from_request(request, &()).await {
        Ok(Form(fields)) => Ok(fields),
        Err(_) => Err(Problem::new(Kind::Malformed, "the form is not as the page draws it")),
    }
}

impl<T> Filled<T> {
    /// The way back, with a word on what became of it.
    pub(super) fn back_with(&self, notice: Notice) -> Response {
        lead(&back_with(&self.back, notice))
    }

    /// The way back for whoever may not.
    pub(super) fn refusal(&self, power: Power) -> Option<Response> {
        let refusal = || self.back_with(Notice::NotAllowed);
        (!self.caller.may(power)).then(refusal)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ScanForm {
    tenant: Option<String>,
}

pub(super) async fn scan(
    State(shared): State<Arc<Shared>>,
    filled: Filled<ScanForm>,
) -> Result<Response, Response> {
    if let Some(refusal) = filled.refusal(Power::Scan) {
        return Ok(refusal);
    }
    let request = filled.fields.tenant.map(|it| ScanRequest::of(vec![it])).unwrap_or_default();
    let asked = scans::scope(&shared, request)
        .await
        .and_then(|scope| scans::ask(&shared, scope, Trigger::Api));
    let ticket = asked.map_err(IntoResponse::into_response)?;
    tracing::info!(by = &*filled.caller.name, scan = &*ticket.scan, "a scan was asked for");
    Ok(lead(&back_with(&filled.back, Notice::ScanAsked)))
}

#[derive(Debug, Deserialize)]
pub(super) struct AcknowledgeForm {
    reason: String,
    /// A day: its first moment in UTC.
    until: String,
}

pub(super) async fn acknowledge(
    State(shared): State<Arc<Shared>>,
    FindingName(id): FindingName,
    filled: Filled<AcknowledgeForm>,
) -> Result<Response, Response> {
    if let Some(refusal) = filled.refusal(Power::Operate) {
        return Ok(refusal);
    }
    let form = &filled.fields;
    let acknowledgement = match acknowledgement(form, &filled.caller, clock::now()) {
        Ok(acknowledgement) => acknowledgement,
        Err(problem) => {
            let attempt = Attempt { reason: &form.reason, until: &form.until, problem: &problem };
            let drawn = draw_finding(&shared, &filled.look, id, Some(attempt)).await;
            let drawn = drawn.map_err(IntoResponse::into_response)?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, drawn).into_response());
        }
    };
    let done = shared.served.daemon.acknowledge(id, acknowledgement).await;
    match done.map_err(|error| Problem::fault(error).into_response())? {
        Some(_) => {
            let by = &*filled.caller.name;
            tracing::info!(by, finding = %id, "a finding was acknowledged");
            Ok(lead(&back_with(&filled.back, Notice::Acknowledged)))
        }
        None => Err(Problem::new(Kind::NotStanding, "it was resolved since").into_response()),
    }
}

fn acknowledgement(
    form: &AcknowledgeForm,
    caller: &Caller,
    now: Timestamp,
) -> Result<Acknowledgement, String> {
    // A field of several lines ends each with a carriage return; the record has one line.
    let reason = form.reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = Words::parse(&reason).map_err(|problem| format!("Reason: {problem}"))?;
    let day = moment(&form.until).ok_or("Until: it is no date")?;
    let until = Moment(day).end(now).map_err(|it| it.detail.into_owned())?;
    Ok(Acknowledgement { by: (&*caller.name).into(), reason: reason.0, until })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Next {
    next: String,
}

pub(super) async fn login_page(
    State(shared): State<Arc<Shared>>,
    Query(Next { next }): Query<Next>,
    parts: Parts,
) -> Result<Response, Problem> {
    draw_login(&shared, &parts, &next, None)
}

fn draw_login(
    shared: &Shared,
    parts: &Parts,
    next: &str,
    problem: Option<&str>,
) -> Result<Response, Problem> {
    let look = Look::new(shared, None, parts);
    html(page::login::render(&page::login::View { frame: look.frame(), next, problem }))
}

#[derive(Deserialize)]
struct LoginForm {
    token: String,
    #[serde(default)]
    next: String,
}

/// Trades a token for a session.
pub(super) async fn login(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, bytes) = form(request, &shared).await?;
    if host::is_cross_site(&parts.headers) {
        return Err(Problem::new(Kind::CrossSite, "another site's page sent it"));
    }
    let LoginForm { token, next } = fields(&parts, &bytes).await?;
    let options = shared.options();
    let digest = sha256(token.trim().as_bytes());
    let Some(known) = options.token(&digest) else {
        let refused = match parts.extensions.get::<Connection>().map(|it| it.door) {
            Some(Door::Tcp(peer)) => caller::refused(&shared, peer),
            _ => Problem::new(Kind::Unauthenticated, "no such token is configured"),
        };
        if refused.kind == Kind::TooMany {
            return Err(refused);
        }
        let drawn = draw_login(&shared, &parts, &next, Some("No such token is configured."))?;
        return Ok((StatusCode::UNAUTHORIZED, drawn).into_response());
    };
    if !known.role.may(Power::Read) {
        let problem = Some("This token is for a service; nothing can be read with it.");
        let drawn = draw_login(&shared, &parts, &next, problem)?;
        return Ok((StatusCode::FORBIDDEN, drawn).into_response());
    }
    tracing::info!(by = &*known.name, "a session began");
    let cookie = cookie(&options, &shared.sessions.begin(digest).cookie, session::LONGEST);
    let mut answer = lead(&back_with(&next, Notice::LoggedIn));
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(answer)
}

#[derive(Debug, Deserialize)]
pub(super) struct NoFields {}

pub(super) async fn logout(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    _: Filled<NoFields>,
) -> Response {
    let options = shared.options();
    if let Some(cookie) = caller::cookie(&options, &headers) {
        shared.sessions.end(&cookie);
    }
    let mut answer = lead(&back_with("/login", Notice::LoggedOut));
    let gone = cookie(&options, "", Duration::ZERO);
    answer.headers_mut().insert(header::SET_COOKIE, gone);
    answer
}

/// No script reads it, no other site's page sends it, and no unencrypted connection carries it where there is another.
fn cookie(options: &Options, value: &str, lasts: Duration) -> HeaderValue {
    let (name, lasts) = (caller::cookie_name(options), lasts.as_secs());
    let secure = if options.tls.is_some() { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).expect("base64url and our own words are a header's text")
}

/// With GET, whatever was sent.
pub(super) fn lead(location: &str) -> Response {
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}
