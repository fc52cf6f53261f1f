//! The ground that throwaway servers stand on: a directory of their own, and whoever clears it away.
//!
//! Why a shell as the watchman: a destructor does not run on Ctrl-C or `kill -9`, a death signal exists on Linux alone
//! and is tied to the thread that forked, and this crate forbids the `unsafe` that a forked watchman of our own would
//! need. A pipe that closes is seen on every system, however its writer ended.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::LocalError;

/// Waits for our end, then for the servers' ends (their `.running` files), then removes the directory, trying again
/// while something still writes into it. Both waits end after a minute of a machine that is overloaded.
const WATCHMAN: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
tries=0
while [ "$tries" -lt 600 ] && ls "$1"/*.running >/dev/null 2>&1; do
  sleep 0.1
  tries=$((tries + 1))
done
tries=0
while [ "$tries" -lt 300 ] && ! rm -rf "$1" 2>/dev/null; do
  sleep 0.2
  tries=$((tries + 1))
done
"#;

/// Clusters made or started at once. More only wait for each other on a small machine, and run into deadlines.
pub(super) const AT_ONCE: usize = 4;

/// A directory for servers. A throwaway one is removed when the last clone is dropped, after the servers in it have
/// ended.
#[derive(Clone, Debug)]
pub struct Ground(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) account: Option<Account>,
    pub(super) at_once: Arc<Semaphore>,
    /// Dropped last: with it goes the directory, or nobody else's right to it.
    pub(super) keeper: Keeper,
}

/// What becomes of a ground when its last owner is gone.
#[derive(Debug)]
pub(super) enum Keeper {
    Watchman(#[expect(dead_code, reason = "held for what dropping it does")] Watchman),
    /// It stays, and may be another's.
    Lock(Arc<File>),
}

/// Whom the servers run as, where that is not us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    pub user: u32,
    pub group: u32,
}

impl Ground {
    pub fn create() -> Result<Self, LocalError> {
        let parent = std::env::temp_dir();
        let path = tempfile::Builder::new()
            .prefix("watertight-")
            .tempdir_in(&parent)
            .map_err(LocalError::file("create a directory in", &parent))?
            .keep();
        // From here on the watchman clears up, so it comes before everything else that can fail.
        let watchman = Watchman::post(&path)?;
        let account = account(&path)?;
        own(&path, account)?;
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let keeper = Keeper::Watchman(watchman);
        Ok(Self(Arc::new(Shared { path, account, at_once, keeper })))
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whom to run as; `None` for ourselves.
    pub fn account(&self) -> Option<Account> {
        self.0.account
    }

    /// A turn for heavy work. The semaphore is never closed, so there is always one to come.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.at_once.acquire().await.ok()
    }

    /// Writes a file that only the servers' account can read.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<(), LocalError> {
        fs::write(path, text).map_err(LocalError::file("write", path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(LocalError::file("restrict", path))?;
        self.give(path)
    }

    pub(crate) fn make_directory(&self, path: &Path) -> Result<(), LocalError> {
        fs::create_dir(path).map_err(LocalError::file("create", path))?;
        own(path, self.account())
    }

    /// Makes the servers' account the owner.
    pub(crate) fn give(&self, path: &Path) -> Result<(), LocalError> {
        give(path, self.account())
    }
}

pub(super) fn own(directory: &Path, account: Option<Account>) -> Result<(), LocalError> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
        .map_err(LocalError::file("restrict", directory))?;
    give(directory, account)
}

fn give(path: &Path, account: Option<Account>) -> Result<(), LocalError> {
    let Some(Account { user, group }) = account else { return Ok(()) };
    lchown(path, Some(user), Some(group)).map_err(LocalError::file("hand over", path))
}

/// Whom to run as, told by whom a directory belongs to that we have just made.
pub(super) fn account(ours: &Path) -> Result<Option<Account>, LocalError> {
    let owner = fs::metadata(ours).map_err(LocalError::file("look at", ours))?.uid();
    if owner != 0 {
        return Ok(None);
    }
    let found = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| Some(Account { user: number("-u", name)?, group: number("-g", name)? }));
    found.map(Some).ok_or(LocalError::NoAccount)
}

fn number(flag: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, name]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok().filter(|it| *it != 0)
}

#[derive(Debug)]
pub(super) struct Watchman(Child);

impl Watchman {
    fn post(path: &Path) -> Result<Self, LocalError> {
        Command::new("sh")
            .args(["-c", WATCHMAN, "sh"])
            .arg(path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own, so that Ctrl-C in a terminal ends us and not the one who clears up.
            .process_group(0)
            .spawn()
            .map(Self)
            .map_err(|source| LocalError::Spawn { command: "sh".to_owned(), source })
    }
}

impl Drop for Watchman {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Bounded by the script's own limits. A failure leaves a directory behind and nothing else.
        drop(self.0.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_private_and_goes_with_its_ground() {
        let ground = Ground::create().unwrap();
        let path = ground.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        ground.make_directory(&path.join("inner")).unwrap();
        let clone = ground.clone();
        drop(ground);
        assert!(path.exists());
        drop(clone);
        assert!(!path.exists());
    }
}
