//! The commands, against an organisation: what they show, and what they never delete.

use crate::organization::{old, organization, program, provisioning, reading, tenant};
use crate::program::Ran;

fn refused(ran: &Ran, why: &str) {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains(why), "{why}: {ran:?}");
}

#[tokio::test]
async fn a_list_shows_what_there_is_and_no_name_reaches_the_terminal_as_it_is() {
    let fake = organization();
    let hostile = old(&fake, "\u{1b}[31mevil\u{202e}\u{7}");
    let made = old(&fake, "wt-globex-00000000000000000000000000000007");
    let program = program(&[&reading(&fake, "")]);
    let table = program.run(&["orphans", "list"]).await;
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.out.contains(&hostile) && table.out.contains(&made), "{table:?}");
    assert!(!table.out.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{table:?}");
    assert!(table.out.contains("3d") && table.out.contains("2 of them orphaned"), "{table:?}");
    let json = program.run(&["orphans", "list", "--format", "json"]).await;
    let list: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let projects = list["projects"].as_array().unwrap();
    let of = |reference: &str| projects.iter().find(|it| it["project"] == *reference).unwrap();
    assert_eq!(of(&made)["operation"], "00000000000000000000000000000007");
    assert_eq!(of(&hostile)["operation"], serde_json::Value::Null);
    refused(&program.run(&["orphans", "delete", &hostile]).await, "[provision]");
}

#[tokio::test]
async fn only_what_is_nobodys_is_deleted_and_only_by_its_name_twice() {
    let fake = organization();
    let (owned, kept) = (old(&fake, "acme"), old(&fake, "infra-1"));
    let (branch, orphan) = (old(&fake, "a branch"), old(&fake, "nobody's"));
    fake.world().project(&branch).branch = true;
    let ignore = "ignore = [{ project = \"infra-*\", reason = \"the tools\" }]";
    let managed = format!("{}managed_by = \"terraform\"\n", tenant("acme", &owned));
    let program = program(&[&reading(&fake, ignore), &provisioning(&fake), &managed]);
    let delete = async |reference: &str, more: &[&str]| {
        program.run(&[&["orphans", "delete", reference][..], more].concat()).await
    };

    for (reference, why) in [
        (&*owned, "the tenant acme has it, which terraform manages"),
        (&*kept, "`provider.ignore` keeps it: the tools"),
        (&*branch, "it is a branch"),
        ("aaaaaaaaaaaaaaaaaaaa", "there is no project"),
    ] {
        refused(&delete(reference, &["--not-ours", "--confirm", reference]).await, why);
    }
    refused(&delete(&orphan, &["--confirm", &orphan]).await, "--not-ours");
    refused(&delete(&orphan, &["--not-ours", "--confirm", &owned]).await, "another name");
    let dry = delete(&orphan, &["--not-ours"]).await;
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.out.contains("would be deleted"), "{dry:?}");
    assert_eq!(fake.world().living().count(), 4);
    assert!(fake.world().asked.iter().all(|it| it.request.method == "GET"));

    let gone = delete(&orphan, &["--not-ours", "--confirm", &orphan]).await;
    assert_eq!(gone.code, Some(0), "{gone:?}");
    assert_eq!(fake.world().living().count(), 3);
    assert!(fake.world().projects[&orphan].deleted.is_some());
}
