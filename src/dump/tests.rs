//! What the programs are told of the world, and what is shown of their complaints.

use super::*;

fn told(version: u32, url: &str, roots: Option<&str>) -> String {
    let dsn = Dsn::parse(url).unwrap();
    let programs = Programs { version, directory: PathBuf::new() };
    let roots = roots.map(Path::new);
    let place = Place { dsn: &dsn, password: dsn.password.as_ref(), roots };
    let told = programs.environment(Some(place));
    let ours = ["PATH", "TMPDIR", "HOME", "LC_ALL", "PGPASSFILE", "PGAPPNAME"];
    let told = told.iter().filter(|(name, _)| !ours.contains(name));
    told.map(|(name, value)| format!("{name}={}", value.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[track_caller]
fn check(url: &str, expected: &[&str]) {
    let told = told(16, url, Some("ca.pem"));
    let told: Vec<&str> = told.split(' ').collect();
    for part in expected {
        assert!(told.contains(part), "{part} is not in {told:?}");
    }
}

#[test]
fn a_connection_string_is_told_whole() {
    check(
        "postgres://app:p%40ss@db.example:6543/acme?sslmode=require",
        &[
            "PGHOST=db.example",
            "PGPORT=6543",
            "PGUSER=app",
            "PGDATABASE=acme",
            "PGPASSWORD=p@ss",
            "PGREQUIREAUTH=scram-sha-256",
            "PGSSLMODE=require",
        ],
    );
    check(
        "postgres://app@one:1,two:2/acme?target_session_attrs=primary&connect_timeout=7",
        &["PGHOST=one,two", "PGPORT=1,2", "PGTARGETSESSIONATTRS=primary", "PGCONNECT_TIMEOUT=7"],
    );
    check(
        "host=db.example hostaddr=127.0.0.1 user=app dbname=acme options='-c search_path=x'",
        &["PGHOSTADDR=127.0.0.1", "PGOPTIONS=-c"],
    );
}

#[test]
fn roots_are_those_of_the_string_then_ours_then_the_systems() {
    let roots = |version, url: &str, ours| {
        let told = told(version, url, ours);
        told.split(' ').find_map(|it| it.strip_prefix("PGSSLROOTCERT=")).map(str::to_owned)
    };
    let full = "postgres://app@db/acme?sslmode=verify-full";
    let own = format!("{full}&sslrootcert=/own.pem");
    assert_eq!(roots(15, &own, Some("ca.pem")).as_deref(), Some("/own.pem"));
    assert_eq!(roots(15, full, Some("ca.pem")).as_deref(), Some("ca.pem"));
    assert_eq!(roots(16, full, None).as_deref(), Some("system"));
    assert_eq!(roots(15, full, None), None, "it would be a file of that name");
    let unchecked = "postgres://app@db/acme?sslmode=require";
    assert_eq!(roots(16, unchecked, Some("ca.pem")), None, "with roots it would be checked");
}

#[test]
fn a_password_is_masked_before_the_complaints_are_cut() {
    let password = Secret::new("geheim");
    let check = |complaints: &str, expected: &str| {
        assert_eq!(shown(Program::Dump, complaints.as_bytes(), Some(&password)), expected);
    };
    let hint = "pg_dump: error: x\n\n  geheim\npg_dump: hint: geheim\n";
    check(hint, "pg_dump: error: x; pg_dump: hint: ***");
    check("", "");
    check(&format!("pg_dump: {}", "geheim".repeat(1_000)), &"*".repeat(TAIL));
    let long = format!("pg_dump: {}end", "é".repeat(5_000));
    check(&long, &format!("{}end", "é".repeat(TAIL - 3)));
}

#[tokio::test]
async fn complaints_are_kept_to_a_bound_and_their_end_is_kept() {
    let said = format!("{}end", "x".repeat(1_000_000));
    let mut kept = Vec::new();
    keep_tail(Some(said.as_bytes()), &mut kept).await;
    assert_eq!(kept.len(), KEPT);
    assert!(kept.ends_with(b"end"));
}
