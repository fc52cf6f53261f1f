//! The program as its users meet it: a child process with a configuration file, a store beside it, and an exit code.
//!
//! Why a notation for reports: what a scan says of a fleet is compared as a whole, so that a finding too many fails a
//! test as surely as one too few.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;
use watertight::local::binaries::Binaries;
use watertight::local::cluster::{Cluster, identifier, random_password};
use watertight::local::ground::Ground;
use watertight::model::finding::{Finding, Kind};
use watertight::model::report::Report;
use watertight::report::json;

/// For one run of the program, on a machine that does a dozen other things.
const LIMIT: Duration = Duration::from_mins(1);

/// A directory with a configuration and a store.
#[derive(Debug)]
pub(crate) struct Program {
    home: TempDir,
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    /// `configuration` says all but where the store is.
    pub(crate) fn new(configuration: &str) -> Self {
        let program = Self { home: tempfile::tempdir().expect("a directory") };
        program.configure(configuration);
        program
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("write a file of our own");
        self.path(name).display().to_string()
    }

    pub(crate) fn configure(&self, configuration: &str) {
        let store = format!("sqlite:{}", self.path("watertight.db").display());
        self.write("watertight.toml", &format!("store.url = {store:?}\n{configuration}"));
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_in(self.home.path(), arguments).await
    }

    async fn run_in(&self, directory: &Path, arguments: &[&str]) -> Ran {
        let running = Command::new(env!("CARGO_BIN_EXE_watertight"))
            .arg("--config")
            .arg(self.path("watertight.toml"))
            .args(arguments)
            .env("NO_COLOR", "1")
            .current_dir(directory)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(LIMIT, running).await.expect("within the deadline").expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// One scan, and what it says.
    pub(crate) async fn verify(&self) -> Report {
        let ran = self.run(&["verify", "--format", "json"]).await;
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{}", ran.err);
        json::parse(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// One scan must say exactly this: see `told`.
    pub(crate) async fn check(&self, when: &str, expected: &str) -> Report {
        let report = self.verify().await;
        let lines = |text: &str| -> Vec<String> {
            text.lines().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
        };
        let doubts: Vec<&String> = report.tenants.iter().flat_map(|it| &it.doubts).collect();
        assert_eq!(lines(&told(&report)), lines(expected), "{when}; doubts: {doubts:#?}");
        report
    }
}

/// `isolated acme` for each tenant, with its cause where it fails, and `shared_database critical open acme globex`
/// for each finding but `degraded`, which is about limits that small servers come near to.
pub(crate) fn told(report: &Report) -> String {
    let mut text = String::new();
    for tenant in &report.tenants {
        text.push_str(&format!("{} {}", tenant.isolation, tenant.id));
        if let Some(cause) = tenant.cause {
            text.push_str(&format!(" {}", cause.label()));
        }
        text.push('\n');
    }
    for finding in report.findings.iter().filter(|it| it.claim.kind != Kind::Degraded) {
        let claim = &finding.claim;
        text.push_str(&format!("{} {} {}", claim.kind, claim.severity, finding.state));
        for tenant in &claim.tenants {
            text.push_str(&format!(" {tenant}"));
        }
        text.push('\n');
    }
    text
}

pub(crate) fn finding(report: &Report, kind: Kind) -> &Finding {
    let found = report.findings.iter().find(|it| it.claim.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {}", told(report)))
}

/// A running server on the ground.
pub(crate) async fn server(ground: &Ground, name: &str) -> Cluster {
    let binaries = Binaries::find().expect("PostgreSQL");
    Cluster::create(ground, &binaries, name).await.expect("a server")
}

/// A role with a database of its own, both of this name; the URL that leads there.
pub(crate) async fn own_database(cluster: &Cluster, name: &str) -> String {
    let password = random_password();
    cluster.create_role(name, &password, "").await.expect("a role");
    cluster.create_database(name, name).await.expect("a database");
    url(cluster, name, password.expose(), name)
}

/// Another role that may connect to a database; the URL that leads there.
pub(crate) async fn guest(cluster: &Cluster, role: &str, database: &str) -> String {
    let password = random_password();
    cluster.create_role(role, &password, "").await.expect("a role");
    let (database_name, role_name) = (identifier(database), identifier(role));
    let grant = format!("grant connect on database {database_name} to {role_name}");
    cluster.execute("postgres", &[&grant]).await.expect("a grant");
    url(cluster, role, password.expose(), database)
}

pub(crate) fn url(cluster: &Cluster, role: &str, password: &str, database: &str) -> String {
    let port = cluster.port().expect("it runs");
    format!("postgres://{role}:{password}@127.0.0.1:{port}/{database}")
}

/// The same way by another port.
pub(crate) fn through(url: &str, port: u16, database: &str) -> String {
    let (login, _) = url.rsplit_once('@').expect("a login");
    format!("{login}@127.0.0.1:{port}/{database}")
}

/// A row of the configuration; `more` is further keys.
pub(crate) fn tenant(id: &str, url: &str, more: &str) -> String {
    format!("[[tenants]]\nid = {id:?}\ndatabase_url = {url:?}\n{more}\n")
}
