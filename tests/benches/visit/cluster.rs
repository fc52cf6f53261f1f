//! A throwaway PostgreSQL cluster with a role and some dozens of databases.
//!
//! Why a plain child process and no `pg_ctl`: its processor time, and that of every backend that has ended, stands
//! under its own number in `/proc`, and it ends with us.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::measure;

const STARTS_WITHIN: Duration = Duration::from_secs(30);
const NAP: Duration = Duration::from_millis(20);

pub(crate) struct Cluster {
    programs: PathBuf,
    directory: TempDir,
    password: String,
    port: u16,
    server: Child,
}

impl Cluster {
    /// With the role `tenant` and the databases `t0`, `t1`, …; `None` where PostgreSQL is not installed.
    pub(crate) fn start(databases: u32, password: &str) -> Option<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("watertight-bench-").tempdir();
        let directory = directory.expect("make a directory");
        let secret = directory.path().join("password");
        std::fs::write(&secret, password).expect("write the password file");
        done(Command::new("chmod").args(["-R", "a+rX"]).arg(directory.path()));
        if is_root() {
            done(Command::new("chown").args(["-R", "postgres"]).arg(directory.path()));
        }
        let data = directory.path().join("data");
        done(
            as_server(&programs.join("initdb"))
                .args(["--no-sync", "--auth=scram-sha-256", "--username=postgres"])
                .args(["--encoding=UTF8", "--locale=C"])
                .arg("--pwfile")
                .arg(&secret)
                .arg("--pgdata")
                .arg(&data),
        );
        let port = free_port();
        let server = as_server(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "autovacuum=off"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("start the server");
        let cluster = Self { programs, directory, password: password.to_owned(), port, server };
        cluster.until_ready();
        cluster.sql(&format!("CREATE ROLE tenant LOGIN PASSWORD '{password}'"));
        for database in 0..databases {
            cluster.sql(&format!("CREATE DATABASE t{database} OWNER tenant"));
        }
        Some(cluster)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Processor time of the server, taken when no backend runs any more: only then is all of it counted.
    pub(crate) fn cpu(&self) -> Duration {
        for _ in 0..250 {
            if self
                .sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
                == "1"
            {
                break;
            }
            std::thread::sleep(NAP);
        }
        std::thread::sleep(NAP);
        measure::cpu_with_children(self.server.id())
    }

    /// Connections to the tenants' databases so far.
    pub(crate) fn sessions(&self) -> f64 {
        let told = self.sql("SELECT sum(sessions) FROM pg_stat_database WHERE datname LIKE 't_' OR datname LIKE 't__'");
        told.parse().unwrap_or_default()
    }

    pub(crate) fn psql(&self, user: &str, database: &str, sql: &str) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        self.login(&mut command, user, database, sql);
        command
    }

    /// The `psql` that a shell finds, which on some systems is a script that looks for the real one.
    pub(crate) fn psql_of_the_shell(&self, user: &str, database: &str, sql: &str) -> Command {
        let mut command = Command::new("psql");
        self.login(&mut command, user, database, sql);
        command
    }

    fn login(&self, command: &mut Command, user: &str, database: &str, sql: &str) {
        command
            .args(["-XqAt", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", user, "-d", database, "-c", sql])
            .env("PGPASSWORD", &self.password)
            .stdin(Stdio::null());
    }

    fn sql(&self, sql: &str) -> String {
        let output = self.psql("postgres", "postgres", sql).output().expect("run psql");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn until_ready(&self) {
        let start = tokio::time::Instant::now();
        while !self
            .psql("postgres", "postgres", "SELECT")
            .output()
            .is_ok_and(|it| it.status.success())
        {
            assert!(start.elapsed() < STARTS_WITHIN, "the server started in time");
            std::thread::sleep(NAP);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // At once, without waiting for clients; the directory goes with `self`.
        let stop = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        if stop.is_ok_and(|it| it.success()) {
            drop(self.server.wait());
        }
        assert!(self.directory.path().exists(), "the server's directory was ours until now");
    }
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions.flatten().map(|it| it.path().join("bin")).max();
    newest.filter(|it| it.join("postgres").exists())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|it| it.stdout.starts_with(b"0\n"))
}

/// The server refuses to run as root.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn done(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("run a program");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Below the range of the client's own ports.
fn free_port() -> u16 {
    let free = (15_000..20_000).find(|it| TcpListener::bind(("127.0.0.1", *it)).is_ok());
    free.expect("a free port")
}
