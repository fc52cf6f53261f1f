//! Connection strings built by hand, and visits under a deadline.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use watertight::dsn::{ChannelBinding, Dsn, Host, HostName, SessionAttrs, TlsMode};
use watertight::model::address::{Address, Provider, Route};
use watertight::model::observation::{Cause, Failure, Observation, Outcome, Sighting};
use watertight::model::tenant::{TargetRef, TenantId};
use watertight::patience::Patience;
use watertight::probe::session::Session;
use watertight::probe::{ProbeOptions, Prober};
use watertight::registry::{Access, Login, LoginPassword};
use watertight::secret::Secret;

/// Longer than any visit may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The prober's own.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) const PASSWORD: &str = "correct horse";

/// To the role `app` in the database `app` on this machine, without TLS.
pub(crate) fn dsn(port: u16) -> Dsn {
    Dsn {
        hosts: vec![host(port)],
        user: "app".into(),
        password: Some(Secret::new(PASSWORD)),
        database: "app".into(),
        tls: TlsMode::Disable,
        root_certificate: None,
        channel_binding: ChannelBinding::Prefer,
        session: SessionAttrs::Any,
        connect_timeout: None,
        options: None,
    }
}

pub(crate) fn host(port: u16) -> Host {
    Host { name: HostName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)), address: None, port }
}

pub(crate) fn socket(directory: &Path, port: u16) -> Host {
    Host { name: HostName::Socket(directory.to_owned()), address: None, port }
}

pub(crate) fn prober(timeout: Duration) -> Prober {
    Prober::new(&ProbeOptions { timeout, root_files: Vec::new(), crypto_permits: 2 }).unwrap()
}

fn address(dsn: &Dsn) -> Address {
    Address {
        host: "127.0.0.1".into(),
        port: dsn.hosts[0].port,
        database: dsn.database.clone(),
        role: dsn.user.clone(),
        provider: Provider::Other,
        route: Route::Direct,
        projects: Vec::new(),
    }
}

pub(crate) fn access(dsn: &Dsn) -> Access {
    let login = Login { user: dsn.user.clone(), password: LoginPassword::Application };
    Access { dsn: dsn.clone(), password: None, login, unusable: None }
}

/// Every host of these tests is this machine.
fn addresses(dsn: &Dsn) -> Vec<Vec<SocketAddr>> {
    let here = |host: &Host| match host.name {
        HostName::Socket(_) => Vec::new(),
        _ => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, host.port))],
    };
    dsn.hosts.iter().map(here).collect()
}

pub(crate) async fn observe(prober: &Prober, dsn: &Dsn) -> Observation {
    observe_by(prober, dsn, &access(dsn)).await
}

pub(crate) async fn observe_by(prober: &Prober, dsn: &Dsn, access: &Access) -> Observation {
    let (tenant, patience) = (TenantId::parse("acme").unwrap(), Arc::new(Patience::new()));
    let target = TargetRef { tenant: 0, target: 0 };
    let (address, addresses) = (address(dsn), addresses(dsn));
    let visit = Box::pin(prober.visit(target, &tenant, &address, access, &addresses, &patience));
    timeout(DEADLINE, visit).await.expect("the visit did not end")
}

pub(crate) async fn open(prober: &Prober, dsn: &Dsn) -> Result<Session, Failure> {
    let (tenant, patience) = (TenantId::parse("acme").unwrap(), Arc::new(Patience::new()));
    let (address, access, addresses) = (address(dsn), access(dsn), addresses(dsn));
    let opening = Box::pin(prober.open(&tenant, &address, &access, &addresses, &patience));
    timeout(DEADLINE, opening).await.expect("the opening did not end")
}

/// The visit must succeed.
#[track_caller]
pub(crate) fn sight(dsn: &Dsn) -> impl Future<Output = Sighting> + use<> {
    let caller = std::panic::Location::caller();
    let dsn = dsn.clone();
    async move {
        match observe(&prober(TIMEOUT), &dsn).await.outcome {
            Outcome::Seen(sighting) => *sighting,
            other => panic!("{caller}: {other:?}"),
        }
    }
}

/// The visit must fail with this cause, within the deadline.
#[track_caller]
pub(crate) fn check(
    dsn: &Dsn,
    timeout: Duration,
    expected: Cause,
) -> impl Future<Output = Failure> + use<> {
    let caller = std::panic::Location::caller();
    let dsn = dsn.clone();
    async move {
        let observation = observe(&prober(timeout), &dsn).await;
        let late = timeout + Duration::from_secs(2);
        assert!(observation.took < late, "{caller}: it took {:?}", observation.took);
        match observation.outcome {
            Outcome::Failed(failure) => {
                assert_eq!(failure.cause, expected, "{caller}: {failure:?}");
                assert!(!failure.detail.contains(PASSWORD), "{caller}: {}", failure.detail);
                failure
            }
            other => panic!("{caller}: {other:?}"),
        }
    }
}

/// What an administrator sees, over the Unix socket.
pub(crate) async fn administrator(directory: &Path, port: u16, database: &str) -> Session {
    let dsn = Dsn {
        hosts: vec![socket(directory, port)],
        user: "boss".into(),
        database: database.into(),
        ..dsn(port)
    };
    open(&prober(TIMEOUT), &dsn).await.unwrap()
}
