//! Addresses that are believed, and those that are not.

use super::*;

const REFERENCE: &str = "abcdefghijklmnopqrst";

fn shown(address: Result<Address, Mistrust>) -> String {
    address.map_or_else(|it| format!("{it:?}"), |it| it.with(TlsMode::VerifyFull).to_string())
}

fn trusted() -> [Box<str>; 3] {
    ["supabase.com", "Supabase.CO.", "127.0.0.1"].map(Into::into)
}

fn entry(kind: &str, connection: &str) -> Pooler {
    Pooler { database_type: Some(kind.to_owned()), connection_string: Some(connection.to_owned()) }
}

#[track_caller]
fn check_pooled(connection: &str, expected: &str) {
    let entries =
        [entry("READ_REPLICA", "postgres://x@replica.evil.example/"), entry("PRIMARY", connection)];
    assert_eq!(shown(pooled(&entries, REFERENCE, &trusted())), expected);
}

#[test]
fn the_primarys_pooler_is_entered_by_the_door_for_sessions() {
    let good = "postgres://postgres.abcdefghijklmnopqrst@aws-1-eu-north-1.pooler.supabase.com:5432/postgres?sslmode=verify-full";
    for port in [6543, 5432] {
        let host = "aws-1-eu-north-1.pooler.supabase.com";
        let user = "postgres.abcdefghijklmnopqrst:[YOUR-PASSWORD]";
        check_pooled(&format!("postgresql://{user}@{host}:{port}/postgres"), good);
        check_pooled(
            &format!(
                "postgres://{user}@{}.:{port}/postgres?sslmode=disable&options=reference%3Dzzzzzzzzzzzzzzzzzzzz",
                host.to_uppercase()
            ),
            good,
        );
    }
    check_pooled(
        "postgresql://postgres.abcdefghijklmnopqrst:[YOUR-PASSWORD]@127.0.0.1:15001/postgres",
        "postgres://postgres.abcdefghijklmnopqrst@127.0.0.1:15001/postgres?sslmode=disable",
    );
}

#[test]
fn a_host_that_is_not_trusted_is_told_and_not_used() {
    for host in [
        "pooler.supabase.com.evil.example",
        "evilsupabase.com",
        "10.0.0.7",
        "169.254.169.254",
        "127.0.0.11",
        "1.127.0.0.1",
        "[::1]",
        "localhost",
    ] {
        let connection = format!("postgres://postgres.{REFERENCE}@{host}/postgres");
        let told = shown(pooled(&[entry("PRIMARY", &connection)], REFERENCE, &trusted()));
        assert!(told.contains("lies under no trusted domain"), "{host}: {told}");
    }
    let two = format!("postgres://postgres.{REFERENCE}@a.supabase.com,b.evil.example/postgres");
    check_pooled(&two, "Elsewhere(\"it names more than one place\")");
    let other =
        format!("postgres://postgres.{REFERENCE}@a.supabase.com/postgres?hostaddr=10.0.0.7");
    check_pooled(&other, "Elsewhere(\"it names more than one place\")");
}

#[test]
fn another_projects_user_is_refused() {
    for user in ["postgres.zzzzzzzzzzzzzzzzzzzz", "postgres", ".abcdefghijklmnopqrst"] {
        check_pooled(
            &format!("postgres://{user}@a.pooler.supabase.com/postgres"),
            &format!("Elsewhere(\"the pooler's user {user} is not of {REFERENCE}\")"),
        );
    }
}

#[test]
fn without_a_primary_there_is_no_way_yet() {
    let told = "Unreadable(\"there is no pooler for the primary database yet\")";
    assert_eq!(shown(pooled(&[], REFERENCE, &trusted())), told);
    check_pooled("[YOUR-CONNECTION]", "Unreadable(\"the pooler's connection string is none\")");
}

#[test]
fn a_databases_own_host_must_carry_the_reference() {
    let check = |host: &str, expected: &str| {
        assert_eq!(shown(direct(host, REFERENCE, &trusted())), expected, "{host}");
    };
    check(
        "db.abcdefghijklmnopqrst.supabase.co",
        "postgres://postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres?sslmode=verify-full",
    );
    check(
        "db.zzzzzzzzzzzzzzzzzzzz.supabase.co",
        "Elsewhere(\"the database's host db.zzzzzzzzzzzzzzzzzzzz.supabase.co is not of abcdefghijklmnopqrst\")",
    );
    check(
        "abcdefghijklmnopqrst.evil.example",
        "Elsewhere(\"the host abcdefghijklmnopqrst.evil.example lies under no trusted domain\")",
    );
    check("", "Unreadable(\"the project has no database's host yet\")");
    check("a@b/c", "Unreadable(\"the project has no database's host yet\")");
}
