//! A cluster of its own for each tenant, on this machine: for development, tests and the demonstration.
//!
//! Why a creation answers before anything is made: so does every provider with machines of its own, and what is built on
//! the trait should not learn otherwise here.
//!
//! Why all servers start when the directory is opened, and not when one is asked for: a tenant's application and the scan
//! come by the URL, and never ask us.
//!
//! Invariants:
//! - a project's directory and its record appear in one step and vanish in one step, whenever we are killed;
//! - its servers end with this value, its data stay;
//! - one process at a time has the directory.

mod board;
mod life;
mod record;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use self::board::{Board, Entry, Standing};
use self::life::{APPLICATION, CLUSTER, Life};
use self::record::Record;
use super::verifier::verifier;
use super::{
    Answer, NewProject, Project, Provider, ProviderError, ProviderKind, Readiness, Refusal, Region,
};
use crate::clock;
use crate::dsn::Dsn;
use crate::local::LocalError;
use crate::local::binaries::Binaries;
use crate::local::cluster::{Cluster, free_port};
use crate::local::ground::Ground;
use crate::secret::Secret;

/// What begins with these is on its way into the directory or out of it, and is swept away at the next opening.
const COMING: &str = ".new-";
const GOING: &str = ".gone-";
/// In hexadecimal digits.
const REFERENCE_LENGTH: usize = 20;
/// For whoever had the directory before us to let go of it: its servers' guards wait five seconds.
const TAKE_OVER: Duration = Duration::from_secs(20);
/// Between two looks at a directory that another process still has.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// For one project's servers to end, a loaded machine included.
const END: Duration = Duration::from_secs(30);
/// Until readiness is worth another question.
const SOON: Duration = Duration::from_secs(1);

/// The projects of one directory. Dropping it ends their servers.
#[derive(Debug)]
pub struct Local {
    ground: Ground,
    binaries: Binaries,
    board: Board,
    /// By reference. Aborted when dropped.
    tasks: Mutex<BTreeMap<Box<str>, AbortOnDropHandle<()>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalOptions {
    /// Made where it is not there, closed to others, and given to the account that the servers run as.
    pub directory: PathBuf,
}

impl Local {
    /// Takes the directory and starts what is in it. Returns before the servers are up.
    pub async fn open(options: &LocalOptions) -> Result<Self, LocalError> {
        let binaries = Binaries::find()?;
        let ground = take(&options.directory).await?;
        let local = Self { ground, binaries, board: Board::default(), tasks: Mutex::default() };
        for (name, path) in entries(local.ground.path())? {
            if name.starts_with(COMING) || name.starts_with(GOING) {
                local.sweep(&name).await?;
            } else if is_reference(&name) {
                local.begin(&name, Record::read(&path))?;
            }
        }
        Ok(local)
    }

    fn plot(&self, name: &str) -> Result<Ground, LocalError> {
        self.ground.plot(name).ok_or_else(|| LocalError::Held(self.ground.path().to_owned()))
    }

    fn begin(&self, reference: &str, record: Option<Record>) -> Result<(), LocalError> {
        let standing = match record {
            Some(_) => Standing::Coming("its turn has not come"),
            None => Standing::Failed("its record cannot be read".into()),
        };
        self.board.add(reference, Entry { record: record.clone(), standing });
        let Some(record) = record else { return Ok(()) };
        let life = Life {
            reference: reference.into(),
            plot: self.plot(reference)?,
            binaries: self.binaries.clone(),
            board: self.board.clone(),
        };
        #[expect(clippy::disallowed_methods, reason = "aborted when dropped, and awaited by `end`")]
        let task = AbortOnDropHandle::new(tokio::spawn(life.live(record)));
        self.tasks().insert(reference.into(), task);
        Ok(())
    }

    /// Made under another name first, so that what bears a reference is never without its record.
    fn lay_out(&self, wanted: &NewProject) -> Result<Project, LocalError> {
        let reference = new_reference();
        let taken = self.board.ports();
        let port = (0..100).find_map(|_| free_port().filter(|it| !taken.contains(it)));
        let record = Record {
            name: wanted.name.clone(),
            created_at: clock::now(),
            port: port.ok_or(LocalError::NoPort { tried: 100 })?,
            unmade: Some(verifier(&wanted.password)),
        };
        let unfinished = self.plot(&format!("{COMING}{reference}"))?;
        self.ground.make_directory(unfinished.path())?;
        record.write(&unfinished)?;
        let path = self.ground.path().join(&reference);
        fs::rename(unfinished.path(), &path).map_err(LocalError::file("create", &path))?;
        let project = Project {
            reference: reference.as_str().into(),
            name: record.name.clone(),
            region: None,
            state: super::ProjectState::Coming,
            created_at: Some(record.created_at),
            branch: false,
        };
        self.begin(&reference, Some(record))?;
        Ok(project)
    }

    async fn end(&self, reference: &str) -> Result<(), LocalError> {
        if self.board.get(reference).is_none() {
            return Ok(());
        }
        self.board.stand(reference, Standing::Going);
        let task = self.tasks().remove(reference);
        if let Some(task) = task {
            task.abort();
            // It ends at its next wait, and its server with it; `gone` below looks for the server itself.
            drop(timeout(END, task).await);
        }
        Cluster::gone(&self.plot(reference)?, CLUSTER, END).await?;
        let (path, name) = (self.ground.path().join(reference), format!("{GOING}{reference}"));
        match fs::rename(&path, self.ground.path().join(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LocalError::file("remove", &path)(error));
            }
            _ => self.board.remove(reference),
        }
        self.sweep(&name).await
    }

    /// Removes what nobody calls a project, once nothing runs in it.
    async fn sweep(&self, name: &str) -> Result<(), LocalError> {
        let plot = self.plot(name)?;
        Cluster::gone(&plot, CLUSTER, END).await?;
        let path = plot.path().to_owned();
        let place = path.clone();
        let removing = tokio::task::spawn_blocking(move || fs::remove_dir_all(place));
        match removing.await.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LocalError::file("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn address(&self, reference: &str, password: &Secret) -> Result<Secret, ProviderError> {
        const OPERATION: &str = "tell the database's URL";
        let refused = |told: &str| ProviderError::Refused {
            operation: OPERATION,
            refusal: Refusal::Invalid,
            told: told.into(),
        };
        let entry = self.board.get(reference);
        match entry.map(|it| (it.standing, it.record)) {
            Some((Standing::Ready, Some(Record { port, .. }))) => {
                let url = format!(
                    "postgres://{APPLICATION}@127.0.0.1:{port}/{APPLICATION}?sslmode=disable"
                );
                let dsn = Dsn::parse(&url).map_err(|error| refused(&error.to_string()))?;
                Ok(dsn.exposed(Some(password)))
            }
            Some((Standing::Coming(_), _)) => {
                Err(ProviderError::Busy { operation: OPERATION, after: Some(SOON) })
            }
            Some((Standing::Failed(why), _)) => Err(refused(&why)),
            None | Some((Standing::Going | Standing::Ready, _)) => {
                Err(refused("there is no such project"))
            }
        }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<Box<str>, AbortOnDropHandle<()>>> {
        // Nothing in it can be half-written.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Local {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Local
    }

    fn inventory(&self) -> Answer<'_, Vec<Project>> {
        Box::pin(async { Ok(self.board.projects()) })
    }

    fn project<'a>(&'a self, reference: &'a str) -> Answer<'a, Option<Project>> {
        Box::pin(async move {
            let mut projects = self.board.projects().into_iter();
            Ok(projects
                .find(|it| *it.reference == *reference && it.state != super::ProjectState::Going))
        })
    }

    fn named<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Project>> {
        Box::pin(async move {
            Ok(self.board.projects().into_iter().filter(|it| *it.name == *name).collect())
        })
    }

    fn region(&self) -> Answer<'_, Region> {
        Box::pin(async { Ok(Region::None) })
    }

    fn create<'a>(&'a self, wanted: &'a NewProject) -> Answer<'a, Project> {
        // Without a wait: whoever drops it has it done or not begun.
        Box::pin(async move { self.lay_out(wanted).map_err(failed("create a cluster")) })
    }

    fn readiness<'a>(&'a self, reference: &'a str) -> Answer<'a, Readiness> {
        Box::pin(async move {
            Ok(match self.board.get(reference).map(|it| it.standing) {
                None | Some(Standing::Going) => Readiness::Absent,
                Some(Standing::Ready) => Readiness::Ready,
                Some(Standing::Coming(what)) => Readiness::Coming(what.into()),
                Some(Standing::Failed(why)) => Readiness::Failed(why),
            })
        })
    }

    fn url<'a>(&'a self, reference: &'a str, password: &'a Secret) -> Answer<'a, Secret> {
        Box::pin(async move { self.address(reference, password) })
    }

    fn delete<'a>(&'a self, reference: &'a str) -> Answer<'a, ()> {
        Box::pin(async move { self.end(reference).await.map_err(failed("delete a cluster")) })
    }
}

/// Waits for a predecessor that has been told to end, or whose servers are just ending.
async fn take(directory: &Path) -> Result<Ground, LocalError> {
    let deadline = Instant::now() + TAKE_OVER;
    loop {
        match Ground::lasting(directory) {
            Err(LocalError::Held(_)) if Instant::now() < deadline => sleep(LOOK_AGAIN).await,
            other => return other,
        }
    }
}

fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, LocalError> {
    let entries = fs::read_dir(directory).map_err(LocalError::file("read", directory))?;
    entries
        .map(|it| {
            let it = it.map_err(LocalError::file("read", directory))?;
            Ok((it.file_name().to_string_lossy().into_owned(), it.path()))
        })
        .collect()
}

/// Nothing that was done stands in the way of a second call.
fn failed(operation: &'static str) -> impl FnOnce(LocalError) -> ProviderError {
    move |error| ProviderError::Unreachable { operation, source: error.into() }
}

/// With its causes.
fn told(error: &LocalError) -> Box<str> {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |it| it.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ").into()
}

fn new_reference() -> String {
    let mut reference = format!("{:032x}", rand::random::<u128>());
    reference.truncate(REFERENCE_LENGTH);
    reference
}

fn is_reference(name: &str) -> bool {
    name.len() == REFERENCE_LENGTH
        && name.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it))
}
