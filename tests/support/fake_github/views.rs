//! The fake's things as GitHub writes them: every member that its document requires.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::deployments::Run;
use super::identity::App;
use super::listing::escaped;
use super::world::{Act, CheckRun, Comment, Issue, Label, Status, World};
use watertight::clock;

/// GitHub's moments have whole seconds.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl World {
    pub(crate) fn account(&self, login: &str) -> Value {
        let path = escaped(login);
        let url = format!("{}/users/{path}", self.base);
        // The same account has the same id everywhere.
        let id = login.bytes().fold(7_u64, |id, it| (id * 31 + u64::from(it)) % 1_000_000_007);
        json!({
            "login": login,
            "id": id,
            "node_id": format!("U_{id}"),
            "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}"),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("https://github.com/{path}"),
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": if login.ends_with("[bot]") { "Bot" } else { "User" },
            "site_admin": false,
        })
    }

    pub(crate) fn app_view(&self, app: &App) -> Value {
        json!({
            "id": app.id,
            "slug": app.slug,
            "node_id": format!("A_{}", app.id),
            "owner": self.account("acme"),
            "name": app.slug,
            "description": null,
            "external_url": "https://example.com",
            "html_url": format!("https://github.com/apps/{}", app.slug),
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "permissions": { "issues": "write", "metadata": "read" },
            "events": ["deployment_protection_rule", "issues"],
        })
    }

    pub(crate) fn rate_limit(&self) -> Answer {
        let (limit, remaining, used, reset_in) = self.limits.primary();
        let reset = u64::try_from(clock::now().as_second()).unwrap_or(0) + reset_in;
        let core = json!({ "limit": limit, "remaining": remaining, "used": used, "reset": reset });
        let search = json!({ "limit": 30, "remaining": 30, "used": 0, "reset": reset });
        let body = json!({ "resources": { "core": core, "search": search }, "rate": core });
        Answer::of(200, body)
    }

    pub(crate) fn show_repository(&self, name: &str) -> Answer {
        Answer::of(200, self.repository_view(name))
    }

    pub(crate) fn permission(&self, name: &str, login: &str) -> Answer {
        let permission = self.repositories[name].collaborators.get(login).map(String::as_str);
        // The old word knows no roles in between.
        let legacy = match permission {
            Some("maintain") => "write",
            Some("triage") => "read",
            other => other.unwrap_or("none"),
        };
        let body = json!({
            "permission": legacy,
            "role_name": permission.unwrap_or("none"),
            "user": self.account(login),
        });
        Answer::of(200, body)
    }

    pub(crate) fn repository_view(&self, full_name: &str) -> Value {
        let repository = &self.repositories[full_name];
        let (owner, name) = full_name.split_once('/').unwrap_or(("", full_name));
        let api = format!("{}/repos/{full_name}", self.base);
        let web = format!("https://github.com/{full_name}");
        let open = self.open_issues(full_name).len();
        let mut view = json!({
            "id": repository.id,
            "node_id": format!("R_{}", repository.id),
            "name": name,
            "full_name": full_name,
            "owner": self.account(owner),
            "private": repository.visibility != "public",
            "visibility": repository.visibility,
            "html_url": web,
            "description": null,
            "fork": false,
            "url": api,
            "git_url": format!("git://github.com/{full_name}.git"),
            "ssh_url": format!("git@github.com:{full_name}.git"),
            "clone_url": format!("{web}.git"),
            "svn_url": web,
            "homepage": null,
            "language": null,
            "mirror_url": null,
            "license": null,
            "default_branch": repository.default_branch,
            "archived": repository.archived,
            "disabled": false,
            "has_issues": repository.has_issues,
            "has_projects": false,
            "has_wiki": false,
            "has_pages": false,
            "has_discussions": false,
            "open_issues": open,
            "open_issues_count": open,
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "pushed_at": "2026-01-01T00:00:00Z",
        });
        for count in ["forks", "forks_count", "size", "stargazers_count", "watchers"] {
            view[count] = 0.into();
        }
        for count in ["watchers_count", "network_count", "subscribers_count"] {
            view[count] = 0.into();
        }
        for member in REPOSITORY_URLS {
            view[format!("{member}_url")] = format!("{api}/{member}").into();
        }
        view
    }

    pub(crate) fn label_view(&self, repository: &str, label: &Label) -> Value {
        json!({
            "id": label.id,
            "node_id": format!("LA_{}", label.id),
            "url": format!("{}/repos/{repository}/labels/{}", self.base, escaped(&label.name)),
            "name": label.name,
            "description": label.description,
            "color": label.color,
            "default": false,
        })
    }

    pub(crate) fn issue_view(&self, repository: &str, issue: &Issue) -> Value {
        let api = format!("{}/repos/{repository}", self.base);
        let url = format!("{api}/issues/{}", issue.number);
        let web = format!("https://github.com/{repository}/issues/{}", issue.number);
        let assignees: Vec<Value> = issue.assignees.iter().map(|it| self.account(it)).collect();
        let mut view = json!({
            "id": issue.id,
            "node_id": format!("I_{}", issue.id),
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "user": issue.author.as_deref().map(|it| self.account(it)),
            "state": if issue.open { "open" } else { "closed" },
            "state_reason": issue.reason,
            "labels": self.label_views(repository, &issue.labels),
            "assignee": assignees.first(),
            "assignees": assignees,
            "milestone": null,
            "comments": issue.comments.len(),
            "locked": issue.locked,
            "author_association": "NONE",
            "created_at": stamp(issue.created_at),
            "updated_at": stamp(issue.updated_at),
            "closed_at": issue.closed_at.map(stamp),
            "closed_by": issue.closed_by.as_deref().map(|it| self.account(it)),
            "url": url,
            "html_url": web,
            "repository_url": api,
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "labels_url": format!("{url}/labels{{/name}}"),
        });
        if issue.is_pull {
            view["pull_request"] = json!({
                "url": format!("{api}/pulls/{}", issue.number),
                "html_url": web,
                "diff_url": format!("{web}.diff"),
                "patch_url": format!("{web}.patch"),
            });
        }
        view
    }

    pub(crate) fn comment_view(&self, repository: &str, number: u64, comment: &Comment) -> Value {
        let api = format!("{}/repos/{repository}/issues", self.base);
        let web = format!("https://github.com/{repository}/issues/{number}");
        json!({
            "id": comment.id,
            "node_id": format!("IC_{}", comment.id),
            "url": format!("{api}/comments/{}", comment.id),
            "html_url": format!("{web}#issuecomment-{}", comment.id),
            "issue_url": format!("{api}/{number}"),
            "body": comment.body,
            "user": self.account(&comment.author),
            "author_association": "NONE",
            "created_at": stamp(comment.at),
            "updated_at": stamp(comment.at),
        })
    }

    pub(crate) fn act_view(&self, repository: &str, act: &Act) -> Value {
        let mut view = json!({
            "id": act.id,
            "node_id": format!("E_{}", act.id),
            "url": format!("{}/repos/{repository}/issues/events/{}", self.base, act.id),
            "actor": self.account(&act.by),
            "event": act.what,
            "commit_id": null,
            "commit_url": null,
            "created_at": stamp(act.at),
            "performed_via_github_app": null,
        });
        if let Some(label) = &act.label {
            view["label"] = json!({ "name": label, "color": "ededed" });
        }
        view
    }

    pub(crate) fn status_view(&self, repository: &str, status: &Status) -> Value {
        json!({
            "id": status.id,
            "node_id": format!("SC_{}", status.id),
            "url": format!("{}/repos/{repository}/statuses/{}", self.base, status.sha),
            "avatar_url": "https://avatars.githubusercontent.com/u/1",
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": stamp(status.at),
            "updated_at": stamp(status.at),
            "creator": self.account(&status.by),
        })
    }

    pub(crate) fn check_run_view(&self, repository: &str, run: &CheckRun) -> Value {
        let url = format!("{}/repos/{repository}/check-runs/{}", self.base, run.id);
        json!({
            "id": run.id,
            "node_id": format!("CR_{}", run.id),
            "head_sha": run.sha,
            "name": run.name,
            "external_id": "",
            "url": url,
            "html_url": format!("https://github.com/{repository}/runs/{}", run.id),
            "details_url": run.details_url,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": stamp(run.at),
            "completed_at": run.conclusion.as_ref().map(|_| stamp(run.at)),
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": null,
                "annotations_count": 0,
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": null,
            "app": self.identities.app.as_ref().map(|it| self.app_view(it)),
            "pull_requests": [],
        })
    }

    pub(crate) fn deployment_view(&self, repository: &str, run: &Run) -> Value {
        let api = format!("{}/repos/{repository}", self.base);
        let url = format!("{api}/deployments/{}", run.deployment);
        json!({
            "id": run.deployment,
            "node_id": format!("DE_{}", run.deployment),
            "url": url,
            "sha": run.sha,
            "ref": "main",
            "task": "deploy",
            "payload": {},
            "environment": run.environment,
            "description": null,
            "creator": self.account("a-developer"),
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "statuses_url": format!("{url}/statuses"),
            "repository_url": api,
        })
    }
}

/// Members that end in `_url`, all of one shape.
const REPOSITORY_URLS: &[&str] = &[
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
];
