//! Clusters whose data stay when we go: the next process starts them again on the same port.
//!
//! Why `initdb` stands under a guard here, as servers do: after `kill -9` the next process makes the files anew, and
//! nobody may still be writing to them then.
//!
//! Invariants:
//! - one process at a time has the directory, as long as any part of it uses a ground there;
//! - what is acknowledged survives the server's end, in whatever way it ends.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::LocalError;
use super::binaries::Binaries;
use super::cluster::{Cluster, START_LIMIT, random_password};
use super::ground::{AT_ONCE, Ground, Keeper, Shared, account, own};
use super::process::{Process, Signal, until_gone};

/// Also the sign that a directory is ours, to be closed to others and given to the servers' account.
const LOCK: &str = "watertight.lock";

/// Of one look at a server that is not expected to end.
const LOOK: Duration = Duration::from_hours(1);

/// What differs from a throwaway cluster. The files that `initdb` writes are not forced to disk: a machine whose power
/// fails within half a minute of it may leave a cluster that does not start, and one that is minutes older is safe.
const SETTINGS: [(&str, &str); 8] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("autovacuum", "on"),
    ("shared_buffers", "16MB"),
    ("max_connections", "100"),
    ("wal_keep_size", "0"),
    // A directory that somebody chose may be longer than a socket's address can be.
    ("unix_socket_directories", ""),
];

impl Ground {
    /// A directory that stays. It is made where it is not there.
    pub fn lasting(path: &Path) -> Result<Self, LocalError> {
        fs::create_dir_all(path).map_err(LocalError::file("create", path))?;
        let path = path.canonicalize().map_err(LocalError::file("find", path))?;
        let lock = path.join(LOCK);
        let mut entries = fs::read_dir(&path).map_err(LocalError::file("read", &path))?.flatten();
        // A disk of its own is not quite empty.
        if !lock.exists() && entries.any(|it| it.file_name() != "lost+found") {
            return Err(LocalError::Foreign(path));
        }
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(LocalError::file("open", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LocalError::Held(path)),
            Err(TryLockError::Error(source)) => {
                return Err(LocalError::file("lock", &lock)(source));
            }
        }
        let ours = tempfile::NamedTempFile::new_in(&path);
        let ours = ours.map_err(LocalError::file("write in", &path))?;
        let account = account(ours.path())?;
        own(&path, account)?;
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let keeper = Keeper::Lock(Arc::new(file));
        Ok(Self(Arc::new(Shared { path, account, at_once, keeper })))
    }

    /// A directory inside a lasting one, held and shared as that one is; `None` inside a throwaway one.
    pub fn plot(&self, name: &str) -> Option<Self> {
        let Keeper::Lock(lock) = &self.0.keeper else { return None };
        Some(Self(Arc::new(Shared {
            path: self.path().join(name),
            account: self.account(),
            at_once: Arc::clone(&self.0.at_once),
            keeper: Keeper::Lock(Arc::clone(lock)),
        })))
    }
}

impl Cluster {
    /// One that stays, with nothing made or started yet.
    pub fn lasting(ground: &Ground, binaries: &Binaries, name: &str, port: u16) -> Self {
        let mut cluster = Self::bare(ground, binaries, name, random_password());
        for (setting, value) in SETTINGS {
            cluster.set(setting, value);
        }
        cluster.port = Some(port);
        cluster
    }

    /// Makes its files, in the place of whatever lies there.
    pub async fn lay(&self) -> Result<(), LocalError> {
        let _turn = self.ground.turn().await;
        until_gone(&self.ground, &self.name, START_LIMIT).await?;
        let data = self.data();
        if data.exists() {
            fs::remove_dir_all(&data).map_err(LocalError::file("remove", &data))?;
        }
        let command = self.initdb()?;
        let command: Vec<&OsStr> = command.iter().map(OsString::as_os_str).collect();
        let mut process = Process::start(&self.ground, &self.name, Signal::Kill, &command)?;
        let status = process.wait(START_LIMIT).await?;
        if status.success() {
            return Ok(());
        }
        let (command, status) = ("initdb".to_owned(), status.to_string());
        Err(LocalError::Ended { command, status, tail: process.tail() })
    }

    /// Starts it on its port, or on another where somebody else has taken that one.
    pub async fn wake(&mut self) -> Result<(), LocalError> {
        match self.start().await {
            Err(LocalError::Ended { tail, .. }) if tail.contains("Address already in use") => {
                self.port = None;
                self.start().await
            }
            other => other,
        }
    }

    /// Waits for the server's end, and says how it came.
    pub async fn ended(&mut self) -> LocalError {
        let name = self.name.clone();
        let Some(process) = &mut self.process else {
            return LocalError::NotRunning { operation: "watch", cluster: name };
        };
        loop {
            match process.wait(LOOK).await {
                Err(LocalError::Late { .. }) => {}
                Err(error) => return error,
                Ok(_status) => {
                    let unknown = LocalError::NotRunning { operation: "watch", cluster: name };
                    return process.ended().unwrap_or(unknown);
                }
            }
        }
    }

    /// Waits until no process of it is left, whoever started them.
    pub async fn gone(ground: &Ground, name: &str, limit: Duration) -> Result<(), LocalError> {
        until_gone(ground, name, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time_has_a_directory_and_what_is_in_it_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b");
        let ground = Ground::lasting(&path).unwrap();
        let plot = ground.plot("plot").unwrap();
        ground.make_directory(plot.path()).unwrap();
        drop(ground);
        assert!(matches!(Ground::lasting(&path), Err(LocalError::Held(_))), "a plot is held");
        let left = plot.path().to_owned();
        drop(plot);
        assert!(left.exists());
        assert!(Ground::lasting(&path).is_ok());
        assert!(Ground::create().unwrap().plot("plot").is_none());
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_neither_taken_nor_changed() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.txt"), "").unwrap();
        let before = fs::metadata(home.path()).unwrap().permissions();
        assert!(matches!(Ground::lasting(home.path()), Err(LocalError::Foreign(_))));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(home.path()).unwrap().permissions(), before);
    }
}
