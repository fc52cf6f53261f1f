//! A store that the first release wrote: it comes up to date with nothing lost.
//!
//! Why its rows are copied from a new store: only a store can seal rows and spell them. The tables are made from the
//! first release's own statements.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use watertight::model::change::{Change, PlannedKinds};
use watertight::model::finding::{Acknowledgement, Finding, State};
use watertight::model::tenant::TargetName;
use watertight::secret::Secret;
use watertight::store::Store;
use watertight::store::memory::RefusedSecret;

use super::example::{at, baseline, finding, fingerprint, finish, id, open, report, tenant};

const FIRST: &str = include_str!("../../src/store/migrations/01_first.sql");

/// Every table of the first shape with its columns.
const TABLES: [(&str, &str); 14] = [
    ("meta", "name, value"),
    ("tenants", "id, sealed"),
    ("kept_sources", "name, read_at, parts"),
    ("kept_parts", "source, part, sealed"),
    ("baselines", "tenant, target, identity, since"),
    ("sightings", "tenant, target, identity, seen_at"),
    ("changes", "number, body, until"),
    ("findings", "id, kind, state, last_seen, body, acknowledgement, acknowledged_at"),
    ("outcomes", "tenant, scanned_at, answered, last_success, state, entries"),
    ("history", "tenant, entry, scan, at, state, probe_micros"),
    ("refused", "tenant, target, digest, at"),
    ("scans", "number, id, started_at, finished_at, trigger, partial, verdict, summary"),
    ("reports", "number, bytes"),
    ("report_parts", "number, part, json"),
];

fn fill(store: &Store) {
    store.put_tenants(&[(id("acme"), "a".to_owned()), (id("globex"), "b".to_owned())]).unwrap();
    store.keep_source("query", &["row".to_owned()], at(0)).unwrap();
    store.put_baselines(&[baseline("acme", 1)]).unwrap();
    store
        .add_change(&Change {
            tenants: vec![id("acme")],
            kinds: PlannedKinds::default(),
            reason: "restore drill".into(),
            ticket: Some("OPS-1".into()),
            by: "ada".into(),
            from: at(0),
            until: at(100),
        })
        .unwrap();
    let (target, secret) = (TargetName::DatabaseUrl, Secret::new("hunter2"));
    let digest = store.secret_digest(&id("acme"), &target, &secret);
    store.put_refused(&[RefusedSecret { tenant: id("acme"), target, digest, at: at(0) }]).unwrap();
    let acknowledged = finding(&["acme"], State::Open, 1, 5);
    let findings = [
        acknowledged.clone(),
        finding(&["globex"], State::Resolved, 1, 4),
        finding(&["initech"], State::Pending, 1, 5),
    ];
    for print in 1..=3 {
        let seen = vec![tenant("acme", Some(fingerprint(print))), tenant("globex", None)];
        let second = i64::try_from(print).unwrap();
        finish(store, &report(&print.to_string(), second, seen), &findings);
    }
    let said = Acknowledgement { by: "ada".into(), reason: "known".into(), until: at(1_000) };
    store.acknowledge(acknowledged.id, &said, at(50)).unwrap();
}

/// What the store knows, as text; but for what the first release did not keep.
fn everything(store: &Store) -> String {
    let resolved: Vec<Finding> = store.resolved_findings(10).unwrap();
    let reports: Vec<_> = (1..=3).map(|it| store.scan_report_json(&it.to_string())).collect();
    format!(
        "{:#?}",
        (
            (store.tenants::<String>().unwrap(), store.kept_sources::<String>().unwrap()),
            (store.baselines().unwrap(), store.last_identities().unwrap()),
            (store.active_changes(at(99)).unwrap(), store.refused().unwrap()),
            (store.standing_findings().unwrap(), resolved),
            (store.answered_before().unwrap(), store.last_successes().unwrap()),
            (store.history(&id("acme"), 10).unwrap(), store.history(&id("globex"), 10).unwrap()),
            (store.scans(10).unwrap(), store.latest_report_json().unwrap(), reports),
        )
    )
}

/// A store of the first shape with the rows of the store in `from`.
fn write_first(from: &Path, to: &Path) {
    let first = Connection::open(to.join("w.db")).unwrap();
    first.execute_batch(FIRST).unwrap();
    first.execute("ATTACH ?1 AS filled", [from.join("w.db").to_str().unwrap()]).unwrap();
    for (table, columns) in TABLES {
        let copied = first
            .execute(
                &format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM filled.{table}"),
                [],
            )
            .unwrap();
        assert_ne!(copied, 0, "{table}");
    }
    let changed =
        first.execute("UPDATE changes SET body = json_remove(body, '$.kinds')", []).unwrap();
    assert_eq!(changed, 1);
    first.execute_batch("PRAGMA journal_mode = WAL; PRAGMA user_version = 1").unwrap();
    fs::copy(from.join("w.db.key"), to.join("w.db.key")).unwrap();
}

#[test]
fn a_store_of_the_first_release_comes_up_to_date_with_nothing_lost() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let filled = open(from.path());
    fill(&filled);
    write_first(from.path(), to.path());
    let store = open(to.path());
    assert_eq!(everything(&store), everything(&filled));
    // Nobody knows when it was resolved, but it was not before it was seen last.
    let resolved = store.resolved_since(at(0), 10).unwrap();
    assert_eq!(resolved.iter().map(|it| it.1).collect::<Vec<_>>(), [at(4)]);
    assert_eq!(store.latencies(&id("acme"), 10).unwrap(), []);
    // And it goes on.
    finish(&store, &report("4", 4, vec![tenant("acme", Some(fingerprint(4)))]), &[]);
    assert_eq!(store.scans(10).unwrap().len(), 4);
    assert_eq!(store.history(&id("acme"), 10).unwrap()[0].number, 4);
    drop(store);
    assert_eq!(open(to.path()).latencies(&id("acme"), 10).unwrap().len(), 1);
}
