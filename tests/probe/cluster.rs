//! A throwaway PostgreSQL cluster that dies with the test process, however that ends.
//!
//! Why a shell in between: it waits for its standard input to end, which the kernel brings about even for a test
//! process that is killed. A destructor would not run.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Runs the server, and ends it and its directory when nobody holds the other end of standard input.
const WATCH: &str = r#""$@" & server=$!; read -r word; kill -CONT $server; kill -INT $server; wait $server; rm -rf "$0""#;

pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) directory: TempDir,
    watch: Child,
}

impl Server {
    /// A PostgreSQL cluster with `settings` in its configuration and `hba` as its access rules.
    pub(crate) fn postgres(settings: &str, hba: &str) -> Self {
        let directory = directory();
        let data = directory.path().join("data");
        run(tool("initdb")
            .args(["--auth=trust", "--no-sync", "--username=boss", "--encoding=UTF8", "-D"])
            .arg(&data));
        let port = free_port();
        let socket = directory.path().display();
        let common = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{socket}'\nfsync = off\n{settings}\n"
        );
        append(&data.join("postgresql.conf"), &common);
        std::fs::write(
            data.join("pg_hba.conf"),
            format!("local all,replication all trust\n{hba}\n"),
        )
        .unwrap();
        Self::start(directory, port, &data)
    }

    /// A cluster whose directory is there already.
    pub(crate) fn start(directory: TempDir, port: u16, data: &Path) -> Self {
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let watch = watched(
            directory.path(),
            &tool("postgres"),
            &["-D".into(), data.display().to_string()],
            log,
        );
        let server = Self { port, directory, watch };
        let ready = || {
            tool("pg_isready")
                .arg("-h")
                .arg(server.directory.path())
                .args(["-p", &port.to_string()])
                .output()
        };
        until(|| ready().unwrap().status.success());
        server
    }

    /// A PgBouncer with `configuration`.
    pub(crate) fn pgbouncer(configuration: &str, users: &str) -> Self {
        let directory = directory();
        let port = free_port();
        let here = directory.path().display();
        let text = format!(
            "{configuration}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {here}/users\nlogfile = {here}/pgbouncer.log\n"
        );
        std::fs::write(directory.path().join("pgbouncer.ini"), text).unwrap();
        std::fs::write(directory.path().join("users"), users).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let arguments = [directory.path().join("pgbouncer.ini").display().to_string()];
        let watch = watched(directory.path(), &unprivileged("pgbouncer".as_ref()), &arguments, log);
        let server = Self { port, directory, watch };
        until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Sends a signal to the server itself.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        run(Command::new("kill").arg(signal).arg(pid.lines().next().unwrap()));
    }

    /// Runs SQL as the superuser.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, sql: &str) {
        let mut psql = tool("psql");
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "boss",
            "-d",
            database,
            "-p",
            &self.port.to_string(),
        ]);
        psql.arg("-h").arg(self.directory.path()).args(["-f", "-"]);
        let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        psql.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        assert!(psql.wait().unwrap().success(), "psql failed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        self.watch.wait().unwrap();
    }
}

/// A program of PostgreSQL's, run as somebody who may.
pub(crate) fn tool(name: &str) -> Command {
    let installed = Path::new("/usr/lib/postgresql/15/bin").join(name);
    unprivileged(if installed.exists() { &installed } else { Path::new(name) })
}

/// The servers refuse to run as root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

pub(crate) fn directory() -> TempDir {
    let directory = TempDir::with_prefix("watertight-probe-").unwrap();
    if is_root() {
        run(Command::new("chown").arg("65534:65534").arg(directory.path()));
    }
    directory
}

fn watched(directory: &Path, server: &Command, arguments: &[String], log: std::fs::File) -> Child {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", WATCH])
        .arg(directory)
        .arg(server.get_program())
        .args(server.get_args())
        .args(arguments);
    let again = log.try_clone().unwrap();
    shell.current_dir("/").stdin(Stdio::piped()).stdout(log).stderr(again).spawn().unwrap()
}

#[track_caller]
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn append(path: &Path, text: &str) {
    std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// Below the range from which the system takes ports for outgoing connections: nothing connects to itself there.
pub(crate) fn free_port() -> u16 {
    let seed = u16::try_from(std::process::id() % 9_000).unwrap();
    let next = NEXT_PORT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    (0..9_000)
        .map(|step| 22_000 + (seed + next * 97 + step) % 9_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

static NEXT_PORT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);

/// Polls a condition of another process; there is no event to wait for.
#[track_caller]
pub(crate) fn until(condition: impl Fn() -> bool) {
    let tries = 600;
    let done = (0..tries).any(|_| {
        let met = condition();
        if !met {
            std::thread::sleep(Duration::from_millis(50));
        }
        met
    });
    assert!(done, "the condition was never met");
}

/// Removes a directory that lives as long as the test process.
pub(crate) fn remove_at_the_end(directory: &Path) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"read -r word; rm -rf "$0""#]).arg(directory);
    shell.stdin(Stdio::piped()).spawn().unwrap()
}
