//! Which request asks for what.

use super::answer::{Answer, Request};
use super::identity::Caller;
use super::world::World;
use watertight::clock;

impl World {
    pub(crate) fn route(&mut self, request: &Request) -> Answer {
        if request.agent.is_none() {
            return Answer::refusal(403, "Request forbidden by administrative rules.");
        }
        let caller = match self.identities.caller(request, clock::now().as_second()) {
            Ok(caller) => caller,
            Err(refusal) => return refusal,
        };
        if request.body.is_none() {
            return Answer::refusal(400, "Problems parsing JSON");
        }
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["user"]) => self.user(&caller),
            ("GET", ["app"]) => self.app(&caller),
            ("POST", ["app", "installations", id, "access_tokens"]) => self.give_token(&caller, id),
            ("GET", ["rate_limit"]) => self.rate_limit(),
            (_, ["repos", owner, name, rest @ ..]) => {
                self.in_repository(&caller, request, &format!("{owner}/{name}"), rest)
            }
            (_, ["repositories", id, rest @ ..]) => match self.name_of(id) {
                Some(name) => self.in_repository(&caller, request, &name, rest),
                None => Answer::refusal(404, "Not Found"),
            },
            _ => Answer::refusal(404, "Not Found"),
        }
    }

    fn name_of(&self, id: &str) -> Option<String> {
        let found = self.repositories.iter().find(|(_, it)| it.id.to_string() == id);
        found.map(|(name, _)| name.clone())
    }

    /// The App itself may do nothing in a repository: only its installation may.
    fn in_repository(
        &mut self,
        caller: &Caller,
        request: &Request,
        name: &str,
        rest: &[&str],
    ) -> Answer {
        // GitHub's names are the same in either case.
        let known = self.repositories.keys().find(|it| it.eq_ignore_ascii_case(name)).cloned();
        let Some(name) = known.filter(|it| {
            let repository = self.repositories.get(it);
            repository.is_some_and(|it| it.may_read(caller.login()))
        }) else {
            return Answer::refusal(404, "Not Found");
        };
        let name = name.as_str();
        if request.is_write() {
            let repository = self.repository(name);
            if repository.archived {
                let why = "Repository was archived so is read-only.";
                return Answer::refusal(403, why);
            }
            if !repository.may_write(caller.login()) {
                return Answer::refusal(403, "Resource not accessible by personal access token");
            }
        }
        match (request.method.as_str(), rest) {
            ("GET", []) => self.show_repository(name),
            ("GET", ["collaborators", login, "permission"]) => self.permission(name, login),
            (_, ["issues", rest @ ..]) => self.in_issues(caller, request, name, rest),
            (_, ["labels", rest @ ..]) => self.in_labels(request, name, rest),
            (_, ["statuses", sha]) => self.post_status(caller, request, name, sha),
            ("GET", ["commits", reference, "status"]) => self.combined_status(name, reference),
            ("GET", ["commits", reference, "statuses"]) => {
                self.list_statuses(request, name, reference)
            }
            ("GET", ["commits", reference, "check-runs"]) => {
                self.list_check_runs(request, name, reference)
            }
            (_, ["check-runs", rest @ ..]) => self.in_check_runs(caller, request, name, rest),
            (_, ["deployments" | "actions", ..]) => {
                self.in_deployments(caller, request, name, rest)
            }
            _ => Answer::refusal(404, "Not Found"),
        }
    }

    fn in_issues(
        &mut self,
        caller: &Caller,
        request: &Request,
        name: &str,
        rest: &[&str],
    ) -> Answer {
        if !self.repository(name).has_issues {
            return Answer::refusal(410, "Issues has been disabled in this repository.");
        }
        let number = rest.first().and_then(|it| it.parse().ok());
        match (request.method.as_str(), rest, number) {
            ("GET", [], _) => self.list_issues(request, name),
            ("POST", [], _) => self.create_issue(caller, request, name),
            ("PATCH", ["comments", id], _) => self.edit_comment(request, name, id),
            (_, [_, rest @ ..], Some(number)) => match self.absent(name, number) {
                Some(refusal) => refusal,
                None => self.in_issue(caller, request, (name, number), rest),
            },
            _ => Answer::refusal(404, "Not Found"),
        }
    }

    fn in_issue(
        &mut self,
        caller: &Caller,
        request: &Request,
        place: (&str, u64),
        rest: &[&str],
    ) -> Answer {
        match (request.method.as_str(), rest) {
            ("GET", []) => self.show_issue(place),
            ("PATCH", []) => self.edit_issue(request, place, caller),
            ("PUT", ["lock"]) => self.lock_issue(place),
            ("GET", ["comments"]) => self.list_comments(request, place),
            ("POST", ["comments"]) => self.comment(caller, request, place),
            ("GET", ["labels"]) => self.issue_labels(place),
            ("POST" | "PUT", ["labels"]) => self.label_issue(caller, request, place),
            ("DELETE", ["labels", label]) => self.unlabel_issue(caller, place, label),
            ("GET", ["events"]) => self.list_acts(request, place),
            ("POST", ["assignees"]) => self.assign(request, place),
            _ => Answer::refusal(404, "Not Found"),
        }
    }
}
