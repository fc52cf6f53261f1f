//! What a registry may say of a tenant, and what follows from it on real servers.

use watertight::local::ground::Ground;
use watertight::local::pooler::{self, PoolMode, Pooler, Route};

use crate::program::{Program, guest, own_database, server, tenant, through, told, url};

#[tokio::test]
async fn a_tenants_own_ways_and_databases_share_nothing_with_itself() {
    let ground = Ground::create().unwrap();
    let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let (acme, globex) = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    let analytics = own_database(&one, "analytics").await;
    let standby = one.standby("standby", None).await.unwrap();
    standby.caught_up_with(&one).await.unwrap();
    let replica = through(&acme, standby.port().unwrap(), "acme");
    let mut ways = format!("replica = {replica:?}");
    let route = Route { alias: "acme", cluster: &one, database: "acme", roles: &["acme"] };
    let mut pooler = None;
    if pooler::program().is_some() {
        let mode = PoolMode::Transaction;
        pooler = Some(Pooler::start(&ground, "pooler", mode, &[route]).await.unwrap());
    }
    if let Some(pooler) = &pooler {
        ways += &format!(", pooler = {:?}", through(&acme, pooler.port(), "acme"));
    }
    let more = format!("endpoints = {{ {ways} }}\ndatabases = {{ analytics = {analytics:?} }}");
    let beside = tenant("globex", &globex, "");
    let program = Program::new(&(tenant("acme", &acme, &more) + &beside));
    program.check("its own", "isolated acme\nisolated globex").await;

    // Another tenant in one of its further databases, and an endpoint that leads to another's server.
    let intruder = guest(&one, "intruder", "analytics").await;
    program
        .configure(&(tenant("acme", &acme, &more) + &beside + &tenant("intruder", &intruder, "")));
    let expected = "
        breached acme
        isolated globex
        breached intruder
        shared_database critical open acme intruder
    ";
    program.check("an intruder", expected).await;

    let wrong = own_database(&two, "acme").await;
    let program = Program::new(
        &(tenant("acme", &acme, &format!("endpoints = {{ replica = {wrong:?} }}"))
            + &tenant("hooli", &intruder, "")),
    );
    let report = program.verify().await;
    let text = told(&report);
    assert!(text.contains("breached acme"), "{text}");
    assert!(text.contains("wrong_database critical open acme\n"), "{text}");
}

#[tokio::test]
async fn a_deliberate_copy_is_low_and_an_exception_holds_until_its_day() {
    let ground = Ground::create().unwrap();
    let one = server(&ground, "one").await;
    let acme = own_database(&one, "acme").await;
    let copy = one.snapshot("copy").await.unwrap();
    copy.execute("postgres", &["alter role acme password 'another'"]).await.unwrap();
    let copied = url(&copy, "acme", "another", "acme");
    let rows = tenant("acme", &acme, "") + &tenant("staging", &copied, "clone_of = \"acme\"");
    let lineage = "isolated acme\nisolated staging\ncloned_lineage low open acme staging";
    Program::new(&rows).check("a copy", lineage).await;

    let trials = tenant("trial-1", &acme, "")
        + &tenant("trial-2", &own_database(&one, "other").await, "")
        + &tenant("paying", &copied, "clone_of = \"trial-1\"");
    let exception = |until: &str| {
        format!(
            "[[policy.exceptions]]\nkind = \"shared_cluster\"\ntenants = [\"trial-*\"]\nreason = \"free tier\"\nuntil = {until}\n{trials}"
        )
    };
    let program = Program::new(&exception("2999-01-01"));
    let report = program.verify().await;
    let text = told(&report);
    assert!(text.starts_with("isolated paying\nisolated trial-1\nisolated trial-2\n"), "{text}");
    program.configure(&exception("2020-01-01"));
    let text = told(&program.verify().await);
    assert!(text.starts_with("isolated paying\nbreached trial-1\nbreached trial-2\n"), "{text}");
    assert!(text.contains("shared_cluster critical open trial-1 trial-2\n"), "{text}");
}

#[tokio::test]
async fn rows_that_are_one_tenant_and_tenants_that_use_one_login_are_told() {
    let ground = Ground::create().unwrap();
    let (one, two) = (server(&ground, "one").await, server(&ground, "two").await);
    let urls = (own_database(&one, "acme").await, own_database(&two, "globex").await);
    let subdomain = |it: &str| format!("subdomain = {it:?}");
    for (first, second, names) in [
        (("acme", ""), ("ACME.", ""), "acme"),
        (("bücher", ""), ("xn--bcher-kva", ""), "xn--bcher-kva"),
        (("acme", "Shop.Example"), ("globex", "shop.example."), "acme globex"),
    ] {
        let more = |it: &str| if it.is_empty() { String::new() } else { subdomain(it) };
        let rows =
            tenant(first.0, &urls.0, &more(first.1)) + &tenant(second.0, &urls.1, &more(second.1));
        let program = Program::new(&rows);
        let ran = program.run(&["verify", "--format", "json"]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let report = watertight::report::json::parse(&ran.out).unwrap();
        let text = told(&report);
        assert!(text.contains(&format!("registry_conflict high open {names}")), "{text}");
        assert!(!text.contains("isolated"), "{text}");
    }

    for (cluster, password) in [(&one, "common"), (&two, "common")] {
        cluster
            .execute("postgres", &[&format!("create role app login password '{password}'")])
            .await
            .unwrap();
        cluster.create_database("app", "app").await.unwrap();
    }
    let rows = tenant("one", &url(&one, "app", "common", "app"), "")
        + &tenant("two", &url(&two, "app", "common", "app"), "");
    let expected = "
        breached one
        breached two
        shared_credentials high open one two
    ";
    Program::new(&rows).check("one login", expected).await;
}

/// Nothing is contacted but a closed port of this machine, and the URLs tell all the same.
#[tokio::test]
async fn two_rows_of_one_project_are_told_though_nothing_answers() {
    let project = "abcdefghijklmnopqrst";
    let nowhere = "hostaddr=127.0.0.1 port=1 sslmode=require dbname=postgres";
    let direct = format!("host=db.{project}.supabase.co user=postgres password=one {nowhere}");
    let pooler = format!(
        "host=aws-0-eu-north-1.pooler.supabase.com user=postgres.{project} password=two {nowhere}"
    );
    let other = format!(
        "host=db.{}.supabase.co user=postgres password=three {nowhere}",
        "tsrqponmlkjihgfedcba"
    );
    let rows =
        tenant("acme", &direct, "") + &tenant("globex", &pooler, "") + &tenant("hooli", &other, "");
    let report = Program::new(&rows).verify().await;
    let text = told(&report);
    assert!(
        text.contains("breached acme connection_refused\nbreached globex connection_refused\n"),
        "{text}"
    );
    assert!(text.contains("unverified hooli connection_refused\n"), "{text}");
    assert!(text.contains("shared_project critical open acme globex\n"), "{text}");
}
