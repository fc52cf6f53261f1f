//! How a request to GitHub fails, in the words that decide what is done next.
//!
//! Why ambiguity is a word of its own: "it failed" and "nobody knows whether it was done" ask for opposite things. The
//! first is tried again, the second is looked up.

use std::time::Duration;

use jiff::Timestamp;

use crate::secret::SecretError;

#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// Nothing was sent: the credentials cannot be used.
    #[error("use the credentials for GitHub")]
    Credentials { source: CredentialsError },
    /// 401. Nothing was done.
    #[error("GitHub does not know our credentials")]
    Unauthorized,
    /// 403 without a limit. Nothing was done.
    #[error("GitHub refuses it: {what}")]
    Forbidden { what: Box<str> },
    /// 404: it is not there, or we may not know of it.
    #[error("GitHub has no such thing, or hides it from us")]
    NotFound,
    /// 410: it was deleted, or the feature is switched off.
    #[error("GitHub says that it is gone")]
    Gone,
    /// A redirect that was not followed: the thing lives elsewhere.
    #[error("GitHub says that it has moved")]
    Moved,
    /// The conversation is locked.
    #[error("GitHub says that it is locked")]
    Locked,
    /// 422 and other refusals of what was sent. Nothing was done.
    #[error("GitHub does not take what was sent: {what}")]
    Unprocessable { what: Box<str> },
    /// Nothing was done, and nothing is sent before that time.
    #[error("GitHub asks us to wait until {until}")]
    Limited { until: Timestamp },
    /// Nothing was changed.
    #[error("GitHub cannot be reached")]
    Unreachable { source: Trouble },
    /// A write that may have been done or not.
    #[error("nobody knows whether GitHub did it")]
    Ambiguous { source: Trouble },
}

impl GitHubError {
    pub(super) fn unreachable(source: Trouble) -> Self {
        Self::Unreachable { source }
    }

    pub(super) fn ambiguous(source: Trouble) -> Self {
        Self::Ambiguous { source }
    }

    /// Whether a write that failed so may have been done all the same.
    pub const fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Ambiguous { .. })
    }
}

/// What stood between us and a clear answer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("no answer within {limit:?}")]
    TimedOut { limit: Duration },
    #[error("the connection failed")]
    Connection { source: Box<octocrab::Error> },
    #[error("it answered with the status {status}")]
    Status { status: u16 },
    #[error("its answer is longer than {most} bytes, or ended early")]
    Body { most: usize },
    #[error("what was sent or answered is not the JSON that it should be")]
    NotJson { source: serde_json::Error },
    #[error("a list did not end")]
    Endless,
    #[error("no request can be made of the route")]
    NoRoute { source: http::Error },
}

#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the token holds characters that no header can carry")]
    Token,
    #[error("the app's private key is not an RSA key in PEM")]
    Key,
    #[error("build the client")]
    Client { source: Box<octocrab::Error> },
}

impl From<CredentialsError> for GitHubError {
    fn from(source: CredentialsError) -> Self {
        Self::Credentials { source }
    }
}
