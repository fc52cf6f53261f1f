//! Operations that fail, are called off, or die on the way.

use rustix::process::Signal;
use serde_json::json;

use crate::site::{
    appears, ask, ask_database, configure, ended, program, projects, script, start, step, steps,
    until, url_of, wanted,
};

#[tokio::test]
async fn a_setup_that_fails_leaves_nothing_and_tells_no_secret() {
    let program = program("");
    let setup = script(&program, "echo \"leaking $DATABASE_URL\"; exit 7\n");
    configure(&program, "", &format!("setup_command = [{setup:?}]"));
    let mut running = start(&program).await;
    let id = ask(&running, "acme").await;
    let operation = ended(&running, &id, "rolled_back").await;
    let setup = step(&operation, "setup");
    assert_eq!(setup["state"], "undone");
    let why = setup["error"].as_str().unwrap();
    assert!(why.contains("exit status: 7") && why.contains("leaking"), "{why}");
    assert!(!why.contains("postgres"), "the URL is masked: {why}");
    assert!(projects(&program).is_empty());
    assert!(url_of(&program, "acme").is_none());
    let log = running.messages().join("\n");
    assert!(log.contains("leaking") && !log.contains("postgresql://"), "{log}");
    let undone = steps(&operation).into_iter().filter(|(_, state)| state == "undone").count();
    assert_eq!(undone, 8, "{operation:#}");
    let again = ask(&running, "acme").await;
    ended(&running, &again, "rolled_back").await;
    running.stop().await;
}

#[tokio::test]
async fn an_operation_is_called_off_in_the_middle_of_its_setup() {
    let program = program("");
    let started = program.path("started").display().to_string();
    let setup = script(&program, &format!("touch {started}; sleep 600\n"));
    configure(&program, "", &format!("setup_command = [{setup:?}]"));
    let mut running = start(&program).await;
    let id = ask(&running, "acme").await;
    appears(program.path("started")).await;
    let busy = running.post("/api/v1/tenants", &wanted("acme")).await;
    assert_eq!(busy.status, 422, "{busy:?}");
    assert!(busy.body.contains("not_in_flight"), "{busy:?}");
    let cancelled = running.post(&format!("/api/v1/operations/{id}/cancel"), &json!({})).await;
    assert_eq!(cancelled.status, 202, "{cancelled:?}");
    ended(&running, &id, "rolled_back").await;
    assert!(projects(&program).is_empty());
    let late = running.post(&format!("/api/v1/operations/{id}/cancel"), &json!({})).await;
    assert_eq!(late.status, 409, "{late:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_goes_on_where_it_was() {
    let program = program("");
    let (started, go) = (program.path("started"), program.path("go"));
    let setup = script(
        &program,
        &format!(
            "touch {}; while [ ! -e {} ]; do sleep 0.1; done\n\
             exec psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -qc 'create table if not exists done as select 1'\n",
            started.display(),
            go.display()
        ),
    );
    configure(&program, "", &format!("setup_command = [{setup:?}]"));
    let mut running = start(&program).await;
    let id = ask(&running, "acme").await;
    appears(started.clone()).await;
    running.signal(Signal::KILL);
    assert_eq!(running.ended().await, None);
    assert_eq!(projects(&program).len(), 1, "it had come as far as a project");
    std::fs::write(go, "").unwrap();

    let mut running = start(&program).await;
    until(&running, &id, |it| it["state"] != "running").await;
    ended(&running, &id, "succeeded").await;
    assert_eq!(projects(&program).len(), 1, "and no second one was made");
    let url = url_of(&program, "acme").unwrap();
    let there = ask_database(&url, "select to_regclass('done')::text").await;
    assert_eq!(there.as_deref(), Some("done"));
    running.stop().await;
}
