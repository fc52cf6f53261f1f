//! Many reads become one snapshot.
//!
//! Why duplicates are data: two rows that are one tenant after normalising are a finding that a person must settle.
//! Until then every way that any of the rows names is visited, because each may be the one that customers use.
//!
//! Invariants:
//! - pure: equal reads give equal snapshots;
//! - a tenant that was known and is not read again is stale, unless its source was read well without it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::row::{Fault, RawRow};
use super::tenant::{Built, Trust, build};
use super::{Access, ProbeLogin, Snapshot};
use crate::model::tenant::{
    Duplicate, DuplicateField, Origin, Target, TargetName, Tenant, TenantId, normalise,
};

/// Warnings told one by one; ten thousand bad rows shall not fill a terminal unasked.
const MOST_WARNINGS: usize = 1000;

/// What one source said.
#[derive(Debug)]
pub struct SourceRead {
    pub source: Arc<str>,
    pub trust: Trust,
    /// Rows kept from an earlier read, and the share of them that a read may lose and still be believed. `None` for
    /// what cannot fail: the configuration itself and the store.
    pub kept: Option<(Vec<RawRow>, f64)>,
    /// The rows, or why it could not be read.
    pub outcome: Result<Vec<RawRow>, String>,
}

#[derive(Debug)]
pub struct Merged {
    pub snapshot: Snapshot,
    /// For each source that was read: the rows to keep.
    pub keep: Vec<(Arc<str>, Vec<RawRow>)>,
    /// No source has a tenant, not even an unreadable one.
    pub empty: bool,
}

/// One row on its way into the snapshot.
struct Entry {
    built: Built,
    stale: bool,
}

pub fn merge(reads: Vec<SourceRead>, login: Option<&ProbeLogin>) -> Merged {
    let mut warnings = Vec::new();
    let mut entries = Vec::new();
    let mut keep = Vec::new();
    let mut failed = Vec::new();
    // A tenant that moved to another source is not lost.
    let there: BTreeSet<String> = reads
        .iter()
        .flat_map(|it| it.outcome.iter().flatten())
        .filter_map(|it| normalise(&it.id))
        .collect();
    for read in reads {
        let enter = |row: &RawRow, stale| {
            let origin = Origin { source: read.source.clone(), line: row.line };
            Entry { built: build(row, &origin, read.trust, login), stale }
        };
        let kept = read.kept.as_ref().map_or(&[][..], |(rows, _)| rows);
        match read.outcome {
            Ok(mut rows) => {
                entries.extend(rows.iter().map(|row| enter(row, false)));
                let lost = lost(kept, &there);
                let Some((_, max_shrink)) = read.kept else { continue };
                if !lost.is_empty() && exceeds(lost.len(), kept.len(), max_shrink) {
                    warnings.push(shrunk(&read.source, lost.len(), kept.len(), max_shrink));
                    entries.extend(lost.iter().map(|row| enter(row, true)));
                    let lost: Vec<RawRow> = lost.into_iter().cloned().collect();
                    rows.extend(lost);
                }
                keep.push((read.source, rows));
            }
            Err(reason) => {
                if kept.is_empty() {
                    failed.push((read.source, reason));
                    continue;
                }
                warnings.push(format!(
                    "{}: the source could not be read, so its {} rows of an earlier read are stale: {reason}",
                    read.source,
                    kept.len()
                ));
                entries.extend(kept.iter().map(|row| enter(row, true)));
            }
        }
    }
    let empty = entries.is_empty();
    // Of a source that never was read, nobody knows the tenants: one stands for them, and is never green.
    for (source, reason) in failed {
        let reason = format!("the source could not be read, and never was: {reason}");
        let fault = Fault::new("", reason, "make the source readable");
        let row = RawRow::unreadable(None, fault);
        let origin = Origin { source, line: None };
        entries.push(Entry { built: build(&row, &origin, Trust::Values, login), stale: true });
    }
    tell_faults(&entries, &mut warnings);
    let mut snapshot = assemble(entries);
    snapshot.warnings = warnings;
    Merged { snapshot, keep, empty }
}

/// Rows kept whose tenants are nowhere any more.
fn lost<'a>(kept: &'a [RawRow], there: &BTreeSet<String>) -> Vec<&'a RawRow> {
    let gone = |row: &&RawRow| normalise(&row.id).is_some_and(|id| !there.contains(&id));
    kept.iter().filter(gone).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a fleet has far fewer than 2^52 rows")]
fn exceeds(lost: usize, kept: usize, max_shrink: f64) -> bool {
    lost as f64 > kept as f64 * max_shrink
}

fn shrunk(source: &str, lost: usize, kept: usize, max_shrink: f64) -> String {
    format!(
        "{source}: {lost} of {kept} tenants are gone, more than max_shrink = {max_shrink} allows, so they are kept as \
         stale; if they did leave, raise max_shrink for one scan"
    )
}

fn tell_faults(entries: &[Entry], warnings: &mut Vec<String>) {
    let mut untold = 0_usize;
    for entry in entries {
        let tenant = &entry.built.tenant;
        for fault in &entry.built.faults {
            if MOST_WARNINGS <= warnings.len() {
                untold += 1;
                continue;
            }
            let line = fault.line.or(tenant.origin.line);
            let place = Origin { source: tenant.origin.source.clone(), line };
            warnings.push(format!("{place}: tenant {}: {fault}", tenant.id));
        }
    }
    if 0 < untold {
        warnings.push(format!("and {untold} more faults of this kind; mend these first"));
    }
}

fn assemble(entries: Vec<Entry>) -> Snapshot {
    let fresh: BTreeSet<TenantId> =
        entries.iter().filter(|it| !it.stale).map(|it| it.built.tenant.id.clone()).collect();
    let mut rows: BTreeMap<TenantId, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        // A tenant that moved to another source is known from there.
        if entry.stale && fresh.contains(&entry.built.tenant.id) {
            continue;
        }
        rows.entry(entry.built.tenant.id.clone()).or_default().push(entry);
    }
    let mut snapshot = Snapshot::default();
    for (id, entries) in rows {
        if 1 < entries.len() {
            snapshot.duplicates.push(Duplicate {
                field: DuplicateField::Id,
                value: id.as_str().into(),
                tenants: BTreeSet::from([id]),
                rows: entries.iter().map(|it| it.built.tenant.origin.clone()).collect(),
            });
        }
        let (tenant, access) = one(entries);
        snapshot.tenants.extend(tenant);
        snapshot.access.push(access);
    }
    snapshot.duplicates.extend(same_subdomain(&snapshot.tenants));
    snapshot
}

/// The rows of one id as one tenant: the first row's word counts, and every row's targets are visited.
fn one(entries: Vec<Entry>) -> (Option<Tenant>, Vec<Access>) {
    let mut whole: Option<Tenant> = None;
    let mut access = Vec::new();
    for (index, Entry { built, stale }) in entries.into_iter().enumerate() {
        let Built { mut tenant, access: ways, .. } = built;
        tenant.stale = stale;
        match &mut whole {
            None => whole = Some(tenant),
            Some(whole) => whole.targets.extend(
                tenant.targets.into_iter().map(|target| renamed(target, index.saturating_add(1))),
            ),
        }
        access.extend(ways);
    }
    (whole, access)
}

fn renamed(target: Target, row: usize) -> Target {
    let name = match &target.name {
        TargetName::DatabaseUrl => format!("duplicate-{row}"),
        TargetName::Endpoint(name) => format!("duplicate-{row}-endpoints-{name}"),
        TargetName::Database(name) => format!("duplicate-{row}-databases-{name}"),
    };
    Target { name: TargetName::Database(name.into()), address: target.address }
}

fn same_subdomain(tenants: &[Tenant]) -> Vec<Duplicate> {
    let mut by_name: BTreeMap<&str, Vec<&Tenant>> = BTreeMap::new();
    for tenant in tenants {
        if let Some(name) = &tenant.subdomain {
            by_name.entry(name).or_default().push(tenant);
        }
    }
    let shared = by_name.into_iter().filter(|(_, tenants)| 1 < tenants.len());
    shared
        .map(|(name, tenants)| Duplicate {
            field: DuplicateField::Subdomain,
            value: name.into(),
            tenants: tenants.iter().map(|it| it.id.clone()).collect(),
            rows: tenants.iter().map(|it| it.origin.clone()).collect(),
        })
        .collect()
}
