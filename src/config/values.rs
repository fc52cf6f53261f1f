//! How single values of the configuration are written.
//!
//! Why newtypes: a duration, a moment or a secret that is read in one place only cannot be read differently in another,
//! and what must not be shown is masked wherever it is printed.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dsn;
use crate::secret::SecretRef;

/// `"5s"`, `"30m"`, `"1h 30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span: SignedDuration = text.parse().map_err(|_| D::Error::custom("no duration"))?;
        Duration::try_from(span).map(Self).map_err(|_| D::Error::custom("a negative duration"))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        serializer.collect_str(&format_args!("{span:#}"))
    }
}

/// A date (the start of that day in UTC) or a time with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::registry::tenant::moment(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("no moment"))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A secret's place, or the secret itself, which is written as `***`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden(pub SecretRef);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretRef::parse(&text)))
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A URL that may hold a password, which is written as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// With its password, for the one that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What goes there or comes from there is read by nobody in between: over TLS, or within this machine.
    pub fn is_safe(&self) -> bool {
        let Ok(url) = self.0.parse::<http::Uri>() else { return false };
        let host = url.host().unwrap_or_default();
        match url.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => matches!(host, "127.0.0.1" | "[::1]" | "localhost"),
            _ => false,
        }
    }

    /// What may be shown.
    pub fn masked(&self) -> String {
        if self.0.starts_with("sqlite:") {
            return self.0.clone();
        }
        let Some(rest) = self.0.strip_prefix("https://").or(self.0.strip_prefix("http://")) else {
            return dsn::masked(&self.0);
        };
        // Neither login nor query, where tokens stand.
        if rest.contains(['@', '?', '#']) { "***".to_owned() } else { self.0.clone() }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.masked())
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}
