//! Tenants that come to be, and leave.

use serde_json::json;

use crate::program::Program;
use crate::running::Running;
use crate::site::{
    STEPS, ask, ask_database, configure, ended, id, operation, program, projects, scan, script,
    start, start_with, steps, until, url_of, wanted,
};

#[tokio::test]
async fn two_tenants_get_a_database_each_and_one_leaves() {
    let program = stamped();
    let mut running = start(&program).await;
    let answer = running.post("/api/v1/tenants/validate", &wanted("acme")).await;
    assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(true)), "{answer:?}");
    assert!(projects(&program).is_empty(), "a check makes nothing");

    let acme = ask(&running, "acme").await;
    let told = follow(&running, &acme).await;
    let operation = ended(&running, &acme, "succeeded").await;
    assert_eq!(told.last(), Some(&operation), "the stream ends with the end");
    assert!(2 < told.len(), "it moves: {told:#?}");
    let succeeded = STEPS.map(|it| (it.to_owned(), "succeeded".to_owned()));
    assert_eq!(steps(&operation), succeeded);

    scan(&running).await;
    let globex = ask(&running, "globex").await;
    ended(&running, &globex, "succeeded").await;
    let report = scan(&running).await;
    let verdicts: Vec<String> =
        report.tenants.iter().map(|it| format!("{} {}", it.id, it.isolation)).collect();
    assert_eq!(verdicts, ["acme isolated", "globex isolated"]);
    assert_eq!(projects(&program).len(), 2);

    // The platform's own setup ran as the application, and the stamp is there.
    let url = url_of(&program, "acme").unwrap();
    let named = ask_database(&url, "select name || ' at ' || subdomain from orchestra").await;
    assert_eq!(named.as_deref(), Some("The acme orchestra at acme"));
    let stamp = "select obj_description(to_regnamespace('watertight'), 'pg_namespace')";
    assert!(ask_database(&url, stamp).await.is_some());
    let superuser = "select rolsuper::text from pg_roles where rolname = current_user";
    assert_eq!(ask_database(&url, superuser).await.as_deref(), Some("false"));

    leaves(&program, &running).await;
    assert_eq!(
        running.metric("watertight_operations_succeeded_total{kind=\"provision\"}").await,
        Some(2.0)
    );
    assert_eq!(
        running.metric("watertight_operations_in_flight{kind=\"provision\"}").await,
        Some(0.0)
    );
    assert_eq!(running.stop().await, Some(0));
}

/// Past its time, with nothing left of it; and called back before.
async fn leaves(program: &Program, running: &Running) {
    let url = format!("{}/api/v1/tenants/globex?grace=1h", running.base);
    let answer = running.send(running.http.delete(&url)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let leaving = id(&answer);
    until(running, &leaving, |it| it["steps"][1]["state"] == "running").await;
    assert!(url_of(program, "globex").is_none(), "the registry has it no more");
    let again = running.send(running.http.delete(&url)).await;
    assert_eq!(again.status, 404, "{again:?}");
    let cancelled = running.post(&format!("/api/v1/operations/{leaving}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, 202, "{cancelled:?}");
    ended(running, &leaving, "rolled_back").await;
    assert!(url_of(program, "globex").is_some(), "it was called back");

    let url = format!("{}/api/v1/tenants/globex?grace=0s", running.base);
    let answer = running.send(running.http.delete(&url)).await;
    ended(running, &id(&answer), "succeeded").await;
    assert!(url_of(program, "globex").is_none());
    assert_eq!(projects(program).len(), 1, "its project is gone");
    let report = scan(running).await;
    assert_eq!(report.tenants.len(), 1);
}

/// With a key for stamps, and a setup that leaves a trace.
fn stamped() -> Program {
    let program = program("");
    let key = program.write("stamp.key", &"k".repeat(44));
    let setup = script(
        &program,
        "exec psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -v name=\"$TENANT_NAME\" -v subdomain=\"$TENANT_SUBDOMAIN\" -q <<'SQL'\n\
         create table orchestra as select :'name' as name, :'subdomain' as subdomain;\nSQL\n",
    );
    let key = format!("secrets.stamp_key = \"file:{key}\"");
    configure(&program, &key, &format!("stamp = true\nsetup_command = [{setup:?}]"));
    program
}

/// Every state that the stream tells.
async fn follow(running: &Running, id: &str) -> Vec<serde_json::Value> {
    let url = format!("{}/api/v1/operations/{id}", running.base);
    let answer = running.send(running.http.get(url).header("accept", "text/event-stream")).await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let events = answer.body.lines().filter_map(|it| it.strip_prefix("data: "));
    events.map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[tokio::test]
async fn the_same_request_twice_is_one_operation() {
    let program = program("");
    let mut running = start(&program).await;
    let send = async |key: &str, subdomain: &str| {
        let request = running.http.post(format!("{}/api/v1/tenants", running.base));
        running.send(request.header("idempotency-key", key).json(&wanted(subdomain))).await
    };
    let (first, second) = tokio::join!(send("k1", "acme"), send("k1", "acme"));
    assert_eq!((first.status, second.status), (202, 202), "{first:?} {second:?}");
    assert_eq!(id(&first), id(&second));
    let other = send("k1", "globex").await;
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(other.json()["type"], "urn:watertight:problem:idempotency-key-reused");
    ended(&running, &id(&first), "succeeded").await;
    let late = send("k1", "acme").await;
    assert_eq!((late.status, id(&late)), (202, id(&first)), "and long after its end");
    let taken = running.post("/api/v1/tenants", &wanted("acme")).await;
    assert_eq!(taken.status, 422, "{taken:?}");
    assert!(taken.body.contains("subdomain_available"), "{taken:?}");
    assert_eq!(projects(&program).len(), 1);
    assert_eq!(operation(&running, &id(&first)).await["tenant"], "acme");
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_a_subdomain_is_told_and_nothing_is_made() {
    let program = program("");
    let path = "/api/superadmin/orchestras";
    let mut running = start_with(&program, &[("WATERTIGHT__HTTP__TENANT_PATH", path.into())]).await;
    for (subdomain, told) in [
        ("Åkerman", "write `xn--kerman-hua`"),
        ("acme.", "write `acme`"),
        ("admin", "keeps for itself"),
        (&"a".repeat(64), "1 to 63 characters"),
        ("a b", "other characters"),
        ("", "1 to 63 characters"),
    ] {
        for path in ["/api/v1/tenants", path] {
            let answer = running.post(path, &wanted(subdomain)).await;
            assert_eq!(answer.status, 422, "{subdomain}: {answer:?}");
            assert!(answer.body.contains(told), "{subdomain}: {answer:?}");
        }
    }
    let answer = running.post(&format!("{path}/validate"), &wanted("acme")).await;
    assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(true)), "{answer:?}");
    let listed = running.get(path).await;
    assert_eq!((listed.status, &listed.json()["tenants"]), (200, &json!([])), "{listed:?}");
    assert!(projects(&program).is_empty());
    let listed = running.get("/api/v1/operations").await;
    assert_eq!(listed.json()["operations"], json!([]));
    running.stop().await;
}

#[tokio::test]
async fn without_provisioning_there_is_nothing_to_ask_for() {
    let program = program("");
    let text = std::fs::read_to_string(program.path("watertight.toml")).unwrap();
    let (before, after) = text.split_once("[provision]").unwrap();
    let (_, tokens) = after.split_once("[[http").unwrap();
    program.write("watertight.toml", &format!("{before}[[http{tokens}"));
    let mut running = start(&program).await;
    for path in ["/api/v1/tenants", "/api/v1/tenants/validate"] {
        let answer = running.post(path, &wanted("acme")).await;
        assert_eq!(answer.status, 404, "{answer:?}");
        assert_eq!(answer.json()["type"], "urn:watertight:problem:no-provisioning");
    }
    let refused = program.run(&["provision", "acme", "--name", "Acme"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    running.stop().await;
}
