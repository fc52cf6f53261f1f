//! Whether somebody may write to a repository.
//!
//! Why asked anew each time: what a person says on an issue silences a finding, and whoever left the team yesterday says
//! nothing any more. Why of writing: closing and labelling are open to those who may only sort issues.

use serde::Deserialize;

use super::Client;
use super::error::GitHubError;
use super::operation::Operation;

#[derive(Deserialize)]
struct View {
    permission: String,
}

impl Client {
    pub async fn may_write(&self, repository: &str, login: &str) -> Result<bool, GitHubError> {
        // A bot's name is in brackets.
        let login = login.replace('[', "%5B").replace(']', "%5D");
        let route = format!("/repos/{repository}/collaborators/{login}/permission");
        match self.get::<View>(Operation::GetPermission, &route).await {
            Ok(view) => Ok(matches!(view.permission.as_str(), "admin" | "write")),
            // GitHub knows no such collaborator.
            Err(GitHubError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
