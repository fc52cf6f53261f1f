//! An issuer of users' tokens: it has keys of every kind, publishes them, and signs whatever it is given.
//!
//! Why texts and not values: forged tokens are those that no library would write.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://login.example";
pub(crate) const AUDIENCE: &str = "platform";

/// A key of one kind, with its public half as it is published.
pub(crate) struct IssuerKey {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) label: &'static str,
    key: EncodingKey,
    pub(crate) public: Value,
}

pub(crate) struct Issuer {
    pub(crate) keys: Vec<IssuerKey>,
}

impl Issuer {
    /// With one key of each kind; `turn` tells its keys from those of another.
    pub(crate) fn new(turn: &str) -> Self {
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let curve = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let edwards = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let of_pem = "the library reads what the other wrote";
        let rsa_key = EncodingKey::from_rsa_pem(rsa.serialize_pem().as_bytes()).expect(of_pem);
        let curve_key = EncodingKey::from_ec_pem(curve.serialize_pem().as_bytes()).expect(of_pem);
        let edwards_key =
            EncodingKey::from_ed_pem(edwards.serialize_pem().as_bytes()).expect(of_pem);
        let rsa_public = Jwk::from_encoding_key(&rsa_key, Algorithm::RS256).expect("it has one");
        let rsa_public = serde_json::to_value(rsa_public).expect("JSON");
        let (x, y) = curve.public_key_raw()[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let curve_public = json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)});
        let edwards_public =
            json!({"kty": "OKP", "crv": "Ed25519", "x": text(edwards.public_key_raw())});
        let keys = [
            ("RS256", Algorithm::RS256, rsa_key, rsa_public),
            ("ES256", Algorithm::ES256, curve_key, curve_public),
            ("EdDSA", Algorithm::EdDSA, edwards_key, edwards_public),
        ];
        let keys = keys.into_iter().map(|(label, algorithm, key, mut public)| {
            let id = format!("{label}-{turn}");
            public["kid"] = json!(id);
            public["use"] = json!("sig");
            public["alg"] = json!(label);
            IssuerKey { id, algorithm, label, key, public }
        });
        Self { keys: keys.collect() }
    }

    pub(crate) fn key(&self, label: &str) -> &IssuerKey {
        self.keys.iter().find(|it| it.label == label).expect("there is one of each")
    }

    pub(crate) fn published(&self) -> Value {
        json!({"keys": self.keys.iter().map(|it| &it.public).collect::<Vec<_>>()})
    }
}

impl IssuerKey {
    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.label, "kid": self.id, "typ": "JWT"})
    }

    /// Header and claims as they are written, signed.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let text = |it: &str| URL_SAFE_NO_PAD.encode(it);
        let message = format!("{}.{}", text(header), text(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.expect("it signs"))
    }

    /// A token as the issuer writes them.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }
}

/// What the issuer says of a user, at this second of 1970.
pub(crate) fn claims(tenant: &str, now: i64) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "iat": now - 5, "nbf": now - 5, "exp": now + 300,
        "tenant": tenant,
    })
}
