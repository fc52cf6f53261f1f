//! Other programs that cannot outlive us.
//!
//! Why a shell stands over each: it waits for the program and for the end of its own input at once. When our end of that
//! pipe closes, at a limit, when the program is called off or because we died, it kills the whole group, and what the
//! program started with it. Only what leaves its group on purpose, as daemons do, gets away.
//!
//! Invariant: the program runs as long as whoever started it holds the shell's input, and no longer.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// The shell leads the group, so `0` is everything in it. The watcher outlives the shell, and so does the group's number:
/// what the program left behind is killed as well.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
command=$!
( while read -r _; do :; done; kill -s KILL 0 ) <&3 3<&- >/dev/null 2>&1 &
exec 3<&- </dev/null
wait "$command"
"#;

/// Arguments that are added are the program's. Its environment is empty, because ours holds tokens and passwords.
///
/// The shell's input has to be taken out of the child at once and held: waiting for a child closes it.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", GUARD, "sh"])
        .arg(program)
        .env_clear()
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
