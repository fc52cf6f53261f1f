//! A session with a database of the operator's own: the platform's registry, or the server on which databases are made.
//!
//! Why stricter than a visit to a tenant: whoever could pose as one of these would choose whom our credentials are sent
//! to. So the server is proven by its certificate, or stands where the URL says that nothing needs to be encrypted.
//!
//! Invariant: no task is left behind: whoever drops the connection closes the socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use tokio_postgres::config::{
    ChannelBinding as Binding, LoadBalanceHosts, SslMode, TargetSessionAttrs,
};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{RootError, Tls};
use crate::dsn::{ChannelBinding, Dsn, HostName, SessionAttrs, TlsMode};

const CONNECT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(
        "the URL's sslmode proves not whom we ask: write `sslmode=verify-full`, with `sslrootcert` for a private root"
    )]
    Unproven,
    #[error("`target_session_attrs` must be `any`, `read-write` or `read-only` here")]
    Attributes,
    #[error(transparent)]
    Roots(#[from] RootError),
    #[error("connect to the platform's database")]
    Connect(#[source] tokio_postgres::Error),
}

/// What must be polled for the client to work.
pub type Driving = BoxFuture<'static, Result<(), tokio_postgres::Error>>;

/// Whether `connect` will get as far as the server, as far as that can be told without asking it.
pub fn check(dsn: &Dsn, ca_file: Option<&Path>) -> Result<(), SessionError> {
    config(dsn)?;
    if dsn.tls == TlsMode::Disable { Ok(()) } else { tls(dsn, ca_file).map(drop) }
}

/// Logs in. The caller sets the deadline of the whole.
pub async fn connect(dsn: &Dsn, ca_file: Option<&Path>) -> Result<(Client, Driving), SessionError> {
    let config = config(dsn)?;
    if dsn.tls == TlsMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(SessionError::Connect)?;
        return Ok((client, Box::pin(connection)));
    }
    let tls = MakeRustlsConnect::new(tls(dsn, ca_file)?);
    let (client, connection) = config.connect(tls).await.map_err(SessionError::Connect)?;
    Ok((client, Box::pin(connection)))
}

fn config(dsn: &Dsn) -> Result<Config, SessionError> {
    let mut config = Config::new();
    config
        .user(&*dsn.user)
        .dbname(&*dsn.database)
        .application_name("watertight")
        .connect_timeout(dsn.connect_timeout.unwrap_or(CONNECT).min(CONNECT))
        .load_balance_hosts(LoadBalanceHosts::Disable)
        .ssl_mode(if dsn.tls == TlsMode::Disable { SslMode::Disable } else { SslMode::Require })
        .channel_binding(match dsn.channel_binding {
            ChannelBinding::Disable => Binding::Disable,
            ChannelBinding::Prefer => Binding::Prefer,
            ChannelBinding::Require => Binding::Require,
        })
        .target_session_attrs(match dsn.session {
            SessionAttrs::Any => TargetSessionAttrs::Any,
            SessionAttrs::ReadWrite => TargetSessionAttrs::ReadWrite,
            SessionAttrs::ReadOnly => TargetSessionAttrs::ReadOnly,
            SessionAttrs::Primary | SessionAttrs::Standby | SessionAttrs::PreferStandby => {
                return Err(SessionError::Attributes);
            }
        });
    if let Some(password) = &dsn.password {
        config.password(password.expose());
    }
    if let Some(options) = &dsn.options {
        config.options(&**options);
    }
    let addresses = dsn.hosts.iter().all(|it| it.address.is_some());
    for host in &dsn.hosts {
        match &host.name {
            HostName::Socket(directory) => config.host_path(directory),
            name => config.host(name.to_string()),
        };
        if let Some(address) = host.address.filter(|_| addresses) {
            config.hostaddr(address);
        }
        config.port(host.port);
    }
    Ok(config)
}

fn tls(dsn: &Dsn, ca_file: Option<&Path>) -> Result<ClientConfig, SessionError> {
    if dsn.tls != TlsMode::VerifyFull {
        return Err(SessionError::Unproven);
    }
    let files: Vec<_> = ca_file.into_iter().map(Path::to_path_buf).collect();
    let (config, _holds) = Tls::new(&files)?.client(dsn.tls, dsn.root_certificate.as_deref())?;
    Ok(Arc::unwrap_or_clone(config))
}
