//! From the text of a token to the tenant that its issuer vouches for.
//!
//! Why judged by hand and not by a library's defaults: what is missing in a token is as dangerous as what is wrong, and a
//! library's next release may call another claim optional. The library does the cryptography alone.
//!
//! Invariants:
//! - pure: equal texts, keys, rules and times give equal answers;
//! - nothing of a token is believed before its signature was checked, but which key to check it with;
//! - a refusal says why in words of ours and repeats nothing of the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::claims::{self, Ambiguous};
use super::keys::{KeySet, Signature};
use crate::model::tenant::TenantId;

/// In bytes: more than proxies let through in one header.
const LONGEST: usize = 8 * 1024;

/// How far the issuer's clock may be ahead of ours. None is given to `exp`: what has ended has ended.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// What a token must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub issuer: Box<str>,
    pub audience: Box<str>,
    /// A claim's name, or a dotted path to one.
    pub tenant_claim: Box<str>,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    pub tenant: TenantId,
    pub expires_at: Timestamp,
}

/// Why a token leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is not three parts in base64url, or longer than {LONGEST} bytes")]
    NoToken,
    #[error("its header cannot be read, or names something twice")]
    Header,
    #[error("its header asks for what we do not do")]
    Critical,
    #[error("it is a token for another purpose")]
    Type,
    #[error("its algorithm is not RS256, ES256 or EdDSA")]
    Algorithm,
    #[error("it does not name its key")]
    NoKeyId,
    #[error("its key is not among those that the issuer publishes")]
    UnknownKey,
    #[error("its key is for another algorithm")]
    WrongKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its claims cannot be read, or name something twice")]
    Claims,
    #[error("it is from another issuer")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it says not until when it holds")]
    NoEnd,
    #[error("it has expired")]
    Expired,
    #[error("it does not hold yet")]
    Early,
    #[error("it names no tenant")]
    NoTenant,
    #[error("it names more than one tenant")]
    Tenants,
    #[error("what it names is no tenant's id")]
    TenantId,
}

/// The id of the key that it asks to be checked with.
pub fn key_id(token: &str) -> Result<Box<str>, Refusal> {
    Parts::of(token).and_then(|it| it.header()).map(|it| it.key)
}

pub fn verify(
    token: &str,
    keys: &KeySet,
    rules: &Rules,
    now: Timestamp,
) -> Result<Vouched, Refusal> {
    let parts = Parts::of(token)?;
    let header = parts.header()?;
    let key = keys.get(&header.key).ok_or(Refusal::UnknownKey)?;
    if key.signature != header.signature {
        return Err(Refusal::WrongKey);
    }
    if !key.signed(parts.message, parts.signature) {
        return Err(Refusal::Signature);
    }
    let claims = parts.claims.and_then(|it| claims::members(&it)).ok_or(Refusal::Claims)?;
    judged(&claims, rules, now)
}

struct Parts<'a> {
    /// What was signed.
    message: &'a str,
    signature: &'a str,
    header: Vec<u8>,
    claims: Option<Vec<u8>>,
}

struct Header {
    signature: Signature,
    key: Box<str>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, Refusal> {
        if LONGEST < token.len() {
            return Err(Refusal::NoToken);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::NoToken)?;
        let (header, claims) = message.split_once('.').ok_or(Refusal::NoToken)?;
        // One value has one spelling here: the decoder refuses padding, blanks and stray bits at the end.
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::NoToken);
        if claims.contains('.') || decoded(signature)?.is_empty() {
            return Err(Refusal::NoToken);
        }
        let header = decoded(header)?;
        Ok(Self { message, signature, header, claims: Some(decoded(claims)?) })
    }

    fn header(&self) -> Result<Header, Refusal> {
        let members = claims::members(&self.header).ok_or(Refusal::Header)?;
        if members.contains_key("crit") {
            return Err(Refusal::Critical);
        }
        match members.get("typ").map(Value::as_str) {
            None => {}
            Some(Some(kind))
                if kind.eq_ignore_ascii_case("JWT") || kind.eq_ignore_ascii_case("at+jwt") => {}
            Some(_) => return Err(Refusal::Type),
        }
        let named = members.get("alg").and_then(Value::as_str).ok_or(Refusal::Algorithm)?;
        let signature = Signature::parse(named).ok_or(Refusal::Algorithm)?;
        let key = members.get("kid").and_then(Value::as_str).filter(|it| !it.is_empty());
        Ok(Header { signature, key: key.ok_or(Refusal::NoKeyId)?.into() })
    }
}

fn judged(claims: &Map<String, Value>, rules: &Rules, now: Timestamp) -> Result<Vouched, Refusal> {
    if claims.get("iss").and_then(Value::as_str) != Some(&rules.issuer) {
        return Err(Refusal::Issuer);
    }
    let audience = |it: &Value| it.as_str() == Some(&rules.audience);
    let meant = claims.get("aud").is_some_and(|it| match it {
        Value::Array(all) => all.iter().any(audience),
        one => audience(one),
    });
    if !meant {
        return Err(Refusal::Audience);
    }
    let expires_at = claims.get("exp").and_then(moment).ok_or(Refusal::NoEnd)?;
    if expires_at <= now {
        return Err(Refusal::Expired);
    }
    let latest = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    for name in ["nbf", "iat"] {
        let begins = claims.get(name).map(|it| moment(it).ok_or(Refusal::Claims)).transpose()?;
        if begins.is_some_and(|it| latest < it) {
            return Err(Refusal::Early);
        }
    }
    Ok(Vouched { tenant: tenant(claims, rules)?, expires_at })
}

fn tenant(claims: &Map<String, Value>, rules: &Rules) -> Result<TenantId, Refusal> {
    match claims::named(claims, &rules.tenant_claim) {
        Err(Ambiguous) | Ok(Some(Value::Array(_))) => Err(Refusal::Tenants),
        Ok(None | Some(Value::Null)) => Err(Refusal::NoTenant),
        Ok(Some(Value::String(text))) => TenantId::parse(text).map_err(|_| Refusal::TenantId),
        Ok(Some(_)) => Err(Refusal::TenantId),
    }
}

/// Seconds since 1970, as RFC 7519 has them; a fraction is cut off.
fn moment(value: &Value) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and is then out of range")]
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|it| it.floor() as i64))?;
    Timestamp::from_second(seconds).ok()
}
