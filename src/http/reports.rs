//! A whole report as an answer, piece by piece.
//!
//! Why in pieces and on a thread of its own: the report of a large fleet is some ten megabytes of text, and neither the
//! memory nor the runtime's threads are there for as many of them as peers care to ask for.
//!
//! Invariant: at most so many are written at once as `state::Shared::reports` has places, and a peer that stops reading
//! loses its connection, and with it its place.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::problem::{Kind, Problem};
use super::state::Shared;
use crate::daemon::Daemon;
use crate::model::report::Report;
use crate::report::json;
use crate::store::Store;

/// In bytes.
const PIECE: usize = 64 * 1024;

/// Pieces that are ready before the peer has taken those before them.
const AHEAD: usize = 4;

/// For a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// A report never changes, so its scan's id is its version. Weak: it may be compressed on the way.
fn version(scan: &str) -> String {
    format!("W/\"{scan}\"")
}

/// Whether the peer has this report already.
pub(super) fn is_known(headers: &HeaderMap, scan: &str) -> bool {
    let version = version(scan);
    let strong = &version["W/".len()..];
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
    known
        .flat_map(|it| it.split(','))
        .map(str::trim)
        .any(|it| it == "*" || it == version || it == strong)
}

pub(super) fn unchanged(scan: &str) -> Response {
    (StatusCode::NOT_MODIFIED, etag(scan)).into_response()
}

/// One that is in memory.
pub(super) async fn report(shared: &Shared, report: Arc<Report>) -> Result<Response, Problem> {
    let place = place(shared).await?;
    let headers = etag(&report.id);
    let (pieces, taken) = mpsc::channel(AHEAD);
    let write = move || {
        let mut out = BufWriter::with_capacity(PIECE, Pieces(pieces));
        // It fails where the peer has gone, and then nobody is left to be told.
        drop(json::write(&report, &mut out).and_then(|()| out.flush()));
        drop(place);
    };
    drop(tokio::task::spawn_blocking(write));
    let taken = stream::unfold(taken, |mut taken| async {
        taken.recv().await.map(|it| (Ok::<_, io::Error>(it), taken))
    });
    Ok((headers, Body::from_stream(taken.fuse())).into_response())
}

/// One of the store, read as fast as the peer takes it. Nothing is held between two pieces, so that a slow peer keeps
/// nobody from writing.
pub(super) async fn stored(shared: &Shared, scan: &str) -> Result<Option<Response>, Problem> {
    let daemon = Arc::clone(&shared.served.daemon);
    let id = scan.to_owned();
    let look = daemon.stored("look for a report", move |store| Ok(store.report_bytes(&id)?));
    let Some(bytes) = look.await? else { return Ok(None) };
    let rest = Rest { daemon, scan: scan.into(), piece: 0, bytes };
    let pieces = stream::try_unfold(rest, Rest::next);
    let length = [(header::CONTENT_LENGTH, HeaderValue::from(bytes))];
    Ok(Some((etag(scan), length, Body::from_stream(pieces.boxed().fuse())).into_response()))
}

/// What is still to be sent of a stored report.
struct Rest {
    daemon: Arc<Daemon>,
    scan: Box<str>,
    piece: u32,
    bytes: u64,
}

impl Rest {
    /// A report that is pruned while it is sent breaks off, and whoever reads it sees that it did.
    async fn next(mut self) -> anyhow::Result<Option<(Bytes, Self)>> {
        if self.bytes == 0 {
            return Ok(None);
        }
        let (id, piece) = (self.scan.clone(), self.piece);
        let read = move |store: &Store| Ok(store.report_piece(&id, piece)?);
        let found = self.daemon.stored("read a piece of a report", read).await?;
        let found = found.context("the report is no longer kept")?;
        self.piece += 1;
        self.bytes = self.bytes.checked_sub(found.len() as u64).context("it has grown")?;
        Ok(Some((Bytes::from(found), self)))
    }
}

pub(super) async fn place(shared: &Shared) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(&shared.reports).acquire_owned();
    if let Ok(Ok(place)) = tokio::time::timeout(PATIENCE, place).await {
        return Ok(place);
    }
    let detail = "as many reports are being sent as the daemon sends at once";
    Err(Problem::new(Kind::Overloaded, detail).after(PATIENCE))
}

fn etag(scan: &str) -> [(header::HeaderName, HeaderValue); 2] {
    let version = HeaderValue::from_str(&version(scan));
    [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::ETAG, version.unwrap_or(HeaderValue::from_static("W/\"\""))),
    ]
}

struct Pieces(mpsc::Sender<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Bytes::copy_from_slice(bytes));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
