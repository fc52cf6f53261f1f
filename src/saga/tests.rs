//! Every operation, failing at every step and dying after every event.

use super::*;

/// A world in which each thing stands on the one before it, so that the order of undoing shows.
#[derive(Default)]
struct World {
    there: Vec<Step>,
    log: Vec<Event>,
    seconds: i64,
}

/// What goes wrong.
#[derive(Clone, Copy, Default)]
struct Plan {
    fails: Option<Step>,
    undo_fails: Option<Step>,
    /// The process dies after so many actions, each of which is done and not yet noted, or noted.
    dies_after: usize,
    cancelled_before: Option<Step>,
}

impl World {
    fn note(&mut self, happened: Happened) {
        self.seconds += 1;
        let at = Timestamp::from_second(self.seconds).unwrap();
        self.log.push(Event { at, happened });
    }

    fn make(&mut self, step: Step) {
        if !self.there.contains(&step) {
            self.there.push(step);
        }
    }

    #[track_caller]
    fn unmake(&mut self, step: Step) {
        if let Some(place) = self.there.iter().position(|it| *it == step) {
            assert_eq!(place, self.there.len() - 1, "others stand on {step:?}: {:?}", self.there);
            self.there.pop();
        }
    }
}

/// Runs the operation to its end, as the executor does: note, do, note. One death on the way.
#[track_caller]
fn drive(kind: OperationKind, plan: Plan) -> (OperationState, World) {
    let mut world = World::default();
    let mut actions = 0;
    let dies = |actions: &mut usize| {
        *actions += 1;
        *actions == plan.dies_after
    };
    for _ in 0..200 {
        match next(kind, &world.log) {
            Next::Ended(state) => return (state, world),
            Next::Run(step) => {
                if plan.cancelled_before == Some(step) && can_turn_back(kind, &world.log) {
                    world.note(Happened::Cancelled);
                    continue;
                }
                world.note(Happened::Started(step));
                if dies(&mut actions) {
                    continue;
                }
                // What fails may have been done.
                world.make(step);
                if dies(&mut actions) {
                    continue;
                }
                if plan.fails == Some(step) {
                    world.note(Happened::Failed(step, "no".into()));
                } else {
                    world.note(Happened::Succeeded(step));
                }
            }
            Next::Undo(step) => {
                world.note(Happened::UndoStarted(step));
                if dies(&mut actions) {
                    continue;
                }
                if plan.undo_fails == Some(step) {
                    world.note(Happened::UndoFailed(step, "no".into()));
                    // Whatever stands on it was taken away before; what it stands on can go.
                    world.there.retain(|it| *it != step);
                    continue;
                }
                world.unmake(step);
                if dies(&mut actions) {
                    continue;
                }
                world.note(Happened::Undone(step));
            }
        }
    }
    panic!("it does not end: {:?}", world.log);
}

#[test]
fn whole_or_not_at_all_whichever_step_fails_and_wherever_it_dies() {
    for (kind, dies_after) in [OperationKind::Provision, OperationKind::Rehome]
        .into_iter()
        .flat_map(|kind| (0..40).map(move |it| (kind, it)))
    {
        let plan = Plan { dies_after, ..Plan::default() };
        let (state, world) = drive(kind, plan);
        assert_eq!(state, OperationState::Succeeded);
        assert_eq!(world.there, kind.steps());
        for fails in kind.steps().iter().copied() {
            let plan = Plan { fails: Some(fails), dies_after, ..Plan::default() };
            let (state, world) = drive(kind, plan);
            assert_eq!(state, OperationState::RolledBack, "{kind:?} {fails:?} {dies_after}");
            assert_eq!(world.there, []);
        }
    }
}

#[test]
fn a_cancelled_operation_leaves_nothing() {
    for step in Step::PROVISION {
        let plan = Plan { cancelled_before: Some(step), ..Plan::default() };
        let (state, world) = drive(OperationKind::Provision, plan);
        assert_eq!((state, world.there), (OperationState::RolledBack, vec![]), "{step:?}");
    }
}

#[test]
fn an_undo_that_fails_leaves_the_operation_stuck_and_the_rest_undone() {
    for undo_fails in Step::PROVISION {
        let plan =
            Plan { fails: Some(Step::Activate), undo_fails: Some(undo_fails), ..Plan::default() };
        let (state, world) = drive(OperationKind::Provision, plan);
        assert_eq!(state, OperationState::Stuck);
        let views = steps(OperationKind::Provision, &world.log);
        for view in views {
            let left = view.step == undo_fails;
            let expected = if left { StepState::UndoFailed } else { StepState::Undone };
            assert_eq!(view.state, expected, "{view:?}");
        }
    }
}

#[test]
fn what_cannot_be_undone_is_not_turned_back() {
    let kind = OperationKind::Deprovision;
    for step in [Step::DeleteProject, Step::Bury] {
        let (state, world) = drive(kind, Plan { fails: Some(step), ..Plan::default() });
        assert_eq!(state, OperationState::Stuck);
        assert!(world.there.contains(&Step::Suspend), "nobody is led to it again");
        let plan = Plan { cancelled_before: Some(Step::Bury), ..Plan::default() };
        assert_eq!(drive(kind, plan).0, OperationState::Succeeded);
    }
    for cancelled in [Step::Grace, Step::Backup, Step::DeleteProject] {
        let plan = Plan { cancelled_before: Some(cancelled), ..Plan::default() };
        let (state, world) = drive(kind, plan);
        assert_eq!((state, world.there), (OperationState::RolledBack, vec![]), "{cancelled:?}");
    }
}

#[test]
fn a_tenant_whose_backup_fails_is_called_back() {
    for dies_after in 0..20 {
        let plan = Plan { fails: Some(Step::Backup), dies_after, ..Plan::default() };
        let (state, world) = drive(OperationKind::Deprovision, plan);
        assert_eq!((state, world.there), (OperationState::RolledBack, vec![]), "{dies_after}");
        let begun =
            world.log.iter().any(|it| it.happened == Happened::Started(Step::DeleteProject));
        assert!(!begun, "nothing is deleted");
    }
}

#[test]
fn what_a_step_notes_is_shown_and_decides_nothing() {
    let (_, mut world) = drive(OperationKind::Deprovision, Plan::default());
    world.note(Happened::Noted(Step::Backup, "there".into()));
    assert_eq!(state(OperationKind::Deprovision, &world.log), OperationState::Succeeded);
    let views = steps(OperationKind::Deprovision, &world.log);
    let backup = views.iter().find(|it| it.step == Step::Backup).unwrap();
    assert_eq!((backup.state, backup.note.as_deref()), (StepState::Succeeded, Some("there")));
}

#[test]
fn the_reason_outlives_the_undoing() {
    let plan = Plan { fails: Some(Step::Connect), ..Plan::default() };
    let (_, world) = drive(OperationKind::Provision, plan);
    let views = steps(OperationKind::Provision, &world.log);
    let connect = views.iter().find(|it| it.step == Step::Connect).unwrap();
    assert_eq!(connect.state, StepState::Undone);
    assert_eq!(connect.error.as_deref(), Some("no"));
    assert!(connect.started_at < connect.finished_at);
    let later = views.iter().find(|it| it.step == Step::Stamp).unwrap();
    assert_eq!((later.state, later.started_at), (StepState::Pending, None));
}
