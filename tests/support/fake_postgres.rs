//! A fake fleet of PostgreSQL servers: one listener that answers as thousands of targets, each at an address of its
//! own, as far away as is wished, some of them hung.
//!
//! Why a fake: ten thousand real servers do not fit on one machine, and a real one costs thirty times more processor
//! than the client that is to be measured. What it speaks is real: start-up, trust, SCRAM-SHA-256, TLS, simple query.
//!
//! Invariants:
//! - its own processor time is small: the SCRAM verifier is made once, and answers are the caller's bytes;
//! - distance is by arrival (see `distance.rs`), so that pipelined requests share one round trip;
//! - nothing outlives `FakePostgres`: dropping it ends its thread, its listener and every connection.

#[path = "fake_postgres/distance.rs"]
mod distance;
#[path = "fake_postgres/scram.rs"]
mod scram;
#[path = "fake_postgres/wire.rs"]
pub(crate) mod wire;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::distance::Distant;
use self::scram::Verifier;
use self::wire::{Inbox, Outbox};

/// The first target's address; the others follow it.
const FIRST: u32 = u32::from_be_bytes([127, 1, 0, 0]);

/// Ask, by target and SQL, for the backend's messages up to, but without, `ReadyForQuery`.
pub(crate) type Answers = Arc<dyn Fn(u32, &str) -> Vec<u8> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Fleet {
    pub round_trip: Duration,
    /// `None` lets everybody in.
    pub password: Option<String>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Every so many-th target accepts and stays silent; 0 for none.
    pub hung_every: u32,
    pub answers: Answers,
}

impl Fleet {
    /// Near, trusting, and without hung targets.
    pub(crate) fn answering(
        answers: impl Fn(u32, &str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self {
            round_trip: Duration::ZERO,
            password: None,
            tls: None,
            hung_every: 0,
            answers: Arc::new(answers),
        }
    }

    pub(crate) fn is_hung(&self, target: u32) -> bool {
        self.hung_every != 0 && target % self.hung_every == self.hung_every - 1
    }
}

/// A running fleet, on a thread of its own.
pub(crate) struct FakePostgres {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakePostgres {
    pub(crate) fn start(fleet: Fleet) -> Self {
        let (told, port) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let serve_until_stopped = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = listen().expect("listen on loopback");
                told.send(listener.local_addr().expect("a bound port").port())
                    .expect("start waits");
                tokio::select! {
                    () = serve(listener, fleet) => (),
                    _ = stopped => (),
                }
            });
        };
        let thread = std::thread::spawn(serve_until_stopped);
        let port = port.recv_timeout(Duration::from_secs(10)).expect("the fleet listens");
        Self { port, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for FakePostgres {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Where a target stands in a fleet that listens on `port`.
pub(crate) fn address(target: u32, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(FIRST + target)), port)
}

/// Below the range of the client's own ports: a client that connects within it may meet itself.
fn listen() -> io::Result<TcpListener> {
    let mut last = None;
    for port in (20_000_u16..32_000).step_by(7) {
        let socket = TcpSocket::new_v4()?;
        match socket.bind(SocketAddr::from(([0, 0, 0, 0], port))) {
            Ok(()) => return socket.listen(4_096),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

async fn serve(listener: TcpListener, fleet: Fleet) {
    let verifier = fleet.password.as_deref().map(Verifier::new).map(Arc::new);
    let fleet = Arc::new(fleet);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection(stream, Arc::clone(&fleet), verifier.clone()));
            }
            // A client that goes away in mid-sentence is no concern of a fake server.
            Some(_) = connections.join_next() => (),
        }
    }
}

async fn connection(
    stream: TcpStream,
    fleet: Arc<Fleet>,
    verifier: Option<Arc<Verifier>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let IpAddr::V4(ip) = stream.local_addr()?.ip() else { return Ok(()) };
    let target = u32::from(ip).wrapping_sub(FIRST);
    let mut stream = Distant::new(stream, fleet.round_trip);
    if fleet.is_hung(target) {
        return io::copy(&mut stream, &mut io::sink()).await.map(drop);
    }
    let startup = wire::read_startup(&mut stream).await?;
    if !wire::is_ssl_request(&startup) {
        return session(stream, target, &fleet, verifier.as_deref()).await;
    }
    let Some(tls) = fleet.tls.clone() else {
        stream.write_all(b"N").await?;
        wire::read_startup(&mut stream).await?;
        return session(stream, target, &fleet, verifier.as_deref()).await;
    };
    stream.write_all(b"S").await?;
    let mut stream = TlsAcceptor::from(tls).accept(stream).await?;
    wire::read_startup(&mut stream).await?;
    session(stream, target, &fleet, verifier.as_deref()).await
}

/// Everything after the start-up packet.
async fn session<S>(
    mut stream: S,
    target: u32,
    fleet: &Fleet,
    verifier: Option<&Verifier>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut inbox = Inbox::default();
    if let Some(verifier) = verifier
        && !verifier.let_in(&mut stream, &mut inbox).await?
    {
        return Ok(());
    }
    let mut out = Outbox::default();
    out.authenticated();
    out.ready();
    loop {
        stream.write_all(&out.take()).await?;
        stream.flush().await?;
        let Some((tag, body)) = inbox.next(&mut stream).await? else { return Ok(()) };
        match tag {
            b'Q' => {
                let sql = String::from_utf8_lossy(body.strip_suffix(&[0]).unwrap_or(&body));
                out.raw(&(fleet.answers)(target, &sql));
                out.ready();
            }
            b'X' => return stream.shutdown().await,
            _ => {
                out.error("08P01", "the fake server speaks only simple queries");
                out.ready();
            }
        }
    }
}

/// Reads into `buffer`; false at the end of the stream.
async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> io::Result<bool> {
    Ok(stream.read_buf(buffer).await? != 0)
}
