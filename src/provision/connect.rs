//! The first visit to a new database, and the claim on it.
//!
//! Why the claim comes before the proof of uniqueness: of two operations that were given one database, each would look
//! around and see nobody. With the claim on the disk first, one of them fails here, and the other is seen by whoever
//! looks later.

use std::collections::BTreeSet;

use super::drive::{Course, Trouble};
use super::keep::{self, Patience};
use super::work::Work;
use super::{left, project, unique};
use crate::daemon::beside::Company;
use crate::dsn::Dsn;
use crate::model::finding::Health;
use crate::model::fingerprint::Fingerprint;
use crate::model::report::Report;
use crate::model::tenant::TenantId;
use crate::registry::row::RawRow;

/// What claims of databases begin with. They end with the operation: from then on the scans compare.
pub(super) const DATABASES: &str = "database/";

pub(super) async fn connect(course: &mut Course<'_>) -> Result<(), Trouble> {
    if let Some(reference) = course.work.reference.clone() {
        let url = way(course, &reference).await?;
        course.work.led_to(&url);
        course.keep_work().await?;
    }
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    loop {
        let report = alone(course).await?;
        if let Some(fingerprint) = seen(&report, &course.visited()) {
            return project::claim_for(course, identities(fingerprint)).await;
        }
        if !patience.wait().await {
            let (_, why) = unique::health(&report, &course.visited());
            return Err(Trouble::failed(format!("the new database does not let us in: {why}")));
        }
    }
}

async fn way(course: &Course<'_>, reference: &str) -> Result<crate::secret::Secret, Trouble> {
    let (provider, password) = (&course.equipment.provider, course.work.password());
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    let url = keep::read(&mut patience, || provider.url(reference, &password)).await;
    url.map_err(Trouble::of)
}

pub(super) fn seen<'a>(report: &'a Report, tenant: &TenantId) -> Option<&'a Fingerprint> {
    let own = report.tenants.iter().find(|it| it.id == *tenant)?;
    let target = own.targets.first()?;
    let serves = matches!(target.health, Health::Healthy | Health::Degraded);
    target.fingerprint.as_deref().filter(|_| serves)
}

/// What no two databases that run at once have in common. A copy has the identifier and the oid of its original, and a
/// start of its own.
fn identities(seen: &Fingerprint) -> BTreeSet<String> {
    let (Some(identifier), Some(oid)) = (seen.system_identifier, seen.database_oid) else {
        // Withheld: the witness alone decides.
        return BTreeSet::new();
    };
    let started = seen.started_at.unwrap_or_default();
    BTreeSet::from([format!("{DATABASES}{identifier}/{started}/{oid}")])
}

/// How the new database is, compared with nobody.
pub(super) async fn alone(course: &Course<'_>) -> Result<Report, Trouble> {
    let rows = vec![row(course)?];
    Ok(course.daemon.look_beside(rows, Company::Alone, course.stop).await?)
}

pub(super) fn row(course: &Course<'_>) -> Result<RawRow, Trouble> {
    login(&course.visited(), &course.work)
}

/// The row that an operation's database is visited by.
pub(super) fn login(tenant: &TenantId, work: &Work) -> Result<RawRow, Trouble> {
    if let Some(row) = work.leaving.as_ref().and_then(|it| it.row.as_ref()) {
        return left::row(tenant, row);
    }
    let url = work.url().ok_or_else(|| Trouble::failed("no database is known yet"))?;
    let dsn = Dsn::parse(url.expose())
        .map_err(|error| Trouble::failed(format!("the database's URL cannot be used: {error}")))?;
    let password = dsn.password.clone().unwrap_or_else(|| work.password());
    Ok(work.row_to_look_at(tenant, &dsn.user, &password))
}
