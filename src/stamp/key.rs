//! The key that signs stamps, and the one before it.
//!
//! Why the one before: a fleet is stamped anew tenant by tenant, and until the last one is, stamps of both keys stand.
//!
//! Invariants:
//! - a key shows itself nowhere;
//! - only the current key signs.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::text;
use crate::model::stamp::Stamp;
use crate::secret::{Secret, SecretError, SecretRef};

/// In bytes, as they are written: 32 random ones in hexadecimal or base64 are more.
const SHORTEST: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum StampKeyError {
    #[error(transparent)]
    Unreadable(#[from] SecretError),
    #[error(
        "a stamp's key is at least {SHORTEST} characters: `openssl rand -base64 32` makes a good one"
    )]
    Short,
}

/// Where the keys are read, anew at each use.
#[derive(Clone, Debug, Default)]
pub struct StampKeyRefs {
    /// `None` where stamps are not used.
    pub current: Option<SecretRef>,
    pub previous: Option<SecretRef>,
}

impl StampKeyRefs {
    /// `None` without a current key.
    pub fn read(&self) -> Result<Option<StampKeys>, StampKeyError> {
        let Some(current) = &self.current else { return Ok(None) };
        let previous = self.previous.as_ref().map(SecretRef::read).transpose()?;
        StampKeys::new(&current.read()?, previous.as_ref()).map(Some)
    }
}

#[derive(Clone)]
pub struct StampKeys {
    current: Secret,
    previous: Option<Secret>,
}

impl fmt::Debug for StampKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl StampKeys {
    pub fn new(current: &Secret, previous: Option<&Secret>) -> Result<Self, StampKeyError> {
        let strong = |it: &Secret| SHORTEST <= it.expose().trim().len();
        if !strong(current) || !previous.is_none_or(strong) {
            return Err(StampKeyError::Short);
        }
        Ok(Self { current: current.clone(), previous: previous.cloned() })
    }

    /// The stamp's text.
    pub fn sign(&self, stamp: &Stamp) -> Box<str> {
        let said = text::said(stamp);
        let signature = URL_SAFE_NO_PAD.encode(mac(&self.current, &said).finalize().into_bytes());
        text::signed(&said, &signature).into()
    }

    /// Whether one of the keys made this signature.
    pub(super) fn holds(&self, said: &str, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let mut keys = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        keys.any(|key| mac(key, said).verify_slice(&signature).is_ok())
    }
}

fn mac(key: &Secret, said: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().trim().as_bytes())
        .expect("HMAC takes keys of every length");
    mac.update(said.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::TenantId;

    fn secret(letter: &str) -> Secret {
        Secret::new(letter.repeat(32))
    }

    #[test]
    fn the_key_before_still_reads_and_no_longer_signs() {
        let stamp = Stamp {
            tenant: TenantId::parse("acme").unwrap(),
            project: None,
            system_identifier: None,
            database_oid: Some(5),
            nonce: "n".into(),
            at: "2026-11-27T02:00:00Z".parse().unwrap(),
        };
        let old = StampKeys::new(&secret("a"), None).unwrap();
        let both = StampKeys::new(&secret("b"), Some(&secret("a"))).unwrap();
        let new = StampKeys::new(&secret("b"), None).unwrap();
        assert_eq!(text::read(&both, &old.sign(&stamp)), Some(stamp.clone()));
        assert_eq!(text::read(&new, &both.sign(&stamp)), Some(stamp.clone()));
        assert_eq!(text::read(&new, &old.sign(&stamp)), None);
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_shown() {
        let short = Secret::new("x".repeat(31));
        assert!(matches!(StampKeys::new(&short, None), Err(StampKeyError::Short)));
        assert!(matches!(StampKeys::new(&secret("a"), Some(&short)), Err(StampKeyError::Short)));
        let keys = StampKeys::new(&secret("a"), Some(&secret("b"))).unwrap();
        assert_eq!(format!("{keys:?}"), "***");
    }
}
