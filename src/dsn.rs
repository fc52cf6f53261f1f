//! Connection strings, in every form that libpq takes and this program can serve.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// A parsed connection string. `Debug` shows no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    /// Never empty: tried in order.
    pub hosts: Vec<Host>,
    pub user: String,
    pub password: Option<Secret>,
    pub database: String,
    pub tls: TlsMode,
    /// `sslrootcert`: trusted beside the configured roots; `None` for none or `system`.
    pub root_certificate: Option<PathBuf>,
    pub channel_binding: ChannelBinding,
    pub session: SessionAttrs,
    pub connect_timeout: Option<Duration>,
    /// `options`, decoded: sent at start-up as it is.
    pub options: Option<String>,
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
    Dns(Box<str>),
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
