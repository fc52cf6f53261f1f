//! One throwaway cluster: made, started, asked, frozen, stopped.
//!
//! Why each has an `initdb` of its own: a copied data directory keeps the system identifier, and then two clusters
//! that should be strangers would look like kin. It costs 0.3 s of processor time; so does a copy, nearly.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::LocalError;
use super::binaries::Binaries;
use super::ground::Ground;
use super::process::{Process, Signal, run, until_gone};
use crate::secret::Secret;

/// Generous, because a small machine may start a dozen clusters at once.
pub(crate) const START_LIMIT: Duration = Duration::from_mins(2);
const SQL_LIMIT: Duration = Duration::from_mins(2);
const PORT_TRIES: u32 = 20;
/// Below the range that systems hand out to outgoing connections, so that none of those takes a port between our
/// look and the server's start.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// The administrator that `initdb` makes.
pub const ADMINISTRATOR: &str = "postgres";

/// Small, and without care for a crash of the machine: the data are thrown away.
const SETTINGS: [(&str, &str); 15] = [
    ("listen_addresses", "127.0.0.1"),
    ("shared_buffers", "2MB"),
    ("max_connections", "40"),
    ("max_wal_senders", "4"),
    ("max_replication_slots", "4"),
    ("wal_level", "replica"),
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("jit", "off"),
    // A small /dev/shm, as containers have, is no limit then.
    ("dynamic_shared_memory_type", "mmap"),
    ("logging_collector", "off"),
    ("hot_standby", "on"),
    ("wal_keep_size", "64MB"),
];

const INITDB: [&str; 11] = [
    "--auth",
    "scram-sha-256",
    "--encoding",
    "UTF8",
    "--locale",
    "C",
    "--wal-segsize",
    "1",
    "--no-sync",
    "--no-instructions",
    "--no-clean",
];

/// A cluster, running or not. Dropping it ends the server.
#[derive(Debug)]
pub struct Cluster {
    /// First, so that it ends before the ground, whose last owner waits until no server stands on it.
    pub(super) process: Option<Process>,
    pub(super) name: String,
    pub(super) ground: Ground,
    pub(super) binaries: Binaries,
    pub(super) password: Secret,
    /// Given on the command line, so that they hold for a copy too, whatever the copied files say.
    pub(super) settings: BTreeMap<String, String>,
    pub(super) port: Option<u16>,
}

/// How to end a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Sessions are ended, data are written: what a cold copy needs.
    Fast,
    /// As if the power had failed.
    Immediate,
}

impl Cluster {
    /// Makes a cluster and starts it. The name is that of its directory: letters, digits and hyphens.
    pub async fn create(
        ground: &Ground,
        binaries: &Binaries,
        name: &str,
    ) -> Result<Self, LocalError> {
        let mut cluster = Self::initialise(ground, binaries, name).await?;
        cluster.start().await?;
        Ok(cluster)
    }

    /// Makes a cluster without starting it, so that settings can come first.
    pub async fn initialise(
        ground: &Ground,
        binaries: &Binaries,
        name: &str,
    ) -> Result<Self, LocalError> {
        let cluster = Self::bare(ground, binaries, name, random_password());
        let _turn = ground.turn().await;
        let command = cluster.initdb()?;
        let command: Vec<&OsStr> = command.iter().map(OsString::as_os_str).collect();
        run(ground, START_LIMIT, &command).await?;
        Ok(cluster)
    }

    /// The command that makes the files; it reads the administrator's password from a file, which is written here.
    pub(super) fn initdb(&self) -> Result<Vec<OsString>, LocalError> {
        let password_file = self.ground.path().join(format!("{}.password", self.name));
        self.ground.write(&password_file, self.password.expose())?;
        let mut command = vec![self.binaries.program("initdb").into_os_string()];
        command.extend(["-D".into(), self.data().into_os_string()]);
        command.extend(["--pwfile".into(), password_file.into_os_string()]);
        command.extend(["-U", ADMINISTRATOR].map(OsString::from));
        command.extend(INITDB.map(OsString::from));
        Ok(command)
    }

    pub(super) fn bare(ground: &Ground, binaries: &Binaries, name: &str, password: Secret) -> Self {
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            name: name.to_owned(),
            ground: ground.clone(),
            binaries: binaries.clone(),
            password,
            settings: settings.into(),
            port: None,
            process: None,
        }
    }

    /// Holds from the next start on.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.settings.insert(setting.to_owned(), value.to_owned());
    }

    /// Puts lines before the ones of `pg_hba.conf` that `initdb` wrote, which ask for SCRAM from everybody on
    /// loopback. Holds from the next start or `reload` on.
    pub fn admit(&self, lines: &[&str]) -> Result<(), LocalError> {
        let path = self.data().join("pg_hba.conf");
        let before = fs::read_to_string(&path).map_err(LocalError::file("read", &path))?;
        self.ground.write(&path, &format!("{}\n{before}", lines.join("\n")))
    }

    /// Serves TLS from the next start on.
    pub fn serve_tls(&mut self, certificate: &str, key: &str) -> Result<(), LocalError> {
        for (setting, file, text) in
            [("ssl_cert_file", "server.crt", certificate), ("ssl_key_file", "server.key", key)]
        {
            let path = self.data().join(file);
            self.ground.write(&path, text)?;
            self.set(setting, &path.to_string_lossy());
        }
        self.set("ssl", "on");
        Ok(())
    }

    /// Starts it and waits until it takes connections. A restart keeps the port.
    pub async fn start(&mut self) -> Result<(), LocalError> {
        self.launch().await?;
        let pid_file = self.data().join("postmaster.pid");
        let Some(process) = &mut self.process else {
            return Err(LocalError::NotRunning { operation: "start", cluster: self.name.clone() });
        };
        process.until(START_LIMIT, || ready(&pid_file)).await
    }

    /// Starts it and waits no longer than until it has its port: for a server that is not to become ready.
    pub async fn launch(&mut self) -> Result<(), LocalError> {
        let ground = self.ground.clone();
        let _turn = ground.turn().await;
        let fixed = self.port;
        let tries = if fixed.is_some() { 1 } else { PORT_TRIES };
        for _ in 0..tries {
            let port = fixed.or_else(free_port).ok_or(LocalError::NoPort { tried: PORT_TRIES })?;
            match self.launch_on(port).await {
                Err(LocalError::Ended { tail, .. })
                    if fixed.is_none() && tail.contains("Address already in use") => {}
                Err(error) => return Err(error),
                Ok(process) => {
                    self.port = Some(port);
                    self.process = Some(process);
                    return Ok(());
                }
            }
        }
        Err(LocalError::NoPort { tried: tries })
    }

    async fn launch_on(&self, port: u16) -> Result<Process, LocalError> {
        let pid_file = self.data().join("postmaster.pid");
        until_gone(&self.ground, &self.name, START_LIMIT).await?;
        // Left behind by a server that was killed; nobody is running who would still need it.
        if pid_file.exists() {
            fs::remove_file(&pid_file).map_err(LocalError::file("remove", &pid_file))?;
        }
        let postgres = self.binaries.program("postgres");
        let data = self.data();
        let options: Vec<String> = [("port", port.to_string())]
            .into_iter()
            .chain([("unix_socket_directories", self.ground.path().to_string_lossy().into_owned())])
            .map(|(name, value)| format!("{name}={value}"))
            .chain(self.settings.iter().map(|(name, value)| format!("{name}={value}")))
            .collect();
        let mut command: Vec<&OsStr> = vec![postgres.as_os_str(), "-D".as_ref(), data.as_os_str()];
        command.extend(options.iter().flat_map(|it| [OsStr::new("-c"), OsStr::new(it)]));
        let mut process = Process::start(&self.ground, &self.name, Signal::Quit, &command)?;
        process.until(START_LIMIT, || bound(&pid_file)).await?;
        Ok(process)
    }

    /// Ends it and waits for the end. The port stays its own for the next start.
    pub async fn stop(&mut self, how: Shutdown) -> Result<(), LocalError> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let signal = match how {
            Shutdown::Fast => Signal::Interrupt,
            Shutdown::Immediate => Signal::Quit,
        };
        process.signal(signal).await?;
        process.wait(START_LIMIT).await.map(drop)
    }

    /// To the server's main process: `Stop` freezes it, so that it accepts connections and stays silent.
    pub async fn signal(&self, signal: Signal) -> Result<(), LocalError> {
        match &self.process {
            Some(process) => process.signal(signal).await,
            None => {
                Err(LocalError::NotRunning { operation: "signal it", cluster: self.name.clone() })
            }
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn version(&self) -> u32 {
        self.binaries.version
    }

    pub fn data(&self) -> PathBuf {
        self.ground.path().join(&self.name)
    }

    /// The port it has, or had when it last ran.
    pub fn port(&self) -> Result<u16, LocalError> {
        self.port
            .ok_or_else(|| LocalError::NotRunning { operation: "ask", cluster: self.name.clone() })
    }

    /// A session of the administrator's. The future that comes with it drives the connection and must be polled.
    pub(super) async fn session(
        &self,
        database: &str,
    ) -> Result<(Client, impl Future<Output = Result<(), tokio_postgres::Error>> + use<>), LocalError>
    {
        let mut config = tokio_postgres::Config::new();
        config
            .host(Ipv4Addr::LOCALHOST.to_string())
            .port(self.port()?)
            .user(ADMINISTRATOR)
            .password(self.password.expose())
            .dbname(database)
            .connect_timeout(SQL_LIMIT);
        let (client, connection) =
            config.connect(NoTls).await.map_err(|source| self.sql("connect", source))?;
        Ok((client, connection))
    }

    /// Runs each statement by itself, as the administrator.
    pub async fn execute(&self, database: &str, statements: &[&str]) -> Result<(), LocalError> {
        for statement in statements {
            self.ask(database, statement).await?;
        }
        Ok(())
    }

    /// The first column of the first row, as text; `None` for null or no row.
    pub async fn ask(&self, database: &str, statement: &str) -> Result<Option<String>, LocalError> {
        // The first words say which statement failed, and none of its literals.
        let what: Vec<&str> = statement.split_whitespace().take(2).collect();
        let what = format!("run `{} …`", what.join(" "));
        let asking = async {
            let (client, connection) = self.session(database).await?;
            let answer = async move { client.simple_query(statement).await };
            let (answer, driven) = tokio::join!(answer, connection);
            let messages = answer.map_err(|source| self.sql(&what, source))?;
            driven.map_err(|source| self.sql(&what, source))?;
            Ok(messages.iter().find_map(|it| match it {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            }))
        };
        timeout(SQL_LIMIT, asking).await.unwrap_or_else(|_elapsed| {
            Err(LocalError::SqlLate {
                operation: what.clone(),
                cluster: self.name.clone(),
                limit: SQL_LIMIT,
            })
        })
    }

    /// A role that may log in. `attributes` is SQL, such as `nologin` or `connection limit 1`.
    pub async fn create_role(
        &self,
        name: &str,
        password: &Secret,
        attributes: &str,
    ) -> Result<(), LocalError> {
        let statement = format!(
            "create role {} login {attributes} password {}",
            identifier(name),
            literal(password.expose())
        );
        self.execute("postgres", &[&statement]).await
    }

    /// A database that its owner and the administrator alone may connect to.
    pub async fn create_database(&self, name: &str, owner: &str) -> Result<(), LocalError> {
        let (name, owner) = (identifier(name), identifier(owner));
        self.execute(
            "postgres",
            &[
                &format!("create database {name} owner {owner}"),
                &format!("revoke connect on database {name} from public"),
            ],
        )
        .await
    }

    pub(super) fn sql(&self, operation: &str, source: tokio_postgres::Error) -> LocalError {
        LocalError::Sql { operation: operation.to_owned(), cluster: self.name.clone(), source }
    }
}

/// A password that needs no escaping anywhere.
pub fn random_password() -> Secret {
    Secret::new(format!("{:032x}", rand::random::<u128>()))
}

pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Option<u16> {
    (0..PORT_TRIES)
        .map(|_| rand::random_range(PORTS))
        .find(|it| TcpListener::bind((Ipv4Addr::LOCALHOST, *it)).is_ok())
}

/// The server writes its state into the eighth line of `postmaster.pid`, as `pg_ctl` reads it: neither a full server
/// nor one that refuses our password can hide that it is up.
fn ready(pid_file: &Path) -> Option<()> {
    let state = line(pid_file, 7)?;
    ["ready", "standby"].contains(&state.as_str()).then_some(())
}

/// The sixth line is the address, written once the port is bound.
fn bound(pid_file: &Path) -> Option<()> {
    line(pid_file, 5).map(drop)
}

fn line(file: &Path, number: usize) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().nth(number).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
}
