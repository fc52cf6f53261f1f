//! Workflow runs whose deployments wait, and what an App says of them.

use serde_json::{Value, json};

use super::answer::{Answer, Request};
use super::identity::Caller;
use super::world::World;

/// In characters.
const LONGEST_COMMENT: usize = 1_024;
/// Of one deployment, without a decision.
const MOST_REPORTS: usize = 10;

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) deployment: u64,
    pub(crate) environment: String,
    pub(crate) sha: String,
    /// Whether the environment still waits for our rule.
    pub(crate) waits: bool,
}

/// What was said of a run's deployment: with a state, or as a report without one.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) run: u64,
    pub(crate) environment: String,
    pub(crate) state: Option<String>,
    pub(crate) comment: String,
    pub(crate) by: String,
}

impl World {
    /// A deployment that waits for our rule; the run's id.
    pub(crate) fn start_deployment(&mut self, name: &str, environment: &str) -> u64 {
        let (id, deployment) = (self.new_id(), self.new_id());
        let repository = self.repository(name);
        let (environment, sha) = (environment.to_owned(), repository.head.clone());
        repository.runs.push(Run { id, deployment, environment, sha, waits: true });
        id
    }

    pub(crate) fn in_deployments(
        &mut self,
        caller: &Caller,
        request: &Request,
        name: &str,
        rest: &[&str],
    ) -> Answer {
        match (request.method.as_str(), rest) {
            ("GET", ["deployments"]) => self.list_deployments(request, name),
            ("GET", ["deployments", id]) => self.show_deployment(name, id),
            ("GET", ["actions", "runs", id]) => self.show_run(name, id),
            ("GET", ["actions", "runs", id, "pending_deployments"]) => self.pending(name, id),
            ("POST", ["actions", "runs", id, "deployment_protection_rule"]) => {
                self.review(caller, request, name, id)
            }
            _ => Answer::refusal(404, "Not Found"),
        }
    }

    fn runs(&mut self, name: &str, id: &str) -> Vec<Run> {
        let runs = &self.repository(name).runs;
        runs.iter().filter(|it| it.id.to_string() == id).cloned().collect()
    }

    fn show_run(&mut self, name: &str, id: &str) -> Answer {
        let runs = self.runs(name, id);
        let Some(run) = runs.first() else { return Answer::refusal(404, "Not Found") };
        let waits = runs.iter().any(|it| it.waits);
        let body = json!({
            "id": run.id,
            "name": "deploy",
            "head_sha": run.sha,
            "status": if waits { "waiting" } else { "completed" },
            "conclusion": if waits { Value::Null } else { "success".into() },
            "event": "push",
        });
        Answer::of(200, body)
    }

    fn pending(&mut self, name: &str, id: &str) -> Answer {
        let runs = self.runs(name, id);
        if runs.is_empty() {
            return Answer::refusal(404, "Not Found");
        }
        let waiting = runs.iter().filter(|it| it.waits).map(|it| {
            json!({
                "environment": {
                    "id": it.deployment,
                    "node_id": "EN_1",
                    "name": it.environment,
                    "url": format!("{}/repos/{name}/environments/1", self.base),
                    "html_url": format!("https://github.com/{name}/deployments"),
                },
                "wait_timer": 0,
                "wait_timer_started_at": null,
                "current_user_can_approve": false,
                "reviewers": [],
            })
        });
        Answer::of(200, waiting.collect())
    }

    fn review(&mut self, caller: &Caller, request: &Request, name: &str, id: &str) -> Answer {
        let Caller::Installation(login) = caller else {
            return Answer::refusal(403, "Resource not accessible by personal access token");
        };
        let environment = request.field("environment_name").as_str().unwrap_or_default().to_owned();
        let comment = request.field("comment").as_str().unwrap_or_default().to_owned();
        let state = request.field("state").as_str().map(ToOwned::to_owned);
        if LONGEST_COMMENT < comment.chars().count() {
            let message = format!("comment is too long (maximum is {LONGEST_COMMENT} characters)");
            return Answer::invalid("DeploymentProtectionRule", "comment", "custom", &message);
        }
        if !matches!(state.as_deref(), None | Some("approved" | "rejected")) {
            return Answer::invalid("DeploymentProtectionRule", "state", "invalid", "");
        }
        let repository = self.repository(name);
        let run = repository
            .runs
            .iter_mut()
            .find(|it| it.id.to_string() == id && it.environment == environment);
        let Some(run) = run else { return Answer::refusal(404, "Not Found") };
        if !run.waits {
            return Answer::refusal(422, "There is no pending deployment to review.");
        }
        let reports = repository.reviews.iter().filter(|it| it.run == run.id && it.state.is_none());
        if state.is_none() && MOST_REPORTS <= reports.count() {
            return Answer::refusal(422, "Too many status reports.");
        }
        run.waits = state.is_none();
        let (run, by) = (run.id, login.clone());
        repository.reviews.push(Review { run, environment, state, comment, by });
        Answer::empty(204)
    }

    fn list_deployments(&mut self, request: &Request, name: &str) -> Answer {
        let repository = self.repository(name).clone();
        let wanted = request.asked("environment");
        let runs = repository.runs.iter().rev();
        let found = runs.filter(|it| wanted.is_none_or(|wanted| it.environment == wanted));
        let views = found.map(|it| self.deployment_view(name, it)).collect();
        self.page(request, repository.id, views)
    }

    fn show_deployment(&mut self, name: &str, id: &str) -> Answer {
        let runs = self.repository(name).runs.clone();
        match runs.iter().find(|it| it.deployment.to_string() == id) {
            Some(run) => Answer::of(200, self.deployment_view(name, run)),
            None => Answer::refusal(404, "Not Found"),
        }
    }
}
