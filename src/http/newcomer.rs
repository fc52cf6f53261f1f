//! A new tenant, asked for with the page's form.
//!
//! Why the form carries a random number: a person clicks twice, and a browser sends again what was not answered. The
//! number is the request's idempotency key, so that however often one form is sent, one operation begins.
//!
//! Invariants:
//! - without `[provision]` there is no form, and nothing is taken from one;
//! - what was typed is drawn again with whatever stands against it, but for the database's URL, which is never drawn and
//!   never logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::caller;
use super::forms::{Filled, lead};
use super::look::{Look, back_with};
use super::pages::{Reader, html};
use super::problem::{Kind, Problem};
use super::provisioning::{equipment, problem};
use super::role::Power;
use super::state::Shared;
use crate::model::operation::OperationId;
use crate::page;
use crate::page::frame::Notice;
use crate::page::newcomer::{Database, Field, Refusal, View, Wanted};
use crate::provision::BeginError;
use crate::provision::work::Request;

/// In bytes.
const NONCE: usize = 16;

/// Labels of one tenant.
const LABELS: usize = 50;

/// No `Debug`: it holds a URL with its password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NewcomerForm {
    nonce: String,
    subdomain: String,
    name: String,
    environment: String,
    labels: String,
    database_url: String,
}

impl NewcomerForm {
    fn wanted(&self) -> Wanted<'_> {
        let brought = !self.database_url.trim().is_empty();
        Wanted {
            subdomain: &self.subdomain,
            name: &self.name,
            environment: &self.environment,
            labels: &self.labels,
            database: if brought { Database::Brought } else { Database::New },
        }
    }

    fn request(&self) -> Result<Request, String> {
        let given = |it: &str| Some(it.trim()).filter(|it| !it.is_empty()).map(Box::from);
        Ok(Request {
            subdomain: self.subdomain.trim().into(),
            name: self.name.trim().into(),
            environment: given(&self.environment),
            labels: labels(&self.labels)?,
            database_url: given(&self.database_url),
        })
    }

    /// Of this page and of nobody else's requests.
    fn key(&self) -> Option<String> {
        let decoded = URL_SAFE_NO_PAD.decode(&self.nonce).ok()?;
        (decoded.len() == NONCE).then(|| format!("page:{}", self.nonce))
    }
}

fn nonce() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; NONCE]>())
}

/// One `name=value` on each line.
fn labels(text: &str) -> Result<BTreeMap<Box<str>, Box<str>>, String> {
    let mut labels = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let pair = line.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let Some((name, value)) = pair.filter(|(name, _)| !name.is_empty()) else {
            return Err(format!("this line is no name=value: {line}"));
        };
        if labels.insert(name.into(), value.into()).is_some() {
            return Err(format!("{name} stands there twice"));
        }
    }
    if LABELS < labels.len() {
        return Err(format!("there are more than {LABELS}"));
    }
    Ok(labels)
}

pub(super) async fn form(
    State(shared): State<Arc<Shared>>,
    _: caller::Provisioner,
    Reader(look): Reader,
) -> Result<Response, Problem> {
    equipment(&shared)?;
    draw(&look, Wanted::default(), None)
}

fn draw(
    look: &Look,
    wanted: Wanted<'_>,
    refusal: Option<Refusal<'_>>,
) -> Result<Response, Problem> {
    let view = View { frame: look.frame(), nonce: &nonce(), wanted, refusal };
    html(page::newcomer::render(&view))
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    filled: Filled<NewcomerForm>,
) -> Result<Response, Response> {
    if let Some(refusal) = filled.refusal(Power::Provision) {
        return Ok(refusal);
    }
    equipment(&shared).map_err(IntoResponse::into_response)?;
    let Some(key) = filled.fields.key() else {
        let detail = "the form is not as the page draws it";
        return Err(Problem::new(Kind::Malformed, detail).into_response());
    };
    let request = match filled.fields.request() {
        Ok(request) => request,
        Err(text) => {
            let refusal = Refusal::Field { field: Field::Labels, text: &text };
            return Ok(refused(&filled, StatusCode::UNPROCESSABLE_ENTITY, refusal));
        }
    };
    match shared.served.provisioner.provision(request, Some(&key)).await {
        Ok(id) => {
            tracing::info!(by = &*filled.caller.name, operation = %id, "a tenant was asked for");
            Ok(lead(&back_with(&format!("/operations/{id}"), Notice::TenantAsked)))
        }
        Err(BeginError::Refused(checks)) => {
            let refusal = Refusal::Preflight(&checks);
            Ok(refused(&filled, StatusCode::UNPROCESSABLE_ENTITY, refusal))
        }
        Err(error) => Ok(stands_against(&filled, error)),
    }
}

/// The form again, with what was typed.
fn refused(filled: &Filled<NewcomerForm>, status: StatusCode, refusal: Refusal<'_>) -> Response {
    let drawn = draw(&filled.look, filled.fields.wanted(), Some(refusal));
    drawn.map_or_else(IntoResponse::into_response, |it| (status, it).into_response())
}

/// What else keeps it from beginning. Of a fault of ours the log has the cause, and the form what was typed.
fn stands_against(filled: &Filled<NewcomerForm>, error: BeginError) -> Response {
    let in_the_way: Option<OperationId> = match &error {
        BeginError::InFlight(id) | BeginError::OtherRequest(id) => Some(id.clone()),
        _ => None,
    };
    let problem = problem(error);
    if let Some(cause) = &problem.cause {
        tracing::error!("a tenant that was asked for does not begin: {cause:#}");
    }
    let text = format!("Nothing was begun: {}.", problem.detail);
    let refusal = Refusal::Sentence { text: &text, operation: in_the_way.as_ref() };
    refused(filled, problem.kind.status(), refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let told = labels(text).map(|it| {
            it.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
        });
        assert_eq!(told.as_deref().map_err(|it| &**it), expected, "{text:?}");
    }

    #[test]
    fn labels_are_one_on_each_line() {
        check("", Ok(""));
        check("tier=gold\r\n\r\n team = a=b \n", Ok("team=a=b,tier=gold"));
        check("note=", Ok("note="));
        check("gold", Err("this line is no name=value: gold"));
        check("=gold", Err("this line is no name=value: =gold"));
        check("a=1\na=2", Err("a stands there twice"));
        let many: Vec<String> = (0..=LABELS).map(|it| format!("n{it}=x")).collect();
        check(&many.join("\n"), Err("there are more than 50"));
    }

    #[test]
    fn a_form_that_the_page_did_not_draw_has_no_key() {
        let key =
            |nonce: &str| NewcomerForm { nonce: nonce.to_owned(), ..Default::default() }.key();
        let drawn = nonce();
        assert_eq!(key(&drawn), Some(format!("page:{drawn}")));
        for text in ["", "abc", "page:x", &format!("{drawn}{drawn}")] {
            assert_eq!(key(text), None, "{text}");
        }
    }
}
