//! Rows that are to live in the store: all of them can be used, or none is taken.
//!
//! Why all or none: a half-imported registry is worse than the old one, and whoever mends a file wants every fault of it
//! in one run.
//!
//! Invariant: pure, and no problem repeats a value.

use std::collections::BTreeSet;

use super::row::{Fault, RawRow};
use super::tenant::{Trust, build};
use crate::model::tenant::{Origin, TenantId};

/// The rows with the ids that they are kept under, or everything that is wrong with them. `source` names where they
/// come from.
pub fn judge(rows: Vec<RawRow>, source: &str) -> Result<Vec<(TenantId, RawRow)>, Vec<String>> {
    let mut problems = Vec::new();
    let mut tenants: Vec<(TenantId, RawRow)> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let origin = Origin { source: source.into(), line: row.line };
        let built = build(&row, &origin, Trust::References, None);
        let id = built.tenant.id.clone();
        problems.extend(built.faults.iter().map(|it| told(&origin, it)));
        if !seen.insert(id.clone()) {
            problems.push(format!("{origin}: tenant {id} stands here twice; keep one row"));
        }
        tenants.push((id, row));
    }
    if tenants.is_empty() {
        problems.push(format!("{source}: no tenants; write at least one row"));
    }
    if problems.is_empty() { Ok(tenants) } else { Err(problems) }
}

/// Why those that are not in the store cannot be removed from it; empty where all are.
pub fn not_there(stored: &BTreeSet<TenantId>, wanted: &[TenantId]) -> Vec<String> {
    let missing = wanted.iter().filter(|it| !stored.contains(it));
    missing.map(|it| format!("tenant {it} is not in the store; remove it where `watertight tenants show {it}` says")).collect()
}

fn told(origin: &Origin, fault: &Fault) -> String {
    format!("{origin}: {}: {}; {}", fault.key, fault.message, fault.remedy)
}
