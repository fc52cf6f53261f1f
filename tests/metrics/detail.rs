//! Which tenants have series of their own, and how many series there are in all.

use watertight::metrics::Metrics;
use watertight::metrics::detail::{Detail, DetailOptions};
use watertight::model::finding::{Health, Kind, Severity, Verdict};
use watertight::model::observation::Cause;
use watertight::standing::Standing;

use crate::exposition::{Exposition, told};
use crate::sample::{at, finding, tenant, unhealthy};
use crate::standing::{many, standing};
use crate::table::busy;

/// Of a tenant: 1 up, 3 verdicts, 4 severities, 1 duration, 1 last success, 1 info.
const OF_A_TENANT: usize = 11;

fn with(standing: &Standing, detail: Detail, limit: usize) -> Exposition {
    let metrics = Metrics::default();
    metrics.publish(standing, DetailOptions::new(detail, limit));
    told(&metrics)
}

/// Who has series of its own.
#[track_caller]
fn check(standing: &Standing, detail: Detail, limit: usize, expected: &[&str]) {
    let told = with(standing, detail, limit);
    let mark = "watertight_tenant_up{tenant=\"";
    let shown: Vec<&str> =
        told.series.keys().filter_map(|it| it.strip_prefix(mark)?.strip_suffix("\"}")).collect();
    assert_eq!(shown, expected, "{detail:?} up to {limit}");
    let withheld = u32::try_from(standing.now.tenants.len() - shown.len()).expect("a small fleet");
    assert_eq!(told.value("tenant_detail_withheld"), Some(f64::from(withheld)));
}

/// From worst to best: each is worse than the one after it in one way.
fn mixed() -> Standing {
    let tenants = vec![
        tenant("breached", Verdict::Breached, Health::Healthy),
        tenant("clouded", Verdict::Unverified, Health::Healthy),
        tenant("common-ancestor", Verdict::Isolated, Health::Healthy),
        tenant("degraded", Verdict::Isolated, Health::Degraded),
        unhealthy("down", Cause::Timeout, "after 5 s"),
        tenant("fine", Verdict::Isolated, Health::Healthy),
        tenant("plain-text", Verdict::Isolated, Health::Healthy),
        tenant("stale-row", Verdict::Isolated, Health::Healthy),
    ];
    let findings = vec![
        finding(Kind::InsecureTransport, Severity::Medium, &["plain-text"]),
        finding(Kind::ClonedLineage, Severity::Low, &["common-ancestor"]),
    ];
    let mut fleet = standing(tenants, findings);
    let mut rows = fleet.tenants.to_vec();
    rows[7].stale = true;
    fleet.tenants = rows.into();
    fleet
}

const ALL: [&str; 8] = [
    "breached",
    "clouded",
    "common-ancestor",
    "degraded",
    "down",
    "fine",
    "plain-text",
    "stale-row",
];
const UNWELL: [&str; 6] = ["breached", "clouded", "degraded", "down", "plain-text", "stale-row"];

#[test]
fn a_fleet_up_to_the_limit_is_told_whole() {
    check(&mixed(), Detail::Auto, 8, &ALL);
    check(&mixed(), Detail::Full, 8, &ALL);
}

#[test]
fn of_a_larger_fleet_only_those_are_told_who_are_not_well() {
    check(&mixed(), Detail::Auto, 7, &UNWELL);
    check(&mixed(), Detail::Auto, 6, &UNWELL);
}

#[test]
fn where_there_are_more_than_the_limit_the_worst_are_told() {
    check(&mixed(), Detail::Auto, 1, &["breached"]);
    check(&mixed(), Detail::Auto, 2, &["breached", "down"]);
    check(&mixed(), Detail::Auto, 3, &["breached", "clouded", "down"]);
    check(&mixed(), Detail::Auto, 4, &["breached", "clouded", "down", "plain-text"]);
    check(
        &mixed(),
        Detail::Full,
        7,
        &ALL[..5].iter().copied().chain(["plain-text", "stale-row"]).collect::<Vec<_>>(),
    );
}

#[test]
fn offenders_alone_can_be_asked_for_and_nobody_too() {
    check(&mixed(), Detail::Offenders, 100, &UNWELL);
    check(&mixed(), Detail::Off, 100, &[]);
    check(&mixed(), Detail::Full, 0, &[]);
}

#[test]
fn the_limit_is_told_as_it_is_obeyed() {
    let limit = |detail, limit| with(&mixed(), detail, limit).value("tenant_detail_limit");
    assert_eq!(limit(Detail::Auto, 2_000), Some(2_000.0));
    assert_eq!(limit(Detail::Full, 1_000_000), Some(10_000.0));
    assert_eq!(limit(Detail::Off, 2_000), Some(0.0));
}

#[test]
fn what_is_told_of_a_tenant_does_not_depend_on_who_is_left_out() {
    let (all, few) = (with(&mixed(), Detail::Full, 100), with(&mixed(), Detail::Auto, 3));
    for (series, value) in few.series.iter().filter(|it| it.0.contains("{tenant=")) {
        assert_eq!(all.series.get(series), Some(value), "{series}");
    }
}

#[test]
fn every_word_of_the_configuration_is_read_as_it_is_written() {
    for detail in Detail::ALL {
        assert_eq!(Detail::parse(detail.label()), Some(detail));
    }
    assert_eq!(Detail::parse("all"), None);
    assert_eq!(DetailOptions::default(), DetailOptions::new(Detail::Auto, 2_000));
}

/// Series where nobody is well, which is the most that there can be, told by a daemon that has done everything.
#[track_caller]
fn check_budget(size: usize, detail: Detail, limit: usize, with_series: usize) {
    let metrics = busy();
    metrics.publish(&many(size, 1), DetailOptions::new(detail, limit));
    let text = metrics.render(at(2));
    let series = text.lines().filter(|it| !it.starts_with('#')).count();
    let rest = series.checked_sub(OF_A_TENANT * with_series).expect("each tenant has its series");
    assert!(rest <= 500, "{size} tenants, {detail:?}: {rest} beside the tenants'");
}

#[test]
fn there_are_never_more_series_than_the_budget_allows() {
    check_budget(10, Detail::Auto, 2_000, 10);
    check_budget(10, Detail::Off, 2_000, 0);
    check_budget(2_000, Detail::Auto, 2_000, 2_000);
    check_budget(2_000, Detail::Offenders, 500, 500);
    check_budget(100_000, Detail::Auto, 2_000, 2_000);
    check_budget(100_000, Detail::Full, 1_000_000, 10_000);
}

#[test]
fn a_large_fleet_that_is_well_costs_a_few_hundred_series() {
    let told = with(&many(100_000, 50_000), Detail::Auto, 2_000);
    assert_eq!(told.count("tenant_up"), 2);
    told.check(&[
        ("fleet_tenants{verdict=\"isolated\"}", 99_998.0),
        ("fleet_tenants{verdict=\"unverified\"}", 2.0),
        ("tenant_detail_withheld", 99_998.0),
    ]);
}
