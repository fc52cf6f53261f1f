//! Sealing: what may hold a secret is encrypted before it reaches the file, and opened only in its own place.
//!
//! Why XChaCha20-Poly1305: its nonce is long enough to be drawn at random for ever. Why associated data: with the
//! table and row sealed in, somebody who can write the file cannot hand one tenant another's credentials by copying
//! bytes. They can still put an older value of the same row back.
//!
//! A sealed value is: format (1 byte), key id (8), nonce (24), ciphertext with its tag.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use crate::model::fingerprint::Digest256;
use crate::secret::Secret;

const FORMAT: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;

/// The 32 bytes that seal a store.
pub struct SealKey(SecretBox<[u8; 32]>);

/// Says nothing of the text, which may be a key with one character missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes, written as 64 hexadecimal digits or as base64")]
pub struct InvalidKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("a row was sealed with key {sealed_with}, and the configured key is {given}")]
    OtherKey { sealed_with: KeyId, given: KeyId },
    #[error("a sealed row was altered or moved")]
    Altered,
    #[error("a sealed row is in a format that this watertight does not know")]
    UnknownFormat,
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    #[error("the row is too large to be sealed")]
    TooLarge,
}

/// Tells keys apart without telling them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; KEY_ID]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl SealKey {
    pub fn parse(text: &Secret) -> Result<Self, InvalidKey> {
        let text = text.expose().trim();
        if text.len() == 64
            && let Some(bytes) = from_hex(text)
        {
            return Ok(Self(bytes));
        }
        [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|base64| {
                let bytes = SecretBox::new(base64.decode(text).ok()?.into_boxed_slice());
                let bytes: [u8; 32] = bytes.expose_secret().try_into().ok()?;
                Some(Self(SecretBox::new(Box::new(bytes))))
            })
            .ok_or(InvalidKey)
    }

    pub(super) fn generate() -> Result<Self, SealError> {
        let key = Key::try_generate().map_err(|_| SealError::NoRandomness)?;
        Ok(Self(SecretBox::new(Box::new(key.into()))))
    }

    /// For the key file.
    pub(super) fn text(&self) -> Secret {
        Secret::new(STANDARD.encode(self.0.expose_secret()))
    }

    pub(super) fn id(&self) -> KeyId {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&self.derive("watertight.key-id/v1")[..KEY_ID]);
        KeyId(id)
    }

    /// A key for another purpose, from which this one cannot be told.
    fn derive(&self, purpose: &str) -> [u8; 32] {
        keyed(self.0.expose_secret(), &[purpose.as_bytes()])
    }
}

/// Seals and opens with one key.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    digest_key: SecretBox<[u8; 32]>,
    id: KeyId,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sealer({})", self.id)
    }
}

/// Where a sealed value stands, and nowhere else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a str,
}

impl Place<'_> {
    /// The table's name has no newline, so no row can imitate another table's.
    fn bytes(self) -> Vec<u8> {
        format!("watertight.seal/v1\n{}\n{}", self.table, self.row).into_bytes()
    }
}

impl Sealer {
    pub(super) fn new(key: &SealKey) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new(key.0.expose_secret().into()),
            digest_key: SecretBox::new(Box::new(key.derive("watertight.secret-digest/v1"))),
            id: key.id(),
        }
    }

    pub(super) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = XNonce::try_generate().map_err(|_| SealError::NoRandomness)?;
        let payload = Payload { msg: plain, aad: &place.bytes() };
        let sealed = self.cipher.encrypt(&nonce, payload).map_err(|_| SealError::TooLarge)?;
        Ok([&[FORMAT][..], &self.id.0, &nonce, &sealed].concat())
    }

    pub(super) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (format, rest) = sealed.split_first().ok_or(SealError::Altered)?;
        if *format != FORMAT {
            return Err(SealError::UnknownFormat);
        }
        let (id, rest) = rest.split_first_chunk::<KEY_ID>().ok_or(SealError::Altered)?;
        if *id != self.id.0 {
            return Err(SealError::OtherKey { sealed_with: KeyId(*id), given: self.id });
        }
        let (nonce, msg) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Altered)?;
        let payload = Payload { msg, aad: &place.bytes() };
        self.cipher.decrypt(nonce.into(), payload).map_err(|_| SealError::Altered)
    }

    /// Recognises a secret again without keeping it; useless without the key, and in any other place.
    pub(super) fn digest(&self, place: Place<'_>, secret: &Secret) -> Digest256 {
        let key = self.digest_key.expose_secret();
        Digest256::of(&keyed(key, &[&place.bytes(), b"\n", secret.expose().as_bytes()]))
    }
}

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn from_hex(text: &str) -> Option<SecretBox<[u8; 32]>> {
    let mut bytes = Box::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(SecretBox::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place { table: "tenants", row: "acme" };

    fn sealer(key: u8) -> Sealer {
        Sealer::new(&SealKey(SecretBox::new(Box::new([key; 32]))))
    }

    #[track_caller]
    fn check_key(text: &str, expected: Result<u8, InvalidKey>) {
        let id = SealKey::parse(&Secret::new(text)).map(|it| it.id());
        assert_eq!(id, expected.map(|it| sealer(it).id), "{text}");
    }

    #[test]
    fn a_key_is_32_bytes_in_hex_or_base64() {
        check_key(&"ab".repeat(32), Ok(0xab));
        check_key(&"AB".repeat(32), Ok(0xab));
        check_key(&format!(" {}\n", "ab".repeat(32)), Ok(0xab));
        check_key("//////////////////////////////////////////8=", Ok(0xff));
        check_key("__________________________________________8", Ok(0xff));
        for text in
            ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"+a".repeat(32), &"é".repeat(32)]
        {
            check_key(text, Err(InvalidKey));
        }
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_own_place_only() {
        let sealed = sealer(1).seal(HERE, b"hunter2").unwrap();
        assert_eq!(sealer(1).open(HERE, &sealed), Ok(b"hunter2".to_vec()));
        for place in [
            Place { row: "globex", ..HERE },
            Place { table: "kept_parts", ..HERE },
            Place { row: "acme ", ..HERE },
        ] {
            assert_eq!(sealer(1).open(place, &sealed), Err(SealError::Altered));
        }
    }

    #[test]
    fn another_key_is_named_and_opens_nothing() {
        let sealed = sealer(1).seal(HERE, b"hunter2").unwrap();
        let (sealed_with, given) = (sealer(1).id, sealer(2).id);
        assert_eq!(sealer(2).open(HERE, &sealed), Err(SealError::OtherKey { sealed_with, given }));
    }

    #[test]
    fn every_altered_or_missing_byte_is_noticed() {
        let sealed = sealer(1).seal(HERE, b"hunter2").unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer(1).open(HERE, &altered).is_err(), "byte {at}");
            assert!(sealer(1).open(HERE, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        let seal = || sealer(1).seal(HERE, b"hunter2").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_digest_depends_on_secret_place_and_key() {
        let digest = |key, row, secret: &str| {
            sealer(key).digest(Place { table: "refused", row }, &Secret::new(secret))
        };
        let first = digest(1, "acme", "hunter2");
        assert_eq!(digest(1, "acme", "hunter2"), first);
        assert_ne!(digest(1, "acme", "hunter3"), first);
        assert_ne!(digest(1, "globex", "hunter2"), first);
        assert_ne!(digest(2, "acme", "hunter2"), first);
    }

    #[test]
    fn a_key_shows_itself_nowhere() {
        let key = SealKey(SecretBox::new(Box::new([0xab; 32])));
        for shown in [format!("{key:?}"), format!("{:?}", Sealer::new(&key)), key.id().to_string()]
        {
            assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
        }
    }
}
