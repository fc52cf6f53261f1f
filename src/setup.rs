//! The platform's own setup of a tenant's database: its SQL files in order, or its own command.
//!
//! Why either runs again from its beginning: what a setup has done is known to nobody but the platform, and we write
//! nothing of our own into a tenant's database but its stamp. Within one life a setup that fails is undone with the whole
//! database. After a crash in its middle nobody can know how far it came, so it begins anew: files and commands that can
//! run twice then go on, and any other fails, and the database is undone.
//!
//! Invariants:
//! - it ends within its limit, and so does everything that it started;
//! - each file is one transaction: done whole, or not at all;
//! - no password and no URL stands in a log line or an error, whatever the setup prints.

mod command;
pub mod files;
mod mask;
mod said;
mod sql;
pub mod statements;

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::files::FileError;
use self::mask::Mask;
use crate::dsn::{Dsn, DsnError};
use crate::model::tenant::TenantId;
use crate::probe::Prober;
use crate::secret::Secret;

/// Of the whole setup, where nobody says otherwise: a schema with some hundred tables takes seconds, and `npx` may fetch
/// its program first.
pub const LIMIT: Duration = Duration::from_mins(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupPlan {
    pub way: SetupWay,
    /// Of the whole.
    pub limit: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupWay {
    /// A directory of SQL files.
    Sql(PathBuf),
    /// A program and its arguments. It runs where we run.
    Command { program: String, arguments: Vec<String> },
}

/// Whose database is set up, in the words of the platform.
#[derive(Clone, Copy, Debug)]
pub struct SetupTenant<'a> {
    pub id: &'a TenantId,
    pub name: &'a str,
    pub subdomain: &'a str,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupDone {
    /// The files' names, in their order.
    Sql(Vec<String>),
    Command,
}

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("read the connection string for the setup")]
    Url(#[from] DsnError),
    #[error(transparent)]
    Files(#[from] FileError),
    #[error("the setup's program {program:?} is not there, or may not be run")]
    NoProgram { program: String },
    #[error("reach the database for its setup: {detail}")]
    Reach { detail: String },
    /// Nothing of this file is done; the files before it are.
    #[error("run {file}{}: {detail}", at(*.line))]
    Sql { file: String, line: Option<usize>, detail: String },
    #[error("start the setup's program {program:?}")]
    Start { program: String, source: std::io::Error },
    /// With the last of what it printed.
    #[error("the setup's program ended with {status}{}", printed(.tail))]
    Command { status: String, tail: String },
    #[error("the setup was not done within {} s and was ended{}", .limit.as_secs(), printed(.tail))]
    Late { limit: Duration, tail: String },
    #[error("the setup was stopped before its end")]
    Stopped,
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |it| format!(", line {it}"))
}

fn printed(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; the last that it printed:\n{tail}") }
}

impl SetupPlan {
    /// Whether it could begin: the files are there and can be run as they are, or the program is there. Nothing is run.
    pub fn check(&self) -> Result<(), SetupError> {
        match &self.way {
            SetupWay::Sql(directory) => files::read(directory).map(drop).map_err(Into::into),
            SetupWay::Command { program, .. } => match command::find(program) {
                Some(_) => Ok(()),
                None => Err(SetupError::NoProgram { program: program.clone() }),
            },
        }
    }
}

/// Sets up the database that the URL leads to.
pub async fn run(
    plan: &SetupPlan,
    prober: &Prober,
    url: &Secret,
    tenant: SetupTenant<'_>,
    stop: &CancellationToken,
) -> Result<SetupDone, SetupError> {
    let mask = Mask::of(url, &Dsn::parse(url.expose())?);
    match &plan.way {
        SetupWay::Sql(directory) => {
            let files = files::read(directory)?;
            let running = sql::run(&files, prober, url, tenant.id, &mask, plan.limit);
            tokio::select! {
                biased;
                () = stop.cancelled() => Err(SetupError::Stopped),
                done = tokio::time::timeout(plan.limit, running) => match done {
                    Ok(done) => done.map(SetupDone::Sql),
                    Err(_elapsed) => {
                        Err(SetupError::Late { limit: plan.limit, tail: String::new() })
                    }
                },
            }
        }
        SetupWay::Command { program, arguments } => {
            let job = command::Job { program, arguments, url, tenant, limit: plan.limit };
            command::run(&job, &mask, stop).await.map(|()| SetupDone::Command)
        }
    }
}
