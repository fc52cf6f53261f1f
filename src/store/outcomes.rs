//! What each tenant was at its last scan, and its history: an entry for each time that it changed.
//!
//! Why a failure is forgotten while our own side is suspected: the suspicion is judged by who answered last time. Were
//! the failures of one bad minute taken for answers, the next scan would suspect nobody and open a finding for each
//! tenant, with the network still down.

use rusqlite::{OptionalExtension, Transaction, params};

use super::error::Fault;
use super::latencies::{self, Latency};
use super::memory;
use super::rows::{self, TenantState};
use super::scans::FinishedScan;
use crate::model::change::Identity;
use crate::model::finding::{Kind, State};
use crate::model::fingerprint::Fingerprint;
use crate::model::report::{Report, TargetReport, TenantReport};
use crate::model::tenant::TargetName;

/// Entries of history per tenant.
const HISTORY_AT_MOST: i64 = 1_000;

/// Of every tenant in the report.
pub(super) fn put(transaction: &Transaction<'_>, scan: &FinishedScan<'_>) -> Result<(), Fault> {
    let suspects_us = suspects_us(scan);
    for tenant in &scan.report.tenants {
        let answered = own_target(tenant).and_then(answered);
        put_outcome(transaction, scan.report, tenant, answered.filter(|it| *it || !suspects_us))?;
        put_sightings(transaction, scan.report, tenant)?;
        if let (Some(took), Some(answered)) = (tenant.probe, answered) {
            let latency = Latency { at: scan.report.finished_at, took, answered };
            latencies::put(transaction, &tenant.id, latency)?;
        }
    }
    latencies::prune(transaction, scan.report.finished_at)
}

/// Whether this very scan found that so much failed at once.
fn suspects_us(scan: &FinishedScan<'_>) -> bool {
    scan.findings.iter().chain(scan.unreported).any(|it| {
        it.claim.kind == Kind::MonitorSuspect
            && it.state != State::Resolved
            && scan.report.started_at <= it.last_seen
    })
}

/// `answered` is whether the visit succeeded; `None` where none counts, so that what was known before still holds.
fn put_outcome(
    transaction: &Transaction<'_>,
    report: &Report,
    tenant: &TenantReport,
    answered: Option<bool>,
) -> Result<(), Fault> {
    let at = rows::micros(report.finished_at);
    let own = own_target(tenant);
    let state = rows::state_text(&TenantState {
        verdict: tenant.isolation,
        health: tenant.health,
        cause: tenant.cause,
        fingerprint: own
            .and_then(|it| Some(it.fingerprint.as_ref()?.sha256(it.address.project_id()))),
    });
    let before: Option<(String, i64)> = transaction
        .prepare_cached("SELECT state, entries FROM outcomes WHERE tenant = ?1")?
        .query_row([tenant.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let changed = before.as_ref().is_none_or(|(before, _)| *before != state);
    let entries = before.map_or(0, |(_, entries)| entries) + i64::from(changed);
    transaction
        .prepare_cached(
            "INSERT INTO outcomes (tenant, scanned_at, answered, last_success, state, entries)
             VALUES (?1, ?2, coalesce(?3, FALSE), iif(?3, ?2, NULL), ?4, ?5)
             ON CONFLICT (tenant) DO UPDATE SET
                 scanned_at = excluded.scanned_at,
                 answered = coalesce(?3, answered),
                 last_success = coalesce(excluded.last_success, last_success),
                 state = excluded.state,
                 entries = excluded.entries",
        )?
        .execute(params![tenant.id.as_str(), at, answered, state, entries])?;
    if changed {
        let probe = tenant.probe.map(rows::duration_micros);
        transaction
            .prepare_cached(
                "INSERT INTO history (tenant, entry, scan, at, state, probe_micros)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![tenant.id.as_str(), entries, report.id, at, state, probe])?;
        transaction
            .prepare_cached("DELETE FROM history WHERE tenant = ?1 AND entry <= ?2")?
            .execute(params![tenant.id.as_str(), entries - HISTORY_AT_MOST])?;
    }
    Ok(())
}

fn put_sightings(
    transaction: &Transaction<'_>,
    report: &Report,
    tenant: &TenantReport,
) -> Result<(), Fault> {
    let seen = |it: &TargetReport, fingerprint: &Fingerprint| {
        let identity = Identity::of(fingerprint, it.address.project_id());
        memory::put_sighting(transaction, &tenant.id, &it.name, &identity, report.finished_at)
    };
    tenant
        .targets
        .iter()
        .filter_map(|it| Some(seen(it, it.fingerprint.as_ref()?)))
        .collect::<Result<(), Fault>>()
}

fn own_target(tenant: &TenantReport) -> Option<&TargetReport> {
    tenant.targets.iter().find(|it| it.name == TargetName::DatabaseUrl)
}

/// Whether the visit succeeded; `None` where none was made, so that what was known before still holds.
fn answered(target: &TargetReport) -> Option<bool> {
    match (&target.fingerprint, target.cause) {
        (Some(_), _) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    }
}
