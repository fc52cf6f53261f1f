//! `postgres://` connection URIs, cut where libpq cuts them, and written back.
//!
//! Why not a URL library: several hosts, empty parts and sockets in the host's place are no URLs to it, and where it
//! cuts differently from libpq the scan would look at another database than the tenant's application does.

use std::fmt::{self, Write};

use crate::secret::Secret;

use super::{ChannelBinding, Dsn, DsnError, HostName, SessionAttrs};

/// The text after the scheme as pairs; what the query says comes later and wins.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, DsnError> {
    let mut pairs = Vec::new();
    let rest = match text.find(['@', '/']).filter(|at| text[*at..].starts_with('@')) {
        Some(at) => {
            let (user, password) = text[..at].split_once(':').unwrap_or((&text[..at], ""));
            push(&mut pairs, "user", user)?;
            push(&mut pairs, "password", password)?;
            &text[at + 1..]
        }
        None => text,
    };
    let may_be_password = rest.len() == text.len() && text.contains('@');

    let (hosts, ports, rest) = hosts(rest)?;
    push(&mut pairs, "host", &hosts)?;
    push(&mut pairs, "port", &ports)?;
    let (path, query) =
        rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    push(&mut pairs, "dbname", path.strip_prefix('/').unwrap_or(path))?;
    for part in query.unwrap_or_default().split('&').filter(|it| !it.is_empty()) {
        pairs.push(parameter(part, may_be_password)?);
    }
    Ok(pairs)
}

fn push(pairs: &mut Vec<(String, String)>, key: &str, value: &str) -> Result<(), DsnError> {
    if !value.is_empty() {
        pairs.push((key.to_owned(), decode(value)?));
    }
    Ok(())
}

/// Comma-separated hosts and ports, and what follows them.
fn hosts(text: &str) -> Result<(String, String, &str), DsnError> {
    let (mut hosts, mut ports) = (String::new(), String::new());
    let mut rest = text;
    loop {
        let host = if let Some(inner) = rest.strip_prefix('[') {
            let (host, after) = inner
                .split_once(']')
                .ok_or(DsnError::Syntax("an IPv6 address has no closing `]`: write `[::1]`"))?;
            if !(after.is_empty() || after.starts_with([':', '/', '?', ','])) {
                return Err(DsnError::Syntax(
                    "something stands between the `]` of an IPv6 address and the next part: remove it",
                ));
            }
            rest = after;
            host
        } else {
            let end = rest.find([':', '/', '?', ',']).unwrap_or(rest.len());
            let (host, after) = rest.split_at(end);
            rest = after;
            host
        };
        hosts.push_str(host);
        if let Some(after) = rest.strip_prefix(':') {
            let end = after.find(['/', '?', ',']).unwrap_or(after.len());
            ports.push_str(&after[..end]);
            rest = &after[end..];
        }
        let Some(after) = rest.strip_prefix(',') else { break };
        hosts.push(',');
        ports.push(',');
        rest = after;
    }
    Ok((hosts, ports, rest))
}

fn parameter(part: &str, may_be_password: bool) -> Result<(String, String), DsnError> {
    let (key, value) = part.split_once('=').ok_or(DsnError::Syntax(
        "a part of the query has no `=`: write `key=value`, and `%26` for a `&` in a value",
    ))?;
    if value.contains('=') && !key.eq_ignore_ascii_case("options") {
        return Err(DsnError::Syntax(
            "a part of the query has two `=`: write `%3D` for one in a value",
        ));
    }
    let (key, value) = (decode(key)?, decode(value)?);
    if may_be_password && !super::settings::is_known(&key) {
        return Err(DsnError::UnknownAfterPassword(
            "percent-encode the password: `%2F` for `/`, `%40` for `@`, `%3F` for `?`",
        ));
    }
    // JDBC's spelling, which libpq takes in URIs too.
    if key == "ssl" && value == "true" {
        return Ok(("sslmode".to_owned(), "require".to_owned()));
    }
    Ok((key, value))
}

fn decode(text: &str) -> Result<String, DsnError> {
    const WRONG: DsnError = DsnError::Syntax(
        "a `%` is not followed by two hexadecimal digits other than 00: write `%25` for a `%` itself",
    );
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(WRONG)?;
        let digits =
            std::str::from_utf8(digits).ok().filter(|it| !it.starts_with('+')).ok_or(WRONG)?;
        let byte = u8::from_str_radix(digits, 16).ok().filter(|it| *it != 0).ok_or(WRONG)?;
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| {
        DsnError::Syntax("what it percent-encodes is not UTF-8: encode the text as UTF-8")
    })
}

/// The inverse of reading, with `***` for the password.
/// What stands in the password's place.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    Masked,
    Itself(&'a Secret),
}

/// For whoever connects. Deliberately without `Debug`.
pub(super) struct Exposed<'a> {
    pub(super) dsn: &'a Dsn,
    pub(super) password: Option<&'a Secret>,
}

impl fmt::Display for Exposed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.dsn, self.password.map(Shown::Itself), formatter)
    }
}

pub(super) fn write(
    dsn: &Dsn,
    password: Option<Shown<'_>>,
    out: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    out.write_str("postgres://")?;
    encode(&dsn.user, out)?;
    match password {
        None => {}
        Some(Shown::Masked) => out.write_str(":***")?,
        Some(Shown::Itself(password)) => {
            out.write_char(':')?;
            encode(password.expose(), out)?;
        }
    }
    for (index, host) in dsn.hosts.iter().enumerate() {
        out.write_char(if index == 0 { '@' } else { ',' })?;
        match &host.name {
            HostName::Ip(address) if address.is_ipv6() => write!(out, "[{address}]")?,
            name => encode(&name.to_string(), out)?,
        }
        write!(out, ":{}", host.port)?;
    }
    out.write_char('/')?;
    encode(&dsn.database, out)?;
    write!(out, "?sslmode={}", dsn.tls.label())?;
    if dsn.hosts.iter().any(|it| it.address.is_some()) {
        out.write_str("&hostaddr=")?;
        for (index, host) in dsn.hosts.iter().enumerate() {
            let address = host.address.map(|it| it.to_string()).unwrap_or_default();
            write!(out, "{}{address}", if index == 0 { "" } else { "," })?;
        }
    }
    if let Some(path) = &dsn.root_certificate {
        out.write_str("&sslrootcert=")?;
        encode(&path.to_string_lossy(), out)?;
    }
    if dsn.channel_binding != ChannelBinding::default() {
        write!(out, "&channel_binding={}", dsn.channel_binding.label())?;
    }
    if dsn.session != SessionAttrs::default() {
        write!(out, "&target_session_attrs={}", dsn.session.label())?;
    }
    if let Some(timeout) = dsn.connect_timeout {
        write!(out, "&connect_timeout={}", timeout.as_secs())?;
    }
    if let Some(options) = &dsn.options {
        out.write_str("&options=")?;
        encode(options, out)?;
    }
    Ok(())
}

fn encode(text: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    text.bytes().try_for_each(|byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.write_char(byte.into())
        } else {
            write!(out, "%{byte:02X}")
        }
    })
}
