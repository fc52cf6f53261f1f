//! From what was seen on the wire to exactly one cause, and one line for a person.
//!
//! Why one pure function: the causes are a published interface, and the same refusal reaches us by many ways (from the
//! server, relayed by a pooler under another code, as a bare end of the stream). All of them are judged here, so that
//! a table of symptoms is the whole test.
//!
//! Rules: SQLSTATE, stage and first byte decide; texts only where a pooler or an overloaded code leaves nothing else,
//! because a server may speak any language.

use std::io;

use rustls::{AlertDescription, CertificateError};

use super::guard::GuardError;
use super::login::LoginError;
use super::progress::Stage;
use crate::model::observation::{Cause, Failure};

/// The longest detail, in characters: it stands in tables, issues and alerts.
const LONGEST_DETAIL: usize = 240;

/// What went wrong, as it was seen.
#[derive(Clone, Copy, Debug)]
pub enum Symptom<'a> {
    /// No address to connect to.
    NoAddress,
    Connect(io::ErrorKind),
    Elapsed(Stage),
    /// The answer to the request for TLS was neither a lone `S` nor `N`.
    SslAnswer(&'a [u8]),
    /// `N`: the server has no TLS.
    SslRefused,
    Tls(&'a rustls::Error, Host<'a>),
    /// The handshake ended without a reason.
    TlsClosed(io::ErrorKind),
    /// The root certificates to judge by are not there.
    Roots(&'a str),
    Guard(GuardError, LastWords<'a>),
    Server(Complaint<'a>, Stage),
    /// The server could not prove that it knows the password, or wants to be logged in to in another way than ours.
    Login(&'a LoginError),
    /// Well framed, but not what PostgreSQL answers.
    Nonsense(&'a str),
    /// None of the hosts is what `target_session_attrs` asks for.
    Unsuitable {
        wanted: &'a str,
        primary_is_read_only: bool,
    },
}

/// The host's name as the URL tells it: some providers' roots need an explanation.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a>(pub &'a str);

/// The SQLSTATE of the last notice before the stream ended, if there was one.
#[derive(Clone, Copy, Debug)]
pub struct LastWords<'a>(pub Option<&'a str>);

/// An error as the server tells it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Complaint<'a> {
    pub code: &'a str,
    pub message: &'a str,
    /// The C function that raised it: the same in every language.
    pub routine: Option<&'a str>,
}

/// Judges a symptom. Total: whatever a server sends has a cause.
pub fn judge(symptom: &Symptom<'_>) -> Failure {
    let (cause, detail) = match *symptom {
        Symptom::NoAddress => (Cause::DnsFailed, "its host name leads to no address".to_owned()),
        Symptom::Connect(kind) => connect(kind),
        Symptom::Elapsed(stage) => (Cause::Timeout, format!("no answer in time {}", stage.text())),
        Symptom::SslAnswer(bytes) => (Cause::NotPostgres, ssl_answer(bytes)),
        Symptom::SslRefused => (
            Cause::TlsFailed,
            "the server has no TLS: turn `ssl` on there, or write sslmode=disable if the way is safe without".to_owned(),
        ),
        Symptom::Tls(error, host) => tls(error, host),
        Symptom::TlsClosed(kind) => {
            (Cause::TlsFailed, format!("the server ended the TLS handshake without a reason ({kind})"))
        }
        Symptom::Roots(why) => (Cause::TlsFailed, format!("no root certificates to judge by: {why}")),
        Symptom::Guard(error, last_words) => guard(error, last_words),
        Symptom::Server(complaint, stage) => (server(&complaint, stage), told(&complaint)),
        Symptom::Login(why) => (Cause::AuthFailed, format!("the login could not be completed: {why}")),
        Symptom::Nonsense(what) => (Cause::NotPostgres, format!("not an answer of PostgreSQL: {what}")),
        Symptom::Unsuitable { wanted, primary_is_read_only } => {
            let cause = if primary_is_read_only { Cause::ReadOnly } else { Cause::QueryFailed };
            (cause, format!("no host of the URL fits target_session_attrs={wanted}"))
        }
    };
    Failure { cause, detail: one_line(&detail) }
}

fn connect(kind: io::ErrorKind) -> (Cause, String) {
    use io::ErrorKind as Kind;
    let cause = match kind {
        // A socket's file that is not there is a server that does not listen.
        Kind::ConnectionRefused | Kind::NotFound => Cause::ConnectionRefused,
        Kind::TimedOut => Cause::Timeout,
        Kind::PermissionDenied => Cause::AccessDenied,
        _ => Cause::Unreachable,
    };
    (cause, format!("cannot connect: {kind}"))
}

fn ssl_answer(bytes: &[u8]) -> String {
    let what = match bytes {
        [b'H', b'T', ..] => "it speaks HTTP",
        [b'S', b'S', b'H', ..] => "it speaks SSH",
        [0x15 | 0x16, ..] => "it speaks TLS at once, as web servers do",
        [b'S', ..] => "it says more than TLS may",
        [b'-' | b'+', ..] => "it speaks Redis",
        _ => "its first byte is none of PostgreSQL's",
    };
    format!("not PostgreSQL: {what}")
}

fn tls(error: &rustls::Error, Host(host): Host<'_>) -> (Cause, String) {
    use rustls::Error;
    match error {
        Error::InvalidMessage(_) => {
            (Cause::NotPostgres, "it promised TLS and speaks something else".to_owned())
        }
        Error::InvalidCertificate(certificate) => (Cause::TlsFailed, distrust(certificate, host)),
        Error::AlertReceived(AlertDescription::CertificateRequired) => (
            Cause::TlsFailed,
            "the server asks for a client certificate, and there is none".to_owned(),
        ),
        other => (Cause::TlsFailed, format!("the TLS handshake failed: {other}")),
    }
}

fn distrust(error: &CertificateError, host: &str) -> String {
    match error {
        CertificateError::UnknownIssuer if host.ends_with(".supabase.co") || host.ends_with(".supabase.com") => {
            "its certificate comes from Supabase's private root: download it from the project's dashboard (Database \
             settings, SSL configuration) and name it in probe.ca_file or sslrootcert"
                .to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its certificate comes from an unknown root: name the root in probe.ca_file or sslrootcert".to_owned()
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is a CA's own (CaUsedAsEndEntity), as `openssl req -x509` makes them: issue one for the \
             server, without CA:TRUE"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name than the URL's host".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        other => format!("its certificate cannot be trusted: {other}"),
    }
}

fn guard(error: GuardError, LastWords(last_words): LastWords<'_>) -> (Cause, String) {
    let cause = match error {
        GuardError::Asked(_) | GuardError::NoPassword => Cause::AuthFailed,
        GuardError::NotPostgres => Cause::NotPostgres,
        GuardError::TooLong => Cause::QueryFailed,
        GuardError::Closed { .. } | GuardError::Broken { .. } if last_words == Some("57P01") => {
            Cause::ShuttingDown
        }
        GuardError::Broken { kind: io::ErrorKind::TimedOut, .. } => Cause::Timeout,
        GuardError::Closed { heard: false } | GuardError::Broken { heard: false, .. } => {
            Cause::Unreachable
        }
        GuardError::Closed { heard: true } | GuardError::Broken { heard: true, .. } => {
            Cause::ServerCrashed
        }
    };
    // A close and a reset are one event: which of the two we see is a race in the network between us.
    let detail = match cause {
        Cause::Unreachable => {
            "the connection was closed before the server said anything".to_owned()
        }
        Cause::ServerCrashed => "the connection was closed in the middle of the visit".to_owned(),
        _ => error.to_string(),
    };
    (cause, detail)
}

/// An error message of the server or of a pooler in front of it.
fn server(complaint: &Complaint<'_>, stage: Stage) -> Cause {
    let message = complaint.message;
    match complaint.code {
        "28P01" => Cause::AuthFailed,
        "28000" => match complaint.routine {
            Some("ClientAuthentication") => Cause::AccessDenied,
            _ if message.contains("pg_hba.conf") => Cause::AccessDenied,
            _ => Cause::AuthFailed,
        },
        "3D000" | "57P04" => Cause::DatabaseMissing,
        // A file system that became read-only is told with the code of a missing privilege.
        "42501" | "58030" if message.contains("Read-only file system") => Cause::ReadOnly,
        "42501" if message.starts_with("could not open file") => Cause::ReadOnly,
        "58030" if message.contains("No space left") => Cause::DiskFull,
        "42501" | "55000" => Cause::AccessDenied,
        "53300" => Cause::TooManyConnections,
        "53100" => Cause::DiskFull,
        "57P03" if message.contains("shutting down") => Cause::ShuttingDown,
        "57P03" => Cause::StartingUp,
        "57P01" => Cause::ShuttingDown,
        "57P02" => Cause::ServerCrashed,
        "57014" | "57P05" | "25P03" | "25P04" | "55P03" => Cause::Timeout,
        // A standby refuses writes by its nature; only a primary that does is ill.
        "25006" if !message.contains("recovery") => Cause::ReadOnly,
        // Poolers have few codes and tell the rest in English.
        code if code.starts_with("08") || matches!(code, "XX000" | "58000") => {
            relayed(message, stage)
        }
        _ => Cause::QueryFailed,
    }
}

/// What PgBouncer and Supavisor say, in their own words or in the server's. In order: the narrower texts first.
const RELAYED: &[(&str, Cause)] = &[
    ("tenant or user not found", Cause::AuthFailed),
    ("tenant/user", Cause::AuthFailed),
    ("tenant identifier", Cause::AuthFailed),
    ("no such database", Cause::DatabaseMissing),
    ("no such user", Cause::AuthFailed),
    ("ssl required", Cause::TlsFailed),
    ("tls required", Cause::TlsFailed),
    ("pg_hba.conf", Cause::AccessDenied),
    ("login rejected", Cause::AccessDenied),
    ("permission denied", Cause::AccessDenied),
    ("not currently accepting connections", Cause::AccessDenied),
    ("is disabled", Cause::AccessDenied),
    ("does not allow connections", Cause::AccessDenied),
    ("too many", Cause::TooManyConnections),
    ("no more connections allowed", Cause::TooManyConnections),
    ("max client connections", Cause::TooManyConnections),
    ("maxclientsinsessionmode", Cause::TooManyConnections),
    ("remaining connection slots", Cause::TooManyConnections),
    ("authentication failed", Cause::AuthFailed),
    ("not permitted to log in", Cause::AuthFailed),
    ("role \"", Cause::AuthFailed),
    ("wrong password", Cause::AuthFailed),
    ("wait_timeout", Cause::Timeout),
    ("timeout", Cause::Timeout),
    ("starting up", Cause::StartingUp),
    ("recovery mode", Cause::StartingUp),
    ("not yet accepting", Cause::StartingUp),
    ("shutting down", Cause::ShuttingDown),
    ("server conn crashed", Cause::ServerCrashed),
    ("server closed the connection", Cause::ServerCrashed),
    ("login has been failing", Cause::Unreachable),
    ("connect failed", Cause::Unreachable),
    ("cannot connect", Cause::Unreachable),
];

fn relayed(message: &str, stage: Stage) -> Cause {
    let message = message.to_lowercase();
    if message.contains("database \"") && message.contains("does not exist") {
        return Cause::DatabaseMissing;
    }
    match RELAYED.iter().find(|(text, _)| message.contains(text)) {
        Some((_, cause)) => *cause,
        None if stage < Stage::Query && message.contains("connection") => Cause::Unreachable,
        None => Cause::QueryFailed,
    }
}

fn told(complaint: &Complaint<'_>) -> String {
    let hint = if complaint.code == "28000" && complaint.message.contains("no encryption") {
        "; the server may want TLS: sslmode=verify-full"
    } else {
        ""
    };
    format!("the server says {}: {}{hint}", complaint.code, complaint.message)
}

/// One line, short, without control characters and without anything that looks like a URL: a server chooses its own
/// words, and they end up in terminals, issues and logs.
fn one_line(text: &str) -> Box<str> {
    let mut line = String::new();
    for word in
        text.split(|it: char| it.is_whitespace() || it.is_control()).filter(|it| !it.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if word.contains("://") { "***" } else { word });
        if LONGEST_DETAIL < line.len() {
            break;
        }
    }
    if LONGEST_DETAIL < line.chars().count() {
        line = line.chars().take(LONGEST_DETAIL - 1).chain(['…']).collect();
    }
    line.into()
}

#[cfg(test)]
mod tests;
