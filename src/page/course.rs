//! How an operation went and goes, as rows: its steps in order, and what is undone of them, newest first.
//!
//! Why two lists: a step that is undone was done before, and whoever asks why a tenant is not there wants to see both,
//! what failed and that nothing of it is left.
//!
//! Why from the log and not from the steps' states alone: a step that is being undone is `running` to whoever reads the
//! API, and to a person that says the opposite of what happens.

use jiff::Timestamp;

use super::frame::Frame;
use super::moment::Moment;
use super::rows::LONGEST;
use super::vocabulary;
use crate::model::operation::{Event, Happened, Operation, OperationState, Step};
use crate::report::visible::clipped;
use crate::saga::{self, Next};

/// Lines of an error: a setup may print anything.
const LINES: usize = 20;

/// How one step stands, forwards or backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Pending,
    Running,
    Succeeded,
    Failed,
    /// A person turned the operation back in its middle.
    CalledOff,
    Undoing,
    Undone,
    UndoFailed,
}

pub(super) struct Row {
    pub text: &'static str,
    /// As the API calls it.
    pub label: &'static str,
    pub mark: Mark,
    pub began: Option<Moment>,
    pub took: String,
    pub why: Vec<String>,
    /// What it made: a backup's file and digest.
    pub notes: Vec<String>,
}

impl Mark {
    /// Of its picture and its colour.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::CalledOff => "called_off",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::UndoFailed => "undo_failed",
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Pending => "Not yet",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::CalledOff => "Called off",
            Self::Undoing => "Being undone",
            Self::Undone => "Undone",
            Self::UndoFailed => "Could not be undone",
        }
    }
}

/// Every step, in the order in which they are done.
pub(super) fn forwards(operation: &Operation, frame: &Frame<'_>) -> Vec<Row> {
    let steps = operation.kind.steps().iter();
    let noted =
        |step| Row { notes: notes(operation, step), ..row(step, operation, frame, forward) };
    steps.map(|step| noted(*step)).collect()
}

/// What is undone, newest first; nothing while it is not being undone.
pub(super) fn backwards(operation: &Operation, frame: &Frame<'_>) -> Vec<Row> {
    if !goes_back(operation) {
        return Vec::new();
    }
    let mut begun: Vec<Step> = Vec::new();
    for event in &operation.log {
        if let Happened::Started(step) = event.happened
            && !begun.contains(&step)
        {
            begun.push(step);
        }
    }
    begun.into_iter().rev().map(|step| row(step, operation, frame, backward)).collect()
}

fn goes_back(operation: &Operation) -> bool {
    let undoes = |it: &Event| matches!(it.happened, Happened::UndoStarted(_));
    matches!(saga::next(operation.kind, &operation.log), Next::Undo(_))
        || operation.log.iter().any(undoes)
}

/// What an event says of a step in one direction: how it stands, and why.
type Says = for<'a> fn(&'a Happened, Step) -> Option<(Mark, Option<&'a str>)>;

fn forward(happened: &Happened, step: Step) -> Option<(Mark, Option<&str>)> {
    match happened {
        Happened::Started(it) if *it == step => Some((Mark::Running, None)),
        Happened::Succeeded(it) if *it == step => Some((Mark::Succeeded, None)),
        Happened::Failed(it, why) if *it == step => Some((Mark::Failed, Some(why))),
        _ => None,
    }
}

fn backward(happened: &Happened, step: Step) -> Option<(Mark, Option<&str>)> {
    match happened {
        Happened::UndoStarted(it) if *it == step => Some((Mark::Undoing, None)),
        Happened::Undone(it) if *it == step => Some((Mark::Undone, None)),
        Happened::UndoFailed(it, why) if *it == step => Some((Mark::UndoFailed, Some(why))),
        _ => None,
    }
}

fn row(step: Step, operation: &Operation, frame: &Frame<'_>, says: Says) -> Row {
    let told = operation.log.iter().filter_map(|it| Some((it.at, says(&it.happened, step)?)));
    let told: Vec<(Timestamp, (Mark, Option<&str>))> = told.collect();
    let began = told.first().map(|(at, _)| *at);
    let (ended, (mark, why)) = told.last().copied().unwrap_or((frame.now, (Mark::Pending, None)));
    let over = !matches!(mark, Mark::Pending | Mark::Running | Mark::Undoing);
    let goes_on = matches!(saga::next(operation.kind, &operation.log), Next::Run(_));
    let called_off = mark == Mark::Running && !goes_on;
    Row {
        text: vocabulary::step(step),
        label: step.label(),
        mark: if called_off { Mark::CalledOff } else { mark },
        began: began.map(|it| frame.moment(it)),
        took: began.filter(|_| over).map_or_else(String::new, |it| took(it, ended)),
        why: why.map_or_else(Vec::new, lines),
        notes: Vec::new(),
    }
}

/// What the step has made.
fn notes(operation: &Operation, step: Step) -> Vec<String> {
    let noted = operation.log.iter().filter_map(|it| match &it.happened {
        Happened::Noted(of, what) if *of == step => Some(lines(what)),
        _ => None,
    });
    noted.flatten().collect()
}

fn lines(why: &str) -> Vec<String> {
    why.lines().take(LINES).map(|it| clipped(it, LONGEST).into_owned()).collect()
}

fn took(began: Timestamp, ended: Timestamp) -> String {
    let millis = ended.duration_since(began).as_millis().max(0);
    match millis {
        ..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

/// Nothing while it runs.
pub(super) fn took_in_all(operation: &Operation) -> String {
    operation.finished_at.map_or_else(String::new, |it| took(operation.started_at, it))
}

/// Where it stands, in a sentence.
pub(super) fn sentence(operation: &Operation) -> String {
    let Operation { kind, log, .. } = operation;
    match saga::next(*kind, log) {
        Next::Run(step) => {
            let place = kind.steps().iter().position(|it| *it == step).unwrap_or(0) + 1;
            let text = vocabulary::step(step);
            format!("Step {place} of {}: {text}.", kind.steps().len())
        }
        Next::Undo(step) => {
            format!("It is being undone, newest first; now: {}.", vocabulary::step(step))
        }
        Next::Ended(OperationState::Succeeded) => vocabulary::ended(*kind).to_owned(),
        Next::Ended(OperationState::RolledBack) => vocabulary::undone(*kind).to_owned(),
        Next::Ended(OperationState::Stuck | OperationState::Running) => {
            match operation.stuck_at() {
                Some((step, _)) => format!(
                    "It could be neither completed nor undone at “{}”: a person has to look.",
                    vocabulary::step(step)
                ),
                None => "It was stuck, and a person has seen to what was left.".to_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: i64, expected: &str) {
        let began = Timestamp::UNIX_EPOCH;
        let ended = Timestamp::from_millisecond(millis).unwrap();
        assert_eq!(took(began, ended), expected);
    }

    #[test]
    fn a_step_takes_as_long_as_it_took_in_the_unit_that_fits() {
        check(-5, "0 ms");
        check(999, "999 ms");
        check(1_250, "1.2 s");
        check(59_999, "59.9 s");
        check(185_000, "3 min 5 s");
    }
}
