//! What an operation does next, decided from its log alone.
//!
//! Why one pure function: a daemon that dies reads the same log when it comes back, and must decide the same. So no state
//! is kept beside the log, and what is written there is believed and nothing else.
//!
//! Why the failed step is undone too: a request whose answer was lost may have been done. Undoing means "ensure absent".
//!
//! Why an undo that failed stops no other: what the older steps did can be taken back all the same, and what is left is
//! told to a person.
//!
//! Invariants:
//! - steps are done in order and undone newest first;
//! - nothing is undone after a step that cannot be;
//! - every log that can be written leads to exactly one answer.

use jiff::Timestamp;

use crate::model::operation::{Event, Happened, OperationKind, OperationState, Step, StepState};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It may have been begun before: whoever does it looks first.
    Run(Step),
    Undo(Step),
    Ended(OperationState),
}

/// What the log amounts to.
#[derive(Default)]
struct Tally {
    done: usize,
    /// In the order in which they were begun.
    to_undo: Vec<Step>,
    course: Course,
    /// Past this no undoing.
    bound: bool,
    left_over: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Course {
    #[default]
    Ahead,
    Back,
    /// Neither is possible.
    Nowhere,
}

pub fn next(kind: OperationKind, log: &[Event]) -> Next {
    let tally = tally(log);
    match tally.course {
        Course::Nowhere => Next::Ended(OperationState::Stuck),
        Course::Back => match tally.to_undo.last() {
            Some(step) => Next::Undo(*step),
            None if tally.left_over => Next::Ended(OperationState::Stuck),
            None => Next::Ended(OperationState::RolledBack),
        },
        Course::Ahead => match kind.steps().get(tally.done) {
            Some(step) => Next::Run(*step),
            None => Next::Ended(OperationState::Succeeded),
        },
    }
}

pub fn state(kind: OperationKind, log: &[Event]) -> OperationState {
    match next(kind, log) {
        Next::Ended(state) => state,
        Next::Run(_) | Next::Undo(_) => OperationState::Running,
    }
}

/// Whether the operation can still be called off.
pub fn can_turn_back(kind: OperationKind, log: &[Event]) -> bool {
    let tally = tally(log);
    tally.course == Course::Ahead && !tally.bound && matches!(next(kind, log), Next::Run(_))
}

fn tally(log: &[Event]) -> Tally {
    let mut tally = Tally::default();
    for event in log {
        match event.happened {
            Happened::Started(step) => {
                tally.bound |= !step.is_undone();
                if !tally.to_undo.contains(&step) {
                    tally.to_undo.push(step);
                }
            }
            Happened::Succeeded(_) => tally.done += 1,
            Happened::Failed(..) if tally.bound => tally.course = Course::Nowhere,
            // Too late where something cannot be undone any more.
            Happened::Cancelled if tally.bound => {}
            Happened::Failed(..) | Happened::Cancelled => tally.course = Course::Back,
            Happened::Noted(..) | Happened::UndoStarted(_) | Happened::Settled(_) => {}
            Happened::Undone(step) => tally.to_undo.retain(|it| *it != step),
            Happened::UndoFailed(step, _) => {
                tally.to_undo.retain(|it| *it != step);
                tally.left_over = true;
            }
        }
    }
    tally
}

/// One step as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepView {
    pub step: Step,
    pub state: StepState,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub error: Option<Box<str>>,
    /// What it made.
    pub note: Option<Box<str>>,
}

/// Every step of the operation, in order.
pub fn steps(kind: OperationKind, log: &[Event]) -> Vec<StepView> {
    let mut views: Vec<StepView> = kind
        .steps()
        .iter()
        .map(|step| StepView {
            step: *step,
            state: StepState::Pending,
            started_at: None,
            finished_at: None,
            error: None,
            note: None,
        })
        .collect();
    for event in log {
        if let Happened::Noted(step, what) = &event.happened {
            if let Some(view) = views.iter_mut().find(|it| it.step == *step) {
                view.note = Some(what.clone());
            }
            continue;
        }
        let (step, state, error) = match &event.happened {
            Happened::Started(step) | Happened::UndoStarted(step) => {
                (step, StepState::Running, None)
            }
            Happened::Succeeded(step) => (step, StepState::Succeeded, None),
            Happened::Failed(step, why) => (step, StepState::Failed, Some(why)),
            Happened::Undone(step) => (step, StepState::Undone, None),
            Happened::UndoFailed(step, why) => (step, StepState::UndoFailed, Some(why)),
            Happened::Noted(..) | Happened::Cancelled | Happened::Settled(_) => continue,
        };
        let Some(view) = views.iter_mut().find(|it| it.step == *step) else { continue };
        view.state = state;
        match event.happened {
            Happened::Started(_) => view.started_at = view.started_at.or(Some(event.at)),
            Happened::UndoStarted(_) => view.finished_at = None,
            _ => view.finished_at = Some(event.at),
        }
        // Why a step failed is still worth knowing when it is undone.
        if let Some(why) = error {
            view.error = Some(why.clone());
        }
    }
    views
}

#[cfg(test)]
mod tests;
