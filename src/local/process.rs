//! A server as a child that cannot outlive us, and commands that end by themselves.
//!
//! Why a shell stands over each server: it waits for the server and for the end of its own input at once. When our
//! end of that pipe closes, in whatever way, it ends the server, wakes it first if it is frozen, and kills it after
//! five seconds. The pipe is closed in every other child (Rust opens it so), hence nobody else keeps it open.
//!
//! Why the log is locked: whoever comes after us must know when the last process of a server has ended. The lock goes
//! with the open file, which each of them inherits as its output, and the system gives it back after the last of them.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::LocalError;
use super::ground::Ground;

/// Takes the file that says it is running, the signal that ends the server, and the command.
///
/// It ignores the hang-up that a system sends to a group which loses its parent while one of its members is stopped:
/// just then, with a frozen server, it is needed.
const GUARD: &str = r#"
trap '' HUP INT TERM
running=$1
fatal=$2
shift 2
: >"$running" || exit 1
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
printf '%s\n' "$server" >"$running"
(
  while read -r _; do :; done
  kill -s "$fatal" "$server"
  kill -s CONT "$server"
  tries=0
  while [ "$tries" -lt 50 ] && kill -s 0 "$server"; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -s KILL "$server"
) <&3 3<&- >/dev/null 2>&1 &
guard=$!
exec 3<&- </dev/null
wait "$server"
status=$?
kill -s KILL "$guard" 2>/dev/null
rm -f "$running"
exit "$status"
"#;

/// How much of a log an error shows.
const TAIL_BYTES: u64 = 2_000;

/// Between two looks at something that has no event to wait for.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A running server. Dropping it ends the server.
#[derive(Debug)]
pub struct Process {
    shell: Child,
    /// Held apart from the shell, because waiting for a child closes its input, and here that ends the server at once.
    _lifeline: Option<ChildStdin>,
    running: PathBuf,
    log: PathBuf,
    command: String,
}

/// The signals that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Hangup,
    Interrupt,
    Quit,
    Terminate,
    Kill,
    Stop,
    Continue,
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Hangup => "HUP",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

impl Process {
    /// `fatal` ends the server when we are gone. The log is `<name>.log` on the ground, begun anew.
    pub fn start(
        ground: &Ground,
        name: &str,
        fatal: Signal,
        command: &[&OsStr],
    ) -> Result<Self, LocalError> {
        let log = ground.path().join(format!("{name}.log"));
        let running = ground.path().join(format!("{name}.running"));
        let output = File::create(&log).map_err(LocalError::file("write", &log))?;
        // Where it cannot be had, nobody will be able to ask for it either.
        output.try_lock().ok();
        let errors = output.try_clone().map_err(LocalError::file("write", &log))?;
        let title = title(command);
        let mut shell = as_account(Command::new("sh"), ground);
        shell
            .args(["-c", GUARD, "sh"])
            .arg(&running)
            .arg(fatal.name())
            .args(command)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors);
        let mut shell =
            shell.spawn().map_err(|source| LocalError::Spawn { command: title.clone(), source })?;
        let lifeline = shell.stdin.take();
        Ok(Self { shell, _lifeline: lifeline, running, log, command: title })
    }

    /// The server's own process id, once it has one.
    pub fn id(&self) -> Option<u32> {
        fs::read_to_string(&self.running).ok()?.trim().parse().ok()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<LocalError> {
        let status = self.shell.try_wait().ok().flatten()?;
        Some(LocalError::Ended {
            command: self.command.clone(),
            status: status.to_string(),
            tail: self.tail(),
        })
    }

    pub async fn signal(&self, signal: Signal) -> Result<(), LocalError> {
        // Between `start` and the shell's first lines there is no server yet.
        let known = timeout(Duration::from_secs(10), async {
            loop {
                match self.id() {
                    Some(id) => return id,
                    None => sleep(LOOK_AGAIN).await,
                }
            }
        });
        let limit = Duration::from_secs(10);
        let id = known.await.map_err(|_elapsed| self.late(limit))?.to_string();
        let arguments = ["-c", r#"kill -s "$1" "$2""#, "sh", signal.name(), &id];
        let status = Command::new("sh")
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .map_err(|source| LocalError::Spawn { command: "kill".to_owned(), source })?;
        if status.success() { Ok(()) } else { Err(self.failed("signal it", status)) }
    }

    /// Waits for the server's end.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus, LocalError> {
        match timeout(limit, self.shell.wait()).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(source)) => Err(LocalError::Spawn { command: self.command.clone(), source }),
            Err(_elapsed) => Err(self.late(limit)),
        }
    }

    /// Looks until `look` finds something, the server ends, or the time is up.
    pub(crate) async fn until<T>(
        &mut self,
        limit: Duration,
        look: impl Fn() -> Option<T>,
    ) -> Result<T, LocalError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = look() {
                return Ok(found);
            }
            if let Some(error) = self.ended() {
                return Err(error);
            }
            if deadline <= Instant::now() {
                return Err(self.late(limit));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    pub fn tail(&self) -> String {
        tail(&self.log)
    }

    fn late(&self, limit: Duration) -> LocalError {
        LocalError::Late { command: self.command.clone(), limit, tail: self.tail() }
    }

    fn failed(&self, what: &str, status: ExitStatus) -> LocalError {
        LocalError::Ended {
            command: format!("{} ({what})", self.command),
            status: status.to_string(),
            tail: self.tail(),
        }
    }
}

/// Waits until no process is left of the server of that name, whoever started it.
pub(crate) async fn until_gone(
    ground: &Ground,
    name: &str,
    limit: Duration,
) -> Result<(), LocalError> {
    let log = ground.path().join(format!("{name}.log"));
    let deadline = Instant::now() + limit;
    loop {
        let gone = match File::open(&log) {
            Ok(file) => !matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(LocalError::file("read", &log)(error)),
        };
        if gone {
            return Ok(());
        }
        if deadline <= Instant::now() {
            let command = format!("the end of {name}");
            return Err(LocalError::Late { command, limit, tail: tail(&log) });
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Runs a command to its end, as the servers' account.
pub(crate) async fn run(
    ground: &Ground,
    limit: Duration,
    command: &[&OsStr],
) -> Result<(), LocalError> {
    let title = title(command);
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let output = as_account(Command::new(program), ground)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(limit, output).await {
        Err(_elapsed) => Err(LocalError::Late { command: title, limit, tail: String::new() }),
        Ok(Err(source)) => Err(LocalError::Spawn { command: title, source }),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let from = text.len().saturating_sub(usize::try_from(TAIL_BYTES).unwrap_or(0));
            let from = (from..text.len()).find(|it| text.is_char_boundary(*it)).unwrap_or(0);
            let tail = text[from..].to_owned();
            Err(LocalError::Ended { command: title, status: output.status.to_string(), tail })
        }
    }
}

/// Runs in the ground's directory, because an account may not read ours, and in a group of its own, because Ctrl-C
/// is for us. Messages are English whatever the terminal speaks.
fn as_account(mut command: Command, ground: &Ground) -> Command {
    command.current_dir(ground.path()).process_group(0).env("LC_ALL", "C").env_remove("PGDATA");
    for variable in ["PGOPTIONS", "PGPORT", "PGHOST", "PGDATABASE", "PGUSER", "PGPASSWORD"] {
        command.env_remove(variable);
    }
    if let Some(account) = ground.account() {
        // Setting the user of a root process also drops its supplementary groups.
        command.gid(account.group).uid(account.user);
    }
    command
}

/// The program's name alone: arguments may be long, and one day secret.
fn title(command: &[&OsStr]) -> String {
    let program = command.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    program.to_string_lossy().into_owned()
}

fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_else(|error| format!("(no log: {error})"))
}
