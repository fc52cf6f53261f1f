//! Values that must never be shown, and the places that they are read from.
//!
//! Why a type of its own: a password in a `Debug` line of a log is how credentials leak. `Secret` prints as `***`
//! whatever holds it.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The value itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Where a secret is read anew at each use, so that a rotated one needs no restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    Inline(Secret),
    /// `${NAME}`.
    Environment(Box<str>),
    /// `file:/path`.
    File(PathBuf),
}
