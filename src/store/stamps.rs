//! What stands, or is about to stand, as the stamp of each of a tenant's databases.
//!
//! Why two texts: a stamp is remembered before it is written, because whoever dies in between must not find a stamp
//! there that nobody knows. Until it is seen there, the one before counts as well.
//!
//! Why none is pruned: forgetting that a database was stamped is how an unstamped one passes for it.

use std::collections::BTreeSet;

use rusqlite::{Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, rows};
use crate::model::stamp::{SeenStamp, Stamped};
use crate::model::tenant::{TargetName, TenantId};

impl Store {
    /// Sorted by tenant and target.
    pub fn stamps(&self) -> Result<Vec<Stamped>, StoreError> {
        self.read("read the stamps", |transaction| {
            let mut all = transaction.prepare_cached(
                "SELECT tenant, target, current, next FROM stamps ORDER BY tenant, target",
            )?;
            let mut found = all.query([])?;
            let mut stamps = Vec::new();
            while let Some(row) = found.next()? {
                stamps.push(Stamped {
                    tenant: rows::tenant(&row.get::<_, String>(0)?)?,
                    target: rows::target(&row.get::<_, String>(1)?)?,
                    current: row.get::<_, Option<Box<str>>>(2)?,
                    next: row.get::<_, Option<Box<str>>>(3)?,
                });
            }
            Ok(stamps)
        })
    }

    /// Remembers stamps that are about to be written, all or none: before anything is written outside.
    pub fn intend_stamps(&self, stamps: &[SeenStamp]) -> Result<(), StoreError> {
        self.write("remember stamps that are to be written", |transaction| {
            let mut put = transaction.prepare_cached(
                "INSERT INTO stamps (tenant, target, next) VALUES (?1, ?2, ?3)
                 ON CONFLICT (tenant, target) DO UPDATE SET next = excluded.next",
            )?;
            for it in stamps {
                put.execute(params![it.tenant.as_str(), it.target.to_string(), &*it.text])?;
            }
            Ok(())
        })
    }

    /// These were written, or met in their databases and found in order: nothing older counts any more.
    pub fn confirm_stamps(&self, stamps: &[SeenStamp]) -> Result<(), StoreError> {
        if stamps.is_empty() {
            return Ok(());
        }
        self.write("remember stamps", |transaction| confirm(transaction, stamps))
    }

    /// Nothing was written after all, and nothing will be.
    pub fn withdraw_stamp(&self, tenant: &TenantId, target: &TargetName) -> Result<(), StoreError> {
        self.write("forget a stamp that was not written", |transaction| {
            let place = params![tenant.as_str(), target.to_string()];
            transaction.execute(
                "UPDATE stamps SET next = NULL WHERE tenant = ?1 AND target = ?2",
                place,
            )?;
            transaction.execute("DELETE FROM stamps WHERE current IS NULL AND next IS NULL", [])?;
            Ok(())
        })
    }

    /// The tenants' databases are gone for good.
    pub fn forget_stamps(&self, tenants: &BTreeSet<TenantId>) -> Result<(), StoreError> {
        self.write("forget stamps", |transaction| {
            let mut forget = transaction.prepare_cached("DELETE FROM stamps WHERE tenant = ?1")?;
            tenants.iter().try_for_each(|it| Ok(forget.execute([it.as_str()]).map(|_| ())?))
        })
    }
}

/// A text that is still on its way stays so, unless it is this one that has arrived.
pub(super) fn confirm(transaction: &Transaction<'_>, stamps: &[SeenStamp]) -> Result<(), Fault> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO stamps (tenant, target, current) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, target) DO UPDATE SET
             current = excluded.current,
             next = CASE WHEN next = excluded.current THEN NULL ELSE next END
         WHERE current IS NOT excluded.current",
    )?;
    for it in stamps {
        put.execute(params![it.tenant.as_str(), it.target.to_string(), &*it.text])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::url::StoreUrl;
    use super::*;

    fn seen(text: &str) -> SeenStamp {
        SeenStamp {
            tenant: TenantId::parse("acme").unwrap(),
            target: TargetName::DatabaseUrl,
            text: text.into(),
        }
    }

    /// The words are what is done in order; what stands and what is on its way afterwards.
    #[track_caller]
    fn check(done: &[&str], expected: Option<(Option<&str>, Option<&str>)>) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Sqlite(directory.path().join("w.db")), None).unwrap();
        let acme = TenantId::parse("acme").unwrap();
        for step in done {
            match step.split_once(' ') {
                Some(("intend", text)) => store.intend_stamps(&[seen(text)]),
                Some(("confirm", text)) => store.confirm_stamps(&[seen(text)]),
                _ if *step == "withdraw" => store.withdraw_stamp(&acme, &TargetName::DatabaseUrl),
                _ => store.forget_stamps(&BTreeSet::from([acme.clone()])),
            }
            .unwrap();
        }
        let stamps = store.stamps().unwrap();
        let told = stamps.first().map(|it| (it.current.as_deref(), it.next.as_deref()));
        assert_eq!(told, expected, "{done:?}");
    }

    #[test]
    fn a_stamp_counts_from_its_intention_and_alone_from_its_arrival() {
        check(&["intend a"], Some((None, Some("a"))));
        check(&["intend a", "confirm a"], Some((Some("a"), None)));
        check(&["intend a", "confirm a", "intend b"], Some((Some("a"), Some("b"))));
        check(&["intend a", "confirm a", "intend b", "confirm b"], Some((Some("b"), None)));
        check(&["intend a", "confirm a", "intend b", "confirm a"], Some((Some("a"), Some("b"))));
        check(&["confirm a"], Some((Some("a"), None)));
    }

    #[test]
    fn what_was_not_written_is_taken_back_and_what_is_gone_is_forgotten() {
        check(&["intend a", "withdraw"], None);
        check(&["confirm a", "intend b", "withdraw"], Some((Some("a"), None)));
        check(&["confirm a", "intend b", "forget"], None);
    }
}
