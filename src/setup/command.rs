//! Runs the platform's own setup command, as a group that cannot outlive us.
//!
//! Why so little of our environment: it holds our own tokens and passwords, and a setup script prints its environment
//! sooner or later.
//!
//! Invariants:
//! - what it prints is masked before it is cut, and cut before it is kept;
//! - its output is read to the end, so that it never waits for a reader, and kept only to a bound.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::mask::Mask;
use super::said::Said;
use super::{SetupError, SetupTenant};
use crate::leash;
use crate::secret::Secret;

/// What a program needs to find itself, its home, its language and its roots of trust. Nothing that is ours.
const PASSED_ON: [&str; 11] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
];

/// For what is left in the pipes once everybody who could write to them is dead.
const REST: Duration = Duration::from_secs(2);

pub(super) struct Job<'a> {
    pub(super) program: &'a str,
    pub(super) arguments: &'a [String],
    pub(super) url: &'a Secret,
    pub(super) tenant: SetupTenant<'a>,
    pub(super) limit: Duration,
}

/// Where the program is, as the system would find it; `None` where nothing there can be run.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|it| runs(it));
    }
    let directories = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&directories).map(|it| it.join(program)).find(|it| runs(it))
}

/// How it came to an end.
enum End {
    With(ExitStatus),
    Lost(io::Error),
    Late,
    Stopped,
}

pub(super) async fn run(
    job: &Job<'_>,
    mask: &Mask,
    stop: &CancellationToken,
) -> Result<(), SetupError> {
    let Some(program) = find(job.program) else {
        return Err(SetupError::NoProgram { program: job.program.to_owned() });
    };
    let failed = |source| SetupError::Start { program: job.program.to_owned(), source };
    let mut shell = shell(job, &program).spawn().map_err(failed)?;
    // Held apart from the shell, because waiting for a child closes its input, and here that ends everything.
    let lifeline = shell.stdin.take();
    let said = Said::new(mask, job.tenant.id);
    let mut reading = pin!(said.read(shell.stdout.take(), shell.stderr.take()).fuse());
    let end = Instant::now() + job.limit;
    let ended = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break End::Stopped,
            () = sleep_until(end) => break End::Late,
            status = shell.wait() => break status.map_or_else(End::Lost, End::With),
            () = &mut reading, if !reading.is_terminated() => (),
        }
    };
    drop(lifeline);
    if !reading.is_terminated() {
        timeout(REST, &mut reading).await.unwrap_or_default();
    }
    timeout(REST, shell.wait()).await.map(drop).unwrap_or_default();
    match ended {
        End::Stopped => Err(SetupError::Stopped),
        End::Late => Err(SetupError::Late { limit: job.limit, tail: said.tail() }),
        End::Lost(source) => Err(failed(source)),
        End::With(status) if status.success() => Ok(()),
        End::With(status) => {
            Err(SetupError::Command { status: status.to_string(), tail: said.tail() })
        }
    }
}

fn shell(job: &Job<'_>, program: &Path) -> Command {
    let mut command = leash::command(program);
    command.args(job.arguments);
    command.envs(PASSED_ON.iter().filter_map(|it| Some((it, std::env::var_os(it)?))));
    command
        .env("DATABASE_URL", job.url.expose())
        .env("TENANT_NAME", job.tenant.name)
        .env("TENANT_SUBDOMAIN", job.tenant.subdomain);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_the_system_finds_it() {
        assert!(find("sh").is_some_and(|it| it.is_absolute()));
        assert!(find("/bin/sh").is_some());
        for program in ["/etc", "no-such-program", "/nonexistent/x", ""] {
            assert_eq!(find(program), None, "{program}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display().to_string();
        assert_eq!(find(&path), None, "it is there and may not be run");
    }

    #[test]
    fn nothing_of_ours_is_passed_on() {
        assert!(!PASSED_ON.iter().any(|it| it.starts_with("WATERTIGHT") || it.contains("TOKEN")));
    }
}
