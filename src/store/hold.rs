//! One daemon, or one writing command, at a time.
//!
//! Why the kernel's lock on a file of its own: it falls with the process, however the process ends, so there is no
//! stale lock to judge. The file's text only tells a person who has it; it decides nothing. The file is never removed:
//! two processes could then each lock a file of that name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::beside;
use super::error::{Holder, StoreError};
use crate::clock;

/// More than we write ourselves; the rest of whatever stands there is not ours.
const LONGEST_TEXT: u64 = 200;

/// Between two tries for a lock that is only held for a moment.
const PAUSE: Duration = Duration::from_millis(20);

/// Proof of being the only one; ends when dropped.
#[derive(Debug)]
pub struct Hold {
    _locked: File,
}

impl Hold {
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let path = beside(store, ".lock");
        let failed = |source| StoreError::Lock { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { path: store.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        sign(&mut file).map_err(failed)?;
        Ok(Self { _locked: file })
    }

    /// For work of a moment, such as a migration that two processes begin at once.
    pub(super) fn wait(store: &Path, tries: u32) -> Result<Self, StoreError> {
        for _ in 1..tries {
            match Self::take(store) {
                Err(StoreError::Held { .. }) => std::thread::sleep(PAUSE),
                done => return done,
            }
        }
        Self::take(store)
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "{}\n{}\n", std::process::id(), clock::now())
}

/// Whatever cannot be read is not told: the lock itself has already decided.
fn holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.take(LONGEST_TEXT).read_to_string(&mut text);
    let mut lines = text.lines();
    let mut line = || lines.next().filter(|_| read.is_ok());
    Holder {
        pid: line().and_then(|it| it.parse().ok()),
        since: line().and_then(|it| it.parse().ok()),
    }
}
