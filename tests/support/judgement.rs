//! Compares a report with the labels: every pair right, no false alarm, none missed, every cause right.

use std::collections::{BTreeMap, BTreeSet};

use watertight::model::finding::{Certainty, Kind, Verdict};
use watertight::model::report::{Report, TenantReport};
use watertight::model::tenant::TenantId;

use crate::labelled_fleet::{Bond, Expected, Part};

/// Kinds that say what two tenants are to each other, the narrowest first.
const RELATIONS: [Kind; 4] =
    [Kind::SharedDatabase, Kind::SharedCluster, Kind::SharedReplication, Kind::ClonedLineage];

/// Tenants whose roles may neither take nor see a lock, and whose servers withhold who they are. Nobody can be told
/// apart from them, so a fleet with them has nobody who is isolated.
pub(crate) const BLIND: &str = "blind-";

/// Everything that the report of the fleet without the blind says wrongly, in sentences. Empty is right.
pub(crate) fn faults(part: &Part, report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    let told: BTreeMap<&str, &TenantReport> =
        report.tenants.iter().map(|it| (it.id.as_str(), it)).collect();
    let expected: BTreeMap<_, _> =
        part.expected.iter().filter(|(id, _)| !id.starts_with(BLIND)).collect();
    for (id, expected) in &expected {
        match told.get(id.as_str()) {
            None => faults.push(format!("{id} is not in the report")),
            Some(tenant) => faults.extend(tenant_faults(id, expected, tenant)),
        }
    }
    if told.len() != expected.len() {
        faults.push(format!("{} tenants told of {}", told.len(), expected.len()));
    }
    faults.extend(pair_faults(part, report, &told));
    faults.extend(single_faults(part, report));
    faults
}

/// As `faults`, of the whole fleet: whoever would be isolated is unverified, for the blind alone.
pub(crate) fn clouded_faults(part: &Part, report: &Report) -> Vec<String> {
    let mut clear = report.clone();
    let mut faults = Vec::new();
    for tenant in &mut clear.tenants {
        let id = tenant.id.as_str();
        let isolated = part.expected[id].isolation.contains(&Verdict::Isolated);
        if isolated && tenant.isolation == Verdict::Isolated {
            faults
                .push(format!("{id}: isolated beside tenants that nobody can be told apart from"));
        }
        if isolated && tenant.doubts.iter().all(|it| it.contains(BLIND)) {
            tenant.isolation = Verdict::Isolated;
        }
    }
    clear.tenants.retain(|it| !it.id.as_str().starts_with(BLIND));
    faults.extend(self::faults(part, &clear));
    faults
}

/// Where the proof may be written, the standby of one of two idle twins is nobody's guess any more.
pub(crate) fn twin_faults(report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    let told = report.standing().find(|it| {
        it.claim.kind == Kind::SharedReplication
            && it.claim.tenants.iter().any(|id| id.as_str() == "twin-standby")
    });
    let members: Option<Vec<&str>> =
        told.map(|it| it.claim.tenants.iter().map(TenantId::as_str).collect());
    if members.as_deref() != Some(&["twin-1", "twin-standby"]) {
        faults.push(format!("the standby of twin-1 is told with {members:?}"));
    }
    if told.is_none_or(|it| it.claim.certainty != Certainty::Proven) {
        faults.push("the standby of twin-1 is not proven".to_owned());
    }
    let twin = report.tenants.iter().find(|it| it.id.as_str() == "twin-2");
    if twin.is_none_or(|it| it.isolation != Verdict::Isolated) {
        faults.push(format!("twin-2: {twin:?}"));
    }
    faults
}

fn tenant_faults(id: &str, expected: &Expected, told: &TenantReport) -> Vec<String> {
    let mut faults = Vec::new();
    let built = expected.built;
    if !expected.health.contains(&told.health) {
        faults.push(format!("{id} ({built}): {} not {:?}", told.health, expected.health));
    }
    if told.cause != expected.cause {
        let detail: Vec<_> = told.targets.iter().filter_map(|it| it.detail.as_deref()).collect();
        faults.push(format!(
            "{id} ({built}): cause {:?} not {:?}: {detail:?}",
            told.cause, expected.cause
        ));
    }
    if !expected.isolation.contains(&told.isolation) {
        faults.push(format!(
            "{id} ({built}): {} not {:?}: {:?}",
            told.isolation, expected.isolation, told.doubts
        ));
    }
    faults
}

fn pair_faults(
    part: &Part,
    report: &Report,
    tenants: &BTreeMap<&str, &TenantReport>,
) -> Vec<String> {
    let ids: Vec<&String> = part.expected.keys().filter(|it| !it.starts_with(BLIND)).collect();
    let unverified =
        |id: &str| tenants.get(id).is_some_and(|it| it.isolation == Verdict::Unverified);
    let mut faults = Vec::new();
    for (at, one) in ids.iter().enumerate() {
        for other in &ids[at + 1..] {
            let told = narrowest(report, one, other);
            let bond = part.bonds.get(&((*one).clone(), (*other).clone()));
            let right = match (bond, told) {
                (None, None) => true,
                (Some(Bond::Told(kind) | Bond::ToldOrUnverified(kind)), Some(told)) => {
                    *kind == told
                }
                (Some(Bond::ToldOrUnverified(_)), None) => unverified(one) || unverified(other),
                (Some(Bond::AncestorOrNothing), told) => {
                    told.is_none_or(|it| it == Kind::ClonedLineage)
                }
                (None, Some(_)) | (Some(Bond::Told(_)), None) => false,
            };
            if !right {
                faults.push(format!("{one} and {other}: told as {told:?}, and are {bond:?}"));
            }
        }
    }
    faults
}

fn narrowest(report: &Report, one: &str, other: &str) -> Option<Kind> {
    RELATIONS.into_iter().find(|kind| {
        report.standing().any(|finding| {
            let has = |id: &str| finding.claim.tenants.iter().any(|it| it.as_str() == id);
            finding.claim.kind == *kind && has(one) && has(other)
        })
    })
}

/// Findings beside relations that break isolation: exactly those expected.
fn single_faults(part: &Part, report: &Report) -> Vec<String> {
    let told: BTreeSet<(Kind, BTreeSet<String>)> = report
        .standing()
        .filter(|it| it.breaches() && !RELATIONS.contains(&it.claim.kind))
        .map(|it| (it.claim.kind, it.claim.tenants.iter().map(ToString::to_string).collect()))
        .collect();
    let expected: BTreeSet<_> = part.singles.iter().cloned().collect();
    let missing = expected.difference(&told).map(|it| format!("not told: {it:?}"));
    let false_alarms = told.difference(&expected).map(|it| format!("false alarm: {it:?}"));
    missing.chain(false_alarms).collect()
}
