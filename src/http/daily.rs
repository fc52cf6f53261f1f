//! The daily report at any time: how the fleet stands, and what happened since a moment.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Viewer;
use super::problem::{Kind, Problem};
use super::query::{self, Query};
use super::reports;
use super::said::{self, Moment};
use super::state::Shared;
use crate::clock;
use crate::monitor::day::Day;
use crate::report::daily;
use crate::report::json::words;
use crate::report::{Format, Style};
use crate::store::Store;

/// Without `since`.
const DAY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// From when on; the last 24 hours, without it.
    #[param(schema_with = said::moment)]
    since: Option<Moment>,
    #[serde(default, deserialize_with = "query::daily")]
    #[param(schema_with = formats)]
    format: Option<Format>,
}

fn formats() -> utoipa::openapi::Object {
    words::one_of(daily::FORMATS.iter().map(|it| it.label()))
}

/// How the fleet stands and what happened since: as JSON, or to be read as text or Markdown.
#[utoipa::path(
    get, path = "/api/v1/report", tag = "scans", params(Asked),
    security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "`watertight.daily/v1`, or a text", content(
            (serde_json::Value = "application/json"),
            (String = "text/plain"),
            (String = "text/markdown")
        )),
        (status = 422, description = "`since` is not in the past")
    )
)]
pub(super) async fn report(
    State(shared): State<Arc<Shared>>,
    Viewer(_): Viewer,
    Query(Asked { since, format }): Query<Asked>,
) -> Result<Response, Problem> {
    let now = clock::now();
    let since = since.map_or_else(|| now.saturating_sub(DAY).unwrap_or(now), |it| it.0);
    if now <= since {
        return Err(Problem::new(Kind::Invalid, "`since` is not in the past"));
    }
    let format = format.unwrap_or(Format::Json);
    // The whole of the last report is read for it.
    let _place = reports::place(&shared).await?;
    let read = move |store: &Store| {
        let mut text = Vec::new();
        daily::write(format, &Day::read(store, since)?.daily(now), Style::default(), &mut text)?;
        Ok(text)
    };
    let text = shared.served.daemon.stored("tell the day", read).await?;
    let kind = HeaderValue::from_static(match format {
        Format::Json => "application/json",
        Format::Markdown => "text/markdown; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    });
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
