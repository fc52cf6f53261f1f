//! Tells GitHub how the fleet stands, at the newest commit of the default branch.
//!
//! Why GitHub is asked what stands there and not our own memory: the branch moves, another daemon may have told, and what
//! GitHub takes is a thousand statuses of a commit and no more.
//!
//! Invariants:
//! - after each scan of the whole fleet at most one write, and none where GitHub already says the same;
//! - unknown is never green: what is not proven apart is told as a failure of its own kind.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::daemon::Daemon;
use crate::github::Client;
use crate::github::error::GitHubError;
use crate::github::operation::Operation;
use crate::model::finding::Verdict;
use crate::model::report::Report;

/// The context of the status and the name of the check run: what a branch rule can require.
pub const CONTEXT: &str = "watertight/isolation";

/// Where GitHub could not be reached, unless a scan ends before.
const AGAIN: Duration = Duration::from_mins(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Status,
    /// Only an app may make one.
    CheckRun,
}

impl Mark {
    /// `None` for `off`.
    pub fn parse(label: &str) -> Option<Self> {
        match label {
            "status" => Some(Self::Status),
            "check_run" => Some(Self::CheckRun),
            _ => None,
        }
    }
}

pub struct Marking {
    pub client: Arc<Client>,
    /// `owner/name`.
    pub repository: Box<str>,
    pub mark: Mark,
}

/// `None` where nothing is to be marked.
pub type Options = watch::Receiver<Option<Arc<Marking>>>;

#[derive(Deserialize)]
struct Repository {
    default_branch: String,
}

#[derive(Deserialize)]
struct Combined {
    sha: String,
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

#[derive(Deserialize)]
struct CheckRuns {
    check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
struct CheckRun {
    conclusion: Option<String>,
}

/// Marks after each scan of the whole fleet, until it is stopped.
pub async fn mark_until(
    daemon: &Daemon,
    mut options: Options,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut standing = daemon.standing();
    let mut marked = None;
    loop {
        let report = standing.borrow_and_update().as_ref().map(|it| Arc::clone(&it.full));
        let marking = options.borrow_and_update().clone();
        let mut again = false;
        if let (Some(report), Some(marking)) = (report, marking)
            && marked.as_ref() != Some(&report.id)
        {
            let done = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                done = mark(&marking, &report) => done,
            };
            again = match done {
                Ok(()) => false,
                Err(error) => {
                    tracing::warn!(
                        "GitHub was not told how the fleet stands: {:#}",
                        anyhow::Error::new(error)
                    );
                    true
                }
            };
            if !again {
                marked = Some(report.id.clone());
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = standing.changed() => if changed.is_err() { stop.cancelled().await },
            changed = options.changed() => if changed.is_err() { stop.cancelled().await } else { marked = None },
            () = tokio::time::sleep(AGAIN), if again => (),
        }
    }
}

async fn mark(marking: &Marking, report: &Report) -> Result<(), GitHubError> {
    let Marking { client, repository, mark } = marking;
    let home = format!("/repos/{repository}");
    let known: Repository = client.get(Operation::GetRepository, &home).await?;
    let branch = escaped(&known.default_branch);
    let head: Combined = client
        .get(Operation::GetBranch, &format!("{home}/commits/{branch}/status?per_page=100"))
        .await?;
    // It goes into a path.
    if head.sha.is_empty() || !head.sha.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(());
    }
    let verdict = report.verdict();
    let sha = &head.sha;
    match mark {
        Mark::Status => {
            let stands = head.statuses.iter().find(|it| it.context == CONTEXT);
            if stands.is_some_and(|it| it.state == state(verdict)) {
                return Ok(());
            }
            let route = format!("{home}/statuses/{sha}");
            client.tell(Operation::CreateStatus, &route, &status(report)).await
        }
        Mark::CheckRun => {
            let name = escaped(CONTEXT);
            let route = format!("{home}/commits/{sha}/check-runs?check_name={name}&filter=latest");
            let runs: CheckRuns = client.get(Operation::GetBranch, &route).await?;
            let stands = runs.check_runs.first().and_then(|it| it.conclusion.as_deref());
            if stands == Some(conclusion(verdict)) {
                return Ok(());
            }
            let route = format!("{home}/check-runs");
            client.tell(Operation::CreateCheckRun, &route, &check_run(report, sha)).await
        }
    }
}

const fn state(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Isolated => "success",
        Verdict::Unverified => "error",
        Verdict::Breached => "failure",
    }
}

/// A neutral one would pass where a check is required.
const fn conclusion(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Isolated => "success",
        Verdict::Unverified => "action_required",
        Verdict::Breached => "failure",
    }
}

/// Far below the 140 characters that GitHub takes.
fn sentence(report: &Report) -> String {
    let summary = report.summary();
    format!(
        "{}: {} of {} tenants proven apart, {} breached, {} unverified",
        report.verdict(),
        summary.isolated,
        summary.tenants,
        summary.breached,
        summary.unverified
    )
}

fn status(report: &Report) -> Value {
    json!({
        "state": state(report.verdict()),
        "context": CONTEXT,
        "description": sentence(report),
    })
}

fn check_run(report: &Report, sha: &str) -> Value {
    // Names of tenants stand in findings and issues, which fewer people can read than a commit.
    let scan = format!("Scan `{}`, ended {}.", report.id, report.finished_at);
    json!({
        "name": CONTEXT,
        "head_sha": sha,
        "status": "completed",
        "conclusion": conclusion(report.verdict()),
        "external_id": &*report.id,
        "output": { "title": sentence(report), "summary": scan },
    })
}

/// A branch may hold slashes, which stay, and anything else.
fn escaped(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    safe
}
