//! Operations and the form for a new tenant, as a browser gets them.

use watertight::model::operation::OperationId;
use watertight::model::preflight::{Check, CheckName};
use watertight::page::frame::{Frame, Provisioning, Reach, Viewer};
use watertight::page::newcomer::{Database, Field, Refusal, Wanted};
use watertight::page::operation::Attempt;
use watertight::page::query::Query;

use super::courses::{self, PRINTED, named};
use super::markup::{Tag, tags, words};
use super::views::{self, OPERATOR, frame, provisioner};
use super::{SCRIPTS, find, fleets};

const TYPED: Wanted<'_> = Wanted {
    subdomain: "elbe",
    name: SCRIPTS,
    environment: "production",
    labels: "tier=gold\nteam=<b>",
    database: Database::Brought,
};

fn check(name: CheckName, ok: bool, detail: &str) -> Check {
    Check { name, ok, detail: detail.to_owned() }
}

/// Each row of the table behind that heading, as its words.
fn rows(html: &str, heading: &str) -> Vec<String> {
    let (_, rest) = html.split_once(&format!("id=\"{heading}\"")).expect("its heading");
    let table = rest.split("</table>").next().unwrap_or_default();
    table.split("<th scope=\"row\"").skip(1).map(|it| words(&format!("<th{it}"))).collect()
}

#[test]
fn an_operation_tells_each_step_with_its_state_its_times_and_its_error() {
    let html = views::operation(frame(None), &named("rolled-back"));
    let steps = rows(&html, "steps");
    assert_eq!(steps.len(), 9);
    assert_eq!(steps[0], "Reserve the name reserve Succeeded 12 minutes ago 1.5 s");
    assert!(steps[7].starts_with("Set it up setup Failed the setup's program ended"), "{steps:?}");
    assert!(steps[7].contains("relation \"seats\" does not exist LINE 1"), "{steps:?}");
    assert_eq!(steps[8], "Activate the tenant activate Not yet not yet –");
    let shown = words(&html);
    assert!(shown.contains("Everything that it did was undone: nothing of it is left."), "{shown}");
    assert!(!html.contains("data-follow"), "it has ended");
}

#[test]
fn an_operation_shows_what_a_step_has_made() {
    let steps = rows(&views::operation(frame(None), &named("failing")), "steps");
    assert!(
        steps[2].starts_with("Keep a last backup backup Succeeded /backups/weser.dump sha256 ab12"),
        "{steps:?}"
    );
}

#[test]
fn what_is_undone_stands_newest_first_and_says_what_happens_now() {
    let html = views::operation(frame(None), &named("undoing"));
    let undone = rows(&html, "undone");
    let told: Vec<&str> = undone.iter().map(|it| it.split(" 5 minutes").next().unwrap()).collect();
    assert_eq!(
        told,
        [
            "Set it up setup Undone",
            "Check its health health_check Undone",
            "Prove that nobody else has it verify_unique Undone",
            "Stamp the database stamp Being undone",
            "Connect connect Not yet not yet –",
            "Wait until it is ready await_ready Not yet not yet –",
            "Create the project create_project Not yet not yet –",
            "Reserve the name reserve Not yet not yet –",
        ]
    );
    let steps = rows(&html, "steps");
    assert!(steps[4].starts_with("Stamp the database stamp Succeeded"), "{steps:?}");
    assert!(words(&html).contains("It is being undone, newest first; now: Stamp the database."));
    let running = views::operation(frame(None), &named("running"));
    assert!(!running.contains("id=\"undone\""), "nothing is undone while it goes on");
    let cancelled = views::operation(frame(None), &named("cancelled"));
    assert!(words(&cancelled).contains("A person turned it back"));
    assert!(rows(&cancelled, "steps")[2].contains("Called off"));
}

#[test]
fn every_operation_says_in_one_sentence_where_it_stands() {
    for (name, expected) in [
        ("running", "Step 7 of 9: Check its health."),
        ("succeeded", "The tenant is active, with a database that is proven its own."),
        ("stuck", "neither completed nor undone at “Create the project”: a person has to look."),
        ("settled", "It was stuck, and a person has seen to what was left."),
        ("leaving", "Step 2 of 5: Wait, so that it can be called back."),
        ("failing", "neither completed nor undone at “Delete the project”: a person has to look."),
    ] {
        let shown = words(&views::operation(frame(None), &named(name)));
        assert!(shown.contains(expected), "{name}: {shown}");
    }
}

#[test]
fn an_operation_is_followed_while_it_runs() {
    let html = views::operation(frame(None), &named("running"));
    let path = format!("/api/v1/operations/{}", OperationId::of(1));
    assert!(tags(&html).iter().any(|it| it.get("data-follow") == Some(&path)));
    for name in ["succeeded", "rolled-back", "stuck", "settled"] {
        assert!(!views::operation(frame(None), &named(name)).contains("data-follow"), "{name}");
    }
}

#[test]
fn only_a_provisioner_is_offered_what_changes_an_operation_and_only_while_it_can() {
    let offered = |frame: Frame<'_>, name: &str| {
        let html = views::operation(frame, &named(name));
        (html.contains("/cancel\""), html.contains("/settle\""))
    };
    for (name, expected) in [
        ("running", (true, false)),
        ("leaving", (true, false)),
        ("undoing", (false, false)),
        ("succeeded", (false, false)),
        ("rolled-back", (false, false)),
        ("stuck", (false, true)),
        ("failing", (false, true)),
        ("settled", (false, false)),
    ] {
        assert_eq!(offered(provisioner(None), name), expected, "{name}");
        assert_eq!(offered(frame(None), name), (false, false), "an operator, {name}");
    }
    let called = words(&views::operation(provisioner(None), &named("leaving")));
    assert!(called.contains("Call the tenant back"));
}

#[test]
fn nobody_is_led_to_the_form_who_may_not_make_a_tenant() {
    let demo = fleets::demo();
    let led = |frame: Frame<'_>| {
        let list = views::operations(frame, &Query::default(), &[], 0);
        let overview = views::overview(frame, &Query::default());
        let link = "href=\"/operations/new\"";
        assert_eq!(list.contains(link), overview.contains(link));
        list.contains(link)
    };
    let provisioner = provisioner(Some(&demo));
    assert!(led(provisioner));
    assert!(!led(Frame { provisioning: Provisioning::Absent, ..provisioner }));
    assert!(!led(Frame { viewer: Some(OPERATOR), ..provisioner }));
    let reads = Viewer { reach: Reach::Reads, ..OPERATOR };
    assert!(!led(Frame { viewer: Some(reads), ..provisioner }));
}

#[test]
fn a_list_of_operations_is_one_page_of_many_and_its_filters_stand_in_every_link() {
    let operations: Vec<_> = courses::all(PRINTED).into_iter().map(|(_, it)| it).collect();
    let pairs = [("kind", "provision"), ("state", "rolled_back"), ("q", "el"), ("page", "2")];
    let query = Query::parse(pairs);
    let html = views::operations(frame(None), &query, &operations, 120);
    let tags = tags(&html);
    let link = |rel: &str| find(&tags, "a", "rel", rel).and_then(|it| it.get("href"));
    assert_eq!(link("next"), Some("/operations?q=el&kind=provision&state=rolled_back&page=3"));
    assert_eq!(link("prev"), Some("/operations?q=el&kind=provision&state=rolled_back"));
    assert!(words(&html).contains("51 to 100 of 120"));
    let chosen: Vec<&str> = tags
        .iter()
        .filter(|it| it.name == "option" && it.get("selected").is_some())
        .filter_map(|it| it.get("value"))
        .collect();
    assert_eq!(chosen, ["provision", "rolled_back"]);
    for it in &operations {
        let path = format!("/operations/{}", it.id);
        assert!(tags.iter().any(|it| it.get("href") == Some(&path)), "{path}");
    }
    let none = words(&views::operations(frame(None), &Query::default(), &[], 0));
    assert!(none.contains("Nothing was done with any tenant yet."), "{none}");
}

#[test]
fn a_refused_settlement_keeps_what_was_typed() {
    let attempt = Attempt { reason: SCRIPTS, problem: "Reason: it is empty" };
    let html = views::refused_settlement(provisioner(None), &named("stuck"), attempt);
    let tags = tags(&html);
    let reason = find(&tags, "textarea", "name", "reason").expect("the field");
    assert_eq!(words(&html[reason.start..reason.end]), SCRIPTS);
    assert_eq!(reason.get("aria-describedby"), Some("problem"));
    assert!(find(&tags, "p", "id", "problem").is_some());
}

#[test]
fn a_refused_tenant_keeps_what_was_typed_and_ties_each_fault_to_its_field() {
    let checks = [
        check(CheckName::SubdomainValid, true, "it can be published"),
        check(CheckName::SubdomainAvailable, false, SCRIPTS),
        check(CheckName::DatabaseReachable, false, "nobody answers there"),
        check(CheckName::SetupReady, false, "there is no such file"),
    ];
    let html = views::newcomer(provisioner(None), TYPED, Some(Refusal::Preflight(&checks)));
    let tags = tags(&html);
    let typed = |name: &str| find(&tags, "input", "name", name).expect("the field");
    assert_eq!(typed("subdomain").get("value"), Some("elbe"));
    assert_eq!(typed("name").get("value"), Some(SCRIPTS));
    assert_eq!(typed("environment").get("value"), Some("production"));
    let labels = find(&tags, "textarea", "name", "labels").expect("the field");
    assert_eq!(words(&html[labels.start..labels.end]), "tier=gold team=<b>");
    assert_eq!(typed("database_url").get("value"), None, "it is never shown again");
    assert!(words(&html).contains("please type it once more"));
    for (field, fault) in [("subdomain", SCRIPTS), ("database_url", "nobody answers there")] {
        let input = typed(field);
        assert_eq!(input.get("aria-invalid"), Some("true"), "{field}");
        let id = format!("{field}-problem");
        assert!(input.get("aria-describedby").is_some_and(|it| it.contains(&id)), "{field}");
        let told = find(&tags, "span", "id", &id).expect("what is said of it");
        assert_eq!(words(&html[told.start..told.end]), fault);
    }
    assert!(find(&tags, "p", "role", "alert").is_some());
    let shown = words(&html);
    assert!(shown.contains("3 of 4 checks stand against it."), "{shown}");
    assert!(shown.contains("Against it The setup is ready to run there is no such file"));
    assert!(shown.contains("Passed Subdomain and name can be published it can be published"));
    let hidden = |it: &&Tag| it.get("data-check").is_some() && it.get("hidden").is_some();
    assert_eq!(tags.iter().filter(hidden).count(), CheckName::ALL.len() - checks.len());
}

#[test]
fn every_check_has_its_row_before_any_was_asked() {
    let html = views::newcomer(provisioner(None), Wanted::default(), None);
    let tags = tags(&html);
    let rows: Vec<&str> = tags.iter().filter_map(|it| it.get("data-check")).collect();
    assert_eq!(rows, CheckName::ALL.map(CheckName::label));
    for field in tags.iter().filter_map(|it| it.get("data-field")).filter(|it| !it.is_empty()) {
        assert!(tags.iter().any(|it| it.get("name") == Some(field)), "{field}");
    }
    let panel = find(&tags, "section", "id", "preflight").expect("the panel");
    assert!(panel.get("hidden").is_some(), "nothing was checked yet");
    assert!(find(&tags, "p", "role", "alert").is_none());
}

#[test]
fn what_stands_in_the_way_is_linked_and_a_text_that_cannot_be_read_is_told_at_its_field() {
    let id = OperationId::of(7);
    let refusal = Refusal::Sentence { text: "Nothing was begun.", operation: Some(&id) };
    let html = views::newcomer(provisioner(None), TYPED, Some(refusal));
    assert!(html.contains(&format!("href=\"/operations/{id}\"")));
    let refusal = Refusal::Field { field: Field::Labels, text: SCRIPTS };
    let html = views::newcomer(provisioner(None), TYPED, Some(refusal));
    let tags = tags(&html);
    let labels = find(&tags, "textarea", "name", "labels").expect("the field");
    assert_eq!(labels.get("aria-invalid"), Some("true"));
    let told = find(&tags, "span", "id", "labels-problem").expect("what is said of it");
    assert_eq!(words(&html[told.start..told.end]), SCRIPTS);
}
