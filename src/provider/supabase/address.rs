//! Where a project's database lies, as far as Supabase's word is to be believed.
//!
//! Why it is not simply taken: the application will send its tenant's password there. Whoever can change an answer could
//! name a host of their own, another tenant's project, or an address inside our network. Supabase's own client checks the
//! same: the host's domain, and the reference within the user.

use std::net::IpAddr;
use std::sync::Arc;

use super::answer::{plain, unreadable};
use super::operation::Operation;
use super::wire::Pooler;
use crate::dsn::{ChannelBinding, Dsn, Host, HostName, SessionAttrs, TlsMode};
use crate::provider::ProviderError;

/// Stands in the string in the password's place, where no parser takes it.
const PLACEHOLDER: &str = ":[YOUR-PASSWORD]";

/// The pooler's two doors on one host: connections that change hands after each transaction, and such that do not.
const TRANSACTIONS: u16 = 6543;
const SESSIONS: u16 = 5432;

const DIRECT: (&str, u16) = ("postgres", 5432);
const DATABASE: &str = "postgres";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    host: HostName,
    port: u16,
    user: Arc<str>,
    database: Arc<str>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mistrust {
    /// Not yet, or not in words that we know.
    Unreadable(&'static str),
    /// It leads elsewhere.
    Elsewhere(String),
}

impl Mistrust {
    pub(super) fn of(self, operation: Operation) -> ProviderError {
        match self {
            Self::Unreadable(told) => unreadable(operation, told),
            Self::Elsewhere(told) => {
                ProviderError::Untrusted { operation: operation.label(), told: told.into() }
            }
        }
    }
}

impl Address {
    /// A connection string without its password. Within this machine nothing is encrypted.
    pub(super) fn with(self, tls: TlsMode) -> Dsn {
        let host = Host { name: self.host, address: None, port: self.port };
        Dsn {
            tls: if host.is_local() { TlsMode::Disable } else { tls },
            hosts: vec![host],
            user: self.user,
            password: None,
            database: self.database,
            root_certificate: None,
            channel_binding: ChannelBinding::default(),
            session: SessionAttrs::default(),
            connect_timeout: None,
            options: None,
        }
    }
}

/// Through the shared pooler, in sessions.
pub(super) fn pooled(
    entries: &[Pooler],
    reference: &str,
    trusted: &[Box<str>],
) -> Result<Address, Mistrust> {
    let primary = entries.iter().find(|it| it.database_type.as_deref() == Some("PRIMARY"));
    let text = primary
        .and_then(|it| it.connection_string.as_deref())
        .ok_or(Mistrust::Unreadable("there is no pooler for the primary database yet"))?;
    let dsn = Dsn::parse(&text.replacen(PLACEHOLDER, "", 1))
        .map_err(|_| Mistrust::Unreadable("the pooler's connection string is none"))?;
    let [Host { name, address: None, port }] = &dsn.hosts[..] else {
        return Err(Mistrust::Elsewhere("it names more than one place".to_owned()));
    };
    believe(name, trusted)?;
    match dsn.user.rsplit_once('.') {
        Some((role, project)) if !role.is_empty() && project == reference => {}
        _ => {
            let told = format!("the pooler's user {} is not of {reference}", plain(&dsn.user));
            return Err(Mistrust::Elsewhere(told));
        }
    }
    let port = if *port == TRANSACTIONS { SESSIONS } else { *port };
    Ok(Address { host: name.clone(), port, user: dsn.user, database: dsn.database })
}

/// The database's own host, which carries the project's reference.
pub(super) fn direct(
    host: &str,
    reference: &str,
    trusted: &[Box<str>],
) -> Result<Address, Mistrust> {
    let is_name = |it: u8| it.is_ascii_alphanumeric() || b".-".contains(&it);
    if host.is_empty() || !host.bytes().all(is_name) {
        return Err(Mistrust::Unreadable("the project has no database's host yet"));
    }
    let dsn = Dsn::parse(&format!("postgres://{host}/?user={}", DIRECT.0));
    let hosts = dsn.map(|it| it.hosts);
    let Ok([Host { name, .. }]) = hosts.as_deref() else {
        return Err(Mistrust::Unreadable("the database's host is none"));
    };
    believe(name, trusted)?;
    if !name.text().split('.').any(|it| it == reference) {
        let told = format!("the database's host {} is not of {reference}", plain(host));
        return Err(Mistrust::Elsewhere(told));
    }
    let (user, port) = DIRECT;
    Ok(Address { host: name.clone(), port, user: user.into(), database: DATABASE.into() })
}

fn believe(name: &HostName, trusted: &[Box<str>]) -> Result<(), Mistrust> {
    let text = name.text();
    let is_below = |it: &str| {
        let it = it.trim_end_matches('.').to_ascii_lowercase();
        // An address has nothing below it, whatever a name may end in.
        let is_domain = it.parse::<IpAddr>().is_err();
        let below = text.strip_suffix(&*it).and_then(|it| it.strip_suffix('.'));
        *text == *it || is_domain && below.is_some_and(|it| !it.is_empty())
    };
    if !matches!(name, HostName::Socket(_)) && trusted.iter().any(|it| is_below(it)) {
        return Ok(());
    }
    Err(Mistrust::Elsewhere(format!("the host {} lies under no trusted domain", plain(&text))))
}

#[cfg(test)]
mod tests;
