//! The two doors, and how many may stand in them.
//!
//! Why the socket is moved into its place: between being made and being made private, a socket would stand open to every
//! user of the machine.
//!
//! Invariants:
//! - a connection that finds no room is closed at once, before it costs a handshake;
//! - when the daemon stops, requests in the works are answered within the grace, and then the door is shut.

use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::SocketAddr as UnixAddress;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use axum::middleware::AddExtension;
use axum::{Extension, Router};
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::{Address, Handle, Server};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, service_fn};

use super::caller::Door;
use super::certificates::Certificates;
use super::options::Limits;
use super::routes;
use super::stall::Impatient;
use super::state::Shared;

/// For answers that are on their way when the daemon stops.
const GRACE: Duration = Duration::from_secs(5);

/// Of a request's head, in bytes; also how much of an answer is gathered.
const HEAD: usize = 32 * 1024;
const HEADERS: usize = 64;

/// Between two lines in the log about connections that could not be taken: there can be twenty a second.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What is known of a connection. Its place is free again when the connection and all of its requests have ended.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) door: Door,
    _place: Arc<OwnedSemaphorePermit>,
}

pub(super) async fn tcp(
    listener: TcpListener,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let handle = Handle::new();
    let limits = &shared.limits;
    let patience = Impatient { limit: limits.transfer };
    let server = bounded(Server::from_listener(listener), limits).handle(handle.clone());
    let connections = connections(routes::tcp(shared), Door::Tcp, limits);
    let Some(tls) = shared.options().tls.clone() else {
        return until(stop, &handle, server.acceptor(patience).serve(connections)).await;
    };
    let certificates = Certificates::read(&tls).await?;
    let encrypting = RustlsAcceptor::new(certificates.served())
        .handshake_timeout(limits.head)
        .acceptor(patience);
    let serving = until(stop, &handle, server.acceptor(encrypting).serve(connections));
    tokio::select! {
        ended = serving => ended,
        never = certificates.follow(shared.served.options.clone()) => match never {},
    }
}

pub(super) async fn socket(
    path: &Path,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let listener = bind(path).with_context(|| format!("listen on {}", path.display()))?;
    let handle = Handle::<UnixAddress>::new();
    let limits = &shared.limits;
    let server = bounded(Server::from_listener(listener), limits).handle(handle.clone());
    let server = server.acceptor(Impatient { limit: limits.transfer });
    let connections = connections(routes::socket(shared), |_| Door::Socket, limits);
    let ended = until(stop, &handle, server.serve(connections)).await;
    // A command that finds no socket says who holds the store; one that finds a dead one could only say that.
    drop(std::fs::remove_file(path));
    ended
}

/// Nobody but this user can ever open it: it gets its mode in a directory of ours, and its name after that.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Ok(found) = std::fs::symlink_metadata(path)
        && !found.file_type().is_socket()
    {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there and is no socket"));
    }
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let private = tempfile::Builder::new()
        .prefix(".wt-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(directory.unwrap_or(Path::new(".")))?;
    let made = private.path().join("s");
    let listener = UnixListener::bind(&made)?;
    std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&made, path)?;
    Ok(listener)
}

/// One protocol, short heads, and no connection that is kept without being used.
fn bounded<A: Address>(server: Server<A>, limits: &Limits) -> Server<A> {
    let refused = Mutex::new(None::<Instant>);
    let mut server = server.http1_only().first_request_timeout(limits.head).accept_error_handler(
        move |peer, error| match peer {
            Some(_) => tracing::debug!("a connection ended before its first request: {error}"),
            None => tell_now_and_then(&refused, error),
        },
    );
    let mut http = server.http_builder().http1();
    http.header_read_timeout(limits.head).max_headers(HEADERS).max_buf_size(HEAD);
    server
}

fn tell_now_and_then(told: &Mutex<Option<Instant>>, error: &io::Error) {
    let now = Instant::now();
    // Whoever finds it locked is not the one that tells.
    let Ok(mut told) = told.try_lock() else { return };
    if told.is_none_or(|it| TOLD_EVERY <= now.duration_since(it)) {
        *told = Some(now);
        tracing::warn!("connections cannot be taken: {error}");
    }
}

/// Gives each connection the routes and what is known of it, while there is room.
fn connections<A>(
    router: Router,
    door: impl Fn(A) -> Door + Clone,
    limits: &Limits,
) -> impl Service<
    A,
    Response = AddExtension<Router, Connection>,
    Error = &'static str,
    Future = std::future::Ready<Result<AddExtension<Router, Connection>, &'static str>>,
> {
    let places = Arc::new(Semaphore::new(limits.connections));
    service_fn(move |peer| {
        let place = Arc::clone(&places).try_acquire_owned();
        let connection = place.map(|it| Connection { door: door(peer), _place: Arc::new(it) });
        let served = connection.map(|it| Extension(it).layer(router.clone()));
        std::future::ready(served.map_err(|_| "as many connections are open as are taken"))
    })
}

async fn until<A: Address>(
    stop: &CancellationToken,
    handle: &Handle<A>,
    serving: impl Future<Output = io::Result<()>>,
) -> anyhow::Result<()> {
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served.context("serve HTTP"),
        () = stop.cancelled() => handle.graceful_shutdown(Some(GRACE)),
    }
    serving.await.context("end the HTTP connections")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn the_socket_is_this_users_own_and_takes_the_place_of_a_dead_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.db.sock");
        drop(bind(&path).unwrap());
        assert!(UnixStream::connect(&path).is_err(), "nobody listens any more");
        let _listener = bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.db.sock");
        std::fs::write(&path, "somebody's").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's");
    }
}
