//! The daily report: on a fleet in which everything happens, on one in which nothing does, and before the first scan.

#[path = "report/sample.rs"]
mod sample;

use expect_test::{ExpectFile, expect, expect_file};
use jiff::{SignedDuration, Timestamp};
use sample::{HOSTILE, at, everything, finding, id, report, tenant};
use watertight::model::change::{Change, PlannedKinds};
use watertight::model::finding::{Finding, Health, Kind, Severity, State, Verdict};
use watertight::model::gate::Override;
use watertight::model::report::Report;
use watertight::report::daily::{Daily, FORMATS, Past, ScanEnd, write};
use watertight::report::{Format, Style};

const DAY: i64 = 86_400;

fn now() -> Timestamp {
    at(600)
}

/// What a daily report borrows.
#[derive(Default)]
struct World {
    report: Option<Report>,
    resolved: Vec<(Finding, Timestamp)>,
    scans: Vec<ScanEnd>,
    changes: Vec<Change>,
    overrides: Vec<Override>,
}

impl World {
    fn daily(&self) -> Daily<'_> {
        Daily::of(&Past {
            since: now() - SignedDuration::from_secs(DAY),
            now: now(),
            report: self.report.as_ref(),
            resolved: &self.resolved,
            scans: &self.scans,
            changes: &self.changes,
            overrides: &self.overrides,
        })
    }

    fn written(&self, format: Format, style: Style) -> String {
        let mut out = Vec::new();
        write(format, &self.daily(), style, &mut out).expect("memory takes it");
        String::from_utf8(out).expect("every format is UTF-8")
    }
}

/// Every five minutes, the latest first, from now on back.
fn scans(count: i64, verdict: impl Fn(i64) -> Verdict) -> Vec<ScanEnd> {
    let end = |number| ScanEnd { at: at(-300 * number), partial: false, verdict: verdict(number) };
    (0..count).map(end).collect()
}

fn change(reason: &str, from: i64, until: i64) -> Change {
    Change {
        tenants: vec![id("acme"), id("initech")],
        kinds: PlannedKinds::default(),
        reason: reason.into(),
        ticket: Some(reason.into()),
        by: "ada".into(),
        from: at(from),
        until: at(until),
    }
}

fn given(reason: &str, from: i64, until: i64) -> Override {
    Override { reason: reason.into(), by: HOSTILE.into(), at: at(from), until: at(until) }
}

fn eventful() -> World {
    let (mut report, _) = everything();
    for finding in report.findings.iter_mut().filter(|it| it.claim.severity < Severity::Critical) {
        finding.first_seen = at(-3 * DAY);
    }
    let mut brief = finding(Kind::SharedDatabase, Severity::Critical, &["initech", "umbrella"]);
    (brief.state, brief.first_seen) = (State::Resolved, at(-7_200));
    let mut long = finding(Kind::Unhealthy, Severity::High, &["initech"]);
    (long.state, long.first_seen) = (State::Resolved, at(-9 * DAY));
    let mut scans = scans(300, |it| if it < 3 { Verdict::Breached } else { Verdict::Isolated });
    scans[7].partial = true;
    World {
        report: Some(report),
        resolved: vec![(long, at(-60)), (brief, at(-3_600))],
        scans,
        changes: vec![change(HOSTILE, -DAY, 0), change("over", -3 * DAY, -2 * DAY)],
        overrides: vec![given(HOSTILE, -100, 900), given("over", -3 * DAY, -2 * DAY)],
    }
}

#[track_caller]
fn check(format: Format, expected: &ExpectFile) {
    expected.assert_eq(&eventful().written(format, Style::default()));
}

#[test]
fn a_person_reads_the_verdict_then_what_is_new_then_what_stays() {
    check(Format::Table, &expect_file!["report/daily.txt"]);
}

#[test]
fn a_message_shows_the_same() {
    check(Format::Markdown, &expect_file!["report/daily.md"]);
}

#[test]
fn a_script_reads_the_published_names() {
    check(Format::Json, &expect_file!["report/daily.json"]);
}

#[test]
fn nothing_in_a_name_is_obeyed() {
    for format in FORMATS {
        let text = eventful().written(format, Style::default());
        assert!(!text.contains('\u{1b}'), "{format:?}");
        assert!(format == Format::Json || !text.contains('\u{202e}'), "{format:?}");
    }
    let text = eventful().written(Format::Markdown, Style::default());
    assert!(!text.contains("<!--") && !text.contains("@here"), "{text}");
}

#[test]
fn a_day_on_which_nothing_happened_is_told_in_a_few_lines() {
    let tenants = vec![
        tenant("acme", Verdict::Isolated, Health::Healthy),
        tenant("globex", Verdict::Isolated, Health::Healthy),
    ];
    let world = World {
        report: Some(report(tenants, Vec::new())),
        scans: scans(300, |_| Verdict::Isolated),
        ..World::default()
    };
    expect![[r#"
        ISOLATED    2 tenants, each with a database of its own

        LOOKED      2 of 2 tenants verified; the last scan of the whole fleet ended 9
                    min 58 s ago, at 2026-09-21T14:13:21.84Z
                    from 2026-09-20T14:23:20Z until 2026-09-21T14:23:20Z: 287 scans of
                    the whole fleet: 0 found a breach, 0 left something unverified; 0 of
                    parts of it; the longest time without one: 10 min

        Nothing changed.
    "#]]
    .assert_eq(&world.written(Format::Table, Style::default()));
}

#[test]
fn before_the_first_scan_nothing_is_proven() {
    expect![[r#"
        UNVERIFIED  nothing was proven yet

        LOOKED      no scan of the whole fleet has ended yet
                    from 2026-09-20T14:23:20Z until 2026-09-21T14:23:20Z: 0 scans of the
                    whole fleet: 0 found a breach, 0 left something unverified; 0 of
                    parts of it; the longest time without one: 1 d
    "#]]
    .assert_eq(&World::default().written(Format::Table, Style::default()));
    let json = World::default().written(Format::Json, Style::default());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["verdict"], &json["scan"]), (&"unverified".into(), &serde_json::Value::Null));
}

#[test]
fn trouble_that_came_and_went_is_new_and_resolved() {
    let world = eventful();
    let daily = world.daily();
    let brief = &world.resolved[1].0;
    assert!(daily.opened.iter().any(|it| it.id == brief.id && it.state == State::Resolved));
    assert_eq!(daily.resolved.len(), 2);
    assert!(!daily.opened.iter().any(|it| it.id == world.resolved[0].0.id));
}

#[test]
fn every_standing_finding_is_either_new_or_old() {
    let world = eventful();
    let daily = world.daily();
    let standing = world.report.iter().flat_map(Report::standing).count();
    let opened = daily.opened.iter().filter(|it| it.state != State::Resolved).count();
    assert_eq!(opened + daily.standing.len(), standing);
    assert!(daily.standing.iter().all(|it| it.first_seen < daily.since));
}

#[test]
fn the_longest_time_without_a_scan_is_told_and_parts_do_not_count() {
    let gap = |ends: &[(i64, bool)]| {
        let end = |(second, partial): &(i64, bool)| ScanEnd {
            at: at(*second),
            partial: *partial,
            verdict: Verdict::Isolated,
        };
        let world = World { scans: ends.iter().map(end).collect(), ..World::default() };
        let scans = world.daily().scans;
        (scans.longest_gap.map(|it| it.as_secs()), scans.known_since.is_some())
    };
    let start = 600 - DAY;
    assert_eq!(gap(&[]), (Some(DAY), false), "nobody looked");
    assert_eq!(gap(&[(0, false), (-300, false), (start - 5, false)]), (Some(DAY - 900), false));
    assert_eq!(gap(&[(590, true), (0, false), (-300, false)]), (Some(600), true));
    assert_eq!(gap(&[(590, true)]), (None, true));
}

#[test]
fn a_report_on_ten_thousand_findings_is_bounded() {
    let mut report = report(Vec::new(), Vec::new());
    report.findings = (0..10_000)
        .map(|it| finding(Kind::Unhealthy, Severity::High, &[&format!("t{it}")]))
        .collect();
    let world = World { report: Some(report), ..World::default() };
    assert!(world.written(Format::Table, Style::default()).len() < 10_000);
    assert!(world.written(Format::Markdown, Style::default()).len() < 40_000);
    let json = world.written(Format::Json, Style::default());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["findings"]["opened"]["total"], 10_000);
    assert_eq!(json["findings"]["opened"]["items"].as_array().map(Vec::len), Some(1_000));
}
