//! The next step, from what should be and what is.

use expect_test::{Expect, expect};
use jiff::SignedDuration;
use watertight::issues::daily::{self, Edition};
use watertight::issues::options::{IssueOptions, Mode};
use watertight::issues::plan::{self, Case, Step};
use watertight::issues::preview::preview;
use watertight::issues::wanted::wanted;
use watertight::model::finding::{Finding, Kind, Severity, State};
use watertight::model::issue::{Entry, News, Place, Standing, Subject};

use crate::claims::{at, finding, of, options};

fn entry(finding: &Finding, standing: Standing, since: i64) -> Entry {
    Entry {
        row: 1,
        issue: Some(Place { number: 7, url: "https://github.com/acme/operations/issues/7".into() }),
        standing,
        said: Some(News::of(finding)),
        turn: 1,
        ..Entry::intended(Subject::Finding(finding.id), "acme/operations", at(since))
    }
}

/// All steps until there is none, as if GitHub took each.
fn steps(entry: Option<&Entry>, finding: Option<&Finding>, now: i64) -> String {
    let options = options();
    let findings: Vec<Finding> = finding.into_iter().cloned().collect();
    let wanted = wanted(&findings, &[], &options);
    let wanted = wanted.values().next();
    let mut entry = entry.cloned();
    let mut told = Vec::new();
    for _ in 0..8 {
        let case = Case { entry: entry.as_ref(), wanted, labelled: false };
        let Some(step) = plan::next(case, &options, at(now)) else { break };
        told.push(match &step {
            Step::Remark { key, .. } => format!("comment {}", key.split(':').nth(1).unwrap()),
            Step::Create { after: Some(number) } => format!("create after #{number}"),
            step => step.label().to_owned(),
        });
        if matches!(step, Step::Acknowledge { .. }) {
            break;
        }
        let before = entry.clone().unwrap_or_else(|| {
            Entry::intended(wanted.unwrap().subject, "acme/operations", at(now))
        });
        entry = Some(plan::taken(&before, &step, wanted, at(now)));
    }
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}

#[track_caller]
fn check(standing: Option<Standing>, change: Change, now: i64, expected: &str) {
    let before = of(Kind::SharedCluster);
    let entry = standing.map(|it| entry(&before, it, 0));
    let after = match change {
        Change::None => Some(before),
        Change::Grown => Some(Finding {
            id: before.id,
            ..finding(Kind::SharedCluster, &["acme", "globex", "x"])
        }),
        Change::Gone => None,
        Change::Silenced => Some(silenced(before)),
    };
    assert_eq!(steps(entry.as_ref(), after.as_ref(), now), expected, "{standing:?} {change:?}");
}

fn silenced(finding: Finding) -> Finding {
    let acknowledgement = Some(watertight::model::finding::Acknowledgement {
        by: "ada".into(),
        reason: "known".into(),
        until: at(1_000_000),
    });
    Finding { state: State::Acknowledged, acknowledgement, ..finding }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    None,
    Grown,
    Gone,
    Silenced,
}

const WEEK: i64 = 7 * 24 * 60 * 60;

#[test]
fn each_state_of_both_sides_has_its_steps() {
    use Change::{Gone, Grown, None as Same, Silenced};
    check(None, Same, 0, "create");
    check(None, Silenced, 0, "nothing");
    check(Some(Standing::Open), Same, 600, "nothing");
    check(Some(Standing::Open), Grown, 600, "comment changed, update");
    check(Some(Standing::Open), Silenced, 600, "comment changed, update");
    check(Some(Standing::Open), Gone, 600, "comment resolved, close");
    check(Some(Standing::Closed), Gone, 600, "nothing");
    check(Some(Standing::Closed), Same, WEEK, "comment returned, reopen");
    check(Some(Standing::Closed), Same, WEEK + 1, "create after #7");
    check(Some(Standing::Closed), Silenced, 600, "nothing");
    // The scan that saw it last was at second 600.
    check(Some(Standing::Done), Same, 700, "comment still-there, reopen");
    check(Some(Standing::Declined), Same, 700, "acknowledge");
    check(Some(Standing::Declined), Silenced, 700, "nothing");
    check(Some(Standing::Lost), Same, 700, "create after #7");
    check(Some(Standing::Lost), Gone, 700, "nothing");
    check(Some(Standing::Intended), Same, 700, "nothing");
}

#[test]
fn a_person_who_called_it_done_is_believed_until_a_scan_sees_it() {
    let finding = of(Kind::SharedCluster);
    assert_eq!(steps(Some(&entry(&finding, Standing::Done, 601)), Some(&finding), 700), "nothing");
}

#[test]
fn when_a_person_s_word_has_ended_the_issue_opens_again() {
    let finding = of(Kind::SharedCluster);
    let entry = entry(&finding, Standing::Declined, 0);
    let options = options();
    let findings = [finding.clone()];
    let wanted = wanted(&findings, &[], &options);
    let entry = plan::silenced(&entry, wanted.values().next().unwrap(), at(500));
    let told = steps(Some(&entry), Some(&finding), 700);
    assert_eq!(told, "comment no-longer-silenced, reopen");
}

#[test]
fn a_word_that_came_by_another_way_is_not_taken_twice() {
    let finding = of(Kind::SharedCluster);
    let entry = entry(&finding, Standing::Declined, 0);
    let (options, findings) = (options(), [silenced(finding.clone())]);
    let wanted = wanted(&findings, &[], &options);
    let heard = plan::heard(&entry, wanted.values().next().unwrap()).unwrap();
    let told = steps(Some(&heard), Some(&finding), 700);
    assert_eq!(told, "comment no-longer-silenced, reopen");
}

#[test]
fn the_daily_report_is_told_once_an_hour_and_never_by_a_comment() {
    let options = options();
    let check = |standing: Option<Standing>, due: Option<i64>, expected: Option<&str>| {
        let edition = |due: i64| Edition { due: at(due), report: String::new() };
        let (told, due) = (edition(0), due.map(edition));
        let news = daily::wanted(&told, &options).news;
        let entry = standing.map(|standing| Entry {
            standing,
            said: Some(news),
            ..Entry::intended(Subject::Daily, "acme/operations", at(0))
        });
        let wanted = due.as_ref().map(|it| daily::wanted(it, &options));
        let case = Case { entry: entry.as_ref(), wanted: wanted.as_ref(), labelled: true };
        // Long after the window in which trouble opens its old issue again.
        let step = plan::next(case, &options, at(2 * WEEK));
        assert_eq!(step.as_ref().map(Step::label), expected, "{standing:?} {due:?}");
    };
    check(None, Some(0), Some("create"));
    check(None, None, None);
    check(Some(Standing::Open), Some(0), None);
    check(Some(Standing::Open), Some(1), Some("update"));
    check(Some(Standing::Open), None, Some("close"));
    check(Some(Standing::Closed), Some(1), Some("reopen"));
    check(Some(Standing::Closed), None, None);
    check(Some(Standing::Lost), Some(1), Some("create"));
    for standing in [Standing::Done, Standing::Declined, Standing::Intended] {
        check(Some(standing), Some(1), None);
        check(Some(standing), None, None);
    }
}

#[test]
fn a_plan_names_the_daily_report_last_and_of_no_severity() {
    let edition = Edition { due: at(0), report: String::new() };
    let options = options();
    let planned = preview(&[of(Kind::Degraded)], Some(&edition), &[], &options, at(0));
    let told: Vec<_> = planned.iter().map(|it| (it.action, &*it.title, it.severity)).collect();
    let expected = [
        ("create", "Degraded: acme", Some(Severity::Low)),
        ("create", "Watertight: the daily report", None),
    ];
    assert_eq!(told, expected);
}

#[track_caller]
fn check_wanted(findings: &[Finding], entries: &[Entry], options: &IssueOptions, told: &Expect) {
    let wanted = wanted(findings, entries, options);
    let mut titles: Vec<String> = wanted.values().map(watertight::issues::title::title).collect();
    titles.sort();
    told.assert_eq(&titles.join("\n"));
}

#[test]
fn in_the_beginning_only_critical_breaches_have_issues_of_their_own() {
    let findings = [
        of(Kind::SharedDatabase),
        of(Kind::Unhealthy),
        of(Kind::OperationStuck),
        of(Kind::Degraded),
    ];
    let observing = IssueOptions { mode: Mode::Observe, ..options() };
    check_wanted(
        &findings,
        &[],
        &observing,
        &expect![[r#"
        Shared database: acme, globex
        Watertight: 3 findings would be filed"#]],
    );
    // One that has an issue keeps it.
    let kept = [entry(&findings[1], Standing::Open, 0)];
    check_wanted(
        &findings,
        &kept,
        &observing,
        &expect![[r#"
        Shared database: acme, globex
        Unhealthy: acme
        Watertight: 2 findings would be filed"#]],
    );
}

#[test]
fn while_our_own_side_is_suspected_health_is_one_trouble() {
    let mut findings = vec![of(Kind::MonitorSuspect), of(Kind::SharedDatabase)];
    findings.extend(["a", "b", "c"].map(|it| finding(Kind::Unhealthy, &[it])));
    check_wanted(
        &findings,
        &[],
        &options(),
        &expect![[r#"
        Monitor suspect
        Shared database: acme, globex
        Watertight: 3 findings more, too many for issues of their own"#]],
    );
}

#[test]
fn pending_and_resolved_findings_have_none() {
    let pending = Finding { state: State::Pending, ..of(Kind::Unhealthy) };
    let resolved = Finding { state: State::Resolved, ..of(Kind::SharedDatabase) };
    check_wanted(&[pending, resolved], &[], &options(), &expect![""]);
}

#[test]
fn reminders_stop_when_a_person_has_answered() {
    let critical = Some(SignedDuration::from_secs(60));
    let options = IssueOptions {
        remind: watertight::issues::options::Reminders { critical, high: None },
        ..options()
    };
    let reminds = |finding: &Finding| {
        let findings = [finding.clone()];
        let wanted = wanted(&findings, &[], &options);
        let entry = entry(finding, Standing::Open, 0);
        let case = Case { entry: Some(&entry), wanted: wanted.values().next(), labelled: false };
        plan::next(case, &options, at(61)).is_some()
    };
    assert!(reminds(&of(Kind::SharedDatabase)));
    assert!(!reminds(&silenced(of(Kind::SharedDatabase))));
    assert!(!reminds(&of(Kind::Unhealthy)), "it is only high");
}
