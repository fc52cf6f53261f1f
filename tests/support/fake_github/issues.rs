//! Issues and their comments.

use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Answer, Request};
use super::identity::Caller;
use super::world::{Act, Comment, Fate, Issue, World};
use watertight::clock;

/// In characters.
const LONGEST_TITLE: usize = 256;
const LONGEST_BODY: usize = 65_536;
const MOST_LABELS: usize = 100;
const MOST_ASSIGNEES: usize = 10;

impl World {
    /// Why nothing can be done with an issue: none of that number, deleted, or moved away.
    pub(crate) fn absent(&self, name: &str, number: u64) -> Option<Answer> {
        let issues = self.repositories.get(name).map(|it| it.issues.as_slice()).unwrap_or_default();
        let Some(issue) = issues.iter().find(|it| it.number == number) else {
            return Some(Answer::refusal(404, "Not Found"));
        };
        match issue.fate {
            Fate::Here => None,
            Fate::Deleted => Some(Answer::refusal(410, "This issue was deleted")),
            Fate::Moved(repository, there) => {
                let url = format!("{}/repositories/{repository}/issues/{there}", self.base);
                let mut answer = Answer::refusal(301, "Moved Permanently");
                if let Some(body) = &mut answer.body {
                    body["url"] = url.clone().into();
                }
                Some(answer.with("location", url))
            }
        }
    }

    pub(crate) fn show_issue(&mut self, (name, number): (&str, u64)) -> Answer {
        let issue = self.issue(name, number).clone();
        Answer::of(200, self.issue_view(name, &issue))
    }

    pub(crate) fn create_issue(
        &mut self,
        caller: &Caller,
        request: &Request,
        name: &str,
    ) -> Answer {
        let Some(title) = request.field("title").as_str().filter(|it| !it.trim().is_empty()) else {
            return Answer::invalid("Issue", "title", "missing_field", "");
        };
        if let Some(refusal) = self.unfit(request, name) {
            return refusal;
        }
        let number = self.add_issue(name, caller.login(), title);
        self.apply(request, (name, number), caller.login());
        let issue = self.issue(name, number).clone();
        let url = format!("{}/repos/{name}/issues/{number}", self.base);
        Answer::of(201, self.issue_view(name, &issue)).with("location", url)
    }

    pub(crate) fn add_issue(&mut self, name: &str, author: &str, title: &str) -> u64 {
        let (id, now) = (self.new_id(), clock::now());
        let repository = self.repository(name);
        let number = repository.issues.last().map_or(1, |it| it.number + 1);
        repository.issues.push(Issue {
            id,
            number,
            author: Some(author.to_owned()),
            title: title.to_owned(),
            body: None,
            open: true,
            reason: None,
            labels: Vec::new(),
            assignees: Vec::new(),
            comments: Vec::new(),
            acts: Vec::new(),
            locked: false,
            is_pull: false,
            fate: Fate::Here,
            created_at: now,
            updated_at: now,
            closed_at: None,
            closed_by: None,
            born: Instant::now(),
        });
        number
    }

    pub(crate) fn edit_issue(
        &mut self,
        request: &Request,
        place: (&str, u64),
        caller: &Caller,
    ) -> Answer {
        if let Some(refusal) = self.unfit(request, place.0) {
            return refusal;
        }
        self.apply(request, place, caller.login());
        self.show_issue(place)
    }

    /// What is too long, of the wrong kind, or names somebody who cannot be assigned.
    fn unfit(&mut self, request: &Request, name: &str) -> Option<Answer> {
        let long = |field: &str, most: usize| {
            request.field(field).as_str().is_some_and(|it| most < it.chars().count())
        };
        let too_long = |field: &str, most: usize| {
            let message = format!("{field} is too long (maximum is {most} characters)");
            Some(Answer::invalid("Issue", field, "custom", &message))
        };
        if long("title", LONGEST_TITLE) {
            return too_long("title", LONGEST_TITLE);
        }
        if long("body", LONGEST_BODY) {
            return too_long("body", LONGEST_BODY);
        }
        let state = request.field("state");
        if !state.is_null() && !matches!(state.as_str(), Some("open" | "closed")) {
            return Some(Answer::invalid("Issue", "state", "invalid", ""));
        }
        let reason = request.field("state_reason");
        let reasons = ["completed", "not_planned", "duplicate", "reopened"];
        if !reason.is_null() && !reason.as_str().is_some_and(|it| reasons.contains(&it)) {
            return Some(Answer::invalid("Issue", "state_reason", "invalid", ""));
        }
        for (field, most) in [("labels", MOST_LABELS), ("assignees", MOST_ASSIGNEES)] {
            let given = request.field(field);
            let fit = given.is_null() || texts(given).is_some_and(|it| it.len() <= most);
            if !fit {
                return Some(Answer::invalid("Issue", field, "invalid", ""));
            }
        }
        let labels = texts(request.field("labels")).unwrap_or_default();
        if let Some(refusal) = labels.iter().find_map(|it| Self::unfit_label(it)) {
            return Some(refusal);
        }
        let repository = self.repository(name);
        let strangers = texts(request.field("assignees")).unwrap_or_default();
        let stranger = strangers.iter().any(|it| !repository.collaborators.contains_key(it));
        stranger.then(|| Answer::invalid("Issue", "assignees", "invalid", ""))
    }

    fn apply(&mut self, request: &Request, (name, number): (&str, u64), by: &str) {
        let now = clock::now();
        let labels = texts(request.field("labels"));
        for label in labels.iter().flatten() {
            self.ensure_label(name, label);
        }
        let issue = self.issue(name, number);
        if let Some(title) = request.field("title").as_str() {
            title.clone_into(&mut issue.title);
        }
        if request.gives("body") {
            issue.body = request.field("body").as_str().map(ToOwned::to_owned);
        }
        if let Some(assignees) = texts(request.field("assignees")) {
            issue.assignees = assignees;
        }
        let mut turned = None;
        if let Some(state) = request.field("state").as_str() {
            let opens = state == "open";
            // The reason counts only where the state changes.
            if opens != issue.open {
                let usual = if opens { "reopened" } else { "completed" };
                let reason = request.field("state_reason").as_str().unwrap_or(usual);
                issue.reason = Some(reason.to_owned());
                issue.closed_at = (!opens).then_some(now);
                issue.closed_by = (!opens).then(|| by.to_owned());
                turned = Some(if opens { "reopened" } else { "closed" });
            }
            issue.open = opens;
        }
        issue.updated_at = now;
        if let Some(what) = turned {
            self.note((name, number), by, what, None);
        }
        if let Some(labels) = labels {
            self.set_labels((name, number), labels, by);
        }
    }

    /// Notes what was done to an issue.
    pub(crate) fn note(
        &mut self,
        (name, number): (&str, u64),
        by: &str,
        what: &'static str,
        label: Option<&str>,
    ) {
        let (id, at) = (self.new_id(), clock::now());
        let (by, label) = (by.to_owned(), label.map(ToOwned::to_owned));
        self.issue(name, number).acts.push(Act { id, by, what, label, at });
    }

    pub(crate) fn list_acts(&mut self, request: &Request, (name, number): (&str, u64)) -> Answer {
        let id = self.repository(name).id;
        let acts = self.issue(name, number).acts.clone();
        let views = acts.iter().map(|it| self.act_view(name, it)).collect();
        self.page(request, id, views)
    }

    pub(crate) fn list_issues(&mut self, request: &Request, name: &str) -> Answer {
        self.lag.lists += 1;
        let lag = self.lag;
        let id = self.repository(name).id;
        if lag.empty_every != 0 && lag.lists.is_multiple_of(lag.empty_every) {
            return self.page(request, id, Vec::new());
        }
        let state = request.asked("state").unwrap_or("open");
        let labels: Vec<&str> = request
            .asked("labels")
            .unwrap_or_default()
            .split(',')
            .filter(|it| !it.is_empty())
            .collect();
        let wanted = |issue: &&Issue| {
            let labelled =
                labels.iter().all(|it| issue.labels.iter().any(|has| has.eq_ignore_ascii_case(it)));
            let by = request.asked("creator").is_none_or(|it| issue.author.as_deref() == Some(it));
            let stands = state == "all" || (state == "open") == issue.open;
            let known = lag.hides <= issue.born.elapsed();
            issue.fate == Fate::Here && labelled && by && stands && known
        };
        let mut found: Vec<Issue> =
            self.repository(name).issues.iter().filter(wanted).cloned().collect();
        if request.asked("sort") == Some("updated") {
            found.sort_by_key(|it| it.updated_at);
        }
        if request.asked("direction") != Some("asc") {
            found.reverse();
        }
        let views = found.iter().map(|it| self.issue_view(name, it)).collect();
        self.page(request, id, views)
    }

    pub(crate) fn lock_issue(&mut self, (name, number): (&str, u64)) -> Answer {
        self.issue(name, number).locked = true;
        Answer::empty(204)
    }

    pub(crate) fn assign(&mut self, request: &Request, (name, number): (&str, u64)) -> Answer {
        let asked = texts(request.field("assignees")).unwrap_or_default();
        let repository = self.repository(name);
        // Whoever cannot be assigned is left out without a word.
        let known: Vec<String> =
            asked.into_iter().filter(|it| repository.collaborators.contains_key(it)).collect();
        self.issue(name, number).assignees.extend(known);
        let issue = self.issue(name, number).clone();
        Answer::of(201, self.issue_view(name, &issue))
    }

    pub(crate) fn list_comments(
        &mut self,
        request: &Request,
        (name, number): (&str, u64),
    ) -> Answer {
        let id = self.repository(name).id;
        let comments = self.issue(name, number).comments.clone();
        let views = comments.iter().map(|it| self.comment_view(name, number, it)).collect();
        self.page(request, id, views)
    }

    pub(crate) fn comment(
        &mut self,
        caller: &Caller,
        request: &Request,
        (name, number): (&str, u64),
    ) -> Answer {
        let Some(body) = request.field("body").as_str().filter(|it| !it.trim().is_empty()) else {
            return Answer::invalid("IssueComment", "body", "missing_field", "");
        };
        if LONGEST_BODY < body.chars().count() {
            let message = format!("body is too long (maximum is {LONGEST_BODY} characters)");
            return Answer::invalid("IssueComment", "body", "custom", &message);
        }
        if self.issue(name, number).locked {
            return Answer::refusal(403, "Unable to create comment because issue is locked.");
        }
        let (id, at) = (self.new_id(), clock::now());
        let comment = Comment { id, author: caller.login().to_owned(), body: body.to_owned(), at };
        let issue = self.issue(name, number);
        issue.comments.push(comment.clone());
        issue.updated_at = at;
        Answer::of(201, self.comment_view(name, number, &comment))
    }

    pub(crate) fn edit_comment(&mut self, request: &Request, name: &str, id: &str) -> Answer {
        let body = request.field("body").as_str().unwrap_or_default().to_owned();
        let issues = &mut self.repository(name).issues;
        let found = issues.iter_mut().find_map(|issue| {
            let number = issue.number;
            let comment = issue.comments.iter_mut().find(|it| it.id.to_string() == id)?;
            comment.body.clone_from(&body);
            Some((number, comment.clone()))
        });
        match found {
            Some((number, comment)) => Answer::of(200, self.comment_view(name, number, &comment)),
            None => Answer::refusal(404, "Not Found"),
        }
    }
}

/// A list of texts, or of labels by their names; `None` where it is anything else.
pub(crate) fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |it: &Value| it.as_str().or_else(|| it["name"].as_str()).map(ToOwned::to_owned);
    value.as_array()?.iter().map(text).collect()
}
