//! How a stamp is written: `watertight.stamp/1 tenant=acme project=- system=7415 database=16385 nonce=… at=… mac=…`.
//!
//! Why readable: who finds a foreign stamp at night wants to see whose it is without a tool of ours. Why in one order and
//! one spelling: what is signed must be what is read.
//!
//! Invariant: what is read back and written again is the same text, or it is not read.

use jiff::Timestamp;

use super::key::StampKeys;
use crate::model::stamp::Stamp;
use crate::model::tenant::TenantId;

const VERSION: &str = "watertight.stamp/1";
const MAC: &str = " mac=";
/// Withheld, or there is none.
const NONE: &str = "-";

/// In bytes; the longest tenant and project leave half of it free. A look reads more than this.
pub const LONGEST: usize = 1_000;

/// Everything but the signature.
pub(super) fn said(stamp: &Stamp) -> String {
    let or_none = |it: Option<String>| it.unwrap_or_else(|| NONE.to_owned());
    format!(
        "{VERSION} tenant={} project={} system={} database={} nonce={} at={}",
        stamp.tenant,
        or_none(stamp.project.as_deref().map(ToOwned::to_owned)),
        or_none(stamp.system_identifier.map(|it| it.to_string())),
        or_none(stamp.database_oid.map(|it| it.to_string())),
        stamp.nonce,
        stamp.at,
    )
}

pub(super) fn signed(said: &str, signature: &str) -> String {
    format!("{said}{MAC}{signature}")
}

/// The stamp, where one of the keys signed it.
pub fn read(keys: &StampKeys, text: &str) -> Option<Stamp> {
    let (said, signature) = text.rsplit_once(MAC).filter(|_| text.len() <= LONGEST)?;
    keys.holds(said, signature).then(|| parse(said))?
}

/// Whom a text of this form names, whoever wrote it: worth a warning and no conclusion.
pub fn claimed_tenant(text: &str) -> Option<TenantId> {
    parse(text.rsplit_once(MAC)?.0).map(|it| it.tenant)
}

/// When a text that we wrote was made.
pub fn written_at(text: &str) -> Option<Timestamp> {
    parse(text.rsplit_once(MAC)?.0).map(|it| it.at)
}

fn parse(said: &str) -> Option<Stamp> {
    let mut words = said.split(' ');
    (words.next()? == VERSION).then_some(())?;
    let mut value = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
    let some = |it: &str| (it != NONE).then(|| it.to_owned());
    let stamp = Stamp {
        tenant: TenantId::parse(value("tenant")?).ok()?,
        project: some(value("project")?).map(Into::into),
        system_identifier: some(value("system")?).map(|it| it.parse()).transpose().ok()?,
        database_oid: some(value("database")?).map(|it| it.parse()).transpose().ok()?,
        nonce: value("nonce")?.into(),
        at: value("at")?.parse().ok()?,
    };
    (self::said(&stamp) == said).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn keys() -> StampKeys {
        StampKeys::new(&Secret::new("k".repeat(32)), None).unwrap()
    }

    fn stamp(tenant: &str, project: Option<&str>, system_identifier: Option<u64>) -> Stamp {
        Stamp {
            tenant: TenantId::parse(tenant).unwrap(),
            project: project.map(Into::into),
            system_identifier,
            database_oid: Some(16_385),
            nonce: "AAAAAAAAAAAAAAAAAAAAAA".into(),
            at: "2026-11-27T02:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_stamp_is_read_back_as_it_was_written() {
        for stamp in [
            stamp("acme", None, None),
            stamp("a.b_c-d", Some("abcdefghijklmnopqrst"), Some(u64::MAX)),
            stamp(&"long".repeat(63), Some(&"p".repeat(100)), Some(7)),
        ] {
            let text = keys().sign(&stamp);
            assert!(text.len() <= LONGEST && text.is_ascii());
            assert!(!text.contains(['\'', '"', '\\', '$', '`', '<', '&', '\n']), "{text}");
            assert_eq!(read(&keys(), &text), Some(stamp));
        }
    }

    #[test]
    fn every_altered_or_missing_byte_is_noticed() {
        let text = keys().sign(&stamp("acme", Some("abc"), Some(7)));
        for at in 0..text.len() {
            let mut altered = text.to_string().into_bytes();
            altered[at] ^= 1;
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(read(&keys(), &altered), None, "byte {at}");
            assert_eq!(read(&keys(), &text[..at]), None, "cut at {at}");
        }
        assert_eq!(read(&keys(), &format!("{text} ")), None);
        assert_eq!(read(&keys(), &format!(" {text}")), None);
    }

    #[test]
    fn a_claimed_tenant_is_read_without_a_key() {
        let text = keys().sign(&stamp("acme", None, None));
        assert_eq!(claimed_tenant(&text).unwrap().as_str(), "acme");
        assert_eq!(claimed_tenant("a comment mac=x"), None);
    }
}
