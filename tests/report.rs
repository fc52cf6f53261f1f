//! Every format of the report, on one fleet in which everything happens, and the number that a pipeline acts on.

#[path = "report/sample.rs"]
mod sample;

use std::collections::BTreeSet;
use std::io::{self, Write};

use expect_test::{ExpectFile, expect, expect_file};
use quick_junit::TestCaseStatus;
use sample::{everything, finding, report, tenant, unhealthy};
use watertight::model::finding::{Finding, Health, Kind, Severity, State, Verdict};
use watertight::model::observation::Cause;
use watertight::model::report::{Report, TenantReport};
use watertight::report::judge::{About, Exit, Judgement, exit_code};
use watertight::report::{Format, Style, json, write};

fn written(format: Format, style: Style) -> String {
    let (report, tenants) = everything();
    let mut out = Vec::new();
    write(format, &report, &tenants, style, &mut out).expect("memory takes it");
    String::from_utf8(out).expect("every format is UTF-8")
}

#[track_caller]
fn check(format: Format, expected: &ExpectFile) {
    expected.assert_eq(&written(format, Style::default()));
}

#[test]
fn a_person_reads_the_verdict_first_then_what_to_do_then_who() {
    check(Format::Table, &expect_file!["report/table.txt"]);
}

#[test]
fn a_script_reads_the_published_names() {
    check(Format::Json, &expect_file!["report/report.json"]);
}

#[test]
fn a_code_scanning_page_points_at_the_registry() {
    check(Format::Sarif, &expect_file!["report/report.sarif"]);
}

#[test]
fn a_test_page_shows_each_tenant_twice() {
    check(Format::Junit, &expect_file!["report/junit.xml"]);
}

#[test]
fn a_pull_request_shows_what_is_not_well() {
    check(Format::Markdown, &expect_file!["report/report.md"]);
}

#[test]
fn a_workflow_gets_annotations() {
    check(Format::Github, &expect_file!["report/github.txt"]);
}

#[test]
fn a_clean_fleet_is_told_in_a_few_lines() {
    let names = (0..100).map(|it| format!("t{it:03}"));
    let tenants = names.map(|it| tenant(&it, Verdict::Isolated, Health::Healthy)).collect();
    let mut out = Vec::new();
    write(Format::Table, &report(tenants, Vec::new()), &[], Style::default(), &mut out).unwrap();
    expect![[r#"
        ISOLATED    100 tenants, each with a database of its own

        100 tenants isolated and healthy: see --verbose.

        100 tenants: 100 isolated, 0 breached, 0 unverified
        health: 100 healthy, 0 degraded, 0 unhealthy, 0 unknown
        scan 01k5p4x0000000000000000000 took 1.84 s
    "#]]
    .assert_eq(&String::from_utf8(out).unwrap());
}

#[test]
fn no_format_lets_a_name_move_the_cursor_or_reverse_the_line() {
    for format in Format::ALL {
        for verbose in [false, true] {
            let text = written(format, Style { verbose, ..Style::default() });
            let bad = text.chars().find(|it| (it.is_control() && *it != '\n') || *it == '\u{202e}');
            // JSON is for machines, and must carry the text as it was.
            let bad = bad.filter(|it| format != Format::Json || *it != '\u{202e}');
            assert_eq!(bad, None, "{format:?}");
        }
    }
}

#[test]
fn no_line_of_a_workflow_log_is_a_command_of_somebody_else() {
    for line in written(Format::Github, Style::default()).lines() {
        let ours = ["::error ", "::warning ", "::notice ", "watertight: "];
        assert!(ours.iter().any(|it| line.starts_with(it)), "{line}");
    }
}

#[test]
fn a_comment_notifies_nobody_and_hides_nothing() {
    let text = written(Format::Markdown, Style::default());
    assert!(!text.contains("@here") && !text.contains("<!--"), "{text}");
}

#[test]
fn a_table_fits_the_terminal_with_and_without_colour() {
    for width in [40, 80, 200] {
        let plain = written(Format::Table, Style { width, verbose: true, colour: false });
        let longest = plain.lines().map(|it| it.chars().count()).max();
        assert!(longest <= Some(usize::from(width).max(60)), "{width}: {longest:?}\n{plain}");
        let coloured = written(Format::Table, Style { width, verbose: true, colour: true });
        assert!(coloured.contains("\u{1b}[") && !plain.contains('\u{1b}'));
    }
}

#[test]
fn what_is_written_as_json_is_read_back_equal() {
    let (report, _) = everything();
    assert_eq!(json::parse(&written(Format::Json, Style::default())).unwrap(), report);
}

#[test]
fn the_json_of_an_unknown_origin_is_a_report_or_an_error() {
    let text = written(Format::Json, Style::default());
    for (from, to, expected) in [
        (
            "report/v1",
            "report/v2",
            "the report is of schema \"watertight.report/v2\", and this version reads \"watertight.report/v1\"",
        ),
        (
            "\"verdict\": \"breached\"",
            "\"verdict\": \"isolated\"",
            "the report's `verdict` cannot be \"isolated\"",
        ),
        (
            "\"trigger\": \"cli\"",
            "\"trigger\": \"\\u001b\"",
            "the report's `scan.trigger` cannot be \"\\\\u{1b}\"",
        ),
        (
            "\"probe_seconds\": 0.012",
            "\"probe_seconds\": -1e300",
            "the report's `tenants[].probe_seconds` cannot be \"-1000000000000000000000000000000000000000000000000000000000000000000000000000000…\"",
        ),
        (
            "\"kind\": \"shared_database\"",
            "\"kind\": \"shared\"",
            "the report's `findings[].kind` cannot be \"shared\"",
        ),
        (
            "\"rounds\": 1",
            "\"rounds\": 1.5",
            "the report's `findings[].evidence` cannot be \"1.5\"",
        ),
        (
            "\"15.18\"",
            "\"999999.1\"",
            "the report's `fingerprint.server_version` cannot be \"999999.1\"",
        ),
        ("\"port\": 5432", "\"port\": 99999", "read a report as JSON"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = json::parse(&text.replace(from, to)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let nested = format!("\"rounds\": {}1{}", "[".repeat(9999), "]".repeat(9999));
    assert!(json::parse(&text.replace("\"rounds\": 1", &nested)).is_err());
}

#[test]
fn a_json_report_that_was_cut_or_changed_anywhere_is_a_report_or_an_error() {
    let text = written(Format::Json, Style::default());
    for at in (0..text.len() - 2).step_by(499).filter(|it| text.is_char_boundary(*it)) {
        assert!(json::parse(&text[..at]).is_err());
        for wrong in ["\"", "}", "[", "-", "9e999", "null", "\\u"] {
            let (before, after) = text.split_at(at);
            if let Ok(report) = json::parse(&format!("{before}{wrong}{after}")) {
                let mut again = Vec::new();
                write(Format::Json, &report, &[], Style::default(), &mut again).unwrap();
                assert_eq!(json::parse(std::str::from_utf8(&again).unwrap()).unwrap(), report);
            }
        }
    }
}

#[test]
fn sarif_has_what_code_scanning_needs() {
    let text = written(Format::Sarif, Style::default());
    let sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
    let _typed: serde_sarif::sarif::Sarif = serde_json::from_str(&text).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), Kind::ALL.len() + 1);
    let results = run["results"].as_array().unwrap();
    let mut fingerprints = BTreeSet::new();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[index]["id"]);
        assert!(
            fingerprints.insert(result["partialFingerprints"]["watertightFinding/v1"].as_str())
        );
        let locations = result["locations"].as_array().unwrap();
        assert!(!locations.is_empty(), "a result without a place is dropped: {result}");
        for location in locations {
            assert!(location["physicalLocation"]["artifactLocation"]["uri"].is_string());
        }
    }
    let (report, _) = everything();
    assert_eq!(results.len(), report.standing().count() + 1);
}

#[test]
fn junit_counts_what_fails_and_what_was_not_looked_at() {
    let text = written(Format::Junit, Style::default());
    let document = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let skipped = |it: &quick_junit::TestSuite| {
        let cases = it.test_cases.iter();
        cases.filter(|it| matches!(it.status, TestCaseStatus::Skipped { .. })).count()
    };
    let counts: Vec<_> = document
        .test_suites
        .iter()
        .map(|it| {
            format!(
                "{}: {} of {} fail, {} skipped",
                it.name.as_str(),
                it.failures,
                it.tests,
                skipped(it)
            )
        })
        .collect();
    expect![[r#"
        [
            "isolation: 2 of 22 fail, 18 skipped",
            "health: 17 of 22 fail, 1 skipped",
            "findings: 3 of 11 fail, 1 skipped",
        ]
    "#]]
    .assert_debug_eq(&counts);
}

/// What a closed pipe looks like from inside.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_told_as_one_in_every_format() {
    let (report, tenants) = everything();
    for format in Format::ALL {
        let error = write(format, &report, &tenants, Style::default(), &mut Closed).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
    }
}

/// A fleet of `verified` clean tenants, `unverified` ones and the findings.
fn fleet(verified: usize, unverified: usize, findings: Vec<Finding>) -> Report {
    let clean =
        (0..verified).map(|it| tenant(&format!("clean-{it}"), Verdict::Isolated, Health::Healthy));
    let unseen =
        (0..unverified).map(|it| unhealthy(&format!("down-{it}"), Cause::Timeout, "after 5 s"));
    report(clean.chain(unseen).collect(), findings)
}

fn judged(report: &Report, fail_on: Severity, about: About, min_coverage: f64) -> Exit {
    exit_code(report, &Judgement { fail_on, about, min_coverage })
}

#[test]
fn a_finding_counts_from_its_severity_on_and_in_every_state_but_resolved() {
    for severity in Severity::ALL {
        for fail_on in Severity::ALL {
            for state in State::ALL {
                let mut it = finding(Kind::SharedDatabase, *severity, &["clean-0", "clean-1"]);
                it.state = *state;
                let counts = fail_on <= severity && *state != State::Resolved;
                let expected = if counts { Exit::Findings } else { Exit::Clean };
                let report = fleet(2, 0, vec![it]);
                let found = judged(&report, *fail_on, About::All, 1.0);
                assert_eq!(found, expected, "{severity} {fail_on} {state}");
            }
        }
    }
}

#[test]
fn each_kind_answers_the_question_that_it_is_about() {
    let answering = |about| {
        let counts = |kind: &&Kind| {
            let report = fleet(1, 0, vec![finding(**kind, Severity::Critical, &["clean-0"])]);
            judged(&report, Severity::High, about, 1.0) == Exit::Findings
        };
        Kind::ALL.iter().filter(counts).map(|it| it.label()).collect::<Vec<_>>().join(" ")
    };
    expect!["shared_database shared_replication shared_cluster shared_project foreign_stamp wrong_database registry_conflict cross_tenant_access fingerprint_drift shared_credentials database_handed_out_twice data_bridge shared_host"]
        .assert_eq(&answering(About::Isolation));
    expect!["monitor_suspect unhealthy degraded missing_project"]
        .assert_eq(&answering(About::Health));
    assert_eq!(answering(About::All).split(' ').count(), Kind::ALL.len());
}

#[test]
fn unknown_is_never_zero() {
    let unhealthy = || vec![finding(Kind::Unhealthy, Severity::High, &["down-0"])];
    let (high, critical) = (Severity::High, Severity::Critical);
    for (report, fail_on, about, min_coverage, expected) in [
        // An empty fleet proves nothing, whatever share of it is asked for.
        (fleet(0, 0, Vec::new()), high, About::All, 0.0, Exit::Unverified),
        (fleet(2, 0, Vec::new()), high, About::All, 1.0, Exit::Clean),
        // A fault wins over a doubt.
        (fleet(1, 1, unhealthy()), high, About::All, 1.0, Exit::Findings),
        (fleet(1, 1, unhealthy()), critical, About::All, 1.0, Exit::Unverified),
        (fleet(1, 1, unhealthy()), high, About::Isolation, 1.0, Exit::Unverified),
        (fleet(1, 1, unhealthy()), high, About::Health, 1.0, Exit::Findings),
        // A database that is down is a known state of health.
        (fleet(1, 1, Vec::new()), high, About::Health, 1.0, Exit::Clean),
        // Coverage is met exactly, and not from below.
        (fleet(98, 2, Vec::new()), high, About::Isolation, 0.98, Exit::Clean),
        (fleet(97, 3, Vec::new()), high, About::Isolation, 0.98, Exit::Unverified),
        (fleet(7, 93, Vec::new()), high, About::Isolation, 0.07, Exit::Clean),
        (fleet(2, 0, Vec::new()), high, About::All, f64::NAN, Exit::Unverified),
    ] {
        let found = judged(&report, fail_on, about, min_coverage);
        assert_eq!(found, expected, "{fail_on} {about:?} {min_coverage}");
    }
}

#[test]
fn a_registry_that_was_not_read_whole_is_no_full_coverage() {
    let report = Report { warnings: vec!["stale".to_owned()], ..fleet(2, 0, Vec::new()) };
    assert_eq!(judged(&report, Severity::High, About::All, 1.0), Exit::Unverified);
    assert_eq!(judged(&report, Severity::High, About::All, 0.99), Exit::Clean);
}

#[test]
fn a_tenant_that_was_not_tried_has_no_known_health() {
    let tenants: Vec<TenantReport> = vec![tenant("a", Verdict::Unverified, Health::Unknown)];
    let report = report(tenants, Vec::new());
    assert_eq!(judged(&report, Severity::Low, About::Health, 1.0), Exit::Unverified);
}

#[test]
fn the_numbers_are_those_of_the_contract() {
    assert_eq!([Exit::Clean, Exit::Findings, Exit::Unverified].map(Exit::code), [0, 1, 3]);
}
