//! A platform with two customers, whose next ones come from a Supabase of the test's own.
//!
//! Times: a project may take nine seconds where it may take a quarter of an hour in life, and everything else is shorter
//! by the same factor, on both sides.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Arc, LazyLock, Mutex};

use tokio::process::Child;
use watertight::secret::Secret;

use crate::fake_supabase::stock::Stock;
use crate::fake_supabase::{FakeSupabase, ORGANIZATION, REGION, TOKEN};
use crate::program::{Program, tenant};
use crate::running::{Running, command};
use crate::site::{script, start, tokens};
use crate::witness;

/// 9 s of 15 min.
pub(crate) const FACTOR: f64 = 0.01;

/// Clusters that are ready before somebody wants them.
const AHEAD: usize = 2;

const CUSTOMERS: [&str; 2] = ["old-one", "old-two"];

fn stock() -> Arc<Stock> {
    static STOCK: LazyLock<Arc<Stock>> = LazyLock::new(|| Stock::start(AHEAD));
    Arc::clone(&STOCK)
}

pub(crate) struct Stage {
    pub(crate) fake: FakeSupabase,
    pub(crate) program: Program,
    pub(crate) customers: Vec<Customer>,
    /// Projects to which a row of somebody else leads.
    pub(crate) intruded: Mutex<BTreeSet<String>>,
    /// What anybody was told or could read: logs and answers.
    pub(crate) said: Mutex<Vec<String>>,
}

/// A tenant that was there before.
pub(crate) struct Customer {
    pub(crate) id: &'static str,
    pub(crate) reference: String,
    pub(crate) url: Secret,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let fake = FakeSupabase::start(&stock(), FACTOR);
        let program = Program::new("");
        let mut customers = Vec::new();
        for id in CUSTOMERS {
            let password = format!("the-password-of-{id}");
            let reference = fake.add_project(&format!("by hand: {id}"), &password).await;
            let port = fake.cluster(&reference).unwrap().port().unwrap();
            let url =
                format!("postgresql://postgres.{reference}:{password}@127.0.0.1:{port}/postgres");
            let url = Secret::new(url);
            witness::settle_in(&url, id).await;
            customers.push(Customer { id, reference, url });
        }
        std::fs::create_dir(program.path("how")).unwrap();
        let (intruded, said) = (Mutex::default(), Mutex::default());
        let stage = Self { fake, program, customers, intruded, said };
        stage.configure_with("", "");
        stage
    }

    /// A source of tenants that has none, and takes its time to say so: longer than a daemon lives that is killed.
    pub(crate) fn slow_source(&self) -> String {
        let url = self.customers[0].url.expose();
        let query = "select 'x' as id, '' as database_url from pg_sleep(0.5) where false is null";
        format!("[[sources]]\nkind = \"postgres\"\nurl = {url:?}\nquery = {query:?}\n")
    }

    /// A row of that name, of somebody with a database far away.
    pub(crate) fn taken(&self, subdomain: &str) -> String {
        let url = self.customers[1].url.expose();
        tenant(
            "somebody",
            &url.replace("/postgres", "/elsewhere"),
            &format!("subdomain = {subdomain:?}"),
        )
    }

    /// A row that leads to the newest project.
    pub(crate) fn intruder(&self) -> String {
        let (reference, password) = {
            let world = self.fake.world();
            let new = world.living().find(|it| it.name.starts_with("wt-")).unwrap();
            (new.reference.clone(), new.password.clone())
        };
        let port = self.fake.cluster(&reference).unwrap().port().unwrap();
        let url = format!("postgresql://postgres.{reference}:{password}@127.0.0.1:{port}/postgres");
        self.intruded.lock().unwrap().insert(reference);
        tenant("intruder", &url, "")
    }

    /// With these lines too.
    pub(crate) fn configure_with(&self, sources: &str, more: &str) {
        let program = &self.program;
        let key = program.write("stamp.key", &"k".repeat(44));
        let how = program.path("how").display().to_string();
        let setup = script(program, &SETUP.replace("{how}", &how));
        let rows: String =
            self.customers.iter().map(|it| tenant(it.id, it.url.expose(), "")).collect();
        program.configure(&format!(
            "schedule.scan = \"0 0 0 1 1 *\"\nsecrets.stamp_key = \"file:{key}\"\n\
             [provision]\nprovider = \"supabase\"\nready_timeout = \"9s\"\nstamp = true\n\
             setup_command = [{setup:?}]\nsetup_timeout = \"2s\"\n\
             [provision.supabase]\napi_url = {:?}\ntoken = {TOKEN:?}\n\
             organization = {ORGANIZATION:?}\nregion = {REGION:?}\ntrusted_hosts = [\"127.0.0.1\"]\n\
             {sources}{rows}{more}{}",
            self.fake.base(),
            tokens()
        ));
    }

    /// What the setup of a tenant does: `fails`, `hangs`, `tells`, or all is well.
    pub(crate) fn set_up(&self, subdomain: &str, how: &str) {
        self.program.write(&format!("how/{subdomain}"), how);
    }

    pub(crate) async fn start(&self) -> Running {
        start(&self.program).await
    }

    /// A daemon that may be killed before anybody can ask it anything.
    pub(crate) fn launch(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.program.path("log"));
        command(&self.program, &[]).stderr(log.unwrap()).spawn().unwrap()
    }

    /// What those have logged.
    pub(crate) fn launched(&self) -> Option<String> {
        std::fs::read_to_string(self.program.path("log")).ok()
    }

    /// Kept for the judge.
    pub(crate) fn hear(&self, said: impl IntoIterator<Item = String>) {
        self.said.lock().unwrap().extend(said);
    }
}

pub(crate) async fn operations(daemon: &Running) -> serde_json::Value {
    daemon.get("/api/v1/operations").await.json()
}

/// It can run twice, and leaves a trace of whose it was.
const SETUP: &str = "\
case \"$(cat {how}/$TENANT_SUBDOMAIN 2>/dev/null)\" in
  fails) echo \"$DATABASE_URL\"; exit 7 ;;
  hangs) sleep 20 ;;
  tells) echo \"leaking $DATABASE_URL\" ;;
esac
exec psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -v subdomain=\"$TENANT_SUBDOMAIN\" -q <<'SQL'
create table if not exists home (subdomain text primary key);
insert into home values (:'subdomain') on conflict do nothing;
SQL
";
