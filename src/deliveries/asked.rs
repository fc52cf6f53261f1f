//! What a delivery of GitHub asks of us: the few words of it that are needed.
//!
//! Why so few: whoever holds the secret, or replays what was sent once, may say anything. Names lead to questions of our
//! own, and everything else is read anew from GitHub.
//!
//! Invariants:
//! - the callback's address is never followed: of its path, only the run's number is taken, and only where the rest of it
//!   is exactly that of the repository;
//! - names are short and made of the characters that GitHub gives to names.

use serde::{Deserialize, Serialize};

use crate::issues::label;
use crate::issues::look::Reason;

/// Characters that GitHub gives to an environment's name.
const LONGEST_ENVIRONMENT: usize = 255;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "about")]
pub enum Asked {
    /// May this deployment go ahead?
    Deployment { repository: Box<str>, run: u64, environment: Box<str> },
    /// A person did something to an issue that may be a word on its finding.
    Issue { repository: Box<str>, issue: u64 },
}

/// Why a delivery cannot be read, in words that repeat nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the body is not the JSON that GitHub sends")]
    NotJson,
    #[error("the body does not say {0}")]
    Missing(&'static str),
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    action: String,
    repository: Option<Repository>,
    environment: Option<String>,
    deployment_callback_url: Option<String>,
    issue: Option<Issue>,
    label: Option<Label>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    state_reason: Option<String>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

/// `None` where nothing is asked of us.
pub fn read(event: &str, body: &[u8]) -> Result<Option<Asked>, Unreadable> {
    let payload: Payload = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
    match (event, payload.action.as_str()) {
        ("deployment_protection_rule", "requested") => deployment(payload).map(Some),
        ("issues", "closed" | "labeled") => issue(payload),
        _ => Ok(None),
    }
}

fn deployment(payload: Payload) -> Result<Asked, Unreadable> {
    let repository = repository(&payload)?;
    let environment = payload.environment.filter(|it| {
        !it.is_empty()
            && it.chars().count() <= LONGEST_ENVIRONMENT
            && !it.chars().any(char::is_control)
    });
    let environment = environment.ok_or(Unreadable::Missing("its environment"))?;
    let callback = payload.deployment_callback_url.unwrap_or_default();
    let run = run(&callback, &repository).ok_or(Unreadable::Missing("its run"))?;
    Ok(Asked::Deployment { repository, run, environment: environment.into() })
}

fn issue(payload: Payload) -> Result<Option<Asked>, Unreadable> {
    let repository = repository(&payload)?;
    let issue = payload.issue.ok_or(Unreadable::Missing("its issue"))?;
    let reason = Reason::of(issue.state_reason.as_deref());
    let declines = payload.action == "closed" && reason == Reason::NotPlanned;
    let labels = payload.action == "labeled"
        && payload.label.is_some_and(|it| label::acknowledges(&it.name));
    let said = Asked::Issue { repository, issue: issue.number };
    Ok((declines || labels).then_some(said))
}

fn repository(payload: &Payload) -> Result<Box<str>, Unreadable> {
    let name = payload.repository.as_ref().map(|it| it.full_name.as_str());
    name.filter(|it| is_repository(it)).map(Into::into).ok_or(Unreadable::Missing("its repository"))
}

/// The run's number, from the end of the callback's path.
fn run(callback: &str, repository: &str) -> Option<u64> {
    let path = callback.strip_suffix("/deployment_protection_rule")?;
    let (path, run) = path.rsplit_once("/actions/runs/")?;
    let names_it = path.len().checked_sub(repository.len()).is_some_and(|start| {
        path.get(start..).is_some_and(|it| it.eq_ignore_ascii_case(repository))
            && path[..start].ends_with("/repos/")
    });
    run.parse().ok().filter(|_| names_it && run.bytes().all(|it| it.is_ascii_digit()))
}

/// `owner/name`.
pub fn is_repository(name: &str) -> bool {
    let word = |it: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !it.is_empty() && it.len() <= 100 && it.chars().all(known) && !matches!(it, "." | "..")
    };
    name.split_once('/').is_some_and(|(owner, name)| word(owner) && word(name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(event: &str, body: &Value, expected: &str) {
        let told = match read(event, body.to_string().as_bytes()) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(Asked::Deployment { repository, run, environment })) => {
                format!("{repository} {run} {environment}")
            }
            Ok(Some(Asked::Issue { repository, issue })) => format!("{repository}#{issue}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    fn rule(callback: &str) -> Value {
        json!({
            "action": "requested",
            "environment": "production",
            "deployment_callback_url": callback,
            "repository": { "full_name": "acme/app" },
        })
    }

    #[test]
    fn a_deployments_run_is_taken_from_its_own_repositorys_path_alone() {
        let event = "deployment_protection_rule";
        let path = "/repos/acme/app/actions/runs/7/deployment_protection_rule";
        check(event, &rule(&format!("https://api.github.com{path}")), "acme/app 7 production");
        check(
            event,
            &rule(&format!("https://ghe.acme.example/api/v3{path}")),
            "acme/app 7 production",
        );
        for hostile in [
            "https://evil.example/repos/evil/app/actions/runs/7/deployment_protection_rule",
            "https://api.github.com/repos/acme/app/actions/runs/7/../8/deployment_protection_rule",
            "https://api.github.com/repos/acme/app/actions/runs/+7/deployment_protection_rule",
            "https://api.github.com/repos/acme/app/actions/runs/7/deployment_protection_rule?x",
            "acme/app/actions/runs/7/deployment_protection_rule",
            "",
        ] {
            check(event, &rule(hostile), "the body does not say its run");
        }
    }

    #[test]
    fn names_that_github_does_not_give_are_refused() {
        let mut body =
            rule("https://api.github.com/repos/a/b/actions/runs/7/deployment_protection_rule");
        body["repository"]["full_name"] = "acme/app/../../user".into();
        check("deployment_protection_rule", &body, "the body does not say its repository");
        body["repository"]["full_name"] = "acme/..".into();
        check("deployment_protection_rule", &body, "the body does not say its repository");
    }

    #[test]
    fn of_an_issue_only_a_word_on_its_finding_counts() {
        let mut body = json!({
            "action": "closed",
            "issue": { "number": 3, "state_reason": "not_planned" },
            "repository": { "full_name": "acme/ops" },
        });
        check("issues", &body, "acme/ops#3");
        body["issue"]["state_reason"] = "duplicate".into();
        check("issues", &body, "acme/ops#3");
        body["issue"]["state_reason"] = "completed".into();
        check("issues", &body, "nothing");
        body["action"] = "labeled".into();
        body["label"] = json!({ "name": "bug" });
        check("issues", &body, "nothing");
        body["label"]["name"] = "Watertight:Acknowledged".into();
        check("issues", &body, "acme/ops#3");
        body["repository"]["full_name"] = "ops/../x".into();
        check("issues", &body, "the body does not say its repository");
        body["repository"]["full_name"] = "acme/ops".into();
        body["action"] = "opened".into();
        check("issues", &body, "nothing");
        check("push", &json!({}), "nothing");
        assert_eq!(read("issues", b"{"), Err(Unreadable::NotJson));
    }
}
