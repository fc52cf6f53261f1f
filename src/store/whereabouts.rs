//! Whether the store's file is still the one that was opened.
//!
//! Why it is asked at all: whoever has a file open keeps it after it was deleted or replaced. SQLite then reads on and
//! acknowledges writes, and all of it is gone with the process.
//!
//! Why by name and never by opening it: closing any descriptor of the file would drop the locks that SQLite holds on it
//! in this process.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The file itself, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whereabouts {
    device: u64,
    inode: u64,
}

impl Whereabouts {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self { device: found.dev(), inode: found.ino() })
    }

    pub(super) fn still(self, path: &Path) -> bool {
        Self::of(path).is_ok_and(|it| it == self)
    }
}
