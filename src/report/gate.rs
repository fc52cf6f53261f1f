//! The gate's decision as JSON: what a pipeline reads.
//!
//! Why views of their own: these names are the published ones, and the decision knows no serde. One definition serves
//! both ways, for whoever asks a running daemon reads the same document.
//!
//! The lists are cut and say so: a fleet with ten thousand breaches is told by the first hundred.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::visible::clipped;
use crate::gate::{Decision, Look, Outcome, Refusal, Unknown};
use crate::model::finding::Finding;
use crate::model::gate::Override;
use crate::model::tenant::TenantId;

const MOST_FINDINGS: usize = 100;
const MOST_MEMBERS: usize = 100;
const MOST_ENVIRONMENTS: usize = 20;
/// Characters of a name that came from the registry.
const LONGEST_NAME: usize = 80;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DecisionView {
    pub allow: bool,
    /// `allowed`, `overridden`, `forbidden` or `unknown`.
    pub state: Cow<'static, str>,
    /// Why not without an override: `breached`, `no_scan`, `unknown_environment`, `future_scan`, `too_old`,
    /// `too_little_coverage` or `registry_not_whole`.
    pub reason: Option<Cow<'static, str>>,
    /// One sentence.
    pub detail: String,
    /// The environment that was asked about; `null` for the whole fleet.
    pub environment: Option<String>,
    /// The id of the last scan of the whole fleet.
    pub scan: Option<String>,
    /// Since the start of that scan; negative where the clock was set back.
    pub age_seconds: Option<i64>,
    /// Share of the tenants asked about that are verified, 0 to 1.
    pub coverage: Option<f64>,
    /// Those that forbid, worst first.
    pub findings: Vec<ForbiddingView>,
    /// Counts those too that are left out of `findings`.
    pub findings_total: usize,
    #[serde(rename = "override")]
    pub given: Option<OverrideView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ForbiddingView {
    pub id: String,
    pub kind: String,
    pub severity: String,
    pub state: String,
    pub tenants: Vec<String>,
    /// Counts those too that are left out of `tenants`.
    pub tenants_total: usize,
    pub summary: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OverrideView {
    pub reason: String,
    pub by: String,
    pub at: String,
    pub until: String,
}

impl DecisionView {
    pub fn of(decision: &Decision<'_>, environment: Option<&str>) -> Self {
        let findings: &[&Finding] = match decision.refusal() {
            Some(Refusal::Forbidden(findings)) => findings,
            Some(Refusal::Unknown(_)) | None => &[],
        };
        let given = match &decision.outcome {
            Outcome::Overridden(given, _) => Some(OverrideView::of(given)),
            Outcome::Allowed | Outcome::Refused(_) => None,
        };
        let look = decision.look.as_ref();
        Self {
            allow: decision.allows(),
            state: state(&decision.outcome).into(),
            reason: decision.refusal().map(|it| reason(it).into()),
            detail: detail(decision, environment),
            environment: environment.map(|it| clipped(it, LONGEST_NAME).into_owned()),
            scan: look.map(|it| it.scan.to_string()),
            age_seconds: look.map(|it| it.age.as_secs()),
            coverage: look.map(|it| it.coverage.share()),
            findings: findings
                .iter()
                .take(MOST_FINDINGS)
                .map(|it| ForbiddingView::of(it))
                .collect(),
            findings_total: findings.len(),
            given,
        }
    }
}

impl ForbiddingView {
    fn of(finding: &Finding) -> Self {
        let claim = &finding.claim;
        Self {
            id: finding.id.to_string(),
            kind: claim.kind.label().to_owned(),
            severity: claim.severity.label().to_owned(),
            state: finding.state.label().to_owned(),
            tenants: claim.tenants.iter().take(MOST_MEMBERS).map(TenantId::to_string).collect(),
            tenants_total: claim.tenants.len(),
            summary: claim.summary.clone(),
        }
    }
}

impl OverrideView {
    pub fn of(given: &Override) -> Self {
        Self {
            reason: given.reason.to_string(),
            by: given.by.to_string(),
            at: given.at.to_string(),
            until: given.until.to_string(),
        }
    }
}

const fn state(outcome: &Outcome<'_>) -> &'static str {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Overridden(..) => "overridden",
        Outcome::Refused(Refusal::Forbidden(_)) => "forbidden",
        Outcome::Refused(Refusal::Unknown(_)) => "unknown",
    }
}

const fn reason(refusal: &Refusal<'_>) -> &'static str {
    match refusal {
        Refusal::Forbidden(_) => "breached",
        Refusal::Unknown(Unknown::NoScan) => "no_scan",
        Refusal::Unknown(Unknown::UnknownEnvironment { .. }) => "unknown_environment",
        Refusal::Unknown(Unknown::FromTheFuture { .. }) => "future_scan",
        Refusal::Unknown(Unknown::TooOld { .. }) => "too_old",
        Refusal::Unknown(Unknown::TooLittle { .. }) => "too_little_coverage",
        Refusal::Unknown(Unknown::RegistryNotWhole) => "registry_not_whole",
    }
}

fn detail(decision: &Decision<'_>, environment: Option<&str>) -> String {
    match &decision.outcome {
        Outcome::Allowed => allowed(decision.look.as_ref()),
        Outcome::Refused(refusal) => refused(refusal, environment),
        Outcome::Overridden(given, refusal) => {
            let cause = refused(refusal, environment);
            format!("{} allowed it until {} in spite of this: {cause}", given.by, given.until)
        }
    }
}

fn allowed(look: Option<&Look>) -> String {
    let look = look.map(|it| (it.coverage, it.age.as_secs()));
    let (coverage, age) = look.unwrap_or_default();
    format!(
        "{} of {} tenants were verified {age} seconds ago, and no finding breaks isolation",
        coverage.verified, coverage.tenants
    )
}

fn refused(refusal: &Refusal<'_>, environment: Option<&str>) -> String {
    let unknown = match refusal {
        Refusal::Forbidden(findings) if findings.len() == 1 => {
            return "one finding breaks isolation".to_owned();
        }
        Refusal::Forbidden(findings) => {
            return format!("{} findings break isolation", findings.len());
        }
        Refusal::Unknown(unknown) => unknown,
    };
    match unknown {
        Unknown::NoScan => "no scan of the whole fleet has ended yet".to_owned(),
        Unknown::UnknownEnvironment { known } => {
            let known = known.iter().take(MOST_ENVIRONMENTS);
            let known: Vec<_> = known.map(|it| clipped(it, LONGEST_NAME)).collect();
            let asked = clipped(environment.unwrap_or_default(), LONGEST_NAME);
            format!("no tenant is of environment {asked:?}; known are: {}", known.join(", "))
        }
        Unknown::FromTheFuture { by } => format!(
            "the last scan ended {} seconds in the future: the clock was set back since",
            by.as_secs()
        ),
        Unknown::TooOld { age, max_age } => format!(
            "the last scan of the whole fleet began {} seconds ago, and {} are allowed",
            age.as_secs(),
            max_age.as_secs()
        ),
        Unknown::TooLittle { coverage, min_coverage } => format!(
            "{} of {} tenants are verified, and a share of {min_coverage} is needed",
            coverage.verified, coverage.tenants
        ),
        Unknown::RegistryNotWhole => {
            "the registry could not be read whole, so nobody can say that all tenants are verified"
                .to_owned()
        }
    }
}
