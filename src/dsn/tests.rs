//! Connection strings as people write them, and what must become of each.
//!
//! Why so many: libpq is the reference, and a string that is cut at another place leads to another database.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Dsn, masked};

/// What is printed of the parsed string, or the error.
#[track_caller]
fn check(text: &str, expected: &Expect) {
    let told = match Dsn::parse(text) {
        Ok(dsn) => format!("{dsn} {:?}", dsn.password.as_ref().map(crate::secret::Secret::expose)),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&told);
}

#[track_caller]
fn check_all(cases: &[&str], expected: &Expect) {
    let told = cases.iter().map(|text| match Dsn::parse(text) {
        Ok(dsn) => format!("{dsn}\n"),
        Err(error) => format!("{error}\n"),
    });
    expected.assert_eq(&told.collect::<String>());
}

#[test]
fn a_uri_is_cut_where_libpq_cuts_it() {
    check_all(
        &[
            "postgres://u:p@h:5433/d",
            "postgresql://u@h",
            "postgres://u@/d",
            "postgres://u@h/d?sslmode=disable&port=6000",
            "postgres://u@a,b:2,[::1]:3/d?sslmode=require",
            "postgres://u@a,b,c:5/d",
            "postgres://u@%2Ftmp%2Fs:5433/d",
            "postgres:///d?host=/tmp/s&user=u",
            "postgres://u@h?dbname=x",
            "postgres://u@[2001:db8::1]/d",
            "postgres://u@BÜCHER.example./d",
            "postgres://u@db.example/d?hostaddr=10.0.0.1",
        ],
        &expect![[r#"
            postgres://u:***@h:5433/d?sslmode=verify-full
            postgres://u@h:5432/u?sslmode=verify-full
            postgres://u@%2Fvar%2Frun%2Fpostgresql:5432/d?sslmode=disable
            postgres://u@h:6000/d?sslmode=disable
            postgres://u@a:5432,b:2,[::1]:3/d?sslmode=require
            postgres://u@a:5432,b:5432,c:5/d?sslmode=verify-full
            postgres://u@%2Ftmp%2Fs:5433/d?sslmode=disable
            postgres://u@%2Ftmp%2Fs:5432/d?sslmode=disable
            postgres://u@h:5432/x?sslmode=verify-full
            postgres://u@[2001:db8::1]:5432/d?sslmode=verify-full
            postgres://u@xn--bcher-kva.example:5432/d?sslmode=verify-full
            postgres://u@db.example:5432/d?sslmode=verify-full&hostaddr=10.0.0.1
        "#]],
    );
}

#[test]
fn percent_encoding_is_undone_in_every_part() {
    check(
        "postgres://us%40er:p%2Fa%3As%25s@h/d%20b?options=-c%20a%3Db",
        &expect![[
            r#"postgres://us%40er:***@h:5432/d%20b?sslmode=verify-full&options=-c%20a%3Db Some("p/a:s%s")"#
        ]],
    );
    check(
        "postgres://u:p%4@h/d",
        &expect![
            "a `%` is not followed by two hexadecimal digits other than 00: write `%25` for a `%` itself"
        ],
    );
    check(
        "postgres://u:p%00@h/d",
        &expect![
            "a `%` is not followed by two hexadecimal digits other than 00: write `%25` for a `%` itself"
        ],
    );
    check(
        "postgres://u:%ff@h/d",
        &expect!["what it percent-encodes is not UTF-8: encode the text as UTF-8"],
    );
}

#[test]
fn quotes_and_escapes_of_key_value_strings_are_undone() {
    check(
        r"host=h user=u password='it\'s a \\ secret' dbname = d",
        &expect![[r#"postgres://u:***@h:5432/d?sslmode=verify-full Some("it's a \\ secret")"#]],
    );
    check(
        r"host=h user=u password=a\ b",
        &expect![[r#"postgres://u:***@h:5432/u?sslmode=verify-full Some("a b")"#]],
    );
    check(
        "host=h user=u password='open",
        &expect!["a quoted value does not end: write the closing `'`"],
    );
    check(
        "host=h user=u dbname",
        &expect![
            "a key has no `=` after it: write `key=value`, with the value in single quotes where it has blanks"
        ],
    );
    check(
        "host=/tmp user=u password=''",
        &expect!["postgres://u@%2Ftmp:5432/u?sslmode=disable None"],
    );
    check(
        "host=a,b port=1,2 hostaddr=10.0.0.1,10.0.0.2 user=u",
        &expect!["postgres://u@a:1,b:2/u?sslmode=verify-full&hostaddr=10.0.0.1,10.0.0.2 None"],
    );
    check(
        "host=a,b port=1,2,3 user=u",
        &expect!["`port` must be one port, or as many as there are hosts"],
    );
}

#[test]
fn tls_is_verified_but_on_this_machine_itself() {
    check_all(
        &[
            "postgres://u@db.example/d",
            "postgres://u@localhost/d",
            "postgres://u@127.0.0.1/d",
            "postgres://u@[::1]/d",
            "postgres://u@localhost,db.example/d",
            "postgres://u@localhost/d?hostaddr=10.0.0.1",
            "postgres://u@h/d?sslmode=require",
            "postgres://u@h/d?ssl=true",
            "postgres://u@h/d?sslmode=require&sslrootcert=/ca.pem",
            "postgres://u@h/d?sslrootcert=system",
            "postgres://u@h/d?sslrootcert=system&sslmode=require",
            "postgres://u@h/d?sslmode=prefer",
            "postgres://u@h/d?sslmode=VERIFY",
            "postgres://u@h/d?sslmode=disable&channel_binding=require",
        ],
        &expect![[r#"
            postgres://u@db.example:5432/d?sslmode=verify-full
            postgres://u@localhost:5432/d?sslmode=disable
            postgres://u@127.0.0.1:5432/d?sslmode=disable
            postgres://u@[::1]:5432/d?sslmode=disable
            postgres://u@localhost:5432,db.example:5432/d?sslmode=verify-full
            postgres://u@localhost:5432/d?sslmode=verify-full&hostaddr=10.0.0.1
            postgres://u@h:5432/d?sslmode=require
            postgres://u@h:5432/d?sslmode=require
            postgres://u@h:5432/d?sslmode=verify-ca&sslrootcert=%2Fca.pem
            postgres://u@h:5432/d?sslmode=verify-full
            `sslmode` must be `verify-full` with `sslrootcert=system`, as libpq demands
            `sslmode` is not supported: `prefer` and `allow` fall back to plain text unseen; write `verify-full`, or `require` to encrypt without proof, or `disable`
            `sslmode` must be one of `disable`, `require`, `verify-ca`, `verify-full`
            `channel_binding` must be `prefer` where there is no TLS: there is no channel to bind to
        "#]],
    );
}

#[test]
fn keys_that_do_not_matter_are_passed_over_and_all_others_are_named() {
    check_all(
        &[
            "postgres://u@h/d?pgbouncer=true&connection_limit=1&schema=public&application_name=x&keepalives=1",
            "postgres://u@h/d?client_encoding=UTF8&gssencmode=prefer&load_balance_hosts=disable&sslnegotiation=postgres",
            "postgres://u@h/d?target_session_attrs=read-write&connect_timeout=3&channel_binding=require",
            "postgres://u@h/d?connect_timeout=-1",
            "postgres://u@h/d?gssencmode=require",
            "postgres://u@h/d?load_balance_hosts=random",
            "postgres://u@h/d?sslcert=/c.pem",
            "postgres://u@h/d?service=prod",
            "postgres://u@h/d?passfile=/p",
            "postgres://u@h/d?sslmod=require",
            "postgres://u@h/d?colour=red",
            "postgres://u@h/d?target_session_attrs=fast",
            "postgres://u@h/d?connect_timeout=soon",
        ],
        &expect![[r#"
            postgres://u@h:5432/d?sslmode=verify-full
            postgres://u@h:5432/d?sslmode=verify-full
            postgres://u@h:5432/d?sslmode=verify-full&channel_binding=require&target_session_attrs=read-write&connect_timeout=3
            postgres://u@h:5432/d?sslmode=verify-full
            `gssencmode` is not supported: write `gssencmode=disable`: Kerberos is not spoken
            `load_balance_hosts` is not supported: remove it: the hosts are tried in order
            `sslcert` is not supported: log in with a password (SCRAM) instead of a client certificate
            `service` is not supported: write out the service's own keys
            `passfile` is not supported: write the password beside the URL: `password = "file:/path"`
            `sslmod` is not a key that libpq knows: remove it, or write `sslmode`
            `colour` is not a key that libpq knows: remove it
            `target_session_attrs` must be one of `any`, `read-write`, `read-only`, `primary`, `standby`, `prefer-standby`
            `connect_timeout` must be a whole number of seconds
        "#]],
    );
}

#[test]
fn what_is_no_connection_string_is_told_so() {
    check_all(
        &[
            "",
            "acme",
            "mysql://u@h/d",
            "postgresql+asyncpg://u@h/d",
            "postgres://h/d",
            "postgres://u@h:0/d",
            "postgres://u@h:+5/d",
            "postgres://u@h:65536/d",
            "postgres://u@[::1/d",
            "postgres://u@[::1]x/d",
            "host=h user=u host",
        ],
        &expect![[r#"
            this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`
            this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`
            this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`
            this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`
            no user is named: write one, because a registry must not depend on who runs the scan
            `port` must be a number from 1 to 65535 (and in a URL, `/` in a password is `%2F`)
            `port` must be a number from 1 to 65535 (and in a URL, `/` in a password is `%2F`)
            `port` must be a number from 1 to 65535 (and in a URL, `/` in a password is `%2F`)
            an IPv6 address has no closing `]`: write `[::1]`
            something stands between the `]` of an IPv6 address and the next part: remove it
            a key has no `=` after it: write `key=value`, with the value in single quotes where it has blanks
        "#]],
    );
}

/// Where a password was pasted as it is, it ends up as any other part.
#[test]
fn no_error_repeats_a_piece_of_an_unescaped_password() {
    let cases = [
        "postgres://u:hunter2/hunter2@h/d",
        "postgres://u:hunter2@hunter2@h/d",
        "postgres://u:x/y?hunter2=1@h/d",
        "postgres://u:x#hunter2/hunter2@h/d",
        "postgres://u:hunter2%zz@h/d",
        "host=h user=u password=a hunter2=b",
        "host=h user=u password=a hunter2",
        "host=h user=u password=hunter2 port=x",
        "hunter2",
        "host=h user=u 'hunter2'=b",
    ];
    for text in cases {
        if let Err(error) = Dsn::parse(text) {
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error}");
        }
        let shown = masked(text);
        assert!(!shown.contains("hunter2"), "{text}: {shown}");
    }
}

fn assert_parses_what_it_prints(text: &str) {
    let Ok(dsn) = Dsn::parse(text) else { return };
    let again = Dsn::parse(&dsn.to_string()).unwrap();
    let without = |dsn: &Dsn| Dsn { password: None, ..dsn.clone() };
    assert_eq!(without(&dsn), without(&again), "{text:?} prints as {dsn}");
    assert!(!dsn.hosts.is_empty());
    let _address = dsn.address(None);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_it_prints_it_reads(text in any::<String>()) {
        assert_parses_what_it_prints(&text);
        assert_parses_what_it_prints(&format!("postgres://u@{text}"));
        assert_parses_what_it_prints(&format!("user=u {text}"));
    }

    #[test]
    fn what_looks_like_a_string_is_read_back_too(
        text in "postgres://[uü]{1,2}(:[p%2F]{1,4})?@[a-zA-Z.,:0-9/\\[\\]%-]{0,24}(/[d%20]{0,6})?(\\?(options|sslmode|hostaddr|host|sslrootcert)=[a-z0-9.,/-]{0,12})?"
    ) {
        assert_parses_what_it_prints(&text);
    }
}
