//! The issuer's published keys.
//!
//! Why each is read on its own: issuers publish keys of kinds that we do not use, for encryption or of a curve of
//! tomorrow. One such key must not take the others away.
//!
//! Invariants:
//! - a key serves one algorithm, which it decides itself: a token cannot have it used as something else;
//! - no symmetric key is ever one: whoever reads it could sign with it.

use std::collections::BTreeMap;
use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Far above what any issuer publishes.
const MOST: usize = 100;

/// In bits: what RFC 7518 asks for.
const SHORTEST_MODULUS: usize = 2_048;

/// An algorithm of a key, in the tokens' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    Rs256,
    Es256,
    EdDsa,
}

impl Signature {
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

#[derive(Clone)]
pub struct Key {
    pub signature: Signature,
    key: DecodingKey,
}

impl Key {
    /// Whether it signed the message. `signature` is as the token has it, in base64url.
    pub fn signed(&self, message: &str, signature: &str) -> bool {
        let algorithm = self.signature.algorithm();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm)
            .unwrap_or(false)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a key for {}", self.signature.label())
    }
}

/// By the id that the tokens name them by.
#[derive(Clone, Debug, Default)]
pub struct KeySet(BTreeMap<Box<str>, Key>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("this is no set of keys: an object with `keys` was expected")]
    NotASet,
    #[error("it holds more than {MOST} keys")]
    TooMany,
    #[error("two of its keys have the same id")]
    Ambiguous,
    #[error(
        "none of its {0} keys can be used: a key needs a `kid`, and must be RSA of {SHORTEST_MODULUS} bits or more, P-256 or Ed25519, for signatures"
    )]
    NoneUsable(usize),
}

impl KeySet {
    /// Reads a JWKS. Keys that cannot be used are passed over.
    pub fn read(text: &[u8]) -> Result<Self, KeySetError> {
        let set: Value = serde_json::from_slice(text).map_err(|_| KeySetError::NotASet)?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotASet)?;
        if MOST < listed.len() {
            return Err(KeySetError::TooMany);
        }
        let mut keys = BTreeMap::new();
        for (id, key) in listed.iter().filter_map(usable) {
            if keys.insert(id, key).is_some() {
                return Err(KeySetError::Ambiguous);
            }
        }
        if keys.is_empty() { Err(KeySetError::NoneUsable(listed.len())) } else { Ok(Self(keys)) }
    }

    pub fn get(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn usable(value: &Value) -> Option<(Box<str>, Key)> {
    // Published with its private half, it is everybody's.
    if ["d", "p", "q", "k"].iter().any(|it| value.get(it).is_some()) {
        return None;
    }
    let key: Jwk = serde_json::from_value(value.clone()).ok()?;
    let signature = match &key.algorithm {
        AlgorithmParameters::RSA(it) if SHORTEST_MODULUS <= bits(&it.n) => Signature::Rs256,
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
            Signature::Es256
        }
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
            Signature::EdDsa
        }
        _ => return None,
    };
    let said = value.get("alg").is_none_or(|it| *it == *signature.label());
    let common = &key.common;
    let signs = common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|it| it.contains(&KeyOperations::Verify));
    let id = common.key_id.as_deref().filter(|it| !it.is_empty())?;
    let key = (said && signs).then(|| DecodingKey::from_jwk(&key))?.ok()?;
    Some((id.into(), Key { signature, key }))
}

/// Of a number in base64url without padding: six for each character, less what leads with zero.
fn bits(modulus: &str) -> usize {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(modulus);
    let bytes = bytes.unwrap_or_default();
    let zeros = bytes.iter().take_while(|it| **it == 0).count();
    let first = bytes.get(zeros).map_or(0, |it| it.leading_zeros() as usize);
    (bytes.len() - zeros) * 8 - first
}
