//! Who we are to GitHub: the name that stands beside what we write.
//!
//! Why it is asked for: anybody can paste our marker into an issue, so a marker counts only in what we have written.

use serde::Deserialize;

use super::Client;
use super::answer::Answer;
use super::error::GitHubError;
use super::operation::Operation;
use http::Method;

/// Compared without regard to case, as GitHub does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Box<str>);

impl Identity {
    pub fn of(login: &str) -> Self {
        Self(login.to_ascii_lowercase().into())
    }

    pub fn is(&self, login: &str) -> bool {
        login.eq_ignore_ascii_case(&self.0)
    }
}

impl Client {
    /// A token's user, or an app's bot.
    pub async fn identity(&self) -> Result<Identity, GitHubError> {
        #[derive(Deserialize)]
        struct User {
            login: String,
        }
        #[derive(Deserialize)]
        struct App {
            slug: String,
        }
        let access = self.access()?;
        let Some(app) = &access.app else {
            let user: User = self.get(Operation::GetIdentity, "/user").await?;
            return Ok(Identity::of(&user.login));
        };
        let sent = self.send(Operation::GetIdentity, app, Method::GET, "/app", String::new());
        let answer: Answer = match sent.await {
            // Of a read, nothing is in doubt.
            Err(GitHubError::Ambiguous { source }) => return Err(GitHubError::unreachable(source)),
            sent => sent?,
        };
        let app: App = answer.json().map_err(GitHubError::unreachable)?;
        Ok(Identity::of(&format!("{}[bot]", app.slug)))
    }
}
