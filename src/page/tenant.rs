//! One tenant: who it is, what its databases say of themselves, how it fared, and what is wrong with it.

use askama::Template;

use super::frame::{Frame, Section};
use super::history::{self, Change, Latency, Line, Strip};
use super::identity::{self, TargetView};
use super::moment::Moment;
use super::operations::{self, OperationRow};
use super::rows::{self, FindingRow, LONGEST};
use super::{table, verdict, vocabulary, words};
use crate::model::finding::{Finding, Health, Verdict};
use crate::model::operation::Operation;
use crate::model::tenant::{Tenant, TenantId};
use crate::report::visible::clipped;
use crate::standing::Standing;

/// Findings, doubts, targets and labels shown.
const MOST: usize = 50;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    pub id: &'a TenantId,
    /// The latest first. The first forty are drawn.
    pub history: &'a [Change],
    /// The latest first. The first hundred and twenty are drawn.
    pub latencies: &'a [Latency],
    /// What was done with it, the latest first.
    pub operations: &'a [Operation],
}

#[derive(Template)]
#[template(path = "tenant.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    id: &'a TenantId,
    name: String,
    verdict: Verdict,
    health: Health,
    ails: &'static str,
    doubts: Vec<String>,
    answered: Option<Moment>,
    registry: Vec<(&'static str, String)>,
    targets: Vec<TargetView>,
    findings: Vec<FindingRow<'a>>,
    caption: &'static str,
    strip: Option<Strip>,
    line: Option<Line>,
    operations: Vec<OperationRow<'a>>,
}

/// `None` where neither the registry nor the last scan knows the tenant.
pub fn render(view: &View<'_>) -> Result<Option<String>, askama::Error> {
    let Some(standing) = view.frame.standing else { return Ok(None) };
    let (report, registered) = (standing.tenant(view.id), standing.registered(view.id));
    if report.is_none() && registered.is_none() {
        return Ok(None);
    }
    let frame = &view.frame;
    let mut findings: Vec<&Finding> = standing.findings_of(view.id).collect();
    rows::worst_first(&mut findings);
    let html = Html {
        frame,
        section: Section::Elsewhere,
        id: view.id,
        name: table::name(registered),
        verdict: report
            .map_or(Verdict::Unverified, |it| verdict::aged(it.isolation, frame.is_stale())),
        health: report
            .map_or(Health::Unknown, |it| verdict::aged_health(it.health, frame.is_stale())),
        ails: report.and_then(|it| it.cause).map_or("", words::cause),
        doubts: doubts(standing, view),
        answered: standing.last_success.get(view.id).map(|it| frame.moment(*it)),
        registry: registered.map_or_else(Vec::new, |it| registry(it, frame)),
        targets: report
            .map_or_else(Vec::new, |it| it.targets.iter().take(MOST).map(identity::view).collect()),
        findings: findings.iter().take(MOST).map(|it| FindingRow::of(it, frame.now)).collect(),
        caption: "Findings of this tenant, worst first",
        strip: history::strip(view.history, frame),
        line: history::line(view.latencies),
        operations: operations::rows(view.operations, frame),
    };
    html.render().map(Some)
}

/// Why it is not proven apart, in sentences.
fn doubts(standing: &Standing, view: &View<'_>) -> Vec<String> {
    let Some(report) = standing.tenant(view.id) else {
        return vec!["No scan has looked at it yet".to_owned()];
    };
    let told = report.doubts.iter().take(MOST).map(|it| rows::sentence(it));
    let stale = view.frame.is_stale() && report.isolation == Verdict::Isolated;
    told.chain(stale.then(|| verdict::STALE.to_owned())).collect()
}

/// What the registry says of it.
fn registry(tenant: &Tenant, frame: &Frame<'_>) -> Vec<(&'static str, String)> {
    let shown = |it: &str| clipped(it, LONGEST).into_owned();
    let more = tenant.particulars();
    let mut lines = vec![("Environment", shown(&tenant.environment))];
    lines.extend(tenant.subdomain.as_deref().map(|it| ("Subdomain", shown(it))));
    lines.extend(more.region.as_deref().map(|it| ("Region", shown(it))));
    lines.extend(more.managed_by.as_deref().map(|it| ("Managed by", shown(it))));
    lines.extend(more.clone_of.as_ref().map(|it| ("Deliberate copy of", it.to_string())));
    lines.extend(more.maintenance.as_ref().filter(|it| frame.now < it.until).map(|it| {
        let until = frame.moment(it.until).exact;
        ("Maintenance", format!("until {until}: {}", shown(&it.reason)))
    }));
    let labels = more.labels.iter().take(MOST).map(|(name, value)| format!("{name}={value}"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    lines.extend((!labels.is_empty()).then(|| ("Labels", shown(&labels))));
    lines.push(("Written in", shown(&tenant.origin.to_string())));
    if tenant.stale {
        lines.push((
            "Stale",
            "its source failed or shrank; this is what an earlier read said".to_owned(),
        ));
    }
    lines
}
