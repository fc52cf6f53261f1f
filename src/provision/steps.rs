//! Which part of the program does each step, and which undoes it.
//!
//! Why nothing undoes the last step: it succeeds in the moment in which the registry has the tenant, or has done nothing.
//!
//! Why every step may come twice: a process that dies after doing and before noting finds the step begun, and does it
//! again. Each looks first at what is there.

use super::drive::{Course, Trouble};
use super::{active, backup, connect, furnish, parting, project, ready, rehome, unique};
use crate::model::operation::Step;

pub(super) async fn act(course: &mut Course<'_>, step: Step) -> Result<(), Trouble> {
    match step {
        Step::Reserve if course.work.moving.is_some() => rehome::reserve(course).await,
        Step::Reserve => active::reserve(course).await,
        Step::CreateProject => project::create(course).await,
        Step::AwaitReady => ready::wait(course).await,
        Step::Connect => connect::connect(course).await,
        Step::Stamp => furnish::stamp(course).await,
        Step::VerifyUnique => unique::verify(course).await,
        Step::HealthCheck => unique::examine(course).await,
        Step::Setup => furnish::set_up(course).await,
        Step::Activate => active::activate(course).await,
        Step::Copy => rehome::copy(course).await,
        Step::Compare => rehome::compare(course).await,
        Step::Switch => rehome::switch(course).await,
        Step::Suspend => parting::suspend(course).await,
        Step::Grace => parting::grace(course).await,
        Step::Backup => backup::back_up(course).await,
        Step::DeleteProject => parting::delete(course).await,
        Step::Bury => parting::bury(course).await,
    }
}

pub(super) async fn undo(course: &mut Course<'_>, step: Step) -> Result<(), Trouble> {
    match step {
        Step::Reserve => active::release(course, "").await,
        Step::CreateProject => project::ensure_absent(course).await,
        Step::Connect => active::release(course, connect::DATABASES).await,
        Step::Stamp => furnish::take_stamp_away(course).await,
        Step::Suspend => parting::call_back(course).await,
        Step::Backup => backup::forget_unfinished(course),
        Step::Copy => {
            rehome::forget_copy(course);
            Ok(())
        }
        Step::AwaitReady
        | Step::VerifyUnique
        | Step::HealthCheck
        | Step::Setup
        | Step::Activate
        | Step::Compare
        | Step::Switch
        | Step::Grace
        | Step::DeleteProject
        | Step::Bury => Ok(()),
    }
}
