//! Many reads become one snapshot.
//!
//! Why duplicates are data: two rows that are one tenant after normalising are a finding that a person must settle.
//! Until then every way that any of the rows names is visited, because each may be the one that customers use.
//!
//! Invariants:
//! - pure: equal reads give equal snapshots;
//! - a tenant that was known and is not read again is stale, unless its source was read well without it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::row::{Fault, RawRow};
use super::tenant::{Built, Trust, build, id};
use super::{Access, ProbeLogin, Snapshot};
use crate::model::tenant::{
    Duplicate, DuplicateField, Origin, Target, TargetName, Tenant, TenantId, normalise,
};

/// Warnings told one by one; ten thousand bad rows shall not fill a terminal unasked.
const MOST_WARNINGS: usize = 1000;

/// What one source said.
#[derive(Debug)]
pub struct SourceRead<'a> {
    pub source: Arc<str>,
    pub trust: Trust,
    /// Rows kept from an earlier read, and the share of them that a read may lose and still be believed. `None` for
    /// what cannot fail: the configuration itself and the store.
    pub kept: Option<(Vec<RawRow>, f64)>,
    /// The rows, or why it could not be read.
    pub outcome: Result<Cow<'a, [RawRow]>, String>,
}

#[derive(Debug)]
pub struct Merged {
    pub snapshot: Snapshot,
    /// For each source that was read: the rows to keep.
    pub keep: Vec<(Arc<str>, Vec<RawRow>)>,
    /// No source has a tenant, not even an unreadable one.
    pub empty: bool,
}

/// One row on its way into the snapshot. Small, because only one tenant at a time is built from them: a large fleet
/// must not stand in memory twice.
struct Entry<'a> {
    id: TenantId,
    /// Index of its source.
    source: usize,
    row: &'a RawRow,
    stale: bool,
}

/// A source's rows, and those of an earlier read that are stale.
type Part<'a> = (Cow<'a, [RawRow]>, Vec<RawRow>);

/// A source's name and how far it is trusted.
type Named = (Arc<str>, Trust);

pub fn merge(reads: Vec<SourceRead<'_>>, login: Option<&ProbeLogin>) -> Merged {
    let there = there(&reads);
    let mut warnings = Vec::new();
    let mut sources: Vec<Named> = Vec::new();
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut kept_again = Vec::new();
    let mut empty = true;
    for read in reads {
        let keeps = read.kept.is_some();
        let (mut kept, max_shrink) = read.kept.unwrap_or((Vec::new(), 1.0));
        let part = match read.outcome {
            Ok(rows) => {
                let before = kept.len();
                kept.retain(|row| normalise(&row.id).is_some_and(|id| !contains(&there, &id)));
                if exceeds(kept.len(), before, max_shrink) {
                    warnings.push(shrunk(&read.source, kept.len(), before, max_shrink));
                } else {
                    kept.clear();
                }
                kept_again.extend(keeps.then_some(sources.len()));
                (rows, kept)
            }
            Err(reason) if kept.is_empty() => {
                // Of a source that never was read, nobody knows the tenants: one stands for them, and is never green.
                let reason = format!("the source could not be read, and never was: {reason}");
                let fault = Fault::new("", reason, "make the source readable");
                sources.push((read.source, read.trust));
                parts.push((Cow::default(), vec![RawRow::unreadable(None, fault)]));
                continue;
            }
            Err(reason) => {
                warnings.push(format!(
                    "{}: the source could not be read, so its {} rows of an earlier read are stale: {reason}",
                    read.source,
                    kept.len()
                ));
                (Cow::default(), kept)
            }
        };
        empty &= part.0.is_empty() && part.1.is_empty();
        sources.push((read.source, read.trust));
        parts.push(part);
    }
    let mut snapshot = assemble(entries(&sources, &parts), &sources, login);
    warnings.append(&mut snapshot.warnings);
    snapshot.warnings = warnings;
    let keep = kept_again.into_iter().filter_map(|index| {
        let (rows, stale) = std::mem::take(parts.get_mut(index)?);
        Some((sources.get(index)?.0.clone(), {
            let mut rows = rows.into_owned();
            rows.extend(stale);
            rows
        }))
    });
    let keep = keep.collect();
    Merged { snapshot, keep, empty }
}

/// Every id that was read, sorted: a tenant that moved to another source is not lost.
fn there(reads: &[SourceRead<'_>]) -> Vec<Box<str>> {
    // Asked only about rows that were kept.
    if reads.iter().all(|it| it.kept.as_ref().is_none_or(|(rows, _)| rows.is_empty())) {
        return Vec::new();
    }
    let rows = reads.iter().flat_map(|it| it.outcome.iter().flat_map(|rows| rows.iter()));
    let mut there: Vec<Box<str>> =
        rows.filter_map(|it| normalise(&it.id)).map(String::into_boxed_str).collect();
    there.sort_unstable();
    there
}

fn contains(there: &[Box<str>], id: &str) -> bool {
    there.binary_search_by(|it| (**it).cmp(id)).is_ok()
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

/// All rows, sorted by id; of one id they stay in the order of the sources.
fn entries<'a>(sources: &[Named], parts: &'a [Part<'_>]) -> Vec<Entry<'a>> {
    let count = parts.iter().map(|(rows, stale)| rows.len() + stale.len()).sum();
    let mut entries = Vec::with_capacity(count);
    for (index, (rows, stale)) in parts.iter().enumerate() {
        let both = rows.iter().map(|it| (it, false)).chain(stale.iter().map(|it| (it, true)));
        entries.extend(both.map(|(row, stale)| {
            let id = id(row, &origin(sources, index, row));
            Entry { id: id.unwrap_or_else(|placeholder| placeholder), source: index, row, stale }
        }));
    }
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    entries
}

fn origin(sources: &[Named], index: usize, row: &RawRow) -> Origin {
    let source = sources.get(index).map_or_else(|| "".into(), |it| it.0.clone());
    Origin { source, line: row.line }
}

fn assemble(entries: Vec<Entry<'_>>, sources: &[Named], login: Option<&ProbeLogin>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.tenants.reserve_exact(entries.len());
    snapshot.access.reserve_exact(entries.len());
    let mut environments = BTreeSet::new();
    let mut faults: Vec<(usize, Origin, String)> = Vec::new();
    let mut rest = entries.into_iter().peekable();
    while let Some(first) = rest.next() {
        let id = first.id.clone();
        let mut rows = vec![first];
        while let Some(next) = rest.next_if(|it| it.id == id) {
            rows.push(next);
        }
        if rows.iter().any(|it| !it.stale) {
            rows.retain(|it| !it.stale);
        }
        let mut built = Vec::with_capacity(rows.len());
        for row in &rows {
            let trust = sources.get(row.source).map_or(Trust::Values, |it| it.1);
            let mut one = build(row.row, &origin(sources, row.source, row.row), trust, login);
            one.tenant.stale = row.stale;
            intern(&mut one.tenant.environment, &mut environments);
            for fault in std::mem::take(&mut one.faults) {
                let line = fault.line.or(one.tenant.origin.line);
                let place = Origin { source: one.tenant.origin.source.clone(), line };
                faults.push((row.source, place, format!("tenant {id}: {fault}")));
            }
            built.push(one);
        }
        if 1 < built.len() {
            snapshot.duplicates.push(Duplicate {
                field: DuplicateField::Id,
                value: id.as_str().into(),
                tenants: BTreeSet::from([id]),
                rows: built.iter().map(|it| it.tenant.origin.clone()).collect(),
            });
        }
        let (tenant, access) = one(built);
        snapshot.tenants.extend(tenant);
        snapshot.access.push(access);
    }
    snapshot.duplicates.extend(same_subdomain(&snapshot.tenants));
    snapshot.warnings = told(faults);
    snapshot
}

/// In the order in which a person finds them in the files.
fn told(mut faults: Vec<(usize, Origin, String)>) -> Vec<String> {
    faults.sort();
    let untold = faults.len().saturating_sub(MOST_WARNINGS);
    faults.truncate(MOST_WARNINGS);
    let mut told: Vec<String> =
        faults.into_iter().map(|(_, place, fault)| format!("{place}: {fault}")).collect();
    if 0 < untold {
        told.push(format!("and {untold} more faults of this kind; mend these first"));
    }
    told
}

/// One text for all tenants that say the same.
fn intern(text: &mut Arc<str>, known: &mut BTreeSet<Arc<str>>) {
    match known.get(text) {
        Some(it) => *text = it.clone(),
        None => drop(known.insert(text.clone())),
    }
}

/// The rows of one id as one tenant: the first row's word counts, and every row's targets are visited.
fn one(rows: Vec<Built>) -> (Option<Tenant>, Vec<Access>) {
    let mut rows = rows.into_iter();
    let Some(Built { mut tenant, mut access, .. }) = rows.next() else { return (None, Vec::new()) };
    for (further, number) in rows.zip(2..) {
        let targets = further.tenant.targets.into_iter();
        tenant.targets.extend(targets.map(|it| renamed(it, number)));
        access.extend(further.access);
    }
    (Some(tenant), access)
}

fn renamed(target: Target, row: u32) -> Target {
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
