//! What persons do at GitHub, and what GitHub then sends to a webhook.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::time::Instant;

use super::views::stamp;
use super::world::{Comment, Fate, World};
use watertight::clock;

impl World {
    /// An issue that somebody else opened.
    pub(crate) fn open_as(&mut self, person: &str, name: &str, title: &str, body: &str) -> u64 {
        let number = self.add_issue(name, person, title);
        let issue = self.issue(name, number);
        issue.body = Some(body.to_owned());
        number
    }

    pub(crate) fn close_as(&mut self, person: &str, name: &str, number: u64, reason: &str) {
        let now = clock::now();
        let issue = self.issue(name, number);
        (issue.open, issue.reason, issue.closed_at) = (false, Some(reason.to_owned()), Some(now));
        issue.closed_by = Some(person.to_owned());
        issue.updated_at = now;
        self.note((name, number), person, "closed", None);
    }

    pub(crate) fn reopen_as(&mut self, name: &str, number: u64) {
        let now = clock::now();
        let issue = self.issue(name, number);
        (issue.open, issue.reason, issue.closed_at) = (true, Some("reopened".to_owned()), None);
        issue.closed_by = None;
        issue.updated_at = now;
    }

    pub(crate) fn label_as(&mut self, person: &str, name: &str, number: u64, label: &str) {
        self.ensure_label(name, label);
        let mut labels = self.issue(name, number).labels.clone();
        labels.push(label.to_owned());
        self.set_labels((name, number), labels, person);
    }

    pub(crate) fn unlabel_as(&mut self, person: &str, name: &str, number: u64, label: &str) {
        let mut labels = self.issue(name, number).labels.clone();
        labels.retain(|it| it != label);
        self.set_labels((name, number), labels, person);
    }

    pub(crate) fn edit_as(&mut self, name: &str, number: u64, title: &str, body: &str) {
        let issue = self.issue(name, number);
        (issue.title, issue.body) = (title.to_owned(), Some(body.to_owned()));
    }

    pub(crate) fn comment_as(&mut self, person: &str, name: &str, number: u64, body: &str) {
        let (id, at) = (self.new_id(), clock::now());
        let comment = Comment { id, author: person.to_owned(), body: body.to_owned(), at };
        self.issue(name, number).comments.push(comment);
    }

    pub(crate) fn lock_as(&mut self, name: &str, number: u64) {
        self.issue(name, number).locked = true;
    }

    pub(crate) fn delete_as(&mut self, name: &str, number: u64) {
        self.issue(name, number).fate = Fate::Deleted;
    }

    /// Its number in the other repository.
    pub(crate) fn transfer_as(&mut self, name: &str, number: u64, to: &str) -> u64 {
        let mut issue = self.issue(name, number).clone();
        let repository = self.repository(to);
        let there = repository.issues.last().map_or(1, |it| it.number + 1);
        (issue.number, issue.born) = (there, Instant::now());
        repository.issues.push(issue);
        let id = repository.id;
        self.issue(name, number).fate = Fate::Moved(id, there);
        there
    }

    /// The account that wrote it is gone.
    pub(crate) fn forget_author(&mut self, name: &str, number: u64) {
        self.issue(name, number).author = None;
    }

    /// What GitHub sends when somebody did something to an issue.
    pub(crate) fn issue_event(&self, name: &str, number: u64, action: &str, by: &str) -> Value {
        let repository = &self.repositories[name];
        let issue = repository.issues.iter().find(|it| it.number == number).expect("the issue");
        let mut event = json!({
            "action": action,
            "issue": self.issue_view(name, issue),
            "repository": self.repository_view(name),
            "sender": self.account(by),
        });
        if let Some(installation) = self.installation() {
            event["installation"] = installation;
        }
        event
    }

    /// What GitHub sends when a deployment comes to our rule.
    pub(crate) fn rule_event(&self, name: &str, run: u64) -> Value {
        let repository = &self.repositories[name];
        let waiting = repository.runs.iter().find(|it| it.id == run).expect("the run");
        let path = format!("repos/{name}/actions/runs/{run}/deployment_protection_rule");
        json!({
            "action": "requested",
            "environment": waiting.environment,
            "event": "push",
            "deployment_callback_url": format!("{}/{path}", self.base),
            "deployment": self.deployment_view(name, waiting),
            "pull_requests": [],
            "repository": self.repository_view(name),
            "sender": self.account("a-developer"),
            "installation": self.installation(),
            "at": stamp(clock::now()),
        })
    }

    fn installation(&self) -> Option<Value> {
        let app = self.identities.app.as_ref()?;
        Some(json!({ "id": app.installation, "node_id": "I_1" }))
    }
}

/// The header `X-Hub-Signature-256` of a body.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    mac.update(body);
    let digits = mac.finalize().into_bytes();
    digits.iter().fold("sha256=".to_owned(), |text, it| text + &format!("{it:02x}"))
}
