//! The configuration: what is accepted, what is told of what is not, and what is shown.
//!
//! Why whole problems are compared: their words are what a person mends the file by.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use watertight::config::keys::{Key, ROOT, Shape};
use watertight::config::{Config, NoFile};
use watertight::model::finding::Kind;
use watertight::model::policy::Isolation;

/// As the contract shows it, with secrets from the environment where it elides them.
const EXAMPLE: &str = r#"
[store]
url = "sqlite:watertight.db"

[policy]
isolation = "cluster"
unhealthy_after = 2

[[policy.exceptions]]
kind = "shared_cluster"
tenants = ["trial-1", "trial-2"]
reason = "free tier shares one cluster"
until = 2027-01-31

[policy.mass_failure]
share = 0.5
at_least = 10

[probe]
timeout = "5s"
login = { user = "watertight", secret = "${PROBE}" }
auth_retry = "1h"
concurrency = 64
per_server = 4
replication_proof = false

[schedule]
scan = "0 */5 * * * *"
audit = "0 0 */6 * * *"
report = "0 0 10 * * *"
timezone = "Europe/Stockholm"

[http]
listen = "127.0.0.1:9877"
hosts = ["localhost"]
metrics = "open"
tenant_path = "/api/superadmin/orchestras"

[[http.tokens]]
name = "ci"
role = "viewer"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[metrics]
tenant_detail = "auto"
tenant_detail_limit = 2_000

[github]
repository = "owner/name"
api_url = "https://api.github.com"
token = "${GITHUB_TOKEN}"
mode = "observe"
allow_public = false

[provider]
kind = "supabase"
api_url = "https://api.supabase.com"
organization = "acme-org"
read_token = "${SUPABASE_READ_TOKEN}"
ignore = [{ project = "infra-*", reason = "not tenants", until = 2027-06-30 }]

[gate]
max_age = "30m"
min_coverage = 0.98

[secrets]
key = "${KEY}"
stamp_key = "${STAMP_KEY}"
[secrets.previous]
key = "${KEY}"

[provision]
provider = "supabase"
quota = 200
setup_sql = "setup/"
setup_command = ["npx", "tsx", "scripts/setup.ts"]
stamp = true
backup_directory = "backups"
backup_timeout = "1h"
ready_timeout = "15m"

[provision.supabase]
api_url = "https://api.supabase.com"
token = "${SUPABASE_ACCESS_TOKEN}"
organization = "acme-org"
region = "eu-north-1"
connection = "session_pooler"
trusted_hosts = ["supabase.com", "supabase.co"]

[provision.postgres]
admin_url = "${ADMIN_DATABASE_URL}"

[provision.local]
directory = "clusters"

[routing]
jwks_url = "https://auth.example/jwks"
issuer = "https://auth.example"
audience = "watertight"
tenant_claim = "tenant"
quarantine = true

[[sources]]
kind = "postgres"
url = "${PLATFORM_DATABASE_URL}"
query = "select id, subdomain, name, database_url from orchestras where active"
max_shrink = 0.1

[[tenants]]
id = "acme"
database_url = "postgres://app@db.example/acme"
password = "${ACME_PASSWORD}"
endpoints = { pooler = "postgres://app:hunter2@pooler.example/acme", replica = "postgres://app@replica.example/acme" }
databases = { analytics = "postgres://app@db.example/analytics" }
environment = "production"
clone_of = "acme"
managed_by = "terraform"
region = "eu-north-1"
labels = { plan = "pro" }
maintenance = { until = 2026-12-01T04:00:00Z, reason = "upgrade" }
"#;

fn environment() -> BTreeMap<String, String> {
    let secrets = [
        "PROBE",
        "GITHUB_TOKEN",
        "SUPABASE_READ_TOKEN",
        "KEY",
        "STAMP_KEY",
        "SUPABASE_ACCESS_TOKEN",
        "ACME_PASSWORD",
    ];
    let urls = ["ADMIN_DATABASE_URL", "PLATFORM_DATABASE_URL"];
    secrets
        .iter()
        .map(|it| ((*it).to_owned(), "hunter2".to_owned()))
        .chain(
            urls.iter()
                .map(|it| ((*it).to_owned(), "postgres://p:hunter2@platform.example/p".to_owned())),
        )
        .collect()
}

fn parse(text: &str, environment: &BTreeMap<String, String>) -> Result<Config, String> {
    Config::parse("watertight.toml", text, environment).map_err(|problems| {
        problems.iter().fold(String::new(), |mut told, it| {
            writeln!(told, "{it}").expect("a string takes everything");
            told
        })
    })
}

/// The problems of the text, one a line.
#[track_caller]
fn check(text: &str, expected: &Expect) {
    let told = match parse(text, &environment()) {
        Ok(_) => "no problem".to_owned(),
        Err(problems) => problems,
    };
    assert!(!told.contains("hunter2"), "a value is repeated: {told}");
    expected.assert_eq(&told);
}

#[test]
fn the_contracts_example_loads() {
    let config = parse(EXAMPLE, &environment()).unwrap();
    assert_eq!(config.tenants.len(), 1);
    assert_eq!(config.policy().isolation, Isolation::Cluster);
    assert_eq!(config.policy().exceptions[0].kind, Kind::SharedCluster);
    assert_eq!(config.policy().exceptions[0].until.to_string(), "2027-01-31T00:00:00Z");
    assert_eq!(config.metrics.tenant_detail_limit, 2000);
    assert_eq!(config.registry_options().sources[0].name(), "platform.example:5432/p");
}

#[test]
fn an_empty_file_is_the_defaults() {
    let config = parse("", &BTreeMap::new()).unwrap();
    expect![[r#"
        sources = []
        webhooks = []

        [gate]
        max_age = "30m"
        min_coverage = 0.98

        [http]
        hosts = ["localhost"]
        listen = "127.0.0.1:9877"
        metrics = "open"
        tokens = []

        [log]
        level = "info"

        [metrics]
        tenant_detail = "auto"
        tenant_detail_limit = 2000

        [policy]
        exceptions = []
        isolation = "cluster"
        unhealthy_after = 2

        [policy.mass_failure]
        at_least = 10
        share = 0.5

        [probe]
        auth_retry = "1h"
        concurrency = 64
        per_server = 4
        replication_proof = false
        timeout = "5s"

        [schedule]
        audit = "0 0 */6 * * *"
        jitter = "2s"
        report = "0 0 10 * * *"
        scan = "0 */5 * * * *"
        timezone = "UTC"

        [secrets]

        [store]
        url = "sqlite:watertight.db"
    "#]]
    .assert_eq(&config.show());
}

#[test]
fn what_is_shown_has_no_secret_and_no_password() {
    let mut environment = environment();
    environment.insert("WATERTIGHT__SECRETS__KEY".to_owned(), "hunter2".to_owned());
    let config = parse(EXAMPLE, &environment).unwrap();
    let shown = config.show();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        !format!("{config:?} {:?} {:?}", config.registry_options(), config.probe_options())
            .contains("hunter2")
    );
    for line in [
        "key = \"***\"",
        "stamp_key = \"${STAMP_KEY}\"",
        "url = \"postgres://p:***@platform.example:5432/p?sslmode=verify-full\"",
        "pooler = \"postgres://app:***@pooler.example:5432/acme?sslmode=verify-full\"",
        "password = \"${ACME_PASSWORD}\"",
    ] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
}

#[test]
fn all_problems_are_told_in_one_run() {
    check(
        r#"
[probe]
timeot = "5s"
timeout = 5
concurrency = 0
per_server = "4"
ca_file = "/nonexistent/roots.pem"
login = { user = "watertight", secret = "file:/nonexistent/secret" }
[polcy]
[policy]
isolation = "clusters"
unhealthy_after = 2.5
[[policy.exceptions]]
kind = "shared_clusters"
tenants = []
until = 2027-13-31
[secrets]
key = "${UNSET_KEY}"
[[sources]]
kind = "supabase"
[[sources]]
kind = "postgres"
url = "postgres://u:hunter2/x@h/d"
max_shrink = 10
[[tenants]]
id = "acme"
database_url = "postgres://u:hunter2@h/d?sslmode=prefer"
paswod = "x"
[[tenants]]
id = "a b"
name = 5
[[tenants]]
id = "globex"
database_url = "${UNSET_URL}"
endpoints = { "a/b" = "postgres://u@h/d", c = 1 }
maintenance = { until = "soon" }
monitor = { user = "m" }
"#,
        &expect![[r#"
            watertight.toml:3: probe.timeot: no such key; did you mean `timeout`?
            watertight.toml:4: probe.timeout: it must be a duration, and is integer; write for example "30s", "5m" or "1h"
            watertight.toml:5: probe.concurrency: it is not between 1 and 20000; write a whole number from 1 to 20000, without quotes
            watertight.toml:6: probe.per_server: it must be a whole number, and is text; write a whole number from 1 to 1000, without quotes
            watertight.toml:7: probe.ca_file: there is no such file; write the path of a PEM file
            watertight.toml:8: probe.login.secret: read a secret from /nonexistent/secret: No such file or directory (os error 2); make the secret readable, or name another place
            watertight.toml:9: polcy: no such key; did you mean `policy`?
            watertight.toml:11: policy.isolation: it is none of the known words; write one of project, host, cluster, database
            watertight.toml:12: policy.unhealthy_after: it must be a whole number, and is float; write a whole number from 1 to 1000, without quotes
            watertight.toml:14: policy.exceptions[1].kind: it is no finding's kind; did you mean `shared_cluster`?
            watertight.toml:15: policy.exceptions[1].tenants: the list is empty; write an entry, or remove the key
            watertight.toml:16: it is no TOML: invalid date, expected month between 01 and 12; mend the syntax of this line
            watertight.toml:18: secrets.key: the environment variable UNSET_KEY is not set; make the secret readable, or name another place
            watertight.toml:20: sources[1].kind: this kind of source is not yet supported; write kind = "postgres" or kind = "file"
            watertight.toml:23: sources[2].url: no user is named: write one, because a registry must not depend on who runs the scan; mend the connection string
            watertight.toml:24: sources[2].max_shrink: it is not between 0 and 1; write for example 0.5, without quotes
            watertight.toml:27: tenants[1].database_url: `sslmode` is not supported: `prefer` and `allow` fall back to plain text unseen; write `verify-full`, or `require` to encrypt without proof, or `disable`; mend the connection string
            watertight.toml:28: tenants[1].paswod: no such key; did you mean `password`?
            watertight.toml:30: tenants[2].id: it is no tenant id; write 1 to 253 letters, digits, `-`, `_` and `.`, not beginning with `-` or `.`
            watertight.toml:31: tenants[2].name: it is no text; write it in quotes
            watertight.toml:34: tenants[3].database_url: the environment variable UNSET_URL is not set; set it, or write the value
            watertight.toml:35: tenants[3].endpoints.a/b: the name is not 1 to 63 letters, digits, `-` and `_`; rename it
            watertight.toml:35: tenants[3].endpoints.c: it is no text; write it in quotes
            watertight.toml:36: tenants[3].maintenance.until: it is no date or time; write `until = 2026-12-01T04:00:00Z`, or a date: the start of that day in UTC
            watertight.toml:37: tenants[3].monitor: the user or the password is missing; write both: `monitor = { user = "…", password = "file:…" }`
        "#]],
    );
}

#[test]
fn a_token_goes_only_where_it_is_safe_and_a_repository_is_one() {
    check(
        r#"
[github]
repository = "acme"
api_url = "http://git.example.com"
token = "x"
app_id = 3
instance = "a b"
[[github.routes]]
kinds = ["shared_clusters"]
repository = "acme/../ops"
labels = ["a,b"]
"#,
        &expect![[r#"
            watertight.toml:3: github.repository: it is no repository; write for example "acme/operations"
            watertight.toml:4: github.api_url: it is no https address; write for example "https://git.example.com/api/v3"
            watertight.toml:5: github.token: an app's id, installation or key stands beside it; keep one of the two
            watertight.toml:7: github.instance: it is not 1 to 40 letters, digits, '-', '_' and '.'; write for example "production"
            watertight.toml:9: github.routes[1].kinds: it names no finding's kind; write for example ["shared_cluster"]
            watertight.toml:10: github.routes[1].repository: it is no repository; write for example "acme/operations"
            watertight.toml:11: github.routes[1].labels: a label is longer than 50 characters, or holds a comma; shorten it
        "#]],
    );
    check(
        "[github]\nrepository = \"acme/ops\"\napp_id = 3",
        &expect![[r#"
            watertight.toml:3: github.app_id: an app needs app_id, installation_id and private_key; write all three
        "#]],
    );
}

#[test]
fn the_provider_that_is_named_has_its_section_and_its_server_is_proven() {
    for provider in ["local", "postgres", "supabase"] {
        let told = parse(&format!("[provision]\nprovider = {provider:?}"), &environment());
        let expected = format!(
            "watertight.toml:1: provision.{provider}: it is missing; write the section [provision.{provider}]\n"
        );
        assert_eq!(told.unwrap_err(), expected);
    }
    check(
        r#"
[provision]
provider = "postgres"
[provision.postgres]
admin_url = "postgres://a:hunter2@db.example/postgres?sslmode=require"
"#,
        &expect![[r#"
            watertight.toml:5: provision.postgres.admin_url: its sslmode proves not whom we ask; write `sslmode=verify-full`, with `sslrootcert` for a private root
        "#]],
    );
    let config = parse(EXAMPLE, &environment()).unwrap();
    assert_eq!(config.local_options().unwrap().directory.to_str(), Some("clusters"));
    let options = config.postgres_options().unwrap();
    assert_eq!(&*options.admin.user, "p");
    assert!(!format!("{options:?}").contains("hunter2"));
}

#[test]
fn what_is_said_of_supabase_is_fit_for_an_address_and_trusts_somebody() {
    check(
        r#"
[provision]
provider = "supabase"
[provision.supabase]
api_url = "http://api.supabase.com"
token = "${SUPABASE_ACCESS_TOKEN}"
organization = "../acme"
region = "eu north"
trusted_hosts = ["supabase.com", "com"]
"#,
        &expect![[r#"
            watertight.toml:5: provision.supabase.api_url: it is no https address; write "https://api.supabase.com", or remove it
            watertight.toml:7: provision.supabase.organization: it is no organisation's slug; write its slug, as it stands in the dashboard's address
            watertight.toml:8: provision.supabase.region: it is no region; write for example "eu-north-1"
            watertight.toml:9: provision.supabase.trusted_hosts: it names no host or domain that is somebody's own; write for example ["supabase.com", "supabase.co"]
        "#]],
    );
    let trusting = |host: &str| {
        let text = format!(
            "[provision]\nprovider = 'supabase'\n[provision.supabase]\ntoken = 'x'\norganization = 'acme'\nregion = 'eu-north-1'\ntrusted_hosts = [{host:?}]"
        );
        parse(&text, &environment()).map(|it| it.supabase_options().unwrap().trusted_hosts)
    };
    assert_eq!(trusting("Supabase.CO.").unwrap(), ["supabase.co".into()]);
    for host in ["localhost", "127.0.0.1", "::1", "db.internal.example"] {
        assert_eq!(trusting(host).unwrap(), [host.into()]);
    }
    for host in ["co", "*.supabase.co", ".co", "https://supabase.co", "a..b", " "] {
        assert!(trusting(host).unwrap_err().contains("trusted_hosts"), "{host}");
    }
}

#[test]
fn a_syntax_error_hides_no_other_problem_and_makes_up_none() {
    check(
        "[probe]\ntimeout = \nconcurency = 3\n[store\nurl = 'x'\n",
        &expect![[r#"
            watertight.toml:2: it is no TOML: string values must be quoted, expected literal string; mend the syntax of this line
            watertight.toml:3: probe.concurency: no such key; did you mean `concurrency`?
            watertight.toml:4: it is no TOML: unclosed table, expected `]`; mend the syntax of this line
        "#]],
    );
    check(
        "[[tenants]]\nid = 'acme'\ndatabase_url = 'postgres://u@h/d\n[[tenants]]\nid = 'b'\n",
        &expect![[r#"
            watertight.toml:3: it is no TOML: invalid literal string, expected `'`; mend the syntax of this line
        "#]],
    );
    check(
        "a = 1\na = 2\n",
        &expect![[r#"
            watertight.toml:1: a: no such key; remove it; known here: store, policy, probe, schedule, log, http, metrics, github, webhooks, provider, gate, secrets, provision, routing, sources, tenants
            watertight.toml:2: it is no TOML: duplicate key; mend the syntax of this line
        "#]],
    );
    check(
        "probe = 1\ntenants = 1\nsources = {}\n",
        &expect![[r#"
        watertight.toml:1: probe: it must be a table, and is integer; write it as a [section]
        watertight.toml:2: tenants: it must be a list of tables, and is integer; write it as a [[section]]
        watertight.toml:3: sources: it must be a list of tables, and is table; write it as a [[section]]
    "#]],
    );
}

#[test]
fn each_kind_of_value_has_its_own_words() {
    check(
        "[probe]\ntimeout = '-5s'",
        &expect![[r#"
        watertight.toml:2: probe.timeout: it is not between 1 s and 600 s; write for example "30s", "5m" or "1h"
    "#]],
    );
    check(
        "[probe]\ntimeout = 'soon'",
        &expect![[r#"
        watertight.toml:2: probe.timeout: it is no duration; write for example "30s", "5m" or "1h"
    "#]],
    );
    check(
        "[probe]\ntimeout = '1d'",
        &expect![[r#"
        watertight.toml:2: probe.timeout: it is no duration; write for example "30s", "5m" or "1h"
    "#]],
    );
    check(
        "[probe]\nreplication_proof = 'yes'",
        &expect![[r#"
            watertight.toml:2: probe.replication_proof: it must be true or false, and is text; write true or false, without quotes
        "#]],
    );
    check(
        "[probe]\nconcurrency = 99999999999999999999",
        &expect![[r#"
        watertight.toml:2: probe.concurrency: it is not between 1 and 20000; write a whole number from 1 to 20000, without quotes
    "#]],
    );
    check(
        "[gate]\nmin_coverage = nan",
        &expect![[r#"
        watertight.toml:2: gate.min_coverage: it is not between 0 and 1; write for example 0.5, without quotes
    "#]],
    );
    check(
        "[gate]\nmin_coverage = 98",
        &expect![[r#"
        watertight.toml:2: gate.min_coverage: it is not between 0 and 1; write for example 0.5, without quotes
    "#]],
    );
    check(
        "[http]\nlisten = 'localhost'",
        &expect![[r#"
        watertight.toml:2: http.listen: it is no address with a port; write for example "127.0.0.1:9877"
    "#]],
    );
    check(
        "[store]\nurl = 'mysql:x'",
        &expect![[r#"
        watertight.toml:2: store.url: it names no store; write for example "sqlite:watertight.db"
    "#]],
    );
    check(
        "[store]\nurl = ''",
        &expect![[r#"
        watertight.toml:2: store.url: it is empty; write a value, or remove the key
    "#]],
    );
    check(
        "[secrets]\nkey = 5",
        &expect![[r#"
        watertight.toml:2: secrets.key: it must be a text, and is integer; write "${NAME}" or "file:/path"
    "#]],
    );
    check(
        "[secrets]\nkey = ''",
        &expect![[r#"
        watertight.toml:2: secrets.key: it is empty; make the secret readable, or name another place
    "#]],
    );
    check(
        "[[tenants]]\nid = 'a'\ndatabase_url = 'postgres://u@h/d'\npassword = ''",
        &expect![[r#"
            watertight.toml:4: tenants[1].password: it is empty; write "${NAME}", "file:/path" or the password, or remove the key
        "#]],
    );
    check(
        "[schedule]\ntimezone = '${NOWHERE}'",
        &expect![[r#"
        watertight.toml:2: schedule.timezone: the environment variable NOWHERE is not set; set it, or write the value
    "#]],
    );
}

#[test]
fn duplicate_tenants_are_a_finding_and_no_problem() {
    let tenant = "[[tenants]]\nid = 'acme'\ndatabase_url = 'postgres://u@h/d'\n";
    check(&format!("{tenant}{tenant}"), &expect!["no problem"]);
}

#[test]
fn one_bad_line_among_ten_thousand_tenants_is_found() {
    let mut text = String::new();
    for number in 1..=10_000 {
        let scheme = if number == 7_654 { "mysql" } else { "postgres" };
        writeln!(text, "[[tenants]]\nid = 't{number}'\ndatabase_url = '{scheme}://u@h{number}/d'")
            .unwrap();
    }
    check(
        &text,
        &expect![[r#"
            watertight.toml:22962: tenants[7654].database_url: this is no connection string: write `postgres://user:password@host:5432/database` or `host=… user=… dbname=…`; mend the connection string
        "#]],
    );
}

#[track_caller]
fn check_environment(variables: &[(&str, &str)], expected: &Expect) {
    let environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let told = match parse("[probe]\ntimeout = '4s'\nconcurrency = 8\n", &environment) {
        Ok(config) => {
            let probe = config.probe;
            format!("{:?} {} {}", probe.timeout.0, probe.concurrency, probe.replication_proof)
        }
        Err(problems) => problems,
    };
    expect_test::Expect::assert_eq(expected, &told);
}

#[test]
fn the_environment_wins_over_the_file() {
    check_environment(&[], &expect!["4s 8 false"]);
    check_environment(
        &[
            ("WATERTIGHT__PROBE__TIMEOUT", "3s"),
            ("WATERTIGHT__PROBE__CONCURRENCY", "9"),
            ("WATERTIGHT__PROBE__REPLICATION_PROOF", "true"),
            ("WATERTIGHT_LOG", "debug"),
        ],
        &expect!["3s 9 true"],
    );
    check_environment(
        &[
            ("WATERTIGHT__PROBE__TIMEOT", "3s"),
            ("WATERTIGHT__PROBE__CONCURRENCY", "many"),
            ("WATERTIGHT__TENANTS", "[]"),
            ("WATERTIGHT__PROBE__TIMEOUT__X", "1"),
            ("WATERTIGHT__", "1"),
        ],
        &expect![[r#"
            WATERTIGHT__: no such key; remove it; known here: store, policy, probe, schedule, log, http, metrics, github, webhooks, provider, gate, secrets, provision, routing, sources, tenants
            WATERTIGHT__PROBE__CONCURRENCY: probe.concurrency: it must be a whole number, and is text; write a whole number from 1 to 20000, without quotes
            WATERTIGHT__PROBE__TIMEOT: probe.timeot: no such key; did you mean `timeout`?
            WATERTIGHT__PROBE__TIMEOUT__X: probe.timeout.x: no such key; `timeout` has no keys of its own
            WATERTIGHT__TENANTS: tenants: a section cannot come from the environment; write it in the file
        "#]],
    );
}

#[test]
fn a_section_may_come_partly_from_the_file_and_partly_from_the_environment() {
    let check = |text: &str, name: &str, expected: &Expect| {
        let environment = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
        let told =
            parse(text, &environment).map(|it| format!("{:?} {:?}", it.probe.login, it.github));
        expected.assert_eq(&told.unwrap_or_else(|problems| problems));
    };
    let login = "[probe.login]\nuser = 'w'\n";
    check(
        login,
        "WATERTIGHT__PROBE__LOGIN__SECRET",
        &expect![[r#"Some(ProbeLogin { user: "w", secret: Hidden(Inline(***)) }) None"#]],
    );
    check(
        login,
        "UNRELATED",
        &expect![[r#"
        watertight.toml:1: probe.login.secret: it is missing; write `secret = …`
    "#]],
    );
    check(
        "",
        "WATERTIGHT__GITHUB__REPOSITORY",
        &expect![[r#"
            watertight.toml: github.repository: it is no repository; write for example "acme/operations"
            watertight.toml: github.token: it is missing; write `token = "${GITHUB_TOKEN}"`, or an app's three keys
        "#]],
    );
    check(
        "",
        "WATERTIGHT__GITHUB__TOKEN",
        &expect![[r#"
        watertight.toml: github.repository: it is missing; write `repository = …`
    "#]],
    );
    check(
        "[[http.tokens]]\nname = 'ci'\n",
        "UNRELATED",
        &expect![[r#"
        watertight.toml:1: http.tokens[1].role: it is missing; write `role = …`
        watertight.toml:1: http.tokens[1].sha256: it is missing; write `sha256 = …`
    "#]],
    );
}

#[test]
fn without_any_file_the_caller_decides() {
    let missing = std::path::Path::new("/nonexistent/watertight.toml");
    let told = Config::load(Some(missing), std::iter::empty(), NoFile::Allowed).unwrap_err();
    assert_eq!(
        told[0].to_string(),
        "/nonexistent/watertight.toml: it cannot be read: No such file or directory (os error 2); write it, or name another with --config"
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.toml");
    std::fs::write(&path, b"\xff").unwrap();
    let told = Config::load(Some(&path), std::iter::empty(), NoFile::Refused).unwrap_err();
    assert!(told[0].to_string().ends_with("it is not UTF-8; save it as UTF-8"));
    std::fs::write(&path, b"[probe]\ntimeout = '7s'").unwrap();
    let config = Config::load(Some(&path), std::iter::empty(), NoFile::Refused).unwrap();
    assert_eq!(config.probe_options().timeout.as_secs(), 7);
    assert_eq!(config.file, path.display().to_string());
}

/// A value that fits the shape.
fn sample(shape: Shape) -> String {
    match shape {
        Shape::Text | Shape::Secret => "\"x\"".to_owned(),
        Shape::Url => "\"postgres://u@h:5432/d?sslmode=disable\"".to_owned(),
        Shape::Duration(least, _) => format!("\"{}s\"", least.max(2)),
        Shape::Count(least, _) => least.max(3).to_string(),
        Shape::Share => "0.25".to_owned(),
        Shape::Flag => "true".to_owned(),
        Shape::Word(words) => format!("{:?}", words.last().expect("a list of words has one")),
        Shape::Kind => "\"shared_host\"".to_owned(),
        Shape::Digest => format!("\"{}\"", "a".repeat(64)),
        Shape::Moment => "\"2027-01-31T00:00:00Z\"".to_owned(),
        Shape::Texts => "[\"x\"]".to_owned(),
        Shape::Table(keys) => table(keys),
        Shape::Tables(keys) => format!("[{}]", table(keys)),
        Shape::Rows => "[]".to_owned(),
    }
}

fn table(keys: &[Key]) -> String {
    let members: Vec<String> =
        keys.iter().map(|it| format!("{} = {}", it.name, sample(it.shape))).collect();
    format!("{{ {} }}", members.join(", "))
}

fn paths(value: &toml::Value, path: &str, found: &mut Vec<String>) {
    match value {
        toml::Value::Table(members) => {
            for (name, value) in members {
                paths(value, &format!("{path}.{name}"), found);
            }
        }
        toml::Value::Array(items) if items.first().is_some_and(toml::Value::is_table) => {
            paths(&items[0], path, found);
        }
        _ => found.push(path.to_owned()),
    }
}

fn key_paths(keys: &[Key], path: &str, found: &mut Vec<String>) {
    for key in keys {
        let path = format!("{path}.{}", key.name);
        match key.shape {
            Shape::Table(keys) | Shape::Tables(keys) => key_paths(keys, &path, found),
            Shape::Rows => (),
            _ => found.push(path),
        }
    }
}

/// The structs read every key of the table, and write back neither more nor less.
#[test]
fn the_table_of_keys_and_the_structs_are_one() {
    let whole = ROOT.iter().filter(|it| it.name != "tenants");
    let lines: Vec<String> =
        whole.map(|it| format!("{} = {}", it.name, sample(it.shape))).collect();
    let text = lines.join("\n");
    let config: Config = toml::from_str(&text).unwrap();
    let written = toml::Value::try_from(&config).unwrap();
    let (mut of_structs, mut of_table) = (Vec::new(), Vec::new());
    paths(&written, "", &mut of_structs);
    key_paths(ROOT, "", &mut of_table);
    of_structs.sort();
    of_table.sort();
    assert_eq!(of_structs, of_table);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), value in "[ -~]{0,20}") {
        let environment = BTreeMap::new();
        let _shown = Config::parse("w.toml", &text, &environment).map(|it| it.show());
        let text = format!("[probe]\ntimeout = {value}\n[[tenants]]\nid = \"{value}\"\ndatabase_url = {value}\n[[sources]]\nkind = '{value}'");
        let _shown = Config::parse("w.toml", &text, &environment).map(|it| it.show());
    }
}

#[tokio::test]
async fn a_variable_that_is_no_text_is_told_where_it_is_ours_and_ends_nothing_where_it_is_not() {
    let run = async |name: &str| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("watertight.toml"), "").unwrap();
        let showing = tokio::process::Command::new(env!("CARGO_BIN_EXE_watertight"))
            .args(["config", "show"])
            .current_dir(directory.path())
            .env(name, std::ffi::OsStr::from_bytes(b"\xff"))
            .kill_on_drop(true)
            .output();
        let limit = std::time::Duration::from_mins(1);
        tokio::time::timeout(limit, showing).await.expect("the test's deadline").unwrap()
    };
    assert_eq!(run("SOMEBODY_ELSES").await.status.code(), Some(0));
    let told = run("WATERTIGHT__PROBE__TIMEOUT").await;
    assert_eq!(told.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&told.stderr).contains("probe.timeout"), "{told:?}");
}
