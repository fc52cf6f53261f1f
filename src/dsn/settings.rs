//! What the keys of a connection string mean, and what may be left unread without changing whom we speak to.
//!
//! Why a closed list: a key that is skipped silently may have been the one that made the connection safe.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::{ChannelBinding, Dsn, DsnError, Host, HostName, SessionAttrs, TlsMode};
use crate::model::tenant::normalise;
use crate::secret::Secret;

/// Where libpq, as the distributions build it, looks for a socket when no host is named.
const DEFAULT_SOCKETS: &str = "/var/run/postgresql";
const DEFAULT_PORT: u16 = 5432;
/// More than one fail-over set needs, few enough that one row cannot make a visit long.
const MOST_HOSTS: usize = 16;

const READ: [&str; 14] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "options",
    "sslmode",
    "sslrootcert",
    "channel_binding",
    "target_session_attrs",
    "connect_timeout",
    "ssl_min_protocol_version",
    "require_auth",
];

/// They change nothing of what the scan sees: our own name, time-outs and socket options take their place.
const HARMLESS: [&str; 10] = [
    "application_name",
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "sslcompression",
    "sslsni",
    "ssl_max_protocol_version",
];

/// Written into URLs by object mappers and pools, for themselves.
const OF_LIBRARIES: [&str; 18] = [
    "pgbouncer",
    "connection_limit",
    "pool_timeout",
    "pool_size",
    "pool_mode",
    "max_pool_size",
    "socket_timeout",
    "max_idle_connection_lifetime",
    "max_connection_lifetime",
    "schema",
    "statement_cache_size",
    "prepared_statement_cache_size",
    "prepareThreshold",
    "prepared_statements",
    "uselibpqcompat",
    "workaround",
    "sslaccept",
    "supa",
];

/// Keys of which only some values can be served: the others would change who may answer.
const ONLY: [(&str, &[&str], &str); 9] = [
    ("client_encoding", &["utf8", "utf-8", "auto"], "write `client_encoding=utf8`, or remove it"),
    ("gssencmode", &["disable", "prefer"], "write `gssencmode=disable`: Kerberos is not spoken"),
    ("gssdelegation", &["0"], "remove it: Kerberos is not spoken"),
    ("load_balance_hosts", &["disable"], "remove it: the hosts are tried in order"),
    ("sslnegotiation", &["postgres"], "remove it: TLS is asked for in PostgreSQL's own way"),
    ("replication", &["false", "off", "no", "0"], "remove it: a scan does not replicate"),
    ("sslcertmode", &["disable", "allow"], "remove it: client certificates are not sent"),
    ("min_protocol_version", &["3.0"], "remove it: protocol 3.0 is spoken"),
    ("max_protocol_version", &["3.0", "3.2", "latest"], "remove it: protocol 3.0 is spoken"),
];

const UNSUPPORTED: [(&str, &str); 15] = [
    ("sslcert", "log in with a password (SCRAM) instead of a client certificate"),
    ("sslkey", "log in with a password (SCRAM) instead of a client certificate"),
    ("sslpassword", "log in with a password (SCRAM) instead of a client certificate"),
    ("sslidentity", "log in with a password (SCRAM) instead of a client certificate"),
    ("sslcrl", "remove it: revocation lists are not read"),
    ("sslcrldir", "remove it: revocation lists are not read"),
    ("sslkeylogfile", "remove it: session keys are not written"),
    ("passfile", "write the password beside the URL: `password = \"file:/path\"`"),
    ("service", "write out the service's own keys"),
    ("servicefile", "write out the service's own keys"),
    ("krbsrvname", "log in with a password (SCRAM): Kerberos is not spoken"),
    ("gsslib", "log in with a password (SCRAM): Kerberos is not spoken"),
    ("requirepeer", "remove it: the owner of a socket is not checked"),
    ("oauth_issuer", "log in with a password (SCRAM): OAuth is not spoken"),
    ("oauth_client_id", "log in with a password (SCRAM): OAuth is not spoken"),
];

/// Whether the word is a key that this program, libpq or a well-known library uses.
pub(super) fn is_known(key: &str) -> bool {
    READ.contains(&key)
        || HARMLESS.contains(&key)
        || OF_LIBRARIES.contains(&key)
        || ONLY.iter().any(|it| it.0 == key)
        || UNSUPPORTED.iter().any(|it| it.0 == key)
        || key == "ssl"
}

/// As in libpq, of two equal keys the later one counts, and an empty value is none.
pub(super) fn dsn(pairs: &[(String, String)]) -> Result<Dsn, DsnError> {
    for (key, value) in pairs {
        judge(key, value)?;
    }
    let get = |key: &str| {
        let last = pairs.iter().rev().find(|(it, _)| it == key);
        last.map(|(_, value)| value.as_str()).filter(|it| !it.is_empty())
    };
    let user = get("user").ok_or(DsnError::NoUser)?;
    let hosts = hosts(get("host"), get("hostaddr"), get("port"))?;
    let (tls, root_certificate) = tls(get("sslmode"), get("sslrootcert"), &hosts)?;
    let channel_binding = channel_binding(get("channel_binding"))?;
    if channel_binding == ChannelBinding::Require && tls == TlsMode::Disable {
        return Err(DsnError::Value {
            key: "channel_binding",
            expected: "`prefer` where there is no TLS: there is no channel to bind to",
        });
    }
    Ok(Dsn {
        user: user.into(),
        password: get("password").map(Secret::new),
        database: get("dbname").unwrap_or(user).into(),
        hosts,
        tls,
        root_certificate,
        channel_binding,
        session: session(get("target_session_attrs"))?,
        connect_timeout: connect_timeout(get("connect_timeout"))?,
        options: get("options").map(Into::into),
    })
}

/// Whether the pair may stand in a connection string at all.
fn judge(key: &str, value: &str) -> Result<(), DsnError> {
    if let Some((key, remedy)) = UNSUPPORTED.iter().find(|it| it.0 == key) {
        return Err(DsnError::Unsupported { key, remedy });
    }
    if let Some((key, values, remedy)) = ONLY.iter().find(|it| it.0 == key) {
        let served = value.is_empty() || values.iter().any(|it| value.eq_ignore_ascii_case(it));
        return if served { Ok(()) } else { Err(DsnError::Unsupported { key, remedy }) };
    }
    match key {
        "require_auth" if !matches!(value, "" | "scram-sha-256") => Err(DsnError::Unsupported {
            key: "require_auth",
            remedy: "write `require_auth=scram-sha-256`: nothing weaker is answered anyway",
        }),
        "ssl_min_protocol_version" if value == "TLSv1.3" => Err(DsnError::Unsupported {
            key: "ssl_min_protocol_version",
            remedy: "remove it: TLS 1.2 and 1.3 are spoken",
        }),
        _ if is_known(key) && key != "ssl" => Ok(()),
        _ => Err(unknown(key)),
    }
}

fn unknown(key: &str) -> DsnError {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || 40 < key.len() || !key.chars().all(word) {
        return DsnError::Syntax(
            "it has a key that is no word: write `key=value` with a key that libpq knows",
        );
    }
    let nearest = READ
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
    let nearest = nearest.filter(|it| 0.85 < strsim::jaro_winkler(it, key));
    let nearest = nearest.map(|it| format!(", or write `{it}`")).unwrap_or_default();
    DsnError::UnknownKey { key: key.to_owned(), nearest }
}

fn hosts(
    names: Option<&str>,
    addresses: Option<&str>,
    ports: Option<&str>,
) -> Result<Vec<Host>, DsnError> {
    let split = |list: Option<&str>| -> Vec<String> {
        list.map(|it| it.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let (names, addresses, ports) = (split(names), split(addresses), split(ports));
    let count = names.len().max(addresses.len()).max(1);
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(DsnError::Value { key: "hostaddr", expected: "as long a list as `host`" });
    }
    if 1 < ports.len() && ports.len() != count {
        return Err(DsnError::Value {
            key: "port",
            expected: "one port, or as many as there are hosts",
        });
    }
    if MOST_HOSTS < count {
        return Err(DsnError::Value { key: "host", expected: "a list of at most 16 hosts" });
    }
    // Exactly as many as needed: a large fleet holds these for the whole scan.
    let mut hosts = Vec::with_capacity(count);
    for index in 0..count {
        let at = |list: &[String]| list.get(index).filter(|it| !it.is_empty()).cloned();
        let only = if ports.len() == 1 { ports.first().cloned() } else { at(&ports) };
        let address = at(&addresses).map(|it| address(&it)).transpose()?;
        hosts.push(Host {
            name: host_name(at(&names), address)?,
            address: address.filter(|_| at(&names).is_some()),
            port: port(only.filter(|it| !it.is_empty()))?,
        });
    }
    Ok(hosts)
}

fn address(text: &str) -> Result<IpAddr, DsnError> {
    text.parse().map_err(|_| DsnError::Value { key: "hostaddr", expected: "an IP address" })
}

fn host_name(name: Option<String>, address: Option<IpAddr>) -> Result<HostName, DsnError> {
    let name = match (name, address) {
        (Some(name), _) => name,
        (None, Some(address)) => return Ok(HostName::Ip(address)),
        (None, None) => return Ok(HostName::Socket(DEFAULT_SOCKETS.into())),
    };
    if name.starts_with('/') {
        return Ok(HostName::Socket(name.into()));
    }
    if let Ok(address) = name.parse() {
        return Ok(HostName::Ip(address));
    }
    // A blank is part of the name to libpq, so no such host is ever found.
    let name = normalise(&name).filter(|it| !it.ends_with('.') && name.trim() == name);
    name.map(|it| HostName::Dns(it.into())).ok_or(DsnError::Value {
        key: "host",
        expected: "a host name, an IP address or a socket's directory (and in a URL, `@` in a password is `%40`)",
    })
}

fn port(text: Option<String>) -> Result<u16, DsnError> {
    let Some(text) = text else { return Ok(DEFAULT_PORT) };
    // Only digits: Rust's own parser would take a sign too. Blanks around them are no matter to libpq.
    let text = text.trim();
    let digits = text.bytes().all(|it| it.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0).ok_or(DsnError::Value {
        key: "port",
        expected: "a number from 1 to 65535 (and in a URL, `/` in a password is `%2F`)",
    })
}

/// Verified but on this machine itself, and never a silent fall back to plain text.
fn tls(
    mode: Option<&str>,
    root: Option<&str>,
    hosts: &[Host],
) -> Result<(TlsMode, Option<Box<Path>>), DsnError> {
    let system = root == Some("system");
    let path = root.filter(|_| !system).map(|it| Path::new(it).into());
    let mode = match mode {
        None if root.is_none() && hosts.iter().all(Host::is_local) => TlsMode::Disable,
        None | Some("verify-full") => TlsMode::VerifyFull,
        Some("disable") => TlsMode::Disable,
        // With roots at hand, libpq checks the chain under `require` too.
        Some("require") if path.is_some() => TlsMode::VerifyCa,
        Some("require") => TlsMode::Require,
        Some("verify-ca") => TlsMode::VerifyCa,
        Some("prefer" | "allow") => {
            return Err(DsnError::Unsupported {
                key: "sslmode",
                remedy: "`prefer` and `allow` fall back to plain text unseen; write `verify-full`, or `require` to encrypt without proof, or `disable`",
            });
        }
        Some(_) => {
            return Err(DsnError::Value {
                key: "sslmode",
                expected: "one of `disable`, `require`, `verify-ca`, `verify-full`",
            });
        }
    };
    if system && mode != TlsMode::VerifyFull {
        return Err(DsnError::Value {
            key: "sslmode",
            expected: "`verify-full` with `sslrootcert=system`, as libpq demands",
        });
    }
    Ok((mode, path))
}

fn channel_binding(text: Option<&str>) -> Result<ChannelBinding, DsnError> {
    match text {
        None => Ok(ChannelBinding::default()),
        Some("disable") => Ok(ChannelBinding::Disable),
        Some("prefer") => Ok(ChannelBinding::Prefer),
        Some("require") => Ok(ChannelBinding::Require),
        Some(_) => Err(DsnError::Value {
            key: "channel_binding",
            expected: "one of `disable`, `prefer`, `require`",
        }),
    }
}

fn session(text: Option<&str>) -> Result<SessionAttrs, DsnError> {
    match text {
        None | Some("any") => Ok(SessionAttrs::Any),
        Some("read-write") => Ok(SessionAttrs::ReadWrite),
        Some("read-only") => Ok(SessionAttrs::ReadOnly),
        Some("primary") => Ok(SessionAttrs::Primary),
        Some("standby") => Ok(SessionAttrs::Standby),
        Some("prefer-standby") => Ok(SessionAttrs::PreferStandby),
        Some(_) => Err(DsnError::Value {
            key: "target_session_attrs",
            expected: "one of `any`, `read-write`, `read-only`, `primary`, `standby`, `prefer-standby`",
        }),
    }
}

/// Whole seconds; none or less means no limit of its own, as in libpq.
fn connect_timeout(text: Option<&str>) -> Result<Option<Duration>, DsnError> {
    let Some(text) = text else { return Ok(None) };
    let seconds: i32 = text.trim().parse().map_err(|_| DsnError::Value {
        key: "connect_timeout",
        expected: "a whole number of seconds",
    })?;
    Ok(u64::try_from(seconds).ok().filter(|it| *it != 0).map(Duration::from_secs))
}
