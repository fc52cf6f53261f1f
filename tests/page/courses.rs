//! Operations for the page: one in each state in which somebody may find it.

use jiff::{SignedDuration, Timestamp};
use watertight::model::operation::{Event, Happened, Operation, OperationId, OperationKind, Step};
use watertight::saga;

use super::fleets::{before, id};

/// What a setup printed before it failed.
pub(crate) const PRINTED: &str = "the setup's program ended with exit status: 1; the last that it printed:\n\
     psql: error: relation \"seats\" does not exist\nLINE 1: alter table seats add column row text";

/// Every operation with a name for its drawing; `told` is what came from outside.
pub(crate) fn all(told: &str) -> Vec<(&'static str, Operation)> {
    vec![
        ("running", course(1, "elbe", OperationKind::Provision, &ahead(6))),
        ("undoing", course(2, "isar", OperationKind::Provision, &undoing(told))),
        ("succeeded", course(3, "rhein", OperationKind::Provision, &whole(&Step::PROVISION))),
        ("rolled-back", course(4, "donau", OperationKind::Provision, &undone(told))),
        ("cancelled", course(5, "neckar", OperationKind::Provision, &cancelled())),
        ("stuck", course(6, "hooli", OperationKind::Provision, &stuck(told))),
        ("settled", course(7, "spree", OperationKind::Provision, &settled(told))),
        ("leaving", course(8, "oder", OperationKind::Deprovision, &leaving())),
        ("failing", course(9, "weser", OperationKind::Deprovision, &failing(told))),
    ]
}

pub(crate) fn named(name: &str) -> Operation {
    all(PRINTED).into_iter().find(|(it, _)| *it == name).expect("one of them").1
}

/// One event after the other, each a second and a half after the one before.
fn course(number: u128, tenant: &str, kind: OperationKind, happened: &[Happened]) -> Operation {
    let started_at = before(3 * i64::try_from(number).expect("few"));
    let at = |place: usize| -> Timestamp {
        started_at + SignedDuration::from_millis(1_500 * i64::try_from(place).expect("few"))
    };
    let log: Vec<Event> = (0..)
        .zip(happened)
        .map(|(place, happened)| Event { at: at(place), happened: happened.clone() })
        .collect();
    let state = saga::state(kind, &log);
    let over = state != watertight::model::operation::OperationState::Running;
    let finished_at = log.last().map(|it| it.at).filter(|_| over);
    let id_of = OperationId::of(number);
    Operation { id: id_of, kind, tenant: id(tenant), state, started_at, finished_at, log }
}

/// So many steps done, and the next one begun.
fn ahead(done: usize) -> Vec<Happened> {
    let mut happened = whole(&Step::PROVISION[..done]);
    happened.extend(Step::PROVISION.get(done).map(|it| Happened::Started(*it)));
    happened
}

fn whole(steps: &[Step]) -> Vec<Happened> {
    steps.iter().flat_map(|it| [Happened::Started(*it), Happened::Succeeded(*it)]).collect()
}

fn failed(told: &str) -> Vec<Happened> {
    let mut happened = ahead(7);
    happened.push(Happened::Failed(Step::Setup, told.into()));
    happened
}

fn undoing(told: &str) -> Vec<Happened> {
    let mut happened = failed(told);
    for step in [Step::Setup, Step::HealthCheck, Step::VerifyUnique] {
        happened.extend([Happened::UndoStarted(step), Happened::Undone(step)]);
    }
    happened.push(Happened::UndoStarted(Step::Stamp));
    happened
}

fn undone(told: &str) -> Vec<Happened> {
    let mut happened = failed(told);
    back(&mut happened, 8);
    happened
}

fn back(happened: &mut Vec<Happened>, begun: usize) {
    for step in Step::PROVISION[..begun].iter().rev() {
        happened.extend([Happened::UndoStarted(*step), Happened::Undone(*step)]);
    }
}

fn cancelled() -> Vec<Happened> {
    let mut happened = ahead(2);
    happened.push(Happened::Cancelled);
    back(&mut happened, 3);
    happened
}

fn stuck(told: &str) -> Vec<Happened> {
    let mut happened = ahead(5);
    happened.push(Happened::Failed(Step::VerifyUnique, told.into()));
    for step in Step::PROVISION[..6].iter().rev() {
        happened.push(Happened::UndoStarted(*step));
        happened.push(match step {
            Step::CreateProject => Happened::UndoFailed(*step, told.into()),
            _ => Happened::Undone(*step),
        });
    }
    happened
}

fn settled(told: &str) -> Vec<Happened> {
    let mut happened = stuck(told);
    happened.push(Happened::Settled(format!("sam: deleted by hand {told}").into()));
    happened
}

fn leaving() -> Vec<Happened> {
    let mut happened = whole(&[Step::Suspend]);
    happened.push(Happened::Started(Step::Grace));
    happened
}

fn failing(told: &str) -> Vec<Happened> {
    let mut happened = whole(&[Step::Suspend, Step::Grace]);
    let made = "/backups/weser.dump sha256 ab12".into();
    happened.push(Happened::Started(Step::Backup));
    happened.push(Happened::Noted(Step::Backup, made));
    happened.push(Happened::Succeeded(Step::Backup));
    happened.push(Happened::Started(Step::DeleteProject));
    happened.push(Happened::Failed(Step::DeleteProject, told.into()));
    happened
}
