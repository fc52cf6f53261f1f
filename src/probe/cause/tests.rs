//! Every symptom that was seen on a wire, and the one cause that it has.

use std::io::ErrorKind;

use super::*;
use crate::probe::scram::ScramError;

#[track_caller]
fn check(symptom: &Symptom<'_>, expected: Cause) {
    assert_eq!(judge(symptom).cause, expected, "{symptom:?}");
}

#[track_caller]
fn check_login(code: &str, message: &str, expected: Cause) {
    check(&Symptom::Server(Complaint { code, message, routine: None }, Stage::Login), expected);
}

#[track_caller]
fn check_routine(code: &str, routine: &str, expected: Cause) {
    let complaint = Complaint { code, message: "in a language of its own", routine: Some(routine) };
    check(&Symptom::Server(complaint, Stage::Login), expected);
}

#[track_caller]
fn check_query(code: &str, message: &str, expected: Cause) {
    check(&Symptom::Server(Complaint { code, message, routine: None }, Stage::Query), expected);
}

#[test]
fn a_server_that_cannot_be_reached() {
    check(&Symptom::NoAddress, Cause::DnsFailed);
    check(&Symptom::Connect(ErrorKind::ConnectionRefused), Cause::ConnectionRefused);
    check(&Symptom::Connect(ErrorKind::NotFound), Cause::ConnectionRefused);
    check(&Symptom::Connect(ErrorKind::HostUnreachable), Cause::Unreachable);
    check(&Symptom::Connect(ErrorKind::NetworkUnreachable), Cause::Unreachable);
    check(&Symptom::Connect(ErrorKind::ConnectionReset), Cause::Unreachable);
    check(&Symptom::Connect(ErrorKind::TimedOut), Cause::Timeout);
    check(&Symptom::Elapsed(Stage::Tls), Cause::Timeout);
}

#[test]
fn an_end_means_another_thing_before_and_after_the_first_byte() {
    let ended = |error, words| Symptom::Guard(error, LastWords(words));
    check(&ended(GuardError::Closed { heard: false }, None), Cause::Unreachable);
    check(
        &ended(GuardError::Broken { heard: false, kind: ErrorKind::ConnectionReset }, None),
        Cause::Unreachable,
    );
    check(&ended(GuardError::Closed { heard: true }, None), Cause::ServerCrashed);
    check(&ended(GuardError::Closed { heard: true }, Some("57P02")), Cause::ServerCrashed);
    check(&ended(GuardError::Closed { heard: true }, Some("57P01")), Cause::ShuttingDown);
    check(
        &ended(GuardError::Broken { heard: true, kind: ErrorKind::ConnectionReset }, None),
        Cause::ServerCrashed,
    );
    check(
        &ended(GuardError::Broken { heard: true, kind: ErrorKind::TimedOut }, None),
        Cause::Timeout,
    );
}

#[test]
fn what_is_not_postgres() {
    for bytes in
        [&b"HTTP/1.1 400"[..], b"SSH-2.0-x", b"J\0\0\0", b"-ERR", b"\x15\x03", b"\0", b"SX"]
    {
        check(&Symptom::SslAnswer(bytes), Cause::NotPostgres);
    }
    check(&Symptom::Guard(GuardError::NotPostgres, LastWords(None)), Cause::NotPostgres);
    check(&Symptom::Nonsense("x"), Cause::NotPostgres);
    let banner = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
    check(&Symptom::Tls(&banner, Host("x")), Cause::NotPostgres);
    check(&Symptom::Guard(GuardError::TooLong, LastWords(None)), Cause::QueryFailed);
}

#[test]
fn tls_that_does_not_hold() {
    check(&Symptom::SslRefused, Cause::TlsFailed);
    check(&Symptom::TlsClosed(ErrorKind::UnexpectedEof), Cause::TlsFailed);
    check(&Symptom::Roots("none"), Cause::TlsFailed);
    let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
    check(&Symptom::Tls(&unknown, Host("db.example.com")), Cause::TlsFailed);
    let detail = judge(&Symptom::Tls(&unknown, Host("db.abc.supabase.co"))).detail;
    assert!(detail.contains("SSL configuration"), "{detail}");
    check_login("08P01", "SSL required", Cause::TlsFailed);
}

#[test]
fn a_login_that_is_refused() {
    check_login("28P01", "password authentication failed for user \"x\"", Cause::AuthFailed);
    check_login("28000", "role \"x\" does not exist", Cause::AuthFailed);
    check_login("28000", "role \"x\" is not permitted to log in", Cause::AuthFailed);
    check_login("28000", "pg_hba.conf rejects connection for host \"x\"", Cause::AccessDenied);
    check_login("28000", "no pg_hba.conf entry for host \"x\", no encryption", Cause::AccessDenied);
    check_routine("28000", "ClientAuthentication", Cause::AccessDenied);
    check_routine("28000", "InitializeSessionUserId", Cause::AuthFailed);
    check_login("42501", "permission denied for database \"x\"", Cause::AccessDenied);
    check_login(
        "55000",
        "database \"x\" is not currently accepting connections",
        Cause::AccessDenied,
    );
    check_login("3D000", "database \"x\" does not exist", Cause::DatabaseMissing);
    check_login("XX000", "Tenant or user not found", Cause::AuthFailed);
    for error in [
        LoginError::Mechanism,
        LoginError::Unbound,
        LoginError::ZeroByte,
        LoginError::Scram(ScramError::Signature),
        LoginError::Scram(ScramError::TooManyIterations),
    ] {
        check(&Symptom::Login(&error), Cause::AuthFailed);
    }
    for error in [
        GuardError::Asked(super::super::guard::Method::Cleartext),
        GuardError::Asked(super::super::guard::Method::Md5),
        GuardError::NoPassword,
    ] {
        check(&Symptom::Guard(error, LastWords(None)), Cause::AuthFailed);
    }
}

#[test]
fn a_pooler_speaks_for_its_server() {
    check_login("08P01", "no such database: x", Cause::DatabaseMissing);
    check_login("08P01", "\"trust\" authentication failed", Cause::AuthFailed);
    check_login("08P01", "SASL authentication failed", Cause::AuthFailed);
    check_login("08P01", "password authentication failed for user \"x\"", Cause::AuthFailed);
    check_login("08P01", "database \"x\" does not exist", Cause::DatabaseMissing);
    check_login("08P01", "role \"x\" does not exist", Cause::AuthFailed);
    check_login("08P01", "no pg_hba.conf entry for host", Cause::AccessDenied);
    check_login("08P01", "sorry, too many clients already", Cause::TooManyConnections);
    check_login(
        "08P01",
        "no more connections allowed (max_client_conn)",
        Cause::TooManyConnections,
    );
    check_login("08P01", "the database system is starting up", Cause::StartingUp);
    check_login("08P01", "the database system is shutting down", Cause::ShuttingDown);
    check_login("08P01", "permission denied for database \"x\"", Cause::AccessDenied);
    check_login("08P01", "unsupported startup parameter: options", Cause::QueryFailed);
    check_query("08P01", "query_wait_timeout", Cause::Timeout);
    check_query(
        "08P01",
        "server login has been failing, try again later (server_login_retry)",
        Cause::Unreachable,
    );
    check_query(
        "08P01",
        "server login has been failing, cached error: connect failed (server_login_retry)",
        Cause::Unreachable,
    );
    check_query("XX000", "cache lookup failed for type 1", Cause::QueryFailed);
}

#[test]
fn a_server_that_is_up_and_cannot_serve() {
    check_login("53300", "sorry, too many clients already", Cause::TooManyConnections);
    check_login("53300", "remaining connection slots are reserved", Cause::TooManyConnections);
    check_login("53300", "too many connections for role \"x\"", Cause::TooManyConnections);
    check_login("57P03", "the database system is starting up", Cause::StartingUp);
    check_login("57P03", "the database system is in recovery mode", Cause::StartingUp);
    check_login("57P03", "the database system is not accepting connections", Cause::StartingUp);
    check_login("57P03", "the database system is shutting down", Cause::ShuttingDown);
    check_query(
        "57P01",
        "terminating connection due to administrator command",
        Cause::ShuttingDown,
    );
    check_query("57P02", "terminating connection because of crash", Cause::ServerCrashed);
    check_query("57P04", "terminating connection due to conflict", Cause::DatabaseMissing);
    check_query("53100", "could not write to file", Cause::DiskFull);
    check_query("57014", "canceling statement due to statement timeout", Cause::Timeout);
    check_query("25006", "cannot execute INSERT in a read-only transaction", Cause::ReadOnly);
    check_query("25006", "cannot execute nextval() during recovery", Cause::QueryFailed);
    check_query("42501", "permission denied for function pg_control_system", Cause::AccessDenied);
    check_query("42601", "syntax error", Cause::QueryFailed);
    for code in ["42501", "58030"] {
        check_login(code, "could not open file \"x\": Read-only file system", Cause::ReadOnly);
    }
}

#[test]
fn a_server_cannot_smuggle_anything_into_the_detail() {
    let message =
        "a\u{1b}[31m\r\nb postgres://u:secret@h/d \u{7} ".to_owned() + &"x ".repeat(1_000);
    let complaint = Complaint { code: "XX000", message: &message, routine: None };
    let detail = judge(&Symptom::Server(complaint, Stage::Query)).detail;
    assert!(detail.chars().count() <= LONGEST_DETAIL);
    assert!(!detail.contains("secret") && !detail.chars().any(char::is_control), "{detail}");
    let wide = "ü".repeat(10_000);
    let complaint = Complaint { code: "XX000", message: &wide, routine: None };
    assert_eq!(
        judge(&Symptom::Server(complaint, Stage::Query)).detail.chars().count(),
        LONGEST_DETAIL
    );
}
