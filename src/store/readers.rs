//! Connections that only read, so that nobody who asks has to wait for a scan that is being stored.
//!
//! Why several: one of them may be busy with a report of a hundred megabytes. Why so few, and opened when first needed:
//! a command reads once and ends, and each keeps a cache of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::error::Fault;
use super::open;

const SEATS: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    seats: [Mutex<Option<Connection>>; SEATS],
    /// Where the next one waits while all are taken.
    turn: AtomicUsize,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seats: Default::default(), turn: AtomicUsize::new(0) }
    }

    pub(super) fn with<T>(
        &self,
        act: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut seat = self.free().unwrap_or_else(|| self.wait());
        let mut connection = match seat.take() {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        let done = act(&mut connection);
        *seat = Some(connection);
        done
    }

    fn free(&self) -> Option<MutexGuard<'_, Option<Connection>>> {
        self.seats.iter().find_map(|seat| match seat.try_lock() {
            Ok(seat) => Some(seat),
            // A panic dropped the connection that it used, so the seat is as good as new.
            Err(TryLockError::Poisoned(seat)) => Some(seat.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
    }

    fn wait(&self) -> MutexGuard<'_, Option<Connection>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % SEATS;
        self.seats[turn].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
