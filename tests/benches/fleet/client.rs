//! The measured process: one scan of the fake fleet, by the bare loop or by our visit, and what it cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use watertight::dsn::{ChannelBinding, Dsn, Host, HostName, SessionAttrs, TlsMode};
use watertight::model::address::{Address, Provider, Route};
use watertight::model::observation::{Cause, Observation, Outcome};
use watertight::model::tenant::{Origin, Target, TargetName, TargetRef, Tenant, TenantId};
use watertight::registry::{Access, Login, LoginPassword, Snapshot};
use watertight::scan::{Job, ScanLimits, Turn, scan};
use watertight::secret::Secret;

use super::bare_client::{Bare, Seen};
use super::fake_postgres::{address, wire::Outbox};
use super::{PASSWORD, measure};

/// What one scan is to do, as it is handed from process to process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// `bare` or `visit`.
    pub(crate) client: String,
    pub(crate) port: u16,
    pub(crate) login: String,
    pub(crate) targets: u32,
    pub(crate) concurrency: u32,
    pub(crate) timeout: Duration,
    /// The fleet's own, in base64, where it speaks TLS.
    pub(crate) certificate: String,
}

impl Run {
    pub(crate) fn write(&self) -> [String; 8] {
        [
            "scan".into(),
            self.client.clone(),
            self.port.to_string(),
            self.login.clone(),
            self.targets.to_string(),
            self.concurrency.to_string(),
            self.timeout.as_millis().to_string(),
            self.certificate.clone(),
        ]
    }

    pub(crate) fn read(arguments: &[String]) -> Self {
        let number = |at: usize| arguments[at].parse().expect("a number");
        Self {
            client: arguments[0].clone(),
            port: arguments[1].parse().expect("a port"),
            login: arguments[2].clone(),
            targets: number(3),
            concurrency: number(4),
            timeout: Duration::from_millis(number(5).into()),
            certificate: arguments[6].clone(),
        }
    }

    fn bare(&self) -> Bare {
        let bare = Bare::new(STATEMENT);
        match self.login.as_str() {
            "trust" => bare,
            "tls" => {
                let certificate = BASE64.decode(&self.certificate).expect("base64");
                bare.password(PASSWORD).over_tls(&certificate)
            }
            _ => bare.password(PASSWORD),
        }
    }
}

const STATEMENT: &str = "SET a; SELECT b";

/// Each statement's answer, with the columns of the visit's own.
pub(crate) fn answer(target: u32, sql: &str) -> Vec<u8> {
    let mut out = Outbox::default();
    for statement in sql.split(';').map(str::trim_start).filter(|it| !it.is_empty()) {
        match statement.split_once(' ') {
            Some(("SET", _)) => out.done("SET"),
            _ => {
                let system_identifier = (7_000_000_000_000_000_000 + u64::from(target)).to_string();
                let mut row = ROW;
                row[0] = Some(system_identifier.as_str());
                out.row(&["?column?"; ROW.len()], &row);
            }
        }
    }
    out.take()
}

/// As a healthy primary tells it, in the order of `src/probe/fingerprint.sql`.
const ROW: [Option<&str>; 27] = [
    None,
    Some("16385"),
    Some("tenant"),
    Some("f"),
    Some("000000010000000000000001"),
    None,
    Some("0/1A2B3C4"),
    Some("2026-01-01 00:00:00.123456+00"),
    Some("150018"),
    Some("10.0.0.4"),
    Some("5432"),
    Some("40000"),
    Some("0"),
    None,
    None,
    Some("off"),
    Some("3"),
    Some("100"),
    Some("733"),
    Some("2026-11-23 15:00:00.123456+00"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
    Some("f"),
];

pub(crate) fn run(run: &Run) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let counted = runtime
        .block_on(async { if run.client == "bare" { bare(run).await } else { visit(run).await } });
    let Counted { seen, hung, failed, sockets, last_seen, wall, cpu } = counted;
    let [last_seen, wall] = [last_seen, wall].map(|it| it.as_secs_f64() * 1e3);
    #[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
    measure::tell(&[
        ("seen", f64::from(seen)),
        ("hung", f64::from(hung)),
        ("failed", f64::from(failed)),
        ("sockets", sockets as f64),
        ("last_seen_ms", last_seen),
        ("wall_ms", wall),
        ("cpu_us", cpu.as_secs_f64() * 1e6),
        ("peak_kib", measure::peak_memory() as f64),
    ]);
}

#[derive(Default)]
struct Counted {
    seen: u32,
    hung: u32,
    failed: u32,
    /// The most at once.
    sockets: usize,
    last_seen: Duration,
    wall: Duration,
    cpu: Duration,
}

/// As many workers as connections, each taking the next target until none is left.
async fn bare(run: &Run) -> Counted {
    let (start, cpu) = (Instant::now(), measure::own_cpu());
    let (next, client) = (Arc::new(AtomicU32::new(0)), run.bare());
    let (targets, port) = (run.targets, run.port);
    let mut workers = JoinSet::new();
    for _ in 0..run.concurrency {
        let (next, client) = (Arc::clone(&next), client.clone());
        workers.spawn(async move {
            let mut counted = (0, 0);
            loop {
                let target = next.fetch_add(1, Ordering::Relaxed);
                if targets <= target {
                    return counted;
                }
                match client.ask(address(target, port)).await {
                    Seen::Row(_) => counted.0 += 1,
                    Seen::Code(_) | Seen::NoAnswer => counted.1 += 1,
                }
            }
        });
    }
    let mut counted = Counted { sockets: run.concurrency as usize, ..Counted::default() };
    for (seen, failed) in workers.join_all().await {
        counted.seen += seen;
        counted.failed += failed;
    }
    let wall = start.elapsed();
    Counted { last_seen: wall, wall, cpu: measure::own_cpu().saturating_sub(cpu), ..counted }
}

/// The engine with the visit, on a registry as it is in production.
async fn visit(run: &Run) -> Counted {
    let snapshot = Arc::new(snapshot(run));
    let jobs: Vec<Job<'_>> = (0..)
        .zip(snapshot.tenants.iter().zip(&snapshot.access))
        .map(|(tenant, (row, access))| Job {
            target: TargetRef { tenant, target: 0 },
            hosts: &access[0].dsn.hosts,
            project: row.targets[0].address.project_id(),
        })
        .collect();
    let concurrency = (run.concurrency as usize).try_into().expect("at least one");
    let limits = ScanLimits::new(concurrency, 4.try_into().expect("not zero"), run.timeout);
    let client = run.bare();
    let sockets = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let visit = |turn: Turn| {
        let (client, sockets) = (client.clone(), Arc::clone(&sockets));
        async move {
            let open = sockets.0.fetch_add(1, Ordering::Relaxed) + 1;
            sockets.1.fetch_max(open, Ordering::Relaxed);
            // A visit that is ended from outside never counts down; the most at once is then told too high.
            let observation = client.observe(turn).await;
            sockets.0.fetch_sub(1, Ordering::Relaxed);
            observation
        }
    };
    let mut counted = Counted::default();
    let (start, cpu) = (Instant::now(), measure::own_cpu());
    let stop = CancellationToken::new();
    let ended = |it: &Observation| count(&mut counted, it, start.elapsed());
    let observations = scan(&jobs, limits, &stop, ended, visit).await;
    counted.cpu = measure::own_cpu().saturating_sub(cpu);
    counted.wall = start.elapsed();
    counted.sockets = sockets.1.load(Ordering::Relaxed);
    assert_eq!(observations.len(), jobs.len(), "one observation for each target");
    counted
}

fn count(counted: &mut Counted, observation: &Observation, now: Duration) {
    match &observation.outcome {
        Outcome::Seen(_) => {
            counted.seen += 1;
            counted.last_seen = now;
        }
        Outcome::Failed(failure) if failure.cause == Cause::Timeout => counted.hung += 1,
        Outcome::Failed(_) | Outcome::NotTried(_) => counted.failed += 1,
    }
}

fn snapshot(run: &Run) -> Snapshot {
    let numbers = 0..run.targets;
    Snapshot {
        tenants: numbers.clone().map(|it| tenant(it, run)).collect(),
        access: numbers.map(|it| vec![access(it, run)]).collect(),
        ..Snapshot::default()
    }
}

fn tenant(number: u32, run: &Run) -> Tenant {
    let at = address(number, run.port);
    let address = Address {
        host: at.ip().to_string().into(),
        port: at.port(),
        database: "tenant".into(),
        role: "tenant".into(),
        provider: Provider::Other,
        route: Route::Direct,
        projects: Vec::new(),
    };
    Tenant {
        id: TenantId::parse(&format!("tenant-{number}")).expect("a short name"),
        name: Some(format!("Tenant {number}").into()),
        subdomain: Some(format!("tenant-{number}").into()),
        environment: "production".into(),
        clone_of: None,
        managed_by: None,
        region: None,
        labels: std::collections::BTreeMap::new(),
        maintenance: None,
        origin: Origin { source: "fleet".into(), line: Some(number) },
        stale: false,
        targets: vec![Target { name: TargetName::DatabaseUrl, address: Arc::new(address) }],
    }
}

fn access(number: u32, run: &Run) -> Access {
    let SocketAddr::V4(at) = address(number, run.port) else { unreachable!("the fake has IPv4") };
    let name = HostName::Ip((*at.ip()).into());
    let dsn = Dsn {
        hosts: vec![Host { name, address: None, port: at.port() }],
        user: "tenant".into(),
        password: (run.login != "trust").then(|| Secret::new(PASSWORD.to_owned())),
        database: "tenant".into(),
        tls: if run.login == "tls" { TlsMode::Require } else { TlsMode::Disable },
        root_certificate: None,
        channel_binding: ChannelBinding::Prefer,
        session: SessionAttrs::Any,
        connect_timeout: None,
        options: None,
    };
    let login = Login { user: "tenant".into(), password: LoginPassword::Application };
    Access { dsn, password: None, login, unusable: None }
}
