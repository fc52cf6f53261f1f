//! Finds `pg_dump` and `pg_restore`, and runs them.
//!
//! Why PostgreSQL's own programs: what a dump must contain and in which order is theirs to know, for each version anew.
//! Why the newest ones: they read every older server and refuse every newer one.
//!
//! Why the connection goes by the environment: a command line is read by every user of the machine, an environment by its
//! owner alone. What would make the programs look elsewhere than the connection string says (`~/.pgpass`, a service file,
//! our own `PG*`) is kept from them.
//!
//! Its session there may stay until the server next writes to it: whoever may meet locks gives `--lock-wait-timeout`.
//!
//! Invariants:
//! - no program outlives its limit, its caller or us;
//! - what a program prints is read to its end and kept only to a bound, without the password;
//! - of its complaints no value of a row is shown (see `complaints`).

mod complaints;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::dsn::{Dsn, Host, TlsMode};
use crate::leash;
use crate::local::binaries::{self, DIRECTORY_VARIABLE};
use crate::secret::Secret;

/// A list of a dump's contents has a line of some 80 bytes for each object.
const MOST_PRINTED: u64 = 16 << 20;
/// What an error shows of the complaints, in characters, and what is kept of them until then, in bytes: so much more that a
/// password is masked whole.
const TAIL: usize = 2_000;
const KEPT: usize = 8 * TAIL;
/// For what is left in the pipes once the program is dead.
const REST: Duration = Duration::from_secs(2);
/// The first whose library takes the system's roots, by this name.
const KNOWS_THE_SYSTEMS_ROOTS: u32 = 16;

/// `pg_dump` and `pg_restore` of one installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Programs {
    /// The major version: servers up to it can be dumped.
    pub version: u32,
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Dump,
    Restore,
}

impl Program {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dump => "pg_dump",
            Self::Restore => "pg_restore",
        }
    }
}

/// Which database, and what is trusted where its connection string names no roots.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub dsn: &'a Dsn,
    pub password: Option<&'a Secret>,
    pub roots: Option<&'a Path>,
}

/// One run. The arguments are seen by everybody on the machine.
#[derive(Debug)]
pub struct Job<'a> {
    pub program: Program,
    pub arguments: Vec<OsString>,
    /// `None` where the program works on files alone.
    pub place: Option<Place<'a>>,
    pub limit: Duration,
}

/// Why a program did not do it. No variant carries a password.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error(
        "find pg_dump and pg_restore: they are neither on the PATH nor where PostgreSQL is installed; install PostgreSQL's client programs, or name their directory in {DIRECTORY_VARIABLE}"
    )]
    NoPrograms,
    #[error("start {program}")]
    Start { program: &'static str, source: io::Error },
    #[error("{program} ended with {status}{}", complained(.tail))]
    Ended { program: &'static str, status: ExitStatus, tail: String },
    #[error("{program} was not done within {} s and was ended{}", .limit.as_secs(), complained(.tail))]
    Late { program: &'static str, limit: Duration, tail: String },
    #[error("{program} printed more than {MOST_PRINTED} bytes")]
    TooMuch { program: &'static str },
    #[error("{program} was stopped before its end")]
    Stopped { program: &'static str },
}

fn complained(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; the last that it said: {tail}") }
}

impl Programs {
    /// The directory that the environment names, else the newest installation.
    pub async fn find() -> Result<Self, DumpError> {
        // Each candidate is run once to say its version.
        let found = tokio::task::spawn_blocking(|| match std::env::var_os(DIRECTORY_VARIABLE) {
            Some(named) if !named.is_empty() => Self::at(Path::new(&named)),
            _ => Self::all().pop_last(),
        });
        found.await.ok().flatten().ok_or(DumpError::NoPrograms)
    }

    /// Every installation on this machine, oldest first.
    fn all() -> BTreeSet<Self> {
        binaries::candidates().iter().filter_map(|it| Self::at(it)).collect()
    }

    fn at(directory: &Path) -> Option<Self> {
        let directory = directory.canonicalize().ok()?;
        let both = [Program::Dump, Program::Restore].map(|it| directory.join(it.name()).is_file());
        if both != [true; 2] {
            return None;
        }
        let version = binaries::version(&directory, Program::Dump.name())?;
        Some(Self { version, directory })
    }

    /// Runs it to its end and returns what it printed.
    pub async fn run(&self, job: &Job<'_>, stop: &CancellationToken) -> Result<String, DumpError> {
        let program = job.program.name();
        let mut command = leash::command(&self.directory.join(program));
        command.args(&job.arguments).envs(self.environment(job.place));
        let mut child = command.spawn().map_err(|source| DumpError::Start { program, source })?;
        let lifeline = child.stdin.take();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (mut printed, mut complaints) = (Vec::new(), Vec::new());
        let running = async {
            let (fits, (), status) = tokio::join!(
                read(out, &mut printed),
                keep_tail(err, &mut complaints),
                child.wait()
            );
            (fits, status)
        };
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Err(DumpError::Stopped { program }),
            ended = timeout(job.limit, running) => Ok(ended),
        };
        drop(lifeline);
        // What was killed is waited for, so that nobody writes any more when this returns.
        timeout(REST, child.wait()).await.map(drop).unwrap_or_default();
        let tail = shown(job.program, &complaints, job.place.and_then(|it| it.password));
        match ended? {
            Err(_elapsed) => Err(DumpError::Late { program, limit: job.limit, tail }),
            Ok((_, Err(source))) => Err(DumpError::Start { program, source }),
            Ok((_, Ok(status))) if !status.success() => {
                Err(DumpError::Ended { program, status, tail })
            }
            Ok((Fits::No, _)) => Err(DumpError::TooMuch { program }),
            Ok((Fits::Yes, _)) => Ok(String::from_utf8_lossy(&printed).into_owned()),
        }
    }

    /// All that the program is told of the world.
    fn environment(&self, place: Option<Place<'_>>) -> Vec<(&'static str, OsString)> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // No such home: neither a password file nor a key that lies in ours is found.
        let mut told: Vec<(&'static str, OsString)> =
            vec![("PATH", path), ("HOME", "/nonexistent".into()), ("LC_ALL", "C".into())];
        told.extend(std::env::var_os("TMPDIR").map(|it| ("TMPDIR", it)));
        let Some(place) = place else { return told };
        let text = connection(place.dsn).into_iter().map(|(name, value)| (name, value.into()));
        told.extend(text);
        if let Some(password) = place.password {
            told.push(("PGPASSWORD", password.expose().into()));
            // As in a visit: whoever asks for the password itself does not get it. Older libraries do not know it.
            told.push(("PGREQUIREAUTH", "scram-sha-256".into()));
        }
        told.push(("PGPASSFILE", "/dev/null".into()));
        let checks = matches!(place.dsn.tls, TlsMode::VerifyCa | TlsMode::VerifyFull);
        let named = place.dsn.root_certificate.as_deref().or(place.roots.filter(|_| checks));
        match named {
            Some(roots) => told.push(("PGSSLROOTCERT", roots.into())),
            // The library takes the system's roots only together with the strictest check.
            None if KNOWS_THE_SYSTEMS_ROOTS <= self.version
                && place.dsn.tls == TlsMode::VerifyFull =>
            {
                told.push(("PGSSLROOTCERT", "system".into()));
            }
            None => {}
        }
        told
    }
}

/// A connection string in the words of the library's environment.
fn connection(dsn: &Dsn) -> Vec<(&'static str, String)> {
    let each =
        |text: &dyn Fn(&Host) -> String| dsn.hosts.iter().map(text).collect::<Vec<_>>().join(",");
    let mut told = vec![
        ("PGHOST", each(&|it| it.name.text().to_string())),
        ("PGPORT", each(&|it| it.port.to_string())),
        ("PGUSER", dsn.user.to_string()),
        ("PGDATABASE", dsn.database.to_string()),
        ("PGSSLMODE", dsn.tls.label().to_owned()),
        ("PGCHANNELBINDING", dsn.channel_binding.label().to_owned()),
        ("PGTARGETSESSIONATTRS", dsn.session.label().to_owned()),
        ("PGAPPNAME", "watertight".to_owned()),
    ];
    if dsn.hosts.iter().any(|it| it.address.is_some()) {
        let address = |it: &Host| it.address.map(|it| it.to_string());
        told.push(("PGHOSTADDR", each(&|it| address(it).unwrap_or_default())));
    }
    if let Some(limit) = dsn.connect_timeout {
        told.push(("PGCONNECT_TIMEOUT", limit.as_secs().to_string()));
    }
    told.extend(dsn.options.iter().map(|it| ("PGOPTIONS", it.to_string())));
    told
}

enum Fits {
    Yes,
    No,
}

/// To the end, however much of it is kept: nobody is to wait for a reader.
async fn read(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Fits {
    let Some(mut stream) = stream else { return Fits::Yes };
    let mut first = (&mut stream).take(MOST_PRINTED);
    first.read_to_end(into).await.unwrap_or_default();
    let rest = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap_or_default();
    if rest == 0 { Fits::Yes } else { Fits::No }
}

/// The last of it.
async fn keep_tail(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        into.extend_from_slice(&piece[..length]);
        into.drain(..into.len().saturating_sub(KEPT));
    }
}

/// The last complaints on one line.
fn shown(program: Program, complaints: &[u8], password: Option<&Secret>) -> String {
    let mut text = String::from_utf8_lossy(complaints).into_owned();
    if let Some(password) = password.map(Secret::expose).filter(|it| !it.is_empty()) {
        text = text.replace(password, "***");
    }
    let lines = complaints::without_values(program, &text);
    let line: String = lines.join("; ").chars().filter(|it| !it.is_control()).collect();
    let from = line.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    line[from..].to_owned()
}

#[cfg(test)]
mod tests;
