//! PgBouncer in front of throwaway clusters.
//!
//! Why the servers' own SCRAM verifiers stand in its user list: it then logs in to the server with what the client
//! proved, so no password is written down, and every role keeps its own identity behind the pooler.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use super::LocalError;
use super::cluster::{Cluster, free_port, literal};
use super::ground::Ground;
use super::process::{Process, Signal};

const START_LIMIT: Duration = Duration::from_secs(20);
const PORT_TRIES: u32 = 20;

/// When a server connection goes back to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    Session,
    Transaction,
    Statement,
}

impl PoolMode {
    pub const ALL: [Self; 3] = [Self::Session, Self::Transaction, Self::Statement];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}

/// A name that clients ask for, and the database that they get.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    pub alias: &'a str,
    pub cluster: &'a Cluster,
    pub database: &'a str,
    /// Whose verifiers the pooler knows.
    pub roles: &'a [&'a str],
}

/// A running PgBouncer. Dropping it ends it.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    process: Process,
}

impl Pooler {
    /// Starts it and waits until it takes connections.
    pub async fn start(
        ground: &Ground,
        name: &str,
        mode: PoolMode,
        routes: &[Route<'_>],
    ) -> Result<Self, LocalError> {
        let program = program().ok_or(LocalError::NoPooler)?;
        let users = ground.path().join(format!("{name}.users"));
        ground.write(&users, &user_list(routes).await?)?;
        for _ in 0..PORT_TRIES {
            let port = free_port().ok_or(LocalError::NoPort { tried: PORT_TRIES })?;
            let settings = ground.path().join(format!("{name}.ini"));
            ground
                .write(&settings, &configuration(mode, port, routes, &users.to_string_lossy())?)?;
            let command: [&OsStr; 2] = [program.as_os_str(), settings.as_os_str()];
            let mut process = Process::start(ground, name, Signal::Kill, &command)?;
            let address = (Ipv4Addr::LOCALHOST, port);
            match process.until(START_LIMIT, || TcpStream::connect(address).ok()).await {
                Err(LocalError::Ended { tail, .. }) if tail.contains("in use") => {}
                Err(error) => return Err(error),
                Ok(_connected) => return Ok(Self { port, process }),
            }
        }
        Err(LocalError::NoPort { tried: PORT_TRIES })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub async fn signal(&self, signal: Signal) -> Result<(), LocalError> {
        self.process.signal(signal).await
    }
}

/// Where PgBouncer is, if it is installed. `/usr/sbin` is seldom on an ordinary user's `PATH`.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|it| it.join("pgbouncer")).find(|it| it.is_file())
}

async fn user_list(routes: &[Route<'_>]) -> Result<String, LocalError> {
    let mut list = String::new();
    for route in routes {
        for role in route.roles {
            let question =
                format!("select rolpassword from pg_authid where rolname = {}", literal(role));
            let verifier = route.cluster.ask("postgres", &question).await?.unwrap_or_default();
            list.push_str(&format!("\"{role}\" \"{verifier}\"\n"));
        }
    }
    Ok(list)
}

fn configuration(
    mode: PoolMode,
    port: u16,
    routes: &[Route<'_>],
    users: &str,
) -> Result<String, LocalError> {
    let mut text = String::from("[databases]\n");
    for Route { alias, cluster, database, .. } in routes {
        let server = cluster.port()?;
        text.push_str(&format!("{alias} = host=127.0.0.1 port={server} dbname={database}\n"));
    }
    text.push_str(&format!(
        "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {users}\npool_mode = {}\ndefault_pool_size = 4\n",
        mode.label()
    ));
    Ok(text)
}
