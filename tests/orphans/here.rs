//! Clusters of this machine that have lost their tenants: adopted and deleted, with a daemon and without.

use crate::program::{Program, Ran};
use crate::running::Running;

fn program() -> Program {
    let program = Program::new("");
    // The servers may run as another account, which must come through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(program.path("."), open).unwrap();
    let directory = program.path("clusters").display().to_string();
    program.configure(&format!(
        "schedule.scan = \"0 0 0 1 1 *\"\n[provision]\nprovider = \"local\"\nready_timeout = \"60s\"\n\
         [provision.local]\ndirectory = {directory:?}\n"
    ));
    program
}

async fn well(program: &Program, arguments: &[&str]) -> Ran {
    let ran = program.run(arguments).await;
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    ran
}

/// The references of those that no tenant has.
async fn listed(program: &Program) -> Vec<(String, serde_json::Value)> {
    let ran = well(program, &["orphans", "list", "--format", "json"]).await;
    let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let projects = list["projects"].as_array().unwrap().iter();
    projects.map(|it| (it["project"].as_str().unwrap().to_owned(), it.clone())).collect()
}

/// A tenant is made, and its row is lost: what is left is adopted by another, lost again, and deleted.
async fn loses_and_finds(program: &Program) {
    well(program, &["provision", "acme", "--name", "Acme"]).await;
    assert_eq!(listed(program).await, []);
    well(program, &["tenants", "remove", "acme"]).await;
    let orphans = listed(program).await;
    let [(reference, told)] = &orphans[..] else { panic!("{orphans:?}") };
    assert_eq!(
        (&told["made_for"], &told["excuse"]),
        (&"acme".into(), &"younger than an hour".into())
    );

    well(program, &["orphans", "adopt", reference, "--tenant", "globex", "--dry-run"]).await;
    assert_eq!(listed(program).await.len(), 1);
    well(program, &["orphans", "adopt", reference, "--tenant", "globex"]).await;
    assert_eq!(listed(program).await, []);
    let owned = program.run(&["orphans", "delete", reference, "--confirm", reference]).await;
    assert_eq!(owned.code, Some(2), "{owned:?}");
    assert!(owned.err.contains("the tenant globex"), "{owned:?}");

    well(program, &["tenants", "remove", "globex"]).await;
    let dry = well(program, &["orphans", "delete", reference]).await;
    assert!(dry.out.contains("would be deleted"), "{dry:?}");
    assert!(program.path("clusters").join(reference).exists());
    well(program, &["orphans", "delete", reference, "--confirm", reference]).await;
    assert!(!program.path("clusters").join(reference).exists());
    assert_eq!(listed(program).await, []);
}

#[tokio::test]
async fn without_a_daemon() {
    loses_and_finds(&program()).await;
}

#[tokio::test]
async fn beside_a_daemon() {
    let program = program();
    let mut running = Running::start(&program).await;
    let socket = program.path("watertight.db.sock");
    while !socket.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    loses_and_finds(&program).await;
    running.stop().await;
}
