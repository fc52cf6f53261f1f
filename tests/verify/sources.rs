//! Where tenants come from, and with whose login they are visited.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use watertight::local::ground::Ground;

use crate::program::{Program, Ran, own_database, server, tenant, told};

async fn run(program: &Program, code: i32, arguments: &[&str]) -> Ran {
    let ran = program.run(arguments).await;
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    ran
}

#[tokio::test]
async fn every_source_brings_its_tenants_and_one_that_fails_keeps_them() {
    let ground = Ground::create().unwrap();
    let platform = server(&ground, "platform").await;
    let mut urls = Vec::new();
    for name in ["inline", "toml", "csv", "lines", "query", "stored"] {
        urls.push(own_database(&platform, name).await);
    }
    let registry = own_database(&platform, "registry").await;
    platform
        .execute(
            "registry",
            &[
                "create table orchestras (id uuid primary key default gen_random_uuid(), subdomain text, url text)",
                &format!("insert into orchestras values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'query', '{}')", urls[4]),
                "grant select on orchestras to registry",
            ],
        )
        .await
        .unwrap();
    let program = Program::new("");
    let toml = program.write("tenants.toml", &tenant("toml", &urls[1], ""));
    let csv = program.write("tenants.csv", &format!("id,database_url\ncsv,{}\n", urls[2]));
    let line = format!("{{\"id\": \"lines\", \"database_url\": {:?}}}\n", urls[3]);
    let lines = program.write("tenants.jsonl", &line);
    let mut configuration = "policy.isolation = \"database\"\n".to_owned();
    for path in [&toml, &csv, &lines] {
        configuration += &format!("[[sources]]\nkind = \"file\"\npath = {path:?}\n");
    }
    let query = "select id, subdomain, url as database_url from orchestras";
    configuration +=
        &format!("[[sources]]\nkind = \"postgres\"\nurl = {registry:?}\nquery = {query:?}\n");
    configuration += &tenant("inline", &urls[0], "");
    program.configure(&configuration);
    run(&program, 0, &["config", "check"]).await;
    run(&program, 0, &["tenants", "add", "stored", &urls[5], "--dry-run"]).await;
    run(&program, 2, &["tenants", "remove", "stored"]).await;
    run(&program, 0, &["tenants", "add", "stored", &urls[5]]).await;
    let all = "
        isolated a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
        isolated csv
        isolated inline
        isolated lines
        isolated stored
        isolated toml
    ";
    program.check("all sources", all).await;
    let listed = run(&program, 0, &["tenants", "list", "--format", "json"]).await;
    for name in ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "csv", "inline", "lines", "stored", "toml"]
    {
        assert!(listed.out.contains(name), "{name}: {listed:?}");
    }
    let shown = run(&program, 0, &["tenants", "show", "stored"]).await;
    assert!(shown.out.contains("stored") && !shown.out.contains(password(&urls[5])), "{shown:?}");
    run(&program, 2, &["tenants", "show", "nobody"]).await;

    // The platform's table is gone, and a file is not there: their rows stay, and the scan is not whole.
    platform.execute("registry", &["drop table orchestras"]).await.unwrap();
    std::fs::remove_file(&csv).unwrap();
    let ran = run(&program, 3, &["verify", "--format", "json"]).await;
    let report = watertight::report::json::parse(&ran.out).unwrap();
    assert_eq!(report.tenants.len(), 6, "{}", told(&report));
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(!ran.err.contains(password(&registry)) && !ran.out.contains(password(&urls[4])));

    run(&program, 0, &["tenants", "remove", "stored"]).await;
    let more = program.write("more.csv", &format!("id,database_url\nstored,{}\n", urls[5]));
    run(&program, 0, &["tenants", "import", &more]).await;
    let twice = program.write("twice.csv", "id,database_url\none,postgres://h/a\nOne,nonsense\n");
    let refused = run(&program, 2, &["tenants", "import", &twice]).await;
    assert!(refused.err.contains("twice.csv:3"), "{refused:?}");
    let listed = run(&program, 0, &["tenants", "list", "--format", "json"]).await;
    assert!(listed.out.contains("stored") && !listed.out.contains("\"one\""), "{listed:?}");
}

fn password(url: &str) -> &str {
    url.split(['/', ':', '@']).nth(4).expect("a password")
}

#[tokio::test]
async fn our_own_login_is_used_where_there_is_one() {
    let ground = Ground::create().unwrap();
    let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let secret = "a secret that nobody else has";
    let mut rows = String::new();
    for (cluster, id) in [(&one, "acme"), (&two, "globex")] {
        let url = own_database(cluster, id).await;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(id.as_bytes());
        let derived = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        let create = format!("create role watertight login password '{derived}'");
        let grant = format!("grant connect on database {id} to watertight");
        cluster.execute("postgres", &[&create, &grant]).await.unwrap();
        // The application's password is not the one that opens the door.
        rows += &tenant(id, &url.replace(password(&url), "stale"), "");
    }
    let program = Program::new(&rows);
    let refused = "
        unverified acme auth_failed
        unverified globex auth_failed
        unhealthy high pending acme
        unhealthy high pending globex
    ";
    program.check("the applications' own", refused).await;
    let file = program.write("login.secret", secret);
    let login = format!("probe.login = {{ user = \"watertight\", secret = \"file:{file}\" }}\n");
    let program = Program::new(&format!("{login}{rows}"));
    program.check("a login of our own", "isolated acme\nisolated globex").await;

    let visitor = "create role visitor login password 'visits'";
    one.execute("postgres", &[visitor, "grant connect on database acme to visitor"]).await.unwrap();
    let monitored =
        rows.replacen("\n\n", "\nmonitor = { user = \"visitor\", password = \"visits\" }\n\n", 1);
    let program = Program::new(&format!("{login}{monitored}"));
    program.check("one of its own", "isolated acme\nisolated globex").await;
}
