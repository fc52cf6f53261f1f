//! Operations on the status page: the list, each one's course, and what a person does about it.
//!
//! Why beside the API and not through it: a form works without a script, and is answered with a page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::forms::{Filled, NoFields};
use super::look::Look;
use super::operations::read;
use super::pages::{Asked, Reader, html};
use super::path::OperationName;
use super::problem::Problem;
use super::role::Power;
use super::said::Words;
use super::state::Shared;
use crate::model::operation::{Operation, OperationId};
use crate::page;
use crate::page::frame::Notice;
use crate::page::operation::Attempt;
use crate::page::operations::{ROWS, before};
use crate::store::Store;
use crate::store::wanted::{Wanted, Window};

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Reader(look): Reader,
    Asked(query): Asked,
) -> Result<Response, Problem> {
    let asked = query.clone();
    let read = move |store: &Store| {
        // Ids have no capitals.
        let part = asked.q.to_lowercase();
        let (kind, state) = (asked.operation_kind, asked.operation_state);
        let wanted = Wanted { kind, state, part: &part, tenant: None };
        let total = store.count_operations(&wanted)?;
        let window = Window { before: before(total, &asked), rows: ROWS };
        Ok((total, store.wanted_operations(&wanted, window)?))
    };
    let (total, operations) = shared.served.daemon.stored("list the operations", read).await?;
    html(page::operations::render(&page::operations::View {
        frame: look.frame(),
        query: &query,
        operations: &operations,
        total,
    }))
}

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Reader(look): Reader,
    OperationName(id): OperationName,
) -> Result<Response, Problem> {
    draw(&look, &read(&shared, &id).await?, None)
}

fn draw(
    look: &Look,
    operation: &Operation,
    attempt: Option<Attempt<'_>>,
) -> Result<Response, Problem> {
    let view = page::operation::View { frame: look.frame(), operation, attempt };
    html(page::operation::render(&view))
}

pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    OperationName(id): OperationName,
    filled: Filled<NoFields>,
) -> Result<Response, Response> {
    if let Some(refusal) = filled.refusal(Power::Provision) {
        return Ok(refusal);
    }
    existing(&shared, &id).await?;
    let done = shared.served.provisioner.cancel(&id).await;
    if !done.map_err(|error| Problem::fault(error).into_response())? {
        return Ok(filled.back_with(Notice::TooLate));
    }
    tracing::info!(by = &*filled.caller.name, operation = %id, "an operation was cancelled");
    Ok(filled.back_with(Notice::TurnedBack))
}

#[derive(Debug, Deserialize)]
pub(super) struct SettleForm {
    reason: String,
}

pub(super) async fn settle(
    State(shared): State<Arc<Shared>>,
    OperationName(id): OperationName,
    filled: Filled<SettleForm>,
) -> Result<Response, Response> {
    if let Some(refusal) = filled.refusal(Power::Provision) {
        return Ok(refusal);
    }
    let operation = existing(&shared, &id).await?;
    // A field of several lines ends each with a carriage return; the record has one line.
    let reason = filled.fields.reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = match Words::parse(&reason) {
        Ok(reason) => reason,
        Err(problem) => {
            let problem = format!("Reason: {problem}");
            let attempt = Attempt { reason: &filled.fields.reason, problem: &problem };
            let drawn = draw(&filled.look, &operation, Some(attempt));
            let drawn = drawn.map_err(IntoResponse::into_response)?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, drawn).into_response());
        }
    };
    let said = format!("{}: {}", filled.caller.name, reason.0).into();
    let done = shared.served.provisioner.settle(&id, said).await;
    if !done.map_err(|error| Problem::fault(error).into_response())? {
        return Ok(filled.back_with(Notice::TooLate));
    }
    tracing::info!(by = &*filled.caller.name, operation = %id, "an operation was settled");
    Ok(filled.back_with(Notice::Settled))
}

async fn existing(shared: &Shared, id: &OperationId) -> Result<Operation, Response> {
    read(shared, id).await.map_err(IntoResponse::into_response)
}
