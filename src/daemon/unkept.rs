//! What the daemon still knows while its store does not answer, or takes nothing.
//!
//! Why: a full disk or a deleted file must not end the watch. What the store told last holds until it tells again, and what
//! the scans found since is laid over it.
//!
//! Why in memory alone: whoever cannot write has nowhere else to put it. What a scan found is told all the same, and a
//! daemon that ends before its store is mended loses what it could not keep, which the log has said each time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::model::change::Baseline;
use crate::model::finding::{Finding, FindingId};
use crate::model::report::Report;
use crate::model::tenant::{TargetName, TenantId};
use crate::monitor::late::Late;
use crate::monitor::memory::{KnownRows, Memory};

#[derive(Debug, Default)]
pub(super) struct Unkept(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// As the store told them last.
    rows: Option<KnownRows>,
    memory: Option<Memory>,
    /// What scans found since that.
    since: Late,
    /// Of it, what the store did not take.
    late: Late,
    /// Findings of which a person said something since the running scan took up its memory.
    said: BTreeSet<FindingId>,
}

/// Whether the store took a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    No,
}

impl Unkept {
    /// The registry's rows as they were read, or as they were read last.
    pub(super) fn rows(&self, read: anyhow::Result<KnownRows>) -> anyhow::Result<KnownRows> {
        let mut known = self.known();
        known.rows = Some(told_or_known("the registry's rows", read, known.rows.take())?);
        Ok(known.rows.clone().unwrap_or_default())
    }

    /// A scan takes up what is known: what a person says from now on is news to it.
    pub(super) fn taken_up(&self) {
        self.known().said.clear();
    }

    /// What earlier scans left, as it was read or as it was read last, with what was found or not kept since.
    pub(super) fn memory(&self, read: anyhow::Result<Memory>) -> anyhow::Result<Memory> {
        let mut known = self.known();
        if read.is_ok() {
            known.since = known.late.clone();
        }
        let mut memory = told_or_known("what earlier scans left", read, known.memory.take())?;
        known.memory = Some(memory.clone());
        known.since.over(&mut memory);
        Ok(memory)
    }

    pub(super) fn late(&self) -> Late {
        self.known().late.clone()
    }

    /// A scan has ended, after which these findings stand. The store took it, and with it what it had not taken before; or
    /// it did not.
    pub(super) fn ended(&self, kept: Kept, findings: &[Finding], baselines: &[Baseline]) {
        let mut known = self.known();
        known.since.add(findings, baselines);
        match kept {
            Kept::Yes => known.late = Late::default(),
            Kept::No => known.late.add(findings, baselines),
        }
    }

    pub(super) fn say(&self, finding: &Finding) {
        let mut known = self.known();
        known.since.say(finding);
        known.late.say(finding);
        known.said.insert(finding.id);
    }

    /// Of what the store tells, that which a person said while the scan ran. The rest is older than the scan.
    pub(super) fn said_meanwhile(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        let known = self.known();
        findings.retain(|it| known.said.contains(&it.id));
        findings
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Plain data, and each step leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told_or_known<T>(what: &str, read: anyhow::Result<T>, known: Option<T>) -> anyhow::Result<T> {
    match (read, known) {
        (Err(error), Some(known)) => {
            tracing::error!("{what}: what was read last still holds: {error:#}");
            Ok(known)
        }
        (read, _) => read,
    }
}

/// When each tenant's own database answered last, where the store cannot say what this scan adds.
pub(super) fn successes(
    before: &BTreeMap<TenantId, Timestamp>,
    report: &Report,
) -> BTreeMap<TenantId, Timestamp> {
    let mut successes = before.clone();
    for tenant in &report.tenants {
        let own = tenant.targets.iter().find(|it| it.name == TargetName::DatabaseUrl);
        if own.is_some_and(|it| it.fingerprint.is_some()) {
            successes.insert(tenant.id.clone(), report.finished_at);
        }
    }
    successes
}
