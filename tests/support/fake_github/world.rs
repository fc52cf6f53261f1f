//! What is there at GitHub, and what a test may look at and change.
//!
//! Invariant: numbers of issues grow by one and are never used twice, as at GitHub.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use watertight::clock;

use super::answer::{Answer, Request};
use super::deployments::{Review, Run};
use super::faults::Faults;
use super::identity::{App, Identities};
use super::limits::{Limits, secondary};
use super::{REPOSITORY, TOKEN, TOKEN_LOGIN};

pub(crate) struct World {
    pub(crate) base: String,
    /// By `owner/name`.
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) identities: Identities,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    pub(crate) lag: Lag,
    /// What was asked and what it was answered, oldest first.
    pub(crate) asked: Vec<Asked>,
    last_id: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) status: u16,
}

/// How far the lists are behind what is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lag {
    /// Lists miss issues that are younger.
    pub(crate) hides: Duration,
    /// Every so many-th list of issues is empty; 0 for none.
    pub(crate) empty_every: usize,
    pub(crate) lists: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) visibility: String,
    pub(crate) has_issues: bool,
    pub(crate) archived: bool,
    pub(crate) default_branch: String,
    /// Of the default branch.
    pub(crate) head: String,
    /// Login to `admin`, `write`, `read`.
    pub(crate) collaborators: BTreeMap<String, String>,
    pub(crate) labels: Vec<Label>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) statuses: Vec<Status>,
    pub(crate) check_runs: Vec<CheckRun>,
    pub(crate) runs: Vec<Run>,
    pub(crate) reviews: Vec<Review>,
}

#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) number: u64,
    /// `None` once the account is gone.
    pub(crate) author: Option<String>,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) open: bool,
    /// `completed`, `not_planned`, `duplicate` or `reopened`.
    pub(crate) reason: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<String>,
    pub(crate) comments: Vec<Comment>,
    /// What was done to it, oldest first.
    pub(crate) acts: Vec<Act>,
    pub(crate) locked: bool,
    pub(crate) is_pull: bool,
    pub(crate) fate: Fate,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    /// Who closed it last.
    pub(crate) closed_by: Option<String>,
    pub(crate) born: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Here,
    Deleted,
    /// The repository's id, and the number there.
    Moved(u64, u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) at: Timestamp,
}

/// GitHub calls it an event.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) id: u64,
    pub(crate) by: String,
    /// `labeled`, `unlabeled`, `closed` or `reopened`.
    pub(crate) what: &'static str,
    pub(crate) label: Option<String>,
    pub(crate) at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) id: u64,
    pub(crate) sha: String,
    pub(crate) state: String,
    pub(crate) context: String,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct CheckRun {
    pub(crate) id: u64,
    pub(crate) sha: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) details_url: Option<String>,
    pub(crate) at: Timestamp,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            base: String::new(),
            repositories: BTreeMap::new(),
            identities: Identities::default(),
            limits: Limits::new(),
            faults: Faults::default(),
            lag: Lag::default(),
            asked: Vec::new(),
            last_id: 1_000,
        };
        world.add_repository(REPOSITORY);
        world.add_account(TOKEN, TOKEN_LOGIN, "write");
        world
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Private and empty.
    pub(crate) fn add_repository(&mut self, name: &str) {
        let id = self.new_id();
        let repository = Repository {
            id,
            visibility: "private".to_owned(),
            has_issues: true,
            archived: false,
            default_branch: "main".to_owned(),
            head: format!("{id:040x}"),
            collaborators: BTreeMap::new(),
            labels: Vec::new(),
            issues: Vec::new(),
            statuses: Vec::new(),
            check_runs: Vec::new(),
            runs: Vec::new(),
            reviews: Vec::new(),
        };
        self.repositories.insert(name.to_owned(), repository);
    }

    /// An account with a token, and its permission in every repository there is.
    pub(crate) fn add_account(&mut self, token: &str, login: &str, permission: &str) {
        self.identities.accounts.insert(token.to_owned(), login.to_owned());
        self.add_person(login, permission);
    }

    pub(crate) fn add_person(&mut self, login: &str, permission: &str) {
        for repository in self.repositories.values_mut() {
            repository.collaborators.insert(login.to_owned(), permission.to_owned());
        }
    }

    /// An App with one installation, which may write in every repository there is.
    pub(crate) fn add_app(&mut self, id: u64, slug: &str, installation: u64, public_key: &str) {
        let public_key = public_key.to_owned();
        let (slug, holds) = (slug.to_owned(), SignedDuration::from_hours(1));
        let login = format!("{slug}[bot]");
        let app = App { id, slug, installation, public_key, given: 0, holds };
        self.identities.app = Some(app);
        self.add_person(&login, "write");
    }

    pub(crate) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.get_mut(name).unwrap_or_else(|| panic!("no repository {name}"))
    }

    pub(crate) fn issue(&mut self, repository: &str, number: u64) -> &mut Issue {
        let issue = self.repository(repository).issue(number);
        issue.unwrap_or_else(|| panic!("no issue {repository}#{number}"))
    }

    /// Those that are there and open, in the order in which they were made.
    pub(crate) fn open_issues(&self, repository: &str) -> Vec<&Issue> {
        let issues = self.repositories.get(repository).into_iter().flat_map(|it| &it.issues);
        issues.filter(|it| it.open && it.fate == Fate::Here && !it.is_pull).collect()
    }

    /// Requests so far that changed something, or were to.
    pub(crate) fn writes(&self) -> usize {
        self.asked.iter().filter(|it| it.request.is_write()).count()
    }

    /// From now on nothing is answered but this, for so long.
    pub(crate) fn refuse_for(&mut self, status: u16, retry_after: Option<u64>) -> Answer {
        self.limits.silence(retry_after.unwrap_or(60));
        secondary(status, retry_after)
    }

    /// Judges, applies and answers one request.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let answer = match self.limits.admit(request) {
            Ok(()) => self.route(request),
            Err(refusal) => refusal,
        };
        let (limit, remaining, used, reset_in) = self.limits.primary();
        let reset = clock::now().as_second() + i64::try_from(reset_in).unwrap_or(i64::MAX);
        self.asked.push(Asked { request: request.clone(), status: answer.status });
        answer
            .with("x-ratelimit-limit", limit)
            .with("x-ratelimit-remaining", remaining)
            .with("x-ratelimit-used", used)
            .with("x-ratelimit-reset", reset)
            .with("x-ratelimit-resource", "core")
    }
}

impl Repository {
    pub(crate) fn issue(&mut self, number: u64) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|it| it.number == number)
    }

    pub(crate) fn may_write(&self, login: &str) -> bool {
        let permission = self.collaborators.get(login).map(String::as_str);
        matches!(permission, Some("admin" | "maintain" | "write"))
    }

    pub(crate) fn may_read(&self, login: &str) -> bool {
        self.visibility == "public" || self.collaborators.contains_key(login)
    }
}
