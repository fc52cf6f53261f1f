//! Judges a deployment that waits, and tells GitHub.

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::Answering;
use super::answer::{Review, review};
use crate::clock;
use crate::daemon::Daemon;
use crate::gate::{self, Question};
use crate::github::error::GitHubError;
use crate::github::operation::Operation;
use crate::model::report::Trigger;
use crate::schedule::queue::Scope;

/// The one that was given last counts.
const OVERRIDES: u32 = 20;

/// Tries to reach GitHub, and the pause before the second; doubled for each. Together half an hour.
const TRIES: u32 = 9;
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Deserialize)]
struct Pending {
    environment: Environment,
}

#[derive(Deserialize)]
struct Environment {
    name: Option<String>,
}

pub(super) async fn answer(
    daemon: &Daemon,
    answering: &Answering,
    (repository, run, environment): (&str, u64, &str),
) -> anyhow::Result<()> {
    if !answering.deployments.iter().any(|it| it.eq_ignore_ascii_case(repository)) {
        tracing::warn!(repository, "a deployment of a repository that is not configured asks");
        return Ok(());
    }
    let review = judge_in_time(daemon, answering, environment).await;
    let mut pause = PAUSE;
    for attempt in 1..=TRIES {
        match tell(answering, (repository, run, environment), &review).await {
            Ok(told) => {
                tracing::info!(repository, run, environment, "a deployment: {told}");
                return Ok(());
            }
            Err(error) if is_final(&error) || attempt == TRIES => {
                return Err(error).with_context(|| format!("review the run {run} of {repository}"));
            }
            Err(error) => {
                tracing::warn!("a deployment waits for our word: {error}");
                let held = match error {
                    GitHubError::Limited { until } => until.duration_since(clock::now()),
                    _ => jiff::SignedDuration::ZERO,
                };
                sleep(pause.max(held.try_into().unwrap_or_default())).await;
                pause = pause.saturating_mul(2);
            }
        }
    }
    bail!("review the run {run} of {repository}: no try was made")
}

/// What GitHub was told. Asks first whether the deployment still waits, so that an answer that was lost is no second
/// review.
async fn tell(
    answering: &Answering,
    (repository, run, environment): (&str, u64, &str),
    review: &Review,
) -> Result<&'static str, GitHubError> {
    let client = &answering.client;
    let runs = format!("/repos/{repository}/actions/runs/{run}");
    let pending: Vec<Pending> =
        client.get(Operation::GetRun, &format!("{runs}/pending_deployments")).await?;
    if !pending.iter().any(|it| it.environment.name.as_deref() == Some(environment)) {
        return Ok("it does not wait any more");
    }
    let body = json!({
        "environment_name": environment,
        "state": review.state,
        "comment": review.comment,
    });
    let rule = format!("{runs}/deployment_protection_rule");
    client.tell(Operation::ReviewDeployment, &rule, &body).await?;
    Ok(review.state)
}

const fn is_final(error: &GitHubError) -> bool {
    matches!(
        error,
        GitHubError::NotFound
            | GitHubError::Gone
            | GitHubError::Moved
            | GitHubError::Forbidden { .. }
            | GitHubError::Unprocessable { .. }
    )
}

/// Judged at once, or after scans that may settle it, for as long as there is patience.
async fn judge_in_time(daemon: &Daemon, answering: &Answering, environment: &str) -> Review {
    let until = Instant::now() + answering.patience;
    let mut review = judge(daemon, answering, environment).await;
    while review.scan_helps && Instant::now() < until {
        let Some(ticket) = daemon.desk().ask(Scope::Fleet, Trigger::Webhook) else { break };
        tracing::info!(environment, scan = &*ticket.scan, "a deployment waits for a scan");
        let left = until.saturating_duration_since(Instant::now());
        if timeout(left, ticket.outcome()).await.is_err() {
            break;
        }
        review = judge(daemon, answering, environment).await;
        if review.scan_helps {
            // A scan that cannot settle it is not repeated as fast as it ends.
            sleep(PAUSE.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }
    review
}

async fn judge(daemon: &Daemon, answering: &Answering, environment: &str) -> Review {
    let read =
        daemon.stored("read the overrides of the gate", |store| Ok(store.overrides(OVERRIDES)?));
    // An override that cannot be read allows nothing.
    let overrides = read.await.unwrap_or_else(|error| {
        tracing::error!("a deployment is judged without overrides: {error:#}");
        Vec::new()
    });
    let standing = daemon.standing().borrow().clone();
    let decision = gate::judge(&Question {
        standing: standing.as_deref(),
        environment: Some(environment),
        options: answering.gate,
        exceptions: &answering.exceptions,
        overrides: &overrides,
        now: clock::now(),
    });
    review(&decision, environment)
}
