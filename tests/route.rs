//! Users' tokens: who is led where, and what none of ten thousand forgeries gets past.
//!
//! The classes are those of RFC 8725, and what parsers disagree about. Each token names a tenant that exists, so that
//! whichever got through would lead to somebody's database.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "support/issuer.rs"]
mod issuer;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use watertight::route::keys::{KeySet, KeySetError};
use watertight::route::token::{Refusal, Rules, key_id, verify};

use issuer::{AUDIENCE, ISSUER, Issuer, IssuerKey, claims};

const NOW: i64 = 1_795_000_000;

/// Forged tokens, and good ones.
const FORGED: usize = 10_000;
const GOOD: usize = 100_000;

struct Desk {
    issuer: Issuer,
    keys: KeySet,
    rules: Rules,
}

impl Desk {
    fn new() -> Self {
        let issuer = Issuer::new("1");
        let keys = KeySet::read(issuer.published().to_string().as_bytes()).unwrap();
        assert_eq!(keys.len(), 3);
        let rules = Rules {
            issuer: ISSUER.into(),
            audience: AUDIENCE.into(),
            tenant_claim: "tenant".into(),
        };
        Self { issuer, keys, rules }
    }

    fn judge(&self, token: &str) -> Result<String, Refusal> {
        let now = Timestamp::from_second(NOW).unwrap();
        verify(token, &self.keys, &self.rules, now).map(|it| it.tenant.to_string())
    }
}

#[test]
fn a_good_token_leads_to_its_own_tenant_and_to_no_other() {
    let desk = Desk::new();
    // Most by the quickest signature, some by each: what is tried is the judgement.
    let keys = [desk.issuer.key("EdDSA"), desk.issuer.key("ES256"), desk.issuer.key("RS256")];
    for number in 0..GOOD {
        let key = match number {
            it if it % 200 == 0 => keys[2],
            it if it % 10 == 0 => keys[1],
            _ => keys[0],
        };
        let tenant = format!("tenant-{}", number % 3_000);
        let token = key.token(&claims(&tenant, NOW));
        assert_eq!(desk.judge(&token), Ok(tenant), "{}", key.label);
    }
}

/// How a token is forged; each takes a good one's maker apart in its own way.
type Forgery = (&'static str, fn(&Desk, &IssuerKey, &Value, usize) -> String);

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut changed = claims.clone();
    changed[name] = value;
    changed
}

fn without(claims: &Value, name: &str) -> Value {
    let mut changed = claims.clone();
    changed.as_object_mut().unwrap().remove(name);
    changed
}

fn headed(key: &IssuerKey, name: &str, value: Value) -> String {
    with(&key.header(), name, value).to_string()
}

/// Signed with what everybody can read, as if it were a secret.
fn by_secret(key: &IssuerKey, claims: &Value, secret: &[u8], algorithm: Algorithm) -> String {
    let header = headed(key, "alg", json!(format!("{algorithm:?}")));
    let message = format!("{}.{}", encoded(&header), encoded(&claims.to_string()));
    let secret = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// The parts of a good token, one of them exchanged.
fn part(key: &IssuerKey, claims: &Value, place: usize, change: impl Fn(&str) -> String) -> String {
    let token = key.token(claims);
    let parts = token.split('.').enumerate();
    let parts = parts.map(|(at, it)| if at == place { change(it) } else { it.to_owned() });
    parts.collect::<Vec<_>>().join(".")
}

const FORGERIES: &[Forgery] = &[
    ("no algorithm", |_, key, claims, at| {
        let none = ["none", "None", "NONE", "nOnE", ""][at % 5];
        let header = headed(key, "alg", json!(none));
        format!("{}.{}.", encoded(&header), encoded(&claims.to_string()))
    }),
    ("no algorithm, with a signature", |_, key, claims, _| {
        key.sign(&headed(key, "alg", json!("none")), &claims.to_string())
    }),
    ("no signature", |_, key, claims, _| part(key, claims, 2, |_| String::new())),
    ("the public key as a secret", |_, key, claims, at| {
        let public = key.public.to_string();
        let secret = match at % 3 {
            0 => public,
            1 => key.public["x"].as_str().or(key.public["n"].as_str()).unwrap().to_owned(),
            _ => STANDARD.encode(public),
        };
        let algorithms = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        by_secret(key, claims, secret.as_bytes(), algorithms[at % 3])
    }),
    ("another algorithm of the family", |_, key, claims, at| {
        let others = ["PS256", "RS384", "RS512", "ES384", "ES512", "Ed25519", "HS256", "RS256 "];
        key.sign(&headed(key, "alg", json!(others[at % 8])), &claims.to_string())
    }),
    ("the key of another kind", |desk, key, claims, at| {
        let other = desk.issuer.keys.iter().filter(|it| it.label != key.label).nth(at % 2).unwrap();
        key.sign(&headed(key, "kid", json!(other.id)), &claims.to_string())
    }),
    ("a key of one's own", |_, key, claims, _| {
        STRANGER.with(|it| it.key(key.label).sign(&key.header().to_string(), &claims.to_string()))
    }),
    ("a key that it brings along", |_, key, claims, at| {
        STRANGER.with(|it| {
            let own = it.key(key.label);
            let header = match at % 3 {
                0 => headed(key, "jwk", own.public.clone()),
                1 => headed(key, "jku", json!("https://evil.example/keys")),
                _ => headed(key, "x5u", json!("https://evil.example/chain")),
            };
            own.sign(&header, &claims.to_string())
        })
    }),
    ("a key that nobody has", |_, key, claims, at| {
        let names = ["../../dev/null", "1' or '1'='1", "RS256-1\0", "", "0", "rs256-1"];
        key.sign(&headed(key, "kid", json!(names[at % 6])), &claims.to_string())
    }),
    ("no key named", |_, key, claims, _| {
        key.sign(&without(&key.header(), "kid").to_string(), &claims.to_string())
    }),
    ("claims exchanged behind the signature", |_, key, claims, _| {
        part(key, claims, 1, |_| encoded(&with(claims, "tenant", json!("tenant-0")).to_string()))
    }),
    ("a bit of the signature", |_, key, claims, at| {
        part(key, claims, 2, |it| {
            let mut bytes = URL_SAFE_NO_PAD.decode(it).unwrap();
            let place = at % (bytes.len() * 8);
            bytes[place / 8] ^= 1 << (place % 8);
            URL_SAFE_NO_PAD.encode(bytes)
        })
    }),
    ("a signature of zeros", |_, key, claims, at| {
        part(key, claims, 2, |it| URL_SAFE_NO_PAD.encode(vec![0; [64, it.len() * 3 / 4][at % 2]]))
    }),
    ("a signature cut short or grown", |_, key, claims, at| {
        part(key, claims, 2, |it| {
            let mut bytes = URL_SAFE_NO_PAD.decode(it).unwrap();
            if at.is_multiple_of(2) {
                bytes.push(0);
            } else {
                bytes.truncate(bytes.len() / 2);
            }
            URL_SAFE_NO_PAD.encode(bytes)
        })
    }),
    ("another spelling of its parts", |_, key, claims, at| {
        part(key, claims, at % 3, |it| match at % 4 {
            0 => format!("{it}="),
            1 => format!(" {it}"),
            2 => format!("{it}\n"),
            _ => format!("{it}+/"),
        })
    }),
    ("parts too many or too few", |_, key, claims, at| {
        let token = key.token(claims);
        match at % 4 {
            0 => format!("{token}.{}", encoded("{}")),
            1 => token.rsplit_once('.').unwrap().0.to_owned(),
            2 => format!(".{token}"),
            _ => token.replace('.', ""),
        }
    }),
    ("a header that must be understood", |_, key, claims, _| {
        key.sign(&headed(key, "crit", json!(["b64"])), &claims.to_string())
    }),
    ("a token for another purpose", |_, key, claims, at| {
        let kinds = [json!("JWE"), json!("secevent+jwt"), json!(7), json!("dpop+jwt")];
        key.sign(&headed(key, "typ", kinds[at % 4].clone()), &claims.to_string())
    }),
    ("a header that says two things", |_, key, claims, _| {
        let header =
            format!(r#"{{"alg":"none","alg":"{}","kid":"{}","typ":"JWT"}}"#, key.label, key.id);
        key.sign(&header, &claims.to_string())
    }),
    ("another issuer", |_, key, claims, at| {
        let others = [json!("https://login.example/"), json!("https://evil.example"), json!(null)];
        key.token(&with(claims, "iss", others[at % 3].clone()))
    }),
    ("no issuer", |_, key, claims, _| key.token(&without(claims, "iss"))),
    ("another audience", |_, key, claims, at| {
        let others = [json!("Platform"), json!([]), json!(["other"]), json!({"platform": 1})];
        key.token(&with(claims, "aud", others[at % 4].clone()))
    }),
    ("no audience", |_, key, claims, _| key.token(&without(claims, "aud"))),
    ("expired", |_, key, claims, at| {
        let ago = [0, 1, 59, 86_400][at % 4];
        key.token(&with(claims, "exp", json!(NOW - ago)))
    }),
    ("no end that can be told", |_, key, claims, at| {
        let ends = [json!("tomorrow"), json!(null), json!(-1), json!(1e300), json!(u64::MAX)];
        key.token(&with(claims, "exp", ends[at % 5].clone()))
    }),
    ("no end", |_, key, claims, _| key.token(&without(claims, "exp"))),
    ("from the future", |_, key, claims, at| {
        let name = ["nbf", "iat"][at % 2];
        key.token(&with(claims, name, json!(NOW + 61)))
    }),
    ("a beginning that cannot be told", |_, key, claims, at| {
        let name = ["nbf", "iat"][at % 2];
        key.token(&with(claims, name, json!("now")))
    }),
    ("no tenant", |_, key, claims, _| key.token(&without(claims, "tenant"))),
    ("no tenant's id", |_, key, claims, at| {
        let ids = [json!(""), json!(7), json!("a b"), json!("../acme"), json!({"id": "acme"})];
        key.token(&with(claims, "tenant", ids[at % 5].clone()))
    }),
    ("two tenants in a list", |_, key, claims, _| {
        key.token(&with(claims, "tenant", json!(["tenant-0", "tenant-1"])))
    }),
    ("two tenants by one name", |_, key, claims, _| {
        let text = claims.to_string();
        let twice = format!(r#"{{"tenant":"tenant-0",{}"#, text.strip_prefix('{').unwrap());
        key.sign(&key.header().to_string(), &twice)
    }),
    ("claims that are none", |_, key, _, at| {
        let others = ["", "null", "[]", "\"x\"", "{", "{\"tenant\":\"tenant-0\"} {}"];
        key.sign(&key.header().to_string(), others[at % 6])
    }),
    ("far too long", |_, key, claims, _| key.token(&with(claims, "sub", json!("x".repeat(9_000))))),
    ("an encrypted one", |_, _, _, _| "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d".to_owned()),
    ("anything", |_, _, _, at| "a.".repeat(at % 50)),
];

thread_local! {
    /// Has keys of the same names.
    static STRANGER: Issuer = Issuer::new("1");
}

#[test]
fn none_of_ten_thousand_forged_tokens_leads_anywhere() {
    let desk = Desk::new();
    for at in 0..FORGED {
        let (what, forge) = FORGERIES[at % FORGERIES.len()];
        let turn = at / FORGERIES.len();
        let key = &desk.issuer.keys[turn % 3];
        let tenant = format!("tenant-{}", 1 + turn % 100);
        let token = forge(&desk, key, &claims(&tenant, NOW), turn);
        let judged = desk.judge(&token);
        assert!(judged.is_err(), "{what}, {}: {judged:?}\n{token}", key.label);
        let told = judged.unwrap_err().to_string();
        assert!(!told.contains(&tenant) && !told.contains("tenant-0"), "{what}: {told}");
    }
}

#[test]
fn a_good_token_in_every_form_that_issuers_write_is_taken() {
    let desk = Desk::new();
    let key = desk.issuer.key("ES256");
    let good = claims("acme", NOW);
    for changed in [
        with(&good, "aud", json!(["other", AUDIENCE])),
        without(&good, "nbf"),
        without(&good, "iat"),
        with(&good, "exp", json!(1.5e9 + 1e9)),
        with(&good, "iat", json!(NOW + 59)),
        with(&good, "tenant", json!("ACME.")),
        with(&good, "app_metadata", json!({"roles": ["a", "b"]})),
    ] {
        assert_eq!(desk.judge(&key.token(&changed)), Ok("acme".to_owned()), "{changed}");
    }
    for header in [
        without(&key.header(), "typ"),
        with(&key.header(), "typ", json!("at+jwt")),
        with(&key.header(), "x-more", json!({"any": 1})),
    ] {
        let token = key.sign(&header.to_string(), &good.to_string());
        assert_eq!(desk.judge(&token), Ok("acme".to_owned()), "{header}");
    }
    assert_eq!(key_id(&key.token(&good)).as_deref(), Ok(&*key.id));
}

#[test]
fn a_tenant_may_stand_deeper_in_the_token() {
    let mut desk = Desk::new();
    desk.rules.tenant_claim = "app_metadata.tenant".into();
    let key = desk.issuer.key("EdDSA");
    let nested = with(&claims("globex", NOW), "app_metadata", json!({"tenant": "acme"}));
    assert_eq!(desk.judge(&key.token(&nested)), Ok("acme".to_owned()));
    let both = with(&nested, "app_metadata.tenant", json!("globex"));
    assert_eq!(desk.judge(&key.token(&both)), Err(Refusal::Tenants));
    assert_eq!(desk.judge(&key.token(&claims("acme", NOW))), Err(Refusal::NoTenant));
}

#[test]
fn keys_that_cannot_be_trusted_are_passed_over_and_take_no_other_away() {
    let issuer = Issuer::new("1");
    let good = issuer.key("ES256").public.clone();
    let bad = [
        json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}),
        json!({"kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-521", "kid": "c", "x": "AA", "y": "AA"}),
        json!({"kty": "brainpool", "kid": "d"}),
        json!("no key"),
        with(&good, "use", json!("enc")),
        with(&good, "key_ops", json!(["sign"])),
        with(&good, "alg", json!("HS256")),
        with(&good, "d", json!("c2VjcmV0")),
        with(&good, "kid", json!("")),
        without(&good, "kid"),
    ];
    for key in &bad {
        let alone = json!({"keys": [key]}).to_string();
        assert_eq!(KeySet::read(alone.as_bytes()).err(), Some(KeySetError::NoneUsable(1)), "{key}");
        let beside = json!({"keys": [key, good]}).to_string();
        assert_eq!(KeySet::read(beside.as_bytes()).unwrap().len(), 1, "{key}");
    }
    let twice = json!({"keys": [good, good]}).to_string();
    assert_eq!(KeySet::read(twice.as_bytes()).err(), Some(KeySetError::Ambiguous));
    let many = json!({"keys": vec![good; 101]}).to_string();
    assert_eq!(KeySet::read(many.as_bytes()).err(), Some(KeySetError::TooMany));
    for text in ["", "[]", "{}", r#"{"keys": 1}"#] {
        assert_eq!(KeySet::read(text.as_bytes()).err(), Some(KeySetError::NotASet), "{text}");
    }
}
