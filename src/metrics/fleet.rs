//! What the fleet as a whole looks like: counts over all tenants, whoever of them has series of its own.
//!
//! Why everything from one `Standing`: counts that come from different moments contradict each other, and a sum over
//! tenants' own series would be wrong as soon as some are withheld.

use jiff::{SignedDuration, Timestamp};

use super::detail::is_told;
use super::list::{
    FLEET_COVERAGE, FLEET_FINDINGS, FLEET_HEALTH, FLEET_OLDEST_SUCCESS, FLEET_STALE, FLEET_TENANTS,
    REGISTRY_TENANTS,
};
use super::text::{Text, seconds};
use crate::model::finding::{Finding, Health, Kind, Severity, State, Verdict};
use crate::model::report::{Report, TenantReport};
use crate::standing::Standing;

/// Of the healths those that a database can be in; what could not be tried is in none.
const HEALTHS: [Health; 3] = [Health::Healthy, Health::Degraded, Health::Unhealthy];

/// Of a tenant's life those states that nothing brings about yet. All others are `active` or `stale`.
const STATES_TO_COME: [&str; 3] = ["provisioning", "suspended", "deleting"];

pub(super) fn fleet(text: &mut Text, standing: &Standing) {
    registry(text, standing);
    let tenants = &standing.now.tenants;
    let count =
        |wanted: &dyn Fn(&TenantReport) -> bool| tenants.iter().filter(|it| wanted(it)).count();
    text.family(&FLEET_TENANTS, |it| {
        for verdict in Verdict::ALL {
            it.add(&[verdict.label()], count(&|tenant| tenant.isolation == *verdict));
        }
    });
    text.family(&FLEET_HEALTH, |it| {
        for health in HEALTHS {
            it.add(&[health.label()], count(&|tenant| tenant.health == health));
        }
    });
    text.family(&FLEET_COVERAGE, |it| it.add(&[], coverage(&standing.full)));
    text.family(&FLEET_OLDEST_SUCCESS, |it| {
        let answers = tenants.iter().filter_map(|it| standing.last_success.get(&it.id));
        if let Some(oldest) = answers.min() {
            it.add(&[], seconds(*oldest));
        }
    });
    findings(text, &standing.now.findings);
}

/// Absent where the registry could not be read: a fleet of nobody would look like one that was lost.
fn registry(text: &mut Text, standing: &Standing) {
    if standing.tenants.is_empty() && !standing.now.tenants.is_empty() {
        return;
    }
    let stale = standing.tenants.iter().filter(|it| it.stale).count();
    text.family(&REGISTRY_TENANTS, |it| {
        it.add(&["active"], standing.tenants.len() - stale);
        for state in STATES_TO_COME {
            it.add(&[state], 0);
        }
        it.add(&["stale"], stale);
    });
}

/// An empty fleet proves nothing.
#[expect(clippy::cast_precision_loss, reason = "tenants are far fewer than 2^52")]
fn coverage(full: &Report) -> f64 {
    let verified = full.tenants.len() - full.unverified().len();
    if full.tenants.is_empty() { 0.0 } else { verified as f64 / full.tenants.len() as f64 }
}

/// Every kind that is looked for at every severity, and of those that nobody looks for yet what was found all the same.
fn findings(text: &mut Text, findings: &[Finding]) {
    let mut counts = vec![[[0_usize; 2]; Severity::ALL.len()]; Kind::ALL.len()];
    for finding in findings.iter().filter(|it| is_told(it.state)) {
        let state = usize::from(finding.state == State::Acknowledged);
        counts[finding.claim.kind as usize][finding.claim.severity as usize][state] += 1;
    }
    text.family(&FLEET_FINDINGS, |it| {
        for (kind, severities) in Kind::ALL.iter().zip(counts) {
            for (severity, states) in Severity::ALL.iter().zip(severities) {
                for (state, count) in [State::Open, State::Acknowledged].iter().zip(states) {
                    if 0 < count || !is_reserved(*kind) {
                        it.add(&[kind.label(), severity.label(), state.label()], count);
                    }
                }
            }
        }
    });
}

/// Nothing looks for these yet, and a 0 would claim that something did.
const fn is_reserved(kind: Kind) -> bool {
    matches!(kind, Kind::DataBridge | Kind::CrossTenantAccess | Kind::PublicExposure)
}

/// How old what is told is. Kept beside the text, because it grows while nothing is scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ages {
    /// Tenants of the report whose row is kept from an earlier read.
    stale_rows: usize,
    /// When the others were judged, oldest first.
    judged: Vec<Timestamp>,
}

impl Ages {
    /// A tenant that answered after the last scan of all was judged anew by a partial one.
    pub(super) fn of(standing: &Standing) -> Self {
        let (mut stale_rows, mut judged) = (0, Vec::with_capacity(standing.now.tenants.len()));
        for tenant in &standing.now.tenants {
            if standing.registered(&tenant.id).is_some_and(|it| it.stale) {
                stale_rows += 1;
                continue;
            }
            let answered = standing.last_success.get(&tenant.id).copied();
            judged.push(
                answered.map_or(standing.full.finished_at, |it| it.max(standing.full.finished_at)),
            );
        }
        judged.sort_unstable();
        Self { stale_rows, judged }
    }

    pub(super) fn tell(&self, text: &mut Text, now: Timestamp, window: SignedDuration) {
        let old = self.judged.partition_point(|it| window < now.duration_since(*it));
        text.family(&FLEET_STALE, |it| it.add(&[], self.stale_rows + old));
    }
}
