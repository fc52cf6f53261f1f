//! Two tenants in one database, with everything that an application may have there.

use std::fmt::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use watertight::local::cluster::{Cluster, identifier, random_password};
use watertight::local::ground::Ground;
use watertight::secret::Secret;

use crate::program::{Program, server, url};
use crate::running::{Answer, LIMIT, Running};
use crate::site;

pub(crate) const SHARED: &str = "platform";

/// A row has about so many bytes.
const ROW: usize = 512;

pub(crate) struct Pair {
    pub(crate) cluster: Cluster,
    pub(crate) program: Program,
    /// Of `globex`, in the database that both have.
    pub(crate) old: Secret,
    _ground: Ground,
}

/// Who owns what of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roles {
    Apart,
    One,
}

impl Pair {
    pub(crate) async fn new(roles: Roles) -> Self {
        let program = site::program("");
        let ground = Ground::create().unwrap();
        let cluster = server(&ground, "platform").await;
        cluster.execute("postgres", &[&format!("create database {SHARED}")]).await.unwrap();
        let open =
            "create schema if not exists public; grant usage, create on schema public to public";
        cluster.execute(SHARED, &[open]).await.unwrap();
        let mut old = None;
        let mut both = None;
        for tenant in ["acme", "globex"] {
            let role = if roles == Roles::One { "platform" } else { tenant };
            let url = match &both {
                Some(url) if roles == Roles::One => Secret::clone(url),
                _ => login(&cluster, role).await,
            };
            both = Some(url.clone());
            fill(&cluster, &url, tenant, role).await;
            let added = program.run(&["tenants", "add", tenant, url.expose()]).await;
            assert_eq!(added.code, Some(0), "{added:?}");
            old = Some(url);
        }
        Self { cluster, program, old: old.unwrap(), _ground: ground }
    }

    /// Everything that the tenant has in the old database, in one text.
    pub(crate) async fn in_old(&self, tenant: &str) -> Option<String> {
        self.cluster.ask(SHARED, &everything(tenant)).await.unwrap()
    }

    /// The same of the database that the registry leads to.
    pub(crate) async fn in_new(&self) -> Option<String> {
        let url = answers(&self.program).await;
        assert_ne!(url, self.old);
        site::ask_database(&url, &everything("globex")).await
    }
}

/// The servers of a daemon that has just started come up by and by; the URL of the tenant's new one.
pub(crate) async fn answers(program: &Program) -> Secret {
    let url = site::url_of(program, "globex").unwrap();
    let late = Instant::now() + LIMIT;
    while tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.is_err() {
        assert!(Instant::now() < late, "the new database does not answer");
        sleep(Duration::from_millis(50)).await;
    }
    url
}

pub(crate) async fn ask(running: &Running, body: &serde_json::Value) -> Answer {
    running.post("/api/v1/tenants/globex/rehome", body).await
}

async fn login(cluster: &Cluster, role: &str) -> Secret {
    let password = random_password();
    cluster.create_role(role, &password, "").await.unwrap();
    let grant = format!("grant connect, temporary on database {SHARED} to {}", identifier(role));
    cluster.execute("postgres", &[&grant]).await.unwrap();
    Secret::new(url(cluster, role, password.expose(), SHARED))
}

async fn fill(cluster: &Cluster, url: &Secret, tenant: &str, role: &str) {
    let schema = format!("create schema {tenant} authorization {}", identifier(role));
    cluster.execute(SHARED, &[&schema]).await.unwrap();
    let megabytes = std::env::var("WATERTIGHT_REHOME_MEGABYTES");
    let megabytes: usize = megabytes.ok().and_then(|it| it.parse().ok()).unwrap_or(2);
    let rows = megabytes * 1024 * 1024 / ROW;
    let mut sql = TABLES.replace("TENANT", tenant).replace("ROWS", &rows.to_string());
    write!(sql, "grant select on {tenant}.orders to public;").unwrap();
    let (client, connection) =
        tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.unwrap();
    let filling = async move {
        client.batch_execute(&sql).await.unwrap();
    };
    let ((), driven) = tokio::join!(filling, connection);
    driven.unwrap();
}

const TABLES: &str = r#"
create type TENANT.mood as enum ('calm', 'loud');
create domain TENANT.price as numeric check (0 <= value);
create table TENANT.customers (id bigint generated always as identity primary key, name text not null unique);
create table TENANT.orders (
    id bigserial primary key, customer bigint not null references TENANT.customers, mood TENANT.mood not null,
    price TENANT.price not null, made timestamptz not null default '2026-01-01', took interval, tags jsonb, picture bytea,
    ratio double precision, "odd ""name" text);
comment on table TENANT.orders is 'what was asked for';
create index orders_by_mood on TENANT.orders (mood, made desc);
create table TENANT.events (at date not null, what text) partition by range (at);
create table TENANT.events_2026 partition of TENANT.events for values from ('2026-01-01') to ('2027-01-01');
create table public.TENANT_notes (id int primary key, note text);
create table TENANT.files (id int primary key, file oid not null);
insert into TENANT.customers (name) select 'TENANT ' || n from generate_series(1, 100) n;
insert into TENANT.orders (customer, mood, price, took, tags, picture, ratio, "odd ""name")
    select 1 + n % 100, case n % 2 when 0 then 'calm' else 'loud' end::TENANT.mood, n / 7.0, make_interval(secs => n),
        jsonb_build_object('n', n), decode(repeat(md5(n::text), 12), 'hex'), 1.0 / n, case n % 3 when 0 then null else E'a\tb\\' end
    from generate_series(1, ROWS) n;
insert into TENANT.events select '2026-01-01'::date + n % 300, 'e' || n from generate_series(1, 500) n;
insert into public.TENANT_notes select n, 'TENANT' from generate_series(1, 50) n;
insert into TENANT.files select n, lo_from_bytea(0, decode(repeat(md5('TENANT' || n), n * 5000), 'hex')) from generate_series(1, 8) n;
create view TENANT.loud as select * from TENANT.orders where mood = 'loud';
create materialized view TENANT.totals as select customer, sum(price) as total from TENANT.orders group by 1;
create sequence TENANT.tickets increment by 5;
select setval('TENANT.tickets', 4711);
create function TENANT.touch() returns trigger language plpgsql as $$ begin new.made := new.made; return new; end $$;
create trigger touch before update on TENANT.orders for each row execute function TENANT.touch();
"#;

/// Computed in another way than the program does it.
fn everything(tenant: &str) -> String {
    let table = |name: &str| {
        format!(
            "(select count(*) || ':' || md5(coalesce(string_agg(md5(t::text), '' order by md5(t::text)), '')) from {name} t)"
        )
    };
    let mut parts: Vec<String> = ["customers", "orders", "events", "loud", "totals", "files"]
        .map(|it| table(&format!("{tenant}.{it}")))
        .into();
    parts.push(table(&format!("public.{tenant}_notes")));
    parts.push(format!("(select last_value || ' ' || is_called from {tenant}.tickets)"));
    parts.push(format!("(select last_value || ' ' || is_called from {tenant}.orders_id_seq)"));
    parts.push(format!(
        "(select string_agg(md5(lo_get(file)), ' ' order by id) from {tenant}.files)"
    ));
    parts.push(format!("obj_description('{tenant}.orders'::regclass)"));
    parts.push(format!(
        "(select string_agg(conname || ' ' || pg_get_constraintdef(oid), ';' order by conname) from pg_constraint \
         where connamespace = '{tenant}'::regnamespace and contype in ('p', 'f', 'u', 'c'))"
    ));
    parts.push(format!(
        "(select string_agg(indexdef, ';' order by indexdef) from pg_indexes where schemaname = '{tenant}')"
    ));
    parts.push(format!(
        "(select string_agg(tgname || proname, ';') from pg_trigger join pg_proc p on p.oid = tgfoid where tgrelid = '{tenant}.orders'::regclass and not tgisinternal)"
    ));
    parts.push(format!("has_table_privilege('pg_monitor', '{tenant}.orders', 'select')::text"));
    format!("select {}", parts.join(" || E'\\n' || "))
}
