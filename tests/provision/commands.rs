//! The same from the shell, with a daemon and without one.

use crate::site::{configure, program, projects, script, start};

#[tokio::test]
async fn without_a_daemon_the_command_does_it_itself() {
    let program = program("");
    let dry = program.run(&["provision", "acme", "--name", "Acme", "--dry-run"]).await;
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.out.contains("provider_reachable"), "{dry:?}");
    assert!(projects(&program).is_empty());

    let made = program.run(&["provision", "acme", "--name", "Acme", "--format", "json"]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let operation: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!(operation["state"], "succeeded");
    assert_eq!(projects(&program).len(), 1);

    let refused = program.run(&["provision", "acme", "--name", "Acme"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("subdomain_available"), "{refused:?}");

    let dry = program.run(&["deprovision", "acme", "--now", "--dry-run"]).await;
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.out.contains("would be deleted"), "{dry:?}");
    let gone = program.run(&["deprovision", "acme", "--now"]).await;
    assert_eq!(gone.code, Some(0), "{gone:?}");
    assert!(projects(&program).is_empty());
    let strange = program.run(&["deprovision", "acme", "--now"]).await;
    assert_eq!(strange.code, Some(2), "{strange:?}");
}

#[tokio::test]
async fn beside_a_daemon_the_daemon_does_it() {
    let program = program("");
    let mut running = start(&program).await;
    let dry = program.run(&["provision", "acme", "--name", "Acme", "--dry-run"]).await;
    assert_eq!(dry.code, Some(0), "{dry:?}");
    let made = program.run(&["provision", "acme", "--name", "Acme"]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.out.contains("SUCCEEDED"), "{made:?}");
    let waits = program.run(&["deprovision", "acme", "--until", "1h"]).await;
    assert_eq!(waits.code, Some(0), "{waits:?}");
    assert_eq!(projects(&program).len(), 1, "it can still be called back");
    running.stop().await;
}

#[tokio::test]
async fn a_failure_is_told_by_the_exit_code() {
    let program = program("");
    let setup = script(&program, "exit 1\n");
    configure(&program, "", &format!("setup_command = [{setup:?}]"));
    let failed = program.run(&["provision", "acme", "--name", "Acme"]).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.err.contains("everything was undone"), "{failed:?}");
    assert!(projects(&program).is_empty());
}
