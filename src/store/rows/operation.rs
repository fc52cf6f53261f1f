//! Events of operations as rows: a word for what happened, the step, and what is told to people.

use super::{RowError, time, word};
use crate::model::operation::{Event, Happened, OperationId, OperationKind, OperationState, Step};

const HAPPENED: &str = "what happened to an operation";

/// The columns of an event.
pub(in crate::store) type Columns<'a> = (&'static str, Option<&'static str>, Option<&'a str>);

pub(in crate::store) fn columns(happened: &Happened) -> Columns<'_> {
    match happened {
        Happened::Started(step) => ("started", Some(step.label()), None),
        Happened::Succeeded(step) => ("succeeded", Some(step.label()), None),
        Happened::Noted(step, what) => ("noted", Some(step.label()), Some(what)),
        Happened::Failed(step, why) => ("failed", Some(step.label()), Some(why)),
        Happened::Cancelled => ("cancelled", None, None),
        Happened::UndoStarted(step) => ("undo_started", Some(step.label()), None),
        Happened::Undone(step) => ("undone", Some(step.label()), None),
        Happened::UndoFailed(step, why) => ("undo_failed", Some(step.label()), Some(why)),
        Happened::Settled(what) => ("settled", None, Some(what)),
    }
}

pub(in crate::store) fn event(
    at: i64,
    happened: &str,
    step: Option<&str>,
    told: Option<&str>,
) -> Result<Event, RowError> {
    let step = || word("step", step.unwrap_or_default(), Step::parse);
    let why = || told.unwrap_or_default().into();
    let happened = match happened {
        "started" => Happened::Started(step()?),
        "succeeded" => Happened::Succeeded(step()?),
        "noted" => Happened::Noted(step()?, why()),
        "failed" => Happened::Failed(step()?, why()),
        "cancelled" => Happened::Cancelled,
        "undo_started" => Happened::UndoStarted(step()?),
        "undone" => Happened::Undone(step()?),
        "undo_failed" => Happened::UndoFailed(step()?, why()),
        "settled" => Happened::Settled(why()),
        other => return word(HAPPENED, other, |_| None),
    };
    Ok(Event { at: time("at", at)?, happened })
}

pub(in crate::store) fn id(text: &str) -> Result<OperationId, RowError> {
    word("operation", text, |it| OperationId::parse(it).ok())
}

pub(in crate::store) fn kind(text: &str) -> Result<OperationKind, RowError> {
    word("kind", text, OperationKind::parse)
}

pub(in crate::store) fn state(text: &str) -> Result<OperationState, RowError> {
    word("state", text, OperationState::parse)
}
