//! The registry: whose server an address names, what a row means, and how sources become one snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use watertight::dsn::Dsn;
use watertight::model::tenant::{Origin, TenantId};
use watertight::registry::merge::{SourceRead, merge};
use watertight::registry::row::{Fault, RawRow};
use watertight::registry::tenant::{Trust, build, moment};
use watertight::registry::{
    KeptRows, ProbeLogin, RegistryOptions, Snapshot, SourceKind, SourceOptions, file, read,
};
use watertight::secret::{Secret, SecretRef};

/// One address a line: `host port user options registry's project`, `-` for none.
#[track_caller]
fn check_addresses(cases: &str, expected: &Expect) {
    let mut told = String::new();
    for case in cases.split_whitespace().collect::<Vec<_>>().chunks(5) {
        let &[host, port, user, options, project] = case else { panic!("five words: {case:?}") };
        let options = if options == "-" { String::new() } else { format!(" options='{options}'") };
        let text = format!("host={host} port={port} user={user} dbname=d{options}");
        let address = Dsn::parse(&text)
            .expect("a case is a connection string")
            .address((project != "-").then_some(project));
        let projects: Vec<String> =
            address.projects.iter().map(|it| format!("{}={}", it.place.label(), it.id)).collect();
        let named = address.project_id().unwrap_or("?");
        writeln!(
            told,
            "{} {:?} {} [{}] {named}",
            address.provider,
            address.route,
            address.role,
            projects.join(" ")
        )
        .expect("a string takes everything");
    }
    expected.assert_eq(&told);
}

#[test]
fn supabase_is_read_from_host_user_and_options() {
    check_addresses(
        "db.abcdefghijklmnopqrst.supabase.co 5432 postgres - -
         db.abcdefghijklmnopqrst.supabase.co 6543 postgres - -
         DB.ABCDEFGHIJKLMNOPQRST.Supabase.co. 5432 postgres - abcdefghijklmnopqrst
         db.abcdefghijklmnopqrst.supabase.co 5432 postgres - tsrqponmlkjihgfedcba
         aws-0-eu-central-1.pooler.supabase.com 5432 postgres.abcdefghijklmnopqrst - -
         aws-1-us-east-2.pooler.supabase.com 6543 app.x.abcdefghijklmnopqrst - -
         aws-12-ap-southeast-1.pooler.supabase.com 6543 postgres reference=abcdefghijklmnopqrst -
         aws-0-eu-central-1.pooler.supabase.com 5432 postgres.abcdefghijklmnopqrst reference=tsrqponmlkjihgfedcba -
         aws-0-eu-central-1.pooler.supabase.com 5432 postgres.short - -
         db.short.supabase.co 5432 postgres - -
         db.abcdefghijklmnopqrst.supabase.com 5432 postgres - -
         evil-db.abcdefghijklmnopqrst.supabase.co 5432 postgres - -",
        &expect![[r#"
            supabase Direct postgres [host=abcdefghijklmnopqrst] abcdefghijklmnopqrst
            supabase Pooler postgres [host=abcdefghijklmnopqrst] abcdefghijklmnopqrst
            supabase Direct postgres [host=abcdefghijklmnopqrst registry=abcdefghijklmnopqrst] abcdefghijklmnopqrst
            supabase Direct postgres [host=abcdefghijklmnopqrst registry=tsrqponmlkjihgfedcba] ?
            supabase SharedPooler postgres [user=abcdefghijklmnopqrst] abcdefghijklmnopqrst
            supabase SharedPooler app.x [user=abcdefghijklmnopqrst] abcdefghijklmnopqrst
            supabase SharedPooler postgres [options=abcdefghijklmnopqrst] abcdefghijklmnopqrst
            supabase SharedPooler postgres [user=abcdefghijklmnopqrst options=tsrqponmlkjihgfedcba] ?
            supabase SharedPooler postgres.short [] ?
            other Direct postgres [] ?
            other Direct postgres [] ?
            other Direct postgres [] ?
        "#]],
    );
}

#[test]
fn the_other_providers_are_read_by_their_published_names() {
    check_addresses(
        "ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech 5432 u - -
         ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech 5432 u - -
         ep-cool-darkness-a1b2c3d4-pooler.c-2.us-east-1.aws.neon.tech 5432 u - -
         ep-cool-darkness-a1b2c3d4-pooler.eastus2.azure.neon.tech 5432 u - -
         ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech 5432 u - cool-project-1
         mydb.abc123xyz.us-east-2.rds.amazonaws.com 5432 u - mydb
         mycluster.cluster-abc123xyz.us-east-2.rds.amazonaws.com 5432 u - -
         mycluster.cluster-ro-abc123xyz.us-east-2.rds.amazonaws.com 5432 u - -
         alias.cluster-custom-abc123xyz.us-east-2.rds.amazonaws.com 5432 u - -
         px.proxy-abc123xyz.us-east-2.rds.amazonaws.com 5432 u - -
         mycluster.cluster-abc123xyz.rds.cn-northwest-1.amazonaws.com.cn 5432 u - -
         myserver.postgres.database.azure.com 5432 u - -
         myserver.postgres.database.azure.com 6432 u - -
         myserver.privatelink.postgres.database.azure.com 8432 u - -
         c-mycluster.abcdefghijklmn.postgres.cosmos.azure.com 5432 u - mycluster
         0123456789ab.abcdefghijklm.europe-west3.sql.goog 5432 u - -
         /cloudsql/my-project:europe-west3:my-instance 5432 u - my-instance
         p.abcdefghijklmnopqrstuvwxyz.db.postgresbridge.com 5432 u - -
         p.abcdefghijklmnopqrstuvwxyz.db.postgresbridge.com 5431 u - -
         db-postgresql-fra1-12345-do-user-1234567-0.b.db.ondigitalocean.com 25060 u - -
         private-mydb-do-user-1234567-0.k.db.ondigitalocean.com 25061 u - 9cc10173-e9ea-4176-9dbc-a4cee4c4ff30
         dpg-abcdefghij0123456789-a.frankfurt-postgres.render.com 5432 u - -
         abcdefghij.klmnopqrst.tsdb.cloud.timescale.com 33333 u - abcdefghij
         x.horizon.psdb.cloud 5432 pscale_api_1.branch9 - -
         x.horizon.psdb.cloud 6432 pscale_api_1.branch9 - my-database
         db.example.com 5432 u.abcdefghijklmnopqrst - -
         10.0.0.1 6432 u - p1
         localhost 5432 u - -",
        &expect![[r#"
            neon Direct u [host=ep-cool-darkness-a1b2c3d4] ep-cool-darkness-a1b2c3d4
            neon Pooler u [host=ep-cool-darkness-a1b2c3d4] ep-cool-darkness-a1b2c3d4
            neon Pooler u [host=ep-cool-darkness-a1b2c3d4] ep-cool-darkness-a1b2c3d4
            neon Pooler u [host=ep-cool-darkness-a1b2c3d4] ep-cool-darkness-a1b2c3d4
            neon Direct u [registry=cool-project-1] cool-project-1
            aws-rds Direct u [host=mydb.abc123xyz.us-east-2 registry=mydb.abc123xyz.us-east-2] mydb.abc123xyz.us-east-2
            aws-rds Direct u [host=mycluster.abc123xyz.us-east-2] mycluster.abc123xyz.us-east-2
            aws-rds Direct u [host=mycluster.abc123xyz.us-east-2] mycluster.abc123xyz.us-east-2
            aws-rds Direct u [] ?
            aws-rds Pooler u [] ?
            aws-rds-cn Direct u [host=mycluster.abc123xyz.cn-northwest-1] mycluster.abc123xyz.cn-northwest-1
            azure-postgres Direct u [host=myserver] myserver
            azure-postgres Pooler u [host=myserver] myserver
            azure-postgres Pooler u [host=myserver] myserver
            azure-cosmos-postgres Direct u [host=mycluster.abcdefghijklmn registry=mycluster.abcdefghijklmn] mycluster.abcdefghijklmn
            gcp-cloudsql Direct u [host=0123456789ab.abcdefghijklm] 0123456789ab.abcdefghijklm
            gcp-cloudsql Direct u [host=my-project:europe-west3:my-instance registry=my-project:europe-west3:my-instance] my-project:europe-west3:my-instance
            crunchy-bridge Direct u [host=abcdefghijklmnopqrstuvwxyz] abcdefghijklmnopqrstuvwxyz
            crunchy-bridge Pooler u [host=abcdefghijklmnopqrstuvwxyz] abcdefghijklmnopqrstuvwxyz
            digitalocean Direct u [host=db-postgresql-fra1-12345-do-user-1234567-0] db-postgresql-fra1-12345-do-user-1234567-0
            digitalocean Pooler u [registry=9cc10173-e9ea-4176-9dbc-a4cee4c4ff30] 9cc10173-e9ea-4176-9dbc-a4cee4c4ff30
            render Direct u [host=dpg-abcdefghij0123456789] dpg-abcdefghij0123456789
            tiger-timescale Direct u [host=abcdefghij.klmnopqrst registry=abcdefghij.klmnopqrst] abcdefghij.klmnopqrst
            planetscale-postgres Direct pscale_api_1 [user=branch9] branch9
            planetscale-postgres Pooler pscale_api_1 [registry=my-database] my-database
            other Direct u.abcdefghijklmnopqrst [] ?
            other Direct u [registry=p1] p1
            other Direct u [] ?
        "#]],
    );
}

/// The published patterns themselves, where they lie beside this repository, and names one letter away from theirs.
#[test]
fn our_reading_of_host_names_is_that_of_the_published_patterns() {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let Ok(text) = std::fs::read_to_string(parent.join("shared/contracts/host_patterns.json"))
    else {
        return;
    };
    let patterns: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let patterns: Vec<(String, regex::Regex, Vec<String>)> = patterns
        .iter()
        .map(|it| {
            let hosts = it["test"].as_array().unwrap();
            (
                it["provider"].as_str().unwrap().to_owned(),
                regex::Regex::new(it["regex"].as_str().unwrap()).unwrap(),
                hosts.iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
            )
        })
        .collect();
    let mut compared = 0;
    for host in patterns.iter().flat_map(|it| &it.2) {
        let near = (0..host.len()).flat_map(|at| {
            let (before, after) = (&host[..at], &host[at + 1..]);
            ["", ".", "-", "a", "9", "_"].map(|put| format!("{before}{put}{after}"))
        });
        for name in near.chain([host.clone()]) {
            let Ok(dsn) = Dsn::parse(&format!("host='{name}' user=u")) else { continue };
            let address = dsn.address(None);
            let expected = patterns.iter().find(|it| it.1.is_match(&address.host));
            let expected = expected.map_or("other", |it| it.0.as_str());
            assert_eq!(address.provider.label(), expected, "{name}");
            compared += 1;
        }
    }
    assert!(1000 < compared, "only {compared} names were compared");
}

fn row(id: &str, url: &str) -> RawRow {
    RawRow { id: id.into(), database_url: Some(url.into()), ..RawRow::default() }
}

fn origin() -> Origin {
    Origin { source: "tenants.csv".into(), line: Some(7) }
}

fn login() -> ProbeLogin {
    ProbeLogin { user: "watertight".into(), secret: SecretRef::parse("seed").into() }
}

/// How each target of the row is reached, and what is wrong with it.
#[track_caller]
fn check_row(row: &RawRow, trust: Trust, login: Option<&ProbeLogin>, expected: &Expect) {
    let built = build(row, &origin(), trust, login);
    let id = &built.tenant.id;
    let mut told = format!("{id} {:?} {}\n", built.tenant.subdomain, built.tenant.environment);
    for (target, access) in built.tenant.targets.iter().zip(&built.access) {
        let password = access.login_password(id).map(|it| it.map(|it| it.expose().to_owned()));
        let line = match &access.unusable {
            Some(reason) => format!("{} UNUSABLE {reason}", target.name),
            None => format!(
                "{} {} as {} {:?} of {:?}",
                target.name,
                access.dsn,
                access.login.user,
                password.map_err(|it| it.to_string()),
                access.application_secret().map(|it| it.map(|it| it.0.to_owned())).ok(),
            ),
        };
        told.push_str(&(line + "\n"));
    }
    for fault in &built.faults {
        writeln!(told, "fault {fault}").expect("a string takes everything");
    }
    expected.assert_eq(&told);
}

#[test]
fn the_login_is_the_tenants_monitor_then_our_own_then_the_urls() {
    let url = "postgres://postgres.abcdefghijklmnopqrst:p@aws-0-eu-central-1.pooler.supabase.com/d";
    let mut acme = row("Acme", url);
    acme.subdomain = Some("ACME.".into());
    check_row(
        &acme,
        Trust::References,
        None,
        &expect![[r#"
        acme Some("acme") production
        database_url postgres://postgres.abcdefghijklmnopqrst:***@aws-0-eu-central-1.pooler.supabase.com:5432/d?sslmode=verify-full as postgres.abcdefghijklmnopqrst Ok(Some("p")) of Some(Some("postgres.abcdefghijklmnopqrst"))
    "#]],
    );
    check_row(
        &acme,
        Trust::References,
        Some(&login()),
        &expect![[r#"
        acme Some("acme") production
        database_url postgres://postgres.abcdefghijklmnopqrst:***@aws-0-eu-central-1.pooler.supabase.com:5432/d?sslmode=verify-full as watertight.abcdefghijklmnopqrst Ok(Some("3K1gEhkYCifnrm2gVDrtIzxNQHSEmCwmVv1ggndUBPQ")) of Some(Some("postgres.abcdefghijklmnopqrst"))
    "#]],
    );
    acme.monitor = Some(Box::new(watertight::registry::row::RawMonitor {
        user: "mon".into(),
        password: "m".into(),
    }));
    check_row(
        &acme,
        Trust::References,
        Some(&login()),
        &expect![[r#"
        acme Some("acme") production
        database_url postgres://postgres.abcdefghijklmnopqrst:***@aws-0-eu-central-1.pooler.supabase.com:5432/d?sslmode=verify-full as mon.abcdefghijklmnopqrst Ok(Some("m")) of Some(Some("postgres.abcdefghijklmnopqrst"))
    "#]],
    );
}

#[test]
fn a_password_apart_from_the_url_wins_but_not_over_a_further_databases_own() {
    let mut acme = row("acme", "postgres://u:inside@h/d");
    acme.password = Some("apart".into());
    acme.databases.insert("a".into(), "postgres://u:own@h/a".into());
    acme.databases.insert("b".into(), "postgres://u@h/b".into());
    acme.endpoints.insert("pooler".into(), "postgres://u@pooler/d".into());
    check_row(
        &acme,
        Trust::References,
        None,
        &expect![[r#"
        acme None production
        database_url postgres://u:***@h:5432/d?sslmode=verify-full as u Ok(Some("apart")) of Some(Some("u"))
        endpoints.pooler postgres://u@pooler:5432/d?sslmode=verify-full as u Ok(Some("apart")) of Some(Some("u"))
        databases.a postgres://u:***@h:5432/a?sslmode=verify-full as u Ok(Some("own")) of Some(Some("u"))
        databases.b postgres://u@h:5432/b?sslmode=verify-full as u Ok(Some("apart")) of Some(Some("u"))
    "#]],
    );
}

#[test]
fn a_further_database_may_lie_in_another_project_than_the_rows() {
    let mut acme = row("acme", "postgres://u@db.abcdefghijklmnopqrst.supabase.co/d");
    acme.project_id = Some("abcdefghijklmnopqrst".into());
    acme.databases.insert("a".into(), "postgres://u@db.tsrqponmlkjihgfedcba.supabase.co/a".into());
    acme.endpoints.insert("e".into(), "postgres://u@db.tsrqponmlkjihgfedcba.supabase.co/d".into());
    let built = build(&acme, &origin(), Trust::References, None);
    let projects =
        built.tenant.targets.iter().map(|it| (it.name.to_string(), it.address.project_id()));
    let projects: Vec<(String, Option<&str>)> = projects.collect();
    assert_eq!(
        projects,
        [
            ("database_url".to_owned(), Some("abcdefghijklmnopqrst")),
            ("endpoints.e".to_owned(), None),
            ("databases.a".to_owned(), Some("tsrqponmlkjihgfedcba")),
        ]
    );
}

/// Whoever may sign up as a tenant could otherwise have our files sent to a server of his own.
#[test]
fn a_row_that_others_write_names_no_file_and_no_variable() {
    let mut acme = row("acme", "postgres://u@h/d");
    acme.password = Some("file:/etc/hostname".into());
    check_row(
        &acme,
        Trust::Values,
        None,
        &expect![[r#"
        acme None production
        database_url postgres://u@h:5432/d?sslmode=verify-full as u Ok(Some("file:/etc/hostname")) of Some(Some("u"))
    "#]],
    );
}

#[test]
fn a_row_with_faults_is_a_tenant_that_cannot_be_visited() {
    check_row(
        &row("", "postgres://u@h/d"),
        Trust::Values,
        None,
        &expect![[r#"
            unreadable-tenants-csv-7 None production
            database_url UNUSABLE id: it is missing; write 1 to 253 letters, digits, `-`, `_` and `.`, not beginning with `-` or `.`
            fault id: it is missing; write 1 to 253 letters, digits, `-`, `_` and `.`, not beginning with `-` or `.`
        "#]],
    );
    check_row(
        &row("acme", "postgres://u:p/w@h/d"),
        Trust::Values,
        None,
        &expect![[r#"
        acme None production
        database_url UNUSABLE database_url: no user is named: write one, because a registry must not depend on who runs the scan; mend the connection string
        fault database_url: no user is named: write one, because a registry must not depend on who runs the scan; mend the connection string
    "#]],
    );
    check_row(
        &RawRow { database_url: None, ..row("acme", "") },
        Trust::Values,
        None,
        &expect![[r#"
            acme None production
            database_url UNUSABLE database_url: it is missing; write the connection URL of the tenant's database
            fault database_url: it is missing; write the connection URL of the tenant's database
        "#]],
    );
    let mut acme = row("acme", "postgres://u@h/d");
    acme.endpoints.insert("pooler".into(), "mysql://x".into());
    acme.labels.insert("plan".into(), "a\u{1b}[2J".into());
    acme.clone_of = Some("a b".into());
    acme.subdomain = Some("a b".into());
    check_row(
        &acme,
        Trust::Values,
        None,
        &expect![[r#"
        acme None production
        database_url postgres://u@h:5432/d?sslmode=verify-full as u Ok(None) of Some(None)
        endpoints.pooler UNUSABLE endpoints.pooler: this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`; mend the connection string
        fault endpoints.pooler: this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`; mend the connection string
        fault subdomain: it is no DNS name; write letters, digits and `-`
        fault clone_of: it is no tenant's id; write the id of the original
        fault labels.plan: it is longer than 256 bytes or has control characters; shorten it to one line
    "#]],
    );
    let fault = Fault::new("", "the line is no JSON object", "mend it");
    check_row(
        &RawRow::unreadable(Some(7), fault),
        Trust::Values,
        None,
        &expect![[r#"
            unreadable-tenants-csv-7 None production
            database_url UNUSABLE the line is no JSON object; mend it
            fault the line is no JSON object; mend it
        "#]],
    );
}

#[test]
fn a_date_is_the_start_of_its_day_in_utc() {
    let told = |text: &str| moment(text).map(|it| it.to_string());
    assert_eq!(told("2026-12-01").as_deref(), Some("2026-12-01T00:00:00Z"));
    assert_eq!(told("2026-12-01T04:00:00+02:00").as_deref(), Some("2026-12-01T02:00:00Z"));
    for text in ["", "2026-12-01T04:00:00", "tomorrow", "2026-02-30"] {
        assert_eq!(told(text), None, "{text}");
    }
}

#[test]
fn the_derived_password_is_the_published_formula() {
    // printf acme | openssl dgst -sha256 -hmac seed -binary | basenc --base64url | tr -d =
    let password = watertight::registry::derived_password(
        &Secret::new("seed"),
        &TenantId::parse("acme").unwrap(),
    );
    expect!["3K1gEhkYCifnrm2gVDrtIzxNQHSEmCwmVv1ggndUBPQ"].assert_eq(password.expose());
}

/// One source: rows kept, rows read (or why none), each `id` or `id@host` or `id/subdomain`.
struct Source<'a> {
    kept: &'a str,
    read: Result<&'a str, &'a str>,
}

fn rows(text: &str) -> Vec<RawRow> {
    let read = text.split_whitespace().map(|word| {
        let (id, host) = word.split_once('@').unwrap_or((word, "h"));
        let (id, subdomain) = id.split_once('/').unwrap_or((id, ""));
        let subdomain = (!subdomain.is_empty()).then(|| subdomain.into());
        RawRow { subdomain, ..row(id, &format!("postgres://u@{host}/d")) }
    });
    read.collect()
}

fn told(snapshot: &Snapshot) -> String {
    let mut told = String::new();
    assert_eq!(snapshot.tenants.len(), snapshot.access.len());
    for (tenant, access) in snapshot.tenants.iter().zip(&snapshot.access) {
        assert_eq!(tenant.targets.len(), access.len());
        let targets: Vec<String> =
            tenant.targets.iter().map(|it| format!("{}@{}", it.name, it.address.host)).collect();
        let stale = if tenant.stale { " stale" } else { "" };
        let unusable = if access.iter().any(|it| it.unusable.is_some()) { " unusable" } else { "" };
        writeln!(told, "{} {}{stale}{unusable}", tenant.id, targets.join(" "))
            .expect("a string takes everything");
    }
    for it in &snapshot.duplicates {
        let rows: Vec<String> = it.rows.iter().map(ToString::to_string).collect();
        writeln!(
            told,
            "duplicate {} {} {:?} {}",
            it.field.label(),
            it.value,
            it.tenants,
            rows.join(" ")
        )
        .expect("a string takes everything");
    }
    for it in &snapshot.warnings {
        writeln!(told, "warning {it}").expect("a string takes everything");
    }
    told
}

#[track_caller]
fn check_merge(sources: &[Source<'_>], expected: &Expect) {
    let reads = sources.iter().enumerate().map(|(index, it)| SourceRead {
        source: format!("s{}", index + 1).into(),
        trust: Trust::Values,
        kept: Some((rows(it.kept), 0.1)),
        outcome: it.read.map(|it| rows(it).into()).map_err(str::to_owned),
    });
    let merged = merge(reads.collect(), None);
    let mut all = told(&merged.snapshot);
    for (source, rows) in &merged.keep {
        let ids: Vec<&str> = rows.iter().map(|it| &*it.id).collect();
        writeln!(all, "keep {source}: {}", ids.join(" ")).expect("a string takes everything");
    }
    assert_eq!(
        merged.empty,
        merged.snapshot.tenants.iter().all(|it| it.id.as_str().starts_with("unreadable"))
    );
    expected.assert_eq(&all);
}

#[test]
fn rows_that_are_one_tenant_after_normalising_are_one_conflict_and_all_visited() {
    check_merge(
        &[
            Source { kept: "", read: Ok("globex ACME@a") },
            Source { kept: "", read: Ok("acme.@b acme@c") },
        ],
        &expect![[r#"
            acme database_url@a databases.duplicate-2@b databases.duplicate-3@c
            globex database_url@h
            duplicate id acme {acme} s1 s2 s2
            keep s1: globex ACME
            keep s2: acme. acme
        "#]],
    );
}

#[test]
fn one_subdomain_of_two_tenants_is_a_conflict() {
    check_merge(
        &[Source { kept: "", read: Ok("acme/Shop globex/shop. initech/own") }],
        &expect![[r#"
            acme database_url@h
            globex database_url@h
            initech database_url@h
            duplicate subdomain shop {acme, globex} s1 s1
            keep s1: acme globex initech
        "#]],
    );
}

#[test]
fn a_source_that_fails_keeps_its_rows_as_stale() {
    check_merge(
        &[
            Source { kept: "acme globex", read: Err("no answer within 30 s") },
            Source { kept: "", read: Ok("initech") },
        ],
        &expect![[r#"
            acme database_url@h stale
            globex database_url@h stale
            initech database_url@h
            warning s1: the source could not be read, so its 2 rows of an earlier read are stale: no answer within 30 s
            keep s2: initech
        "#]],
    );
}

#[test]
fn a_source_that_was_never_read_is_not_green() {
    check_merge(
        &[Source { kept: "", read: Err("refused") }, Source { kept: "", read: Ok("initech") }],
        &expect![[r#"
            initech database_url@h
            unreadable-s1-0 database_url@ stale unusable
            warning s1: tenant unreadable-s1-0: the source could not be read, and never was: refused; make the source readable
            keep s2: initech
        "#]],
    );
    check_merge(
        &[Source { kept: "", read: Err("refused") }],
        &expect![[r#"
            unreadable-s1-0 database_url@ stale unusable
            warning s1: tenant unreadable-s1-0: the source could not be read, and never was: refused; make the source readable
        "#]],
    );
}

#[test]
fn a_source_that_shrinks_too_much_keeps_what_it_lost() {
    check_merge(
        &[Source { kept: "a b c", read: Ok("a d") }],
        &expect![[r#"
        a database_url@h
        b database_url@h stale
        c database_url@h stale
        d database_url@h
        warning s1: 2 of 3 tenants are gone, more than max_shrink = 0.1 allows, so they are kept as stale; if they did leave, raise max_shrink for one scan
        keep s1: a d b c
    "#]],
    );
}

#[test]
fn a_source_that_shrinks_a_little_is_believed() {
    check_merge(
        &[Source { kept: "a b c d e f g h i j", read: Ok("a b c d e f g h i") }],
        &expect![[r#"
            a database_url@h
            b database_url@h
            c database_url@h
            d database_url@h
            e database_url@h
            f database_url@h
            g database_url@h
            h database_url@h
            i database_url@h
            keep s1: a b c d e f g h i
        "#]],
    );
}

#[test]
fn a_tenant_that_moved_to_another_source_is_no_conflict() {
    check_merge(
        &[Source { kept: "a b", read: Ok("a") }, Source { kept: "", read: Ok("B@new") }],
        &expect![[r#"
            a database_url@h
            b database_url@new
            keep s1: a
            keep s2: B
        "#]],
    );
}

#[track_caller]
fn check_file(name: &str, content: &str, expected: &Expect) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join(name);
    std::fs::write(&path, content).expect("a temporary file");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let told = match runtime.block_on(file::read(&path)) {
        Ok(rows) => rows.iter().fold(String::new(), |told, row| {
            let faults: Vec<String> = row
                .faults
                .iter()
                .map(|it| format!("{}: {it}", it.line.unwrap_or_default()))
                .collect();
            let json = serde_json::to_value(row).map(|mut it| {
                it.as_object_mut().map(|it| it.remove("faults"));
                it.to_string()
            });
            format!(
                "{told}{:?} {} {}\n",
                row.line,
                json.expect("a row is JSON"),
                faults.join(" | ")
            )
        }),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&told);
}

#[test]
fn json_lines_are_read_and_one_bad_line_is_one_bad_row() {
    check_file(
        "t.jsonl",
        r#"{"id": "acme", "database_url": "postgres://u@h/d", "labels": {"plan": "pro"}}

{"id": 5, "database_url": null, "endpoints": {"replica": 7}}
{"id": "broken
[1]
{"id": "x", "databse_url": "postgres://u@h/d"}
"#,
        &expect![[r#"
            Some(1) {"database_url":"postgres://u@h/d","id":"acme","labels":{"plan":"pro"},"line":1} 
            Some(3) {"endpoints":{"replica":"7"},"id":"5","line":3} 
            Some(4) {"id":"","line":4} 0: the line is no JSON object; write `{"id": "…", "database_url": "…"}` on one line
            Some(5) {"id":"","line":5} 0: the line is no JSON object; write `{"id": "…", "database_url": "…"}` on one line
            Some(6) {"id":"x","line":6} 6: databse_url: no such key; did you mean `database_url`?
        "#]],
    );
}

#[test]
fn csv_is_read_by_its_header() {
    check_file(
        "t.csv",
        "id,database_url,labels.plan,monitor.user,monitor.password,colour\nacme,postgres://u@h/d,pro,m,p,red\n\"a,b\",x,,,,\nshort,1\n",
        &expect![[r#"
            Some(2) {"database_url":"postgres://u@h/d","id":"acme","labels":{"plan":"pro"},"line":2,"monitor":{"password":"p","user":"m"}} 0: colour: no such key; remove it
            Some(3) {"database_url":"x","id":"a,b","line":3} 
            Some(4) {"id":"","line":4} 0: the line has 2 cells and the header 6; quote cells that contain a comma
        "#]],
    );
    check_file(
        "t.csv",
        "name,url\na,b\n",
        &expect![
            "the CSV header cannot be read: write the columns' names, `id` and `database_url` among them, in the first line"
        ],
    );
    check_file(
        "t.csv",
        "",
        &expect![
            "the CSV header cannot be read: write the columns' names, `id` and `database_url` among them, in the first line"
        ],
    );
}

#[test]
fn toml_is_read_as_in_the_configuration() {
    check_file(
        "t.toml",
        "[[tenants]]\nid = 'acme'\ndatabase_url = 'postgres://u@h/d'\nmaintenance = { until = 2026-12-01, reason = 'x' }\n[[tenants]]\nid = 5\n",
        &expect![[r#"
            Some(1) {"database_url":"postgres://u@h/d","id":"acme","line":1,"maintenance":{"reason":"x","until":"2026-12-01"}} 
            Some(5) {"id":"","line":5} 6: id: it is no text; write it in quotes
        "#]],
    );
    check_file(
        "t.toml",
        "[[tenants]]\nid = 'acme\n[probe]\n",
        &expect![
            "line 2: no TOML: invalid literal string, expected `'`; mend the syntax; line 3: only `[[tenants]]` may stand in the file"
        ],
    );
    check_file(
        "t.txt",
        "",
        &expect!["the name of the tenants' file must end in .toml, .csv, .jsonl or .ndjson"],
    );
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let limit = std::time::Duration::from_mins(1);
        tokio::time::timeout(limit, future).await.expect("the deadline of a test")
    })
}

#[test]
fn without_any_tenant_there_is_nothing_to_call_isolated() {
    let options = RegistryOptions::default();
    let error = block_on(read(&options, BTreeMap::new(), Vec::new())).unwrap_err();
    assert!(error.to_string().starts_with("no tenants: "), "{error}");
}

#[test]
fn the_store_and_a_lost_file_are_one_snapshot() {
    let path = "/nonexistent/tenants.csv";
    let options = RegistryOptions {
        sources: vec![SourceOptions { kind: SourceKind::File(path.into()), max_shrink: 0.1 }],
        ..RegistryOptions::default()
    };
    let old =
        KeptRows { source: path.to_owned(), rows: rows("old"), read_at: Timestamp::UNIX_EPOCH };
    let kept = BTreeMap::from([(path.to_owned(), old)]);
    let (snapshot, keep) = block_on(read(&options, kept, rows("stored"))).unwrap();
    assert!(keep.is_empty(), "a source that failed has nothing new to keep");
    expect![[r#"
        old database_url@h stale
        stored database_url@h
        warning /nonexistent/tenants.csv: the source could not be read, so its 1 rows of an earlier read are stale: read the tenants' file: No such file or directory (os error 2)
    "#]].assert_eq(&told(&snapshot));
}

#[test]
fn a_kept_row_comes_back_from_the_store_as_it_went() {
    let mut acme = row("acme", "postgres://u:hunter2@h/d");
    acme.password = Some("file:/p".into());
    acme.labels.insert("plan".into(), "pro".into());
    acme.faults.push(Fault::new("name", "it is no text", "write it in quotes"));
    let text = serde_json::to_string(&acme).unwrap();
    assert_eq!(serde_json::from_str::<RawRow>(&text).unwrap(), acme);
    let swapped = row("postgres://u:hunter2@h/d", "acme");
    let built = build(&swapped, &origin(), Trust::Values, None);
    assert!(!format!("{acme:?} {swapped:?} {built:?}").contains("hunter2"));
}

#[test]
fn the_order_of_rows_does_not_matter_to_who_is_there() {
    let ids = |text: &str| {
        let read = SourceRead {
            source: "s".into(),
            trust: Trust::Values,
            kept: None,
            outcome: Ok(rows(text).into()),
        };
        let merged = merge(vec![read], None);
        merged.snapshot.tenants.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    let one = ids("c a b");
    assert_eq!(one, ids("b c a"));
    assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), 3);
}
