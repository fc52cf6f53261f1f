//! Groups that only the witness can decide, and pools that keep its members apart.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;
use watertight::local::pooler::{self, PoolMode, Pooler, Route};
use watertight::model::finding::{Kind, Verdict};
use watertight::model::tenant::TenantId;

use crate::program::{Program, guest, own_database, server, tenant, through, told};

/// What names a server, and when it was started.
const WITHHELD: [&str; 2] = [
    "revoke execute on function pg_catalog.pg_control_system() from public",
    "revoke execute on function pg_catalog.pg_postmaster_start_time() from public",
];

async fn withhold(cluster: &Cluster, database: &str) {
    cluster.execute(database, &WITHHELD).await.expect("a revocation");
}

#[tokio::test]
async fn servers_that_withhold_who_they_are_are_told_apart_by_the_witness_alone() {
    let ground = Ground::create().unwrap();
    let (one, two, three) = (
        server(&ground, "one").await,
        server(&ground, "two").await,
        server(&ground, "three").await,
    );
    let mut rows = String::new();
    for (cluster, id) in [(&one, "acme"), (&one, "beside"), (&two, "globex"), (&three, "hooli")] {
        rows += &tenant(id, &own_database(cluster, id).await, "");
        withhold(cluster, id).await;
    }
    rows += &tenant("alias", &guest(&two, "alias", "globex").await, "");
    let expected = "
        breached acme
        breached alias
        breached beside
        breached globex
        isolated hooli
        shared_database critical open alias globex
        shared_cluster critical open acme beside
    ";
    for limits in ["", "probe.per_server = 2\nprobe.concurrency = 2\n"] {
        Program::new(&format!("{limits}{rows}")).check(limits, expected).await;
    }
}

#[tokio::test]
async fn a_copy_that_withholds_its_start_is_proven_apart_from_its_source() {
    let ground = Ground::create().unwrap();
    let source = server(&ground, "source").await;
    let acme = own_database(&source, "acme").await;
    source.execute("acme", &WITHHELD[1..]).await.unwrap();
    let copy = source.snapshot("copy").await.unwrap();
    copy.execute("postgres", &["alter role acme password 'another'"]).await.unwrap();
    let (login, _) = acme.split_once("acme:").unwrap();
    let globex = format!("{login}acme:another@127.0.0.1:{}/acme", copy.port().unwrap());
    let rows = format!("{}{}", tenant("acme", &acme, ""), tenant("globex", &globex, ""));
    let expected = "
        isolated acme
        isolated globex
        cloned_lineage low open acme globex
    ";
    Program::new(&rows).check("a copy", expected).await;
}

/// Two tenants on one database and a third beside it, all through pools of one connection each: never a wrong word.
#[tokio::test]
async fn pools_of_one_connection_never_make_the_witness_wrong() {
    if pooler::program().is_none() {
        eprintln!("left out: PgBouncer is not installed");
        return;
    }
    let ground = Ground::create().unwrap();
    let behind = server(&ground, "behind").await;
    let acme = own_database(&behind, "acme").await;
    let globex = guest(&behind, "globex", "acme").await;
    let hooli = own_database(&behind, "hooli").await;
    // What follows the database's name is the pooler's own.
    let route = |alias, database, roles| Route { alias, cluster: &behind, database, roles };
    for mode in PoolMode::ALL {
        let routes = [
            route("acme", "acme pool_size=1", &["acme", "globex"]),
            route("hooli", "hooli pool_size=1", &["hooli"]),
        ];
        let pooler = Pooler::start(&ground, mode.label(), mode, &routes).await.unwrap();
        let ways = [
            ("acme", through(&acme, pooler.port(), "acme")),
            ("globex", through(&globex, pooler.port(), "acme")),
            ("hooli", through(&hooli, pooler.port(), "hooli")),
            // The same role by the same pool: whoever comes second waits for the first to leave.
            ("twin", through(&acme, pooler.port(), "acme")),
            ("direct", acme.clone()),
        ];
        let rows: String = ways.iter().map(|(id, url)| tenant(id, url, "")).collect();
        let report = Program::new(&rows).verify().await;
        let text = told(&report);
        for it in &report.tenants {
            let right = it.isolation != Verdict::Isolated;
            assert!(right, "{mode:?}: {text}");
        }
        let shared: Vec<&str> = report
            .findings
            .iter()
            .filter(|it| it.claim.kind == Kind::SharedDatabase)
            .flat_map(|it| it.claim.tenants.iter().map(TenantId::as_str))
            .collect();
        assert_eq!(shared, ["acme", "direct", "globex", "twin"], "{mode:?}: {text}");
    }
}

/// Leads to a server as long as it is told to.
struct Gate {
    port: u16,
    _task: JoinSet<()>,
}

/// What becomes of those who come after the first.
#[derive(Clone, Copy)]
enum Then {
    Refused,
    Silence,
}

impl Gate {
    /// Lets one visit through.
    async fn once(to: u16, then: Then) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let Ok((mut client, _)) = listener.accept().await else { return };
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
            // Whichever side ends first, the visit has ended.
            copy_bidirectional(&mut client, &mut server).await.unwrap_or_default();
            client.shutdown().await.unwrap_or_default();
            let mut silenced = Vec::new();
            while let Then::Silence = then {
                let Ok((client, _)) = listener.accept().await else { return };
                silenced.push(client);
            }
        });
        Self { port, _task: task }
    }

    /// Each piece arrives so much later than it was sent.
    async fn distant(to: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                let ((up, down), (from, to)) = (client.into_split(), server.into_split());
                visits.spawn(carry(up, to, delay));
                visits.spawn(carry(from, down, delay));
            }
        });
        Self { port, _task: task }
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let mut piece = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        sleep(delay).await;
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
    to.shutdown().await.unwrap_or_default();
}

#[tokio::test]
async fn a_member_that_is_lost_between_its_visits_takes_no_proof_from_the_others() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "dying").await;
    let mut rows = "policy.isolation = \"database\"\nprobe.timeout = \"2s\"\n".to_owned();
    for id in ["acme", "globex", "hooli"] {
        rows += &tenant(id, &own_database(&cluster, id).await, "");
    }
    rows += &tenant("alias", &guest(&cluster, "alias", "acme").await, "");
    let dying = own_database(&cluster, "dying").await;
    let expected = "
        breached acme
        breached alias
        unverified dying
        unverified globex
        unverified hooli
        shared_database critical open acme alias
    ";
    for then in [Then::Refused, Then::Silence] {
        let gate = Gate::once(cluster.port().unwrap(), then).await;
        let dying = tenant("dying", &through(&dying, gate.port, "dying"), "");
        Program::new(&format!("{rows}{dying}")).check("a member that is gone", expected).await;
    }
}

/// A visit of ten round trips takes longer than a lock is held where visits are quick.
#[tokio::test]
async fn databases_of_a_distant_server_are_proven_in_batches_too() {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "distant").await;
    let gate = Gate::distant(cluster.port().unwrap(), Duration::from_millis(100)).await;
    let mut rows = "policy.isolation = \"database\"\nprobe.per_server = 3\n".to_owned();
    let mut expected = "breached acme\nbreached alias\n".to_owned();
    let acme = own_database(&cluster, "acme").await;
    rows += &tenant("acme", &through(&acme, gate.port, "acme"), "");
    let alias = guest(&cluster, "alias", "acme").await;
    rows += &tenant("alias", &through(&alias, gate.port, "acme"), "");
    for id in ["t1", "t2", "t3", "t4", "t5", "t6", "t7"] {
        let url = own_database(&cluster, id).await;
        rows += &tenant(id, &through(&url, gate.port, id), "");
        expected += &format!("isolated {id}\n");
    }
    expected += "shared_database critical open acme alias";
    Program::new(&rows).check("a distant server", &expected).await;
}
