//! Each provider with the world that it works in, and a way to look at that world past the provider.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tempfile::TempDir;
use watertight::dsn::Dsn;
use watertight::local::cluster::{Cluster, random_password};
use watertight::local::ground::Ground;
use watertight::metrics::Metrics;
use watertight::provider::Provider;
use watertight::provider::local::{Local, LocalOptions};
use watertight::provider::postgres::{Postgres, PostgresOptions};
use watertight::provider::supabase::Supabase;
use watertight::secret::Secret;

use crate::contract::login;
use crate::fake_supabase::stock::Stock;
use crate::fake_supabase::{self, FakeSupabase};
use crate::program::{server, url};

/// A provider, and what is not its own.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) provider: Arc<dyn Provider>,
    /// What its projects keep apart, in the policy's word.
    pub(crate) isolation: &'static str,
    pub(crate) world: Arc<dyn World>,
}

/// Where a provider's projects really are.
pub(crate) trait World: Debug + Send + Sync {
    /// A further provider, in the place of one that is gone.
    fn reopen(&self) -> BoxFuture<'_, Arc<dyn Provider>>;

    /// All that is there and would not be if nothing had ever been made, or that may still make something.
    fn leftovers(&self) -> BoxFuture<'_, Vec<String>>;

    /// Enough for another process to come to the same world.
    fn whereabouts(&self) -> String;

    fn role(&self) -> Role {
        Role::Database
    }

    /// What the monitor says of two of its projects, `acme` and `globex`, beside that they are apart.
    fn kinship(&self) -> &'static str {
        ""
    }
}

/// Where the application's role has a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Database,
    /// In the whole cluster, which is its own, and no superuser there.
    Cluster,
}

impl Stand {
    async fn of(isolation: &'static str, world: Arc<dyn World>) -> Self {
        Self { provider: world.reopen().await, isolation, world }
    }
}

/// The world that another process has told of.
pub(crate) fn visited(whereabouts: &str) -> Arc<dyn World> {
    match whereabouts.split_once(' ') {
        Some(("local", path)) => Arc::new(Directory { path: path.into(), _held: None }),
        Some(("postgres", url)) => Arc::new(Server { admin: Secret::new(url), _held: None }),
        Some(("supabase", base)) => Arc::new(Cloud { base: base.to_owned(), held: None }),
        _ => panic!("no world of ours: {whereabouts}"),
    }
}

pub(crate) async fn local() -> Stand {
    let held = tempfile::tempdir().unwrap();
    let path = held.path().join("clusters of ours");
    // The servers may run as another account, which must come through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(held.path(), open).unwrap();
    Stand::of("cluster", Arc::new(Directory { path, _held: Some(held) })).await
}

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    _held: Option<TempDir>,
}

impl World for Directory {
    fn reopen(&self) -> BoxFuture<'_, Arc<dyn Provider>> {
        Box::pin(async {
            let options = LocalOptions { directory: self.path.clone() };
            Arc::new(Local::open(&options).await.unwrap()) as Arc<dyn Provider>
        })
    }

    fn leftovers(&self) -> BoxFuture<'_, Vec<String>> {
        let names = std::fs::read_dir(&self.path).unwrap();
        let names = names.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
        let left = names.filter(|it| it != "watertight.lock").collect();
        Box::pin(async { left })
    }

    fn whereabouts(&self) -> String {
        format!("local {}", self.path.display())
    }
}

/// By an administrator that may make databases and roles, and nothing else.
pub(crate) async fn postgres() -> Stand {
    let ground = Ground::create().unwrap();
    let cluster = server(&ground, "server").await;
    let admin = administrator(&cluster, "createdb createrole").await;
    Stand::of("database", Arc::new(Server { admin, _held: Some(cluster) })).await
}

/// Of the server's, with these powers.
pub(crate) async fn administrator(cluster: &Cluster, powers: &str) -> Secret {
    let password = random_password();
    cluster.create_role("admin", &password, powers).await.unwrap();
    Secret::new(url(cluster, "admin", password.expose(), "postgres"))
}

pub(crate) fn on(admin: &Secret) -> Arc<dyn Provider> {
    let admin = Dsn::parse(admin.expose()).unwrap();
    Arc::new(Postgres::new(PostgresOptions { admin, ca_file: None }).unwrap())
}

#[derive(Debug)]
struct Server {
    admin: Secret,
    _held: Option<Cluster>,
}

impl World for Server {
    fn reopen(&self) -> BoxFuture<'_, Arc<dyn Provider>> {
        Box::pin(async { on(&self.admin) })
    }

    fn leftovers(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(async { left(&self.admin).await })
    }

    fn whereabouts(&self) -> String {
        format!("postgres {}", self.admin.expose())
    }
}

/// Supabase's minute is 60 ms.
const SCALE: f64 = 0.001;

pub(crate) async fn supabase() -> Stand {
    static STOCK: LazyLock<Arc<Stock>> = LazyLock::new(|| Stock::start(2));
    let fake = FakeSupabase::start(&STOCK, SCALE);
    let base = fake.base().to_owned();
    Stand::of("cluster", Arc::new(Cloud { base, held: Some(fake) })).await
}

struct Cloud {
    base: String,
    held: Option<FakeSupabase>,
}

impl Debug for Cloud {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.base)
    }
}

impl World for Cloud {
    fn reopen(&self) -> BoxFuture<'_, Arc<dyn Provider>> {
        Box::pin(async {
            let mut options = fake_supabase::options(&self.base, SCALE);
            // The suite looks again and again, and takes no "later" for an answer.
            options.pace.patience = Duration::from_secs(30);
            options.pace.per_minute = 60;
            options.pace.burst = 20;
            let metrics = Arc::new(Metrics::default());
            Arc::new(Supabase::new(options, metrics).unwrap()) as Arc<dyn Provider>
        })
    }

    fn leftovers(&self) -> BoxFuture<'_, Vec<String>> {
        let fake = self.held.as_ref().expect("the one that holds the world looks at it");
        let left = fake.world().present().map(|it| it.name.clone()).collect();
        Box::pin(async { left })
    }

    fn whereabouts(&self) -> String {
        format!("supabase {}", self.base)
    }

    fn role(&self) -> Role {
        Role::Cluster
    }

    /// They are born of one image.
    fn kinship(&self) -> &'static str {
        "cloned_lineage low open acme globex"
    }
}

/// Roles, databases and sessions that are not the server's or the administrator's own.
pub(crate) async fn left(admin: &Secret) -> Vec<String> {
    let question = "
        select 'role ' || rolname from pg_roles
        where rolname !~ '^pg_' and rolname not in ('postgres', current_user)
        union all select 'database ' || datname from pg_database
        where datname not in ('postgres', 'template0', 'template1')
        union all select 'session ' || pid from pg_stat_activity
        where usename = current_user and pid <> pg_backend_pid()";
    let client = login(admin).await.unwrap();
    let rows = client.query(question, &[]).await.unwrap();
    rows.iter().map(|it| it.get(0)).collect()
}
