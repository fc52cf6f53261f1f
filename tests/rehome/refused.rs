//! What stands against a move, and what somebody may say to it.

use serde_json::json;

use crate::pair::{Pair, Roles, SHARED, answers, ask};
use crate::site::{ask_database, ended, id, projects, start, url_of};

#[tokio::test]
async fn two_that_come_by_one_role_are_told_apart_by_a_person_alone() {
    let pair = Pair::new(Roles::One).await;
    let mut running = start(&pair.program).await;
    let refused = ask(&running, &json!({})).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.json()["type"], "urn:watertight:problem:tenant-stays");
    assert!(refused.body.contains("comes by the same role"), "{refused:?}");
    assert!(refused.body.contains("table acme.orders of platform"), "{refused:?}");
    let dry = pair.program.run(&["rehome", "globex", "--dry-run"]).await;
    assert_eq!(dry.code, Some(2), "{dry:?}");
    assert!(dry.err.contains("--schema or --table"), "{dry:?}");
    assert!(projects(&pair.program).is_empty());

    let strange = ask(&running, &json!({"schemas": ["globes"]})).await;
    assert_eq!(strange.status, 422, "{strange:?}");
    let answer = ask(&running, &json!({"schemas": ["globex"]})).await;
    ended(&running, &id(&answer), "succeeded").await;
    let url = url_of(&pair.program, "globex").unwrap();
    let schemas = "select string_agg(nspname, ' ' order by 1) from pg_namespace where nspname in ('acme', 'globex')";
    assert_eq!(ask_database(&url, schemas).await.as_deref(), Some("globex"));
    let files = "select string_agg(md5(lo_get(file)), ' ' order by id) from globex.files";
    assert_eq!(ask_database(&url, files).await, ask_database(&pair.old, files).await);
    let large = "select count(*)::text from pg_largeobject_metadata";
    assert_eq!(ask_database(&url, large).await.as_deref(), Some("8"), "and none of the other's");
    running.stop().await;
}

#[tokio::test]
async fn a_few_tables_are_moved_by_their_names() {
    let pair = Pair::new(Roles::One).await;
    let named = ["rehome", "globex", "--table", "globex.orders", "--table", "globex.customers"];
    // What a table needs beside tables is another matter.
    let without_types = pair.program.run(&named).await;
    assert_eq!(without_types.code, Some(1), "{without_types:?}");
    assert!(without_types.out.contains("pg_restore ended with"), "{without_types:?}");
    assert!(projects(&pair.program).is_empty());
    let notes = pair.program.run(&["rehome", "globex", "--table", "globex_n?tes"]).await;
    assert_eq!(notes.code, Some(0), "{notes:?}");
    let mut running = start(&pair.program).await;
    let url = answers(&pair.program).await;
    let notes = "select count(*) || ' ' || min(note) from public.globex_notes";
    assert_eq!(ask_database(&url, notes).await.as_deref(), Some("50 globex"));
    running.stop().await;
}

#[tokio::test]
async fn a_providers_schemas_stop_it_until_somebody_says_so() {
    let pair = Pair::new(Roles::Apart).await;
    let auth = [
        "create role supabase_auth_admin",
        "create schema auth authorization supabase_auth_admin",
        "create table auth.users (id int)",
    ];
    pair.cluster.execute(SHARED, &auth).await.unwrap();
    let refused = pair.program.run(&["rehome", "globex"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("--without-provider-schemas"), "{refused:?}");
    let dry = ["rehome", "globex", "--without-provider-schemas", "--dry-run"];
    let dry = pair.program.run(&dry).await;
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.out.contains("the schema auth stays"), "{dry:?}");
    assert!(projects(&pair.program).is_empty());
    let moved = pair.program.run(&["rehome", "globex", "--without-provider-schemas"]).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert_eq!(projects(&pair.program).len(), 1);
}
