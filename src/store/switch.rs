//! The moment in which a tenant's row leads to another database.
//!
//! Why one transaction: the row, what is expected of the database, its stamp and the end of the operation are read by
//! different parts of the house, and none of them may see one without the others.
//!
//! Invariants:
//! - a row that somebody has changed since it was copied from stays as it is;
//! - what the tenant's old database was made by owns it no more: nothing deletes it by itself from now on.

use rusqlite::{Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Fault, StoreError};
use super::{Store, changes, memory, operations};
use crate::model::change::{Baseline, Change};
use crate::model::operation::{Event, OperationId, OperationKind, OperationState};
use crate::model::tenant::{TargetName, TenantId};

/// From one row to another.
#[derive(Clone, Debug)]
pub struct Switch<T> {
    pub operation: OperationId,
    pub tenant: TenantId,
    pub before: T,
    pub after: T,
    /// What the new database shows of itself.
    pub baseline: Baseline,
    /// For the record.
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    Yes,
    /// The row is not the one that was copied from.
    RowChanged,
    /// The operation is being undone.
    TooLate,
}

impl Store {
    /// The last event of an operation that moved a tenant.
    pub fn switch_tenant<T: Serialize + DeserializeOwned + PartialEq>(
        &self,
        switch: &Switch<T>,
        event: &Event,
        judge: impl FnOnce(OperationKind, &[Event]) -> Option<OperationState>,
    ) -> Result<Switched, StoreError> {
        let Switch { operation, tenant, before, after, baseline, change } = switch;
        self.write("switch a tenant", |transaction| {
            let row: Option<T> = self.get_tenant(transaction, tenant)?;
            if row.as_ref() != Some(before) {
                return Ok(Switched::RowChanged);
            }
            let state = operations::note(transaction, operation, event, judge)?;
            if state != Some(OperationState::Succeeded) {
                return Ok(Switched::TooLate);
            }
            self.put_tenant(transaction, tenant, after)?;
            // An endpoint that is gone is expected nowhere.
            transaction.execute(
                "DELETE FROM baselines WHERE tenant = ?1 AND target LIKE 'endpoints.%'",
                [tenant.as_str()],
            )?;
            memory::put_baselines(transaction, std::slice::from_ref(baseline))?;
            changes::add(transaction, change)?;
            arrive(transaction, tenant)?;
            disown(transaction, operation, tenant)?;
            Ok(Switched::Yes)
        })
    }
}

/// The stamp that was written into the new database is the one that counts; without one, none is missed.
fn arrive(transaction: &Transaction<'_>, tenant: &TenantId) -> Result<(), Fault> {
    let place = params![tenant.as_str(), TargetName::DatabaseUrl.to_string()];
    transaction.execute(
        "UPDATE stamps SET current = next, next = NULL WHERE tenant = ?1 AND target = ?2",
        place,
    )?;
    transaction.execute("DELETE FROM stamps WHERE current IS NULL AND next IS NULL", [])?;
    Ok(())
}

fn disown(
    transaction: &Transaction<'_>,
    operation: &OperationId,
    tenant: &TenantId,
) -> Result<(), Fault> {
    let whose = params![tenant.as_str(), operation.as_str()];
    transaction.execute(
        "DELETE FROM claims WHERE operation IN
             (SELECT operation FROM projects WHERE tenant = ?1 AND operation <> ?2)",
        whose,
    )?;
    transaction.execute("DELETE FROM projects WHERE tenant = ?1 AND operation <> ?2", whose)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::claims::Given;
    use super::super::operations::NewOperation;
    use super::super::url::StoreUrl;
    use super::*;
    use crate::model::change::{Identity, PlannedKinds};
    use crate::model::fingerprint::Digest256;
    use crate::model::operation::{Happened, Step};
    use crate::model::stamp::SeenStamp;

    fn given(operation: &OperationId, tenant: &TenantId, reference: &str) -> Given {
        let (operation, tenant) = (operation.clone(), tenant.clone());
        Given { provider: "local".into(), reference: reference.into(), operation, tenant }
    }

    /// What became of it, the row afterwards, what stands as the stamp, and the tenant's projects.
    #[track_caller]
    fn check(row: &str, state: OperationState, expected: (Switched, &str, Option<&str>, &[&str])) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Sqlite(directory.path().join("w.db")), None).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        let (old, operation) = (OperationId::of(1), OperationId::of(2));
        let at = Timestamp::from_second(1).unwrap();
        store.put_tenants(&[(tenant.clone(), row.to_owned())]).unwrap();
        store.give_project(&given(&old, &tenant, "old"), at).unwrap();
        store.give_project(&given(&operation, &tenant, "new"), at).unwrap();
        let target = TargetName::DatabaseUrl;
        let stamp = |text: &str| {
            [SeenStamp { tenant: tenant.clone(), target: target.clone(), text: text.into() }]
        };
        store.confirm_stamps(&stamp("old")).unwrap();
        store.intend_stamps(&stamp("new")).unwrap();
        let new = NewOperation {
            id: operation.clone(),
            kind: OperationKind::Rehome,
            tenant: tenant.clone(),
            key: None,
            request: Digest256::of(b""),
            at,
        };
        store.begin_operation(&new, &"work").unwrap();
        let identity = Identity {
            system_identifier: Some(7),
            database_oid: Some(5),
            database: "app".into(),
            timeline: Some(1),
            project_id: None,
        };
        let switch = Switch {
            operation,
            tenant: tenant.clone(),
            before: "there".to_owned(),
            after: "here".to_owned(),
            baseline: Baseline { tenant: tenant.clone(), target, identity, since: at },
            change: Change {
                tenants: vec![tenant.clone()],
                kinds: PlannedKinds::default(),
                reason: "moved".into(),
                ticket: None,
                by: "watertight".into(),
                from: at,
                until: at,
            },
        };
        let event = Event { at, happened: Happened::Succeeded(Step::Switch) };
        let switched = store.switch_tenant(&switch, &event, |_, _| Some(state)).unwrap();
        let row: String = store.tenant(&tenant).unwrap().unwrap();
        let stamps = store.stamps().unwrap();
        let given = store.projects_of_tenant(&tenant).unwrap();
        let projects: Vec<&str> = given.iter().map(|it| &*it.reference).collect();
        let stands = stamps[0].current.as_deref();
        assert_eq!((switched, row.as_str(), stands, &*projects), expected);
        let known = store.baselines().unwrap().len();
        assert_eq!(known, usize::from(switched == Switched::Yes));
    }

    #[test]
    fn the_row_its_stamp_and_its_project_change_together_or_not_at_all() {
        let done = (Switched::Yes, "here", Some("new"), &["new"][..]);
        check("there", OperationState::Succeeded, done);
        let both = &["new", "old"][..];
        let changed = (Switched::RowChanged, "elsewhere", Some("old"), both);
        check("elsewhere", OperationState::Succeeded, changed);
        let late = (Switched::TooLate, "there", Some("old"), both);
        check("there", OperationState::Running, late);
    }
}
