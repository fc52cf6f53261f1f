//! The issue of every kind as it is filed, and what its comments say.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use expect_test::{Expect, ExpectFile, expect, expect_file};
use watertight::issues::daily::{self, Edition};
use watertight::issues::marker;
use watertight::issues::options::Mode;
use watertight::issues::plan::About;
use watertight::issues::remark::{self, Occasion};
use watertight::issues::text::{self, Scene};
use watertight::issues::title::title;
use watertight::issues::wanted::{Wanted, wanted};
use watertight::model::finding::{Acknowledgement, Finding, Kind, Severity, State};
use watertight::model::issue::{Entry, News, Subject};
use watertight::model::report::{Report, Trigger};
use watertight::model::tenant::TenantId;
use watertight::standing::Standing;

use crate::claims::{at, finding, of, options};

fn file(name: &str) -> ExpectFile {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/issues/texts", name].iter().collect();
    expect_file![path]
}

fn whole(wanted: &Wanted<'_>, after: Option<u64>) -> String {
    let options = options();
    let scene = Scene { options: &options, standing: None };
    format!("# {}\n\n{}", title(wanted), text::body(wanted, scene, after))
}

#[test]
fn the_issue_of_every_kind_reads_as_somebody_would_write_it() {
    let options = options();
    for kind in Kind::ALL {
        let findings = [of(*kind)];
        let wanted = wanted(&findings, &[], &options);
        let wanted = wanted.values().next().unwrap();
        file(&format!("{kind}.md")).assert_eq(&whole(wanted, None));
    }
}

#[test]
fn every_text_file_is_of_a_kind() {
    let directory: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/issues/texts"].iter().collect();
    let there: BTreeSet<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected: BTreeSet<String> = Kind::ALL.iter().map(|it| format!("{it}.md")).collect();
    expected.extend(["daily.md", "summary.md", "umbrella.md"].map(ToOwned::to_owned));
    assert_eq!(there, expected);
}

#[test]
fn many_findings_in_one_issue_are_a_table() {
    let findings = [
        of(Kind::Unhealthy),
        of(Kind::ClonedLineage),
        finding(Kind::Degraded, &["a", "b", "c", "d", "e"]),
    ];
    let observing = watertight::issues::options::IssueOptions { mode: Mode::Observe, ..options() };
    let summary = wanted(&findings, &[], &observing);
    file("summary.md").assert_eq(&whole(&summary[&Subject::Summary], None));
    let crowded = watertight::issues::options::IssueOptions { umbrella_above: 1, ..options() };
    let umbrella = wanted(&findings, &[], &crowded);
    file("umbrella.md").assert_eq(&whole(&umbrella[&Subject::Umbrella], None));
}

#[test]
fn the_daily_report_says_how_to_be_spared_it() {
    let report = "## Tenant isolation: isolated\n\n- 2 of 2 tenants verified\n\nNothing changed.\n";
    let edition = Edition { due: at(0), report: report.to_owned() };
    file("daily.md").assert_eq(&whole(&daily::wanted(&edition, &options()), None));
}

/// GitHub counts a letter beyond the basic plane twice.
#[test]
fn a_daily_report_of_any_length_fits_and_is_known_again() {
    let planted = marker::of_issue(Subject::Summary, "production");
    let report = format!("{planted}\n{}", "- \u{1f6b0}\u{1f6b0}\u{1f6b0}\n".repeat(50_000));
    let edition = Edition { due: at(0), report };
    let told = whole(&daily::wanted(&edition, &options()), None);
    assert!(told.encode_utf16().count() <= 65_536, "{}", told.encode_utf16().count());
    assert!(told.contains("The rest is cut here"));
    assert_eq!(marker::subject(&told, "production"), Some(Subject::Daily));
}

#[test]
fn an_issue_names_the_one_before_and_who_silenced_it() {
    let given = Acknowledgement {
        by: "ada".into(),
        reason: "moved next week, see @OPS-12".into(),
        until: at(86_400),
    };
    let findings = [Finding {
        acknowledgement: Some(given),
        state: State::Acknowledged,
        ..of(Kind::SharedCluster)
    }];
    let options = options();
    let wanted = wanted(&findings, &[], &options);
    let told = whole(wanted.values().next().unwrap(), Some(7));
    assert!(told.contains("The same trouble was here before: #7."), "{told}");
    let expected = "Acknowledged until 2026-09-22 14:13:20 UTC by ada: moved next week, see \\@\u{200b}OPS\\-12";
    assert!(told.contains(expected), "{told}");
}

/// A scan that looked at two tenants.
fn standing() -> Standing {
    let report = Report {
        id: "0006".into(),
        started_at: at(700),
        finished_at: at(702),
        trigger: Trigger::Schedule,
        partial: false,
        tenants: Vec::new(),
        findings: Vec::new(),
        warnings: Vec::new(),
    };
    let full = Arc::new(report);
    let (tenants, last_success) = (Arc::new([]), Arc::default());
    Standing { now: Arc::clone(&full), full, tenants, last_success }
}

#[track_caller]
fn check(about: About, before: &Finding, now: Option<&Finding>, expected: &Expect) {
    let (options, standing) = (options(), standing());
    let entry = Entry {
        said: Some(News::of(before)),
        ..Entry::intended(Subject::Finding(before.id), "acme/operations", at(0))
    };
    let findings: Vec<Finding> = now.into_iter().cloned().collect();
    let wanted = wanted(&findings, &[], &options);
    let resolved = Finding { state: State::Resolved, ..before.clone() };
    let on = Occasion {
        entry: &entry,
        wanted: wanted.values().next(),
        resolved: Some(&resolved),
        now: at(90_000),
    };
    let scene = Scene { options: &options, standing: Some(&standing) };
    expected.assert_eq(&remark::body(about, "1:key", on, scene));
}

#[test]
fn a_change_is_told_by_what_changed() {
    let before = of(Kind::SharedCluster);
    let mut after = before.clone();
    after.claim.tenants.insert(TenantId::parse("initech").unwrap());
    after.claim.tenants.remove(&TenantId::parse("globex").unwrap());
    after.claim.severity = Severity::High;
    after.claim.evidence = after.claim.evidence.with("not_verified_apart_since", "x");
    check(
        About::Changed,
        &before,
        Some(&after),
        &expect![[r#"
        acme and globex have databases of their own on one running server\.

        - Severity: Critical, now **High**
        - Joined: `initech`
        - No longer in it: `globex`
        - New evidence: not verified apart since

        <!-- watertight:remark v1 instance=production key=1:key -->
    "#]],
    );
}

#[test]
fn the_end_is_told_with_the_scan_that_proves_it() {
    check(
        About::Resolved,
        &of(Kind::SharedCluster),
        None,
        &expect![[r#"
        Resolved: all of its members were visited since, and what was claimed of them no longer holds. Scan `0006` ended at 2026-09-21 14:25:02 UTC and looked at 0 tenants, of which 0 are verified as isolated.

        - First seen 2026-09-21 14:13:20 UTC, last seen 2026-09-21 14:23:20 UTC: it stood for at least 10 minutes
        - To check it yourself: `watertight verify --tenant acme --tenant globex`

        <!-- watertight:remark v1 instance=production key=1:key -->
    "#]],
    );
}

#[test]
fn a_reminder_says_for_how_long() {
    let finding = of(Kind::Unhealthy);
    check(
        About::Reminder,
        &finding,
        Some(&finding),
        &expect![[r#"
        Still open: acme cannot serve\: timeout\. It has stood for 1 day.

        If it is known and accepted for now, close the issue as *not planned*.

        <!-- watertight:remark v1 instance=production key=1:key -->
    "#]],
    );
}
