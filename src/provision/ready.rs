//! Waiting for a project: what its provider says of it, until it can be used.
//!
//! Why absence is doubted for a while: a provider's lists lag behind its own answers. Why failure is believed at once: a
//! project that its provider gave up will not come up by waiting.

use super::drive::{Course, Trouble};
use super::keep::Patience;
use crate::provider::Readiness;

pub(super) async fn wait(course: &mut Course<'_>) -> Result<(), Trouble> {
    let Some(reference) = course.work.reference.clone() else { return Ok(()) };
    let options = &course.equipment.options;
    let mut patience = Patience::new(&course.equipment, options.ready_timeout);
    let mut absent = Patience::new(&course.equipment, options.settling());
    loop {
        let last = match course.equipment.provider.readiness(&reference).await {
            Ok(Readiness::Ready) => return Ok(()),
            Ok(Readiness::Failed(why)) => {
                return Err(Trouble::failed(format!("the project {reference} failed: {why}")));
            }
            Ok(Readiness::Absent) if absent.is_over() => {
                let why = format!("the provider knows no project {reference} any more");
                return Err(Trouble::failed(why));
            }
            Ok(Readiness::Absent) => "its provider does not know it".into(),
            Ok(Readiness::Coming(what)) => {
                absent = Patience::new(&course.equipment, options.settling());
                what
            }
            Err(error) if patience.outlasts(&error).await => continue,
            Err(error) => return Err(Trouble::of(error)),
        };
        if !patience.wait().await {
            let limit = options.ready_timeout.as_secs();
            return Err(Trouble::failed(format!(
                "the project {reference} was not ready within {limit} s: {last}"
            )));
        }
    }
}
