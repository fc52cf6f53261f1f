//! The stamp's text: signed, read, and judged against what is known of the database that bears it.
//!
//! Why a signature: the comment of a schema can be written by everybody who owns the database. Without the key they can
//! neither make a stamp for another tenant nor one for another database.
//!
//! Why the last text is remembered as well: a stamp that was true once can be copied and put back. What stands there must
//! be what was written last, to the letter.
//!
//! Invariants:
//! - a text needs no quoting in SQL, a shell, a log or a page;
//! - nothing is concluded from a text before its signature holds.

pub mod erase;
pub mod key;
pub mod text;
pub mod write;

use self::key::StampKeys;
use crate::model::stamp::{Stamp, StampVerdict, Stamped, plain_project};
use crate::model::tenant::TenantId;

/// What is known of the database that is looked at. `None` is "withheld", and then not compared.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    pub tenant: &'a TenantId,
    pub project: Option<&'a str>,
    pub system_identifier: Option<u64>,
    pub database_oid: Option<u32>,
}

impl Bearer<'_> {
    /// Whether the stamp was written for this very database.
    fn is_meant_by(&self, stamp: &Stamp) -> bool {
        fn agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            one.zip(other).is_none_or(|(one, other)| one == other)
        }
        agree(stamp.system_identifier, self.system_identifier)
            && agree(stamp.database_oid, self.database_oid)
            && agree(stamp.project.clone(), self.project.map(plain_project))
    }
}

/// Judges what stands in a database: `None` where it may not be read, and an empty text where there is nothing.
///
/// A stamp that is in order and that the store does not know is the database's own: like an identity, it is learnt at
/// first sight. So is one that is newer than what is known: it was written while the scan went on. What is put back is
/// older.
pub fn verify(
    keys: Option<&StampKeys>,
    text: Option<&str>,
    bearer: &Bearer<'_>,
    known: Option<&Stamped>,
) -> StampVerdict {
    let text = match text {
        None => return StampVerdict::Withheld,
        Some("") => return StampVerdict::Absent,
        Some(text) => text,
    };
    let Some(keys) = keys else { return StampVerdict::Unverifiable };
    let Some(stamp) = text::read(keys, text) else { return StampVerdict::Unsigned };
    if stamp.tenant != *bearer.tenant {
        return StampVerdict::Foreign(stamp.tenant);
    }
    if !bearer.is_meant_by(&stamp) {
        return StampVerdict::Moved;
    }
    let known = known.into_iter().flat_map(|it| [it.current.as_deref(), it.next.as_deref()]);
    let known: Vec<&str> = known.flatten().collect();
    let newer = known.iter().all(|it| text::written_at(it).is_none_or(|it| it < stamp.at));
    if newer || known.contains(&text) { StampVerdict::Own } else { StampVerdict::Replaced }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::TargetName;
    use crate::secret::Secret;

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn keys(letter: &str) -> StampKeys {
        StampKeys::new(&Secret::new(letter.repeat(32)), None).unwrap()
    }

    /// The nonce is the second in which it was written, too.
    fn stamp(tenant: &str, nonce: &str) -> Stamp {
        Stamp {
            tenant: id(tenant),
            project: Some("abc".into()),
            system_identifier: Some(u64::MAX),
            database_oid: Some(16_385),
            nonce: nonce.into(),
            at: format!("2026-11-27T02:00:0{}Z", &nonce[1..2]).parse().unwrap(),
        }
    }

    fn known(current: Option<&str>, next: Option<&str>) -> Stamped {
        Stamped {
            tenant: id("acme"),
            target: TargetName::DatabaseUrl,
            current: current.map(Into::into),
            next: next.map(Into::into),
        }
    }

    /// What is found in acme's database, which is known by project, identifier and oid where they are given.
    #[track_caller]
    fn check(
        text: Option<&str>,
        place: (Option<&str>, Option<u64>, Option<u32>),
        known: Option<&Stamped>,
        expected: &StampVerdict,
    ) {
        let acme = id("acme");
        let (project, system_identifier, database_oid) = place;
        let bearer = Bearer { tenant: &acme, project, system_identifier, database_oid };
        assert_eq!(verify(Some(&keys("a")), text, &bearer, known), *expected);
    }

    const HERE: (Option<&str>, Option<u64>, Option<u32>) =
        (Some("abc"), Some(u64::MAX), Some(16_385));

    #[test]
    fn a_stamp_is_its_tenants_own_in_its_own_database_alone() {
        let own = keys("a").sign(&stamp("acme", "n1"));
        let own = Some(&*own);
        check(own, HERE, None, &StampVerdict::Own);
        check(own, (None, None, None), None, &StampVerdict::Own);
        check(own, (Some("abd"), None, None), None, &StampVerdict::Moved);
        check(own, (None, Some(7), Some(16_385)), None, &StampVerdict::Moved);
        check(own, (None, Some(u64::MAX), Some(16_386)), None, &StampVerdict::Moved);
        let globex = keys("a").sign(&stamp("globex", "n1"));
        check(Some(&globex), HERE, None, &StampVerdict::Foreign(id("globex")));
    }

    #[test]
    fn a_stamp_that_was_replaced_is_not_taken_back() {
        let old = keys("a").sign(&stamp("acme", "n1"));
        let new = keys("a").sign(&stamp("acme", "n2"));
        let latest = known(Some(&new), None);
        check(Some(&new), HERE, Some(&latest), &StampVerdict::Own);
        check(Some(&old), HERE, Some(&latest), &StampVerdict::Replaced);
        let coming = known(Some(&old), Some(&new));
        check(Some(&old), HERE, Some(&coming), &StampVerdict::Own);
        check(Some(&new), HERE, Some(&coming), &StampVerdict::Own);
        check(Some(&new), HERE, Some(&known(None, None)), &StampVerdict::Own);
        let twin = keys("a").sign(&stamp("acme", "n2b"));
        check(Some(&twin), HERE, Some(&latest), &StampVerdict::Replaced);
    }

    #[test]
    fn a_stamp_that_is_newer_than_what_is_known_was_written_meanwhile() {
        let new = keys("a").sign(&stamp("acme", "n3"));
        let older = [1, 2].map(|it| keys("a").sign(&stamp("acme", &format!("n{it}"))));
        check(Some(&new), HERE, Some(&known(Some(&older[0]), None)), &StampVerdict::Own);
        check(Some(&new), HERE, Some(&known(Some(&older[0]), Some(&older[1]))), &StampVerdict::Own);
        let globex = keys("a").sign(&stamp("globex", "n4"));
        let foreign = StampVerdict::Foreign(id("globex"));
        check(Some(&globex), HERE, Some(&known(Some(&older[0]), None)), &foreign);
    }

    #[test]
    fn nothing_and_what_cannot_be_judged_are_told_apart() {
        let forged = keys("b").sign(&stamp("globex", "n1"));
        check(None, HERE, None, &StampVerdict::Withheld);
        check(Some(""), HERE, None, &StampVerdict::Absent);
        check(Some(&forged), HERE, None, &StampVerdict::Unsigned);
        check(Some("a comment"), HERE, None, &StampVerdict::Unsigned);
        let bearer = Bearer {
            tenant: &id("acme"),
            project: None,
            system_identifier: None,
            database_oid: None,
        };
        assert_eq!(verify(None, Some(&forged), &bearer, None), StampVerdict::Unverifiable);
    }
}
