//! The measured process: one scan, by the bare loop or by our visit, and what it cost.
//!
//! Why with a registry as in production, even where a list of addresses would do: memory is measured too.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use watertight::dsn::{ChannelBinding, Dsn, Host, HostName, SessionAttrs, TlsMode};
use watertight::model::address::Address;
use watertight::model::observation::{Cause, Observation, Outcome};
use watertight::model::tenant::{Origin, Target, TargetName, TargetRef, Tenant, TenantId};
use watertight::probe::statement;
use watertight::probe::{ProbeOptions, Prober};
use watertight::registry::{Access, Login, LoginPassword, Snapshot};
use watertight::scan::{Job, ScanLimits, Turn, scan};
use watertight::secret::Secret;

use super::bare_client::{Bare, Seen};
use super::fake_postgres::address;
use super::measure;

pub(crate) const PASSWORD: &str = "correct horse";

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
    /// On one server, visited in turn; 0 for a fake fleet, of which each target has an address of its own.
    pub(crate) databases: u32,
    /// The fleet's own, in base64, where it speaks TLS.
    pub(crate) certificate: String,
}

impl Run {
    pub(crate) fn write(&self) -> [String; 9] {
        [
            "scan".into(),
            self.client.clone(),
            self.port.to_string(),
            self.login.clone(),
            self.targets.to_string(),
            self.concurrency.to_string(),
            self.timeout.as_millis().to_string(),
            self.databases.to_string(),
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
            databases: number(6),
            certificate: arguments[7].clone(),
        }
    }

    /// One for each database: as prepared as a loop can be.
    fn bare(&self) -> Vec<Bare> {
        let bare = Bare::new(&statement::lean(USER, self.timeout));
        let bare = match self.login.as_str() {
            "trust" => bare,
            "tls" => {
                let certificate = BASE64.decode(&self.certificate).expect("base64");
                bare.password(PASSWORD).over_tls(&certificate)
            }
            _ => bare.password(PASSWORD),
        };
        let databases = 0..self.databases.max(1);
        databases.map(|it| bare.clone().login(USER, &self.database(it))).collect()
    }

    fn address(&self, target: u32) -> SocketAddr {
        if self.databases == 0 {
            return address(target, self.port);
        }
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn database(&self, target: u32) -> String {
        if self.databases == 0 {
            return USER.to_owned();
        }
        format!("t{}", target % self.databases)
    }
}

pub(crate) const USER: &str = "tenant";

/// So many times the concurrency that no server's limit is near.
const FAR: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

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
    let (next, clients) = (Arc::new(AtomicU32::new(0)), Arc::new(run.bare()));
    let targets = run.targets;
    let mut workers = JoinSet::new();
    for _ in 0..run.concurrency {
        let (next, clients, run) = (Arc::clone(&next), Arc::clone(&clients), run.clone());
        workers.spawn(async move {
            let mut counted = (0, 0);
            loop {
                let target = next.fetch_add(1, Ordering::Relaxed);
                if targets <= target {
                    return counted;
                }
                let client = &clients[target as usize % clients.len()];
                match client.ask(run.address(target)).await {
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
    // What is measured is a target without others beside it: a server that nears its limit costs one more round trip.
    let limits = ScanLimits::new(concurrency, concurrency.saturating_mul(FAR), run.timeout);
    let crypto_permits = std::thread::available_parallelism().map_or(1, usize::from);
    let options = ProbeOptions { timeout: run.timeout, root_files: Vec::new(), crypto_permits };
    let prober = Arc::new(Prober::new(&options).expect("the system's roots"));
    let sockets = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let visit = |turn: Turn| {
        let (prober, sockets) = (Arc::clone(&prober), Arc::clone(&sockets));
        let snapshot = Arc::clone(&snapshot);
        async move {
            let open = sockets.0.fetch_add(1, Ordering::Relaxed) + 1;
            sockets.1.fetch_max(open, Ordering::Relaxed);
            // A visit that is ended from outside never counts down; the most at once is then told too high.
            let Turn { target, addresses, patience } = turn;
            let tenant = &snapshot.tenants[target.tenant as usize];
            let (address, access) =
                (&tenant.targets[0].address, &snapshot.access[target.tenant as usize][0]);
            let observation =
                prober.visit(target, &tenant.id, address, access, &addresses, &patience).await;
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
        Outcome::Failed(failure) if failure.cause == Cause::Timeout => {
            counted.hung += 1;
        }
        other => {
            counted.failed += 1;
            if counted.failed == 1 {
                measure::complain(format_args!("the first wrong answer: {other:?}"));
            }
        }
    }
}

/// With texts shared as the registry shares them.
fn snapshot(run: &Run) -> Snapshot {
    let (environment, source): (Arc<str>, Arc<str>) = ("production".into(), "fleet".into());
    let mut snapshot = Snapshot::default();
    for number in 0..run.targets {
        let access = access(number, run);
        let mut tenant = tenant(number, access.dsn.address(None));
        tenant.environment = Arc::clone(&environment);
        tenant.origin.source = Arc::clone(&source);
        snapshot.tenants.push(tenant);
        snapshot.access.push(vec![access]);
    }
    snapshot
}

fn tenant(number: u32, address: Address) -> Tenant {
    Tenant {
        id: TenantId::parse(&format!("tenant-{number}")).expect("a short name"),
        name: Some(format!("Tenant {number}").into()),
        subdomain: Some(format!("tenant-{number}").into()),
        environment: "production".into(),
        particulars: None,
        origin: Origin { source: "fleet".into(), line: Some(number) },
        stale: false,
        targets: vec![Target { name: TargetName::DatabaseUrl, address: Arc::new(address) }],
    }
}

fn access(number: u32, run: &Run) -> Access {
    let at = run.address(number);
    let name = HostName::Ip(at.ip());
    let dsn = Dsn {
        hosts: vec![Host { name, address: None, port: at.port() }],
        user: USER.into(),
        password: (run.login != "trust").then(|| Secret::new(PASSWORD.to_owned())),
        database: run.database(number).into(),
        tls: if run.login == "tls" { TlsMode::Require } else { TlsMode::Disable },
        root_certificate: None,
        channel_binding: ChannelBinding::Prefer,
        session: SessionAttrs::Any,
        connect_timeout: None,
        options: None,
    };
    let login = Login { user: Arc::clone(&dsn.user), password: LoginPassword::Application };
    Access { dsn, password: None, login, unusable: None }
}
