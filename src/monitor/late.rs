//! What cycles found and the store did not take.
//!
//! Why it is carried on: without the findings of the cycle before, the next one could count no second failure and would
//! date every trouble anew, and a finding that was resolved meanwhile would stand in the store for ever.
//!
//! Invariants:
//! - pure: whoever runs cycles says what was kept and what was not;
//! - what is told here is newer than what the store tells of the same.

use std::collections::BTreeMap;

use super::Cycle;
use super::memory::Memory;
use crate::model::change::Baseline;
use crate::model::finding::{Finding, FindingId};
use crate::model::tenant::{TargetName, TenantId};

#[derive(Clone, Debug, Default)]
pub struct Late {
    findings: BTreeMap<FindingId, Finding>,
    baselines: BTreeMap<(TenantId, TargetName), Baseline>,
}

impl Late {
    /// A cycle that was not kept: `findings` as they are told since, and the first sightings that it made.
    pub fn add<'a>(
        &mut self,
        findings: impl IntoIterator<Item = &'a Finding>,
        baselines: &[Baseline],
    ) {
        self.findings.extend(findings.into_iter().map(|it| (it.id, it.clone())));
        let named = |it: &Baseline| ((it.tenant.clone(), it.target.clone()), it.clone());
        self.baselines.extend(baselines.iter().map(named));
    }

    /// What a person said meanwhile of a finding is known here too.
    pub fn say(&mut self, said: &Finding) {
        if let Some(finding) = self.findings.get_mut(&said.id) {
            finding.state = said.state;
            finding.acknowledgement.clone_from(&said.acknowledgement);
        }
    }

    /// Puts it into what the store tells.
    pub fn over(&self, memory: &mut Memory) {
        memory.findings.retain(|it| !self.findings.contains_key(&it.id));
        memory.findings.extend(self.findings.values().cloned());
        let mut baselines = self.baselines.clone();
        for known in &mut memory.baselines {
            let late = baselines.remove(&(known.tenant.clone(), known.target.clone()));
            // What a person accepted since is newer.
            if let Some(late) = late.filter(|it| known.since < it.since) {
                *known = late;
            }
        }
        memory.baselines.extend(baselines.into_values());
    }

    /// The findings that are to be kept beside those of `cycle`, which are newer.
    pub(super) fn findings_beside(&self, cycle: &Cycle) -> Vec<Finding> {
        let mut late = self.findings.clone();
        for finding in cycle.report.findings.iter().chain(&cycle.unreported) {
            late.remove(&finding.id);
        }
        late.into_values().collect()
    }

    /// Those of the cycles before, then those of `cycle`.
    pub(super) fn baselines_before(&self, cycle: &Cycle) -> Vec<Baseline> {
        self.baselines.values().chain(&cycle.baselines).cloned().collect()
    }
}
