//! A running HTTP side on a port of its own, with a store, a scan loop and clients.
//!
//! Why not the whole program: these tests are about what is answered, and a test that waits for a process to start finds
//! a tenth of what it could in the same time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use watertight::config::Config;
use watertight::daemon::{Daemon, Settings};
use watertight::http::options::{Limits, Options, Token};
use watertight::http::role::Role;
use watertight::http::{Ready, Served, serve_socket, serve_tcp};
use watertight::metrics::Metrics;
use watertight::metrics::detail::DetailOptions;
use watertight::model::policy::Policy;
use watertight::model::report::Report;
use watertight::monitor::Monitor;
use watertight::probe::{ProbeOptions, Prober};
use watertight::provision::Provisioner;
use watertight::provision::options::Equipment;
use watertight::report::json;
use watertight::route::keyring::{Keyring, Source};
use watertight::scan::ScanLimits;
use watertight::stamp::key::StampKeyRefs;
use watertight::store::Store;
use watertight::store::hold::Hold;
use watertight::store::scans::FinishedScan;
use watertight::store::url::StoreUrl;

use crate::sample;

/// For any one answer, on a machine that does a dozen other things.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) options: watch::Sender<Arc<Options>>,
    pub(crate) ready: watch::Sender<Ready>,
    pub(crate) reloads: mpsc::Receiver<oneshot::Sender<Result<(), Vec<String>>>>,
    pub(crate) home: TempDir,
    /// As a daemon has it: no other process writes.
    _hold: Hold,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<anyhow::Result<()>>,
    /// Accepts every visit and never answers one.
    _silent: TcpListener,
    _settings: watch::Sender<Arc<Settings>>,
    _issuer: watch::Sender<Option<Source>>,
}

/// What a house is built with.
pub(crate) struct Plan {
    pub(crate) options: Options,
    /// Rows of the registry; `{silent}` is the port of a server that never answers.
    pub(crate) registry: &'static str,
    /// What the store holds before the first request.
    pub(crate) before: Option<Report>,
    /// As `[provision]` gives it. What begins is kept and goes no further.
    pub(crate) equipment: Option<Arc<Equipment>>,
}

/// A tenant that refuses at once, and one that keeps a scan waiting.
pub(crate) const REGISTRY: &str = r#"
[probe]
timeout = "600s"
[[tenants]]
id = "acme"
database_url = "postgres://app:secret@127.0.0.1:1/acme"
environment = "production"
[[tenants]]
id = "silent"
database_url = "postgres://app:secret@127.0.0.1:{silent}/silent?sslmode=disable"
environment = "staging"
"#;

/// One that refuses at once, alone: a scan of it takes no time.
pub(crate) const QUICK: &str = r#"
[[tenants]]
id = "acme"
database_url = "postgres://app:secret@127.0.0.1:1/acme"
"#;

impl Default for Plan {
    fn default() -> Self {
        let before = Some(sample::everything().0);
        Self { options: guarded(), registry: QUICK, before, equipment: None }
    }
}

/// A token of each role, named after it.
pub(crate) fn guarded() -> Options {
    Options {
        hosts: vec!["localhost".to_owned()],
        tokens: Role::ALL.into_iter().map(token).collect(),
        ..Options::default()
    }
}

pub(crate) fn token(role: Role) -> Token {
    let sha256 = Sha256::digest(secret(role)).into();
    Token { name: role.label().into(), role, sha256 }
}

pub(crate) fn secret(role: Role) -> String {
    format!("the-{}-token", role.label())
}

pub(crate) fn with_limits(limits: Limits) -> Plan {
    Plan { options: Options { limits, ..guarded() }, ..Plan::default() }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::of(Plan::default()).await
    }

    pub(crate) async fn of(plan: Plan) -> Self {
        let home = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(home.path().join("w.db"));
        let store = Arc::new(Store::open(&url, None).unwrap());
        let hold = store.hold().unwrap();
        if let Some(report) = &plan.before {
            remember(&store, report);
        }
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = silent.local_addr().unwrap().port().to_string();
        let settings = settings(&plan.registry.replace("{silent}", &port), &store);
        let (settings, settings_read) = watch::channel(Arc::new(settings));
        let daemon = Arc::new(Daemon::new(store, settings_read, Arc::new(Metrics::default())));
        daemon.recall().await.unwrap();
        let (reload, reloads) = mpsc::channel(1);
        let (options, options_read) = watch::channel(Arc::new(plan.options));
        let (ready, ready_read) = watch::channel(Ready { configuration: true, schedule: true });
        let keyring = Arc::new(Keyring::default());
        let (_, equipment) = watch::channel(plan.equipment);
        let served = Served {
            daemon: Arc::clone(&daemon),
            options: options_read,
            reload,
            ready: ready_read,
            keyring: Arc::clone(&keyring),
            deliveries: Arc::default(),
            provisioner: Arc::new(Provisioner::new(Arc::clone(&daemon), equipment)),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let issuer = options.borrow().routing.as_ref().map(|it| it.source.clone());
        let (issuer, issuer_read) = watch::channel(issuer);
        let until = stop.clone();
        tasks.spawn(async move { keyring.read_until(issuer_read, &until).await });
        let socket = home.path().join("w.db.sock");
        tasks.spawn(serve_tcp(listener, served.clone(), stop.clone()));
        let through_socket = (served, stop.clone());
        tasks.spawn(async move { serve_socket(&socket, through_socket.0, through_socket.1).await });
        let scanning = (Arc::clone(&daemon), stop.clone());
        tasks.spawn(async move {
            scanning.0.scan_until(&scanning.1).await;
            Ok(())
        });
        let listening = async {
            while !home.path().join("w.db.sock").exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, listening).await.expect("the socket is there in time");
        let client = client().build().unwrap();
        Self {
            address,
            client,
            daemon,
            options,
            ready,
            reloads,
            home,
            _hold: hold,
            stop,
            tasks,
            _silent: silent,
            _settings: settings,
            _issuer: issuer,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.options.borrow().tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path().join("w.db.sock")
    }

    /// Without any token.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.ask(Method::GET, path).bearer_auth(secret(Role::Viewer))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.ask(Method::POST, path).bearer_auth(secret(Role::Operator)).json(body)
    }

    /// A connection without any client's good manners.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Every task ends, and well.
    pub(crate) async fn leave(mut self) {
        self.stop.cancel();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.unwrap().unwrap();
            }
        };
        tokio::time::timeout(LIMIT, all).await.expect("everything ends in time");
    }
}

pub(crate) fn client() -> reqwest::ClientBuilder {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Client::builder()
        .timeout(LIMIT)
        .no_proxy()
        .local_address(local)
        .redirect(reqwest::redirect::Policy::none())
}

/// The answer's status and JSON.
pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, json_of(response).await)
}

pub(crate) async fn json_of(response: Response) -> Value {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// An error of this type, told as every error is.
#[track_caller]
pub(crate) fn assert_problem(problem: &Value, slug: &str, status: StatusCode) {
    assert_eq!(problem["type"], format!("urn:watertight:problem:{slug}"), "{problem}");
    assert_eq!(problem["status"], status.as_u16(), "{problem}");
    assert!(problem["request_id"].is_string() && problem["title"].is_string(), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|it| !it.is_empty()), "{problem}");
}

/// The request is refused with this problem.
pub(crate) async fn refused(request: RequestBuilder, status: StatusCode, slug: &str) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem = json_of(response).await;
    assert_problem(&problem, slug, status);
    assert_eq!(problem["request_id"], request_id);
    problem
}

fn settings(registry: &str, store: &Arc<Store>) -> Settings {
    let config = Config::parse("w.toml", registry, &BTreeMap::default()).unwrap();
    let probe = config.probe_options();
    let options =
        ProbeOptions { timeout: probe.timeout, root_files: Vec::new(), crypto_permits: 1 };
    let store = Arc::clone(store);
    Settings {
        monitor: Monitor {
            prober: Arc::new(Prober::new(&options).unwrap()),
            limits: ScanLimits::new(NonZeroUsize::MIN, NonZeroUsize::MIN, probe.timeout),
            policy: Policy::default(),
            auth_retry: Duration::ZERO,
            recognise: Arc::new(move |tenant, target, secret| {
                store.secret_digest(tenant, target, secret)
            }),
            replication_proof: false,
            stamp_keys: StampKeyRefs::default(),
        },
        registry: config.registry_options(),
        detail: DetailOptions::default(),
        routes: true,
    }
}

/// As a scan would have left it.
pub(crate) fn remember(store: &Store, report: &Report) {
    let write_json = |out: &mut dyn std::io::Write| json::write(report, out);
    let findings = &report.findings;
    store
        .finish_scan(&FinishedScan {
            report,
            write_json: &write_json,
            findings,
            unreported: &[],
            baselines: &[],
        })
        .unwrap();
}
