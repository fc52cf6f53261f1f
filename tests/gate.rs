//! The gate's decision: case by case, and what must hold for every fleet.
//!
//! A case is a few lines. `acme production` is a tenant that was verified in the scan; `unverified`, `breached`, `unseen`
//! (registered since) and `gone` (no longer registered) say otherwise. `later` begins a line that a partial scan added.
//! `finding KIND MEMBER… [state]`, `exception KIND PATTERN…`, `override FROM UNTIL` in seconds around now, `scan AGE`.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "report/sample.rs"]
#[expect(dead_code, reason = "the gate needs a few of the sample's makers")]
mod sample;

use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use watertight::gate::{GateOptions, Question, judge};
use watertight::model::finding::{Finding, Health, Kind, Severity, State, Verdict};
use watertight::model::gate::Override;
use watertight::model::policy::{Exception, Pattern};
use watertight::model::report::Report;
use watertight::model::tenant::{Origin, Tenant};
use watertight::report::explain::usual_severity;
use watertight::report::gate::DecisionView;
use watertight::standing::Standing;

const MAX_AGE: i64 = 1_800;

fn now() -> Timestamp {
    sample::at(0)
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Everything that a question borrows.
#[derive(Clone, Debug)]
struct World {
    full: Report,
    now: Report,
    tenants: Vec<Tenant>,
    exceptions: Vec<Exception>,
    overrides: Vec<Override>,
    min_coverage: f64,
}

impl World {
    fn parse(text: &str) -> Self {
        let mut full = sample::report(Vec::new(), Vec::new());
        (full.started_at, full.finished_at) = (now() - seconds(60), now() - seconds(58));
        let mut world = Self {
            now: full.clone(),
            full,
            tenants: Vec::new(),
            exceptions: Vec::new(),
            overrides: Vec::new(),
            min_coverage: 0.98,
        };
        for line in text.lines().map(str::trim).filter(|it| !it.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            world.line(words[0], &words[1..]);
        }
        world.tenants.sort_by(|one, other| one.id.cmp(&other.id));
        for report in [&mut world.full, &mut world.now] {
            report.tenants.sort_by(|one, other| one.id.cmp(&other.id));
            report.findings.sort_by(|one, other| one.order().cmp(&other.order()));
        }
        world
    }

    fn line(&mut self, first: &str, words: &[&str]) {
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        match first {
            "scan" => {
                self.full.started_at = now() - seconds(number(0));
                self.full.finished_at = now() - seconds(number(0) - 2);
            }
            "warning" => self.full.warnings.push("a row is missing".to_owned()),
            "coverage" => self.min_coverage = words[0].parse().unwrap(),
            "override" => self.overrides.push(Override {
                reason: "a fix must go out".into(),
                by: "ada".into(),
                at: now() + seconds(number(0)),
                until: now() + seconds(number(1)),
            }),
            "exception" => self.exceptions.push(Exception {
                kind: Kind::parse(words[0]).unwrap(),
                tenants: words[1..].iter().map(|it| Pattern((*it).into())).collect(),
                reason: "agreed".into(),
                until: now() + seconds(1),
            }),
            "finding" => {
                let finding = finding(words);
                self.full.findings.push(finding.clone());
                self.now.findings.push(finding);
            }
            "later" if words[0] == "finding" => self.now.findings.push(finding(&words[1..])),
            "later" => {
                let verdict = Verdict::parse(words[1]).unwrap();
                self.now.tenants.retain(|it| it.id != sample::id(words[0]));
                self.now.tenants.push(sample::tenant(words[0], verdict, Health::Healthy));
            }
            name => self.tenant(name, words),
        }
    }

    fn tenant(&mut self, name: &str, words: &[&str]) {
        let verdict = words.iter().find_map(|it| Verdict::parse(it)).unwrap_or(Verdict::Isolated);
        if !words.contains(&"gone") {
            self.tenants.push(registered(name, words[0]));
        }
        if !words.contains(&"unseen") {
            let tenant = sample::tenant(name, verdict, Health::Healthy);
            self.full.tenants.push(tenant.clone());
            self.now.tenants.push(tenant);
        }
    }

    fn standing(&self) -> Standing {
        Standing {
            full: Arc::new(self.full.clone()),
            now: Arc::new(self.now.clone()),
            tenants: self.tenants.clone().into(),
            last_success: Arc::default(),
        }
    }

    fn ask(&self, environment: Option<&str>) -> DecisionView {
        let standing = self.standing();
        self.ask_of(Some(&standing), environment)
    }

    fn ask_of(&self, standing: Option<&Standing>, environment: Option<&str>) -> DecisionView {
        let options = GateOptions { max_age: seconds(MAX_AGE), min_coverage: self.min_coverage };
        let decision = judge(&Question {
            standing,
            environment,
            options,
            exceptions: &self.exceptions,
            overrides: &self.overrides,
            now: now(),
        });
        DecisionView::of(&decision, environment)
    }
}

fn registered(name: &str, environment: &str) -> Tenant {
    Tenant {
        id: sample::id(name),
        name: None,
        subdomain: None,
        environment: environment.into(),
        particulars: None,
        origin: Origin { source: "store".into(), line: None },
        stale: false,
        targets: Vec::new(),
    }
}

fn finding(words: &[&str]) -> Finding {
    let kind = Kind::parse(words[0]).unwrap();
    let members: Vec<&str> =
        words[1..].iter().copied().filter(|it| State::parse(it).is_none()).collect();
    let mut finding = sample::finding(kind, usual_severity(kind), &members);
    finding.state = words.iter().find_map(|it| State::parse(it)).unwrap_or(State::Open);
    finding
}

fn told(view: &DecisionView) -> String {
    let findings =
        view.findings.iter().map(|it| format!("\n  {} {}", it.kind, it.tenants.join(" ")));
    let reason = view.reason.as_deref().unwrap_or("-");
    format!("{} {reason}: {}{}\n", view.state, view.detail, findings.collect::<String>())
}

#[track_caller]
fn check(world: &str, environment: Option<&str>, expected: &Expect) {
    let view = World::parse(world).ask(environment);
    assert_eq!(view.allow, matches!(&*view.state, "allowed" | "overridden"));
    expected.assert_eq(&told(&view));
}

const CLEAN: &str = "acme production\nglobex production\neu-1 staging";

#[test]
fn a_fresh_scan_of_a_clean_fleet_allows() {
    check(
        CLEAN,
        None,
        &expect![[r#"
        allowed -: 3 of 3 tenants were verified 60 seconds ago, and no finding breaks isolation
    "#]],
    );
    check(
        CLEAN,
        Some("staging"),
        &expect![[r#"
        allowed -: 1 of 1 tenants were verified 60 seconds ago, and no finding breaks isolation
    "#]],
    );
}

#[test]
fn health_and_everything_else_that_is_not_isolation_holds_nothing_back() {
    for kind in Kind::ALL.iter().filter(|it| !it.breaches() && !it.clouds()) {
        let world = World::parse(&format!("{CLEAN}\nfinding {kind} acme"));
        assert!(world.ask(None).allow, "{kind}");
    }
}

#[test]
fn every_kind_that_breaks_isolation_forbids_in_every_state_in_which_it_stands() {
    for kind in Kind::ALL.iter().filter(|it| it.breaches()) {
        for state in State::ALL {
            let world = World::parse(&format!("{CLEAN}\nfinding {kind} acme globex {state}"));
            let view = world.ask(Some("production"));
            assert_eq!(view.allow, *state == State::Resolved, "{kind} {state}");
        }
    }
}

#[test]
fn a_finding_below_high_breaks_no_isolation() {
    let mut world = World::parse(&format!("{CLEAN}\nfinding shared_cluster acme globex"));
    world.now.findings[0].claim.severity = Severity::Medium;
    assert!(world.ask(None).allow);
}

#[test]
fn a_breach_forbids_and_names_its_findings_worst_first() {
    check(
        &format!(
            "{CLEAN}\nfinding shared_credentials acme globex\nfinding shared_database acme globex"
        ),
        None,
        &expect![[r#"
            forbidden breached: 2 findings break isolation
              shared_database acme globex
              shared_credentials acme globex
        "#]],
    );
}

#[test]
fn an_acknowledgement_makes_nothing_green() {
    check(
        &format!("{CLEAN}\nfinding shared_database acme globex acknowledged"),
        None,
        &expect![[r#"
            forbidden breached: one finding breaks isolation
              shared_database acme globex
        "#]],
    );
}

#[test]
fn an_exception_covers_a_finding_only_with_all_of_its_members() {
    let shared = "trial-1 production\ntrial-2 production\nacme production\n";
    let granted = "exception shared_cluster trial-*\n";
    check(
        &format!("{shared}{granted}finding shared_cluster trial-1 trial-2"),
        None,
        &expect![[r#"
            allowed -: 3 of 3 tenants were verified 60 seconds ago, and no finding breaks isolation
        "#]],
    );
    check(
        &format!("{shared}{granted}finding shared_cluster trial-1 acme"),
        None,
        &expect![[r#"
            forbidden breached: one finding breaks isolation
              shared_cluster acme trial-1
        "#]],
    );
}

#[test]
fn a_breach_that_a_partial_scan_found_since_forbids_at_once() {
    check(
        &format!("{CLEAN}\nlater finding shared_database acme globex"),
        None,
        &expect![[r#"
            forbidden breached: one finding breaks isolation
              shared_database acme globex
        "#]],
    );
}

#[test]
fn a_finding_forbids_in_every_environment_in_which_it_has_a_member() {
    let between = format!("{CLEAN}\nfinding shared_database acme eu-1");
    for environment in [None, Some("production"), Some("staging")] {
        assert_eq!(World::parse(&between).ask(environment).state, "forbidden", "{environment:?}");
    }
    let elsewhere = format!("{CLEAN}\nfinding shared_database acme globex");
    assert!(World::parse(&elsewhere).ask(Some("staging")).allow);
}

#[test]
fn a_member_that_left_the_registry_may_have_belonged_to_any_environment() {
    let world = World::parse(&format!("{CLEAN}\nfinding shared_database acme left"));
    assert!(!world.ask(Some("staging")).allow);
}

#[test]
fn an_environment_of_which_nobody_is_is_unknown_and_not_clean() {
    check(
        CLEAN,
        Some("prod"),
        &expect![[r#"
        unknown unknown_environment: no tenant is of environment "prod"; known are: production, staging
    "#]],
    );
}

#[test]
fn an_empty_fleet_proves_nothing() {
    check(
        "",
        None,
        &expect![[r#"
        unknown too_little_coverage: 0 of 0 tenants are verified, and a share of 0.98 is needed
    "#]],
    );
    check(
        "coverage 0",
        None,
        &expect![[r#"
        unknown too_little_coverage: 0 of 0 tenants are verified, and a share of 0 is needed
    "#]],
    );
}

#[test]
fn before_the_first_scan_nothing_is_known() {
    expect![[r#"
        unknown no_scan: no scan of the whole fleet has ended yet
    "#]]
    .assert_eq(&told(&World::parse(CLEAN).ask_of(None, None)));
}

#[test]
fn a_scan_is_good_until_its_age_and_not_a_second_longer() {
    let state = |age: i64| World::parse(&format!("{CLEAN}\nscan {age}")).ask(None).state;
    assert_eq!(state(MAX_AGE), "allowed");
    assert_eq!(state(MAX_AGE + 1), "unknown");
    check(
        &format!("{CLEAN}\nscan 1801"),
        None,
        &expect![[r#"
        unknown too_old: the last scan of the whole fleet began 1801 seconds ago, and 1800 are allowed
    "#]],
    );
}

#[test]
fn a_scan_in_the_future_is_unknown() {
    check(
        &format!("{CLEAN}\nscan -100"),
        None,
        &expect![[r#"
        unknown future_scan: the last scan ended 102 seconds in the future: the clock was set back since
    "#]],
    );
    // Begun before the clock was set back, and ended after.
    let mut world = World::parse(CLEAN);
    world.full.started_at = now() + seconds(5);
    assert_eq!(world.ask(None).reason.as_deref(), Some("future_scan"));
}

#[test]
fn a_breach_is_told_however_old_or_thin_the_scan_is() {
    let world =
        format!("{CLEAN}\nfinding shared_database acme globex\nscan 99999\nx production unseen");
    assert_eq!(World::parse(&world).ask(None).state, "forbidden");
}

#[test]
fn unverified_and_unseen_tenants_count_against_the_coverage() {
    check(
        &format!("{CLEAN}\nx production unverified"),
        None,
        &expect![[r#"
        unknown too_little_coverage: 3 of 4 tenants are verified, and a share of 0.98 is needed
    "#]],
    );
    check(
        &format!("{CLEAN}\nx production unseen"),
        None,
        &expect![[r#"
        unknown too_little_coverage: 3 of 4 tenants are verified, and a share of 0.98 is needed
    "#]],
    );
    check(
        &format!("{CLEAN}\nx production unseen"),
        Some("staging"),
        &expect![[r#"
        allowed -: 1 of 1 tenants were verified 60 seconds ago, and no finding breaks isolation
    "#]],
    );
    check(
        &format!("coverage 0.75\n{CLEAN}\nx production unverified"),
        None,
        &expect![[r#"
        allowed -: 3 of 4 tenants were verified 60 seconds ago, and no finding breaks isolation
    "#]],
    );
}

#[test]
fn a_later_look_can_take_from_the_coverage_and_add_nothing() {
    check(
        &format!("{CLEAN}\nlater acme unverified"),
        Some("production"),
        &expect![[r#"
        unknown too_little_coverage: 1 of 2 tenants are verified, and a share of 0.98 is needed
    "#]],
    );
    check(
        &format!("{CLEAN}\nx staging unverified\nlater x isolated"),
        Some("staging"),
        &expect![[r#"
        unknown too_little_coverage: 1 of 2 tenants are verified, and a share of 0.98 is needed
    "#]],
    );
    check(
        &format!("{CLEAN}\nlater finding fingerprint_drift acme"),
        Some("production"),
        &expect![[r#"
        unknown too_little_coverage: 1 of 2 tenants are verified, and a share of 0.98 is needed
    "#]],
    );
}

#[test]
fn the_whole_fleet_is_not_covered_where_the_registry_could_not_be_read_whole() {
    check(
        &format!("coverage 1\nwarning\n{CLEAN}"),
        None,
        &expect![[r#"
        unknown registry_not_whole: the registry could not be read whole, so nobody can say that all tenants are verified
    "#]],
    );
    assert!(World::parse(&format!("warning\n{CLEAN}")).ask(None).allow);
}

#[test]
fn an_override_beats_a_breach_and_the_unknown_and_stands_beside_what_it_beat() {
    let breach = format!("{CLEAN}\nfinding shared_database acme globex\n");
    check(
        &format!("{breach}override -10 10"),
        None,
        &expect![[r#"
        overridden breached: ada allowed it until 2026-09-21T14:13:30Z in spite of this: one finding breaks isolation
          shared_database acme globex
    "#]],
    );
    check(
        &format!("{CLEAN}\nscan 9999\noverride -10 10"),
        None,
        &expect![[r#"
        overridden too_old: ada allowed it until 2026-09-21T14:13:30Z in spite of this: the last scan of the whole fleet began 9999 seconds ago, and 1800 are allowed
    "#]],
    );
    assert_eq!(World::parse(&format!("{CLEAN}\noverride -10 10")).ask(None).state, "allowed");
}

#[test]
fn an_override_ends_and_the_one_given_last_counts() {
    let state = |overrides: &str| {
        let world = format!("{CLEAN}\nfinding shared_database acme globex\n{overrides}");
        World::parse(&world).ask(None).state
    };
    assert_eq!(state("override -10 0"), "forbidden");
    assert_eq!(state("override 1 10"), "forbidden", "the clock was set back since it was given");
    assert_eq!(state("override -700000 10"), "forbidden", "nobody can give one for so long");
    assert_eq!(state("override -10 10\noverride -20 -15"), "overridden");
    assert_eq!(state("override -20 1000\noverride -10 -5"), "forbidden", "it was taken back");
}

#[test]
fn the_document_is_read_back_as_it_was_written() {
    let world = format!("{CLEAN}\nfinding shared_database acme globex\noverride -10 10");
    let view = World::parse(&world).ask(Some("production"));
    let text = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<DecisionView>(&text).unwrap(), view);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names =
        ["allow", "state", "reason", "detail", "environment", "scan", "age_seconds", "coverage"];
    for name in names.into_iter().chain(["findings", "findings_total", "override"]) {
        assert!(json.get(name).is_some(), "{name}");
    }
    assert_eq!(json["findings"][0]["tenants"], serde_json::json!(["acme", "globex"]));
    assert_eq!(json["override"]["by"], "ada");
}

#[test]
fn a_fleet_with_hundreds_of_breaches_is_told_in_a_document_of_bounded_length() {
    let mut world = World::parse(CLEAN);
    let names: Vec<String> = (0..500).map(|it| format!("t{it}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    world.now.findings =
        (0..300).map(|_| sample::finding(Kind::SharedDatabase, Severity::Critical, &all)).collect();
    let view = world.ask(None);
    assert_eq!((view.findings.len(), view.findings_total), (100, 300));
    assert_eq!((view.findings[0].tenants.len(), view.findings[0].tenants_total), (100, 500));
}

/// Any fleet, with one of everything that the decision looks at.
fn any_world() -> impl Strategy<Value = World> {
    let tenant = (select(vec!["production", "staging"]), select(Verdict::ALL), 0..8_u8);
    let kinds: Vec<Kind> = Kind::ALL.to_vec();
    let finding = (select(kinds), select(State::ALL), 0..8_usize, 0..8_usize, any::<bool>());
    let findings = prop::collection::vec(finding, 0..3);
    let tenants = prop::collection::vec(tenant, 1..8);
    (tenants, findings, -100..4_000_i64, select(vec![0.0, 0.5, 0.98, 1.0])).prop_map(
        |(tenants, findings, age, coverage)| {
            let mut lines = vec![format!("scan {age}"), format!("coverage {coverage}")];
            for (number, (environment, verdict, fate)) in tenants.into_iter().enumerate() {
                let fate = ["gone", "unseen", ""][usize::from(fate.min(2))];
                lines.push(format!("t{number} {environment} {verdict} {fate}"));
            }
            for (kind, state, one, other, later) in findings {
                let later = if later { "later " } else { "" };
                lines.push(format!("{later}finding {kind} t{one} t{other} {state}"));
            }
            World::parse(&lines.join("\n"))
        },
    )
}

const ENVIRONMENTS: [Option<&str>; 3] = [None, Some("production"), Some("staging")];

proptest! {
    #[test]
    fn knowing_less_of_a_tenant_never_allows(world in any_world(), who in any::<prop::sample::Index>()) {
        let mut less = world.clone();
        let names: Vec<_> = less.now.tenants.iter().map(|it| it.id.clone()).collect();
        prop_assume!(!names.is_empty());
        let name = &names[who.index(names.len())];
        for report in [&mut less.full, &mut less.now] {
            for tenant in report.tenants.iter_mut().filter(|it| it.id == *name) {
                tenant.isolation = Verdict::Unverified;
            }
        }
        for environment in ENVIRONMENTS {
            prop_assert!(world.ask(environment).allow || !less.ask(environment).allow);
        }
    }

    #[test]
    fn one_more_breach_never_allows(world in any_world(), one in 0..8_usize, other in 0..8_usize) {
        let mut worse = world.clone();
        let breach = format!("shared_database t{one} t{other}");
        worse.now.findings.push(finding(&breach.split(' ').collect::<Vec<_>>()));
        for environment in ENVIRONMENTS {
            prop_assert!(world.ask(environment).allow || !worse.ask(environment).allow);
        }
        prop_assert!(!worse.ask(None).allow);
    }

    #[test]
    fn green_is_given_for_a_scan_of_the_age_and_the_coverage_alone(world in any_world()) {
        for environment in ENVIRONMENTS {
            let view = world.ask(environment);
            if view.allow {
                prop_assert!((0..=MAX_AGE).contains(&view.age_seconds.unwrap()));
                prop_assert!(world.min_coverage <= view.coverage.unwrap());
                prop_assert!(0.0 < view.coverage.unwrap() || world.min_coverage == 0.0);
                prop_assert!(view.findings.is_empty());
            }
        }
    }

    #[test]
    fn the_whole_fleet_is_allowed_no_more_than_each_of_its_environments_is_breached(world in any_world()) {
        let forbidden = |environment| world.ask(environment).state == "forbidden";
        prop_assert!(forbidden(None) || !(forbidden(Some("production")) || forbidden(Some("staging"))));
    }
}
