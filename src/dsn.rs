//! Connection strings, in every form that libpq takes and this program can serve.
//!
//! Why not the client library's own parser: it knows neither `sslmode=verify-full` nor `sslrootcert`, it falls back to
//! plain text, and its errors quote what they could not read. A registry is full of strings that people pasted, so each
//! thing that is not understood has an error that names the key and says what to write instead.
//!
//! Invariants:
//! - no error and no `Debug` shows a value of the string, so a password that was pasted without escaping stays hidden;
//! - the process's `PG*` environment and `~/.pgpass` are never read: who runs the scan must not change its meaning;
//! - what `Display` prints is read back as the same value, but for the password, which it prints as `***`.

mod key_value;
pub mod provider;
mod settings;
mod uri;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::uri::Shown;
use crate::secret::Secret;

/// In bytes. Far above any real string; a registry row is input like any other.
const LONGEST: usize = 16 * 1024;

/// A parsed connection string. `Debug` shows no password. Small, because a large fleet holds one for each target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    /// Never empty: tried in order.
    pub hosts: Vec<Host>,
    pub user: Arc<str>,
    pub password: Option<Secret>,
    pub database: Arc<str>,
    pub tls: TlsMode,
    /// `sslrootcert`: trusted beside the configured roots; `None` for none or `system`.
    pub root_certificate: Option<Box<Path>>,
    pub channel_binding: ChannelBinding,
    pub session: SessionAttrs,
    pub connect_timeout: Option<Duration>,
    /// `options`, decoded: sent at start-up as it is.
    pub options: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: HostName,
    /// `hostaddr`: where to connect; the name is then only what the certificate must bear.
    pub address: Option<IpAddr>,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostName {
    /// Lower case, IDN as ASCII, no trailing dot.
    Dns(Arc<str>),
    Ip(IpAddr),
    /// A Unix socket's directory.
    Socket(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    Disable,
    /// Encrypted; the certificate is checked only to be reported.
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelBinding {
    Disable,
    #[default]
    Prefer,
    Require,
}

/// `target_session_attrs`: which of several hosts will do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionAttrs {
    #[default]
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// Why a connection string cannot be used. Each says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    #[error(
        "this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`"
    )]
    Unrecognised,
    #[error("it is longer than {LONGEST} bytes: check what was pasted")]
    TooLong,
    #[error("{0}")]
    Syntax(&'static str),
    /// The key is a word of letters, digits and `_` only.
    #[error("`{key}` is not a key that libpq knows: remove it{nearest}")]
    UnknownKey { key: String, nearest: String },
    /// What stands where the key should be may be a piece of a password, so it is not repeated.
    #[error("an unknown key follows the password: {0}")]
    UnknownAfterPassword(&'static str),
    #[error("`{key}` is not supported: {remedy}")]
    Unsupported { key: &'static str, remedy: &'static str },
    #[error("`{key}` must be {expected}")]
    Value { key: &'static str, expected: &'static str },
    #[error("no user is named: write one, because a registry must not depend on who runs the scan")]
    NoUser,
}

impl Dsn {
    /// Reads a URI or a `key=value` string as libpq does.
    pub fn parse(text: &str) -> Result<Self, DsnError> {
        if LONGEST < text.len() {
            return Err(DsnError::TooLong);
        }
        if text.contains('\0') {
            return Err(DsnError::Syntax("it contains a zero byte: remove it"));
        }
        let pairs = match text.strip_prefix("postgresql://").or(text.strip_prefix("postgres://")) {
            Some(rest) => uri::pairs(rest)?,
            None if text.split_once('=').is_some_and(|(first, _)| !first.contains("://")) => {
                key_value::pairs(text)?
            }
            None => return Err(DsnError::Unrecognised),
        };
        settings::dsn(&pairs)
    }
}

impl Dsn {
    /// With this password in place of its own: what an application connects by.
    pub fn exposed(&self, password: Option<&Secret>) -> Secret {
        Secret::new(uri::Exposed { dsn: self, password }.to_string())
    }
}

/// What may be shown of a text that ought to be a connection string: everything but the password, or nothing where it
/// cannot be told which part that is.
pub fn masked(text: &str) -> String {
    Dsn::parse(text).map_or_else(|_| "***".to_owned(), |dsn| dsn.to_string())
}

impl Host {
    /// Whether the connection stays on this machine.
    pub fn is_local(&self) -> bool {
        match (&self.name, self.address) {
            (_, Some(address)) => address.to_canonical().is_loopback(),
            (HostName::Ip(address), None) => address.to_canonical().is_loopback(),
            (HostName::Dns(name), None) => &**name == "localhost",
            (HostName::Socket(_), None) => true,
        }
    }
}

impl HostName {
    /// As it is written.
    pub fn text(&self) -> Arc<str> {
        match self {
            Self::Dns(name) => Arc::clone(name),
            Self::Ip(_) | Self::Socket(_) => self.to_string().into(),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => formatter.write_str(name),
            Self::Ip(address) => address.fmt(formatter),
            Self::Socket(directory) => directory.display().fmt(formatter),
        }
    }
}

impl TlsMode {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl ChannelBinding {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
        }
    }
}

impl SessionAttrs {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        uri::write(self, self.password.as_ref().map(|_| Shown::Masked), formatter)
    }
}

#[cfg(test)]
mod tests;
