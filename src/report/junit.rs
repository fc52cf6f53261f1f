//! `JUnit` XML: what every CI system shows as tests, one for each tenant's isolation and one for its health.
//!
//! Why unverified is `skipped` and not passed: a page that counts green boxes must not count what was not looked at.
//! Findings that are neither isolation nor health are a third suite; from high severity on they fail.

use std::collections::BTreeMap;
use std::io::{self, Write};

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::judge::About;
use super::name_some;
use super::reasons::Reasons;
use super::visible::clipped;
use crate::model::finding::{Finding, Health, Severity, Verdict};
use crate::model::report::{Report, TenantReport};
use crate::model::tenant::TenantId;

const MOST_MEMBERS: usize = 20;
/// Characters of one sentence.
const LONGEST: usize = 1000;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut by_tenant: BTreeMap<&TenantId, Vec<&Finding>> = BTreeMap::new();
    for finding in report.standing() {
        for tenant in &finding.claim.tenants {
            by_tenant.entry(tenant).or_default().push(finding);
        }
    }
    let of = |it: &TenantReport| by_tenant.get(&it.id).map(Vec::as_slice).unwrap_or_default();
    let mut isolation = TestSuite::new("isolation");
    isolation.add_test_cases(report.tenants.iter().map(|it| isolation_case(it, of(it))));
    let reasons = Reasons::of(report);
    let mut health = TestSuite::new("health");
    health.add_test_cases(report.tenants.iter().map(|it| health_case(it, &reasons)));
    let mut others = TestSuite::new("findings");
    let other =
        |it: &&Finding| !About::Isolation.covers(it.claim.kind) && !it.claim.kind.is_health();
    others.add_test_cases(report.standing().filter(other).map(finding_case));
    others.add_test_cases(report.warnings.iter().map(|it| warning_case(it)));

    let mut document = quick_junit::Report::new("watertight");
    document.set_time(report.took());
    document.add_test_suites([isolation, health, others]);
    let mut out = Remembering { out, failed: None };
    document
        .serialize(&mut out)
        .map_err(|error| io::Error::new(out.failed.unwrap_or(io::ErrorKind::Other), error))
}

/// The library wraps an error of the writer so that its kind cannot be read, and a closed pipe must be told apart.
struct Remembering<'a> {
    out: &'a mut dyn Write,
    failed: Option<io::ErrorKind>,
}

impl Write for Remembering<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).inspect_err(|error| self.failed = Some(error.kind()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|error| self.failed = Some(error.kind()))
    }
}

fn isolation_case(tenant: &TenantReport, findings: &[&Finding]) -> TestCase {
    let status = match tenant.isolation {
        Verdict::Isolated => TestCaseStatus::success(),
        Verdict::Unverified => skipped(&sentences(&tenant.doubts)),
        Verdict::Breached => {
            let breaches: Vec<_> = findings.iter().filter(|it| it.breaches()).collect();
            let summaries: Vec<_> = breaches.iter().map(|it| &it.claim.summary).collect();
            let kind = breaches.first().map_or("breached", |it| it.claim.kind.label());
            failed(kind, &sentences(&summaries))
        }
    };
    case(tenant, "isolation", status)
}

fn health_case(tenant: &TenantReport, reasons: &Reasons<'_>) -> TestCase {
    let status = match tenant.health {
        // A limit that is near fails nothing yet.
        Health::Healthy | Health::Degraded => TestCaseStatus::success(),
        Health::Unknown => skipped(&reasons.why(tenant)),
        Health::Unhealthy => {
            failed(tenant.cause.map_or("unhealthy", |it| it.label()), &reasons.why(tenant))
        }
    };
    case(tenant, "health", status)
}

fn case(tenant: &TenantReport, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(tenant.id.as_str(), status);
    case.set_classname(format!("watertight.{class}"));
    if let Some(probe) = tenant.probe {
        case.set_time(probe);
    }
    case
}

fn finding_case(finding: &Finding) -> TestCase {
    let claim = &finding.claim;
    let status = if Severity::High <= claim.severity {
        failed(claim.kind.label(), &sentences(&[&claim.summary]))
    } else {
        TestCaseStatus::success()
    };
    let name = format!("{} {}", claim.kind, name_some(claim.tenants.iter(), MOST_MEMBERS));
    let mut case = TestCase::new(name.trim_end(), status);
    case.set_classname("watertight.findings");
    case.set_system_out(clipped(&claim.summary, LONGEST));
    case
}

fn warning_case(warning: &str) -> TestCase {
    let mut case = TestCase::new("the registry is whole", skipped(&sentences(&[warning])));
    case.set_classname("watertight.findings");
    case
}

fn failed(kind: &str, lines: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind);
    told(status, lines)
}

fn skipped(lines: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_type("unverified");
    told(status, lines)
}

/// The first line is what a page of tests shows before anybody opens the case.
fn told(mut status: TestCaseStatus, lines: &[String]) -> TestCaseStatus {
    if let Some(first) = lines.first() {
        status.set_message(first);
    }
    status.set_description(lines.join("\n"));
    status
}

/// XML cannot hold every character, not even escaped.
fn sentences(texts: &[impl AsRef<str>]) -> Vec<String> {
    texts.iter().map(|it| clipped(it.as_ref(), LONGEST).into_owned()).collect()
}
