//! Judges the stamps that a scan met, for the detector and for the store.
//!
//! Why here: the core has no key, and the key's module knows no scan.
//!
//! Why keys that cannot be read are a warning: the fleet is scanned all the same, and what the stamps say is then unknown,
//! which opens nothing and takes nothing back.

use std::collections::BTreeMap;

use crate::model::observation::Observation;
use crate::model::stamp::{Expected, SeenStamp, StampLook, StampVerdict, Stamped};
use crate::model::tenant::{TargetName, TenantId};
use crate::registry::Snapshot;
use crate::report::layout::counted;
use crate::stamp::key::{StampKeyRefs, StampKeys};
use crate::stamp::{Bearer, verify};

/// What one scan's stamps say.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) looks: Vec<StampLook>,
    /// The tenants' own, and not yet what the store expects.
    pub(super) seen: Vec<SeenStamp>,
    pub(super) warning: Option<String>,
}

pub(super) fn judge(
    snapshot: &Snapshot,
    observations: &[Observation],
    stamped: &[Stamped],
    keys: &StampKeyRefs,
) -> Judged {
    let (keys, why) = match keys.read() {
        Ok(Some(keys)) => (Some(keys), None),
        Ok(None) => (None, Some("`secrets.stamp_key` is not set".to_owned())),
        Err(error) => (None, Some(error.to_string())),
    };
    let known: Known<'_> = stamped.iter().map(|it| ((&it.tenant, &it.target), it)).collect();
    let mut judged = Judged::default();
    let expected = stamped.iter().filter(|it| it.current.is_some()).count();
    if let Some(why) = why.filter(|_| 0 < expected) {
        judged.warning = Some(format!("{} cannot be verified: {why}", counted(expected, "stamp")));
    }
    for observation in observations {
        look(snapshot, observation, &known, keys.as_ref(), &mut judged);
    }
    judged
}

type Known<'a> = BTreeMap<(&'a TenantId, &'a TargetName), &'a Stamped>;

fn look(
    snapshot: &Snapshot,
    observation: &Observation,
    known: &Known<'_>,
    keys: Option<&StampKeys>,
    judged: &mut Judged,
) {
    let Some(sighting) = observation.outcome.sighting() else { return };
    let (tenant, way, _) = snapshot.target(observation.target);
    // An endpoint leads to the tenant's own database. A standby there may still lack what was written a moment ago, so
    // nothing is missed at one.
    let endpoint = matches!(way.name, TargetName::Endpoint(_));
    let database = if endpoint { &TargetName::DatabaseUrl } else { &way.name };
    let known = known.get(&(&tenant.id, database)).copied();
    let print = &sighting.fingerprint;
    let bearer = Bearer {
        tenant: &tenant.id,
        project: way.address.project_id(),
        system_identifier: print.system_identifier,
        database_oid: print.database_oid,
    };
    let verdict = verify(keys, print.stamp.as_deref(), &bearer, known);
    let stamped = known.is_some_and(|it| it.current.is_some());
    let expected = if stamped && !endpoint { Expected::Stamp } else { Expected::Nothing };
    if let (StampVerdict::Own, Some(text), false) = (&verdict, &print.stamp, endpoint)
        && known.and_then(|it| it.current.as_deref()) != Some(text)
    {
        let (tenant, target) = (tenant.id.clone(), way.name.clone());
        judged.seen.push(SeenStamp { tenant, target, text: text.clone() });
    }
    // A fleet that knows no stamps keeps no list of their absence.
    if expected == Expected::Stamp || verdict != StampVerdict::Absent {
        judged.looks.push(StampLook { target: observation.target, expected, verdict });
    }
}
