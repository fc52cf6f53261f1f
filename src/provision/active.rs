//! The tenant itself: its name is kept for it, and at the end the registry has it.
//!
//! Why the name is looked up again by the operation, after pre-flight has done so: another source may have taken it since.

use super::drive::{Course, Trouble, judged};
use super::project;
use crate::clock;
use crate::model::operation::{Event, Happened, Step};
use crate::model::tenant::{Tenant, TenantId, normalise};
use crate::store::Store;

pub(super) async fn reserve(course: &mut Course<'_>) -> Result<(), Trouble> {
    let fleet = course.daemon.fleet_now().await?;
    match holder(&fleet.tenants, course.tenant(), &course.work.request.subdomain) {
        Some(holder) => Err(Trouble::failed(format!(
            "the subdomain is that of the tenant {} of {}",
            holder.id, holder.origin
        ))),
        None => Ok(()),
    }
}

/// Who has the id or the subdomain.
pub(super) fn holder<'a>(
    tenants: &'a [Tenant],
    id: &TenantId,
    subdomain: &str,
) -> Option<&'a Tenant> {
    let subdomain = normalise(subdomain);
    tenants.iter().find(|it| {
        it.id == *id || (subdomain.is_some() && it.subdomain.as_deref() == subdomain.as_deref())
    })
}

/// From here on the registry has the tenant, in the same moment in which the operation has succeeded.
pub(super) async fn activate(course: &mut Course<'_>) -> Result<(), Trouble> {
    project::sweep(course).await?;
    let (id, tenant) = (course.id().clone(), course.tenant().clone());
    let row = course.work.row(&tenant);
    let event = Event { at: clock::now(), happened: Happened::Succeeded(Step::Activate) };
    let put =
        move |store: &Store| Ok(store.activate_tenant(&id, &event, judged, (&tenant, &row))?);
    course.stored("activate a tenant", put).await?;
    course.daemon.lead_again(course.tenant());
    // The project stays claimed for as long as the tenant lives; the scans compare the databases from now on.
    release(course, super::connect::DATABASES).await
}

/// Lets go of what was claimed.
pub(super) async fn release(course: &Course<'_>, beginning: &'static str) -> Result<(), Trouble> {
    let id = course.id().clone();
    let release = move |store: &Store| Ok(store.release_claims(&id, beginning)?);
    course.stored("let go of what was claimed", release).await
}
