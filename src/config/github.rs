//! What the section `github` means: who we are there, and how issues are filed.
//!
//! Why the rules stand beside the reading: what is checked here is what the reading relies on.

use jiff::SignedDuration;

use super::Config;
use super::sections::{GitHub, IssueRoute};
use super::values::{Span, Url};
use crate::issues::options::{IssueOptions, Mode, Reminders, Route};
use crate::model::finding::{Kind, Severity};
use crate::model::policy::Pattern;
use crate::schedule::cron::Moments;

/// In characters.
const LONGEST_LABEL: usize = 50;
const LONGEST_INSTANCE: usize = 40;
/// Of one issue.
const MOST_ASSIGNEES: usize = 10;

const REPOSITORY: &str = "write for example \"acme/operations\"";

impl Config {
    /// `None` without the section: no issue is filed.
    pub fn issue_options(&self) -> Option<IssueOptions> {
        let github = self.github.as_ref()?;
        let remind = github.remind.clone().unwrap_or_default();
        let base = |it: &Url| it.expose().trim_end_matches('/').into();
        Some(IssueOptions {
            repository: github.repository.as_str().into(),
            instance: github.instance.as_deref().unwrap_or("default").into(),
            mode: github.mode.as_deref().and_then(Mode::parse).unwrap_or_default(),
            allow_public: github.allow_public,
            routes: github.routes.iter().map(route).collect(),
            reopen_within: span(github.reopen_within, 7 * 24),
            acknowledge_for: span(github.acknowledge_for, 30 * 24),
            umbrella_above: github.umbrella_above.map_or(20, |it| it as usize),
            remind: Reminders {
                critical: remind.critical.map(|it| span(Some(it), 0)),
                high: remind.high.map(|it| span(Some(it), 0)),
            },
            status_url: self.http.public_url.as_ref().map(base),
            runbook_url: github.runbook_url.as_ref().map(base),
        })
    }

    /// When the issue of the daily report is written anew. `None` where there is to be none.
    pub fn daily_report(&self) -> Option<Moments> {
        self.github.as_ref().filter(|it| it.daily_report)?;
        // One that cannot be read stops the start, and is told there.
        Moments::parse(&self.schedule.report, &self.schedule.timezone).ok()
    }
}

fn span(given: Option<Span>, hours: i64) -> SignedDuration {
    let usual = SignedDuration::from_hours(hours);
    given.map_or(usual, |it| SignedDuration::try_from(it.0).unwrap_or(SignedDuration::MAX))
}

fn route(route: &IssueRoute) -> Route {
    let texts = |it: &Option<Vec<String>>| {
        it.iter().flatten().map(|it| it.as_str().into()).collect::<Vec<Box<str>>>()
    };
    let patterns = texts(&route.tenants).into_iter();
    Route {
        kinds: route.kinds.iter().flatten().filter_map(|it| Kind::parse(it)).collect(),
        severity: route.severity.as_deref().and_then(Severity::parse),
        tenants: patterns.map(|it| Pattern(it.trim().to_lowercase().into())).collect(),
        repository: route.repository.as_deref().map(Into::into),
        assignees: texts(&route.assignees),
        labels: texts(&route.labels),
    }
}

/// What is wrong with the section: key, message, remedy.
pub(super) fn problems(github: &GitHub) -> Vec<(String, String, String)> {
    let mut told = Vec::new();
    let mut tell = |key: &str, message: &str, remedy: &str| {
        told.push((format!("github.{key}"), message.to_owned(), remedy.to_owned()));
    };
    if !is_repository(&github.repository) {
        tell("repository", "it is no repository", REPOSITORY);
    }
    let app =
        [github.app_id.is_some(), github.installation_id.is_some(), github.private_key.is_some()];
    match (github.token.is_some(), app) {
        (true, [false, false, false]) | (false, [true, true, true]) => {}
        (true, _) => tell(
            "token",
            "an app's id, installation or key stands beside it",
            "keep one of the two",
        ),
        (false, [false, false, false]) => {
            tell(
                "token",
                super::walk::MISSING,
                "write `token = \"${GITHUB_TOKEN}\"`, or an app's three keys",
            );
        }
        (false, _) => tell(
            "app_id",
            "an app needs app_id, installation_id and private_key",
            "write all three",
        ),
    }
    if let Some(url) = &github.api_url
        && !url.is_safe()
    {
        tell(
            "api_url",
            "it is no https address",
            "write for example \"https://git.example.com/api/v3\"",
        );
    }
    if github.instance.as_ref().is_some_and(|it| !is_word(it)) {
        let message =
            format!("it is not 1 to {LONGEST_INSTANCE} letters, digits, '-', '_' and '.'");
        tell("instance", &message, "write for example \"production\"");
    }
    for (index, route) in github.routes.iter().enumerate() {
        let place = |key: &str| format!("routes[{}].{key}", index + 1);
        if route.repository.as_ref().is_some_and(|it| !is_repository(it)) {
            tell(&place("repository"), "it is no repository", REPOSITORY);
        }
        if route.kinds.iter().flatten().any(|it| Kind::parse(it).is_none()) {
            tell(
                &place("kinds"),
                "it names no finding's kind",
                "write for example [\"shared_cluster\"]",
            );
        }
        let long = |it: &String| LONGEST_LABEL < it.chars().count() || it.contains(',');
        if route.labels.iter().flatten().any(long) {
            let message =
                format!("a label is longer than {LONGEST_LABEL} characters, or holds a comma");
            tell(&place("labels"), &message, "shorten it");
        }
        if route.assignees.as_ref().is_some_and(|it| MOST_ASSIGNEES < it.len()) {
            let message = format!("an issue has at most {MOST_ASSIGNEES} assignees");
            tell(&place("assignees"), &message, "leave some out");
        }
    }
    told
}

/// `owner/name`, in the letters that GitHub allows: it becomes part of every route.
fn is_repository(text: &str) -> bool {
    let allowed = |it: &str| {
        (1..=100).contains(&it.len())
            && !matches!(it, "." | "..")
            && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
    };
    text.split_once('/').is_some_and(|(owner, name)| allowed(owner) && allowed(name))
}

fn is_word(text: &str) -> bool {
    (1..=LONGEST_INSTANCE).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
}
