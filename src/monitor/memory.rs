//! What a cycle is given of earlier ones, and what is kept of it.
//!
//! Why beside the cycle and not within it: the cycle takes values and returns values, so that it can be run without a
//! store. Whoever runs one with a store does these three things around it, in this order.
//!
//! Why the calls block: the store's do. A caller that serves others at the same time moves them off its threads.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use jiff::Timestamp;

use super::Cycle;
use super::late::Late;
use crate::model::change::{Baseline, Change};
use crate::model::finding::Finding;
use crate::model::operation::Leftover;
use crate::model::stamp::Stamped;
use crate::model::tenant::TenantId;
use crate::registry::KeptRows;
use crate::registry::row::RawRow;
use crate::report::json;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::memory::RefusedSecret;
use crate::store::scans::FinishedScan;
use crate::store::tenants::Grave;

/// How many resolved findings are looked through when trouble returns.
const RESOLVED: u32 = 1_000;

/// What earlier scans left, and what people said since.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub baselines: Vec<Baseline>,
    pub changes: Vec<Change>,
    /// Those that stand, and those that were resolved lately: trouble that returns keeps its id.
    pub findings: Vec<Finding>,
    pub answered_before: BTreeSet<TenantId>,
    pub refused: Vec<RefusedSecret>,
    /// What operations could not take away.
    pub leftovers: Vec<Leftover>,
    /// Which databases bear a stamp, as far as the store knows.
    pub stamped: Vec<Stamped>,
    /// Of tenants that left, with the rows that led to their databases.
    pub graves: Vec<Grave<Option<RawRow>>>,
}

impl Memory {
    pub fn read(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let mut findings = store.standing_findings()?;
        findings.extend(store.resolved_findings(RESOLVED)?);
        Ok(Self {
            baselines: store.baselines()?,
            changes: store.active_changes(now)?,
            findings,
            answered_before: store.answered_before()?,
            refused: store.refused()?,
            leftovers: store.leftovers()?,
            stamped: store.stamps()?,
            graves: store.graves()?,
        })
    }
}

/// What the store adds to the registry: its own tenants, and what it kept of each source for the day on which it fails.
#[derive(Clone, Debug, Default)]
pub struct KnownRows {
    pub kept: BTreeMap<String, KeptRows>,
    pub stored: Vec<RawRow>,
}

impl KnownRows {
    pub fn read(store: &Store) -> Result<Self, StoreError> {
        let kept = store.kept_sources::<RawRow>()?.into_iter();
        let kept = kept.map(|it| {
            let rows = KeptRows { source: it.source.clone(), rows: it.rows, read_at: it.read_at };
            (it.source, rows)
        });
        let stored = store.tenants::<RawRow>()?.into_iter().map(|(_, row)| row).collect();
        Ok(Self { kept: kept.collect(), stored })
    }
}

/// Keeps what was read of the registry's sources.
pub fn keep_sources(store: &Store, sources: &[KeptRows]) -> Result<(), StoreError> {
    sources.iter().try_for_each(|it| store.keep_source(&it.source, &it.rows, it.read_at))
}

/// Keeps what a cycle found, with what the store did not take of those before, all in one transaction, and then what it
/// learnt of secrets and stamps.
pub fn keep(store: &Store, cycle: &Cycle, late: &Late) -> Result<(), StoreError> {
    let report = &cycle.report;
    let mut unreported = late.findings_beside(cycle);
    unreported.extend(cycle.unreported.iter().cloned());
    store.finish_scan(&FinishedScan {
        report,
        write_json: &|out: &mut dyn Write| json::write(report, out),
        findings: &report.findings,
        unreported: &unreported,
        baselines: &late.baselines_before(cycle),
    })?;
    store.tell_graves(&cycle.graves, report.finished_at)?;
    store.clear_refused(&cycle.accepted)?;
    store.put_refused(&cycle.refused)?;
    store.confirm_stamps(&cycle.stamps)
}
