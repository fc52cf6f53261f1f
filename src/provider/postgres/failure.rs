//! What the server's refusals and silences mean to whoever asked for something.
//!
//! Why the server's words are passed on for some classes alone: a message may quote what it was given.

use std::time::Duration;

use crate::provider::{ProviderError, Refusal, Trouble};
use crate::tls::session::SessionError;

/// One call, for people and for what its failure leaves open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) kind: CallKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Read,
    Write,
}

/// How a session breaks off.
#[derive(Debug)]
pub(super) enum Broken {
    Server(tokio_postgres::Error),
    /// After something was done that could not be undone.
    HalfDone(tokio_postgres::Error),
    Ended,
}

impl From<tokio_postgres::Error> for Broken {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl CallKind {
    /// Of the whole session. Copying a template may have to wait for a checkpoint of a busy server.
    pub(super) const fn limit(self) -> Duration {
        match self {
            Self::Read => Duration::from_secs(20),
            Self::Write => Duration::from_mins(2),
        }
    }

    /// Shorter than the limit, so that the server gives up first and can say so.
    pub(super) const fn statement_timeout(self) -> &'static str {
        match self {
            Self::Read => "set statement_timeout = '15s'",
            Self::Write => "set statement_timeout = '50s'",
        }
    }
}

impl Call {
    pub(super) fn refused(self, refusal: Refusal, told: &str) -> ProviderError {
        ProviderError::Refused { operation: self.operation, refusal, told: told.into() }
    }

    pub(super) fn not_connected(self, error: SessionError) -> ProviderError {
        let code = match &error {
            SessionError::Connect(error) => error.code().map_or("", |it| it.code()),
            _ => return self.refused(Refusal::Invalid, &error.to_string()),
        };
        let told = || format!("the server refuses the administrator's login ({code})");
        match code {
            "42501" => self.refused(Refusal::Denied, &told()),
            "3D000" => self.refused(Refusal::Invalid, &told()),
            it if it.starts_with("28") => self.refused(Refusal::Denied, &told()),
            it if it.starts_with("53") || it == "57P03" => self.busy(),
            _ => self.unreachable(error.into()),
        }
    }

    pub(super) fn not_answered(self, limit: Duration) -> ProviderError {
        self.unreachable(format!("no session within {limit:?}").into())
    }

    pub(super) fn late(self) -> ProviderError {
        self.open(format!("no answer within {:?}", self.kind.limit()).into())
    }

    pub(super) fn judge(self, broken: &Broken) -> ProviderError {
        let (error, undone) = match broken {
            Broken::Server(error) => (error, true),
            Broken::HalfDone(error) => (error, false),
            Broken::Ended => return self.open("the server ended the session".into()),
        };
        let told = told(error);
        match error.code().map_or("", |it| it.code()) {
            _ if !undone => self.open(told.into()),
            "42501" | "25006" => self.refused(Refusal::Denied, &told),
            // Too many of something, a full disk, a template or a database in use, a lock that somebody keeps.
            "55006" | "55P03" | "57014" | "57P03" => self.busy(),
            it if it.starts_with("53") || it.starts_with("40") => self.busy(),
            it if ["0A", "22", "2B", "42"].iter().any(|class| it.starts_with(class)) => {
                self.refused(Refusal::Invalid, &told)
            }
            _ => self.open(told.into()),
        }
    }

    fn busy(self) -> ProviderError {
        ProviderError::Busy { operation: self.operation, after: None }
    }

    fn unreachable(self, source: Trouble) -> ProviderError {
        ProviderError::Unreachable { operation: self.operation, source }
    }

    /// A read can be asked again; of a write nobody knows.
    fn open(self, source: Trouble) -> ProviderError {
        match self.kind {
            CallKind::Read => self.unreachable(source),
            CallKind::Write => ProviderError::Unknown { operation: self.operation, source },
        }
    }
}

fn told(error: &tokio_postgres::Error) -> String {
    let Some(server) = error.as_db_error() else { return "the connection failed".to_owned() };
    let code = server.code().code();
    let harmless = ["25", "2B", "42501", "42710", "42P04", "42939", "53", "55", "57"];
    if harmless.iter().any(|it| code.starts_with(it)) {
        format!("{} ({code})", server.message())
    } else {
        format!("SQLSTATE {code}")
    }
}
