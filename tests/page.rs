//! The status page as a browser gets it: what it says, what it never does, and how much it sends.

#[path = "page/courses.rs"]
mod courses;
#[path = "page/fleets.rs"]
mod fleets;
#[path = "page/markup.rs"]
mod markup;
#[path = "page/provisioning.rs"]
mod provisioning;
#[path = "report/sample.rs"]
mod sample;
#[path = "page/views.rs"]
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use markup::{Tag, tags, words};
use views::{OPERATOR, frame};
use watertight::model::finding::{Health, Kind, State, Verdict};
use watertight::model::observation::Cause;
use watertight::page::frame::{Frame, Notice, Progress, Reach, Running, Viewer, own_path};
use watertight::page::newcomer::Wanted;
use watertight::page::query::Query;
use watertight::page::{CONTENT_POLICY, ROUTES, asset, badge, finding, live, verdict};
use watertight::report::explain::meaning;
use watertight::schedule::Stage;
use watertight::standing::Standing;

/// What somebody might put into a name so that a browser does something.
const SCRIPTS: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' style='x";

/// Every fleet with a name for its folder.
fn every_fleet() -> Vec<(&'static str, Option<Standing>)> {
    vec![
        ("demo", Some(fleets::demo())),
        ("everything", Some(fleets::everything())),
        ("hostile", Some(hostile())),
        ("large", Some(fleets::large())),
        ("clean", Some(fleets::clean())),
        ("empty", Some(fleets::empty())),
        ("none", None),
    ]
}

/// A fleet whose every text from outside wants to be run.
fn hostile() -> Standing {
    let mut standing = fleets::everything();
    let mut tenants = standing.tenants.to_vec();
    for it in &mut tenants {
        it.name = Some(SCRIPTS.into());
        it.environment = SCRIPTS.into();
        it.origin.source = SCRIPTS.into();
    }
    standing.tenants = tenants.into();
    let mut report = (*standing.now).clone();
    for it in &mut report.findings {
        SCRIPTS.clone_into(&mut it.claim.summary);
        it.claim.remediation = vec![SCRIPTS.to_owned()];
        it.claim.evidence.0.insert(SCRIPTS.to_owned(), SCRIPTS.into());
        it.issue_url = Some("javascript:alert(1)".to_owned());
    }
    for target in report.tenants.iter_mut().flat_map(|it| &mut it.targets) {
        target.detail = Some(SCRIPTS.into());
    }
    report.warnings = vec![SCRIPTS.to_owned()];
    Standing { full: report.clone().into(), now: report.into(), ..standing }
}

/// Every view of every fleet, as (where, markup).
fn every_view() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (fleet, standing) in every_fleet() {
        let views = views::all(standing.as_ref()).into_iter();
        all.extend(views.map(|(path, html)| (format!("{fleet} {path}"), html)));
    }
    for (kind, told) in [("usual", courses::PRINTED), ("hostile", SCRIPTS)] {
        let views = views::provisioning(None, told).into_iter();
        all.extend(views.map(|(path, html)| (format!("{kind} {path}"), html)));
    }
    all
}

fn query(pairs: &[(&str, &str)]) -> Query {
    Query::parse(pairs.iter().copied())
}

fn find<'a>(tags: &'a [Tag], name: &str, attribute: &str, value: &str) -> Option<&'a Tag> {
    tags.iter().find(|it| it.name == name && it.get(attribute) == Some(value))
}

/// Rows of the table of tenants.
fn tenant_rows(html: &str) -> Vec<String> {
    let table = html.split("<table class=\"rows tenants\"").nth(1).unwrap_or_default();
    let body = table.split("</table>").next().unwrap_or_default();
    body.split("<th scope=\"row\"").skip(1).map(|it| words(&format!("<th{it}"))).collect()
}

#[test]
fn every_view_is_written_for_the_browser_to_look_at() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("content-policy"), CONTENT_POLICY).unwrap();
    let write = |fleet: &str, path: &str, html: &str| {
        let name = path.trim_matches('/').replace('/', "-");
        let name = if name.is_empty() { "index" } else { &name };
        fs::create_dir_all(root.join(fleet)).unwrap();
        fs::write(root.join(fleet).join(format!("{name}.html")), html).unwrap();
    };
    for (fleet, standing) in every_fleet() {
        for (path, html) in views::all(standing.as_ref()) {
            write(fleet, &path, &html);
        }
    }
    let demo = fleets::demo();
    let standing = frame(Some(&demo));
    write("demo", "running", &views::overview(views::running(standing), &Query::default()));
    let stale = Frame { stale_after: SignedDuration::from_secs(1), ..standing };
    write("demo", "stale", &views::overview(stale, &Query::default()));
    for (path, html) in views::provisioning(Some(&demo), courses::PRINTED) {
        write("demo", &path, &html);
    }
    for (path, html) in views::provisioning(Some(&demo), SCRIPTS) {
        write("hostile", &path, &html);
    }
    let notice = Frame { notice: Some(Notice::NotAllowed), ..standing };
    write("demo", "notice", &views::findings(notice, &Query::default()));
}

#[test]
fn no_view_holds_a_script_a_style_or_an_event_handler() {
    for (view, html) in every_view() {
        for tag in tags(&html) {
            assert_ne!(tag.name, "style", "{view}");
            assert!(!matches!(&*tag.name, "iframe" | "object" | "embed" | "base"), "{view}");
            if tag.name == "script" {
                assert!(tag.get("src").is_some_and(|it| it.starts_with("/assets/")), "{view}");
                assert_eq!(tag.start, tag.end, "{view}: a script of its own");
            }
            for (name, value) in &tag.attributes {
                assert!(name != "style" && !name.starts_with("on"), "{view}: {} {name}", tag.name);
                assert!(
                    !value.to_lowercase().contains("javascript:")
                        || !matches!(&**name, "href" | "src" | "action"),
                    "{view}: {value}"
                );
            }
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    for (view, html) in every_view() {
        let known: BTreeSet<String> = tags(&html).into_iter().map(|it| it.name).collect();
        assert!(!known.contains("img"), "{view}");
        let form = usize::from(html.contains("id=\"newcomer\""));
        assert_eq!(html.matches("<script").count(), 2 + form, "{view}");
        let deceives =
            |it: char| it.is_control() && it != '\n' || ('\u{202a}'..='\u{202e}').contains(&it);
        assert!(!html.contains(deceives), "{view}");
    }
    let hostile = hostile();
    let html = views::overview(frame(Some(&hostile)), &Query::default());
    assert!(words(&html).contains("alert(1)"), "it is shown, not dropped");
}

#[test]
fn no_template_passes_text_through_unescaped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page/templates");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(
            !text.contains("|safe") && !text.contains("| safe") && !text.contains("escape none")
        );
        seen += 1;
    }
    assert!(10 < seen);
}

/// The rule of the core, but for the JSON that is read and told.
#[test]
fn the_page_waits_for_nothing_and_looks_nothing_up() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page");
    let mut seen = 0;
    for folder in [sources.join("map"), sources] {
        for file in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            if file.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&file).unwrap();
                for effect in [
                    "async ",
                    ".await",
                    "tokio",
                    "tracing",
                    "std::fs",
                    "std::io",
                    "std::env",
                    "::now()",
                    "SystemTime",
                    "Instant",
                    "clock::",
                ] {
                    assert!(!text.contains(effect), "{}: {effect}", file.display());
                }
                seen += 1;
            }
        }
    }
    assert!(25 < seen, "{seen}");
}

#[test]
fn every_link_leads_to_a_route_that_is_known() {
    let fits = |method: &str, path: &str| {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        ROUTES.iter().any(|(known, pattern)| {
            let (mut one, mut other) = (pattern.split('/'), path.split('/'));
            let same = one.by_ref().zip(other.by_ref()).all(|(pattern, part)| {
                if pattern.starts_with('{') { !part.is_empty() } else { pattern == part }
            });
            *known == method && same && pattern.split('/').count() == path.split('/').count()
        })
    };
    for (view, html) in every_view() {
        let tags = tags(&html);
        let ids: BTreeSet<&str> = tags.iter().filter_map(|it| it.get("id")).collect();
        for tag in &tags {
            for name in ["href", "src", "action", "data-live", "data-follow", "data-validate"] {
                let Some(link) = tag.get(name) else { continue };
                let post = match name {
                    "data-validate" => true,
                    _ => name == "action" && tag.get("method") == Some("post"),
                };
                if let Some(anchor) = link.strip_prefix('#') {
                    assert!(ids.contains(anchor), "{view}: {link}");
                } else if !link.starts_with("https://") {
                    let method = if post { "POST" } else { "GET" };
                    assert!(fits(method, link), "{view}: {method} {link}");
                }
            }
        }
    }
}

#[test]
fn every_form_that_changes_something_guards_against_forgery_and_every_field_has_a_label() {
    let mut posts = BTreeSet::new();
    for (view, html) in every_view() {
        let tags = tags(&html);
        let mut ids = BTreeSet::new();
        for id in tags.iter().filter_map(|it| it.get("id")) {
            assert!(ids.insert(id), "{view}: {id} stands twice");
        }
        for form in tags.iter().filter(|it| it.name == "form") {
            let inner: Vec<&Tag> =
                tags.iter().filter(|it| form.start <= it.start && it.start <= form.end).collect();
            if form.get("method") == Some("post") {
                let csrf = inner.iter().find(|it| it.get("name") == Some("csrf"));
                assert_eq!(
                    csrf.and_then(|it| it.get("value")),
                    Some("a-token-against-forgery"),
                    "{view}"
                );
                posts.insert(
                    form.get("action")
                        .unwrap_or_default()
                        .split('/')
                        .next_back()
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
            for field in inner {
                if matches!(&*field.name, "input" | "select" | "textarea")
                    && field.get("type") != Some("hidden")
                {
                    let id =
                        field.get("id").unwrap_or_else(|| panic!("{view}: a field without id"));
                    assert!(find(&tags, "label", "for", id).is_some(), "{view}: {id}");
                }
            }
        }
    }
    let expected = ["acknowledge", "cancel", "login", "logout", "new", "scan", "settle"];
    assert_eq!(posts, expected.map(str::to_owned).into());
}

#[test]
fn every_view_has_one_heading_of_the_first_rank_and_its_landmarks() {
    for (view, html) in every_view() {
        let tags = tags(&html);
        let count = |name: &str| tags.iter().filter(|it| it.name == name).count();
        assert_eq!(
            (count("h1"), count("main"), count("title") - html.matches("<title>").count() + 1),
            (1, 1, 1),
            "{view}"
        );
        assert!(find(&tags, "a", "href", "#main").is_some(), "{view}");
        assert!(find(&tags, "p", "role", "status").is_some(), "{view}");
        for table in tags.iter().filter(|it| it.name == "table") {
            assert!(html[table.start..table.end].contains("<caption"), "{view}");
        }
    }
}

#[test]
fn a_fleet_is_told_in_one_sentence() {
    let demo = fleets::demo();
    let (clean, empty) = (fleets::clean(), fleets::empty());
    for (standing, expected) in [
        (Some(&demo), "Breached: 6 of 14 tenants are not apart from others."),
        (Some(&clean), "Isolated: all 3 tenants are proven apart."),
        (
            Some(&empty),
            "Unverified: the registry names no tenant, and an empty fleet proves nothing.",
        ),
        (None, "Unverified: no scan of the whole fleet has finished yet."),
    ] {
        let html = views::overview(frame(standing), &Query::default());
        let heading = tags(&html).into_iter().find(|it| it.name == "h1").expect("a heading");
        assert_eq!(words(&html[heading.start..heading.end]), expected);
    }
}

#[test]
fn a_scan_that_is_too_old_leaves_nothing_green() {
    let clean = fleets::clean();
    let stale = Frame { stale_after: SignedDuration::from_secs(60), ..frame(Some(&clean)) };
    let html = views::overview(stale, &Query::default());
    let shown = words(&html);
    assert!(shown.contains("Unverified: the last scan of the whole fleet is too old"), "{shown}");
    assert!(!html.contains("mark m-isolated"));
    assert!(!html.contains("mark m-healthy"));
    assert!(html.contains("tile m-isolated none"), "nobody is counted as isolated");
    assert!(html.contains("tile m-healthy none"), "nobody is counted as healthy");
    let tenant = views::tenant(stale, "acme").expect("known");
    let marks =
        tenant.split("class=\"marks\"").nth(1).and_then(|it| it.split("</p>").next()).unwrap();
    assert!(marks.contains("m-unverified") && !marks.contains("m-isolated"));
    assert_eq!(verdict::of_fleet(Some(&clean), stale.now, stale.stale_after), Verdict::Unverified);
    let id = fleets::id("acme");
    assert_eq!(
        verdict::of_tenant(&clean, &id, stale.now, stale.stale_after),
        Some(Verdict::Unverified)
    );
    let fresh = frame(Some(&clean));
    assert_eq!(
        verdict::of_tenant(&clean, &id, fresh.now, fresh.stale_after),
        Some(Verdict::Isolated)
    );
    assert_eq!(
        verdict::of_tenant(&clean, &fleets::id("nobody"), fresh.now, fresh.stale_after),
        None
    );
    // A breach does not become better with age.
    let demo = fleets::demo();
    assert_eq!(verdict::of_fleet(Some(&demo), stale.now, stale.stale_after), Verdict::Breached);
}

#[test]
fn an_unverified_tenant_shows_why() {
    let demo = fleets::demo();
    let html = views::tenant(frame(Some(&demo)), "wonka").expect("known");
    assert!(words(&html).contains("Why it is unverified It could not be visited: auth_failed"));
    let rows = tenant_rows(&views::overview(frame(Some(&demo)), &query(&[("q", "wonka")])));
    assert_eq!(rows.len(), 1);
    assert!(rows[0].contains("Unverified It could not be visited: auth_failed"), "{rows:?}");
}

#[test]
fn a_tenant_that_only_the_registry_knows_is_unverified() {
    let mut standing = fleets::clean();
    let mut tenants = standing.tenants.to_vec();
    let mut newcomer = tenants[0].clone();
    newcomer.id = fleets::id("newcomer");
    tenants.push(newcomer);
    tenants.sort_by(|one, other| one.id.cmp(&other.id));
    standing.tenants = tenants.into();
    let html = views::tenant(frame(Some(&standing)), "newcomer").expect("the registry knows it");
    assert!(words(&html).contains("No scan has looked at it yet"));
    assert!(views::tenant(frame(Some(&standing)), "stranger").is_none());
    assert!(views::tenant(frame(None), "acme").is_none());
}

#[test]
fn every_kind_has_a_page_that_says_what_it_means_and_what_to_do() {
    let standing = fleets::everything();
    let mut kinds = BTreeSet::new();
    for (place, finding) in standing.now.findings.iter().enumerate() {
        let shown = words(&views::finding(frame(Some(&standing)), place));
        let kind = finding.claim.kind;
        assert!(shown.contains(meaning(kind)), "{kind}");
        assert!(shown.contains("Give one of them a database of its own."), "{kind}");
        assert!(shown.contains("Who is hit, and since when"), "{kind}");
        for member in &finding.claim.tenants {
            assert!(shown.contains(&format!("watertight check {member}")), "{kind}");
        }
        kinds.insert(kind);
    }
    assert_eq!(kinds, Kind::ALL.iter().copied().collect());
}

#[test]
fn every_cause_has_words_of_its_own() {
    let standing = fleets::everything();
    let mut told = BTreeSet::new();
    for cause in Cause::ALL {
        let name = format!("ill-{}", cause.label().replace('_', "-"));
        let rows = tenant_rows(&views::overview(frame(Some(&standing)), &query(&[("q", &name)])));
        let (_, words) = rows[0].split_once("Unhealthy ").expect("its health");
        told.insert(words.to_owned());
    }
    assert_eq!(told.len(), Cause::ALL.len(), "{told:?}");
}

#[test]
fn every_stage_of_a_scan_has_its_words() {
    for stage in Stage::ALL {
        let running = Running { stage: stage.label(), done: 1, total: 2, partial: false };
        let progress = Progress { running: Some(running), ..Progress::default() };
        let event = live::event(&progress, "v");
        assert!(!event.contains(&format!("running: {}", stage.label())), "{event}");
        let parsed: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!(parsed["running"]["stage"], stage.label());
    }
}

#[test]
fn filters_choose_tenants_and_stand_in_every_link() {
    let demo = fleets::demo();
    let chosen = |pairs: &[(&str, &str)]| {
        tenant_rows(&views::overview(frame(Some(&demo)), &query(pairs))).len()
    };
    assert_eq!(chosen(&[]), 14);
    assert_eq!(chosen(&[("verdict", "breached")]), 6);
    assert_eq!(chosen(&[("verdict", "breached"), ("kind", "shared_cluster")]), 2);
    assert_eq!(chosen(&[("health", "unhealthy")]), 2);
    assert_eq!(chosen(&[("severity", "low")]), 2);
    assert_eq!(chosen(&[("environment", "staging")]), 1);
    assert_eq!(chosen(&[("q", "ORCHESTRA")]), 1);
    assert_eq!(chosen(&[("q", "nobody")]), 0);
    let large = fleets::large();
    let asked =
        query(&[("q", "tenant-0"), ("verdict", "isolated"), ("sort", "slowest"), ("page", "3")]);
    let html = views::overview(frame(Some(&large)), &asked);
    let tags = tags(&html);
    let next = find(&tags, "a", "rel", "next").and_then(|it| it.get("href"));
    assert_eq!(next, Some("/?q=tenant-0&verdict=isolated&sort=slowest&page=4#tenants"));
    let previous = find(&tags, "a", "rel", "prev").and_then(|it| it.get("href"));
    assert_eq!(previous, Some("/?q=tenant-0&verdict=isolated&sort=slowest&page=2#tenants"));
    let chosen: Vec<&str> = tags
        .iter()
        .filter(|it| it.name == "option" && it.get("selected").is_some())
        .filter_map(|it| it.get("value"))
        .collect();
    assert_eq!(chosen, ["isolated", "slowest"]);
    assert_eq!(find(&tags, "input", "name", "q").and_then(|it| it.get("value")), Some("tenant-0"));
}

#[test]
fn findings_are_filtered_and_ordered_by_their_address() {
    let demo = fleets::demo();
    let order = |pairs: &[(&str, &str)]| {
        let html = views::findings(frame(Some(&demo)), &query(pairs));
        let kinds = html.split("<span class=\"kind\">").skip(1);
        kinds.map(|it| it.split('<').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(&[]).first().map(String::as_str), Some("Shared database"));
    assert_eq!(order(&[("sort", "newest")])[..2], ["Unhealthy", "Shared database"]);
    assert_eq!(order(&[("severity", "low")]), ["Cloned lineage"]);
    assert_eq!(order(&[("state", "pending")]), ["Unhealthy"]);
    assert_eq!(order(&[("q", "umbrella")]), ["Shared database"]);
    assert_eq!(order(&[("state", "resolved")]), Vec::<String>::new());
    let everything = fleets::everything();
    let standing = views::findings(frame(Some(&everything)), &Query::default());
    assert!(!words(&standing).contains("Resolved 66 days"), "what is resolved does not stand");
}

#[test]
fn ten_thousand_tenants_are_one_page() {
    let large = fleets::large();
    let html = views::overview(frame(Some(&large)), &Query::default());
    assert_eq!(tenant_rows(&html).len(), 50);
    assert!(words(&html).contains("1 to 50 of 10000"));
    assert!(html.len() < 150_000, "{}", html.len());
    let map = views::map(frame(Some(&large)));
    assert!(map.len() < 60_000, "{}", map.len());
    assert!(words(&map).contains("and 484 more"));
    let family = large.now.findings.iter().position(|it| it.claim.kind == Kind::ClonedLineage);
    let page = views::finding(frame(Some(&large)), family.expect("it is there"));
    assert!(page.len() < 200_000, "{}", page.len());
    assert!(words(&page).contains("and 300 more"));
}

#[test]
fn the_map_draws_each_pair_of_a_finding_joined_and_twice_the_same() {
    let demo = fleets::demo();
    let html = views::map(frame(Some(&demo)));
    assert_eq!(html, views::map(frame(Some(&demo))));
    let groups =
        html.split("<svg class=\"graph\"").skip(1).map(|it| it.split("</svg>").next().unwrap());
    let mut drawn: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for group in groups {
        let tags = tags(group.split_once('>').expect("its own tag").1);
        let hub = tags.iter().find(|it| it.get("class").is_some_and(|it| it.starts_with("hub ")));
        let finding = hub.and_then(|it| it.get("href")).expect("a way to the finding").to_owned();
        let pills: Vec<&str> = tags
            .iter()
            .filter(|it| it.get("class") == Some("pill"))
            .filter_map(|it| it.get("href"))
            .collect();
        for edge in tags.iter().filter(|it| it.get("data-pill").is_some()) {
            let pill: usize = edge.get("data-pill").unwrap().parse().unwrap();
            drawn.entry(finding.clone()).or_default().insert(pills[pill].replace("/tenants/", ""));
        }
    }
    let related = demo.now.findings.iter().filter(|it| 1 < it.claim.tenants.len());
    let expected: BTreeMap<String, BTreeSet<String>> = related
        .map(|it| {
            let members = it.claim.tenants.iter().map(ToString::to_string).collect();
            (format!("/findings/{}", it.id), members)
        })
        .collect();
    assert_eq!(drawn, expected);
    let table = html.split("The same as a table").nth(1).unwrap();
    for finding in expected.keys() {
        assert!(table.contains(finding), "the table tells what is drawn");
    }
}

#[test]
fn nobody_is_offered_what_they_may_not_do() {
    let demo = fleets::demo();
    let shown = |viewer: Option<Viewer<'_>>| {
        let frame = Frame { viewer, ..frame(Some(&demo)) };
        let scan = views::overview(frame, &Query::default()).contains("action=\"/scan\"");
        let acknowledge = views::finding(frame, 0).contains("/acknowledge\"");
        let logout = views::map(frame).contains("action=\"/logout\"");
        (scan, acknowledge, logout)
    };
    assert_eq!(shown(Some(OPERATOR)), (true, true, true));
    assert_eq!(shown(Some(Viewer { reach: Reach::Reads, ..OPERATOR })), (false, false, true));
    // On loopback without tokens.
    assert_eq!(shown(Some(Viewer { name: None, reach: Reach::Scans })), (true, false, false));
    let login = words(&views::login(frame(Some(&demo))));
    assert!(!login.contains("Breached") && !login.contains("hooli"), "{login}");
}

#[test]
fn a_refused_acknowledgement_keeps_what_was_typed() {
    let demo = fleets::demo();
    let since = BTreeMap::new();
    let attempt = finding::Attempt {
        reason: SCRIPTS,
        until: "2026-01-01",
        problem: "The date must lie in the future.",
    };
    let view = finding::View {
        frame: frame(Some(&demo)),
        finding: &demo.now.findings[0],
        since: &since,
        attempt: Some(attempt),
    };
    let html = finding::render(&view).unwrap();
    let tags = tags(&html);
    let reason = find(&tags, "textarea", "name", "reason").expect("the field");
    assert_eq!(words(&html[reason.start..reason.end]), SCRIPTS);
    assert_eq!(
        find(&tags, "input", "name", "until").and_then(|it| it.get("value")),
        Some("2026-01-01")
    );
    assert!(words(&html).contains("The date must lie in the future."));
    assert!(words(&html).contains("It makes nothing green"));
}

#[test]
fn a_resolved_finding_cannot_be_acknowledged() {
    let standing = fleets::everything();
    let resolved = standing.now.findings.iter().position(|it| it.state == State::Resolved);
    let html = views::finding(frame(Some(&standing)), resolved.expect("one is"));
    assert!(!html.contains("/acknowledge\""));
}

#[test]
fn members_that_joined_later_are_told_since_then() {
    let demo = fleets::demo();
    let since = BTreeMap::from([(fleets::id("umbrella"), fleets::before(10))]);
    let finding =
        demo.now.findings.iter().find(|it| it.claim.kind == Kind::SharedDatabase).unwrap();
    let view = finding::View { frame: frame(Some(&demo)), finding, since: &since, attempt: None };
    let shown = words(&finding::render(&view).unwrap());
    assert!(
        shown.contains("umbrella Umbrella Quartet Breached Healthy production 10 minutes ago"),
        "{shown}"
    );
    assert!(
        shown.contains("hooli Hooli Philharmonic Breached Healthy production 47 minutes ago"),
        "{shown}"
    );
}

#[test]
fn every_status_has_a_page_that_leads_on() {
    for status in [400, 401, 403, 404, 405, 413, 421, 422, 429, 500, 503] {
        let html = views::problem(frame(None), status);
        let shown = words(&html);
        assert!(shown.contains(&status.to_string()) && shown.contains("01k5p4x1"), "{shown}");
        assert!(html.contains("class=\"button"), "{status}");
    }
}

#[test]
fn a_form_leads_back_to_a_place_of_ours_alone() {
    for path in ["/", "/?q=a%20b#tenants", "/findings/ab?x=//y"] {
        assert_eq!(own_path(path), path);
    }
    let long = format!("/{}", "x".repeat(2_000));
    for path in [
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:x",
        "/a b",
        "/\n",
        "/ü",
        &long,
    ] {
        assert_eq!(own_path(path), "/", "{path}");
    }
}

#[test]
fn a_form_leads_back_without_what_was_just_said() {
    let demo = fleets::demo();
    for (here, expected) in [
        ("/?q=a&notice=scan-asked", "/?q=a"),
        ("/?notice=scan-asked", "/"),
        ("//evil.example", "/"),
    ] {
        let html = views::overview(Frame { here, ..frame(Some(&demo)) }, &Query::default());
        let tags = tags(&html);
        assert_eq!(
            find(&tags, "input", "name", "back").and_then(|it| it.get("value")),
            Some(expected)
        );
    }
}

#[test]
fn a_notice_is_one_of_a_closed_list() {
    let demo = fleets::demo();
    for notice in Notice::ALL {
        assert_eq!(Notice::parse(notice.label()), Some(notice));
        let html = views::map(Frame { notice: Some(notice), ..frame(Some(&demo)) });
        assert!(html.contains("class=\"notice"), "{}", notice.label());
    }
    assert_eq!(Notice::parse("<b>"), None);
}

#[test]
fn a_badge_tells_the_verdict_in_words_and_never_shows_an_unknown_one_green() {
    const GREEN: &str = "#1a7035";
    for it in Verdict::ALL {
        let svg = badge::render(SCRIPTS, *it).unwrap();
        let tags = tags(&svg);
        assert_eq!(tags[0].name, "svg");
        assert!(!tags.iter().any(|it| it.name == "script" || it.name == "img"));
        assert!(words(&svg).to_lowercase().contains(it.label()));
        assert_eq!(svg.contains(GREEN), *it == Verdict::Isolated);
    }
    assert!(badge::render(&"x".repeat(10_000), Verdict::Breached).unwrap().len() < 2_500);
}

#[test]
fn every_asset_that_a_view_names_is_there() {
    let html = views::newcomer(views::provisioner(None), Wanted::default(), None);
    let names = html.split("/assets/").skip(1).map(|it| it.split('"').next().unwrap());
    let assets: Vec<_> = names.map(|it| asset::asset(it).expect("it is there")).collect();
    assert_eq!(assets.len(), 5);
    for asset in assets {
        let text = std::str::from_utf8(asset.bytes).unwrap();
        assert!(
            !text.is_empty() && !text.contains("http://") || asset.content_type == "image/svg+xml"
        );
        for word in ["innerHTML", "eval(", "@import", "url("] {
            assert!(!text.contains(word), "{word} in {}", asset.name());
        }
    }
}

#[test]
fn health_is_not_isolation() {
    let demo = fleets::demo();
    let ill = demo.now.tenants.iter().filter(|it| it.health == Health::Unhealthy).count();
    let html = views::overview(frame(Some(&demo)), &query(&[("health", "unhealthy")]));
    assert_eq!(tenant_rows(&html).len(), ill);
    assert!(words(&html).contains("Breached: 6 of 14"), "a filter does not change the verdict");
}
