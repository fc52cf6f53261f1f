//! Commit statuses, and check runs, which only an App may make.

use serde_json::{Value, json};

use super::answer::{Answer, Request};
use super::identity::Caller;
use super::world::{CheckRun, Repository, Status, World};
use watertight::clock;

/// Of one context of one commit.
const MOST_STATUSES: usize = 1_000;
const LONGEST_DESCRIPTION: usize = 140;
const LONGEST_OUTPUT: usize = 65_535;

impl Repository {
    /// A branch's commit, or the commit itself.
    fn commit(&self, reference: &str) -> Option<String> {
        let head = reference == self.default_branch
            || reference == format!("heads/{}", self.default_branch)
            || reference == self.head;
        let sha = reference.len() == 40 && reference.chars().all(|it| it.is_ascii_hexdigit());
        match (head, sha) {
            (true, _) => Some(self.head.clone()),
            (false, true) => Some(reference.to_owned()),
            (false, false) => None,
        }
    }
}

impl World {
    pub(crate) fn post_status(
        &mut self,
        caller: &Caller,
        request: &Request,
        name: &str,
        sha: &str,
    ) -> Answer {
        let Some(sha) = self.repository(name).commit(sha).filter(|it| it == sha) else {
            return Answer::refusal(422, &format!("No commit found for SHA: {sha}"));
        };
        let text = |field: &str| request.field(field).as_str().map(ToOwned::to_owned);
        let state = text("state").unwrap_or_default();
        if !matches!(state.as_str(), "error" | "failure" | "pending" | "success") {
            return Answer::invalid(
                "Status",
                "state",
                "custom",
                "state is not included in the list",
            );
        }
        let description = text("description");
        if description.as_ref().is_some_and(|it| LONGEST_DESCRIPTION < it.chars().count()) {
            let message = "description is too long (maximum is 140 characters)";
            return Answer::invalid("Status", "description", "custom", message);
        }
        let context = text("context").unwrap_or_else(|| "default".to_owned());
        let (id, at) = (self.new_id(), clock::now());
        let statuses = &mut self.repository(name).statuses;
        let same = |it: &&Status| it.sha == sha && it.context.eq_ignore_ascii_case(&context);
        if MOST_STATUSES <= statuses.iter().filter(same).count() {
            let message = "This SHA and context has reached the maximum number of statuses.";
            return Answer::invalid("Status", "base", "custom", message);
        }
        let by = caller.login().to_owned();
        let target_url = text("target_url");
        let status = Status { id, sha, state, context, description, target_url, by, at };
        statuses.push(status.clone());
        Answer::of(201, self.status_view(name, &status))
    }

    /// The newest of each context.
    fn standing_statuses(&self, name: &str, sha: &str) -> Vec<Status> {
        let all = self.repositories.get(name).map(|it| it.statuses.as_slice()).unwrap_or_default();
        let mut standing: Vec<Status> = Vec::new();
        for status in all.iter().rev().filter(|it| it.sha == sha) {
            if !standing.iter().any(|it| it.context == status.context) {
                standing.push(status.clone());
            }
        }
        standing
    }

    pub(crate) fn combined_status(&mut self, name: &str, reference: &str) -> Answer {
        let Some(sha) = self.repository(name).commit(reference) else {
            return Answer::refusal(404, "Not Found");
        };
        let standing = self.standing_statuses(name, &sha);
        let any = |states: &[&str]| standing.iter().any(|it| states.contains(&it.state.as_str()));
        let state = if any(&["failure", "error"]) {
            "failure"
        } else if standing.is_empty() || any(&["pending"]) {
            "pending"
        } else {
            "success"
        };
        let url = format!("{}/repos/{name}/commits/{sha}", self.base);
        let views: Vec<Value> = standing.iter().map(|it| self.status_view(name, it)).collect();
        let body = json!({
            "state": state,
            "sha": sha,
            "total_count": views.len(),
            "statuses": views,
            "repository": self.repository_view(name),
            "commit_url": url,
            "url": format!("{url}/status"),
        });
        Answer::of(200, body)
    }

    pub(crate) fn list_statuses(
        &mut self,
        request: &Request,
        name: &str,
        reference: &str,
    ) -> Answer {
        let repository = self.repository(name).clone();
        let Some(sha) = repository.commit(reference) else {
            return Answer::refusal(404, "Not Found");
        };
        let of_commit = repository.statuses.iter().rev().filter(|it| it.sha == sha);
        let views = of_commit.map(|it| self.status_view(name, it)).collect();
        self.page(request, repository.id, views)
    }

    pub(crate) fn in_check_runs(
        &mut self,
        caller: &Caller,
        request: &Request,
        name: &str,
        rest: &[&str],
    ) -> Answer {
        match (request.method.as_str(), rest) {
            ("POST", []) => self.create_check_run(caller, request, name),
            ("PATCH", [id]) => self.update_check_run(caller, request, name, id),
            ("GET", [id]) => self.show_check_run(name, id),
            _ => Answer::refusal(404, "Not Found"),
        }
    }

    fn create_check_run(&mut self, caller: &Caller, request: &Request, name: &str) -> Answer {
        if let Some(refusal) = unfit(caller, request) {
            return refusal;
        }
        let Some(check) = request.field("name").as_str() else {
            return Answer::invalid("CheckRun", "name", "missing_field", "");
        };
        let sha = request.field("head_sha").as_str().unwrap_or_default();
        let Some(sha) = self.repository(name).commit(sha) else {
            return Answer::refusal(422, &format!("No commit found for SHA: {sha}"));
        };
        let (id, at) = (self.new_id(), clock::now());
        let mut run = CheckRun {
            id,
            sha,
            name: check.to_owned(),
            status: "queued".to_owned(),
            conclusion: None,
            title: None,
            summary: None,
            details_url: None,
            at,
        };
        apply(&mut run, request);
        self.repository(name).check_runs.push(run.clone());
        Answer::of(201, self.check_run_view(name, &run))
    }

    fn update_check_run(
        &mut self,
        caller: &Caller,
        request: &Request,
        name: &str,
        id: &str,
    ) -> Answer {
        if let Some(refusal) = unfit(caller, request) {
            return refusal;
        }
        let runs = &mut self.repository(name).check_runs;
        if let Some(run) = runs.iter_mut().find(|it| it.id.to_string() == id) {
            apply(run, request);
        }
        self.show_check_run(name, id)
    }

    fn show_check_run(&mut self, name: &str, id: &str) -> Answer {
        let runs = self.repository(name).check_runs.clone();
        match runs.iter().find(|it| it.id.to_string() == id) {
            Some(run) => Answer::of(200, self.check_run_view(name, run)),
            None => Answer::refusal(404, "Not Found"),
        }
    }

    pub(crate) fn list_check_runs(
        &mut self,
        request: &Request,
        name: &str,
        reference: &str,
    ) -> Answer {
        let repository = self.repository(name).clone();
        let Some(sha) = repository.commit(reference) else {
            return Answer::refusal(422, &format!("No commit found for SHA: {reference}"));
        };
        let wanted = request.asked("check_name");
        let found = repository
            .check_runs
            .iter()
            .rev()
            .filter(|it| it.sha == sha && wanted.is_none_or(|name| it.name == name));
        let views: Vec<Value> = found.map(|it| self.check_run_view(name, it)).collect();
        Answer::of(200, json!({ "total_count": views.len(), "check_runs": views }))
    }
}

fn unfit(caller: &Caller, request: &Request) -> Option<Answer> {
    if !matches!(caller, Caller::Installation(_)) {
        return Some(Answer::refusal(403, "You must authenticate via a GitHub App."));
    }
    if request.field("status") == "completed" && request.field("conclusion").is_null() {
        return Some(Answer::invalid("CheckRun", "conclusion", "missing_field", ""));
    }
    let long = |field: &str| {
        let text = request.field("output")[field].as_str().unwrap_or_default();
        LONGEST_OUTPUT < text.chars().count()
    };
    (long("summary") || long("text"))
        .then(|| Answer::invalid("CheckRun", "output", "invalid", "is too long"))
}

fn apply(run: &mut CheckRun, request: &Request) {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let output = request.field("output");
    run.title = text(&output["title"]).or(run.title.take());
    run.summary = text(&output["summary"]).or(run.summary.take());
    run.details_url = text(request.field("details_url")).or(run.details_url.take());
    if let Some(status) = text(request.field("status")) {
        run.status = status;
    }
    if let Some(conclusion) = text(request.field("conclusion")) {
        run.conclusion = Some(conclusion);
        "completed".clone_into(&mut run.status);
    }
}
