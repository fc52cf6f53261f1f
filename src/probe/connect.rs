//! From an address to a session: connect, agree on TLS, log in; each failure is seen at its stage.
//!
//! Why not the client library's own connecting: it would hide at which step a server went silent, take any byte but
//! `S` for "no TLS", and answer the request for TLS of an SSH server with a handshake.
//!
//! Invariants:
//! - where TLS is wanted, no byte of the login leaves before the handshake is done;
//! - what comes with the answer to the request for TLS is refused: it was not encrypted (CVE-2021-23222).

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_rustls::TlsConnector;

use super::cause::{self, LastWords, Symptom, judge};
use super::guard::{Guard, GuardError};
use super::login::{self, Login, LoginError};
use super::progress::{Progress, Stage};
use super::session::{Path, Session, judge_error};
use super::wire::{Ready, Wire};
use crate::dsn::{Dsn, Host, HostName, TlsMode};
use crate::model::observation::{Encryption, Failure};
use crate::patience::Patience;
use crate::secret::Secret;
use crate::tls::Tls;

/// `SSLRequest`: a length of 8, and a protocol number that was never a version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// One way to one of the hosts of a connection string.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    pub host: &'a Host,
    /// `None` for a Unix socket.
    pub address: Option<SocketAddr>,
}

/// Whom we log in as, and everything that all ways of a visit share.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    pub dsn: &'a Dsn,
    pub user: &'a str,
    pub password: Option<&'a Secret>,
    pub tls: &'a Tls,
    pub permits: &'a Arc<Semaphore>,
    pub patience: &'a Arc<Patience>,
    pub progress: &'a Progress,
}

impl Visitor<'_> {
    /// Goes one way to its end. `limit` bounds the connecting alone; the caller bounds the whole, so where there is no
    /// other way to leave time for, no second timer runs.
    pub async fn go(&self, way: Way<'_>, limit: Option<Duration>) -> Result<Session, Failure> {
        self.progress.reach(Stage::Connect);
        let start = Instant::now();
        let connected = match limit {
            None => connect(way).await,
            Some(limit) => match timeout(limit, connect(way)).await {
                Ok(connected) => connected,
                Err(_elapsed) => return Err(judge(&Symptom::Elapsed(Stage::Connect))),
            },
        };
        let (wire, local_port) =
            connected.map_err(|error| judge(&Symptom::Connect(error.kind())))?;
        let round_trip = start.elapsed();
        let (wire, encryption) = match wire {
            Wire::Tcp(stream) if self.dsn.tls != TlsMode::Disable => {
                self.progress.reach(Stage::Tls);
                self.secure(stream, way.host).await?
            }
            other => (other, Encryption::None),
        };
        self.progress.reach(Stage::Login);
        let path = Path { peer: way.address, local_port, encryption, round_trip };
        self.log_in(wire, path).await
    }

    async fn log_in(&self, mut wire: Wire, path: Path) -> Result<Session, Failure> {
        let login = Login {
            user: self.user,
            database: &self.dsn.database,
            options: self.dsn.options.as_deref(),
            password: self.password,
            channel_binding: self.dsn.channel_binding,
            permits: self.permits,
            patience: self.patience,
        };
        let end_point = wire.end_point();
        let greeting = login::log_in(&mut wire, end_point, &login).await.map_err(refused)?;
        let mut config = tokio_postgres::Config::new();
        // The stream is finished and the door open: what the library still says of itself, nobody hears.
        config.user(self.user).ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        let guard = Guard::new(wire, greeting, Arc::clone(self.patience));
        match config.connect_raw(guard, Ready).await {
            Ok((client, connection)) => Ok(Session::new(client, connection, path)),
            Err(error) => Err(judge_error(&error, Stage::Login, LastWords(None)).failure),
        }
    }

    async fn secure(
        &self,
        mut stream: TcpStream,
        host: &Host,
    ) -> Result<(Wire, Encryption), Failure> {
        ask_for_tls(&mut stream, self.patience).await?;
        let (config, proof) = self
            .tls
            .client(self.dsn.tls, self.dsn.root_certificate.as_deref())
            .map_err(|error| judge(&Symptom::Roots(&error.to_string())))?;
        let name = match &host.name {
            HostName::Dns(name) => name.to_string(),
            HostName::Ip(address) => address.to_string(),
            HostName::Socket(path) => path.display().to_string(),
        };
        let Ok(server) = ServerName::try_from(name.clone()) else {
            return Err(judge(&Symptom::Roots("the host's name can stand in no certificate")));
        };
        match TlsConnector::from(config).connect(server, stream).await {
            Ok(stream) => {
                let encryption =
                    if proof.holds() { Encryption::Verified } else { Encryption::Unverified };
                Ok((Wire::Tls(Box::new(stream)), encryption))
            }
            Err(error) => {
                let inner = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
                Err(judge(&match inner {
                    Some(inner) => Symptom::Tls(inner, cause::Host(&name)),
                    None => Symptom::TlsClosed(error.kind()),
                }))
            }
        }
    }
}

fn refused(error: LoginError) -> Failure {
    judge(&match &error {
        LoginError::Guard(error) => Symptom::Guard(*error, LastWords(None)),
        other => Symptom::Login(other),
    })
}

/// The stream, and our own port.
async fn connect(way: Way<'_>) -> io::Result<(Wire, Option<u16>)> {
    let Some(address) = way.address else {
        let HostName::Socket(directory) = &way.host.name else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        return Ok((
            Wire::Unix(UnixStream::connect(socket(directory, way.host.port)).await?),
            None,
        ));
    };
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    if local == address {
        // A closed port of this machine, in the range that the system hands out, can be connected to itself.
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok((Wire::Tcp(stream), Some(local.port())))
}

fn socket(directory: &std::path::Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}

/// Returns when the server has said a lone `S`.
async fn ask_for_tls(stream: &mut TcpStream, patience: &Patience) -> Result<(), Failure> {
    let broken = |error: io::Error| {
        judge(&Symptom::Guard(
            GuardError::Broken { heard: false, kind: error.kind() },
            LastWords(None),
        ))
    };
    stream.write_all(&SSL_REQUEST).await.map_err(broken)?;
    // More than the one byte, so that a banner or an early byte is seen with it.
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).await.map_err(broken)?;
    patience.hear();
    match &answer[..length] {
        [] => Err(judge(&Symptom::Guard(GuardError::Closed { heard: false }, LastWords(None)))),
        b"S" => Ok(()),
        b"N" => Err(judge(&Symptom::SslRefused)),
        [b'E', message @ ..] => Err(early_error(message)),
        other => Err(judge(&Symptom::SslAnswer(other))),
    }
}

/// A server that cannot even start a backend says so before it speaks of TLS. The text is not authentic.
fn early_error(message: &[u8]) -> Failure {
    let fields = message.get(4..).unwrap_or_default();
    let field = |tag: u8| {
        let found = fields.split(|it| *it == 0).find_map(|it| it.strip_prefix(&[tag]));
        found.map(String::from_utf8_lossy).unwrap_or_default()
    };
    let (code, text) = (field(b'C'), field(b'M'));
    if code.len() != 5 {
        return judge(&Symptom::SslAnswer(message));
    }
    let complaint = cause::Complaint { code: &code, message: &text, routine: None };
    judge(&Symptom::Server(complaint, Stage::Tls))
}
