//! Moves what a tenant has in one database into another, and proves that it arrived whole.
//!
//! Why PostgreSQL's own programs for the objects and statements of ours for the proof: a dump's order and spelling are
//! theirs to know, and whoever made the copy should not be the only one to say that it is right.
//!
//! Why large objects go another way: a dump takes all of a database or none, and in a shared one most are somebody else's.
//!
//! Invariants:
//! - the source is only read, in one snapshot for the dump, the counts and the checksums;
//! - a restored database is whole or empty: everything but the grants is one transaction;
//! - nothing here deletes anything.

pub mod contents;
pub mod large;
pub mod objects;
pub mod selection;
pub mod session;
pub mod still;
pub mod summary;
pub mod transfer;

use std::time::Duration;

use crate::dsn::DsnError;
use crate::dump::DumpError;

/// Why nothing was moved, or not whole. No variant carries a password or a value of a row.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("read the connection string of {of}")]
    Url { of: &'static str, source: DsnError },
    #[error("reach {of}: {detail}")]
    Reach { of: &'static str, detail: Box<str> },
    #[error("{what} in {of}: {detail}")]
    Sql { what: &'static str, of: &'static str, detail: Box<str> },
    #[error("{what} in {of}: the answer makes no sense")]
    Nonsense { what: &'static str, of: &'static str },
    #[error(transparent)]
    Program(#[from] DumpError),
    #[error("keep the dump in {place}")]
    File { place: &'static str, source: std::io::Error },
    #[error("it was not moved within {} s", .0.as_secs())]
    Late(Duration),
}
